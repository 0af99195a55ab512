//! How old what the mirror holds may be.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use sendstores_core::Timestamp;

use super::{Mirror, ReadError};

/// The latest time before which no acknowledged change is missing; none until the mirror was complete once. It goes on
/// with every read of the log that reached its end, so it also says how long the ledger has been away.
pub(super) struct Age {
    /// When the mirror began.
    begun: Timestamp,
    since: Mutex<Option<Timestamp>>,
}

// === impl Age ===

impl Age {
    pub(super) fn new() -> Self {
        Self { begun: SystemTime::now().into(), since: Mutex::default() }
    }

    /// Everything that was acknowledged before `begun` is there.
    pub(super) fn complete_since(&self, begun: Timestamp) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (*since).max(Some(begun));
    }

    fn since(&self) -> Option<Timestamp> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Mirror ===

impl Mirror {
    /// How old what is in memory may be at most. Before it was complete once: for how long it has not been.
    pub fn lag(&self) -> Duration {
        let Age { begun, .. } = self.0.age;
        Timestamp::from(SystemTime::now()).since(self.0.age.since().unwrap_or(begun))
    }

    /// The time before which no acknowledged change is missing, without asking the ledger: for reads that may be stale.
    pub(super) fn fresh_since(&self) -> Result<Timestamp, ReadError> {
        self.0.age.since().ok_or(ReadError::Loading)
    }
}
