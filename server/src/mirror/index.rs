//! The resources of all kinds, and the ring of recent changes of stores.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use sendstores_core::{
    Backup, BackupId, Engine, Epoch, Former, Key, Kind, Listing, Place, Revision, Scope, State, Store, StoreFilter,
    StoreId, Summary, Tenant, TenantId, Timestamp, Token, TokenId,
    ledger::{self, Before, LogEntry, Scan, Unreadable},
};

use super::{
    Entry, Position,
    stores::Stores,
    tables::{Scans, Tables, newest},
};

/// One change, shared by all watchers.
#[derive(Debug)]
pub struct Change {
    pub revision: Revision,
    /// The store after the change.
    pub store: Arc<Entry>,
    /// The same store before it, if it was there: says whether it left a filter.
    pub before: Option<Former>,
    /// The cached encoding of the change as a message to watchers; empty until the first watcher is sent it.
    pub encoded: OnceLock<Encoded>,
}

/// A message to watchers, as it is sent to those that see everything.
#[derive(Debug)]
pub struct Encoded {
    pub message: Bytes,
    /// How many bytes of it are the same for all watchers; their resume token follows.
    pub shared: usize,
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
///    of other kinds of resources take a revision, and are not in the ring.
/// 3. `stores` and `others` have the newest record that is known of each resource. Tombstones are in them until they are forgotten.
/// 4. The records that the index began with contain every change up to `covered`, and some of them later changes, because
///    a scan is no snapshot. A change that a record contains already never replaces it: it goes to the ring alone.
/// 5. While the index is loaded, `revision` may be before `covered` or before the newest record: `stores` is then newer
///    than `revision`, and the index is not published. From then on `stores` is exactly what the log says up to `revision`.
///    The same is true of `others`.
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
    stores: Stores,
    /// The resources of all other kinds.
    others: Tables,
    /// Grows with each change of a token, and of a tenant, whose limits hold for its tokens.
    token_changes: u64,
    /// Grows with each change of a backup.
    backup_changes: u64,
    ring: VecDeque<Arc<Change>>,
    ring_size: usize,
    /// The log's end before the records were read: they contain every change up to here. Never changes.
    covered: Revision,
    /// The revision after which the ring has every change.
    floor: Revision,
    /// The last change of the log that was applied or skipped.
    revision: Revision,
}

/// Every record of every kind.
pub(super) struct Records {
    pub(super) stores: Scan<Store>,
    pub(super) others: Scans,
}

// === impl Index ===

impl Index {
    pub(super) fn new(epoch: Epoch, ring_size: usize) -> Self {
        Self {
            epoch,
            stores: Stores::default(),
            others: Tables::default(),
            token_changes: 0,
            backup_changes: 0,
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
    pub(super) fn of_records(epoch: Epoch, ring_size: usize, records: Records, end: Revision) -> Self {
        let Records { stores, others } = records;
        let (stores, others) = (stores.into(), others.into());
        let begin = end.back(ring_size);
        Self { stores, others, covered: end, floor: begin, revision: begin, ..Self::new(epoch, ring_size) }
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
            LogEntry::Record(record) => {
                self.count_change(record.kind());
                if let Some(store) = self.others.apply(self.covered, record) {
                    self.take(revision, before, store);
                }
            }
            LogEntry::OtherKind => {}
            LogEntry::Unreadable(unreadable) => return self.set_aside(unreadable),
        }
        true
    }

    fn count_change(&mut self, kind: Kind) {
        match kind {
            // The limits of a tenant hold for its tokens.
            Kind::Tenant | Kind::Token => self.token_changes += 1,
            Kind::Backup => self.backup_changes += 1,
            Kind::Store => {}
        }
    }

    fn take(&mut self, revision: Revision, before: Before, store: Store) {
        let known = self.stores.table().get(&store.id);
        let history = self.has_passed(&store.id, revision);
        let before = match before {
            Before::Store(former) => Some(former),
            Before::Nothing => None,
            Before::Unknown if history => return self.cut(),
            Before::Unknown => known.filter(|known| known.uid == store.uid).map(|known| Former::of(known, &store)),
        };
        let store = match known {
            Some(known) if known.revision == revision => known.clone(),
            _ => Arc::new(store.into()),
        };
        if !history {
            self.stores.put(store.clone());
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
        revision <= self.covered || self.stores.table().has_passed(id, revision)
    }

    /// Takes the resource out of its table, whose record is out of date now. Watchers are sent nothing of it until a record
    /// is written that can be read. False where the change has no key and a table may be out of date.
    fn set_aside(&mut self, unreadable: Unreadable) -> bool {
        let revision = unreadable.revision;
        match unreadable.key.clone() {
            None => return revision <= self.covered,
            Some(_) if revision <= self.covered => {}
            Some(Key::Store(id)) if !self.has_passed(&id, revision) => self.stores.set_aside(id, unreadable),
            Some(Key::Store(_)) => {}
            Some(key) => {
                self.count_change(key.kind());
                self.others.set_aside(key, unreadable);
            }
        }
        true
    }

    pub(super) fn unreadable(&self, key: &Key) -> Option<&Unreadable> {
        match key {
            Key::Store(id) => self.stores.table().unreadable(id),
            key => self.others.unreadable(key),
        }
    }

    pub(super) fn count_unreadable(&self) -> usize {
        self.stores.table().count_unreadable() + self.others.count_unreadable()
    }

    /// Empties the ring: it begins after the present revision.
    fn cut(&mut self) {
        self.ring.clear();
        self.floor = self.revision;
    }

    pub(super) fn get(&self, id: &StoreId) -> Option<Arc<Entry>> {
        self.stores.table().get(id).cloned()
    }

    pub(super) fn count_tokens_without_expiry(&self) -> usize {
        let lasting = |token: &&Arc<Entry<Token>>| token.expire_time.is_none() && !token.is_deleted();
        self.others.tokens.values().filter(lasting).count()
    }

    pub(super) fn count_stores(&self) -> BTreeMap<(State, Engine), usize> {
        self.stores.counts().clone()
    }

    pub(super) fn select(&self, filter: &StoreFilter, after: Option<&StoreId>, most: usize) -> Vec<Arc<Entry>> {
        self.stores.select(filter, after, most)
    }

    pub(super) fn page(&self, listing: &Listing, after: Option<&Place>, most: usize) -> (Vec<Arc<Entry>>, usize) {
        self.stores.page(listing, after, most)
    }

    pub(super) fn summary(&self, filter: &StoreFilter, now: Timestamp) -> (Summary, Option<Arc<Entry>>) {
        self.stores.summary(filter, now)
    }

    /// Every store in the order of ids, tombstones included.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Arc<Entry>> {
        self.stores.table().values()
    }

    pub(super) fn len(&self) -> usize {
        self.stores.table().len()
    }

    pub(super) fn tenant(&self, id: &TenantId) -> Option<Arc<Entry<Tenant>>> {
        self.others.tenants.get(id).cloned()
    }

    /// Up to `most` tenants after the id `after` that are not deleted, in the order of ids.
    pub(super) fn tenants(&self, after: Option<&TenantId>, most: usize) -> Vec<Arc<Entry<Tenant>>> {
        self.others.tenants.after(after).filter(|tenant| !tenant.is_deleted()).take(most).cloned().collect()
    }

    pub(super) fn token(&self, id: &TokenId) -> Option<Arc<Entry<Token>>> {
        self.others.tokens.get(id).cloned()
    }

    /// Up to `most` tokens after the id `after` that are in the scope, in the order of ids; revoked ones included.
    pub(super) fn tokens(&self, scope: &Scope, after: Option<&TokenId>, most: usize) -> Vec<Arc<Entry<Token>>> {
        self.others.tokens.after(after).filter(|token| scope.includes(&token.scope)).take(most).cloned().collect()
    }

    /// How many stores each tenant has that are not DELETED.
    pub(super) fn tenant_counts(&self) -> BTreeMap<TenantId, u64> {
        self.stores.tenant_counts()
    }

    /// How many of them this tenant has.
    pub(super) fn count_of(&self, tenant: &TenantId) -> u64 {
        self.stores.count_of(tenant)
    }

    /// How many changes of tokens and tenants were applied.
    pub(super) fn token_changes(&self) -> u64 {
        self.token_changes
    }

    /// How many changes of backups were applied.
    pub(super) fn backup_changes(&self) -> u64 {
        self.backup_changes
    }

    pub(super) fn backup(&self, id: &BackupId) -> Option<Arc<Entry<Backup>>> {
        self.others.backups.get(id).cloned()
    }

    /// Up to `most` backups after the id `after` that `wanted` lets through and that are not deleted, in the order of ids.
    pub(super) fn backups(
        &self,
        wanted: impl Fn(&Backup) -> bool,
        after: Option<&BackupId>,
        most: usize,
    ) -> Vec<Arc<Entry<Backup>>> {
        let all = self.others.backups.after(after);
        all.filter(|backup| !backup.is_deleted() && wanted(backup)).take(most).cloned().collect()
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

    /// Forgets what was DELETED before `then`.
    pub(super) fn forget_tombstones(&mut self, then: Timestamp) {
        self.stores.forget_tombstones(then);
        self.others.forget_tombstones(then);
    }
}

// === impl Records ===

impl Records {
    /// The newest revision of all.
    pub(super) fn newest(&self) -> Revision {
        newest(&self.stores).max(self.others.newest())
    }
}

/// Where a range of ids after `after` begins.
pub(super) fn start<I>(after: Option<&I>) -> Bound<&I> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}
