//! Brings the cluster to what the ledger says, one store at a time per key, level-based: crash anywhere, start again,
//! and it converges. What to do is decided by [`sendstores_core::plan`]; here it is done and recorded.

mod census;
mod cron;
mod due;
mod duty;
mod lease;
mod queue;
mod record;
mod run;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use sendstores_core::{
    Revision, State, Store, StoreFilter, StoreId,
    backoff::Backoff,
    ledger::{Duty, Ledger, Owner},
    provisioner::Provisioner,
};
use tokio_util::sync::CancellationToken;

use crate::{
    mirror::{Change, Cursor, Mirror},
    supervise::TaskError,
};
pub use census::{CensusError, CensusTaker};
pub use cron::{CronDriver, CronPolicy};
use due::Due;
use duty::{Post, Raised};
use queue::Queue;
use run::{Outcome, Run};

/// How tombstones are removed: long behind any history a watcher could still read.
const TOMBSTONE_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_MOST: usize = 1_000;
/// How long runs may take to give their claims back when the process stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// How many changes are looked at in one turn of the loop.
const CHANGES: usize = 256;

/// How reconcile behaves.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Stores worked on at once.
    pub concurrency: usize,
    /// How long a claim lasts unless renewed.
    pub lease: Duration,
    /// How long to wait before a failed step is tried again.
    pub backoff: Backoff,
    /// How often a READY store is probed, on average.
    pub probe_interval: Option<Duration>,
}

/// One replica's reconcile loop.
pub struct Reconciler<L, P> {
    pub ledger: L,
    pub mirror: Mirror,
    pub provisioner: P,
    pub owner: Owner,
    pub policy: Policy,
}

/// What is worked on, and what is known of the rest.
#[derive(Default)]
struct Desk {
    queue: Queue,
    running: HashMap<StoreId, Running>,
    /// Up to which revision each store was dealt with: the mirror tells our own writes again, later.
    dealt_with: HashMap<StoreId, Revision>,
}

/// A run under way.
struct Running {
    /// The intent it works on.
    generation: u64,
    interrupt: CancellationToken,
    /// A newer intent came: run again at once.
    again: bool,
}

// === impl Policy ===

impl Policy {
    /// First after 1 s, then ever slower up to once a minute.
    pub const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };
}

// === impl Reconciler ===

impl<L: Ledger, P: Provisioner> Reconciler<L, P> {
    /// Runs until `stop`. Nothing is done while the ledger is not believed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskError> {
        let probes = AtomicBool::new(false);
        let Self { ledger, mirror, owner, policy, .. } = &self;
        let post = Post { ledger, mirror, owner, duty: Duty::Probe, lease: policy.lease };
        let on_duty = async {
            if policy.probe_interval.is_some() {
                post.serve(&stop, || Raised::until_dropped(&probes)).await;
            }
        };
        tokio::join!(on_duty, self.work_whenever_believed(&stop, &probes));
        Ok(())
    }

    async fn work_whenever_believed(&self, stop: &CancellationToken, probes: &AtomicBool) {
        loop {
            tokio::select! {
                () = self.mirror.dependable() => {}
                () = stop.cancelled() => return,
            }
            self.work(stop, probes).await;
            if !stop.is_cancelled() {
                tracing::warn!("reconcile rests");
            }
        }
    }

    /// Until `stop`, or until the ledger is not believed. `probes`: shops that are READY are looked at from here.
    async fn work(&self, stop: &CancellationToken, probes: &AtomicBool) {
        let mut desk = Desk::default();
        let mut runs = FuturesUnordered::new();
        let mut cursor = self.take_stock(&mut desk);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            while runs.len() < self.policy.concurrency
                && let Some(id) = desk.next()
            {
                runs.extend(self.start(&id, &mut desk, probes.load(Ordering::Relaxed)));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.mirror.doubted() => break,
                changes = cursor.next(CHANGES) => match changes {
                    Ok(changes) => changes.iter().for_each(|change| self.notice(change, &mut desk)),
                    Err(_compacted) => cursor = self.take_stock(&mut desk),
                },
                Some((id, outcome)) = runs.next(), if !runs.is_empty() => self.conclude(id, outcome, &mut desk),
                () = desk.queue.due() => {}
                _ = sweep.tick() => self.sweep().await,
            }
        }
        desk.running.values().for_each(|run| run.interrupt.cancel());
        let farewell = async { while runs.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("some claims were not given back; they expire");
        }
    }

    /// Queues every store that has something due; the cursor goes on right behind.
    fn take_stock(&self, desk: &mut Desk) -> Cursor {
        let (stores, cursor) = self.mirror.snapshot(&StoreFilter::default());
        for store in stores {
            self.queue(&store, desk);
        }
        cursor
    }

    fn queue(&self, store: &Store, desk: &mut Desk) {
        if let Some(wait) = Due::of(store, self.policy.probe_interval).wait() {
            desk.queue.push(store.id.clone(), wait);
        }
    }

    /// `None`: there is nothing to do for us now.
    fn start(
        &self,
        id: &StoreId,
        desk: &mut Desk,
        probes: bool,
    ) -> Option<impl Future<Output = (StoreId, Outcome)> + use<'_, L, P>> {
        let store = self.mirror.get(id)?;
        if store.state == State::Ready && !probes {
            // Its turn goes on, so that whoever takes the duty over begins in the middle of its round.
            self.queue(&store, desk);
            return None;
        }
        let generation = store.generation;
        let interrupt = CancellationToken::new();
        desk.running.insert(id.clone(), Running { generation, interrupt: interrupt.clone(), again: false });
        let run = Run::new(self, id.clone(), interrupt);
        Some(async move { run.run().await })
    }

    /// A store changed: a newer intent interrupts a run, and whatever is due is queued.
    fn notice(&self, change: &Change, desk: &mut Desk) {
        let store = &change.store;
        if store.state == State::Deleted {
            desk.dealt_with.remove(&store.id);
        } else if let Some(run) = desk.running.get_mut(&store.id) {
            if store.generation > run.generation {
                run.again = true;
                run.interrupt.cancel();
            }
        } else if desk.dealt_with.get(&store.id).is_none_or(|known| *known < change.revision) {
            self.queue(store, desk);
        }
    }

    fn conclude(&self, id: StoreId, outcome: Outcome, desk: &mut Desk) {
        let again = desk.running.remove(&id).is_some_and(|run| run.again);
        match outcome {
            _ if again => desk.queue.push(id, Duration::ZERO),
            Outcome::RetryIn(wait) => desk.queue.push(id, wait),
            Outcome::Nothing => {}
            Outcome::Rest(store) => {
                desk.dealt_with.insert(id, store.revision);
                self.queue(&store, desk);
            }
        }
    }

    async fn sweep(&self) {
        match self.ledger.sweep(TOMBSTONE_AGE, SWEEP_MOST).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "old tombstones were removed"),
            Err(error) => tracing::warn!(%error, "old tombstones were not removed"),
        }
    }
}

// === impl Desk ===

impl Desk {
    /// The first store that is due and not worked on already.
    fn next(&mut self) -> Option<StoreId> {
        self.queue.pop_ready(|id| !self.running.contains_key(id))
    }
}
