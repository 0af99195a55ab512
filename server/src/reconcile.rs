//! Brings the cluster to what the ledger says, one store at a time per key, level-based: crash anywhere, start again,
//! and it converges. What to do is decided by [`sendstores_core::plan`]; here it is done and recorded.

mod backups;
mod cluster_guard;
mod cron;
mod due;
mod inventory;
mod lease;
mod members;
mod probe;
mod queue;
mod record;
mod run;
mod slots;
mod work_queue;

use std::{collections::HashSet, pin::pin, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use sendstores_core::{
    State, Store, StoreFilter, StoreId, TenantId,
    admission::TenantLimits,
    backoff::Backoff,
    ledger::{Ledger, Owner, TOMBSTONE_AGE},
    lifecycle::{DueTime, QueueClass},
    operation::Patience,
    provisioner::Provisioner,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    mirror::{Change, Cursor, Mirror},
    permits::ClassPermits,
    supervise::{self, TaskError},
};
pub use backups::{BackupDriver, BackupPolicy};
pub use cluster_guard::{ClusterGuard, Guarded};
pub use cron::{CronDriver, CronPolicy};
use due::Due;
pub use inventory::{InventoryCheck, InventoryError};
use lease::Leases;
pub use members::Members;
use probe::Probe;
use run::{Outcome, Run};
use slots::{Slot, Slots};
use work_queue::{Running, WorkQueue};

/// How tombstones are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_MOST: usize = 1_000;
/// How long runs may take to give their claims back when the process stops.
const RELEASE_LIMIT: Duration = Duration::from_secs(2);
/// A READY store that does not sell is probed twice, this far apart, before it is called DEGRADED.
const CONFIRM: Duration = Duration::from_secs(2);
/// How many changes are read in one turn of the loop.
const CHANGES: usize = 256;

/// How reconcile behaves.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How many runs of each priority class are at work at once. Those that wait, for pods or for a permit, do not count.
    pub runs: usize,
    /// How long a claim lasts unless renewed.
    pub lease: Duration,
    /// How long to wait before a failed step is tried again.
    pub backoff: Backoff,
    /// How long an update may fail before it is rolled back.
    pub patience: Patience,
    /// How often a READY store is probed, on average.
    pub probe_interval: Option<Duration>,
    /// What tenants may have that have no limits of their own.
    pub tenants: TenantLimits,
}

/// One replica's reconcile loop.
pub struct Reconciler<L, P> {
    pub ledger: L,
    pub mirror: Mirror,
    pub provisioner: P,
    pub owner: Owner,
    /// For the acts that change the cluster.
    pub permits: ClassPermits,
    /// Those who share the probes; this replica announces itself among them if it probes.
    pub members: Members,
    pub policy: Policy,
}

// === impl Policy ===

impl Policy {
    /// First after 1 s, then ever slower up to once a minute.
    pub const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };
    /// More than there are permits and requests to the cluster at once. A run that waits costs memory: its claim is renewed
    /// together with all others.
    pub const RUNS: usize = 1_000;
}

// === impl Reconciler ===

impl<L: Ledger, P: Provisioner> Reconciler<L, P> {
    /// Runs until `stop`. Nothing is done while the ledger is not believed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskError> {
        let Self { ledger, mirror, owner, members, policy, .. } = &self;
        let membership = async {
            // Who does not probe takes no share.
            if policy.probe_interval.is_some() {
                members.follow(ledger, mirror, owner, policy.lease, &stop).await;
            }
        };
        tokio::join!(membership, self.work_whenever_believed(&stop));
        Ok(())
    }

    async fn work_whenever_believed(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = self.mirror.dependable() => {}
                () = stop.cancelled() => return,
            }
            self.work(stop).await;
            if !stop.is_cancelled() {
                tracing::warn!("reconcile rests");
            }
        }
    }

    /// Until `stop`, or until the ledger is not believed.
    async fn work(&self, stop: &CancellationToken) {
        let slots = Slots::new(self.policy.runs);
        let mut work = WorkQueue::new(slots.clone());
        let leases = Leases::default();
        let mut renewal = pin!(leases.renew(&self.ledger, self.policy.lease));
        let mut runs = FuturesUnordered::new();
        let mut declared = self.mirror.token_changes();
        let mut cursor = self.resync(&mut work);
        let (mut sweep, mut sweeping) = (tokio::time::interval(SWEEP_EVERY), FuturesUnordered::new());
        loop {
            while let Some((class, id)) = work.next(|tenant| self.most_made_of(tenant)) {
                runs.extend(self.start(class, &id, &mut work, &leases, slots.take(class)));
            }
            work.report();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.mirror.doubted() => break,
                changes = cursor.next(CHANGES) => match changes {
                    Ok(changes) => changes.iter().for_each(|change| self.notice(change, &mut work)),
                    Err(_compacted) => cursor = self.resync(&mut work),
                },
                Some((id, outcome)) = runs.next(), if !runs.is_empty() => self.conclude(id, outcome, &mut work),
                () = work.due() => {}
                () = slots.freed() => {}
                // A tenant may have another limit.
                Ok(()) = declared.changed() => {}
                _ = sweep.tick(), if sweeping.is_empty() => sweeping.push(self.sweep()),
                Some(()) = sweeping.next(), if !sweeping.is_empty() => {}
                never = &mut renewal => match never {},
            }
        }
        work.interrupt_all();
        let released = async { while runs.next().await.is_some() {} };
        if tokio::time::timeout(RELEASE_LIMIT, released).await.is_err() {
            tracing::warn!("some claims were not given back; they expire");
        }
    }

    /// How many stores of the tenant may be in the making here. `None`: any number.
    fn most_made_of(&self, tenant: &TenantId) -> Option<usize> {
        let declared = self.mirror.tenant(tenant).filter(|tenant| !tenant.is_deleted());
        let limits = declared.map(|tenant| tenant.limits).unwrap_or_default().or(self.policy.tenants);
        usize::try_from(limits.provisioning_at_once?).ok()
    }

    /// Queues every store that has something due; the cursor goes on right after them.
    fn resync(&self, work: &mut WorkQueue) -> Cursor {
        let (stores, cursor) = self.mirror.snapshot(&StoreFilter::default());
        let ids: HashSet<_> = stores.iter().map(|store| &store.id).collect();
        work.keep_only(|id| ids.contains(id));
        for store in &stores {
            self.queue(store, work);
        }
        cursor
    }

    fn queue(&self, store: &Store, work: &mut WorkQueue) {
        let row = store.state.lifecycle();
        // Only a newer server knows what this store needs, also to be removed.
        if self.provisioner.engines().foreign_word(store).is_some() {
            return;
        }
        if let Some(wait) = Due::of(store, self.policy.probe_interval).wait() {
            work.push(row.queue, store.id.clone(), store.tenant.clone(), wait);
        }
    }

    /// `None`: there is nothing to do for us now.
    fn start<'a>(
        &'a self,
        class: QueueClass,
        id: &StoreId,
        work: &mut WorkQueue,
        leases: &'a Leases,
        slot: Slot,
    ) -> Option<impl Future<Output = (StoreId, Outcome)> + use<'a, L, P>> {
        let store = self.mirror.get(id)?;
        let row = store.state.lifecycle();
        // What was asked for is dealt with first, by whichever replica.
        let probes = row.due == DueTime::EachProbe && !store.is_behind();
        if row.queue != class || (probes && !self.members.is_responsible(&self.owner, id)) {
            work.suspects.remove(id);
            // Queued again: a replica that takes the probes over finds them spread over the interval, and a store whose
            // class has changed moves to its new queue.
            self.queue(&store, work);
            return None;
        }
        let suspect = match work.suspects.remove(id) {
            Some(since) if probes && since.elapsed() < CONFIRM => {
                work.suspects.insert(id.clone(), since);
                work.push(class, id.clone(), store.tenant.clone(), CONFIRM.saturating_sub(since.elapsed()));
                return None;
            }
            since => since.is_some(),
        };
        let (generation, tenant) = (store.generation, store.tenant.clone());
        let interrupt = CancellationToken::new();
        work.begin(id.clone(), Running { class, tenant, generation, interrupt: interrupt.clone(), again: false });
        let probe = probes.then_some(Probe { store, suspect });
        let run = Run::new(self, leases, slot, id.clone(), interrupt, probe);
        let (id, lease) = (id.clone(), self.policy.lease);
        Some(async move {
            // A panic in the work itself is caught inside, under the claim. This one is in the claim's own keeping.
            supervise::caught("run", run.run()).await.unwrap_or_else(|panicked| {
                tracing::error!(store = %id, %panicked, "a run broke off; its claim expires");
                (id, Outcome::RetryIn(lease))
            })
        })
    }

    /// A store changed: a newer intent interrupts a run, and whatever is due is queued.
    fn notice(&self, change: &Change, work: &mut WorkQueue) {
        let store = &change.store;
        if store.state == State::Deleted {
            work.dealt_with.remove(&store.id);
            work.suspects.remove(&store.id);
        } else if let Some(run) = work.running(&store.id) {
            if store.generation > run.generation {
                run.again = true;
                run.interrupt.cancel();
            }
        } else if work.dealt_with.get(&store.id).is_none_or(|known| *known < change.revision) {
            self.queue(store, work);
        }
    }

    fn conclude(&self, id: StoreId, outcome: Outcome, work: &mut WorkQueue) {
        let Some(ended) = work.end(&id) else { return };
        let latest = self.mirror.get(&id);
        let class = latest.as_ref().map_or(ended.class, |store| store.state.lifecycle().queue);
        match outcome {
            _ if ended.again => work.push(class, id, ended.tenant, Duration::ZERO),
            Outcome::RetryIn(wait) => work.push(class, id, ended.tenant, wait),
            Outcome::Nothing => {}
            Outcome::Suspect => {
                work.suspects.insert(id.clone(), Instant::now());
                work.push(QueueClass::Probe, id, ended.tenant, CONFIRM);
            }
            Outcome::Rest(store) => match latest.filter(|latest| latest.revision > store.revision) {
                // It changed without this run, such as by the creation of a store of an id that was just removed.
                Some(latest) => self.queue(&latest, work),
                None => self.rest(&store, work),
            },
        }
    }

    fn rest(&self, store: &Store, work: &mut WorkQueue) {
        if store.state != State::Deleted {
            work.dealt_with.insert(store.id.clone(), store.revision);
        }
        self.queue(store, work);
    }

    async fn sweep(&self) {
        match self.ledger.sweep(TOMBSTONE_AGE, SWEEP_MOST).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "old tombstones were removed"),
            Err(error) => tracing::warn!(%error, "old tombstones were not removed"),
        }
    }
}
