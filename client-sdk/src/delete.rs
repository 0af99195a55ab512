//! Which store shall go, and under which conditions.

use uuid::Uuid;

use crate::v1::DeleteRequest;

/// Which store shall go. An id alone will do: `client.delete("store-a")`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct DeleteStore {
    request: DeleteRequest,
}

// === impl DeleteStore ===

impl DeleteStore {
    /// The store of this id, whatever it has become.
    pub fn new(id: impl Into<String>) -> Self {
        Self { request: DeleteRequest { id: id.into(), ..DeleteRequest::default() } }
    }

    /// Makes a repetition harmless. Default: a new UUID for every call.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request.request_id = request_id.into();
        self
    }

    /// Only if the store has not changed since this etag was read.
    pub fn etag(mut self, etag: impl Into<String>) -> Self {
        self.request.etag = etag.into();
        self
    }

    /// Succeed when there is no such store.
    pub fn allow_missing(mut self, allow_missing: bool) -> Self {
        self.request.allow_missing = allow_missing;
        self
    }

    /// Remove the store now and for good, also where the server keeps deleted stores for a time.
    pub fn force(mut self, force: bool) -> Self {
        self.request.force = force;
        self
    }

    /// Check only: answer as Delete would, without doing anything.
    pub fn validate_only(mut self, validate_only: bool) -> Self {
        self.request.validate_only = validate_only;
        self
    }

    /// The message, with a request id: made once a logical call, so that its repetitions have one effect.
    pub(crate) fn into_request(self) -> DeleteRequest {
        let mut request = self.request;
        if request.request_id.is_empty() {
            request.request_id = Uuid::new_v4().to_string();
        }
        request
    }
}

impl From<DeleteRequest> for DeleteStore {
    fn from(request: DeleteRequest) -> Self {
        Self { request }
    }
}

impl From<&str> for DeleteStore {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for DeleteStore {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl From<&String> for DeleteStore {
    fn from(id: &String) -> Self {
        Self::new(id)
    }
}
