//! Brings the cluster to what the ledger says, one store at a time per key, level-based: crash anywhere, start again,
//! and it converges. What to do is decided by [`sendstores_core::plan`]; here it is done and recorded.

mod due;
mod lease;
mod queue;
mod record;
mod run;

use std::{collections::HashMap, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use sendstores_core::{
    StoreFilter, StoreId,
    backoff::Backoff,
    ledger::{Ledger, Owner},
    provisioner::Provisioner,
};
use tokio_util::sync::CancellationToken;

use crate::{
    mirror::{Change, Cursor, Mirror, Status},
    supervise::TaskError,
};
use due::Due;
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
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskError> {
        let mut status = self.mirror.status();
        tokio::select! {
            live = status.wait_for(|status| *status == Status::Live) => { live?; }
            () = stop.cancelled() => return Ok(()),
        }
        let mut queue = Queue::default();
        let mut running: HashMap<StoreId, Running> = HashMap::new();
        let mut runs = FuturesUnordered::new();
        let mut cursor = self.take_stock(&mut queue);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            while runs.len() < self.policy.concurrency
                && let Some(id) = queue.pop_ready(|id| !running.contains_key(id))
            {
                let Some(run) = self.start(&id, &mut running) else { continue };
                runs.push(run);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                changes = cursor.next(CHANGES) => match changes {
                    Ok(changes) => changes.iter().for_each(|change| self.notice(change, &mut queue, &mut running)),
                    Err(_compacted) => cursor = self.take_stock(&mut queue),
                },
                Some((id, outcome)) = runs.next(), if !runs.is_empty() => self.conclude(id, outcome, &mut queue, &mut running),
                () = queue.due() => {}
                _ = sweep.tick() => self.sweep().await,
            }
        }
        running.values().for_each(|run| run.interrupt.cancel());
        let farewell = async { while runs.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("some claims were not given back; they expire");
        }
        Ok(())
    }

    /// Queues every store that has something due; the cursor goes on right behind.
    fn take_stock(&self, queue: &mut Queue) -> Cursor {
        let (stores, cursor) = self.mirror.snapshot(&StoreFilter::default());
        for store in stores {
            if let Some(wait) = Due::of(&store, self.policy.probe_interval).wait() {
                queue.push(store.id.clone(), wait);
            }
        }
        cursor
    }

    fn start(
        &self,
        id: &StoreId,
        running: &mut HashMap<StoreId, Running>,
    ) -> Option<impl Future<Output = (StoreId, Outcome)> + use<'_, L, P>> {
        let generation = self.mirror.get(id)?.generation;
        let interrupt = CancellationToken::new();
        running.insert(id.clone(), Running { generation, interrupt: interrupt.clone(), again: false });
        let run = Run::new(self, id.clone(), interrupt);
        Some(async move { run.run().await })
    }

    /// A store changed: a newer intent interrupts a run, and whatever is due is queued.
    fn notice(&self, change: &Change, queue: &mut Queue, running: &mut HashMap<StoreId, Running>) {
        let store = &change.store;
        if let Some(run) = running.get_mut(&store.id) {
            if store.generation > run.generation {
                run.again = true;
                run.interrupt.cancel();
            }
        } else if let Some(wait) = Due::of(store, self.policy.probe_interval).wait() {
            queue.push(store.id.clone(), wait);
        }
    }

    fn conclude(&self, id: StoreId, outcome: Outcome, queue: &mut Queue, running: &mut HashMap<StoreId, Running>) {
        let again = running.remove(&id).is_some_and(|run| run.again);
        let due = || self.mirror.get(&id).and_then(|store| Due::of(&store, self.policy.probe_interval).wait());
        let wait = match outcome {
            _ if again => Some(Duration::ZERO),
            Outcome::Rest => due(),
            Outcome::RetryIn(wait) => Some(wait),
        };
        if let Some(wait) = wait {
            queue.push(id, wait);
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
