//! One run for the backups of one store: claim the repository, then plan, act and record for one backup after the other.

use std::time::Duration;

use sendstores_core::{
    Backup, BackupId, Failure, State, Store, Timestamp, Uid,
    backup::{
        BackupEvent, BackupState,
        job::{JobSeen, Known, Next, Purpose, RunJobs, Task, plan},
    },
    ledger::{Claim, Expected, Fence, Ledger, LedgerError, Write},
    provisioner::StepError,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{BackupDriver, until};
use crate::reconcile::lease::{Leases, Lost};

/// How long after its end a claim is asked for that another replica has.
const AFTER_A_LEASE: Duration = Duration::from_millis(50);

/// One run.
pub(super) struct Run<'a, L, J> {
    driver: &'a BackupDriver<L, J>,
    leases: &'a Leases,
    uid: Uid,
    ids: Vec<BackupId>,
    stopped: CancellationToken,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// There is nothing to do before a change, or before this time has passed.
    Rest(Option<Duration>),
    /// With an error, so that it is tried again.
    InVain,
}

/// What a run knows while it holds the claim.
struct Work<'a, L, J> {
    driver: &'a BackupDriver<L, J>,
    fence: Fence,
    /// When the claim was taken: by the ledger's clock, and by ours.
    claimed: (Timestamp, Instant),
}

/// Why a run ends before its time.
enum Halt {
    Step(StepError),
    Ledger(LedgerError),
}

// === impl Run ===

impl<'a, L: Ledger, J: RunJobs> Run<'a, L, J> {
    pub(super) fn new(
        driver: &'a BackupDriver<L, J>,
        leases: &'a Leases,
        uid: Uid,
        ids: Vec<BackupId>,
        stopped: CancellationToken,
    ) -> Self {
        Self { driver, leases, uid, ids, stopped }
    }

    pub(super) fn uid(&self) -> &Uid {
        &self.uid
    }

    pub(super) async fn run(&self) -> Ended {
        let BackupDriver { ledger, owner, policy, .. } = self.driver;
        let Some(first) = self.ids.first() else { return Ended::Rest(None) };
        let taken = Instant::now();
        let claim = match ledger.claim(first, owner, policy.lease).await {
            Ok(Some(claim)) => claim,
            Ok(None) => {
                // Its holder renews it long before. If not, it died.
                let rest = ledger.claimed_for(first).await.unwrap_or(policy.lease);
                return Ended::Rest(Some(rest + AFTER_A_LEASE));
            }
            Err(error) => {
                tracing::warn!(store_uid = %self.uid, %error, "the repository could not be claimed");
                return Ended::InVain;
            }
        };
        let mut lease = self.leases.keep(&claim, taken, policy.lease);
        // Whichever ends first drops the others; dropped work stops what it started.
        let ended = tokio::select! {
            ended = self.work(&claim, taken) => ended,
            Lost = lease.lost() => {
                tracing::warn!(store_uid = %self.uid, "the claim on a repository was lost; stopping");
                return Ended::InVain;
            }
            () = self.stopped.cancelled() => Ended::InVain,
        };
        drop(lease);
        if let Err(error) = ledger.release(&claim).await {
            tracing::debug!(store_uid = %self.uid, %error, "the claim was not given back; it expires");
        }
        ended
    }

    async fn work(&self, claim: &Claim, taken: Instant) -> Ended {
        let claimed = (claim.expires.before(self.driver.policy.lease), taken);
        let work = Work { driver: self.driver, fence: claim.fence, claimed };
        let (mut wait, mut in_vain) = (None::<Duration>, false);
        for id in self.in_order() {
            match Box::pin(work.bring_on(&id)).await {
                Ok(Some(time)) => wait = Some(until(time).min(wait.unwrap_or(Duration::MAX))),
                Ok(None) => {}
                Err(Halt::Step(error)) => {
                    tracing::warn!(backup = %id, %error, "a backup does not go on; trying again");
                    in_vain = true;
                }
                Err(Halt::Ledger(error)) => {
                    tracing::warn!(backup = %id, %error, "stopping: progress of a backup cannot be recorded");
                    return Ended::InVain;
                }
            }
        }
        if in_vain { Ended::InVain } else { Ended::Rest(wait) }
    }

    /// What runs comes first, then what is to be removed, then what waits, then what may have expired; of each the oldest.
    fn in_order(&self) -> Vec<BackupId> {
        let rank = |id: &BackupId| match self.driver.mirror.backup(id).map(|backup| backup.state) {
            Some(BackupState::Running) => 0,
            Some(BackupState::Deleting) => 1,
            Some(BackupState::Pending) => 2,
            _ => 3,
        };
        let mut ids = self.ids.clone();
        ids.sort_by_key(|id| (rank(id), id.clone()));
        ids
    }
}

// === impl Work ===

impl<L: Ledger, J: RunJobs> Work<'_, L, J> {
    /// Until there is nothing to do for the backup, before the returned time if there is one.
    async fn bring_on(&self, id: &BackupId) -> Result<Option<Timestamp>, Halt> {
        let Some(mut backup) = self.load(id).await? else { return Ok(None) };
        let mut known = Known { store: false, newest: false, backup: None, forget: None, now: self.now() };
        loop {
            let store = self.store_of(&backup);
            known.now = self.now();
            (known.store, known.newest) = (store.is_some(), self.is_newest(&backup));
            let next = plan(&backup, &known);
            tracing::debug!(backup = %backup.id, state = %backup.state, ?next, "plan");
            let acted = match (next, store.as_ref()) {
                (Next::Rest(time), _) => return Ok(time),
                (Next::Record(event), store) => {
                    backup = self.record(backup, event, store).await?;
                    continue;
                }
                (Next::Look(_) | Next::Make(_) | Next::Await(_) | Next::Clear(_), None) => {
                    // It was removed between the two looks.
                    continue;
                }
                (next, Some(store)) => self.act(&backup, store, &mut known, next).await,
            };
            match acted {
                Ok(Some(event)) => backup = self.record(backup, event, store.as_ref()).await?,
                Ok(None) => {
                    // It may be that a caller wants it gone.
                    backup = match self.load(id).await? {
                        Some(backup) => backup,
                        None => return Ok(None),
                    };
                }
                Err(error) if self.gives_up(&backup, &error) => {
                    backup = self.record(backup, failed(&error), store.as_ref()).await?;
                }
                Err(error) => return Err(Halt::Step(error)),
            }
        }
    }

    /// Does what concerns the cluster. Returns what is to be recorded.
    async fn act(
        &self,
        backup: &Backup,
        store: &Store,
        known: &mut Known,
        next: Next,
    ) -> Result<Option<BackupEvent>, StepError> {
        let jobs = &self.driver.jobs;
        let task = |purpose| Task { purpose, backup, store };
        match next {
            Next::Look(purpose) => {
                let seen = jobs.look(task(purpose)).await?;
                known.note(purpose, Some(seen));
                Ok(None)
            }
            Next::Make(purpose) => {
                known.note(purpose, None);
                let uid = jobs.make(task(purpose)).await?;
                tracing::info!(backup = %backup.id, store = %store.id, job = task(purpose).name(), "a Job was made");
                Ok((backup.jobs.last.as_ref() != Some(&uid)).then_some(BackupEvent::JobMade(uid)))
            }
            Next::Await(purpose) => {
                let last = known.of(purpose).cloned().unwrap_or(JobSeen::Absent);
                tokio::select! {
                    seen = jobs.wait(task(purpose), &last) => known.note(purpose, Some(seen?)),
                    () = self.changed(backup) => {}
                }
                Ok(None)
            }
            Next::Clear(purpose) => {
                jobs.clear(task(purpose)).await?;
                known.note(purpose, None);
                Ok(None)
            }
            Next::Record(_) | Next::Rest(_) => Ok(None),
        }
    }

    /// Returns once the mirror has a newer record of the backup.
    async fn changed(&self, backup: &Backup) {
        let mut changes = self.driver.mirror.backup_changes();
        loop {
            if self.driver.mirror.backup(&backup.id).is_some_and(|now| now.revision > backup.revision) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Records what happened. The record may have changed meanwhile: then that is what is gone on with.
    async fn record(&self, backup: Backup, event: BackupEvent, store: Option<&Store>) -> Result<Backup, Halt> {
        let ended = match &event {
            BackupEvent::Succeeded(..) | BackupEvent::Failed(_) => Some(Purpose::Backup),
            BackupEvent::Removed => Some(Purpose::Forget),
            _ => None,
        };
        let next = backup.after(event, self.now()).map_err(|error| {
            Halt::Step(StepError::retryable(sendstores_core::FailureReason::Internal, error.to_string()))
        })?;
        let expected = Expected::Revision(backup.revision);
        let write = Write { resource: next, expected, fence: Some(self.fence), operation: None };
        match self.driver.ledger.write(write).await {
            Ok(written) => {
                let written = written.into_resource();
                report(&written);
                if let (Some(purpose), Some(store)) = (ended, store) {
                    self.tidy(Task { purpose, backup: &written, store }).await;
                }
                Ok(written)
            }
            Err(error) => error.found().map_err(Halt::Ledger),
        }
    }

    /// Removes the ended Job, and its Secret with it. If that fails, Kubernetes removes both after a while.
    async fn tidy(&self, task: Task<'_>) {
        if let Err(error) = self.driver.jobs.clear(task).await {
            tracing::warn!(backup = %task.backup.id, %error, "an ended Job was not removed; Kubernetes removes it later");
        }
    }

    async fn load(&self, id: &BackupId) -> Result<Option<Backup>, Halt> {
        self.driver.ledger.load(id).await.map_err(Halt::Ledger)
    }

    /// The store of the backup, unless it is gone or going.
    fn store_of(&self, backup: &Backup) -> Option<Store> {
        let store = self.driver.mirror.get(&backup.store)?;
        let there = store.uid == *backup.store_uid() && !matches!(store.state, State::Deleting | State::Deleted);
        there.then(|| (**store).clone())
    }

    /// Whether no later backup of the store has succeeded.
    fn is_newest(&self, backup: &Backup) -> bool {
        let later = |other: &Backup| {
            other.store_uid() == backup.store_uid() && other.id > backup.id && other.state == BackupState::Succeeded
        };
        self.driver.mirror.backups(later, Some(&backup.id), 1).is_empty()
    }

    /// Whether an error is the end of a backup that is under way. The removal of one is tried for ever.
    fn gives_up(&self, backup: &Backup, error: &StepError) -> bool {
        let since = backup.start_time.unwrap_or(backup.create_time);
        backup.state.is_under_way() && (error.terminal || self.now().since(since) >= self.driver.policy.patience)
    }

    /// By the ledger's clock.
    fn now(&self) -> Timestamp {
        let (time, taken) = self.claimed;
        time.after(taken.elapsed())
    }
}

fn failed(error: &StepError) -> BackupEvent {
    let message = error.message.chars().take(Failure::MAX_MESSAGE).collect();
    let (reason, step, attempt) = (error.reason, None, 0);
    BackupEvent::Failed(Box::new(Failure { reason, message, step, attempt, retry_time: None, diagnosis: None }))
}

fn report(backup: &Backup) {
    let (id, store) = (&backup.id, &backup.store);
    match (backup.state, &backup.failure) {
        (BackupState::Succeeded, _) => tracing::info!(backup = %id, %store, "a backup succeeded"),
        (BackupState::Failed, Some(why)) => {
            tracing::warn!(backup = %id, %store, reason = %why.reason, message = why.message, "a backup failed");
        }
        (BackupState::Deleting, Some(why)) => {
            tracing::warn!(backup = %id, %store, reason = %why.reason, message = why.message, "a snapshot is still there");
        }
        (BackupState::Deleted, _) => tracing::info!(backup = %id, %store, "a backup was removed"),
        _ => {}
    }
}
