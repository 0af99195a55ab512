//! The stores as of one revision, shared by all watchers that begin there.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use sendstores_core::StoreFilter;

use super::{Entry, Position, index::Index};

/// The stores that a filter means, as of the moment the snapshot was taken, in the order of ids.
///
/// A watcher holds its snapshot until its client has read it. So all snapshots of one revision share one list, and a store
/// is matched against the filter only when it is its turn: ten thousand watchers that come at once cost one list, and
/// none of them selects under the lock of the index.
pub struct Snapshot {
    stores: Arc<[Arc<Entry>]>,
    next: usize,
    filter: StoreFilter,
}

/// Every store as of one position, while it is read.
type Last = (Position, Weak<[Arc<Entry>]>);

/// The list that was made last, for as long as a snapshot of it is being read.
#[derive(Default)]
pub(super) struct Shared(Mutex<Option<Last>>);

// === impl Shared ===

impl Shared {
    /// What `filter` means in `index`.
    pub(super) fn snapshot(&self, index: &Index, filter: StoreFilter) -> Snapshot {
        let stores =
            if filter.ids.is_empty() { self.all(index) } else { index.select(&filter, None, usize::MAX).into() };
        Snapshot { stores, next: 0, filter }
    }

    /// Every store, tombstones included.
    fn all(&self, index: &Index) -> Arc<[Arc<Entry>]> {
        let position = index.position();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, stores)) = &*last
            && *at == position
            && let Some(stores) = stores.upgrade()
        {
            return stores;
        }
        let stores: Arc<[Arc<Entry>]> = index.all().cloned().collect();
        *last = Some((position, Arc::downgrade(&stores)));
        stores
    }
}

// === impl Snapshot ===

impl Iterator for Snapshot {
    type Item = Arc<Entry>;

    fn next(&mut self) -> Option<Arc<Entry>> {
        let rest = self.stores.get(self.next..)?;
        let Some(found) = rest.iter().position(|store| self.filter.matches(store)) else {
            self.next = self.stores.len();
            return None;
        };
        self.next += found + 1;
        rest.get(found).cloned()
    }
}
