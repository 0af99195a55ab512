//! The ledger in memory: the honest twin of the one on Redis, for tests.
//!
//! It keeps the same promises and gives the same refusals in the same order, and its records go through the stored
//! form, so that what cannot be stored shows. It also has what a test needs: a clock that can be moved, an outage, and
//! ways to lose its history.

mod admission;
mod audit;
mod history;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sendstores_core::{
    Epoch, Record, Resource, ResourceId, Revision, TenantId, Timestamp, TokenId,
    admission::Terms,
    audit::{AuditEntry, AuditId},
    cluster::ClusterUid,
    ledger::{
        Change, Claim, Ledger, LedgerError, LogEntry, LogPage, Operation, Owner, Scan, SetCluster, Write, Written,
    },
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use self::history::{History, Logged};
use super::record;

/// The ledger in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryLedger {
    shared: Arc<Shared>,
    known: Arc<Mutex<Known>>,
}

/// The history one process goes by, and the highest revision that it has seen.
#[derive(Clone)]
struct Known {
    epoch: Epoch,
    seen: Revision,
    /// Where the log was read to last, and which write is there.
    read: Option<(Revision, u64)>,
}

struct Shared {
    history: Mutex<History>,
    changed: Notify,
}

/// All that a [`MemoryLedger`] held at one time, to go back to.
pub struct MemoryCopy(History);

// === impl MemoryLedger ===

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl MemoryLedger {
    /// An empty ledger whose log keeps `history` changes.
    pub fn new(history: usize) -> Self {
        let history = History::new(history);
        let known = Known { epoch: history.epoch.clone(), seen: Revision::ZERO, read: None };
        let shared = Arc::new(Shared { history: Mutex::new(history), changed: Notify::new() });
        Self { shared, known: Arc::new(Mutex::new(known)) }
    }

    /// The same ledger, as a process sees it that starts now.
    pub fn reopen(&self) -> Self {
        let mut history = self.history();
        history.blank = false;
        let known = Known { epoch: history.epoch.clone(), seen: history.revision, read: None };
        Self { shared: self.shared.clone(), known: Arc::new(Mutex::new(known)) }
    }

    /// Moves the ledger's clock forward.
    pub fn advance(&self, by: Duration) {
        self.history().clock += by;
    }

    /// Every call fails with `error` until `None` is given.
    pub fn fail_with(&self, error: Option<LedgerError>) {
        self.history().outage = error;
        self.shared.changed.notify_waiters();
    }

    /// Loses everything; another history begins when the next process starts.
    pub fn forget(&self) {
        let mut history = self.history();
        *history = History::blank(history.length);
        self.shared.changed.notify_waiters();
    }

    /// Writes `record` as the resource's next, whatever it is: as a program of another version would.
    pub fn put<I: ResourceId>(&self, id: &I, record: &str) {
        self.history().put(&id.key(), record);
        self.shared.changed.notify_waiters();
    }

    /// Writes a record of an unknown kind, as a program of a newer version would.
    pub fn put_other_kind(&self) {
        self.history().put_other_kind();
        self.shared.changed.notify_waiters();
    }

    /// A copy of everything, as a backup would be.
    pub fn copy(&self) -> MemoryCopy {
        MemoryCopy(self.history().clone())
    }

    /// Puts a copy in the place of everything.
    pub fn restore(&self, copy: MemoryCopy) {
        *self.history() = copy.0;
        self.shared.changed.notify_waiters();
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.shared.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The history, if it can be reached and is still the one this process began with.
    fn ours(&self) -> Result<MutexGuard<'_, History>, LedgerError> {
        let history = self.history();
        if let Some(outage) = &history.outage {
            return Err(outage.clone());
        }
        let known = self.known();
        if history.blank || history.epoch != known.epoch {
            return Err(history.replaced());
        }
        if history.revision < known.seen {
            return Err(history.went_back());
        }
        Ok(history)
    }

    /// The same, if something may be written to it.
    fn trusted(&self) -> Result<MutexGuard<'_, History>, LedgerError> {
        let history = self.ours()?;
        match &history.doubt {
            Some(why) => Err(LedgerError::InDoubt(why.clone())),
            None => Ok(history),
        }
    }

    /// Always taken after the history's lock, where both are.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, revision: Revision) {
        let mut known = self.known();
        known.seen = known.seen.max(revision);
    }

    fn page(&self, after: Revision, most: usize) -> Result<LogPage, LedgerError> {
        let history = self.ours()?;
        if after > history.revision {
            return Err(history.went_back());
        }
        history.has(self.known().read.filter(|(read, _)| *read == after))?;
        let entries = match history.after(after) {
            Ok(entries) => entries,
            Err(oldest) => return Ok(LogPage::Compacted { oldest }),
        };
        let change = |entry: &Logged| {
            let Logged { revision, tip: _, before, content } = entry;
            let revision = *revision;
            let entry = content.as_ref().map_or(LogEntry::OtherKind, |(key, record)| {
                match record::decode(key.kind(), record.as_bytes(), revision) {
                    Ok(record) => LogEntry::Record(record),
                    Err(unreadable) => LogEntry::Unreadable(unreadable.of(key.clone())),
                }
            });
            Change { revision, before: before.clone(), entry }
        };
        let entries: Vec<_> = entries.take(most.max(1)).collect();
        if let Some(last) = entries.last() {
            self.saw(last.revision);
            self.known().read = Some((last.revision, last.tip));
        }
        Ok(LogPage::Changes(entries.into_iter().map(change).collect()))
    }
}

impl Ledger for MemoryLedger {
    fn epoch(&self) -> Epoch {
        self.known().epoch.clone()
    }

    async fn last_revision(&self) -> Result<Revision, LedgerError> {
        let last = self.ours()?.revision;
        self.saw(last);
        Ok(last)
    }

    async fn submit<R: Resource>(&self, write: Write<R>, terms: Terms) -> Result<Written<R>, LedgerError> {
        let written = self.trusted()?.write(write, &terms)?;
        if let Written::Applied(resource) = &written {
            self.saw(resource.revision());
            self.shared.changed.notify_waiters();
        }
        Ok(written)
    }

    async fn check_counts(&self, at: Revision, stores: &BTreeMap<TenantId, u64>) -> Result<Option<u64>, LedgerError> {
        let history = self.trusted()?;
        Ok((history.revision == at).then(|| history.differs_by(stores)))
    }

    async fn note_refusals(&self, entries: &[AuditEntry]) -> Result<(), LedgerError> {
        self.trusted()?.note(entries)
    }

    async fn read_audit(
        &self,
        before: Option<AuditId>,
        most: usize,
    ) -> Result<Vec<(AuditId, Option<AuditEntry>)>, LedgerError> {
        Ok(self.ours()?.read_audit(before, most))
    }

    async fn note_uses(
        &self,
        uses: &[(TokenId, Timestamp)],
        coarse: Duration,
    ) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        let mut history = self.trusted()?;
        Ok(uses.iter().map(|(id, time)| history.note_use(id, *time, coarse)).collect())
    }

    async fn last_uses(&self, tokens: &[TokenId]) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        let history = self.ours()?;
        Ok(tokens.iter().map(|id| history.uses.get(&id.key()).copied()).collect())
    }

    async fn recall<R: Resource>(&self, operation: &Operation) -> Result<Option<R>, LedgerError> {
        self.ours()?.recall(operation)
    }

    async fn note_missing<I: ResourceId>(
        &self,
        id: &I,
        operation: &Operation,
    ) -> Result<Option<I::Resource>, LedgerError> {
        self.trusted()?.note_missing(id, operation)
    }

    async fn load<I: ResourceId>(&self, id: &I) -> Result<Option<I::Resource>, LedgerError> {
        Ok(self.ours()?.load(&id.key())?.map(record::typed).transpose()?)
    }

    async fn scan<R: Resource>(&self) -> Result<Scan<R>, LedgerError> {
        Ok(self.ours()?.scan())
    }

    async fn read_log(&self, after: Revision, most: usize, wait: Duration) -> Result<LogPage, LedgerError> {
        let deadline = Instant::now() + wait;
        loop {
            // Listens before it reads, so that no change falls between.
            let changed = self.shared.changed.notified();
            let page = self.page(after, most)?;
            if page != LogPage::Changes(Vec::new()) || timeout_at(deadline, changed).await.is_err() {
                return Ok(page);
            }
        }
    }

    async fn claim<I: ResourceId>(&self, id: &I, owner: &Owner, lease: Duration) -> Result<Option<Claim>, LedgerError> {
        Ok(self.trusted()?.claim(id.key(), owner, lease))
    }

    async fn renew(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>, LedgerError> {
        let mut history = self.trusted()?;
        Ok(claims.iter().map(|claim| history.renew(claim, lease)).collect())
    }

    async fn claimed_for<I: ResourceId>(&self, id: &I) -> Result<Duration, LedgerError> {
        Ok(self.ours()?.claimed_for(&id.key()))
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerError> {
        self.ours()?.release(claim);
        Ok(())
    }

    async fn announce(&self, owner: &Owner, lease: Duration) -> Result<Vec<Owner>, LedgerError> {
        Ok(self.trusted()?.announce(owner, lease))
    }

    async fn sweep(&self, age: Duration, most: usize) -> Result<usize, LedgerError> {
        Ok(self.trusted()?.sweep(age, most))
    }

    async fn doubt(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.ours()?.doubt.clone())
    }

    async fn cast_doubt(&self, why: &str) -> Result<(), LedgerError> {
        let mut history = self.history();
        if !history.blank && history.doubt.is_none() && history.epoch != self.known().epoch {
            return Err(history.replaced());
        }
        history.blank = false;
        history.doubt.get_or_insert_with(|| why.to_owned());
        Ok(())
    }

    async fn rejoin(&self) -> Result<(), LedgerError> {
        let history = self.history();
        let mut known = self.known();
        if let Some(why) = &history.doubt {
            return Err(LedgerError::InDoubt(why.clone()));
        }
        if history.blank || (history.epoch != known.epoch && !history.adopted) {
            return Err(history.replaced());
        }
        if history.epoch == known.epoch {
            if history.revision < known.seen {
                return Err(history.went_back());
            }
            history.has(known.read)?;
        }
        *known = Known { epoch: history.epoch.clone(), seen: history.revision, read: None };
        Ok(())
    }

    async fn cluster(&self, set: SetCluster<'_>) -> Result<Option<ClusterUid>, LedgerError> {
        let mut history = self.ours()?;
        match set {
            SetCluster::No => {}
            SetCluster::IfNone(_) if history.cluster.is_some() || history.doubt.is_some() => {}
            SetCluster::IfNone(uid) | SetCluster::Instead(uid) => history.cluster = Some(uid.clone()),
        }
        Ok(history.cluster.clone())
    }

    async fn adopt(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        let mut history = self.history();
        let mut known = self.known();
        if history.blank || history.epoch != known.epoch {
            return Err(history.replaced());
        }
        history.adopt(records)?;
        *known = Known { epoch: history.epoch.clone(), seen: history.revision, read: None };
        self.shared.changed.notify_waiters();
        Ok(())
    }
}
