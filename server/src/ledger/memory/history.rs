//! What the ledger in memory holds, and how it changes. Everything here happens under one lock.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, SystemTime},
};

use sendstores_core::{
    Epoch, RequestId, Revision, State, Store, StoreId, Tenant, Timestamp,
    cluster::ClusterUid,
    ledger::{
        Before, Claim, Duty, Expected, Fence, LedgerError, OPERATION_WINDOW, Operation, Owner, Scan, Unreadable, Write,
        Written,
    },
};

use crate::ledger::record;

#[derive(Clone)]
pub(super) struct History {
    pub(super) epoch: Epoch,
    /// The last revision that was given.
    pub(super) revision: Revision,
    /// How far the ledger's clock is ahead of the machine's.
    pub(super) clock: Duration,
    pub(super) outage: Option<LedgerError>,
    /// Everything was lost, and nobody has begun anew.
    pub(super) blank: bool,
    /// Why nothing may be written.
    pub(super) doubt: Option<String>,
    /// Began by adoption.
    pub(super) adopted: bool,
    /// Which cluster the stores stand in.
    pub(super) cluster: Option<ClusterUid>,
    /// How many changes the log keeps.
    pub(super) length: usize,
    stores: HashMap<StoreId, Entry>,
    log: VecDeque<Logged>,
    operations: HashMap<(Option<Tenant>, RequestId), Answer>,
    claims: HashMap<StoreId, Claim>,
    duties: HashMap<Duty, Held>,
    /// Until when each replica is taken to live.
    replicas: HashMap<Owner, Timestamp>,
    /// The last fence that was given.
    fence: u64,
}

#[derive(Clone)]
pub(super) struct Logged {
    pub(super) revision: Revision,
    /// Names the write.
    pub(super) tip: u64,
    pub(super) before: Before,
    pub(super) id: StoreId,
    pub(super) record: String,
}

#[derive(Clone)]
struct Entry {
    revision: Revision,
    record: String,
    /// By the ledger's clock, for a tombstone.
    deleted: Option<Timestamp>,
}

/// Who has a duty.
#[derive(Clone)]
struct Held {
    owner: Owner,
    fence: Fence,
    expires: Timestamp,
}

#[derive(Clone)]
struct Answer {
    digest: String,
    /// The record that was answered with; `None`: there was no store.
    found: Option<(Revision, String)>,
    expires: Timestamp,
}

// === impl History ===

impl History {
    pub(super) fn new(length: usize) -> Self {
        Self {
            epoch: Epoch::from_random(rand::random()),
            revision: Revision::ZERO,
            clock: Duration::ZERO,
            outage: None,
            blank: false,
            doubt: None,
            adopted: false,
            cluster: None,
            length,
            stores: HashMap::new(),
            log: VecDeque::new(),
            operations: HashMap::new(),
            claims: HashMap::new(),
            duties: HashMap::new(),
            replicas: HashMap::new(),
            fence: 0,
        }
    }

    /// What is left when everything was lost.
    pub(super) fn blank(length: usize) -> Self {
        Self { blank: true, ..Self::new(length) }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now()).after(self.clock)
    }

    pub(super) fn write(&mut self, write: Write) -> Result<Written, LedgerError> {
        let Write { mut store, expected, fence, operation } = write;
        if let Some(operation) = &operation
            && let Some(answer) = self.recall(operation)?
        {
            return Ok(Written::Repeated(answer));
        }
        self.expect(&store.id, expected)?;
        self.check_fence(&store.id, fence)?;
        let before = match expected {
            Expected::Vacant => Before::Nothing,
            Expected::Revision(_) => match self.load(&store.id) {
                Ok(known) => known.map_or(Before::Nothing, |known| Before::State(known.state)),
                Err(_) => Before::Unknown,
            },
        };

        let now = self.now();
        let record = record::encode(&store)?;
        self.revision = self.revision.next();
        store.revision = self.revision;
        self.log(before, &store.id, &record);
        let deleted = (store.state == State::Deleted).then_some(now);
        self.stores.insert(store.id.clone(), Entry { revision: self.revision, record: record.clone(), deleted });
        if let Some(operation) = operation {
            self.keep(operation, Some((self.revision, record)));
        }
        Ok(Written::Applied(store))
    }

    fn keep(&mut self, operation: Operation, found: Option<(Revision, String)>) {
        let (now, Operation { id, scope, digest }) = (self.now(), operation);
        self.operations.retain(|_, answer| answer.expires > now);
        self.operations.insert((scope, id), Answer { digest, found, expires: now.after(OPERATION_WINDOW) });
    }

    pub(super) fn note_missing(&mut self, id: &StoreId, operation: &Operation) -> Result<Option<Store>, LedgerError> {
        match self.recall(operation) {
            Ok(None) => {}
            Err(LedgerError::FoundNothing) => return Ok(None),
            known => return known,
        }
        self.expect(id, Expected::Vacant)?;
        self.keep(operation.clone(), None);
        Ok(None)
    }

    /// Appends the change at the present revision.
    fn log(&mut self, before: Before, id: &StoreId, record: &str) {
        let (revision, tip) = (self.revision, rand::random());
        self.log.push_back(Logged { revision, tip, before, id: id.clone(), record: record.to_owned() });
        while self.log.len() > self.length {
            self.log.pop_front();
        }
    }

    pub(super) fn put(&mut self, id: &StoreId, record: &str) {
        self.revision = self.revision.next();
        self.log(Before::Unknown, id, record);
        let entry = Entry { revision: self.revision, record: record.to_owned(), deleted: None };
        self.stores.insert(id.clone(), entry);
    }

    fn expect(&self, id: &StoreId, expected: Expected) -> Result<(), LedgerError> {
        let entry = self.stores.get(id);
        let met = match expected {
            Expected::Vacant => entry.is_none_or(|entry| entry.deleted.is_some()),
            Expected::Revision(revision) => entry.is_some_and(|entry| entry.revision == revision),
        };
        if met { Ok(()) } else { Err(LedgerError::Conflict(self.load(id)?.map(Box::new))) }
    }

    fn check_fence(&self, id: &StoreId, fence: Option<Fence>) -> Result<(), LedgerError> {
        let Some(fence) = fence else { return Ok(()) };
        let holds = self.claims.get(id).is_some_and(|claim| claim.fence == fence);
        if holds { Ok(()) } else { Err(LedgerError::Fenced) }
    }

    pub(super) fn recall(&self, operation: &Operation) -> Result<Option<Store>, LedgerError> {
        match self.operations.get(&(operation.scope.clone(), operation.id.clone())) {
            Some(answer) if answer.expires <= self.now() => Ok(None),
            Some(answer) if answer.digest != operation.digest => Err(LedgerError::OperationReused),
            Some(Answer { found: Some((revision, record)), .. }) => {
                Ok(Some(record::decode(record.as_bytes(), *revision)?))
            }
            Some(_) => Err(LedgerError::FoundNothing),
            None => Ok(None),
        }
    }

    pub(super) fn load(&self, id: &StoreId) -> Result<Option<Store>, LedgerError> {
        self.stores.get(id).map(|entry| entry.store(id)).transpose().map_err(Into::into)
    }

    pub(super) fn scan(&self) -> Scan {
        self.stores.iter().map(|(id, entry)| entry.store(id)).collect()
    }

    /// The entries of the log behind `after`, or from where it can be read if it does not reach back so far.
    pub(super) fn behind(&self, after: Revision) -> Result<impl Iterator<Item = &Logged>, Revision> {
        let missing = self.log.partition_point(|entry| entry.revision <= after);
        let next = self.log.get(missing).map(|entry| entry.revision);
        if after == self.revision || next == Some(after.next()) {
            return Ok(self.log.range(missing..));
        }
        Err(next.map_or(self.revision, |next| next.back(1)))
    }

    pub(super) fn claim(&mut self, id: &StoreId, owner: &Owner, lease: Duration) -> Option<Claim> {
        let now = self.now();
        let fence = match self.claims.get(id) {
            Some(held) if held.owner == *owner => held.fence,
            Some(held) if held.expires > now => return None,
            _ => self.next_fence(),
        };
        let claim = Claim { store: id.clone(), owner: owner.clone(), fence, expires: now.after(lease) };
        self.claims.insert(id.clone(), claim.clone());
        Some(claim)
    }

    pub(super) fn claimed_for(&self, id: &StoreId) -> Duration {
        self.claims.get(id).map_or(Duration::ZERO, |claim| claim.expires.since(self.now()))
    }

    pub(super) fn release(&mut self, claim: &Claim) {
        if self.claims.get(&claim.store).is_some_and(|held| held.fence == claim.fence) {
            self.claims.remove(&claim.store);
        }
    }

    pub(super) fn take_duty(&mut self, duty: Duty, owner: &Owner, lease: Duration) -> Option<Fence> {
        let now = self.now();
        let fence = match self.duties.get(&duty) {
            Some(held) if held.owner == *owner => held.fence,
            Some(held) if held.expires > now => return None,
            _ => self.next_fence(),
        };
        self.duties.insert(duty, Held { owner: owner.clone(), fence, expires: now.after(lease) });
        Some(fence)
    }

    pub(super) fn leave_duty(&mut self, duty: Duty, fence: Fence) {
        if self.duties.get(&duty).is_some_and(|held| held.fence == fence) {
            self.duties.remove(&duty);
        }
    }

    pub(super) fn announce(&mut self, owner: &Owner, lease: Duration) -> Vec<Owner> {
        let now = self.now();
        self.replicas.insert(owner.clone(), now.after(lease));
        self.replicas.retain(|_, expires| *expires > now);
        self.replicas.keys().cloned().collect()
    }

    pub(super) fn replaced(&self) -> LedgerError {
        let now = if self.blank { "it is empty".to_owned() } else { format!("it is {} now", self.epoch) };
        LedgerError::EpochChanged(now)
    }

    pub(super) fn went_back(&self) -> LedgerError {
        LedgerError::EpochChanged(format!("it went back to revision {}", self.revision))
    }

    /// Refuses a history whose change at a revision is another than the one that was read there.
    pub(super) fn has(&self, read: Option<(Revision, u64)>) -> Result<(), LedgerError> {
        let Some((revision, tip)) = read else { return Ok(()) };
        let there = self.log.iter().rev().find(|entry| entry.revision <= revision);
        if there.is_none_or(|entry| entry.revision != revision || entry.tip == tip) {
            return Ok(());
        }
        Err(LedgerError::EpochChanged(format!("its revision {revision} is another change than before")))
    }

    /// Begins another history with what there is, written over by `stores`.
    pub(super) fn adopt(&mut self, stores: Vec<Store>) -> Result<(), LedgerError> {
        let records = stores.iter().map(record::encode).collect::<Result<Vec<_>, _>>()?;
        let now = self.now();
        self.epoch = Epoch::from_random(rand::random());
        (self.doubt, self.adopted) = (None, true);
        self.log.clear();
        self.claims.clear();
        self.duties.clear();
        for (store, record) in stores.into_iter().zip(records) {
            self.revision = self.revision.next();
            self.log(Before::Unknown, &store.id, &record);
            let deleted = (store.state == State::Deleted).then_some(now);
            self.stores.insert(store.id, Entry { revision: self.revision, record, deleted });
        }
        Ok(())
    }

    /// One counter for all, so that a fence is never used twice.
    fn next_fence(&mut self) -> Fence {
        self.fence += 1;
        Fence(self.fence)
    }

    pub(super) fn sweep(&mut self, age: Duration, most: usize) -> usize {
        let now = self.now();
        let old = |entry: &Entry| entry.deleted.is_some_and(|deleted| deleted.after(age) <= now);
        let mut ids: Vec<(Timestamp, StoreId)> = self
            .stores
            .iter()
            .filter(|(_, entry)| old(entry))
            .filter_map(|(id, entry)| entry.deleted.map(|deleted| (deleted, id.clone())))
            .collect();
        ids.sort_unstable();
        ids.truncate(most);
        for (_, id) in &ids {
            self.stores.remove(id);
            self.claims.remove(id);
        }
        ids.len()
    }
}

// === impl Entry ===

impl Entry {
    fn store(&self, id: &StoreId) -> Result<Store, Unreadable> {
        record::decode(self.record.as_bytes(), self.revision).map_err(|unreadable| unreadable.of(id))
    }
}
