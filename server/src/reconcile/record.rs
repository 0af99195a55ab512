//! Recording what was done, under the claim's fence.

use sendstores_core::{
    Store,
    ledger::{Expected, Fence, Ledger, LedgerError, Write},
};

/// Why nothing was recorded.
pub(super) enum NotRecorded {
    /// The record changed meanwhile, most likely by a caller's intent; here it is.
    Changed(Box<Store>),
    /// This run must end: its claim is lost, or the ledger cannot be written now.
    Stop(LedgerError),
}

/// Writes `next` in place of `current`. Nothing is written when nothing changed.
pub(super) async fn record<L: Ledger>(
    ledger: &L,
    fence: Fence,
    current: &Store,
    next: Store,
) -> Result<Store, NotRecorded> {
    if same_but_time(current, &next) {
        return Ok(current.clone());
    }
    let write =
        Write { resource: next, expected: Expected::Revision(current.revision), fence: Some(fence), operation: None };
    match ledger.write(write).await {
        Ok(written) => Ok(written.into_resource()),
        Err(error) => Err(error.found().map_or_else(NotRecorded::Stop, |store| NotRecorded::Changed(Box::new(store)))),
    }
}

fn same_but_time(current: &Store, next: &Store) -> bool {
    let mut next = next.clone();
    next.update_time = current.update_time;
    *current == next
}
