//! Keeps the ledger's count of each tenant's stores true.
//!
//! The ledger counts with every write, and catches up with what servers of an older version wrote. The mirror has the same
//! number by another way, from the log: where the two differ, the ledger's is put right and the difference is reported.

use std::{collections::BTreeMap, time::Duration};

use sendstores_core::{Revision, TenantId, ledger::Ledger};
use tokio_util::sync::CancellationToken;

use super::Mirror;

/// How often the two are compared.
const INTERVAL: Duration = Duration::from_secs(60);
/// How often one comparison is tried against changes that come meanwhile, and how long it waits for these.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

// === impl Mirror ===

impl Mirror {
    /// How many stores of this tenant are not DELETED.
    pub fn count_stores_of(&self, tenant: &TenantId) -> u64 {
        self.read().count_of(tenant)
    }

    /// Compares once a minute, and at the start, until `stop`.
    pub async fn keep_counts<L: Ledger>(self, ledger: L, stop: CancellationToken) {
        let comparing = async {
            loop {
                self.dependable().await;
                self.compare_counts(&ledger).await;
                tokio::time::sleep(INTERVAL).await;
            }
        };
        tokio::select! {
            () = comparing => {}
            () = stop.cancelled() => {}
        }
    }

    /// Compares now, if there is a moment without a change. Returns the difference that was put right.
    pub async fn compare_counts<L: Ledger>(&self, ledger: &L) -> Option<u64> {
        for _ in 0..ATTEMPTS {
            let (at, counts) = self.tenant_counts()?;
            match ledger.check_counts(at, &counts).await {
                Ok(Some(wrong)) => {
                    // Fewer than there are stores: exact as a float.
                    metrics::gauge!("sendstores_tenant_count_drift").set(wrong as f64);
                    if wrong > 0 {
                        tracing::warn!(wrong, "the count of the stores of tenants was wrong, and is put right");
                    }
                    return Some(wrong);
                }
                Ok(None) => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    tracing::debug!(%error, "the count of the stores of tenants could not be compared");
                    return None;
                }
            }
        }
        None
    }

    /// As of the revision. `None`: there are stores of which it is not known whose they are.
    fn tenant_counts(&self) -> Option<(Revision, BTreeMap<TenantId, u64>)> {
        let index = self.read();
        (index.count_unreadable() == 0).then(|| (index.revision(), index.tenant_counts()))
    }
}
