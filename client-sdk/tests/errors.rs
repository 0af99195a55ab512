//! What becomes of the statuses that servers, proxies and broken connections leave.

use std::{collections::HashMap, time::Duration};

use sendstores_client::{Error, FieldViolation};
use tonic::{Code, Status, TimeoutExpired};
use tonic_types::{ErrorDetails, StatusExt};

fn said(code: Code, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(
        reason,
        "sendstores.dev",
        HashMap::from([("id".to_owned(), "store-a".to_owned())]),
    );
    Status::with_error_details(code, "the message", details)
}

/// Whether an error is the wanted variant.
type Is = fn(&Error) -> bool;

#[test]
fn each_code_and_reason_becomes_what_the_caller_does_about_it() {
    let table: [(Code, &str, Is, bool); 16] = [
        (Code::NotFound, "STORE_NOT_FOUND", |e| matches!(e, Error::NotFound(_)), false),
        (Code::AlreadyExists, "STORE_EXISTS", |e| matches!(e, Error::AlreadyExists(_)), false),
        (Code::InvalidArgument, "INVALID_FIELD", |e| matches!(e, Error::InvalidArgument { .. }), false),
        (Code::InvalidArgument, "REQUEST_ID_REUSED", |e| matches!(e, Error::InvalidArgument { .. }), false),
        (Code::FailedPrecondition, "READ_ONLY", |e| matches!(e, Error::FailedPrecondition(_)), false),
        (Code::Aborted, "ETAG_MISMATCH", |e| matches!(e, Error::Conflict(_)), false),
        (Code::Aborted, "WRITE_CONFLICT", |e| matches!(e, Error::Conflict(_)), true),
        (Code::OutOfRange, "HISTORY_COMPACTED", |e| matches!(e, Error::HistoryCompacted(_)), false),
        (Code::ResourceExhausted, "TOO_MANY_STREAMS", |e| matches!(e, Error::ResourceExhausted { .. }), true),
        (Code::Unavailable, "LEDGER_UNAVAILABLE", |e| matches!(e, Error::Unavailable(_)), true),
        (Code::Unavailable, "DRAINING", |e| matches!(e, Error::Unavailable(_)), true),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", |e| matches!(e, Error::DeadlineExceeded(_)), true),
        (Code::Unauthenticated, "TOKEN_EXPIRED", |e| matches!(e, Error::Unauthenticated(_)), false),
        (Code::PermissionDenied, "PERMISSION_DENIED", |e| matches!(e, Error::PermissionDenied(_)), false),
        (Code::Internal, "INTERNAL", |e| matches!(e, Error::Other(_)), false),
        (Code::DataLoss, "A_NEW_ONE", |e| matches!(e, Error::Other(_)), false),
    ];
    for (code, reason, wanted, retryable) in table {
        let error = Error::from(said(code, reason));
        assert!(wanted(&error), "{code:?} {reason} became {error:?}");
        assert_eq!(error.retryable(), retryable, "{reason}");
        assert_eq!(error.reason(), Some(reason));
        assert_eq!(error.status().map(Status::code), Some(code));
        assert_eq!(error.to_string(), format!("the message ({reason})"));
        assert_eq!(error.cause().and_then(|cause| cause.metadata()).map(|data| data["id"].as_str()), Some("store-a"));
    }
}

#[test]
fn a_message_that_is_too_large_is_not_a_compacted_history() {
    assert!(matches!(Error::from(Status::out_of_range("message too large")), Error::Other(_)));
}

#[test]
fn violations_are_listed_field_by_field() {
    let mut details = ErrorDetails::with_bad_request_violation("spec.shop.currency", "must be an ISO 4217 code");
    details.add_bad_request_violation("store_id", "must begin with \"store-\"");
    details.set_error_info("INVALID_FIELD", "sendstores.dev", HashMap::new());
    let error = Error::from(Status::with_error_details(
        Code::InvalidArgument,
        "spec.shop.currency: must be an ISO 4217 code (and 1 more)",
        details,
    ));
    let Error::InvalidArgument { violations, .. } = &error else { panic!("{error:?}") };
    let fields: Vec<_> = violations.iter().map(|FieldViolation { field, .. }| field.as_str()).collect();
    assert_eq!(fields, ["spec.shop.currency", "store_id"]);
    assert_eq!(
        error.to_string(),
        "2 fields are wrong (INVALID_FIELD): spec.shop.currency must be an ISO 4217 code; store_id must begin with \"store-\""
    );
}

#[test]
fn one_violation_is_what_the_message_says_already() {
    let mut details = ErrorDetails::with_bad_request_violation("id", "must begin with \"store-\"");
    details.set_error_info("INVALID_FIELD", "sendstores.dev", HashMap::new());
    let error =
        Error::from(Status::with_error_details(Code::InvalidArgument, "id: must begin with \"store-\"", details));
    assert_eq!(error.to_string(), "id: must begin with \"store-\" (INVALID_FIELD)");
}

#[test]
fn the_server_says_how_long_to_wait() {
    let mut details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1500)));
    details.set_error_info("TOO_MANY_REQUESTS", "sendstores.dev", HashMap::new());
    let error = Error::from(Status::with_error_details(Code::ResourceExhausted, "busy", details));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
    assert!(matches!(error, Error::ResourceExhausted { retry_after: Some(_), .. }));
}

#[test]
fn statuses_without_details_are_understood_by_their_code() {
    let error = Error::from(Status::unavailable("503 from a proxy"));
    assert!(matches!(error, Error::Unavailable(_)));
    assert_eq!((error.reason(), error.retry_after()), (None, None));
    assert_eq!(Error::from(Status::permission_denied("")).to_string(), "PermissionDenied");
}

#[test]
fn a_broken_connection_is_a_transport_error_with_its_whole_chain() {
    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Outer(#[source] std::io::Error);

    let error = Error::from(Status::from_error(Box::new(Outer(std::io::Error::other("connection reset by peer")))));
    assert!(matches!(error, Error::Transport(_)), "tonic calls it UNKNOWN: {error:?}");
    assert_eq!(error.to_string(), "transport error: connection reset by peer");
    assert!(error.retryable());
    assert!(std::error::Error::source(&error).is_none(), "the text has the chain; it must not print twice");
}

#[test]
fn a_deadline_of_the_channel_is_a_deadline() {
    let error = Error::from(Status::from_error(Box::new(TimeoutExpired(()))));
    assert!(matches!(error, Error::DeadlineExceeded(_)), "tonic calls it CANCELLED: {error:?}");
}
