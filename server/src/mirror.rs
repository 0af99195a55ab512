//! Every resource in memory, kept up to date from the one log: what reads and watches are served from.
//!
//! A replica reads ONE log on one connection, however many watchers it has. A watcher is a [`Cursor`]: a position in a
//! ring of recent changes.

mod age;
mod counts;
mod cursor;
mod entry;
mod follow;
mod fresh;
mod index;
mod snapshot;
mod stores;
mod table;
mod tables;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sendstores_core::{
    Backup, BackupId, Engine, Epoch, Listing, Place, ResourceId, Revision, Scope, State, StoreFilter, StoreId, Summary,
    Tenant, TenantId, Timestamp, Token, TokenId,
    ledger::{LedgerError, Unreadable},
};
use tokio::sync::watch;

pub use cursor::{Compacted, Cursor};
pub use entry::Entry;
pub use index::{Change, Encoded};
pub use snapshot::Snapshot;

use age::Age;
use fresh::Fresh;
use index::Index;

/// Clones share one memory.
#[derive(Clone)]
pub struct Mirror(Arc<Inner>);

struct Inner {
    index: RwLock<Index>,
    /// The revision the index is at; grows after each applied change.
    revision: watch::Sender<Revision>,
    status: watch::Sender<Status>,
    doubt: watch::Sender<Option<Doubt>>,
    elsewhere: watch::Sender<Option<String>>,
    /// Grows when a token changes.
    tokens: watch::Sender<u64>,
    /// Grows when a backup changes.
    backups: watch::Sender<u64>,
    snapshots: snapshot::Shared,
    fresh: Fresh,
    age: Age,
}

/// Whether the mirror can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not complete yet.
    Loading,
    /// Complete, and following the log.
    Live,
    /// Complete as of some time ago; the log cannot be read.
    Stale(String),
}

/// Why the ledger is not believed any more. Nothing is written or done while there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub why: String,
    /// Everything was in memory when the ledger lost it, so that the memory is the newest truth there is. Otherwise what
    /// is not in memory may exist all the same.
    pub complete: bool,
}

/// How old what is read may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// Never older than anything acknowledged before: the ledger is asked.
    Linearizable,
    /// As old as the mirror is: the ledger is not asked.
    Stale,
}

/// Why a read cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the stores are still being read from the ledger")]
    Loading,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A page of stores, and the position it is as new as.
pub struct Page {
    pub stores: Vec<Arc<Entry>>,
    /// Whether more stores follow.
    pub more: bool,
    /// How many stores the list has, on all its pages.
    pub total: usize,
    pub position: Position,
}

/// The stores by number, as of one revision.
pub struct Counted {
    pub summary: Summary,
    /// The store that [`Summary::oldest`] names.
    pub oldest: Option<Arc<Entry>>,
    pub revision: Revision,
}

// === impl Mirror ===

impl Mirror {
    /// An empty mirror; [`Mirror::follow`] fills it. `ring` is how many recent changes are kept for watchers.
    pub fn new(ring: usize) -> Self {
        Self(Arc::new(Inner {
            // No ledger has this epoch: nothing goes on from before the first load.
            index: RwLock::new(Index::new(Epoch::from_random(0), ring)),
            revision: watch::Sender::new(Revision::ZERO),
            status: watch::Sender::new(Status::Loading),
            doubt: watch::Sender::new(None),
            elsewhere: watch::Sender::new(None),
            tokens: watch::Sender::new(0),
            backups: watch::Sender::new(0),
            snapshots: snapshot::Shared::default(),
            fresh: Fresh::default(),
            age: Age::new(),
        }))
    }

    pub fn get(&self, id: &StoreId) -> Option<Arc<Entry>> {
        self.read().get(id)
    }

    /// How many stores there are of each engine in each state, tombstones included.
    pub fn count_stores(&self) -> BTreeMap<(State, Engine), usize> {
        self.read().count_stores()
    }

    /// How many tokens never expire, revoked ones left out.
    pub fn count_tokens_without_expiry(&self) -> usize {
        self.read().count_tokens_without_expiry()
    }

    /// Why the resource of this id is set aside, if it is: its newest record cannot be read.
    pub fn unreadable(&self, id: &impl ResourceId) -> Option<Unreadable> {
        self.read().unreadable(&id.key()).cloned()
    }

    /// The tenant of this id, if it is declared; deleted ones included until they are forgotten.
    pub fn tenant(&self, id: &TenantId) -> Option<Arc<Entry<Tenant>>> {
        self.read().tenant(id)
    }

    /// Up to `most` tenants after the id `after` that are not deleted, in the order of ids.
    pub fn tenants(&self, after: Option<&TenantId>, most: usize) -> Vec<Arc<Entry<Tenant>>> {
        self.read().tenants(after, most)
    }

    /// The token of this id; revoked ones included until they are forgotten.
    pub fn token(&self, id: &TokenId) -> Option<Arc<Entry<Token>>> {
        self.read().token(id)
    }

    /// Up to `most` tokens after the id `after` that are for stores of the scope alone, in the order of ids; revoked ones
    /// included until they are forgotten.
    pub fn tokens(&self, scope: &Scope, after: Option<&TokenId>, most: usize) -> Vec<Arc<Entry<Token>>> {
        self.read().tokens(scope, after, most)
    }

    /// Grows with each change of a token or a tenant: what was read of callers before may be wrong after.
    pub fn token_changes(&self) -> watch::Receiver<u64> {
        self.0.tokens.subscribe()
    }

    /// The backup of this id; deleted ones included until they are forgotten.
    pub fn backup(&self, id: &BackupId) -> Option<Arc<Entry<Backup>>> {
        self.read().backup(id)
    }

    /// Up to `most` backups after the id `after` that `wanted` lets through and that are not deleted, in the order of ids. Looks
    /// at all of them.
    pub fn backups(
        &self,
        wanted: impl Fn(&Backup) -> bool,
        after: Option<&BackupId>,
        most: usize,
    ) -> Vec<Arc<Entry<Backup>>> {
        self.read().backups(wanted, after, most)
    }

    /// Grows with each change of a backup.
    pub fn backup_changes(&self) -> watch::Receiver<u64> {
        self.0.backups.subscribe()
    }

    /// Up to `most` stores of the list after the place `after`, in its order.
    pub fn list(&self, listing: &Listing, after: Option<&Place>, most: usize) -> Page {
        let index = self.read();
        let (mut stores, total) = index.page(listing, after, most.saturating_add(1));
        let more = stores.len() > most;
        stores.truncate(most);
        Page { stores, more, total, position: index.position() }
    }

    /// How many stores there are of what `filter` means, with the changes of the last hour before `now`.
    pub fn summary(&self, filter: &StoreFilter, now: Timestamp) -> Counted {
        let index = self.read();
        let (summary, oldest) = index.summary(filter, now);
        Counted { summary, oldest, revision: index.revision() }
    }

    /// Everything that `filter` means, and a cursor that goes on right after it.
    pub fn snapshot(&self, filter: &StoreFilter) -> (Vec<Arc<Entry>>, Cursor) {
        let (stores, cursor) = self.shared_snapshot(filter.clone());
        (stores.collect(), cursor)
    }

    /// The same for a caller who takes the stores one at a time, with pauses.
    pub fn shared_snapshot(&self, filter: StoreFilter) -> (Snapshot, Cursor) {
        let revisions = self.0.revision.subscribe();
        let index = self.read();
        let snapshot = self.0.snapshots.snapshot(&index, filter);
        (snapshot, Cursor::new(self.clone(), index.position(), revisions))
    }

    /// A cursor that goes on right after `after`.
    pub fn resume(&self, after: Position) -> Cursor {
        Cursor::new(self.clone(), after, self.0.revision.subscribe())
    }

    /// The position of what is in memory.
    pub fn position(&self) -> Position {
        self.read().position()
    }

    pub fn revision(&self) -> Revision {
        *self.0.revision.borrow()
    }

    /// The revision after which every change can still be handed out.
    pub fn oldest(&self) -> Revision {
        self.read().floor()
    }

    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.subscribe()
    }

    pub fn doubt(&self) -> watch::Receiver<Option<Doubt>> {
        self.0.doubt.subscribe()
    }

    /// Why nothing is written although the ledger is believed: this server reaches another cluster than that of its stores.
    pub fn elsewhere(&self) -> watch::Receiver<Option<String>> {
        self.0.elsewhere.subscribe()
    }

    /// From now on nothing is written because of `why`; `None`: the cluster is the right one.
    pub fn set_elsewhere(&self, why: Option<String>) {
        let changed = self.0.elsewhere.send_if_modified(|known| {
            // Before the change can be seen, so that a reader of both sees both.
            metrics::gauge!("sendstores_wrong_cluster").set(if why.is_some() { 1.0 } else { 0.0 });
            let changed = *known != why;
            known.clone_from(&why);
            changed
        });
        match why {
            Some(why) if changed => tracing::error!(why, "WRONG CLUSTER: nothing is written, made or removed"),
            None if changed => tracing::info!("the cluster is the right one again"),
            Some(_) | None => {}
        }
    }

    /// From now on the ledger is not believed. The first doubt stays: it is most likely the cause of the rest.
    pub fn suspect(&self, why: &str, complete: bool) {
        let first = self.0.doubt.send_if_modified(|doubt| {
            let first = doubt.is_none();
            // Before any reader can see it, so that a reader of the one sees the other.
            metrics::gauge!("sendstores_read_only").set(1.0);
            doubt.get_or_insert_with(|| Doubt { why: why.to_owned(), complete });
            first
        });
        if first {
            tracing::error!(why, "READ-ONLY: nothing is written or deleted until an operator decides how to go on");
        }
    }

    /// Returns once the memory is complete, follows the log, the ledger is believed, and the cluster is the right one.
    pub async fn dependable(&self) {
        let (mut status, mut doubt) = (self.0.status.subscribe(), self.0.doubt.subscribe());
        let mut elsewhere = self.0.elsewhere.subscribe();
        loop {
            // The mirror owns all senders: none ends before it.
            let _ = status.wait_for(|status| *status == Status::Live).await;
            let _ = elsewhere.wait_for(Option::is_none).await;
            let _ = doubt.wait_for(Option::is_none).await;
            if *self.0.status.borrow() == Status::Live && self.0.elsewhere.borrow().is_none() {
                return;
            }
        }
    }

    /// Returns once the ledger is not believed, or the cluster is not the right one.
    pub async fn doubted(&self) {
        let (mut doubt, mut elsewhere) = (self.0.doubt.subscribe(), self.0.elsewhere.subscribe());
        tokio::select! {
            _ = doubt.wait_for(Option::is_some) => {}
            _ = elsewhere.wait_for(Option::is_some) => {}
        }
    }

    /// The ledger is believed again.
    fn trust(&self) {
        self.0.doubt.send_if_modified(|doubt| {
            metrics::gauge!("sendstores_read_only").set(0.0);
            doubt.take().is_some()
        });
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that tokens have changed, once the change can be read.
    fn tokens_changed(&self) {
        self.0.tokens.send_modify(|count| *count += 1);
    }

    /// Says that backups have changed, once the change can be read.
    fn backups_changed(&self) {
        self.0.backups.send_modify(|count| *count += 1);
    }

    fn set_status(&self, status: Status) {
        self.0.status.send_if_modified(|current| {
            let changed = *current != status;
            *current = status;
            changed
        });
    }
}

/// A position in the history of one ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub epoch: Epoch,
    pub revision: Revision,
}
