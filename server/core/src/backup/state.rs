//! Where a backup is, and what it is for.

use std::fmt;

use super::BackupEvent;
use crate::word::{self, Word};

/// Where a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupState {
    /// It has not begun.
    Pending,
    Running,
    /// There is a whole snapshot.
    Succeeded,
    /// There is none, as far as is known.
    Failed,
    /// Its snapshot is being removed.
    Deleting,
    /// The tombstone.
    Deleted,
    /// One of a newer version. Nothing is known of it, so nothing leads out of it.
    Unknown(Word),
}

/// Why a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupType {
    /// A caller asked for it.
    OnDemand,
    Scheduled,
    PreUpdate,
    PreRestore,
    /// Before the store was removed.
    Final,
    /// One of a newer version.
    Unknown(Word),
}

// === impl BackupState ===

impl BackupState {
    /// All that are known.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Deleting, Self::Deleted];

    /// The state after `event`; `None` where it is not possible.
    pub fn next(self, event: &BackupEvent) -> Option<Self> {
        use BackupEvent as Event;
        match (self, event) {
            (Self::Deleted | Self::Unknown(_), _) => None,
            (Self::Deleting, Event::Amended { .. }) => None,
            (_, Event::Amended { .. }) => Some(self),
            (_, Event::DeleteRequested) => Some(Self::Deleting),
            (Self::Pending, Event::Begun) => Some(Self::Running),
            (Self::Pending | Self::Running, Event::Failed(_)) => Some(Self::Failed),
            (Self::Running, Event::JobMade(_)) => Some(Self::Running),
            (Self::Running, Event::Succeeded(..)) => Some(Self::Succeeded),
            (Self::Deleting, Event::JobMade(_) | Event::Stuck(_)) => Some(Self::Deleting),
            (Self::Deleting, Event::Removed) => Some(Self::Deleted),
            (Self::Pending, Event::JobMade(_) | Event::Succeeded(..))
            | (Self::Running | Self::Deleting, Event::Begun)
            | (Self::Pending | Self::Running, Event::Stuck(_) | Event::Removed)
            | (Self::Deleting, Event::Succeeded(..) | Event::Failed(_))
            | (
                Self::Succeeded | Self::Failed,
                Event::Begun
                | Event::JobMade(_)
                | Event::Succeeded(..)
                | Event::Failed(_)
                | Event::Stuck(_)
                | Event::Removed,
            ) => None,
        }
    }

    /// Whether there is work to do until it ends.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Whether it succeeded or failed, and nothing is done with it.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// The name as the records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
            Self::Deleted => "DELETED",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The state that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

impl fmt::Display for BackupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl BackupType ===

impl BackupType {
    /// All that are known.
    pub const ALL: [Self; 5] = [Self::OnDemand, Self::Scheduled, Self::PreUpdate, Self::PreRestore, Self::Final];

    /// The name as the records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "ON_DEMAND",
            Self::Scheduled => "SCHEDULED",
            Self::PreUpdate => "PRE_UPDATE",
            Self::PreRestore => "PRE_RESTORE",
            Self::Final => "FINAL",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The type that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

impl fmt::Display for BackupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
