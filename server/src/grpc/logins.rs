//! How often a peer may fail to prove who it is.
//!
//! A caller with a valid token is never affected by others at its address: a proxy is one peer for all callers that use it. The
//! bound is on the cost of a guess.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    peers::Peer,
    status::{Refusal, Tenancy},
};

/// So many failed logins of one peer are answered in a [`WINDOW`].
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// So many peers are counted; others are not, until the windows of these are over.
const PEERS: usize = 4_096;

/// The failed logins of the present window, by peer.
#[derive(Default)]
pub(super) struct Logins(Mutex<HashMap<Peer, Failures>>);

struct Failures {
    count: u32,
    since: Instant,
}

// === impl Logins ===

impl Logins {
    /// Refuses a peer whose failures were too many.
    pub(super) fn check(&self, peer: Peer) -> Result<(), Refusal> {
        let peers = self.peers();
        let rest = peers.get(&peer).filter(|failures| failures.count >= MOST).and_then(Failures::rest);
        rest.map_or(Ok(()), |rest| Err(refusal(rest)))
    }

    /// Counts a failure. Refuses a peer that had too many before it.
    pub(super) fn fail(&self, peer: Peer) -> Result<(), Refusal> {
        self.check(peer)?;
        let mut peers = self.peers();
        if peers.len() >= PEERS {
            peers.retain(|_, failures| failures.rest().is_some());
        }
        if peers.len() < PEERS || peers.contains_key(&peer) {
            let failures = peers.entry(peer).or_insert_with(Failures::none);
            if failures.rest().is_none() {
                *failures = Failures::none();
            }
            failures.count += 1;
        }
        Ok(())
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<Peer, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(retry_after: Duration) -> Refusal {
    metrics::counter!("sendstores_limited_logins_total").increment(1);
    Tenancy::Logins { most: MOST, retry_after }.into()
}

// === impl Failures ===

impl Failures {
    fn none() -> Self {
        Self { count: 0, since: Instant::now() }
    }

    /// How long the window still is; `None` when it is over.
    fn rest(&self) -> Option<Duration> {
        WINDOW.checked_sub(self.since.elapsed()).filter(|rest| !rest.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(address: &str) -> Peer {
        address.parse::<SocketAddr>().expect("an address").into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_fails_too_often_waits_for_the_next_window_alone() {
        let logins = Logins::default();
        let guesser = peer("192.0.2.1:1");
        for _ in 0..MOST {
            assert_eq!(logins.fail(guesser), Ok(()));
        }
        let too_many = Err(Tenancy::Logins { most: MOST, retry_after: WINDOW }.into());
        assert_eq!((logins.check(guesser), logins.fail(guesser)), (too_many.clone(), too_many));
        assert_eq!(logins.fail(peer("192.0.2.2:1")), Ok(()));
        tokio::time::advance(WINDOW).await;
        assert_eq!((logins.check(guesser), logins.fail(guesser)), (Ok(()), Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_peers_are_kept_than_can_be_counted() {
        let logins = Logins::default();
        for number in 0..10_000_u32 {
            let address = SocketAddr::from((std::net::Ipv4Addr::from_bits(number), 1));
            assert_eq!(logins.fail(address.into()), Ok(()));
        }
        assert_eq!(logins.peers().len(), PEERS);
        tokio::time::advance(WINDOW).await;
        assert_eq!(logins.fail(peer("192.0.2.1:1")), Ok(()));
        assert_eq!(logins.peers().len(), 1);
    }
}
