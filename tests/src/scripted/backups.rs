//! The Jobs of backups in a cluster in memory. A Job ends when the test says so.

use std::collections::BTreeMap;

use sendstores_core::{
    StoreId, Timestamp,
    backup::{
        Content, JobUid, Manifest, SnapshotId,
        job::{Answer, JobSeen, RunJobs, Task},
    },
    provisioner::StepError,
};

use super::ScriptedProvisioner;
use crate::samples::parsed;

/// What is known of Jobs.
#[derive(Default)]
pub(super) struct Backups {
    /// Those that are there, by store and name.
    jobs: BTreeMap<(StoreId, String), (JobUid, JobSeen)>,
    /// Every Job that was ever made, by name.
    made: Vec<String>,
    /// Jobs that were asked for and are there already.
    repeated: usize,
    /// How the next Jobs end as soon as they are made, by name.
    ends: BTreeMap<String, Vec<JobEnd>>,
    /// Why the next Jobs are not made.
    refused: Vec<StepError>,
    /// The next Jobs are made, and their maker does not hear of it.
    lost: usize,
}

/// What becomes of a Job.
#[derive(Clone, Debug)]
pub enum JobEnd {
    /// It ends, and stays until it is removed.
    Answers(Answer),
    /// It is gone without a word.
    Vanishes,
}

/// The name of the snapshot of all backups here.
pub fn snapshot() -> SnapshotId {
    parsed(&"5f".repeat(32))
}

/// The answer of a Job that has written the whole snapshot.
pub fn finished() -> JobEnd {
    let manifest = Manifest { tables: 101, rows: 818_000, orders: 20_000, ..Manifest::default() };
    let consistent_time = Timestamp::from_micros(1_700_000_002_000_000);
    let content = Content { consistent_time, added_bytes: 14_800_000, total_bytes: 245_000_000, manifest };
    JobEnd::Answers(Answer::Snapshot(snapshot(), Box::new(content)))
}

// === impl ScriptedProvisioner ===

impl ScriptedProvisioner {
    /// The names of all Jobs that were made, in order.
    pub fn jobs_made(&self) -> Vec<String> {
        self.state().backups.made.clone()
    }

    /// The names of the Jobs that are there.
    pub fn jobs(&self) -> Vec<String> {
        self.state().backups.jobs.keys().map(|(_, name)| name.clone()).collect()
    }

    /// How often a Job was asked for that was there.
    pub fn jobs_repeated(&self) -> usize {
        self.state().backups.repeated
    }

    /// The next Job of this name ends so at once.
    pub fn script_job(&self, name: &str, end: JobEnd) {
        self.state().backups.ends.entry(name.to_owned()).or_default().push(end);
    }

    /// The Job of this name ends so.
    pub fn end_job(&self, name: &str, end: JobEnd) {
        let mut state = self.state();
        match end {
            JobEnd::Answers(answer) => {
                for ((_, known), (uid, seen)) in &mut state.backups.jobs {
                    if known == name {
                        *seen = JobSeen::Ended(uid.clone(), answer.clone());
                    }
                }
            }
            JobEnd::Vanishes => state.backups.jobs.retain(|(_, known), _| known != name),
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// The next Job is not made.
    pub fn refuse_job(&self, error: StepError) {
        self.state().backups.refused.push(error);
    }

    /// The next Job is made, and its maker does not hear of it.
    pub fn lose_job_answer(&self) {
        self.state().backups.lost += 1;
    }

    fn job(&self, task: Task<'_>) -> JobSeen {
        let key = (task.store.id.clone(), task.name());
        self.state().backups.jobs.get(&key).map_or(JobSeen::Absent, |(_, seen)| seen.clone())
    }
}

impl RunJobs for ScriptedProvisioner {
    async fn look(&self, task: Task<'_>) -> Result<JobSeen, StepError> {
        Ok(self.job(task))
    }

    async fn make(&self, task: Task<'_>) -> Result<JobUid, StepError> {
        let (key, name) = ((task.store.id.clone(), task.name()), task.name());
        let mut state = self.state();
        let backups = &mut state.backups;
        if let Some(error) = backups.refused.pop() {
            return Err(error);
        }
        if let Some((uid, _)) = backups.jobs.get(&key) {
            backups.repeated += 1;
            return Ok(uid.clone());
        }
        backups.made.push(name.clone());
        let uid: JobUid = parsed(&format!("job-{}", backups.made.len()));
        let seen = match backups.ends.get_mut(&name).and_then(|ends| (!ends.is_empty()).then(|| ends.remove(0))) {
            None => Some(JobSeen::Going(uid.clone(), "the pod runs".to_owned())),
            Some(JobEnd::Answers(answer)) => Some(JobSeen::Ended(uid.clone(), answer)),
            Some(JobEnd::Vanishes) => None,
        };
        if let Some(seen) = seen {
            backups.jobs.insert(key, (uid.clone(), seen));
        }
        if backups.lost > 0 {
            backups.lost -= 1;
            return Err(StepError::retryable(sendstores_core::FailureReason::ClusterUnavailable, "the answer is lost"));
        }
        Ok(uid)
    }

    async fn wait(&self, task: Task<'_>, last: &JobSeen) -> Result<JobSeen, StepError> {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let seen = self.job(task);
            if seen != *last {
                return Ok(seen);
            }
            changed.await;
        }
    }

    async fn clear(&self, task: Task<'_>) -> Result<(), StepError> {
        let key = (task.store.id.clone(), task.name());
        self.state().backups.jobs.remove(&key);
        self.0.changed.notify_waiters();
        Ok(())
    }
}
