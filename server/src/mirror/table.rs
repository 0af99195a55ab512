//! The resources of one kind in memory.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use sendstores_core::{
    Resource, Revision, Timestamp,
    ledger::{Scan, Unreadable},
};

use super::Entry;

/// The newest record that is known of each resource of one kind, tombstones included until they are forgotten. An id is in
/// `resources` or in `unreadable`, never in both.
pub(super) struct Table<R: Resource> {
    resources: BTreeMap<R::Id, Arc<Entry<R>>>,
    /// Resources that are set aside, because their newest record cannot be read.
    unreadable: BTreeMap<R::Id, Unreadable>,
}

// === impl Table ===

impl<R: Resource> Table<R> {
    pub(super) fn get(&self, id: &R::Id) -> Option<&Arc<Entry<R>>> {
        self.resources.get(id)
    }

    pub(super) fn unreadable(&self, id: &R::Id) -> Option<&Unreadable> {
        self.unreadable.get(id)
    }

    /// Whether the record that is known of the resource contains the change at `revision`.
    pub(super) fn has_passed(&self, id: &R::Id, revision: Revision) -> bool {
        self.resources.get(id).is_some_and(|known| known.revision() >= revision)
            || self.unreadable.get(id).is_some_and(|known| known.revision >= revision)
    }

    /// Puts a newer record in the place of what is known.
    pub(super) fn put(&mut self, entry: Arc<Entry<R>>) {
        self.unreadable.remove(entry.id());
        self.resources.insert(entry.id().clone(), entry);
    }

    /// Puts a record in the place of what is known, unless that, or the records up to `covered`, contain it already.
    pub(super) fn put_newer(&mut self, covered: Revision, resource: R) {
        if resource.revision() > covered && !self.has_passed(resource.id(), resource.revision()) {
            self.put(Arc::new(Entry::from(resource)));
        }
    }

    /// Puts a newer record that cannot be read in the place of what is known, which is returned.
    pub(super) fn set_aside(&mut self, id: R::Id, unreadable: Unreadable) -> Option<Arc<Entry<R>>> {
        tracing::error!(%unreadable, "the resource is set aside until a record that can be read is written");
        let known = self.resources.remove(&id);
        self.unreadable.insert(id, unreadable);
        known
    }

    /// Forgets the tombstones that were written before `then`, and returns them.
    pub(super) fn forget_tombstones(&mut self, then: Timestamp) -> Vec<Arc<Entry<R>>> {
        let old = |entry: &Entry<R>| entry.is_deleted() && entry.update_time() < then;
        let forgotten: Vec<_> = self.resources.values().filter(|entry| old(entry)).cloned().collect();
        for entry in &forgotten {
            self.resources.remove(entry.id());
        }
        forgotten
    }

    /// All in the order of ids.
    pub(super) fn values(&self) -> btree_map::Values<'_, R::Id, Arc<Entry<R>>> {
        self.resources.values()
    }

    /// All after the id `after`, in the order of ids.
    pub(super) fn after(&self, after: Option<&R::Id>) -> impl Iterator<Item = &Arc<Entry<R>>> {
        self.resources.range((super::index::start(after), std::ops::Bound::Unbounded)).map(|(_, entry)| entry)
    }

    pub(super) fn len(&self) -> usize {
        self.resources.len()
    }

    pub(super) fn count_unreadable(&self) -> usize {
        self.unreadable.len()
    }
}

impl<R: Resource> Default for Table<R> {
    fn default() -> Self {
        Self { resources: BTreeMap::new(), unreadable: BTreeMap::new() }
    }
}

impl<R: Resource> From<Scan<R>> for Table<R> {
    fn from(records: Scan<R>) -> Self {
        let Scan { resources, unreadable } = records;
        for unreadable in &unreadable {
            tracing::error!(%unreadable, "the resource is set aside until a record that can be read is written");
        }
        Self {
            resources: resources.into_iter().map(|one| (one.id().clone(), Arc::new(Entry::from(one)))).collect(),
            unreadable: unreadable.into_iter().filter_map(|record| Some((record.id()?, record))).collect(),
        }
    }
}
