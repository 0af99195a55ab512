//! How many streams are open: in all, and for each peer, so that one of them cannot take every place.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::status::{Refusal, Scope};

/// How many streams may be open at once.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    pub all: usize,
    /// Of one peer; `None`: as many as in all.
    pub per_peer: Option<NonZeroUsize>,
}

/// Who is counted as one caller: an address, because connections cost nothing; of IPv6 the network of 64 bits, because
/// one host has as many addresses in it as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

/// The streams that are open.
pub(super) struct Streams {
    limits: StreamLimits,
    places: Arc<Semaphore>,
    peers: Peers,
}

/// Open streams by peer; who has none is not in it, so that it is never larger than the number of streams.
type Peers = Arc<Mutex<HashMap<Peer, usize>>>;

/// The right to have one stream open, given back when dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_peer: Option<PeerPlace>,
}

struct PeerPlace {
    peer: Peer,
    peers: Peers,
}

// === impl Streams ===

impl Streams {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self { limits, places: Arc::new(Semaphore::new(limits.all)), peers: Peers::default() }
    }

    /// A place for a stream of `peer`. Who calls from inside this process has none and is counted in all only.
    pub(super) fn admit(&self, peer: Option<Peer>) -> Result<Place, Refusal> {
        let of_peer = peer.map(|peer| self.admit_peer(peer)).transpose()?;
        let most = self.limits.all;
        let of_all = self.places.clone().try_acquire_owned();
        let of_all = of_all.map_err(|_| Refusal::TooManyStreams { most, scope: Scope::Server })?;
        Ok(Place { _of_all: of_all, _of_peer: of_peer })
    }

    fn admit_peer(&self, peer: Peer) -> Result<PeerPlace, Refusal> {
        let most = self.limits.per_peer.map_or(usize::MAX, NonZeroUsize::get);
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let open = peers.entry(peer).or_default();
        if *open >= most {
            return Err(Refusal::TooManyStreams { most, scope: Scope::Peer });
        }
        *open += 1;
        Ok(PeerPlace { peer, peers: self.peers.clone() })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = peers.get_mut(&self.peer) else { return };
        *open -= 1;
        if *open == 0 {
            peers.remove(&self.peer);
        }
    }
}

// === impl Peer ===

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self(ip.into()),
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Option<Peer> {
        Some(address.parse::<SocketAddr>().expect("an address").into())
    }

    fn streams(all: usize, per_peer: usize) -> Streams {
        Streams::new(StreamLimits { all, per_peer: NonZeroUsize::new(per_peer) })
    }

    #[test]
    fn a_peer_is_an_address_whatever_its_port_and_spelling() {
        assert_eq!(peer("192.0.2.1:1"), peer("192.0.2.1:2"));
        assert_eq!(peer("192.0.2.1:1"), peer("[::ffff:192.0.2.1]:1"));
        assert_ne!(peer("192.0.2.1:1"), peer("192.0.2.2:1"));
        assert_eq!(peer("[2001:db8::1]:1"), peer("[2001:db8::ffff:1]:1"));
        assert_ne!(peer("[2001:db8::1]:1"), peer("[2001:db8:0:1::1]:1"));
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
        assert!(streams.peers.lock().expect("whole").is_empty());
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
