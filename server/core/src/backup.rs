//! A backup: one snapshot of a store in a repository. It outlives its store.

pub mod job;
mod state;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

pub use state::{BackupState, BackupType};

use crate::{
    failure::Failure,
    id::{BackupId, RequestId, StoreId, TenantId, Uid},
    label::Labels,
    release::ReleaseName,
    resource::UnknownFields,
    revision::Revision,
    text::Invalid,
    time::Timestamp,
};

/// One backup, as the ledger keeps it. Its snapshot is in the repository of its store, which is named after the store's uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub id: BackupId,
    /// The store it is of. A later store of the same id has another uid; see [`Backup::store_uid`].
    pub store: StoreId,
    pub tenant: Option<TenantId>,
    pub labels: Labels,
    pub of: BackupType,
    pub state: BackupState,
    pub request_id: Option<RequestId>,
    /// What the store was made from when the backup was asked for. `None`: it is not known.
    pub release: Option<ReleaseName>,
    /// The Jobs that were made for what `state` says.
    pub jobs: Jobs,
    /// What the snapshot is called in the repository. `None`: none is known.
    pub snapshot: Option<SnapshotId>,
    /// What is in the snapshot; with a snapshot alone.
    pub content: Option<Box<Content>>,
    /// Why there is no snapshot, or why it could not be removed yet.
    pub failure: Option<Box<Failure>>,
    /// Set by the ledger; [`Revision::ZERO`] until it was written.
    pub revision: Revision,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
    /// From then on it is removed. `None`: it is kept.
    pub expire_time: Option<Timestamp>,
    pub delete_time: Option<Timestamp>,
    /// What the record has beside all this; nearly always nothing.
    pub unknown: Option<Arc<UnknownFields>>,
}

/// The Jobs that were made for one purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// How many there were.
    pub made: u32,
    /// The uid of the last one, by which it is known from one of the same name.
    pub last: Option<JobUid>,
}

/// The uid that Kubernetes gave to a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobUid(String);

/// The name of a snapshot in a repository: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotId(String);

/// What a backup has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The moment that the database was copied as of.
    pub consistent_time: Timestamp,
    /// By how much the repository grew, in bytes.
    pub added_bytes: u64,
    /// The size of everything in the snapshot, in bytes.
    pub total_bytes: u64,
    pub manifest: Manifest,
}

/// What was counted while the backup was made; what comes out of it can be compared with this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub tables: u64,
    pub rows: u64,
    pub orders: u64,
    /// `None`: there is no order.
    pub newest_order_time: Option<Timestamp>,
    pub files: u64,
    pub file_bytes: u64,
    pub database_bytes: u64,
    /// What the store ran, by the name of the software, and of its tables, where they have a version of their own.
    pub versions: BTreeMap<String, String>,
}

/// What a new backup is made from.
#[derive(Clone, Debug)]
pub struct NewBackup {
    pub id: BackupId,
    pub store: StoreId,
    pub tenant: Option<TenantId>,
    pub labels: Labels,
    pub of: BackupType,
    pub request_id: Option<RequestId>,
    pub release: Option<ReleaseName>,
    pub expire_time: Option<Timestamp>,
}

/// What can happen to a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupEvent {
    /// Its turn has come.
    Begun,
    /// A Job was made for it.
    JobMade(JobUid),
    /// The whole snapshot was written and read back.
    Succeeded(SnapshotId, Box<Content>),
    Failed(Box<Failure>),
    /// `None`: as it was. `Some(None)`: it is kept.
    Amended {
        labels: Option<Labels>,
        expire_time: Option<Option<Timestamp>>,
    },
    /// By a caller, or because its time has come.
    DeleteRequested,
    /// The snapshot could not be removed.
    Stuck(Box<Failure>),
    /// The snapshot is gone.
    Removed,
}

/// An event that makes no sense in a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible for a backup in state {state}")]
pub struct NotPossible {
    pub state: BackupState,
    pub event: BackupEvent,
}

// === impl Backup ===

impl Backup {
    pub fn new(new: NewBackup, now: Timestamp) -> Self {
        let NewBackup { id, store, tenant, labels, of, request_id, release, expire_time } = new;
        Self {
            id,
            store,
            tenant,
            labels,
            of,
            state: BackupState::Pending,
            request_id,
            release,
            jobs: Jobs::default(),
            snapshot: None,
            content: None,
            failure: None,
            revision: Revision::ZERO,
            create_time: now,
            update_time: now,
            start_time: None,
            end_time: None,
            expire_time,
            delete_time: None,
            unknown: None,
        }
    }

    /// The uid of its store, which is also the name of the repository.
    pub fn store_uid(&self) -> &Uid {
        self.id.store_uid()
    }

    /// Whether it has ended.
    pub fn is_deleted(&self) -> bool {
        self.state == BackupState::Deleted
    }

    /// Whether its time has come at `now`, by the clock of the ledger.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.state.has_ended() && self.expire_time.is_some_and(|end| end <= now)
    }

    /// The backup after `event`.
    ///
    /// # Errors
    /// The event is not possible in this state.
    pub fn after(&self, event: BackupEvent, now: Timestamp) -> Result<Self, NotPossible> {
        let Some(state) = self.state.next(&event) else { return Err(NotPossible { state: self.state, event }) };
        let mut next = Self { state, update_time: now, ..self.clone() };
        match event {
            BackupEvent::Begun => next.start_time = Some(now),
            BackupEvent::JobMade(uid) => {
                next.jobs = Jobs { made: self.jobs.made.saturating_add(1), last: Some(uid) };
            }
            BackupEvent::Succeeded(snapshot, content) => {
                (next.snapshot, next.content, next.end_time) = (Some(snapshot), Some(content), Some(now));
            }
            BackupEvent::Failed(failure) => (next.failure, next.end_time) = (Some(failure), Some(now)),
            BackupEvent::Amended { labels, expire_time } => {
                next.labels = labels.unwrap_or(next.labels);
                next.expire_time = expire_time.unwrap_or(next.expire_time);
            }
            // A second request changes nothing.
            BackupEvent::DeleteRequested if self.state == BackupState::Deleting => return Ok(self.clone()),
            BackupEvent::DeleteRequested => {
                (next.delete_time, next.failure, next.jobs) = (Some(now), None, Jobs::default());
                next.end_time = self.end_time.or(Some(now));
            }
            BackupEvent::Stuck(failure) => next.failure = Some(failure),
            BackupEvent::Removed => (next.failure, next.delete_time) = (None, Some(now)),
        }
        Ok(next)
    }
}

// === impl JobUid ===

impl JobUid {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobUid {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("must be 1 to 64 printable ASCII characters without spaces"))
    }
}

// === impl SnapshotId ===

impl SnapshotId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SnapshotId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("must be 64 of 0-9 and a-f"))
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
