//! Whether the cluster that this server reaches is the one that its stores stand in. A kubeconfig that leads to another one
//! would show every store as lost, so the server does nothing there.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Engines, Failure, FailureReason, Release, StepName, Store,
    adoption::{self, Inventory, ListNamespaces},
    backoff::Backoff,
    backup::{
        JobUid,
        job::{JobSeen, RunJobs, Task},
    },
    cluster::{ClusterUid, Identify, Identity, Standing},
    cron::RunCron,
    ledger::{Ledger, SetCluster},
    observed::{Activity, Progress, Remains, Seen},
    provisioner::{Provisioner, StepError},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::inventory::{InventoryCheck, InventoryError};
use crate::supervise::TaskError;

/// How often the cluster is asked again that was the right one.
const AGAIN: Duration = Duration::from_secs(60);
/// How often another one is asked again, and the ledger with it.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// While the cluster does not answer, it is asked again after this, then ever more seldom.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(5) };

/// Asks which cluster this is, at the start and from time to time; compares it with the ledger once it is the right one.
pub struct ClusterGuard<L, C> {
    check: InventoryCheck<L, C>,
    standing: watch::Sender<Standing>,
    compared: bool,
}

/// A cluster in which nothing is done unless it is the right one.
#[derive(Clone)]
pub struct Guarded<P> {
    inner: P,
    standing: watch::Receiver<Standing>,
}

// === impl ClusterGuard ===

impl<L: Ledger, C: ListNamespaces + Identify> ClusterGuard<L, C> {
    pub fn new(check: InventoryCheck<L, C>) -> Self {
        Self { check, standing: watch::Sender::new(Standing::Pending), compared: false }
    }

    /// `inner` for the workers: it does nothing unless this is the right cluster.
    pub fn guard<P>(&self, inner: P) -> Guarded<P> {
        Guarded { inner, standing: self.standing.subscribe() }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), TaskError> {
        let asked = async {
            let mut failures = 0_u32;
            loop {
                let outcome = self.check().await;
                failures = if outcome.is_ok() { 0 } else { failures.saturating_add(1) };
                let wait = match (outcome, &*self.standing.borrow()) {
                    (Ok(()), Standing::Here) => AGAIN,
                    (Ok(()), _) => ELSEWHERE,
                    (Err(error), _) => {
                        tracing::debug!(%error, failures, "the cluster could not be compared with the ledger");
                        BACKOFF.wait(failures, 0.5)
                    }
                };
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            () = asked => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    /// Asks now, and compares the cluster with the ledger if that was not done yet.
    pub async fn check(&mut self) -> Result<(), InventoryError> {
        match self.ask().await {
            Ok(standing) => self.set(standing),
            Err(error) => {
                // What was known of it stays: no answer is no other cluster.
                let is_known = matches!(*self.standing.borrow(), Standing::Here | Standing::Elsewhere(_));
                if let InventoryError::Cluster(error) = &error
                    && !is_known
                {
                    self.standing.send_replace(Standing::Unreachable(error.message.clone()));
                }
                return Err(error);
            }
        }
        if !self.compared && *self.standing.borrow() == Standing::Here {
            self.check.compare().await?;
            self.compared = true;
        }
        Ok(())
    }

    async fn ask(&self) -> Result<Standing, InventoryError> {
        let here = match self.check.cluster.identify().await? {
            Identity::Known(uid) => uid,
            Identity::Hidden(why) => {
                if *self.standing.borrow() != Standing::Here {
                    tracing::warn!(
                        why,
                        "the cluster does not say which one it is, so that another one would not be noticed"
                    );
                }
                return Ok(Standing::Here);
            }
        };
        let kept = match self.check.ledger.cluster(SetCluster::No).await? {
            None => self.keep(&here).await?,
            kept => kept,
        };
        Ok(match kept {
            Some(kept) if kept != here => Standing::Elsewhere(format!(
                "the kubeconfig leads to the cluster {here}, and the stores of this Redis stand in the cluster {kept}: start \
                 the server with the right kubeconfig and context, or, if the stores have moved, run adopt --this-cluster"
            )),
            None => Standing::Elsewhere(format!(
                "Redis knows complete stores, and the cluster {here} has none of them: start the server with the right \
                 kubeconfig, context and --instance, or, if it is the right one, run adopt --this-cluster"
            )),
            Some(_) => Standing::Here,
        })
    }

    /// Has the ledger keep this cluster. `None`: an older program has kept none, and this can hardly be the right one.
    async fn keep(&self, here: &ClusterUid) -> Result<Option<ClusterUid>, InventoryError> {
        let InventoryCheck { ledger, cluster, .. } = &self.check;
        let inventory = Inventory { found: cluster.list().await?, ..Inventory::default() };
        let records = ledger.scan().await?;
        let findings = adoption::compare(&records, &inventory, SystemTime::now().into());
        let shortfall = adoption::shortfall(&records.resources, &inventory.found, &findings, false);
        if shortfall.is_some_and(|shortfall| shortfall.missing == shortfall.known) {
            return Ok(None);
        }
        let kept = ledger.cluster(SetCluster::IfNone(here)).await?;
        // In doubt nothing is kept, and adopt will say what is right.
        Ok(kept.or_else(|| Some(here.clone())))
    }

    fn set(&self, standing: Standing) {
        let why = match &standing {
            Standing::Elsewhere(why) => Some(why.clone()),
            Standing::Pending | Standing::Unreachable(_) | Standing::Here => None,
        };
        self.check.mirror.set_elsewhere(why);
        self.standing.send_if_modified(|known| {
            let changed = *known != standing;
            *known = standing;
            changed
        });
    }
}

// === impl Guarded ===

impl<P> Guarded<P> {
    /// Waits for the first answer of the cluster, and fails unless it is the right one.
    async fn at_home(&self) -> Result<&P, StepError> {
        let mut standing = self.standing.clone();
        // The sender is gone once the server stops: what was known last counts.
        let _ = standing.wait_for(|standing| *standing != Standing::Pending).await;
        let refused = |why: &str| Err(StepError::retryable(FailureReason::ClusterUnavailable, why));
        match &*standing.borrow() {
            Standing::Here => Ok(&self.inner),
            Standing::Pending => refused("the cluster was not asked which one it is"),
            Standing::Unreachable(why) | Standing::Elsewhere(why) => refused(why),
        }
    }
}

impl<P: Provisioner> Provisioner for Guarded<P> {
    fn engines(&self) -> Engines {
        self.inner.engines()
    }

    async fn observe(&self, store: &Store, step: StepName) -> Result<Seen<Progress>, StepError> {
        self.at_home().await?.observe(store, step).await
    }

    async fn ensure(&self, store: &Store, step: StepName) -> Result<(), StepError> {
        self.at_home().await?.ensure(store, step).await
    }

    async fn wait(&self, store: &Store, step: StepName, last: &Progress) -> Result<Seen<Progress>, StepError> {
        self.at_home().await?.wait(store, step, last).await
    }

    async fn made_from(&self, store: &Store) -> Result<Option<Release>, StepError> {
        self.at_home().await?.made_from(store).await
    }

    async fn remember(&self, store: &Store) -> Result<(), StepError> {
        self.at_home().await?.remember(store).await
    }

    async fn observe_remains(&self, store: &Store) -> Result<Seen<Remains>, StepError> {
        self.at_home().await?.observe_remains(store).await
    }

    async fn remove(&self, store: &Store) -> Result<(), StepError> {
        self.at_home().await?.remove(store).await
    }

    async fn diagnose(&self, store: &Store, failure: Failure) -> Failure {
        match self.at_home().await {
            Ok(inner) => inner.diagnose(store, failure).await,
            Err(_) => failure,
        }
    }

    async fn observe_activity(&self, store: &Store) -> Result<Seen<Activity>, StepError> {
        self.at_home().await?.observe_activity(store).await
    }

    async fn stop(&self, store: &Store) -> Result<(), StepError> {
        self.at_home().await?.stop(store).await
    }

    async fn wait_stop(&self, store: &Store, last: &Activity) -> Result<Seen<Activity>, StepError> {
        self.at_home().await?.wait_stop(store, last).await
    }

    async fn wait_removal(&self, store: &Store, last: &Remains) -> Result<Seen<Remains>, StepError> {
        self.at_home().await?.wait_removal(store, last).await
    }
}

impl<P: RunJobs> RunJobs for Guarded<P> {
    async fn look(&self, task: Task<'_>) -> Result<JobSeen, StepError> {
        self.at_home().await?.look(task).await
    }

    async fn make(&self, task: Task<'_>) -> Result<JobUid, StepError> {
        self.at_home().await?.make(task).await
    }

    async fn wait(&self, task: Task<'_>, last: &JobSeen) -> Result<JobSeen, StepError> {
        self.at_home().await?.wait(task, last).await
    }

    async fn clear(&self, task: Task<'_>) -> Result<(), StepError> {
        self.at_home().await?.clear(task).await
    }
}

impl<P: RunCron> RunCron for Guarded<P> {
    async fn run_cron(&self, store: &Store) -> Result<(), StepError> {
        self.at_home().await?.run_cron(store).await
    }
}
