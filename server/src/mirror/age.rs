//! How old what the mirror holds may be.

use std::sync::{Mutex, PoisonError};

use sendstores_core::Timestamp;

use super::{Mirror, ReadError};

/// The latest time before which no acknowledged change is missing; none until the mirror was complete once. It goes on
/// with every look at the log that reached its end, so it also says how long the ledger has been away.
#[derive(Default)]
pub(super) struct Age(Mutex<Option<Timestamp>>);

// === impl Age ===

impl Age {
    /// Everything that was acknowledged before `begun` is there.
    pub(super) fn complete_since(&self, begun: Timestamp) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (*since).max(Some(begun));
    }

    fn since(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Mirror ===

impl Mirror {
    /// The time before which no acknowledged change is missing, without asking the ledger: for reads that may be stale.
    pub(super) fn fresh_since(&self) -> Result<Timestamp, ReadError> {
        self.0.age.since().ok_or(ReadError::Loading)
    }
}
