//! Why a call is refused that is about backups.

use std::collections::HashMap;

use sendstores_core::{BackupId, BackupState, State, StoreId};
use tonic::Code;
use tonic_types::ErrorDetails;

use super::RETRY;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) enum BackupRefusal {
    /// Also of a backup that belongs to another tenant.
    NotFound(BackupId),
    EtagMismatch(BackupId),
    Conflict(BackupId),
    /// The state of the backup does not allow it.
    State(BackupId, BackupState),
    /// The state of the store does not allow a backup.
    StoreState(StoreId, State),
    /// A backup of the store is under way: this one.
    InProgress(StoreId, BackupId),
    NoRepository,
}

// === impl BackupRefusal ===

impl BackupRefusal {
    pub(super) fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::NotFound(_) => (Code::NotFound, "BACKUP_NOT_FOUND"),
            Self::EtagMismatch(_) => (Code::Aborted, "ETAG_MISMATCH"),
            Self::Conflict(_) => (Code::Aborted, "WRITE_CONFLICT"),
            Self::State(..) | Self::StoreState(..) => (Code::FailedPrecondition, "STATE_FORBIDS"),
            Self::InProgress(..) => (Code::Aborted, "OPERATION_IN_PROGRESS"),
            Self::NoRepository => (Code::FailedPrecondition, "NO_REPOSITORY"),
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::NotFound(id) => format!("there is no backup {id}"),
            Self::EtagMismatch(id) => format!("backup {id} has changed since the given etag; read it again"),
            Self::Conflict(id) => format!("backup {id} keeps changing; try again"),
            Self::State(id, state) => format!("backup {id} is {state}, and cannot be changed"),
            Self::StoreState(id, state) => format!(
                "store {id} is {state}, and only a store that was READY once and whose database runs can be backed up"
            ),
            Self::InProgress(id, backup) => {
                format!("backup {backup} of store {id} is under way and has to end first; then try again")
            }
            Self::NoRepository => {
                "this server has no repository for backups; an operator gives it one (--backup-repository)".to_owned()
            }
        }
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let of = |id: &BackupId| ("backup", id.to_string());
        let pairs = match self {
            Self::NotFound(id) | Self::EtagMismatch(id) | Self::Conflict(id) => vec![of(id)],
            Self::State(id, state) => vec![of(id), ("state", state.to_string())],
            Self::StoreState(id, state) => vec![("store_id", id.to_string()), ("state", state.to_string())],
            Self::InProgress(id, backup) => {
                vec![("store_id", id.to_string()), ("operation", backup.to_string()), ("kind", "BACKUP".to_owned())]
            }
            Self::NoRepository => Vec::new(),
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(super) fn add_details(&self, details: &mut ErrorDetails) {
        match self {
            Self::NotFound(id) => {
                details.set_resource_info("sendstores.v1.Backup", id.as_str(), "", "");
            }
            Self::Conflict(_) | Self::InProgress(..) => {
                details.set_retry_info(Some(RETRY));
            }
            Self::StoreState(id, _) => {
                details.set_resource_info("sendstores.v1.Store", id.as_str(), "", "");
            }
            Self::EtagMismatch(_) | Self::State(..) | Self::NoRepository => {}
        }
    }
}
