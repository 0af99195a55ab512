//! Refusals, worded as the server words them.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub(super) const DOMAIN: &str = "sendstores.dev";

pub(super) fn refused(code: Code, reason: &str, message: &str) -> Status {
    about(code, reason, message, &[])
}

/// With what the server says about its reason.
pub(super) fn about(code: Code, reason: &str, message: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<_, _> = metadata.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

/// Each field that is wrong, and what it must be.
pub(super) fn invalid(violations: Vec<(String, String)>) -> Status {
    let first = violations.first().map(|(field, why)| format!("{field}: {why}")).unwrap_or_default();
    let message = match violations.len() {
        0 | 1 => first,
        count => format!("{first} (and {} more)", count - 1),
    };
    let mut details = ErrorDetails::with_error_info("INVALID_FIELD", DOMAIN, HashMap::new());
    for (field, why) in violations {
        details.add_bad_request_violation(field, why);
    }
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// A token or a request id that is not good for this call.
pub(super) fn bad_text(reason: &str, field: &str, why: &str) -> Status {
    let mut details = ErrorDetails::with_bad_request_violation(field, why);
    details.set_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {why}"), details)
}

pub(super) fn not_found(id: &str) -> Status {
    about(Code::NotFound, "STORE_NOT_FOUND", &format!("there is no store {id}"), &[("store_id", id)])
}
