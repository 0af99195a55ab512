//! Looks whether the cluster has stores that the ledger does not know: what betrays a ledger that is empty, an old copy or
//! another one, to a process that did not see it happen.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::SystemTime,
};

use sendstores_core::{
    StoreId,
    adoption::{self, Finding, Found, Inventory, ListNamespaces},
    ledger::{Ledger, LedgerError, Scan, Unreadable},
    provisioner::StepError,
};

use crate::mirror::Mirror;

/// Ids named in a warning.
const NAMED: usize = 3;

/// Compares once, at the start.
pub struct InventoryCheck<L, C> {
    pub ledger: L,
    pub mirror: Mirror,
    pub cluster: C,
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error(transparent)]
    Cluster(#[from] StepError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

// === impl InventoryCheck ===

impl<L: Ledger, C: ListNamespaces> InventoryCheck<L, C> {
    /// Compares now. A store that only the cluster has means that the ledger is not to be believed.
    pub async fn compare(&self) -> Result<(), InventoryError> {
        // In this order: a namespace is made after its record, so that one that was found has one.
        let found = self.cluster.list().await?;
        if found.is_empty() {
            return Ok(());
        }
        let records: Scan = self.ledger.scan().await?;
        let by_id: HashMap<_, _> = records.resources.iter().map(|store| (&store.id, store)).collect();
        // A record that cannot be read is there all the same.
        let set_aside: HashSet<_> = records.unreadable.iter().filter_map(Unreadable::id::<StoreId>).collect();
        let is_unknown = |found: &&Found| {
            !set_aside.contains(&found.id) && adoption::is_unknown(found, by_id.get(&found.id).copied())
        };
        let unknown: Vec<_> = found.iter().filter(is_unknown).collect();
        if !unknown.is_empty() {
            self.mirror.suspect(&describe(&unknown), false);
        }
        let (namespaces, unknown) = (found.len(), unknown.len());
        let inventory = Inventory { found, unmarked: BTreeSet::new() };
        for (id, finding) in adoption::compare(&records, &inventory, SystemTime::now().into()) {
            if let Finding::Missing(_) = finding {
                tracing::warn!(store = %id, "the namespace of a store that was complete is not there, or not marked as ours");
            }
        }
        tracing::info!(namespaces, unknown, "the cluster was compared with the ledger");
        Ok(())
    }
}

fn describe(unknown: &[&Found]) -> String {
    let ids: Vec<_> = unknown.iter().take(NAMED).map(|found| found.id.as_str()).collect();
    let more = unknown.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("the cluster has stores that Redis does not know ({}{more})", ids.join(", "))
}
