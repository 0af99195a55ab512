//! The ledger in memory: the honest twin of the one on Redis, for tests.
//!
//! It keeps the same promises and gives the same refusals in the same order, and its records go through the stored
//! form, so that what cannot be stored shows. It also has what a test needs: a clock that can be moved, an outage, and
//! ways to lose its history.

mod history;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sendstores_core::{
    Epoch, Revision, Store, StoreId,
    ledger::{Change, Claim, Duty, Fence, Ledger, LedgerError, LogPage, Operation, Owner, Write, Written},
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
    epoch: Epoch,
    /// The highest revision this process was told of.
    seen: Arc<AtomicU64>,
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
        let epoch = history.epoch.clone();
        let shared = Arc::new(Shared { history: Mutex::new(history), changed: Notify::new() });
        Self { shared, epoch, seen: Arc::default() }
    }

    /// The same ledger, as a process sees it that starts now.
    pub fn reopen(&self) -> Self {
        let history = self.history();
        let seen = Arc::new(AtomicU64::new(history.revision.0));
        Self { shared: self.shared.clone(), epoch: history.epoch.clone(), seen }
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

    /// Loses everything; another history begins.
    pub fn forget(&self) {
        let mut history = self.history();
        *history = History::new(history.length);
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
        if history.epoch != self.epoch {
            return Err(LedgerError::EpochChanged(format!("it is {} now", history.epoch)));
        }
        if history.revision.0 < self.seen.load(Ordering::Acquire) {
            return Err(LedgerError::EpochChanged(format!("it went back to revision {}", history.revision)));
        }
        Ok(history)
    }

    fn saw(&self, revision: Revision) {
        self.seen.fetch_max(revision.0, Ordering::AcqRel);
    }

    fn look(&self, after: Revision, most: usize) -> Result<LogPage, LedgerError> {
        let history = self.ours()?;
        if after > history.revision {
            return Err(LedgerError::EpochChanged(format!("it went back to revision {}", history.revision)));
        }
        let entries = match history.behind(after) {
            Ok(entries) => entries,
            Err(oldest) => return Ok(LogPage::Compacted { oldest }),
        };
        let change = |entry: &Logged| {
            let &Logged { revision, before, ref record } = entry;
            record::decode(record.as_bytes(), revision).map(|store| Change { revision, before, store })
        };
        let changes = entries.take(most.max(1)).map(change).collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = changes.last() {
            self.saw(last.revision);
        }
        Ok(LogPage::Changes(changes))
    }
}

impl Ledger for MemoryLedger {
    fn epoch(&self) -> Epoch {
        self.epoch.clone()
    }

    async fn last_revision(&self) -> Result<Revision, LedgerError> {
        let last = self.ours()?.revision;
        self.saw(last);
        Ok(last)
    }

    async fn write(&self, write: Write) -> Result<Written, LedgerError> {
        let written = self.ours()?.write(write)?;
        if let Written::Applied(store) = &written {
            self.saw(store.revision);
            self.shared.changed.notify_waiters();
        }
        Ok(written)
    }

    async fn recall(&self, operation: &Operation) -> Result<Option<Store>, LedgerError> {
        self.ours()?.recall(operation)
    }

    async fn load(&self, id: &StoreId) -> Result<Option<Store>, LedgerError> {
        self.ours()?.load(id)
    }

    async fn scan(&self) -> Result<Vec<Store>, LedgerError> {
        self.ours()?.scan()
    }

    async fn read_log(&self, after: Revision, most: usize, wait: Duration) -> Result<LogPage, LedgerError> {
        let deadline = Instant::now() + wait;
        loop {
            // Listens before it looks, so that no change falls between.
            let changed = self.shared.changed.notified();
            let page = self.look(after, most)?;
            if page != LogPage::Changes(Vec::new()) || timeout_at(deadline, changed).await.is_err() {
                return Ok(page);
            }
        }
    }

    async fn claim(&self, id: &StoreId, owner: &Owner, lease: Duration) -> Result<Option<Claim>, LedgerError> {
        Ok(self.ours()?.claim(id, owner, lease))
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerError> {
        self.ours()?.release(claim);
        Ok(())
    }

    async fn take_duty(&self, duty: Duty, owner: &Owner, lease: Duration) -> Result<Option<Fence>, LedgerError> {
        Ok(self.ours()?.take_duty(duty, owner, lease))
    }

    async fn leave_duty(&self, duty: Duty, fence: Fence) -> Result<(), LedgerError> {
        self.ours()?.leave_duty(duty, fence);
        Ok(())
    }

    async fn sweep(&self, age: Duration, most: usize) -> Result<usize, LedgerError> {
        Ok(self.ours()?.sweep(age, most))
    }
}
