//! Why a call is refused, and the one place where that becomes a status.
//!
//! Every status carries exactly one `ErrorInfo` with a stable reason; docs/errors.md has a section for each.

mod backups;
mod causes;
mod counted;
mod entered;
mod lifecycle;
mod releases;
mod tenancy;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Duration};

use sendstores_core::{Revision, Role, StoreId, TenantId, Uid, Word, ledger::OPERATION_WINDOW};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub(super) use backups::BackupRefusal;
pub(super) use counted::count_decision;
pub(super) use entered::for_audit;
pub(super) use lifecycle::Forbidden;
pub(super) use releases::ReleaseUnknown;
pub(super) use tenancy::Tenancy;

use super::violations::{self, Violation};
use crate::auth::Flaw;

/// The domain of every reason.
pub(super) const DOMAIN: &str = "sendstores.dev";

/// When a caller may try again after a passing fault.
const RETRY: Duration = Duration::from_secs(1);

/// For whom a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All callers of this server.
    Server,
    /// All callers of one tenant.
    Tenant,
    /// All who call from one address.
    Peer,
    /// One caller, from wherever it calls.
    Principal,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    InvalidFields(Vec<Violation>),
    RequestIdReused,
    StoreExists(StoreId),
    StoreNotFound(StoreId),
    /// It is another tenant's. The caller is answered what it is of a missing one.
    StoreHidden {
        id: StoreId,
        uid: Uid,
        tenant: Option<TenantId>,
    },
    EtagMismatch(StoreId),
    WriteConflict(StoreId),
    CredentialsNotReady(StoreId),
    StoreDeleting(StoreId),
    ReleaseUnknown(ReleaseUnknown),
    Forbidden(Forbidden),
    StoreForeign(StoreId, Word),
    RecordUnreadable(StoreId),
    PageTokenInvalid,
    ResumeTokenInvalid,
    HistoryCompacted {
        oldest: Revision,
    },
    TooManyRequests {
        most: usize,
    },
    TooManyStreams {
        most: usize,
        scope: Scope,
    },
    TooManyConnections {
        most: usize,
    },
    HostNotAllowed,
    HeadersTooLarge {
        most: usize,
    },
    TokenMissing,
    TokenInvalid,
    TokenFlawed(Flaw),
    TokenExpired,
    TokenRevoked,
    TokenOverPlaintext,
    CertificateInvalid,
    CredentialsMismatch,
    SubjectUnbound(String),
    Tenancy(Tenancy),
    Backup(BackupRefusal),
    AuthUnavailable,
    PermissionDenied {
        permission: &'static str,
        role: Role,
    },
    CallReadOnly,
    Starting,
    Draining,
    LedgerUnavailable,
    LedgerFull,
    ReadOnly {
        why: String,
    },
    ClusterUnavailable,
    DeadlineExceeded,
    Internal,
}

// === impl Refusal ===

impl Refusal {
    fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::InvalidFields(_) => (Code::InvalidArgument, "INVALID_FIELD"),
            Self::RequestIdReused => (Code::InvalidArgument, "REQUEST_ID_REUSED"),
            Self::StoreExists(_) => (Code::AlreadyExists, "STORE_EXISTS"),
            Self::StoreNotFound(_) | Self::StoreHidden { .. } => (Code::NotFound, "STORE_NOT_FOUND"),
            Self::EtagMismatch(_) => (Code::Aborted, "ETAG_MISMATCH"),
            Self::WriteConflict(_) => (Code::Aborted, "WRITE_CONFLICT"),
            Self::CredentialsNotReady(_) => (Code::FailedPrecondition, "CREDENTIALS_NOT_READY"),
            Self::StoreDeleting(_) => (Code::FailedPrecondition, "STORE_DELETING"),
            Self::ReleaseUnknown(_) => ReleaseUnknown::REASON,
            Self::Forbidden(why) => why.code_and_reason(),
            Self::StoreForeign(_, _) => (Code::FailedPrecondition, "STORE_FOREIGN"),
            Self::RecordUnreadable(_) => (Code::FailedPrecondition, "RECORD_UNREADABLE"),
            Self::PageTokenInvalid => (Code::InvalidArgument, "PAGE_TOKEN_INVALID"),
            Self::ResumeTokenInvalid => (Code::InvalidArgument, "RESUME_TOKEN_INVALID"),
            Self::HistoryCompacted { .. } => (Code::OutOfRange, "HISTORY_COMPACTED"),
            Self::TooManyRequests { .. } => (Code::ResourceExhausted, "TOO_MANY_REQUESTS"),
            Self::TooManyStreams { .. } => (Code::ResourceExhausted, "TOO_MANY_STREAMS"),
            Self::TooManyConnections { .. } => (Code::ResourceExhausted, "TOO_MANY_CONNECTIONS"),
            Self::HostNotAllowed => (Code::PermissionDenied, "HOST_NOT_ALLOWED"),
            Self::HeadersTooLarge { .. } => (Code::ResourceExhausted, "HEADERS_TOO_LARGE"),
            Self::TokenMissing => (Code::Unauthenticated, "TOKEN_MISSING"),
            Self::TokenInvalid => (Code::Unauthenticated, "TOKEN_INVALID"),
            Self::TokenFlawed(flaw) => (Code::Unauthenticated, flaw.reason()),
            Self::TokenExpired => (Code::Unauthenticated, "TOKEN_EXPIRED"),
            Self::TokenRevoked => (Code::Unauthenticated, "TOKEN_REVOKED"),
            Self::TokenOverPlaintext => (Code::Unauthenticated, "TOKEN_OVER_PLAINTEXT"),
            Self::CertificateInvalid => (Code::Unauthenticated, "CERTIFICATE_INVALID"),
            Self::CredentialsMismatch => (Code::Unauthenticated, "CREDENTIALS_MISMATCH"),
            Self::SubjectUnbound(_) => (Code::PermissionDenied, "SUBJECT_UNBOUND"),
            Self::Tenancy(why) => why.code_and_reason(),
            Self::Backup(why) => why.code_and_reason(),
            Self::AuthUnavailable => (Code::Unavailable, "AUTH_UNAVAILABLE"),
            Self::PermissionDenied { .. } => (Code::PermissionDenied, "PERMISSION_DENIED"),
            Self::CallReadOnly => (Code::PermissionDenied, "CALL_READ_ONLY"),
            Self::Starting => (Code::Unavailable, "STARTING"),
            Self::Draining => (Code::Unavailable, "DRAINING"),
            Self::LedgerUnavailable => (Code::Unavailable, "LEDGER_UNAVAILABLE"),
            Self::LedgerFull => (Code::ResourceExhausted, "LEDGER_FULL"),
            Self::ReadOnly { .. } => (Code::FailedPrecondition, "READ_ONLY"),
            Self::ClusterUnavailable => (Code::Unavailable, "CLUSTER_UNAVAILABLE"),
            Self::DeadlineExceeded => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            Self::Internal => (Code::Internal, "INTERNAL"),
        }
    }

    /// What happened, and what to do about it.
    fn message(&self) -> String {
        match self {
            Self::InvalidFields(violations) => violations::summary(violations),
            Self::RequestIdReused => reused(),
            Self::StoreExists(id) => format!("the id {id} is taken; choose another, or none"),
            Self::StoreNotFound(id) | Self::StoreHidden { id, .. } => format!("there is no store {id}"),
            Self::EtagMismatch(id) => format!("store {id} has changed since the given etag; read it again"),
            Self::WriteConflict(id) => format!("store {id} keeps changing; try again"),
            Self::Tenancy(why) => why.message(),
            Self::Backup(why) => why.message(),
            Self::CredentialsNotReady(id) => {
                format!("the credentials of store {id} are not made yet; its steps say how far it is")
            }
            Self::StoreDeleting(id) => format!("store {id} is being deleted; its credentials are given up"),
            Self::ReleaseUnknown(why) => why.message(),
            Self::Forbidden(why) => why.message(),
            Self::StoreForeign(id, word) => format!(
                "a newer version of the server has made store {id} {word}, which this one does not know; call a server \
                 of that version"
            ),
            Self::RecordUnreadable(id) => format!(
                "the record of store {id} cannot be read by this server: it is damaged, or a newer version wrote it; \
                 the server's log says why"
            ),
            Self::TooManyRequests { most } => format!("this server answers {most} calls at once; try again"),
            Self::TooManyStreams { most, scope } => scope.too_many_streams(*most),
            Self::ReadOnly { why } => format!(
                "this server is read-only: {why}; nothing is lost in the cluster, and an operator has to decide how to \
                 go on (docs/errors.md, READ_ONLY)"
            ),
            Self::TooManyConnections { most } => {
                format!("this server keeps {most} connections for one address; close some of yours")
            }
            Self::HeadersTooLarge { most } => {
                format!("the metadata of a call may have {most} bytes in all; send less")
            }
            Self::SubjectUnbound(subject) => {
                format!("no binding of this server names {subject}; an operator adds one (--auth-config)")
            }
            Self::PermissionDenied { permission, role } => {
                format!("the role {role} of this token does not have the permission {permission}")
            }
            Self::HostNotAllowed
            | Self::PageTokenInvalid
            | Self::ResumeTokenInvalid
            | Self::HistoryCompacted { .. } => self.fixed_message().to_owned(),
            Self::Starting | Self::Draining | Self::ClusterUnavailable | Self::DeadlineExceeded | Self::Internal => {
                self.fixed_message().to_owned()
            }
            Self::LedgerUnavailable | Self::LedgerFull | Self::CallReadOnly => self.fixed_message().to_owned(),
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenFlawed(_)
            | Self::TokenExpired
            | Self::TokenRevoked => self.about_the_token().to_owned(),
            Self::TokenOverPlaintext | Self::CertificateInvalid | Self::CredentialsMismatch | Self::AuthUnavailable => {
                self.about_the_token().to_owned()
            }
        }
    }

    /// The message of a refusal that always has the same.
    fn fixed_message(&self) -> &'static str {
        match self {
            Self::HostNotAllowed => "this server does not answer browsers under this host name (--allowed-host)",
            Self::CallReadOnly => {
                "the caller sent `sendstores-read-only` with a call that changes something; nothing was done"
            }
            Self::PageTokenInvalid => {
                "page_token: was not given out by this service for this filter, order and query; begin at the first page"
            }
            Self::ResumeTokenInvalid => "resume_token: was not given out by this service; watch without one",
            Self::HistoryCompacted { .. } => "what follows the resume token is no longer kept; watch again without one",
            Self::Starting => "this server is still reading the stores; try again",
            Self::Draining => "this server is stopping; go on elsewhere, or try again",
            Self::LedgerUnavailable => "Redis cannot be used now; try again, a write with the same request_id",
            Self::LedgerFull => "Redis has no room for another change; nothing was written",
            Self::ClusterUnavailable => "the Kubernetes API does not answer; try again",
            Self::DeadlineExceeded => "no answer in time; try again, a write with the same request_id",
            _ => "a fault of this server; its log has the details under the request id",
        }
    }

    fn about_the_token(&self) -> &'static str {
        match self {
            Self::TokenMissing => {
                "this server needs a token, as the metadata \"authorization: Bearer sst_...\"; an operator makes one with \
                 `sendstores-server token create`"
            }
            Self::TokenFlawed(flaw) => flaw.message(),
            Self::TokenExpired => "the token has expired; ask for a new one",
            Self::TokenRevoked => "the token was revoked; ask for a new one",
            Self::TokenOverPlaintext => {
                "the token came over a connection without TLS, and others could read it on the way: replace it, and call this \
                 server over TLS"
            }
            Self::CertificateInvalid => {
                "the client certificate of this connection has expired, was revoked, or is of an authority that is not \
                 accepted any more; connect with another"
            }
            Self::CredentialsMismatch => {
                "the token and the client certificate are of different tenants; send one of them"
            }
            Self::AuthUnavailable => {
                "the token cannot be checked now, because Redis, the Kubernetes API or its issuer does not answer; try again"
            }
            _ => "the token is damaged, or this control plane never made it",
        }
    }

    fn metadata(&self) -> HashMap<String, String> {
        let pair = match self {
            Self::StoreNotFound(id) | Self::StoreHidden { id, .. } => ("store_id", id.to_string()),
            Self::StoreExists(id) | Self::EtagMismatch(id) | Self::WriteConflict(id) => ("store_id", id.to_string()),
            Self::CredentialsNotReady(id) | Self::StoreDeleting(id) => ("store_id", id.to_string()),
            Self::ReleaseUnknown(why) => return why.metadata(),
            Self::Forbidden(why) => return why.metadata(),
            Self::StoreForeign(id, _) | Self::RecordUnreadable(id) => ("store_id", id.to_string()),
            Self::Tenancy(why) => return why.metadata(),
            Self::Backup(why) => return why.metadata(),
            Self::HistoryCompacted { oldest } => ("oldest_revision", oldest.to_string()),
            Self::TooManyRequests { most } | Self::TooManyStreams { most, scope: _ } => ("limit", most.to_string()),
            Self::TooManyConnections { most } | Self::HeadersTooLarge { most } => ("limit", most.to_string()),
            Self::InvalidFields(violations) => match violations::named(violations).1 {
                0 => return HashMap::new(),
                more => ("more_violations", more.to_string()),
            },
            Self::RequestIdReused | Self::PageTokenInvalid | Self::ResumeTokenInvalid | Self::CallReadOnly => {
                return HashMap::new();
            }
            Self::PermissionDenied { permission, role } => {
                let pairs = [("permission", (*permission).to_owned()), ("role", role.to_string())];
                return pairs.map(|(name, value)| (name.to_owned(), value)).into();
            }
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenFlawed(_)
            | Self::TokenExpired
            | Self::TokenRevoked => {
                return HashMap::new();
            }
            Self::SubjectUnbound(subject) => ("subject", subject.clone()),
            Self::HostNotAllowed | Self::TokenOverPlaintext | Self::AuthUnavailable => return HashMap::new(),
            Self::CertificateInvalid | Self::CredentialsMismatch => return HashMap::new(),
            Self::Starting | Self::Draining | Self::LedgerUnavailable | Self::LedgerFull => return HashMap::new(),
            Self::ReadOnly { .. } => return HashMap::new(),
            Self::ClusterUnavailable | Self::DeadlineExceeded | Self::Internal => return HashMap::new(),
        };
        let mut metadata = HashMap::from([(pair.0.to_owned(), pair.1)]);
        if let Self::TooManyStreams { most: _, scope } = self {
            metadata.insert("scope".to_owned(), scope.as_str().to_owned());
        }
        metadata
    }

    fn add_details(&self, details: &mut ErrorDetails) {
        match self {
            Self::InvalidFields(violations) => {
                details.set_bad_request(violations::named(violations).0);
            }
            Self::PageTokenInvalid => {
                details.add_bad_request_violation("page_token", "was not given out by this service for this filter");
            }
            Self::ResumeTokenInvalid => {
                details.add_bad_request_violation("resume_token", "was not given out by this service");
            }
            Self::ReleaseUnknown(why) => {
                details.add_bad_request_violation("spec.release", why.message());
            }
            Self::RequestIdReused => {
                details.add_bad_request_violation("request_id", "was used for another request");
            }
            Self::StoreExists(id) | Self::StoreNotFound(id) | Self::StoreHidden { id, .. } | Self::EtagMismatch(id) => {
                details.set_resource_info("sendstores.v1.Store", id.as_str(), "", "");
            }
            Self::Forbidden(why) => {
                details.set_resource_info("sendstores.v1.Store", why.id().as_str(), "", "");
            }
            Self::CredentialsNotReady(id) | Self::StoreDeleting(id) => {
                details.set_resource_info("sendstores.v1.Store", id.as_str(), "", "");
            }
            Self::StoreForeign(id, _) | Self::RecordUnreadable(id) => {
                details.set_resource_info("sendstores.v1.Store", id.as_str(), "", "");
            }
            Self::Tenancy(why) => why.add_details(details),
            Self::Backup(why) => why.add_details(details),
            Self::WriteConflict(_) | Self::TooManyRequests { .. } | Self::TooManyStreams { .. } => {
                details.set_retry_info(Some(RETRY));
            }
            Self::Starting | Self::Draining | Self::LedgerUnavailable | Self::LedgerFull | Self::ClusterUnavailable => {
                details.set_retry_info(Some(RETRY));
            }
            Self::TooManyConnections { .. } | Self::AuthUnavailable => {
                details.set_retry_info(Some(RETRY));
            }
            Self::HostNotAllowed | Self::HeadersTooLarge { .. } => {}
            Self::PermissionDenied { .. } | Self::CallReadOnly => {}
            Self::TokenOverPlaintext
            | Self::CertificateInvalid
            | Self::CredentialsMismatch
            | Self::SubjectUnbound(_) => {}
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenFlawed(_)
            | Self::TokenExpired
            | Self::TokenRevoked => {}
            Self::HistoryCompacted { .. } | Self::ReadOnly { .. } | Self::DeadlineExceeded | Self::Internal => {}
        }
    }
}

// === impl Scope ===

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tenant => "tenant",
            Self::Peer => "peer",
            Self::Principal => "principal",
        }
    }

    fn too_many_streams(self, most: usize) -> String {
        match self {
            Self::Server => format!("this server keeps {most} streams open; close some, or try again"),
            Self::Tenant => format!("this server keeps {most} streams open for the callers of your tenant; close some"),
            Self::Peer => format!("this server keeps {most} streams open for one address; close some of yours"),
            Self::Principal => format!("this server keeps {most} streams open for one caller; close some of yours"),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.count_limit();
        let (code, reason) = refusal.code_and_reason();
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, refusal.metadata());
        refusal.add_details(&mut details);
        Self::with_error_details(code, refusal.message(), details)
    }
}

fn reused() -> String {
    let hours = OPERATION_WINDOW.as_secs() / 3600;
    format!("request_id: was used for another request within {hours} hours; choose a new one for a new request")
}

/// The details for what the transport itself answered without any, such as a message too large.
pub(super) fn transport_details(code: i32, message: &str) -> Option<bytes::Bytes> {
    let code = Code::from_i32(code);
    let reason = match code {
        Code::Ok => return None,
        Code::OutOfRange => "MESSAGE_TOO_LARGE",
        Code::Unimplemented => "METHOD_UNKNOWN",
        Code::Internal | Code::InvalidArgument => "MESSAGE_MALFORMED",
        _ => "TRANSPORT",
    };
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    Some(bytes::Bytes::copy_from_slice(Status::with_error_details(code, message, details).details()))
}

/// Whether a code means a fault of the server, and not of the caller.
pub(super) fn is_our_fault(code: i32) -> bool {
    matches!(Code::from_i32(code), Code::Internal | Code::Unknown | Code::DataLoss)
}

/// How many codes there are.
pub(super) const CODES: usize = Code::Unauthenticated as usize + 1;

/// Which of them a code is.
pub(super) fn code_index(code: i32) -> usize {
    Code::from_i32(code) as usize
}

/// The name of a code for logs and metrics.
pub(super) fn code_name(code: i32) -> &'static str {
    match Code::from_i32(code) {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
