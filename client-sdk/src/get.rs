//! Which store shall be shown, and how old it may be.

use crate::v1::{Consistency, GetRequest};

/// Which store shall be shown. An id alone will do: `client.get("store-a")`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct GetStore {
    request: GetRequest,
}

// === impl GetStore ===

impl GetStore {
    /// The store of this id, never older than any answer given before.
    pub fn new(id: impl Into<String>) -> Self {
        Self { request: GetRequest { id: id.into(), ..GetRequest::default() } }
    }

    /// Whatever the server has in memory will do: it answers at once, and also while Redis is away. The answer's
    /// `fresh_time` bounds how old it is, see [`Client::get_answer`](crate::Client::get_answer).
    pub fn stale(mut self, stale: bool) -> Self {
        self.request.set_consistency(consistency(stale));
        self
    }

    pub(crate) fn into_request(self) -> GetRequest {
        self.request
    }
}

/// How the contract says it.
pub(crate) fn consistency(stale: bool) -> Consistency {
    if stale { Consistency::Stale } else { Consistency::Unspecified }
}

impl From<GetRequest> for GetStore {
    fn from(request: GetRequest) -> Self {
        Self { request }
    }
}

impl From<&str> for GetStore {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for GetStore {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl From<&String> for GetStore {
    fn from(id: &String) -> Self {
        Self::new(id)
    }
}
