//! What metrics count of refusals.

use std::sync::OnceLock;

use metrics::Counter;
use sendstores_core::{access::PrincipalKind, admission::Denial};
use tonic::Code;

use super::{Refusal, Scope, Tenancy};

/// How callers prove who they are, as metrics have it. The last one is for those that did not.
const METHODS: [&str; 7] = ["token", "file", "service-account", "oidc", "certificate", "anonymous", "other"];
/// What is decided about a call.
const DECISIONS: [&str; 5] = ["allowed", "denied", "refused", "limited", "unavailable"];

/// Each call counts here, and looking a counter up by its labels costs more than counting.
static COUNTERS: [[OnceLock<Counter>; DECISIONS.len()]; METHODS.len()] =
    [const { [const { OnceLock::new() }; DECISIONS.len()] }; METHODS.len()];

/// Counts what was decided about a call of a caller of this kind. `None`: the caller was not recognized.
pub(in crate::grpc) fn count_decision(kind: Option<PrincipalKind>, refusal: Option<&Refusal>) {
    let (method, decision) = (method(kind), refusal.map_or(0, decision));
    let counter = COUNTERS[method][decision].get_or_init(
        || metrics::counter!("sendstores_auth_total", "method" => METHODS[method], "decision" => DECISIONS[decision]),
    );
    counter.increment(1);
}

fn method(kind: Option<PrincipalKind>) -> usize {
    match kind {
        Some(PrincipalKind::Token) => 0,
        Some(PrincipalKind::File) => 1,
        Some(PrincipalKind::ServiceAccount) => 2,
        Some(PrincipalKind::Oidc) => 3,
        Some(PrincipalKind::Certificate) => 4,
        Some(PrincipalKind::Anonymous) => 5,
        None => 6,
    }
}

fn decision(refusal: &Refusal) -> usize {
    match refusal.code_and_reason().0 {
        Code::PermissionDenied => 1,
        Code::Unauthenticated => 2,
        Code::ResourceExhausted => 3,
        _ => 4,
    }
}

impl Refusal {
    /// Counts the refusal, if a limit is its reason.
    pub(super) fn count_limit(&self) {
        if let Some(limit) = self.limit() {
            metrics::counter!("sendstores_limited_total", "limit" => limit).increment(1);
        }
    }

    /// The limit that was met.
    fn limit(&self) -> Option<&'static str> {
        match self {
            Self::TooManyRequests { .. } => Some("requests"),
            Self::TooManyStreams { scope: Scope::Server, .. } => Some("streams"),
            Self::TooManyStreams { scope: Scope::Peer, .. } => Some("streams-per-peer"),
            Self::TooManyStreams { scope: Scope::Tenant, .. } => Some("streams-per-tenant"),
            Self::TooManyStreams { scope: Scope::Principal, .. } => Some("streams-per-principal"),
            Self::TooManyConnections { .. } => Some("connections"),
            Self::HeadersTooLarge { .. } => Some("metadata"),
            Self::Tenancy(Tenancy::Calls { .. }) => Some("calls"),
            Self::Tenancy(Tenancy::Logins { .. }) => Some("logins"),
            Self::Tenancy(Tenancy::Denied(_, Denial::Stores { .. })) => Some("stores"),
            Self::Tenancy(Tenancy::Denied(_, Denial::Rate { .. })) => Some("creates"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_decision_follows_from_the_code() {
        let limited = Refusal::from(Tenancy::Calls { most: 1, retry_after: Duration::ZERO });
        for (refusal, name) in [
            (Refusal::TokenRevoked, "refused"),
            (Refusal::SubjectUnbound(String::new()), "denied"),
            (Refusal::AuthUnavailable, "unavailable"),
            (Refusal::Starting, "unavailable"),
            (limited, "limited"),
        ] {
            assert_eq!(DECISIONS[decision(&refusal)], name, "{refusal:?}");
        }
        assert_eq!(METHODS[method(Some(PrincipalKind::Certificate))], "certificate");
    }

    #[test]
    fn limits_are_those_of_the_table() {
        let refusals = [
            Refusal::TooManyRequests { most: 1 },
            Refusal::TooManyStreams { most: 1, scope: Scope::Server },
            Refusal::TooManyStreams { most: 1, scope: Scope::Peer },
            Refusal::TooManyStreams { most: 1, scope: Scope::Tenant },
            Refusal::TooManyStreams { most: 1, scope: Scope::Principal },
            Refusal::TooManyConnections { most: 1 },
            Refusal::HeadersTooLarge { most: 1 },
            Tenancy::Calls { most: 1, retry_after: Duration::ZERO }.into(),
            Tenancy::Logins { most: 1, retry_after: Duration::ZERO }.into(),
            Tenancy::Denied(None, Denial::Stores { most: 1 }).into(),
        ];
        assert!(refusals.iter().all(|refusal| refusal.limit().is_some()));
        assert_eq!(Refusal::LedgerFull.limit(), None);
        assert_eq!(Refusal::from(Tenancy::Denied(None, Denial::Undeclared)).limit(), None);
    }
}
