//! Why a call is refused that is about tokens, tenants or what a tenant may have.

use std::{collections::HashMap, time::Duration};

use sendstores_core::{TenantId, TokenId, admission::Denial};
use tonic::Code;
use tonic_types::ErrorDetails;

use super::RETRY;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) enum Tenancy {
    TokenNotFound(TokenId),
    TokenConflict(TokenId),
    TenantExists(TenantId),
    TenantNotFound(TenantId),
    TenantConflict(TenantId),
    /// The caller makes more calls in a second than it may.
    Calls {
        most: u32,
        retry_after: Duration,
    },
    /// The peer has failed to prove who it is as often as it may in a second.
    Logins {
        most: u32,
        retry_after: Duration,
    },
    /// `None`: it was not said of which tenant.
    Denied(Option<TenantId>, Denial),
}

// === impl Tenancy ===

impl Tenancy {
    pub(super) fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::TokenNotFound(_) => (Code::NotFound, "TOKEN_NOT_FOUND"),
            Self::TokenConflict(_) | Self::TenantConflict(_) => (Code::Aborted, "WRITE_CONFLICT"),
            Self::TenantExists(_) => (Code::AlreadyExists, "TENANT_EXISTS"),
            Self::TenantNotFound(_) => (Code::NotFound, "TENANT_NOT_FOUND"),
            Self::Denied(_, Denial::Undeclared) => (Code::FailedPrecondition, "TENANT_UNDECLARED"),
            Self::Denied(_, Denial::NotEmpty { .. }) => (Code::FailedPrecondition, "TENANT_NOT_EMPTY"),
            Self::Denied(_, Denial::Stores { .. }) => (Code::ResourceExhausted, "QUOTA_EXCEEDED"),
            Self::Calls { .. } | Self::Logins { .. } | Self::Denied(_, Denial::Rate { .. }) => {
                (Code::ResourceExhausted, "RATE_LIMITED")
            }
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::TokenNotFound(id) => format!("there is no token {id}"),
            Self::TokenConflict(id) => format!("token {id} keeps changing; try again"),
            Self::TenantExists(id) => format!("the tenant {id} is declared already"),
            Self::TenantNotFound(id) => format!("no tenant {id} is declared"),
            Self::TenantConflict(id) => format!("tenant {id} keeps changing; try again"),
            Self::Calls { most, .. } => {
                format!("callers of this tenant may make {most} calls in a second each; try again more slowly")
            }
            Self::Logins { most, .. } => format!(
                "more than {most} calls in a second from this address had no valid credential; try again with a valid one"
            ),
            Self::Denied(id, denial) => {
                let id = id.as_ref().map_or_else(|| "of the store".to_owned(), ToString::to_string);
                match denial {
                    Denial::Undeclared => {
                        format!("the tenant {id} is not declared, and this server has stores of declared tenants alone")
                    }
                    Denial::Stores { most } => {
                        format!("the tenant {id} may have {most} stores; delete one, or ask an operator for more")
                    }
                    Denial::Rate { most, retry_after } => format!(
                        "the tenant {id} may create {most} stores in a minute; try again in {} s",
                        retry_after.as_secs() + 1
                    ),
                    Denial::NotEmpty { stores } => format!("the tenant {id} has {stores} stores; delete them first"),
                }
            }
        }
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let of = |tenant: &TenantId| ("tenant", tenant.to_string());
        let first = match self {
            Self::TokenNotFound(id) | Self::TokenConflict(id) => Some(("token_id", id.to_string())),
            Self::TenantExists(id) | Self::TenantNotFound(id) | Self::TenantConflict(id) => Some(of(id)),
            Self::Calls { .. } | Self::Logins { .. } => None,
            Self::Denied(id, _) => id.as_ref().map(of),
        };
        let second = match self {
            Self::Calls { most, .. }
            | Self::Logins { most, .. }
            | Self::Denied(_, Denial::Stores { most } | Denial::Rate { most, .. }) => Some(("limit", most.to_string())),
            Self::Denied(_, Denial::NotEmpty { stores }) => Some(("stores", stores.to_string())),
            _ => None,
        };
        first.into_iter().chain(second).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(super) fn add_details(&self, details: &mut ErrorDetails) {
        match self {
            Self::TokenNotFound(id) => {
                details.set_resource_info("sendstores.v1.Token", id.as_str(), "", "");
            }
            Self::TenantExists(id)
            | Self::TenantNotFound(id)
            | Self::Denied(Some(id), Denial::Undeclared | Denial::NotEmpty { .. }) => {
                details.set_resource_info("sendstores.v1.Tenant", id.as_str(), "", "");
            }
            Self::TokenConflict(_) | Self::TenantConflict(_) => {
                details.set_retry_info(Some(RETRY));
            }
            Self::Denied(id, Denial::Stores { .. }) => {
                let subject = id.as_ref().map(|id| format!("tenant:{id}")).unwrap_or_default();
                details.add_quota_failure_violation(subject, self.message());
            }
            Self::Calls { retry_after, .. }
            | Self::Logins { retry_after, .. }
            | Self::Denied(_, Denial::Rate { retry_after, .. }) => {
                // In whole milliseconds, none too early.
                let wait = Duration::from_millis(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX - 1) + 1);
                details.set_retry_info(Some(wait));
            }
            Self::Denied(None, Denial::Undeclared | Denial::NotEmpty { .. }) => {}
        }
    }
}
