//! How many streams are open: in all, of each tenant, and of each caller, so that one of them cannot take every place. A caller
//! is a principal; where nothing is known of callers, it is a peer.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use sendstores_core::{Principal, TenantId, access::PrincipalKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    peers::{Peer, PeerPlace, Peers},
    status::{Refusal, Scope},
};

/// How many streams may be open at once.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    pub all: usize,
    /// Of one peer, whose callers are not known; `None`: as many as in all.
    pub per_peer: Option<NonZeroUsize>,
    /// Of one principal, from wherever it calls; `None`: as many as in all.
    pub per_principal: Option<NonZeroUsize>,
}

/// The streams that are open.
pub(super) struct Streams {
    limits: StreamLimits,
    places: Arc<Semaphore>,
    peers: Peers,
    counts: Arc<Mutex<HashMap<Owner, usize>>>,
}

/// Whose streams are counted, beside those of peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Tenant(TenantId),
    Principal(String),
}

/// The right to have one stream open, given back when dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_peer: Option<PeerPlace>,
    _of_owners: Vec<OwnersPlace>,
}

/// One place of a tenant or a principal, given back when dropped.
struct OwnersPlace {
    owner: Owner,
    counts: Arc<Mutex<HashMap<Owner, usize>>>,
}

// === impl Streams ===

impl Streams {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self {
            limits,
            places: Arc::new(Semaphore::new(limits.all)),
            peers: Peers::new(limits.per_peer),
            counts: Arc::default(),
        }
    }

    /// A place for a stream of `caller`, which has these tenants with their limits. Many callers may come by one peer, which is a
    /// proxy then: only where a caller is anonymous, it counts as its peer. One inside this process has no peer and counts only
    /// against the limit of the server.
    pub(super) fn admit(
        &self,
        peer: Option<Peer>,
        caller: &Principal,
        tenants: Vec<(TenantId, usize)>,
    ) -> Result<Place, Refusal> {
        let is_known = caller.kind != PrincipalKind::Anonymous;
        let of_tenants = tenants.into_iter().map(|(tenant, most)| (Owner::Tenant(tenant), most, Scope::Tenant));
        let of_caller = self.limits.per_principal.filter(|_| is_known);
        let of_caller = of_caller.map(|most| (Owner::Principal(caller.to_string()), most.get(), Scope::Principal));
        let owners = of_tenants.chain(of_caller);
        let of_owners =
            owners.map(|(owner, most, scope)| self.place_of(owner, most, scope)).collect::<Result<_, _>>()?;
        let most = self.peers.most();
        let refused = Refusal::TooManyStreams { most, scope: Scope::Peer };
        let of_peer = peer.filter(|_| !is_known).map(|peer| self.peers.admit(peer).ok_or(refused)).transpose()?;
        let most = self.limits.all;
        let of_all = self.places.clone().try_acquire_owned();
        let of_all = of_all.map_err(|_| Refusal::TooManyStreams { most, scope: Scope::Server })?;
        Ok(Place { _of_all: of_all, _of_peer: of_peer, _of_owners: of_owners })
    }

    fn place_of(&self, owner: Owner, most: usize, scope: Scope) -> Result<OwnersPlace, Refusal> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let open = counts.get(&owner).copied().unwrap_or(0);
        if open >= most {
            return Err(Refusal::TooManyStreams { most, scope });
        }
        counts.insert(owner.clone(), open + 1);
        Ok(OwnersPlace { owner, counts: self.counts.clone() })
    }
}

impl Drop for OwnersPlace {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&self.owner) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.owner);
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
        Streams::new(StreamLimits { all, per_peer: NonZeroUsize::new(per_peer), per_principal: None })
    }

    fn anonymous() -> Principal {
        Principal::anonymous()
    }

    fn named(name: &str) -> Principal {
        Principal { kind: PrincipalKind::Token, name: name.parse().expect("a name"), ..anonymous() }
    }

    #[test]
    fn places_come_back_and_nothing_is_kept_of_who_has_left() {
        let streams = streams(3, 2);
        let refused = |peer| streams.admit(peer, &anonymous(), Vec::new()).err();
        let of_a = [(); 2].map(|()| streams.admit(peer("192.0.2.1:1"), &anonymous(), Vec::new()).expect("a place"));
        assert_eq!(refused(peer("192.0.2.1:2")), Some(Refusal::TooManyStreams { most: 2, scope: Scope::Peer }));
        let of_b = streams.admit(peer("192.0.2.2:1"), &anonymous(), Vec::new()).expect("others are not affected");
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
            streams.admit(peer("192.0.2.1:1"), &anonymous(), tenants)
        };
        let held = [of(&[("acme", 2)]).expect("a place"), of(&[("acme", 2), ("bolt", 5)]).expect("a place")];
        let full = Some(Refusal::TooManyStreams { most: 2, scope: Scope::Tenant });
        // The place of bolt that was taken first is given back.
        assert_eq!((of(&[("acme", 2)]).err(), of(&[("bolt", 5), ("acme", 2)]).err()), (full.clone(), full));
        let bolt = of(&[("bolt", 2)]).expect("others are not affected");
        drop((held, bolt));
        assert!(streams.counts.lock().expect("a lock").is_empty() && streams.peers.is_empty());
        assert!(of(&[("acme", 0)]).is_err());
    }

    #[test]
    fn a_principal_has_its_places_wherever_it_calls_from_and_a_proxy_is_no_caller() {
        let limits = StreamLimits { all: 9, per_peer: NonZeroUsize::new(1), per_principal: NonZeroUsize::new(2) };
        let streams = Streams::new(limits);
        let of = |name: &str, address: &str| streams.admit(peer(address), &named(name), Vec::new());
        let held = [of("ci", "192.0.2.1:1").expect("a place"), of("ci", "192.0.2.2:1").expect("a place")];
        let full = Some(Refusal::TooManyStreams { most: 2, scope: Scope::Principal });
        assert_eq!(of("ci", "192.0.2.3:1").err(), full);
        let other = of("shop", "192.0.2.1:2").expect("it comes by the same peer");
        assert!(streams.admit(peer("192.0.2.1:3"), &anonymous(), Vec::new()).is_ok(), "it has the places of the peer");
        drop((held, other));
        assert!(streams.counts.lock().expect("a lock").is_empty() && streams.peers.is_empty());
    }

    #[test]
    fn without_a_bound_one_peer_may_have_all() {
        let streams = streams(5, 0);
        let all = [(); 5].map(|()| streams.admit(peer("192.0.2.1:1"), &anonymous(), Vec::new()).expect("a place"));
        assert_eq!(
            streams.admit(peer("192.0.2.1:1"), &anonymous(), Vec::new()).err(),
            Some(Refusal::TooManyStreams { most: 5, scope: Scope::Server })
        );
        drop(all);
    }
}
