//! What is done next for a backup, and the port to the Jobs that do it.
//!
//! A Job is found by its name. What it answered is read from the cluster, never from a memory of what was done, so that a
//! server that ends at any point is followed by one that looks and goes on.

use std::{future::Future, time::Duration};

use super::{Backup, BackupEvent, BackupState, Content, JobUid, SnapshotId};
use crate::{
    backoff::Backoff,
    failure::{Failure, FailureReason},
    provisioner::StepError,
    store::Store,
    time::Timestamp,
};

/// The Job is gone without an answer, twice.
pub const JOB_LOST: FailureReason = FailureReason::open("BACKUP_JOB_LOST");
/// The Job did not end in its time.
pub const TIMED_OUT: FailureReason = FailureReason::open("BACKUP_TIMED_OUT");
/// The store is removed, or being removed.
pub const STORE_DELETED: FailureReason = FailureReason::open("STORE_DELETED");
/// The server has no repository, and the backup needs one.
pub const NO_REPOSITORY: FailureReason = FailureReason::open("NO_REPOSITORY");

/// How many Jobs are made for one backup: a second one if the first is gone without an answer.
const MOST_JOBS: u32 = 2;
/// How often it is tried to remove a snapshot.
const FORGET_AGAIN: Backoff = Backoff { first: Duration::from_secs(10), most: Duration::from_secs(3600) };

/// What a Job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Makes the snapshot.
    Backup,
    /// Removes it from the repository.
    Forget,
}

/// Names one Job.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub purpose: Purpose,
    pub backup: &'a Backup,
    /// In whose namespace it is.
    pub store: &'a Store,
}

/// What the cluster shows of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobSeen {
    Absent,
    /// It has not ended; what it waits for, for a human.
    Going(JobUid, String),
    Ended(JobUid, Answer),
    /// It is being removed.
    Leaving,
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The whole snapshot was written and read back.
    Snapshot(SnapshotId, Box<Content>),
    /// The snapshot is not in the repository any more.
    Forgotten,
    /// The Job said why it failed, or Kubernetes ended it at its deadline.
    Failed(FailureReason, String),
    /// It ended without a word, such as when its node was lost. Why, as far as the cluster says.
    None(String),
}

/// The Jobs of backups in the cluster. Every verb is safe to repeat, and a future that is dropped stops its work.
pub trait RunJobs: Clone + Send + Sync + 'static {
    /// Looks at a Job. Never changes anything. A namespace that is not the store's has no Job of it.
    fn look(&self, task: Task<'_>) -> impl Future<Output = Result<JobSeen, StepError>> + Send;

    /// Makes the Job and the Secret that it owns, or what is missing of them. There is never a second Job of one name.
    fn make(&self, task: Task<'_>) -> impl Future<Output = Result<JobUid, StepError>> + Send;

    /// Returns what is seen of the Job as soon as it differs from `last`.
    fn wait(&self, task: Task<'_>, last: &JobSeen) -> impl Future<Output = Result<JobSeen, StepError>> + Send;

    /// Asks the cluster to remove the Job with all that it owns. No Job is success.
    fn clear(&self, task: Task<'_>) -> impl Future<Output = Result<(), StepError>> + Send;
}

/// What is known beside the record.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whether the store is there, and not being removed.
    pub store: bool,
    /// Whether it is the newest backup of its store that succeeded.
    pub newest: bool,
    /// What was last seen of the Job that makes the snapshot. `None`: nothing yet.
    pub backup: Option<JobSeen>,
    /// The same of the Job that removes it.
    pub forget: Option<JobSeen>,
    /// By the ledger's clock.
    pub now: Timestamp,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Record(BackupEvent),
    Look(Purpose),
    Make(Purpose),
    Await(Purpose),
    Clear(Purpose),
    /// Nothing, before this time if there is one.
    Rest(Option<Timestamp>),
}

/// What is done next for `backup`.
pub fn plan(backup: &Backup, known: &Known) -> Next {
    match backup.state {
        BackupState::Pending | BackupState::Running if !known.store => {
            Next::Record(failed(STORE_DELETED, "the store was deleted before its backup was done", backup))
        }
        BackupState::Pending => Next::Record(BackupEvent::Begun),
        BackupState::Running => run(backup, known),
        BackupState::Succeeded if known.store && known.newest => Next::Rest(None),
        BackupState::Succeeded | BackupState::Failed if backup.is_expired(known.now) => {
            Next::Record(BackupEvent::DeleteRequested)
        }
        BackupState::Succeeded | BackupState::Failed => Next::Rest(backup.expire_time),
        BackupState::Deleting => remove(backup, known),
        BackupState::Deleted | BackupState::Unknown(_) => Next::Rest(None),
    }
}

fn run(backup: &Backup, known: &Known) -> Next {
    let is_last = |uid: &JobUid| backup.jobs.last.as_ref() == Some(uid);
    match &known.backup {
        None => Next::Look(Purpose::Backup),
        Some(JobSeen::Leaving) => Next::Await(Purpose::Backup),
        Some(JobSeen::Absent) if backup.jobs.made >= MOST_JOBS => {
            let why = format!("{MOST_JOBS} Jobs in turn were removed from the cluster before they had answered");
            Next::Record(failed(JOB_LOST, &why, backup))
        }
        Some(JobSeen::Absent) => Next::Make(Purpose::Backup),
        // It was made, and the server ended before it had made its Secret, or before it had recorded it.
        Some(JobSeen::Going(uid, _)) if !is_last(uid) => Next::Make(Purpose::Backup),
        // Before anything comes of it: a Job that is gone later is known to have been there.
        Some(JobSeen::Ended(uid, _)) if !is_last(uid) => Next::Record(BackupEvent::JobMade(uid.clone())),
        Some(JobSeen::Going(..)) => Next::Await(Purpose::Backup),
        Some(JobSeen::Ended(_, answer)) => match answer {
            Answer::Snapshot(snapshot, content) => {
                Next::Record(BackupEvent::Succeeded(snapshot.clone(), content.clone()))
            }
            Answer::Failed(reason, message) => Next::Record(failed(*reason, message, backup)),
            Answer::None(_) if backup.jobs.made < MOST_JOBS => Next::Clear(Purpose::Backup),
            Answer::None(why) => Next::Record(failed(JOB_LOST, why, backup)),
            Answer::Forgotten => Next::Record(failed(FailureReason::Internal, "its Job did other work", backup)),
        },
    }
}

fn remove(backup: &Backup, known: &Known) -> Next {
    if !known.store {
        return remove_without_store(backup);
    }
    match &known.backup {
        None => return Next::Look(Purpose::Backup),
        Some(JobSeen::Going(..) | JobSeen::Ended(..)) => return Next::Clear(Purpose::Backup),
        Some(JobSeen::Leaving) => return Next::Await(Purpose::Backup),
        Some(JobSeen::Absent) => {}
    }
    if backup.snapshot.is_none() {
        return Next::Record(BackupEvent::Removed);
    }
    let is_last = |uid: &JobUid| backup.jobs.last.as_ref() == Some(uid);
    let again = backup.failure.as_ref().and_then(|failure| failure.retry_time).filter(|time| *time > known.now);
    match &known.forget {
        None => Next::Look(Purpose::Forget),
        Some(JobSeen::Leaving) => Next::Await(Purpose::Forget),
        Some(JobSeen::Absent) => again.map_or(Next::Make(Purpose::Forget), |time| Next::Rest(Some(time))),
        Some(JobSeen::Going(uid, _)) if !is_last(uid) => Next::Make(Purpose::Forget),
        Some(JobSeen::Ended(uid, _)) if !is_last(uid) => Next::Record(BackupEvent::JobMade(uid.clone())),
        Some(JobSeen::Going(..)) => Next::Await(Purpose::Forget),
        Some(JobSeen::Ended(_, Answer::Forgotten)) => Next::Record(BackupEvent::Removed),
        Some(JobSeen::Ended(_, answer)) => not_forgotten(backup, answer, again, known.now),
    }
}

/// The Job that should have removed the snapshot failed: that is recorded once, and another one is made later.
fn not_forgotten(backup: &Backup, answer: &Answer, again: Option<Timestamp>, now: Timestamp) -> Next {
    let attempt = backup.jobs.made;
    if backup.failure.as_ref().is_none_or(|failure| failure.attempt < attempt) {
        let (reason, message) = match answer {
            Answer::Failed(reason, message) => (*reason, message.clone()),
            Answer::None(why) => (JOB_LOST, why.clone()),
            Answer::Snapshot(..) | Answer::Forgotten => (FailureReason::Internal, "its Job did other work".to_owned()),
        };
        let retry_time = Some(now.after(FORGET_AGAIN.wait(attempt, 1.0)));
        let failure = Failure { reason, message, step: None, attempt, retry_time, diagnosis: None };
        return Next::Record(BackupEvent::Stuck(Box::new(failure)));
    }
    again.map_or(Next::Clear(Purpose::Forget), |time| Next::Rest(Some(time)))
}

/// A Job needs a namespace, and that of the store is gone. The record stays for as long as the snapshot does.
fn remove_without_store(backup: &Backup) -> Next {
    if backup.snapshot.is_none() {
        return Next::Record(BackupEvent::Removed);
    }
    if backup.failure.as_ref().is_some_and(|failure| failure.reason == STORE_DELETED) {
        return Next::Rest(None);
    }
    let message =
        "the store is deleted, and this server removes snapshots only from within the namespace of their store; \
                   the snapshot is still in the repository"
            .to_owned();
    let attempt = backup.jobs.made;
    let failure = Failure { reason: STORE_DELETED, message, step: None, attempt, retry_time: None, diagnosis: None };
    Next::Record(BackupEvent::Stuck(Box::new(failure)))
}

fn failed(reason: FailureReason, message: &str, backup: &Backup) -> BackupEvent {
    let message = message.chars().take(Failure::MAX_MESSAGE).collect();
    let attempt = backup.jobs.made;
    BackupEvent::Failed(Box::new(Failure { reason, message, step: None, attempt, retry_time: None, diagnosis: None }))
}

// === impl Purpose ===

impl Purpose {
    pub const ALL: [Self; 2] = [Self::Backup, Self::Forget];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Forget => "forget",
        }
    }
}

// === impl Task ===

impl Task<'_> {
    /// The name of the Job, and of its Secret.
    pub fn name(&self) -> String {
        format!("{}-{}", self.purpose.as_str(), self.backup.id.of_store())
    }
}

// === impl Known ===

impl Known {
    pub fn of(&self, purpose: Purpose) -> Option<&JobSeen> {
        match purpose {
            Purpose::Backup => self.backup.as_ref(),
            Purpose::Forget => self.forget.as_ref(),
        }
    }

    pub fn note(&mut self, purpose: Purpose, seen: Option<JobSeen>) {
        match purpose {
            Purpose::Backup => self.backup = seen,
            Purpose::Forget => self.forget = seen,
        }
    }
}
