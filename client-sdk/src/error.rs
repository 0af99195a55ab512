//! What can go wrong, by what the caller does about it.

use std::{fmt, time::Duration};

use tonic::{Code, Status};

use crate::{cause::Cause, v1::Store};

/// Why a call failed. There is one variant for each thing a caller does about it; [`Error::reason`] has the server's
/// stable reason where that is not enough.
///
/// Its text has the whole chain of sources, and [`std::error::Error::source`] is therefore empty.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server's address cannot be used: correct it.
    InvalidServer {
        /// The address as it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file or the function of the [`Builder`](crate::Builder) gave no token: correct it. No call was made.
    Token {
        /// Why.
        why: String,
    },
    /// The connection could not be made, or broke: try again. A call may have had its effect all the same.
    Transport(Cause),
    /// There is no such store.
    NotFound(Cause),
    /// The id is taken by another store: choose another.
    AlreadyExists(Cause),
    /// The request is wrong: correct it. Repeating it cannot help.
    InvalidArgument {
        /// Every field that is wrong; empty when it is not about fields.
        violations: Vec<FieldViolation>,
        /// What the server said.
        cause: Cause,
    },
    /// The server does not know who calls: send another token. [`Error::reason`] says whether it was missing, expired or
    /// revoked.
    Unauthenticated(Cause),
    /// Who calls may not do this: another login cannot help, another role can.
    PermissionDenied(Cause),
    /// The store's state does not allow this: bring it into another state first.
    FailedPrecondition(Cause),
    /// The store changed meanwhile: read it, then decide again.
    Conflict(Cause),
    /// What follows the resume token is no longer known: watch again without a token. The client does so by itself, unless
    /// its policy is [`RetryPolicy::none`](crate::RetryPolicy::none).
    HistoryCompacted(Cause),
    /// A limit is reached: try again later.
    ResourceExhausted {
        /// How long to wait at least, when the server said.
        retry_after: Option<Duration>,
        /// What the server said.
        cause: Cause,
    },
    /// The server cannot answer now: try again.
    Unavailable(Cause),
    /// The answer did not come in time: try again. A call may have had its effect all the same.
    DeadlineExceeded(Cause),
    /// The awaited store is FAILED; `failure` says why.
    StoreFailed(Box<Store>),
    /// The awaited store is RETAINING, RETAINED, DELETING or DELETED.
    StoreDeleted(Box<Store>),
    /// Anything else, such as a fault of the server: report it.
    Other(Cause),
}

/// One field of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldViolation {
    /// Path of the field, such as `spec.shop.currency`.
    pub field: String,
    /// What it must be.
    pub description: String,
}

// === impl Error ===

impl Error {
    pub(crate) fn transport(status: Status) -> Self {
        Self::Transport(Cause::new(status))
    }

    /// What is known of the failed call; `None` when no call was made or it did not fail.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::InvalidServer { .. } | Self::Token { .. } | Self::StoreFailed(_) | Self::StoreDeleted(_) => None,
            Self::InvalidArgument { cause, .. } | Self::ResourceExhausted { cause, .. } => Some(cause),
            Self::Transport(cause)
            | Self::NotFound(cause)
            | Self::AlreadyExists(cause)
            | Self::FailedPrecondition(cause)
            | Self::Unauthenticated(cause)
            | Self::PermissionDenied(cause)
            | Self::Conflict(cause)
            | Self::HistoryCompacted(cause)
            | Self::Unavailable(cause)
            | Self::DeadlineExceeded(cause)
            | Self::Other(cause) => Some(cause),
        }
    }

    /// The server's stable reason, such as `STORE_NOT_FOUND`; docs/errors.md lists them all.
    pub fn reason(&self) -> Option<&str> {
        self.cause().and_then(Cause::reason)
    }

    /// The gRPC status. Its type is tonic's: a new major version of tonic changes it.
    pub fn status(&self) -> Option<&Status> {
        self.cause().map(Cause::status)
    }

    /// How long to wait at least before trying again, when the server said.
    pub fn retry_after(&self) -> Option<Duration> {
        self.cause().and_then(Cause::retry_after)
    }

    /// Whether the failed call certainly did nothing.
    pub(crate) fn had_no_effect(&self) -> bool {
        self.cause().is_some_and(Cause::had_no_effect)
    }

    /// Whether the same call may succeed later. Repeat Create and Delete with the `request_id` of the first time, so
    /// that they have one effect.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Unavailable(_) | Self::DeadlineExceeded(_) => true,
            // A file that is replaced is away for a moment, and so is a service that issues tokens.
            Self::Token { .. } => true,
            // The metadata of the call is as large the next time, and the tenant has as many stores.
            Self::ResourceExhausted { cause, .. } => {
                !matches!(cause.reason(), Some("HEADERS_TOO_LARGE" | "QUOTA_EXCEEDED"))
            }
            // The other conflict, a stale etag, stays what it is.
            Self::Conflict(cause) => cause.reason() == Some("WRITE_CONFLICT"),
            Self::InvalidServer { .. }
            | Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::InvalidArgument { .. }
            | Self::FailedPrecondition(_)
            | Self::Unauthenticated(_)
            | Self::PermissionDenied(_)
            | Self::HistoryCompacted(_)
            | Self::StoreFailed(_)
            | Self::StoreDeleted(_)
            | Self::Other(_) => false,
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let cause = Cause::new(status);
        if cause.is_timeout() {
            return Self::DeadlineExceeded(cause);
        }
        if cause.is_local() || cause.is_cut_short() {
            return Self::Transport(cause);
        }
        if cause.is_proxy_without_server() {
            return Self::Unavailable(cause);
        }
        match cause.status().code() {
            Code::NotFound => Self::NotFound(cause),
            Code::AlreadyExists => Self::AlreadyExists(cause),
            Code::InvalidArgument => Self::InvalidArgument { violations: violations(&cause), cause },
            Code::FailedPrecondition => Self::FailedPrecondition(cause),
            Code::Unauthenticated => Self::Unauthenticated(cause),
            Code::PermissionDenied => Self::PermissionDenied(cause),
            Code::Aborted => Self::Conflict(cause),
            // Without the reason it is a message that was too large.
            Code::OutOfRange if cause.reason() == Some("HISTORY_COMPACTED") => Self::HistoryCompacted(cause),
            Code::ResourceExhausted => Self::ResourceExhausted { retry_after: cause.retry_after(), cause },
            Code::Unavailable => Self::Unavailable(cause),
            Code::DeadlineExceeded => Self::DeadlineExceeded(cause),
            _ => Self::Other(cause),
        }
    }
}

fn violations(cause: &Cause) -> Vec<FieldViolation> {
    let listed = cause.details().bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    listed.iter().map(|one| FieldViolation { field: one.field.clone(), description: one.description.clone() }).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidServer { url, why } => write!(f, "cannot use the server address {url:?}: {why}"),
            Self::Token { why } => write!(f, "cannot get a token: {why}"),
            // The server's sentence is about the first field alone.
            Self::InvalidArgument { violations, cause } if violations.len() > 1 => {
                write!(f, "{} fields are wrong ({})", violations.len(), cause.reason().unwrap_or("INVALID_ARGUMENT"))?;
                for (i, violation) in violations.iter().enumerate() {
                    write!(f, "{}{violation}", if i == 0 { ": " } else { "; " })?;
                }
                Ok(())
            }
            Self::StoreFailed(store) => match &store.failure {
                Some(failure) => {
                    write!(f, "store {} failed: {} ({})", store.id, failure.message, short(failure.reason()))
                }
                None => write!(f, "store {} failed", store.id),
            },
            Self::StoreDeleted(store) => write!(f, "store {} is being deleted, or gone", store.id),
            Self::Transport(cause)
            | Self::NotFound(cause)
            | Self::AlreadyExists(cause)
            | Self::InvalidArgument { cause, .. }
            | Self::FailedPrecondition(cause)
            | Self::Unauthenticated(cause)
            | Self::PermissionDenied(cause)
            | Self::Conflict(cause)
            | Self::HistoryCompacted(cause)
            | Self::ResourceExhausted { cause, .. }
            | Self::Unavailable(cause)
            | Self::DeadlineExceeded(cause)
            | Self::Other(cause) => cause.fmt(f),
        }
    }
}

fn short(reason: crate::v1::failure::Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name)
}

impl std::error::Error for Error {}

impl fmt::Display for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.description)
    }
}
