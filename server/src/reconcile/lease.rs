//! Keeping a claim while work goes on.

use std::time::Duration;

use sendstores_core::ledger::{Claim, Ledger, Owner};
use tokio::time::Instant;

/// The claim was lost, or could not be renewed in time: another replica may be at work.
pub(super) struct Lost;

/// Renews `claim` three times a lease, and returns only once it must be taken for lost. `taken` is a time from before
/// the claim was made, so that our idea of its end is never later than the ledger's.
pub(super) async fn keep<L: Ledger>(ledger: &L, claim: &Claim, owner: &Owner, lease: Duration, taken: Instant) -> Lost {
    let mut valid_until = taken + lease;
    loop {
        tokio::time::sleep(lease / 3).await;
        let asked = Instant::now();
        match tokio::time::timeout_at(valid_until, ledger.claim(&claim.store, owner, lease)).await {
            Ok(Ok(Some(renewed))) if renewed.fence == claim.fence => valid_until = asked + lease,
            Ok(Ok(_)) => return Lost,
            Ok(Err(error)) if error.retryable() => {
                tracing::warn!(store = %claim.store, %error, "a claim could not be renewed; trying again");
            }
            Ok(Err(_)) | Err(_) => return Lost,
        }
        if Instant::now() >= valid_until {
            return Lost;
        }
    }
}
