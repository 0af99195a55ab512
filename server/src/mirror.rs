//! Every store in memory, kept up to date from the one log: what reads and watches are served from.
//!
//! A replica reads ONE log on one connection, however many watchers it has. A watcher is a [`Cursor`]: a position in a
//! ring of recent changes.

mod cursor;
mod follow;
mod fresh;
mod index;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sendstores_core::{Epoch, Revision, Store, StoreFilter, StoreId, ledger::LedgerError};
use tokio::sync::watch;

pub use cursor::{Compacted, Cursor};
pub use index::Change;

use fresh::Fresh;
use index::Index;

/// Clones share one memory.
#[derive(Clone)]
pub struct Mirror(Arc<Inner>);

struct Inner {
    index: RwLock<Index>,
    /// The revision the index is at; grows behind each applied change.
    revision: watch::Sender<Revision>,
    status: watch::Sender<Status>,
    fresh: Fresh,
}

/// Whether the mirror can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not complete yet.
    Loading,
    /// Complete, and following the log.
    Live,
    /// Complete as of some time ago; the log cannot be read.
    Stale(String),
}

/// Why a read cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the stores are still being read from the ledger")]
    Loading,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A page of stores, and the revision it is as new as.
pub struct Page {
    pub stores: Vec<Arc<Store>>,
    /// Whether more stores follow.
    pub more: bool,
    pub revision: Revision,
}

// === impl Mirror ===

impl Mirror {
    /// An empty mirror; [`Mirror::follow`] fills it. `ring` is how many recent changes are kept for watchers.
    pub fn new(ring: usize) -> Self {
        Self(Arc::new(Inner {
            index: RwLock::new(Index::new(ring)),
            revision: watch::Sender::new(Revision::ZERO),
            status: watch::Sender::new(Status::Loading),
            fresh: Fresh::default(),
        }))
    }

    pub fn get(&self, id: &StoreId) -> Option<Arc<Store>> {
        self.read().get(id)
    }

    /// Up to `most` stores that `filter` means, behind the id `after`, in the order of ids.
    pub fn list(&self, filter: &StoreFilter, after: Option<&StoreId>, most: usize) -> Page {
        let index = self.read();
        let mut stores = index.select(filter, after, most.saturating_add(1));
        let more = stores.len() > most;
        stores.truncate(most);
        Page { stores, more, revision: index.revision() }
    }

    /// Everything that `filter` means, and a cursor that goes on right behind it.
    pub fn snapshot(&self, filter: &StoreFilter) -> (Vec<Arc<Store>>, Cursor) {
        let revisions = self.0.revision.subscribe();
        let index = self.read();
        (index.select(filter, None, usize::MAX), Cursor::new(self.clone(), index.revision(), revisions))
    }

    /// A cursor that goes on right behind `after`.
    pub fn resume(&self, after: Revision) -> Cursor {
        Cursor::new(self.clone(), after, self.0.revision.subscribe())
    }

    pub fn revision(&self) -> Revision {
        *self.0.revision.borrow()
    }

    /// The revision behind which every change can still be handed out.
    pub fn oldest(&self) -> Revision {
        self.read().floor()
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.subscribe()
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_status(&self, status: Status) {
        self.0.status.send_if_modified(|current| {
            let changed = *current != status;
            *current = status;
            changed
        });
    }
}

/// A position in the history of one ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub epoch: Epoch,
    pub revision: Revision,
}
