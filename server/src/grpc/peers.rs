//! How many of something each peer has, so that one of them cannot take the places of all others.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

/// What counts as one caller: an address, because connections cost nothing; of IPv6 the network of 64 bits, because
/// one host has as many addresses in it as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

/// Counts by peer; a peer with nothing is not in it, so that it is never larger than what is counted.
pub(super) struct Peers {
    most: usize,
    counts: Arc<Mutex<HashMap<Peer, usize>>>,
}

/// One place of a peer, given back when dropped.
pub(super) struct PeerPlace {
    peer: Peer,
    counts: Arc<Mutex<HashMap<Peer, usize>>>,
}

// === impl Peers ===

impl Peers {
    /// `None`: no bound.
    pub(super) fn new(most: Option<NonZeroUsize>) -> Self {
        Self { most: most.map_or(usize::MAX, NonZeroUsize::get), counts: Arc::default() }
    }

    /// How many places one peer has.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// A place for `peer`, unless it has all of its own.
    pub(super) fn admit(&self, peer: Peer) -> Option<PeerPlace> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(peer).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(PeerPlace { peer, counts: self.counts.clone() })
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&self.peer) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.peer);
        }
    }
}

// === impl Peer ===

/// Of IPv6, the first address of the network.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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

    fn peer(address: &str) -> Peer {
        address.parse::<SocketAddr>().expect("an address").into()
    }

    #[test]
    fn a_peer_is_an_address_whatever_its_port_and_spelling() {
        assert_eq!(peer("192.0.2.1:1"), peer("192.0.2.1:2"));
        assert_eq!(peer("192.0.2.1:1"), peer("[::ffff:192.0.2.1]:1"));
        assert_ne!(peer("192.0.2.1:1"), peer("192.0.2.2:1"));
        assert_eq!(peer("[2001:db8::1]:1"), peer("[2001:db8::ffff:1]:1"));
        assert_ne!(peer("[2001:db8::1]:1"), peer("[2001:db8:0:1::1]:1"));
    }
}
