//! A ledger with a hook before each of its reads, so that a test can put another replica's writes right there.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sendstores_core::{
    Epoch, Kind, Record, Resource, ResourceId, Revision, TenantId, Timestamp, TokenId,
    admission::Terms,
    audit::{AuditEntry, AuditId},
    cluster::ClusterUid,
    ledger::{Claim, Ledger, LedgerError, LogPage, Operation, Owner, Scan, SetCluster, Write, Written},
};
use sendstores_server::ledger::MemoryLedger;

/// A read of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Of the stores.
    Scan,
    /// A page of the log behind this revision.
    Log(Revision),
    /// The record of one store.
    Load,
}

type Hook = Box<dyn FnMut(Read) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Clones share the ledger and the hook. The hook is called before a page of the log or one record is read, and in the
/// middle of a scan.
#[derive(Clone)]
pub struct Interposed {
    inner: MemoryLedger,
    /// How many changes a page of the log has at most.
    page: usize,
    hook: Arc<Mutex<Hook>>,
}

// === impl Interposed ===

impl Interposed {
    pub fn new<F>(inner: MemoryLedger, mut hook: impl FnMut(Read) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hook: Hook = Box::new(move |read| Box::pin(hook(read)));
        Self { inner, page: usize::MAX, hook: Arc::new(Mutex::new(hook)) }
    }

    /// The log comes in pages of `page` changes.
    pub fn in_pages_of(mut self, page: usize) -> Self {
        self.page = page;
        self
    }

    async fn call(&self, read: Read) {
        let called = (self.hook.lock().unwrap_or_else(PoisonError::into_inner))(read);
        called.await;
    }
}

impl Ledger for Interposed {
    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }

    async fn last_revision(&self) -> Result<Revision, LedgerError> {
        self.inner.last_revision().await
    }

    async fn submit<R: Resource>(&self, write: Write<R>, terms: Terms) -> Result<Written<R>, LedgerError> {
        self.inner.submit(write, terms).await
    }

    async fn check_counts(&self, at: Revision, stores: &BTreeMap<TenantId, u64>) -> Result<Option<u64>, LedgerError> {
        self.inner.check_counts(at, stores).await
    }

    async fn note_refusals(&self, entries: &[AuditEntry]) -> Result<(), LedgerError> {
        self.inner.note_refusals(entries).await
    }

    async fn read_audit(
        &self,
        before: Option<AuditId>,
        most: usize,
    ) -> Result<Vec<(AuditId, Option<AuditEntry>)>, LedgerError> {
        self.inner.read_audit(before, most).await
    }

    async fn note_uses(
        &self,
        uses: &[(TokenId, Timestamp)],
        coarse: Duration,
    ) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        self.inner.note_uses(uses, coarse).await
    }

    async fn last_uses(&self, tokens: &[TokenId]) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        self.inner.last_uses(tokens).await
    }

    async fn recall<R: Resource>(&self, operation: &Operation) -> Result<Option<R>, LedgerError> {
        self.inner.recall(operation).await
    }

    async fn note_missing<I: ResourceId>(
        &self,
        id: &I,
        operation: &Operation,
    ) -> Result<Option<I::Resource>, LedgerError> {
        self.inner.note_missing(id, operation).await
    }

    async fn load<I: ResourceId>(&self, id: &I) -> Result<Option<I::Resource>, LedgerError> {
        self.call(Read::Load).await;
        self.inner.load(id).await
    }

    /// No snapshot: of the records, every other one is as it was before the hook.
    async fn scan<R: Resource>(&self) -> Result<Scan<R>, LedgerError> {
        let Scan { resources: old, .. } = self.inner.scan::<R>().await?;
        if R::KIND == Kind::Store {
            self.call(Read::Scan).await;
        }
        let Scan { resources: new, unreadable } = self.inner.scan::<R>().await?;
        let even = |one: &&R| one.id().as_str().bytes().last().is_some_and(|byte| byte % 2 == 0);
        let (old, new) = (old.iter().filter(even), new.iter().filter(|one| !even(one)));
        Ok(Scan { resources: old.chain(new).cloned().collect(), unreadable })
    }

    async fn read_log(&self, after: Revision, most: usize, wait: Duration) -> Result<LogPage, LedgerError> {
        self.call(Read::Log(after)).await;
        self.inner.read_log(after, most.min(self.page), wait).await
    }

    async fn claim<I: ResourceId>(&self, id: &I, owner: &Owner, lease: Duration) -> Result<Option<Claim>, LedgerError> {
        self.inner.claim(id, owner, lease).await
    }

    async fn renew(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>, LedgerError> {
        self.inner.renew(claims, lease).await
    }

    async fn claimed_for<I: ResourceId>(&self, id: &I) -> Result<Duration, LedgerError> {
        self.inner.claimed_for(id).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerError> {
        self.inner.release(claim).await
    }

    async fn announce(&self, owner: &Owner, lease: Duration) -> Result<Vec<Owner>, LedgerError> {
        self.inner.announce(owner, lease).await
    }

    async fn sweep(&self, age: Duration, most: usize) -> Result<usize, LedgerError> {
        self.inner.sweep(age, most).await
    }

    async fn doubt(&self) -> Result<Option<String>, LedgerError> {
        self.inner.doubt().await
    }

    async fn cast_doubt(&self, why: &str) -> Result<(), LedgerError> {
        self.inner.cast_doubt(why).await
    }

    async fn rejoin(&self) -> Result<(), LedgerError> {
        self.inner.rejoin().await
    }

    async fn cluster(&self, set: SetCluster<'_>) -> Result<Option<ClusterUid>, LedgerError> {
        self.inner.cluster(set).await
    }

    async fn adopt(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        self.inner.adopt(records).await
    }
}
