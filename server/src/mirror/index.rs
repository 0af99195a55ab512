//! The stores by id, and the ring of recent changes.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use sendstores_core::{Revision, State, Store, StoreFilter, StoreId, ledger};

/// One change, shared by all watchers.
#[derive(Debug)]
pub struct Change {
    pub revision: Revision,
    /// The store behind the change.
    pub store: Arc<Store>,
    /// The store before it: tells whether it left a filter.
    pub before: Option<Arc<Store>>,
}

/// Memory: a store is about 2 KiB (its texts, 7 steps, 3 evidences), kept once here and once more for each of its
/// changes in the ring. 10,000 stores are about 20 MiB; a full ring of 8,192 changes is 16 MiB at most.
pub(super) struct Index {
    stores: BTreeMap<StoreId, Arc<Store>>,
    ring: VecDeque<Arc<Change>>,
    ring_size: usize,
    /// The ring holds every change behind this revision, up to `revision`.
    floor: Revision,
    revision: Revision,
}

// === impl Index ===

impl Index {
    pub(super) fn new(ring_size: usize) -> Self {
        Self {
            stores: BTreeMap::new(),
            ring: VecDeque::new(),
            ring_size,
            floor: Revision::ZERO,
            revision: Revision::ZERO,
        }
    }

    /// Replaces everything by records read at `revision`. Watchers from before it must start again.
    pub(super) fn reset(&mut self, stores: impl IntoIterator<Item = Store>, revision: Revision) {
        self.stores = stores.into_iter().map(|store| (store.id.clone(), Arc::new(store))).collect();
        self.ring.clear();
        self.floor = revision;
        self.revision = revision;
    }

    /// Applies the next change of the log. One that a loaded record already covers moves only the revision.
    pub(super) fn apply(&mut self, change: ledger::Change) {
        let ledger::Change { revision, store } = change;
        if revision <= self.revision {
            return;
        }
        self.revision = revision;
        let before = self.stores.get(&store.id).cloned();
        if before.as_ref().is_some_and(|known| known.revision >= revision) {
            // Only while loading: the scan saw a later record, so the ring cannot tell this change.
            self.ring.clear();
            self.floor = revision;
            return;
        }
        let store = Arc::new(store);
        self.stores.insert(store.id.clone(), store.clone());
        self.ring.push_back(Arc::new(Change { revision, store, before }));
        if self.ring.len() > self.ring_size
            && let Some(oldest) = self.ring.pop_front()
        {
            self.floor = oldest.revision;
        }
    }

    pub(super) fn get(&self, id: &StoreId) -> Option<Arc<Store>> {
        self.stores.get(id).cloned()
    }

    pub(super) fn select(&self, filter: &StoreFilter, after: Option<&StoreId>, most: usize) -> Vec<Arc<Store>> {
        if !filter.ids.is_empty() {
            let wanted = filter.ids.iter().filter(|id| after.is_none_or(|after| *id > after));
            return wanted.filter_map(|id| self.get(id)).filter(|store| filter.matches(store)).take(most).collect();
        }
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.stores.range::<StoreId, _>((start, Bound::Unbounded));
        range.map(|(_, store)| store).filter(|store| filter.matches(store)).take(most).cloned().collect()
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn floor(&self) -> Revision {
        self.floor
    }

    /// Up to `most` changes behind `after`, or `None` when the ring does not reach back so far.
    pub(super) fn changes(&self, after: Revision, most: usize) -> Option<Vec<Arc<Change>>> {
        if after < self.floor {
            return None;
        }
        let start = self.ring.partition_point(|change| change.revision <= after);
        Some(self.ring.range(start..).take(most).cloned().collect())
    }

    /// Forgets a tombstone. A store that took the id meanwhile stays.
    pub(super) fn forget(&mut self, id: &StoreId) {
        if self.stores.get(id).is_some_and(|store| store.state == State::Deleted) {
            self.stores.remove(id);
        }
    }

    pub(super) fn tombstones(&self) -> Vec<StoreId> {
        let deleted = |store: &&Arc<Store>| store.state == State::Deleted;
        self.stores.values().filter(deleted).map(|store| store.id.clone()).collect()
    }
}
