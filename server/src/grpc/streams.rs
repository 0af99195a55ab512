//! How many streams are open: in all, and for each peer, so that one of them cannot take every place.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use sendstores_core::TenantId;
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
    tenants: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// The right to have one stream open, given back when dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_peer: Option<PeerPlace>,
    _of_tenants: Vec<TenantPlace>,
}

/// One place of a tenant, given back when dropped.
struct TenantPlace {
    tenant: TenantId,
    counts: Arc<Mutex<HashMap<TenantId, usize>>>,
}

// === impl Streams ===

impl Streams {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self {
            limits,
            places: Arc::new(Semaphore::new(limits.all)),
            peers: Peers::new(limits.per_peer),
            tenants: Arc::default(),
        }
    }

    /// A place for a stream of `peer`, whose caller has these tenants with their limits. Callers inside this process have no
    /// peer and count only against the limit of the server.
    pub(super) fn admit(&self, peer: Option<Peer>, tenants: Vec<(TenantId, usize)>) -> Result<Place, Refusal> {
        let of_tenants =
            tenants.into_iter().map(|(tenant, most)| self.place_of(tenant, most)).collect::<Result<_, _>>()?;
        let most = self.peers.most();
        let refused = Refusal::TooManyStreams { most, scope: Scope::Peer };
        let of_peer = peer.map(|peer| self.peers.admit(peer).ok_or(refused)).transpose()?;
        let most = self.limits.all;
        let of_all = self.places.clone().try_acquire_owned();
        let of_all = of_all.map_err(|_| Refusal::TooManyStreams { most, scope: Scope::Server })?;
        Ok(Place { _of_all: of_all, _of_peer: of_peer, _of_tenants: of_tenants })
    }

    fn place_of(&self, tenant: TenantId, most: usize) -> Result<TenantPlace, Refusal> {
        let mut counts = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let open = counts.get(&tenant).copied().unwrap_or(0);
        if open >= most {
            return Err(Refusal::TooManyStreams { most, scope: Scope::Tenant });
        }
        counts.insert(tenant.clone(), open + 1);
        Ok(TenantPlace { tenant, counts: self.tenants.clone() })
    }
}

impl Drop for TenantPlace {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&self.tenant) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.tenant);
        }
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
        let refused = |peer| streams.admit(peer, Vec::new()).err();
        let of_a = [(); 2].map(|()| streams.admit(peer("192.0.2.1:1"), Vec::new()).expect("a place"));
        assert_eq!(refused(peer("192.0.2.1:2")), Some(Refusal::TooManyStreams { most: 2, scope: Scope::Peer }));
        let of_b = streams.admit(peer("192.0.2.2:1"), Vec::new()).expect("others are not affected");
        let full = Some(Refusal::TooManyStreams { most: 3, scope: Scope::Server });
        assert_eq!((refused(peer("192.0.2.2:1")), refused(None)), (full.clone(), full));
        drop((of_a, of_b));
        assert!(streams.peers.is_empty());
        assert_eq!(streams.places.available_permits(), 3);
    }

    #[test]
    fn a_tenant_has_its_places_whichever_peer_comes_and_a_refusal_takes_none() {
        let streams = streams(9, 0);
        let of = |tenants: &[(&str, usize)]| {
            let tenants = tenants.iter().map(|(id, most)| (id.parse().expect("a tenant"), *most)).collect();
            streams.admit(peer("192.0.2.1:1"), tenants)
        };
        let held = [of(&[("acme", 2)]).expect("a place"), of(&[("acme", 2), ("bolt", 5)]).expect("a place")];
        let full = Some(Refusal::TooManyStreams { most: 2, scope: Scope::Tenant });
        // The place of bolt that was taken first is given back.
        assert_eq!((of(&[("acme", 2)]).err(), of(&[("bolt", 5), ("acme", 2)]).err()), (full.clone(), full));
        let bolt = of(&[("bolt", 2)]).expect("others are not affected");
        drop((held, bolt));
        assert!(streams.tenants.lock().expect("a lock").is_empty() && streams.peers.is_empty());
        assert!(of(&[("acme", 0)]).is_err());
    }

    #[test]
    fn without_a_bound_one_peer_may_have_all() {
        let streams = streams(5, 0);
        let all = [(); 5].map(|()| streams.admit(peer("192.0.2.1:1"), Vec::new()).expect("a place"));
        assert_eq!(
            streams.admit(peer("192.0.2.1:1"), Vec::new()).err(),
            Some(Refusal::TooManyStreams { most: 5, scope: Scope::Server })
        );
        drop(all);
    }
}
