//! Which store shall be suspended or resumed, and under which conditions.

use uuid::Uuid;

use crate::v1::{ResumeRequest, SuspendRequest};

/// Which store shall change, for [`Client::suspend`](crate::Client::suspend) and [`Client::resume`](crate::Client::resume). An
/// id alone will do: `client.suspend("store-a")`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct ChangeStore {
    id: String,
    request_id: String,
    etag: String,
    validate_only: bool,
}

// === impl ChangeStore ===

impl ChangeStore {
    /// The store of this id, whatever it has become.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), request_id: String::new(), etag: String::new(), validate_only: false }
    }

    /// Makes a repetition harmless. Default: a new UUID for every call.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = request_id.into();
        self
    }

    /// Only if the store has not changed since this etag was read.
    pub fn etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = etag.into();
        self
    }

    /// Check only: answer as the call would, without doing anything.
    pub fn validate_only(mut self, validate_only: bool) -> Self {
        self.validate_only = validate_only;
        self
    }

    /// The request id, made once a logical call, so that its repetitions have one effect.
    fn with_request_id(mut self) -> Self {
        if self.request_id.is_empty() {
            self.request_id = Uuid::new_v4().to_string();
        }
        self
    }

    pub(crate) fn into_suspend(self) -> SuspendRequest {
        let Self { id, request_id, etag, validate_only } = self.with_request_id();
        SuspendRequest { id, request_id, etag, validate_only }
    }

    pub(crate) fn into_resume(self) -> ResumeRequest {
        let Self { id, request_id, etag, validate_only } = self.with_request_id();
        ResumeRequest { id, request_id, etag, validate_only }
    }
}

impl From<&str> for ChangeStore {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for ChangeStore {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl From<&String> for ChangeStore {
    fn from(id: &String) -> Self {
        Self::new(id)
    }
}
