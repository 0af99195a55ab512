//! Keeping the claims of stores while work on them goes on. Those of one replica are renewed together: a thousand stores
//! that wait cost as many writes as one.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sendstores_core::ledger::{Claim, Fence, Ledger, LedgerError};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

/// How many claims are renewed by one call at most.
const AT_ONCE: usize = 500;

/// It was lost, or could not be renewed in time: another replica may be at work.
pub(super) struct Lost;

/// The claims that this replica holds.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<Fence, Held>>);

struct Held {
    claim: Claim,
    valid: watch::Sender<Validity>,
}

/// Until when a claim is held by our clock, which is never later than by the ledger's; `None`: it was lost.
type Validity = Option<Instant>;

/// A claim that is renewed until this is dropped.
pub(super) struct Lease<'a> {
    leases: &'a Leases,
    fence: Fence,
    valid: watch::Receiver<Validity>,
}

// === impl Leases ===

impl Leases {
    /// Keeps a claim that was taken for `lease`. `taken` is a time from before it was.
    pub(super) fn keep(&self, claim: &Claim, taken: Instant, lease: Duration) -> Lease<'_> {
        let (valid, receiver) = watch::channel(Some(taken + lease));
        self.held().insert(claim.fence, Held { claim: claim.clone(), valid });
        Lease { leases: self, fence: claim.fence, valid: receiver }
    }

    /// Renews all of them three times a lease.
    pub(super) async fn renew<L: Ledger>(&self, ledger: &L, lease: Duration) -> Infallible {
        loop {
            sleep(lease / 3).await;
            let claims: Vec<_> = self.held().values().map(|held| held.claim.clone()).collect();
            for some in claims.chunks(AT_ONCE) {
                let asked = Instant::now();
                // A call without an answer must not keep the next one waiting.
                match timeout(lease / 3, ledger.renew(some, lease)).await {
                    Ok(renewed) => self.renewed(some, renewed, asked + lease),
                    Err(_) => tracing::warn!(claims = some.len(), "claims were not renewed in time; trying again"),
                }
            }
        }
    }

    fn renewed(&self, claims: &[Claim], renewed: Result<Vec<bool>, LedgerError>, until: Instant) {
        let held = self.held();
        let set = |claim: &Claim, valid| {
            if let Some(held) = held.get(&claim.fence) {
                held.valid.send_replace(valid);
            }
        };
        match renewed {
            Ok(renewed) => claims.iter().zip(renewed).for_each(|(claim, still)| set(claim, still.then_some(until))),
            Err(error) if error.retryable() => {
                tracing::warn!(claims = claims.len(), %error, "claims could not be renewed; trying again");
            }
            Err(error) => {
                tracing::warn!(claims = claims.len(), %error, "claims could not be renewed");
                claims.iter().for_each(|claim| set(claim, None));
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Fence, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lease ===

impl Lease<'_> {
    /// Returns only once the claim must be taken for lost.
    pub(super) async fn lost(&mut self) -> Lost {
        loop {
            let until = *self.valid.borrow_and_update();
            let Some(until) = until.filter(|until| *until > Instant::now()) else { return Lost };
            tokio::select! {
                // The sender lives as long as this.
                _changed = self.valid.changed() => {}
                () = sleep_until(until) => {}
            }
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.leases.held().remove(&self.fence);
    }
}
