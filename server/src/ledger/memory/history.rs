//! What the ledger in memory holds, and how it changes. Everything here happens under one lock.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, SystemTime},
};

use sendstores_core::{
    Epoch, Former, Key, Kind, Record, RequestId, Resource, ResourceId, Revision, TenantId, Timestamp, TokenId,
    admission::Terms,
    cluster::ClusterUid,
    ledger::{
        Before, Claim, Expected, Fence, LedgerError, OPERATION_WINDOW, Operation, Owner, Scan, Unreadable, Write,
        Written,
    },
};

use super::audit::Audit;
use crate::ledger::record::{self, audit};

#[derive(Clone)]
pub(super) struct History {
    pub(super) epoch: Epoch,
    /// The last revision that was given.
    pub(super) revision: Revision,
    /// How far the ledger's clock is ahead of the machine's.
    pub(super) clock: Duration,
    pub(super) outage: Option<LedgerError>,
    /// Everything was lost, and no replica has begun anew.
    pub(super) blank: bool,
    /// Why nothing may be written.
    pub(super) doubt: Option<String>,
    /// Began by adoption.
    pub(super) adopted: bool,
    /// Which cluster the stores stand in.
    pub(super) cluster: Option<ClusterUid>,
    /// How many changes the log keeps.
    pub(super) length: usize,
    records: HashMap<Key, Entry>,
    log: VecDeque<Logged>,
    operations: HashMap<(Option<TenantId>, RequestId), Answer>,
    /// By what is claimed; see [`Key::claimed`].
    claims: HashMap<(Kind, String), Claim>,
    /// When tokens were used last.
    pub(super) uses: HashMap<Key, Timestamp>,
    /// Until when each replica is taken to live.
    replicas: HashMap<Owner, Timestamp>,
    /// Until when the creates of each tenant take up its rate.
    pub(super) rates: HashMap<TenantId, Timestamp>,
    pub(super) audit: Audit,
    /// The last fence that was given.
    fence: u64,
}

#[derive(Clone)]
pub(super) struct Logged {
    pub(super) revision: Revision,
    /// Names the write.
    pub(super) tip: u64,
    pub(super) before: Before,
    /// The record and its key; `None`: it is of an unknown kind.
    pub(super) content: Option<(Key, String)>,
}

#[derive(Clone)]
struct Entry {
    revision: Revision,
    record: String,
    /// By the ledger's clock, for a tombstone.
    deleted: Option<Timestamp>,
}

#[derive(Clone)]
struct Answer {
    /// Of which kind the operation was.
    kind: Kind,
    digest: String,
    /// The record that was answered with; `None`: there was nothing.
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
            records: HashMap::new(),
            log: VecDeque::new(),
            operations: HashMap::new(),
            claims: HashMap::new(),
            uses: HashMap::new(),
            replicas: HashMap::new(),
            rates: HashMap::new(),
            audit: Audit::default(),
            fence: 0,
        }
    }

    /// What is left when everything was lost.
    pub(super) fn blank(length: usize) -> Self {
        Self { blank: true, ..Self::new(length) }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now()).after(self.clock)
    }

    pub(super) fn write<R: Resource>(&mut self, write: Write<R>, terms: &Terms) -> Result<Written<R>, LedgerError> {
        let Write { resource, expected, fence, operation } = write;
        if let Some(operation) = &operation
            && let Some(answer) = self.recall(operation)?
        {
            return Ok(Written::Repeated(answer));
        }
        let key = resource.id().key();
        self.expect(&key, expected)?;
        self.check_fence(&key, fence)?;
        let mut written: Record = resource.into();
        let before = self.before(&written, expected);
        let entry = terms.audit.as_ref().map(audit::encode).transpose()?;
        self.admit(&written, terms)?;

        let record = record::encode(&written)?;
        self.revision = self.revision.next();
        written.set_revision(self.revision);
        self.log(before, Some((key.clone(), record.clone())));
        let deleted = written.is_deleted().then_some(self.now());
        self.records.insert(key, Entry { revision: self.revision, record: record.clone(), deleted });
        if let Some(entry) = entry {
            self.audit.add(self.millis(), entry);
        }
        if let Some(operation) = operation {
            self.keep(R::KIND, operation, Some((self.revision, record)));
        }
        Ok(Written::Applied(record::typed(written)?))
    }

    fn before(&self, written: &Record, expected: Expected) -> Before {
        match (written, expected) {
            (Record::Store(_), Expected::Vacant) => Before::Nothing,
            (Record::Store(after), Expected::Revision(_)) => match self.load(&written.key()) {
                Ok(Some(Record::Store(before))) => Before::Store(Former::of(&before, after)),
                _ => Before::Unknown,
            },
            (Record::Tenant(_) | Record::Token(_) | Record::Backup(_), _) => Before::Unknown,
        }
    }

    fn keep(&mut self, kind: Kind, operation: Operation, found: Option<(Revision, String)>) {
        let (now, Operation { id, scope, digest }) = (self.now(), operation);
        self.operations.retain(|_, answer| answer.expires > now);
        self.operations.insert((scope, id), Answer { kind, digest, found, expires: now.after(OPERATION_WINDOW) });
    }

    pub(super) fn note_missing<I: ResourceId>(
        &mut self,
        id: &I,
        operation: &Operation,
    ) -> Result<Option<I::Resource>, LedgerError> {
        match self.recall(operation) {
            Ok(None) => {}
            Err(LedgerError::FoundNothing) => return Ok(None),
            known => return known,
        }
        self.expect(&id.key(), Expected::Vacant)?;
        self.keep(I::Resource::KIND, operation.clone(), None);
        Ok(None)
    }

    /// Appends the change at the present revision.
    fn log(&mut self, before: Before, content: Option<(Key, String)>) {
        let (revision, tip) = (self.revision, rand::random());
        self.log.push_back(Logged { revision, tip, before, content });
        while self.log.len() > self.length {
            self.log.pop_front();
        }
    }

    pub(super) fn put(&mut self, key: &Key, record: &str) {
        self.revision = self.revision.next();
        self.log(Before::Unknown, Some((key.clone(), record.to_owned())));
        let entry = Entry { revision: self.revision, record: record.to_owned(), deleted: None };
        self.records.insert(key.clone(), entry);
    }

    pub(super) fn put_other_kind(&mut self) {
        self.revision = self.revision.next();
        self.log(Before::Unknown, None);
    }

    fn expect(&self, key: &Key, expected: Expected) -> Result<(), LedgerError> {
        let entry = self.records.get(key);
        let met = match expected {
            Expected::Vacant => entry.is_none_or(|entry| entry.deleted.is_some()),
            Expected::Revision(revision) => entry.is_some_and(|entry| entry.revision == revision),
        };
        if met { Ok(()) } else { Err(LedgerError::Conflict(self.load(key)?.map(Box::new))) }
    }

    fn check_fence(&self, key: &Key, fence: Option<Fence>) -> Result<(), LedgerError> {
        let Some(fence) = fence else { return Ok(()) };
        let holds = self.claims.get(&claimed(key)).is_some_and(|claim| claim.fence == fence);
        if holds { Ok(()) } else { Err(LedgerError::Fenced) }
    }

    pub(super) fn recall<R: Resource>(&self, operation: &Operation) -> Result<Option<R>, LedgerError> {
        match self.operations.get(&(operation.scope.clone(), operation.id.clone())) {
            Some(answer) if answer.expires <= self.now() => Ok(None),
            Some(answer) if (answer.kind, &answer.digest) != (R::KIND, &operation.digest) => {
                Err(LedgerError::OperationReused)
            }
            Some(Answer { found: Some((revision, record)), .. }) => {
                Ok(Some(record::typed(record::decode(R::KIND, record.as_bytes(), *revision)?)?))
            }
            Some(_) => Err(LedgerError::FoundNothing),
            None => Ok(None),
        }
    }

    pub(super) fn load(&self, key: &Key) -> Result<Option<Record>, LedgerError> {
        self.records.get(key).map(|entry| entry.decode(key)).transpose().map_err(Into::into)
    }

    /// The keys of one kind, tombstones included.
    pub(super) fn keys(&self, kind: Kind) -> impl Iterator<Item = &Key> {
        self.records.keys().filter(move |key| key.kind() == kind)
    }

    /// Whether there is a record of this key that is no tombstone.
    pub(super) fn lives(&self, key: &Key) -> bool {
        self.records.get(key).is_some_and(|entry| entry.deleted.is_none())
    }

    pub(super) fn scan<R: Resource>(&self) -> Scan<R> {
        let records = self.records.iter().filter(|(key, _)| key.kind() == R::KIND);
        records.map(|(key, entry)| entry.decode(key).and_then(record::typed)).collect()
    }

    /// The entries of the log after `after`, or from where it can be read if it does not reach back so far.
    pub(super) fn after(&self, after: Revision) -> Result<impl Iterator<Item = &Logged>, Revision> {
        let missing = self.log.partition_point(|entry| entry.revision <= after);
        let next = self.log.get(missing).map(|entry| entry.revision);
        if after == self.revision || next == Some(after.next()) {
            return Ok(self.log.range(missing..));
        }
        Err(next.map_or(self.revision, |next| next.back(1)))
    }

    pub(super) fn claim(&mut self, key: Key, owner: &Owner, lease: Duration) -> Option<Claim> {
        let now = self.now();
        let fence = match self.claims.get(&claimed(&key)) {
            Some(held) if held.owner == *owner => held.fence,
            Some(held) if held.expires > now => return None,
            _ => self.next_fence(),
        };
        let name = claimed(&key);
        let claim = Claim { key, owner: owner.clone(), fence, expires: now.after(lease) };
        self.claims.insert(name, claim.clone());
        Some(claim)
    }

    /// Whether it is still held under its fence.
    pub(super) fn renew(&mut self, claim: &Claim, lease: Duration) -> bool {
        let expires = self.now().after(lease);
        let held = self.claims.get_mut(&claimed(&claim.key)).filter(|held| held.fence == claim.fence);
        held.map(|held| held.expires = expires).is_some()
    }

    pub(super) fn claimed_for(&self, key: &Key) -> Duration {
        self.claims.get(&claimed(key)).map_or(Duration::ZERO, |claim| claim.expires.since(self.now()))
    }

    pub(super) fn release(&mut self, claim: &Claim) {
        let name = claimed(&claim.key);
        if self.claims.get(&name).is_some_and(|held| held.fence == claim.fence) {
            self.claims.remove(&name);
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

    /// Begins another history with what there is, written over by `records`.
    pub(super) fn adopt(&mut self, records: Vec<Record>) -> Result<(), LedgerError> {
        let texts = records.iter().map(record::encode).collect::<Result<Vec<_>, _>>()?;
        let now = self.now();
        self.epoch = Epoch::from_random(rand::random());
        (self.doubt, self.adopted) = (None, true);
        self.log.clear();
        self.claims.clear();
        for (record, text) in records.into_iter().zip(texts) {
            self.revision = self.revision.next();
            self.log(Before::Unknown, Some((record.key(), text.clone())));
            let deleted = record.is_deleted().then_some(now);
            self.records.insert(record.key(), Entry { revision: self.revision, record: text, deleted });
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
        let mut keys: Vec<(Timestamp, Key)> = self
            .records
            .iter()
            .filter(|(_, entry)| old(entry))
            .filter_map(|(key, entry)| entry.deleted.map(|deleted| (deleted, key.clone())))
            .collect();
        keys.sort_unstable();
        keys.truncate(most);
        for (_, key) in &keys {
            self.records.remove(key);
            // As the other ledger does it: a claim that several resources share outlives each of them.
            self.claims.remove(&(key.kind(), key.id().to_owned()));
            self.uses.remove(key);
        }
        keys.len()
    }

    pub(super) fn note_use(&mut self, id: &TokenId, time: Timestamp, coarse: Duration) -> Option<Timestamp> {
        let key = id.key();
        let is_new = self.uses.get(&key).is_none_or(|last| time >= last.after(coarse));
        if is_new && self.records.contains_key(&key) {
            self.uses.insert(key.clone(), time);
        }
        self.uses.get(&key).copied()
    }
}

// === impl Entry ===

impl Entry {
    fn decode(&self, key: &Key) -> Result<Record, Unreadable> {
        let decoded = record::decode(key.kind(), self.record.as_bytes(), self.revision);
        decoded.map_err(|unreadable| unreadable.of(key.clone()))
    }
}

fn claimed(key: &Key) -> (Kind, String) {
    (key.kind(), key.claimed().to_owned())
}
