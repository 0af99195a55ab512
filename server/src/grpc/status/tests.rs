//! Every refusal, and what the docs and the contract say of it.

use sendstores_core::{
    BackupId, BackupState, Event, OperationId, OperationKind, State, TenantId, TokenId,
    admission::Denial,
    store::NotCancellable,
    volumes::{CannotGrow, VolumeRole},
};

use super::*;

fn id() -> StoreId {
    "store-a".parse().expect("valid")
}

fn token() -> TokenId {
    "4fKq0ZpL2x".parse().expect("valid")
}

const LOGINS: Tenancy = Tenancy::Logins { most: 1, retry_after: Duration::from_micros(1_500) };
const CALLS: Tenancy = Tenancy::Calls { most: 1, retry_after: Duration::from_micros(1_500) };

const RATE: Denial = Denial::Rate { most: 1, retry_after: Duration::from_micros(1_500) };

fn tenant() -> TenantId {
    "acme".parse().expect("valid")
}

fn denied(denial: Denial) -> Refusal {
    Tenancy::Denied(Some(tenant()), denial).into()
}

fn word() -> Word {
    Word::intern("SLEEPING").expect("a word")
}

fn unknown_release() -> Refusal {
    ReleaseUnknown { name: "2026-11".parse().expect("valid"), engine: sendstores_core::Engine::new("test") }.into()
}

fn forbidden() -> [(Refusal, Code, &'static str); 10] {
    let by_state = Forbidden::State { id: id(), state: State::Failed, event: Event::SuspendRequested };
    let operation = || OperationId::of(2);
    let (state, kind) = (State::Updating, OperationKind::Update);
    let in_progress = Forbidden::InProgress { id: id(), state, operation: operation(), kind };
    let late = Forbidden::NotCancellable { id: id(), why: NotCancellable::Late };
    let downgrade = Forbidden::Downgrade { id: id(), release: "2026-11".parse().expect("valid") };
    let another = Forbidden::AnotherOperation { id: id(), meant: operation() };
    let class = CannotGrow::Class { role: VolumeRole::Database, class: "fixed".to_owned() };
    let cannot_expand = Forbidden::CannotExpand { id: id(), why: class };
    let not_running = Forbidden::NotRunning { id: id(), state: State::Suspended };
    [
        (cannot_expand.into(), Code::FailedPrecondition, "CANNOT_EXPAND"),
        (not_running.into(), Code::FailedPrecondition, "STATE_FORBIDS"),
        (by_state.into(), Code::FailedPrecondition, "STATE_FORBIDS"),
        (Forbidden::NothingFailed { id: id(), state: State::Ready }.into(), Code::FailedPrecondition, "STATE_FORBIDS"),
        (in_progress.into(), Code::Aborted, "OPERATION_IN_PROGRESS"),
        (downgrade.into(), Code::FailedPrecondition, "RELEASE_DOWNGRADE"),
        (late.into(), Code::FailedPrecondition, "NOT_CANCELLABLE"),
        (another.into(), Code::FailedPrecondition, "NOT_CANCELLABLE"),
        (Forbidden::Protected(id()).into(), Code::FailedPrecondition, "DELETION_PROTECTED"),
        (Forbidden::NotDeleted(id()).into(), Code::AlreadyExists, "NOT_DELETED"),
    ]
}

fn of_backups() -> [(Refusal, Code, &'static str); 7] {
    let backup = || -> BackupId { "0193b0a0-7c3e-7000-8000-0000000000af/one".parse().expect("valid") };
    [
        (BackupRefusal::NotFound(backup()).into(), Code::NotFound, "BACKUP_NOT_FOUND"),
        (BackupRefusal::EtagMismatch(backup()).into(), Code::Aborted, "ETAG_MISMATCH"),
        (BackupRefusal::Conflict(backup()).into(), Code::Aborted, "WRITE_CONFLICT"),
        (BackupRefusal::State(backup(), BackupState::Deleting).into(), Code::FailedPrecondition, "STATE_FORBIDS"),
        (BackupRefusal::StoreState(id(), State::Suspended).into(), Code::FailedPrecondition, "STATE_FORBIDS"),
        (BackupRefusal::InProgress(id(), backup()).into(), Code::Aborted, "OPERATION_IN_PROGRESS"),
        (BackupRefusal::NoRepository.into(), Code::FailedPrecondition, "NO_REPOSITORY"),
    ]
}

fn every_refusal() -> Vec<(Refusal, Code, &'static str)> {
    let mut all = every_other_refusal();
    all.extend(forbidden());
    all.extend(of_backups());
    all.extend(Flaw::ALL.map(|flaw| (Refusal::TokenFlawed(flaw), Code::Unauthenticated, flaw.reason())));
    all
}

fn every_other_refusal() -> Vec<(Refusal, Code, &'static str)> {
    let violation = Violation { field: "f".to_owned(), description: "d".to_owned() };
    vec![
        (Refusal::InvalidFields(vec![violation]), Code::InvalidArgument, "INVALID_FIELD"),
        (Refusal::RequestIdReused, Code::InvalidArgument, "REQUEST_ID_REUSED"),
        (Refusal::StoreExists(id()), Code::AlreadyExists, "STORE_EXISTS"),
        (Refusal::StoreNotFound(id()), Code::NotFound, "STORE_NOT_FOUND"),
        (hidden(), Code::NotFound, "STORE_NOT_FOUND"),
        (Refusal::EtagMismatch(id()), Code::Aborted, "ETAG_MISMATCH"),
        (Refusal::WriteConflict(id()), Code::Aborted, "WRITE_CONFLICT"),
        (Refusal::CredentialsNotReady(id()), Code::FailedPrecondition, "CREDENTIALS_NOT_READY"),
        (Refusal::StoreDeleting(id()), Code::FailedPrecondition, "STORE_DELETING"),
        (Refusal::StoreForeign(id(), word()), Code::FailedPrecondition, "STORE_FOREIGN"),
        (unknown_release(), Code::InvalidArgument, "RELEASE_UNKNOWN"),
        (Refusal::RecordUnreadable(id()), Code::FailedPrecondition, "RECORD_UNREADABLE"),
        (Refusal::PageTokenInvalid, Code::InvalidArgument, "PAGE_TOKEN_INVALID"),
        (Refusal::ResumeTokenInvalid, Code::InvalidArgument, "RESUME_TOKEN_INVALID"),
        (Refusal::HistoryCompacted { oldest: Revision(7) }, Code::OutOfRange, "HISTORY_COMPACTED"),
        (Refusal::TooManyRequests { most: 1 }, Code::ResourceExhausted, "TOO_MANY_REQUESTS"),
        (Refusal::TooManyStreams { most: 1, scope: Scope::Peer }, Code::ResourceExhausted, "TOO_MANY_STREAMS"),
        (Refusal::TooManyConnections { most: 1 }, Code::ResourceExhausted, "TOO_MANY_CONNECTIONS"),
        (Refusal::HeadersTooLarge { most: 1 }, Code::ResourceExhausted, "HEADERS_TOO_LARGE"),
        (Refusal::HostNotAllowed, Code::PermissionDenied, "HOST_NOT_ALLOWED"),
        (Refusal::TokenMissing, Code::Unauthenticated, "TOKEN_MISSING"),
        (Refusal::TokenInvalid, Code::Unauthenticated, "TOKEN_INVALID"),
        (Refusal::TokenExpired, Code::Unauthenticated, "TOKEN_EXPIRED"),
        (Refusal::TokenRevoked, Code::Unauthenticated, "TOKEN_REVOKED"),
        (Refusal::TokenOverPlaintext, Code::Unauthenticated, "TOKEN_OVER_PLAINTEXT"),
        (Refusal::CertificateInvalid, Code::Unauthenticated, "CERTIFICATE_INVALID"),
        (Refusal::CredentialsMismatch, Code::Unauthenticated, "CREDENTIALS_MISMATCH"),
        (Refusal::SubjectUnbound("dns:a".to_owned()), Code::PermissionDenied, "SUBJECT_UNBOUND"),
        (Tenancy::TokenNotFound(token()).into(), Code::NotFound, "TOKEN_NOT_FOUND"),
        (Tenancy::TokenConflict(token()).into(), Code::Aborted, "WRITE_CONFLICT"),
        (Tenancy::TenantExists(tenant()).into(), Code::AlreadyExists, "TENANT_EXISTS"),
        (Tenancy::TenantNotFound(tenant()).into(), Code::NotFound, "TENANT_NOT_FOUND"),
        (Tenancy::TenantConflict(tenant()).into(), Code::Aborted, "WRITE_CONFLICT"),
        (denied(Denial::Undeclared), Code::FailedPrecondition, "TENANT_UNDECLARED"),
        (denied(Denial::NotEmpty { stores: 1 }), Code::FailedPrecondition, "TENANT_NOT_EMPTY"),
        (denied(Denial::Stores { most: 1 }), Code::ResourceExhausted, "QUOTA_EXCEEDED"),
        (CALLS.into(), Code::ResourceExhausted, "RATE_LIMITED"),
        (LOGINS.into(), Code::ResourceExhausted, "RATE_LIMITED"),
        (denied(RATE), Code::ResourceExhausted, "RATE_LIMITED"),
        (Refusal::AuthUnavailable, Code::Unavailable, "AUTH_UNAVAILABLE"),
        (
            Refusal::PermissionDenied { permission: "stores.delete", role: Role::Reader },
            Code::PermissionDenied,
            "PERMISSION_DENIED",
        ),
        (Refusal::CallReadOnly, Code::PermissionDenied, "CALL_READ_ONLY"),
        (Refusal::Starting, Code::Unavailable, "STARTING"),
        (Refusal::Draining, Code::Unavailable, "DRAINING"),
        (Refusal::LedgerUnavailable, Code::Unavailable, "LEDGER_UNAVAILABLE"),
        (Refusal::LedgerFull, Code::ResourceExhausted, "LEDGER_FULL"),
        (Refusal::ReadOnly { why: "lost".to_owned() }, Code::FailedPrecondition, "READ_ONLY"),
        (Refusal::ClusterUnavailable, Code::Unavailable, "CLUSTER_UNAVAILABLE"),
        (Refusal::DeadlineExceeded, Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (Refusal::Internal, Code::Internal, "INTERNAL"),
    ]
}

/// The store of another tenant.
fn hidden() -> Refusal {
    let uid = "0193b0a0-7c3e-7000-8000-0000000000af".parse().expect("a uid");
    Refusal::StoreHidden { id: id(), uid, tenant: Some(tenant()) }
}

#[test]
fn a_store_of_another_tenant_is_refused_as_a_missing_one() {
    let [hidden, missing] = [hidden(), Refusal::StoreNotFound(id())].map(|why| Status::from(why).into_http::<()>());
    assert_eq!(hidden.headers(), missing.headers());
}

#[test]
fn every_refusal_has_its_code_and_one_error_info() {
    for (refusal, code, reason) in every_refusal() {
        let status = Status::from(refusal.clone());
        assert_eq!(status.code(), code, "{refusal:?}");
        let info = status.get_details_error_info().expect("an ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, DOMAIN));
        assert!(!status.message().is_empty());
    }
}

#[test]
fn a_limit_says_whose_it_is_and_when_to_try_again() {
    let quota = Status::from(denied(Denial::Stores { most: 7 }));
    let failure = quota.get_details_quota_failure().expect("a QuotaFailure");
    assert_eq!(failure.violations[0].subject, "tenant:acme");
    let metadata = quota.get_details_error_info().expect("an ErrorInfo").metadata;
    assert_eq!((metadata["tenant"].as_str(), metadata["limit"].as_str()), ("acme", "7"));
    let rate = Status::from(denied(RATE)).get_details_retry_info().expect("a RetryInfo");
    assert_eq!(rate.retry_delay, Some(Duration::from_millis(2)), "never too early");
}

#[test]
fn every_reason_has_a_section_in_the_docs() {
    let docs = include_str!("../../../../docs/errors.md");
    for (_, _, reason) in every_refusal() {
        assert!(docs.contains(&format!("### {reason}\n")), "docs/errors.md has no section for {reason}");
    }
    use sendstores_proto::v1::failure::Reason;
    let of_stores = (1..).map_while(|number| Reason::try_from(number).ok()).map(|reason| reason.as_str_name());
    let of_stores: Vec<&str> = of_stores.filter_map(|name| name.strip_prefix("REASON_")).collect();
    for reason in &of_stores {
        assert!(docs.contains(&format!("### {reason}\n")), "docs/errors.md has no section for {reason}");
    }
    for reason in sendstores_core::FailureReason::ALL {
        assert!(of_stores.contains(&reason.as_str()), "the contract has no {reason}");
    }
}
/// What every call may answer.
const COMMON: &[&str] = &[
    "LEDGER_UNAVAILABLE",
    "STARTING",
    "DRAINING",
    "READ_ONLY",
    "RECORD_UNREADABLE",
    "DEADLINE_EXCEEDED",
    "TOO_MANY_REQUESTS",
    "TOO_MANY_CONNECTIONS",
    "HOST_NOT_ALLOWED",
    "HEADERS_TOO_LARGE",
    "RATE_LIMITED",
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "TOKEN_ALGORITHM",
    "TOKEN_CRITICAL_HEADER",
    "TOKEN_KEY_UNKNOWN",
    "TOKEN_ISSUER_UNKNOWN",
    "TOKEN_AUDIENCE",
    "TOKEN_NOT_YET_VALID",
    "TOKEN_CLAIM",
    "TOKEN_TOO_LONG",
    "TOKEN_EXPIRED",
    "TOKEN_REVOKED",
    "TOKEN_OVER_PLAINTEXT",
    "CERTIFICATE_INVALID",
    "CREDENTIALS_MISMATCH",
    "SUBJECT_UNBOUND",
    "AUTH_UNAVAILABLE",
    "PERMISSION_DENIED",
    "CALL_READ_ONLY",
    "INTERNAL",
];

/// What a call that changes the state of a store may answer.
const OF_A_CHANGE: &[&str] = &[
    "INVALID_FIELD",
    "REQUEST_ID_REUSED",
    "STORE_NOT_FOUND",
    "ETAG_MISMATCH",
    "WRITE_CONFLICT",
    "STATE_FORBIDS",
    "STORE_FOREIGN",
    "LEDGER_FULL",
];

/// What each call may answer beside that.
const OF_CALLS: &[(&str, &[&str])] = &[
    (
        "Create",
        &[
            "INVALID_FIELD",
            "RELEASE_UNKNOWN",
            "REQUEST_ID_REUSED",
            "STORE_EXISTS",
            "TENANT_UNDECLARED",
            "QUOTA_EXCEEDED",
            "RATE_LIMITED",
            "LEDGER_FULL",
        ],
    ),
    ("Get", &["INVALID_FIELD", "STORE_NOT_FOUND"]),
    ("List", &["INVALID_FIELD", "PAGE_TOKEN_INVALID"]),
    ("GetSummary", &["INVALID_FIELD"]),
    ("ListReleases", &[]),
    (
        "Delete",
        &[
            "INVALID_FIELD",
            "REQUEST_ID_REUSED",
            "STORE_NOT_FOUND",
            "ETAG_MISMATCH",
            "WRITE_CONFLICT",
            "DELETION_PROTECTED",
            "STORE_FOREIGN",
            "LEDGER_FULL",
        ],
    ),
    (
        "Undelete",
        &[
            "INVALID_FIELD",
            "REQUEST_ID_REUSED",
            "STORE_NOT_FOUND",
            "NOT_DELETED",
            "ETAG_MISMATCH",
            "WRITE_CONFLICT",
            "STATE_FORBIDS",
            "STORE_FOREIGN",
            "LEDGER_FULL",
        ],
    ),
    ("Update", OF_A_CHANGE),
    (
        "Update",
        &["OPERATION_IN_PROGRESS", "RELEASE_UNKNOWN", "RELEASE_DOWNGRADE", "CANNOT_EXPAND", "CLUSTER_UNAVAILABLE"],
    ),
    ("Suspend", OF_A_CHANGE),
    ("Suspend", &["OPERATION_IN_PROGRESS"]),
    ("RetryOperation", OF_A_CHANGE),
    (
        "CancelOperation",
        &[
            "INVALID_FIELD",
            "REQUEST_ID_REUSED",
            "STORE_NOT_FOUND",
            "ETAG_MISMATCH",
            "WRITE_CONFLICT",
            "NOT_CANCELLABLE",
            "STORE_FOREIGN",
            "LEDGER_FULL",
        ],
    ),
    ("Resume", OF_A_CHANGE),
    ("WatchStatus", &["INVALID_FIELD", "RESUME_TOKEN_INVALID", "HISTORY_COMPACTED", "TOO_MANY_STREAMS"]),
    (
        "GetCredentials",
        &[
            "INVALID_FIELD",
            "STORE_NOT_FOUND",
            "STORE_FOREIGN",
            "CREDENTIALS_NOT_READY",
            "STORE_DELETING",
            "WRITE_CONFLICT",
            "LEDGER_FULL",
            "CLUSTER_UNAVAILABLE",
        ],
    ),
];

/// The same of the calls of other services.
const OF_TOKENS: Answers = &[
    ("Create", &["INVALID_FIELD", "REQUEST_ID_REUSED", "PERMISSION_DENIED", "LEDGER_FULL"]),
    ("List", &["INVALID_FIELD", "PAGE_TOKEN_INVALID"]),
    ("Revoke", &["INVALID_FIELD", "TOKEN_NOT_FOUND", "WRITE_CONFLICT", "LEDGER_FULL"]),
];

const OF_AUDIT: Answers = &[("List", &["INVALID_FIELD", "PAGE_TOKEN_INVALID"])];

const OF_TENANTS: Answers = &[
    ("Create", &["INVALID_FIELD", "REQUEST_ID_REUSED", "TENANT_EXISTS", "LEDGER_FULL"]),
    ("Get", &["INVALID_FIELD", "TENANT_NOT_FOUND"]),
    ("List", &["INVALID_FIELD", "PAGE_TOKEN_INVALID"]),
    ("Update", &["INVALID_FIELD", "REQUEST_ID_REUSED", "TENANT_NOT_FOUND", "WRITE_CONFLICT", "LEDGER_FULL"]),
    (
        "Delete",
        &[
            "INVALID_FIELD",
            "REQUEST_ID_REUSED",
            "TENANT_NOT_FOUND",
            "TENANT_NOT_EMPTY",
            "WRITE_CONFLICT",
            "LEDGER_FULL",
        ],
    ),
];

const OF_BACKUPS: Answers = &[
    (
        "CreateBackup",
        &[
            "INVALID_FIELD",
            "REQUEST_ID_REUSED",
            "STORE_NOT_FOUND",
            "OPERATION_IN_PROGRESS",
            "NO_REPOSITORY",
            "STATE_FORBIDS",
            "LEDGER_FULL",
        ],
    ),
    ("GetBackup", &["INVALID_FIELD", "BACKUP_NOT_FOUND"]),
    ("ListBackups", &["INVALID_FIELD", "PAGE_TOKEN_INVALID"]),
    ("UpdateBackup", OF_A_BACKUP),
    ("DeleteBackup", OF_A_BACKUP),
    ("DeleteBackup", &["NO_REPOSITORY"]),
];

const OF_A_BACKUP: &[&str] = &[
    "INVALID_FIELD",
    "REQUEST_ID_REUSED",
    "BACKUP_NOT_FOUND",
    "ETAG_MISMATCH",
    "WRITE_CONFLICT",
    "STATE_FORBIDS",
    "LEDGER_FULL",
];

/// Calls, and what each may answer.
type Answers = &'static [(&'static str, &'static [&'static str])];

/// Each service: its file, and what its calls answer.
const SERVICES: &[(&str, Answers)] = &[
    (include_str!("../../../../proto/sendstores/v1/store_service.proto"), OF_CALLS),
    (include_str!("../../../../proto/sendstores/v1/audit_service.proto"), OF_AUDIT),
    (include_str!("../../../../proto/sendstores/v1/backup_service.proto"), OF_BACKUPS),
    (include_str!("../../../../proto/sendstores/v1/tenant_service.proto"), OF_TENANTS),
    (include_str!("../../../../proto/sendstores/v1/token_service.proto"), OF_TOKENS),
];

/// The comment right before the line of the file that begins so.
fn comment(contract: &str, line: &str) -> String {
    let (before, _) = contract.split_once(line).expect("a line of the contract");
    let lines: Vec<_> = before.trim_end().lines().rev().take_while(|line| line.trim().starts_with("//")).collect();
    lines.join(" ")
}

#[test]
fn the_contract_names_every_reason_at_each_call_that_answers_it() {
    let names = |contract: &str, line: &str, reasons: &[&str]| {
        let comment = comment(contract, line);
        let words: Vec<_> = comment.split(|c: char| !c.is_ascii_uppercase() && c != '_').collect();
        for reason in reasons {
            assert!(words.contains(reason), "the comment of {line:?} does not name {reason}");
        }
    };
    names(SERVICES[0].0, "service StoreService {", COMMON);
    for (contract, calls) in SERVICES {
        calls.iter().for_each(|(call, reasons)| names(contract, &format!("rpc {call}("), reasons));
    }
    for (_, _, reason) in every_refusal() {
        let mut calls = SERVICES.iter().flat_map(|(_, calls)| *calls);
        let known = COMMON.contains(&reason) || calls.any(|(_, reasons)| reasons.contains(&reason));
        assert!(known, "{reason} is answered by no call");
    }
}
