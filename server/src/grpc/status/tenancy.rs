//! Why a call about tokens is refused.

use std::collections::HashMap;

use sendstores_core::TokenId;
use tonic::Code;
use tonic_types::ErrorDetails;

use super::RETRY;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) enum Tenancy {
    TokenNotFound(TokenId),
    TokenConflict(TokenId),
}

// === impl Tenancy ===

impl Tenancy {
    pub(super) fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::TokenNotFound(_) => (Code::NotFound, "TOKEN_NOT_FOUND"),
            Self::TokenConflict(_) => (Code::Aborted, "WRITE_CONFLICT"),
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::TokenNotFound(id) => format!("there is no token {id}"),
            Self::TokenConflict(id) => format!("token {id} keeps changing; try again"),
        }
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let (name, value) = match self {
            Self::TokenNotFound(id) | Self::TokenConflict(id) => ("token_id", id.to_string()),
        };
        HashMap::from([(name.to_owned(), value)])
    }

    pub(super) fn add_details(&self, details: &mut ErrorDetails) {
        match self {
            Self::TokenNotFound(id) => {
                details.set_resource_info("sendstores.v1.Token", id.as_str(), "", "");
            }
            Self::TokenConflict(_) => {
                details.set_retry_info(Some(RETRY));
            }
        }
    }
}
