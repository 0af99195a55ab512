//! Which replicas live, as the ledger has it, and so which stores are probed from here and have their scheduled jobs run.
//!
//! Each replica announces itself for a lease, three times a lease. Two replicas may disagree for a moment: then a store is
//! probed by both, or by neither, which harms nothing.

use std::{sync::Arc, time::Duration};

use sendstores_core::{
    StoreId,
    ledger::{Ledger, Owner},
    shard,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::mirror::Mirror;

/// The replicas that live; empty while the ledger does not say. Clones share them.
#[derive(Clone, Default)]
pub struct Members(Arc<watch::Sender<Vec<Owner>>>);

// === impl Members ===

impl Members {
    /// Whether `owner` is responsible for the store. No replica is while the ledger does not say which ones live.
    pub(super) fn is_responsible(&self, owner: &Owner, id: &StoreId) -> bool {
        shard::responsible(id.as_str(), &self.0.borrow()) == Some(owner)
    }

    /// Waits until the ledger says which replicas live.
    pub(super) async fn known(&self) {
        // The sender is in `self`.
        let mut members = self.0.subscribe();
        let _always = members.wait_for(|members| !members.is_empty()).await;
    }

    /// Waits until the ledger has not said for a lease which replicas live: others may have taken over.
    pub(super) async fn unknown(&self) {
        let mut members = self.0.subscribe();
        let _always = members.wait_for(Vec::is_empty).await;
    }

    /// Announces `owner` and learns who else lives, until `stop`.
    pub async fn follow<L: Ledger>(
        &self,
        ledger: &L,
        mirror: &Mirror,
        owner: &Owner,
        lease: Duration,
        stop: &CancellationToken,
    ) {
        tokio::select! {
            () = self.announce(ledger, mirror, owner, lease) => {}
            () = stop.cancelled() => {}
        }
        self.set(Vec::new());
        // So that the others take over at once.
        if let Err(error) = ledger.announce(owner, Duration::ZERO).await {
            tracing::debug!(%error, "the other replicas were not informed of the end; they notice it");
        }
    }

    /// Never returns.
    async fn announce<L: Ledger>(&self, ledger: &L, mirror: &Mirror, owner: &Owner, lease: Duration) {
        let mut valid_until = Instant::now();
        loop {
            if timeout_at(valid_until, mirror.dependable()).await.is_err() {
                // Others have taken over by now.
                self.set(Vec::new());
                mirror.dependable().await;
            }
            let asked = Instant::now();
            match timeout_at(asked + lease, ledger.announce(owner, lease)).await {
                Ok(Ok(members)) => {
                    valid_until = asked + lease;
                    self.set(members);
                }
                Ok(Err(error)) => tracing::debug!(%error, "the ledger was not asked which replicas live"),
                Err(_) => tracing::debug!("the ledger did not answer which replicas live"),
            }
            // Others have taken over by then.
            if Instant::now() >= valid_until {
                self.set(Vec::new());
            }
            sleep(lease / 3).await;
        }
    }

    fn set(&self, members: Vec<Owner>) {
        if self.0.borrow().len() != members.len() {
            tracing::info!(replicas = members.len(), "the replicas that share probes and scheduled jobs");
        }
        // Fewer than there are pods: exact as a float.
        metrics::gauge!("sendstores_replicas").set(members.len() as f64);
        self.0.send_if_modified(|known| {
            let changed = *known != members;
            *known = members;
            changed
        });
    }
}
