//! The stores by id, and the ring of recent changes.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use sendstores_core::{
    Epoch, Key, Record, Revision, State, Store, StoreFilter, StoreId, Timestamp,
    ledger::{self, Before, LogEntry, Scan, Unreadable},
};

use super::{Entry, Position};

/// One change, shared by all watchers.
#[derive(Debug)]
pub struct Change {
    pub revision: Revision,
    /// The store after the change.
    pub store: Arc<Entry>,
    /// The state of the same store before it, if it was there: tells whether it left a filter.
    pub before: Option<State>,
    /// The cached encoding of the change as a message to watchers; empty until the first watcher is sent it.
    pub encoded: OnceLock<Bytes>,
}

/// What holds between two calls, with the log from left to right:
///
/// ```text
///            floor                covered               revision
///   log  ──────┼─────────────────────┼─────────────────────┼──────▶
///   ring       └─ changes after floor, up to revision ──────┘
/// ```
///
/// 1. `floor <= revision`, and both only grow.
/// 2. `ring` has each change of a store after `floor`, up to `revision`, in ascending order, except those whose record
///    cannot be read; at most `ring_size` of them. A watcher that has seen all up to `floor` lacks none of them. Entries
///    of other kinds of resources take a revision and nothing else.
/// 3. An id is in `stores` or in `unreadable`, never in both, by the newest record of it that is known. Tombstones are in
///    `stores` until they are forgotten.
/// 4. The records that the index began with contain every change up to `covered`, and some of them later changes, because
///    a scan is no snapshot. A change that a record contains already never replaces it: it goes to the ring alone.
/// 5. While the index is loaded, `revision` may be before `covered` or before the newest record: `stores` is then newer
///    than `revision`, and the index is not published. From then on `stores` is exactly what the log says up to `revision`.
/// 6. A store and the newest change of it in the ring share one [`Entry`], and so one cached encoding.
///
/// Memory: a store is about 2 KiB (its texts, 7 steps, 3 evidences), kept once here and once more for each of its
/// changes in the ring; the newest is shared. Its cached encoding is 1 KiB more after the first read. 10,000 stores
/// are about 20 MiB, and 10 MiB more when all of them were read; a full ring of 8,192 changes is 16 MiB at
/// most, whether it filled up by following or was read from the log at the start, and 8 MiB more when all of it was sent
/// to watchers (about 1 KiB a message). While everything is read again, the old index goes on serving and both are
/// there: 98 MiB.
pub(super) struct Index {
    epoch: Epoch,
    stores: BTreeMap<StoreId, Arc<Entry>>,
    /// Stores that are set aside, because their newest record cannot be read.
    unreadable: BTreeMap<StoreId, Unreadable>,
    ring: VecDeque<Arc<Change>>,
    ring_size: usize,
    /// The log's end before the records were read: they contain every change up to here. Never changes.
    covered: Revision,
    /// The revision after which the ring has every change.
    floor: Revision,
    /// The last change of the log that was applied or skipped.
    revision: Revision,
}

// === impl Index ===

impl Index {
    pub(super) fn new(epoch: Epoch, ring_size: usize) -> Self {
        Self {
            epoch,
            stores: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            ring: VecDeque::new(),
            ring_size,
            covered: Revision::ZERO,
            floor: Revision::ZERO,
            revision: Revision::ZERO,
        }
    }

    /// An index of records that were read after the log's end was `end`. Its revision begins up to `ring_size` changes
    /// before `end`, so that applying the log from there fills the ring. The caller publishes the index when everything up
    /// to the newest record was applied.
    pub(super) fn of_records(epoch: Epoch, ring_size: usize, records: Scan, end: Revision) -> Self {
        let Scan { resources: stores, unreadable } = records;
        let stores = stores.into_iter().map(|store| (store.id.clone(), Arc::new(store.into()))).collect();
        let unreadable = unreadable.into_iter().filter_map(|record| Some((record.id()?, record))).collect();
        let begin = end.back(ring_size);
        Self { stores, unreadable, covered: end, floor: begin, revision: begin, ..Self::new(epoch, ring_size) }
    }

    /// The log no longer has the changes up to `oldest`: the ring begins after it. False when the records do not contain
    /// these changes either: the records must be read again.
    pub(super) fn skip_to(&mut self, oldest: Revision) -> bool {
        let covered = self.revision < oldest && oldest <= self.covered;
        if covered {
            self.revision = oldest;
            self.cut();
        }
        covered
    }

    /// Applies the next change of the log. A change that a record contains already goes to the ring alone. False when the
    /// change does not say which store it is of: the records must be read again.
    #[must_use]
    pub(super) fn apply(&mut self, change: ledger::Change) -> bool {
        let ledger::Change { revision, before, entry } = change;
        if revision <= self.revision {
            return true;
        }
        self.revision = revision;
        match entry {
            LogEntry::Record(Record::Store(store)) => self.take(revision, before, store),
            LogEntry::Record(Record::Tenant(_)) | LogEntry::OtherKind => {}
            LogEntry::Unreadable(Unreadable { key: Some(Key::Tenant(_)), .. }) => {}
            LogEntry::Unreadable(unreadable) => return self.set_aside(unreadable),
        }
        true
    }

    fn take(&mut self, revision: Revision, before: Before, store: Store) {
        let known = self.stores.get(&store.id);
        let history = self.has_passed(&store.id, revision);
        let before = match before {
            Before::State(state) => Some(state),
            Before::Nothing => None,
            Before::Unknown if history => return self.cut(),
            Before::Unknown => known.filter(|known| known.uid == store.uid).map(|known| known.state),
        };
        let store = match known {
            Some(known) if known.revision == revision => known.clone(),
            _ => Arc::new(store.into()),
        };
        if !history {
            self.stores.insert(store.id.clone(), store.clone());
            self.unreadable.remove(&store.id);
        }
        self.ring.push_back(Arc::new(Change { revision, store, before, encoded: OnceLock::new() }));
        if self.ring.len() > self.ring_size
            && let Some(oldest) = self.ring.pop_front()
        {
            self.floor = oldest.revision;
        }
    }

    /// Whether the record that is known of the store contains the change at `revision`.
    fn has_passed(&self, id: &StoreId, revision: Revision) -> bool {
        revision <= self.covered
            || self.stores.get(id).is_some_and(|known| known.revision >= revision)
            || self.unreadable.get(id).is_some_and(|known| known.revision >= revision)
    }

    /// Removes the store from `stores`, whose record is out of date now. Watchers are sent nothing of it until a record is
    /// written that can be read. False where the change has no id and `stores` may be out of date.
    fn set_aside(&mut self, unreadable: Unreadable) -> bool {
        let Some(id) = unreadable.id() else { return unreadable.revision <= self.covered };
        if !self.has_passed(&id, unreadable.revision) {
            tracing::error!(%unreadable, "the store is set aside until a record that can be read is written");
            self.stores.remove(&id);
            self.unreadable.insert(id, unreadable);
        }
        true
    }

    pub(super) fn unreadable(&self) -> &BTreeMap<StoreId, Unreadable> {
        &self.unreadable
    }

    /// Empties the ring: it begins after the present revision.
    fn cut(&mut self) {
        self.ring.clear();
        self.floor = self.revision;
    }

    pub(super) fn get(&self, id: &StoreId) -> Option<Arc<Entry>> {
        self.stores.get(id).cloned()
    }

    pub(super) fn select(&self, filter: &StoreFilter, after: Option<&StoreId>, most: usize) -> Vec<Arc<Entry>> {
        if !filter.ids.is_empty() {
            let wanted = filter.ids.iter().filter(|id| after.is_none_or(|after| *id > after));
            return wanted.filter_map(|id| self.get(id)).filter(|store| filter.matches(store)).take(most).collect();
        }
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.stores.range::<StoreId, _>((start, Bound::Unbounded));
        range.map(|(_, store)| store).filter(|store| filter.matches(store)).take(most).cloned().collect()
    }

    /// Every store in the order of ids, tombstones included.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Arc<Entry>> {
        self.stores.values()
    }

    pub(super) fn len(&self) -> usize {
        self.stores.len()
    }

    pub(super) fn position(&self) -> Position {
        Position { epoch: self.epoch.clone(), revision: self.revision }
    }

    pub(super) fn ring_size(&self) -> usize {
        self.ring_size
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn floor(&self) -> Revision {
        self.floor
    }

    /// Up to `most` changes after `after`, or `None` when the ring does not reach back so far, or is of another history.
    pub(super) fn changes(&self, after: &Position, most: usize) -> Option<Vec<Arc<Change>>> {
        if after.epoch != self.epoch || after.revision < self.floor {
            return None;
        }
        let start = self.ring.partition_point(|change| change.revision <= after.revision);
        Some(self.ring.range(start..).take(most).cloned().collect())
    }

    /// Forgets the stores that were DELETED before `then`.
    pub(super) fn forget_tombstones(&mut self, then: Timestamp) {
        self.stores.retain(|_, store| store.state != State::Deleted || store.update_time >= then);
    }
}
