//! Whose turn it is when: every open shop once an interval, none of them in step.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rand::RngExt;
use sendstores_core::{Store, StoreId, TenantId, Uid, backoff::Backoff};
use tokio_util::sync::CancellationToken;

use crate::{mirror::Entry, reconcile::queue::Queue};

/// A shop that fails is asked ever more seldom, down to once in this many intervals.
const SELDOM: u32 = 8;

/// Bounded by the number of stores.
pub(super) struct Schedule {
    interval: Duration,
    queue: Queue,
    turns: HashMap<StoreId, Turn>,
}

/// What is known of an open shop.
struct Turn {
    /// Excludes an earlier one of the same id.
    uid: Uid,
    tenant: Option<TenantId>,
    /// In a row.
    failures: u32,
    /// Cancelled when a call under way is no longer wanted.
    unwanted: Option<CancellationToken>,
}

/// Whether its scheduled jobs run. Those of a DEGRADED store do, too: they may be what mends it.
pub(super) fn runs_jobs(store: &Store) -> bool {
    store.state.lifecycle().runs_cron
}

// === impl Schedule ===

impl Schedule {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, queue: Queue::default(), turns: HashMap::new() }
    }

    /// All stores there are; a store that is not among them has no turn any more.
    pub(super) fn keep_only(&mut self, stores: &[Arc<Entry>]) {
        let open: HashMap<&StoreId, &Uid> =
            stores.iter().filter(|store| runs_jobs(store)).map(|store| (&store.id, &store.uid)).collect();
        let gone = self.turns.iter().filter(|(id, turn)| open.get(id) != Some(&&turn.uid)).map(|(id, _)| id.clone());
        gone.collect::<Vec<_>>().iter().for_each(|id| self.close(id));
        stores.iter().for_each(|store| self.notice(store));
    }

    /// A store opens: its first turn is somewhere in the interval, so that stores that open together, or all of them
    /// when a replica starts, do not come together. A store closes: it has no turn.
    pub(super) fn notice(&mut self, store: &Store) {
        if self.turns.get(&store.id).is_some_and(|turn| !runs_jobs(store) || turn.uid != store.uid) {
            self.close(&store.id);
        }
        if runs_jobs(store) && !self.turns.contains_key(&store.id) {
            let (uid, tenant) = (store.uid.clone(), store.tenant.clone());
            self.turns.insert(store.id.clone(), Turn { uid, tenant: tenant.clone(), failures: 0, unwanted: None });
            self.queue.push(store.id.clone(), tenant, self.interval.mul_f64(rand::rng().random()));
        }
    }

    /// The first whose turn it is.
    pub(super) fn next(&mut self) -> Option<StoreId> {
        self.queue.pop_ready(|_| true, |_| true).map(|(id, _)| id)
    }

    pub(super) fn is_anyone_due(&self) -> bool {
        self.queue.is_any_ready()
    }

    /// Returns once it is another one's turn. Safe to drop while waiting.
    pub(super) async fn due(&mut self) {
        self.queue.due().await;
    }

    /// It is another replica's now. That may change, so it has a turn all the same.
    pub(super) fn passed_over(&mut self, id: &StoreId) {
        if let Some(tenant) = self.turns.get(id).map(|turn| turn.tenant.clone()) {
            self.queue.push(id.clone(), tenant, self.wait(0));
        }
    }

    /// Its call is under way, if it has a turn; the token is cancelled when that is no longer wanted.
    pub(super) fn begun(&mut self, id: &StoreId) -> Option<CancellationToken> {
        let unwanted = CancellationToken::new();
        self.turns.get_mut(id)?.unwanted = Some(unwanted.clone());
        Some(unwanted)
    }

    /// Its call is over, and it has its next turn if it is still open; how often it failed in a row.
    pub(super) fn concluded(&mut self, id: &StoreId, well: bool) -> u32 {
        let Some(turn) = self.turns.get_mut(id) else { return 0 };
        turn.unwanted = None;
        turn.failures = if well { 0 } else { turn.failures.saturating_add(1) };
        let (failures, tenant) = (turn.failures, turn.tenant.clone());
        self.queue.push(id.clone(), tenant, self.wait(failures));
        failures
    }

    /// An interval, give or take a tenth; longer after failures.
    fn wait(&self, failures: u32) -> Duration {
        let random: f64 = rand::rng().random();
        match failures {
            0 => self.interval.mul_f64(0.9 + 0.2 * random),
            _ => Backoff { first: self.interval, most: self.interval * SELDOM }.wait(failures, random),
        }
    }

    /// It has no turn any more.
    pub(super) fn close(&mut self, id: &StoreId) {
        // What is left of it in the queue is passed over when its time comes.
        if let Some(unwanted) = self.turns.remove(id).and_then(|turn| turn.unwanted) {
            unwanted.cancel();
        }
    }
}
