//! Which refusals the audit has.

use sendstores_core::audit::Verdict;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// What the audit has of a refusal: the decision, the reason, and the id of what the call was about. `None`: it has nothing.
pub(in crate::grpc) fn for_audit(status: &Status) -> Option<(Verdict, String, String)> {
    if !matches!(
        status.code(),
        Code::PermissionDenied | Code::Unauthenticated | Code::ResourceExhausted | Code::FailedPrecondition
    ) {
        return None;
    }
    let info = status.get_details_error_info()?;
    let decision = match info.reason.as_str() {
        "PERMISSION_DENIED" | "CALL_READ_ONLY" | "SUBJECT_UNBOUND" => Verdict::Denied,
        "TENANT_UNDECLARED" | "DELETION_PROTECTED" => Verdict::Denied,
        "CERTIFICATE_INVALID" | "CREDENTIALS_MISMATCH" => Verdict::Denied,
        // Each says what is wrong with a token.
        reason if status.code() == Code::Unauthenticated && reason.starts_with("TOKEN_") => Verdict::Denied,
        "QUOTA_EXCEEDED" | "RATE_LIMITED" => Verdict::Limited,
        _ => return None,
    };
    let named = ["store_id", "token_id", "tenant", "backup"].iter().find_map(|name| info.metadata.get(*name));
    Some((decision, info.reason, named.cloned().unwrap_or_default()))
}
