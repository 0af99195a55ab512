//! What an error of another module means for a caller.

use sendstores_core::ledger::LedgerError;

use super::{BackupRefusal, Forbidden, Refusal, ReleaseUnknown, Tenancy};
use crate::mirror::ReadError;

impl From<Tenancy> for Refusal {
    fn from(why: Tenancy) -> Self {
        Self::Tenancy(why)
    }
}

impl From<BackupRefusal> for Refusal {
    fn from(why: BackupRefusal) -> Self {
        Self::Backup(why)
    }
}

impl From<ReleaseUnknown> for Refusal {
    fn from(why: ReleaseUnknown) -> Self {
        Self::ReleaseUnknown(why)
    }
}

impl From<Forbidden> for Refusal {
    fn from(why: Forbidden) -> Self {
        Self::Forbidden(why)
    }
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::OperationReused => Self::RequestIdReused,
            LedgerError::NotAdmitted(denial) => Tenancy::Denied(None, denial).into(),
            LedgerError::Unavailable(why) => {
                tracing::warn!(%why, "the ledger cannot be reached");
                Self::LedgerUnavailable
            }
            LedgerError::Unsafe(why) => {
                tracing::error!(%why, "the ledger cannot be used");
                Self::LedgerUnavailable
            }
            LedgerError::Full(why) => {
                tracing::error!(%why, "the ledger has no room");
                Self::LedgerFull
            }
            LedgerError::EpochChanged(_) | LedgerError::InDoubt(_) => Self::ReadOnly { why: error.to_string() },
            LedgerError::Unreadable(unreadable) => {
                tracing::error!(%unreadable, "the store is set aside");
                unreadable.id().map_or(Self::Internal, Self::RecordUnreadable)
            }
            error @ (LedgerError::Conflict(_)
            | LedgerError::FoundNothing
            | LedgerError::Fenced
            | LedgerError::Corrupt(_)) => {
                tracing::error!(%error, "an unexpected answer of the ledger");
                Self::Internal
            }
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Loading => Self::Starting,
            ReadError::Ledger(error) => error.into(),
        }
    }
}
