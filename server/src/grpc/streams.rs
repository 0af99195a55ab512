//! How many streams are open: in all, and for each peer, so that one of them cannot take every place.

use std::{num::NonZeroUsize, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    peers::{Peer, PeerPlace, Peers},
    status::{Refusal, Scope},
};

/// How many streams may be open at once.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    pub all: usize,
    /// Of one peer; `None`: as many as in all.
    pub per_peer: Option<NonZeroUsize>,
}

/// The streams that are open.
pub(super) struct Streams {
    limits: StreamLimits,
    places: Arc<Semaphore>,
    peers: Peers,
}

/// The right to have one stream open, given back when dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_peer: Option<PeerPlace>,
}

// === impl Streams ===

impl Streams {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self { limits, places: Arc::new(Semaphore::new(limits.all)), peers: Peers::new(limits.per_peer) }
    }

    /// A place for a stream of `peer`. Callers inside this process have no peer and count only against the limit of the
    /// server.
    pub(super) fn admit(&self, peer: Option<Peer>) -> Result<Place, Refusal> {
        let most = self.peers.most();
        let refused = Refusal::TooManyStreams { most, scope: Scope::Peer };
        let of_peer = peer.map(|peer| self.peers.admit(peer).ok_or(refused)).transpose()?;
        let most = self.limits.all;
        let of_all = self.places.clone().try_acquire_owned();
        let of_all = of_all.map_err(|_| Refusal::TooManyStreams { most, scope: Scope::Server })?;
        Ok(Place { _of_all: of_all, _of_peer: of_peer })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(address: &str) -> Option<Peer> {
        Some(address.parse::<SocketAddr>().expect("an address").into())
    }

    fn streams(all: usize, per_peer: usize) -> Streams {
        Streams::new(StreamLimits { all, per_peer: NonZeroUsize::new(per_peer) })
    }

    #[test]
    fn places_come_back_and_nothing_is_kept_of_who_has_left() {
        let streams = streams(3, 2);
        let refused = |peer| streams.admit(peer).err();
        let of_a = [(); 2].map(|()| streams.admit(peer("192.0.2.1:1")).expect("a place"));
        assert_eq!(refused(peer("192.0.2.1:2")), Some(Refusal::TooManyStreams { most: 2, scope: Scope::Peer }));
        let of_b = streams.admit(peer("192.0.2.2:1")).expect("others are not affected");
        let full = Some(Refusal::TooManyStreams { most: 3, scope: Scope::Server });
        assert_eq!((refused(peer("192.0.2.2:1")), refused(None)), (full.clone(), full));
        drop((of_a, of_b));
        assert!(streams.peers.is_empty());
        assert_eq!(streams.places.available_permits(), 3);
    }

    #[test]
    fn without_a_bound_one_peer_may_have_all() {
        let streams = streams(5, 0);
        let all = [(); 5].map(|()| streams.admit(peer("192.0.2.1:1")).expect("a place"));
        assert_eq!(
            streams.admit(peer("192.0.2.1:1")).err(),
            Some(Refusal::TooManyStreams { most: 5, scope: Scope::Server })
        );
        drop(all);
    }
}
