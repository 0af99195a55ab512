//! Keeping what is held for a time while work goes on: the claim of a store.

use std::time::Duration;

use sendstores_core::ledger::LedgerError;
use tokio::time::Instant;

/// It was lost, or could not be renewed in time: another replica may be at work.
pub(super) struct Lost;

/// Renews three times a lease, and returns only once what was held must be taken for lost. `renew` says whether it is
/// still ours; `taken` is a time from before it was, so that our idea of its end is never later than the ledger's. `what`
/// is held, for the log.
pub(super) async fn keep<F>(what: &str, lease: Duration, taken: Instant, renew: impl Fn() -> F) -> Lost
where
    F: Future<Output = Result<bool, LedgerError>>,
{
    let mut valid_until = taken + lease;
    loop {
        tokio::time::sleep(lease / 3).await;
        let asked = Instant::now();
        match tokio::time::timeout_at(valid_until, renew()).await {
            Ok(Ok(true)) => valid_until = asked + lease,
            Ok(Err(error)) if error.retryable() => {
                tracing::warn!(what, %error, "a lease could not be renewed; trying again");
            }
            Ok(Ok(false) | Err(_)) | Err(_) => return Lost,
        }
        if Instant::now() >= valid_until {
            return Lost;
        }
    }
}
