//! Which store shall change, and under which conditions.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::v1::{
    CancelOperationRequest, ResumeRequest, RetryOperationRequest, StoreSpec, SuspendRequest, UndeleteRequest,
    UpdateRequest,
};

/// Which store shall change, for [`Client::suspend`](crate::Client::suspend), [`Client::resume`](crate::Client::resume),
/// [`Client::undelete`](crate::Client::undelete), [`Client::retry_operation`](crate::Client::retry_operation) and
/// [`Client::cancel_operation`](crate::Client::cancel_operation). An id alone will do: `client.suspend("store-a")`.
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

    pub(crate) fn into_undelete(self) -> UndeleteRequest {
        let Self { id, request_id, etag, validate_only } = self.with_request_id();
        UndeleteRequest { id, request_id, etag, validate_only }
    }

    pub(crate) fn into_retry(self) -> RetryOperationRequest {
        let Self { id, request_id, etag, validate_only } = self.with_request_id();
        RetryOperationRequest { id, request_id, etag, validate_only }
    }

    pub(crate) fn into_cancel(self, operation_id: String) -> CancelOperationRequest {
        let Self { id, request_id, etag, validate_only } = self.with_request_id();
        CancelOperationRequest { id, operation_id, request_id, etag, validate_only }
    }

    pub(crate) fn into_resume(self) -> ResumeRequest {
        let Self { id, request_id, etag, validate_only } = self.with_request_id();
        ResumeRequest { id, request_id, etag, validate_only }
    }
}

/// Which fields of a store shall have which values, for [`Client::update`](crate::Client::update).
///
/// ```no_run
/// # async fn example(client: &sendstores_client::Client) -> Result<(), sendstores_client::Error> {
/// use sendstores_client::UpdateStore;
///
/// client.update(UpdateStore::new("store-a").deletion_protection(true)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct UpdateStore {
    store: ChangeStore,
    spec: StoreSpec,
    labels: BTreeMap<String, String>,
    paths: Vec<String>,
}

// === impl UpdateStore ===

impl UpdateStore {
    /// The store of this id, and no field yet.
    pub fn new(store: impl Into<ChangeStore>) -> Self {
        Self { store: store.into(), spec: StoreSpec::default(), labels: BTreeMap::new(), paths: Vec::new() }
    }

    /// Whether Delete is refused.
    pub fn deletion_protection(mut self, deletion_protection: bool) -> Self {
        self.spec.deletion_protection = deletion_protection;
        self.paths.push("spec.deletion_protection".to_owned());
        self
    }

    /// All labels that the store has afterwards. To change one of several, read the store, change its labels, and give all of
    /// them with the [`ChangeStore::etag`] that was read.
    pub fn labels(mut self, labels: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self.labels = labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.paths.push("labels".to_owned());
        self
    }

    /// The size that the volume of the database grows to, in GiB. No volume shrinks.
    pub fn database_gib(mut self, size: u32) -> Self {
        self.spec.volumes.get_or_insert_default().database_gib = i32::try_from(size).unwrap_or(i32::MAX);
        self.name("spec.volumes")
    }

    /// The size that the volume of what the merchant uploads grows to, in GiB. No volume shrinks.
    pub fn content_gib(mut self, size: u32) -> Self {
        self.spec.volumes.get_or_insert_default().content_gib = i32::try_from(size).unwrap_or(i32::MAX);
        self.name("spec.volumes")
    }

    fn name(mut self, path: &str) -> Self {
        if !self.paths.iter().any(|named| named == path) {
            self.paths.push(path.to_owned());
        }
        self
    }

    /// Which release the store is made from. [`Client::wait_until_done`](crate::Client::wait_until_done) waits for the end.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.spec.release = release.into();
        self.paths.push("spec.release".to_owned());
        self
    }

    pub(crate) fn into_request(self) -> UpdateRequest {
        let Self { store, spec, labels, paths } = self;
        let ChangeStore { id, request_id, etag, validate_only } = store.with_request_id();
        let update_mask = Some(prost_types::FieldMask { paths });
        UpdateRequest { id, spec: Some(spec), labels, update_mask, request_id, etag, validate_only }
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
