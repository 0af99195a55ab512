//! What one replica does for all stores: whoever holds the duty, a lease in the ledger that is renewed as a claim is.
//!
//! Nothing that is done under a duty depends on there being only one: two may do it for a moment.

use std::{convert::Infallible, time::Duration};

use sendstores_core::ledger::{Duty, Fence, Ledger, LedgerError, Owner};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lease::{self, Lost};
use crate::mirror::Mirror;

/// One replica's turn at a duty.
pub(super) struct Post<'a, L> {
    pub(super) ledger: &'a L,
    pub(super) mirror: &'a Mirror,
    pub(super) owner: &'a Owner,
    pub(super) duty: Duty,
    /// How long the duty lasts unless renewed: another replica takes over behind it.
    pub(super) lease: Duration,
}

// === impl Post ===

impl<L: Ledger> Post<'_, L> {
    /// Does `work` whenever the duty is ours, until `stop`. Work that is dropped must stop what it does.
    pub(super) async fn serve<F>(&self, stop: &CancellationToken, work: impl Fn() -> F)
    where
        F: Future<Output = Infallible>,
    {
        let duty = self.duty.as_str();
        loop {
            let (fence, taken) = tokio::select! {
                held = self.take() => held,
                () = stop.cancelled() => return,
            };
            tracing::info!(duty, "on duty");
            tokio::select! {
                Lost = lease::keep(duty, self.lease, taken, || self.renew(fence)) => {
                    tracing::warn!(duty, "the duty was lost; another replica may have it");
                }
                never = work() => match never {},
                () = self.mirror.doubted() => tracing::warn!(duty, "the duty rests"),
                () = stop.cancelled() => {
                    if let Err(error) = self.ledger.leave_duty(self.duty, fence).await {
                        tracing::debug!(duty, %error, "the duty was not given back; it expires");
                    }
                    return;
                }
            }
        }
    }

    /// Waits until the duty is ours. The time is from before it was, so that our idea of its end is never later than the
    /// ledger's.
    async fn take(&self) -> (Fence, Instant) {
        loop {
            self.mirror.dependable().await;
            let asked = Instant::now();
            match self.ledger.take_duty(self.duty, self.owner, self.lease).await {
                Ok(Some(fence)) => return (fence, asked),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the duty could not be asked for"),
            }
            tokio::time::sleep(self.lease).await;
        }
    }

    /// Whether the duty is still ours.
    async fn renew(&self, fence: Fence) -> Result<bool, LedgerError> {
        Ok(self.ledger.take_duty(self.duty, self.owner, self.lease).await? == Some(fence))
    }
}
