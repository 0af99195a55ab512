//! What a new store shall be.

mod shop;

use uuid::Uuid;

use crate::v1::{CreateRequest, Engine, ShopSettings, StoreSpec};

/// What a new store shall be. Every setting has a default on the server, so `CreateStore::new()` gives a shop that
/// sells. The messages of [`crate::v1`] document each setting with its limits and default.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct CreateStore {
    request: CreateRequest,
}

// === impl CreateStore ===

impl CreateStore {
    /// A store of defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id, `store-` and up to 34 characters. Default: the server makes one.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.request.store_id = id.into();
        self
    }

    /// Makes a repetition harmless. Default: a new UUID for every call.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request.request_id = request_id.into();
        self
    }

    /// The owner.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.request.tenant = tenant.into();
        self
    }

    /// One more label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.labels.insert(key.into(), value.into());
        self
    }

    /// Check only: answer as Create would, without doing anything.
    pub fn validate_only(mut self, validate_only: bool) -> Self {
        self.request.validate_only = validate_only;
        self
    }

    /// The software of the store.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.spec().engine = engine.into();
        self
    }

    /// The release that the store is made from, one of [`Client::releases`](crate::Client::releases). Default: that of the server.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.spec().release = release.into();
        self
    }

    /// Whether Delete is refused until [`Client::update`](crate::Client::update) takes the protection off.
    pub fn deletion_protection(mut self, deletion_protection: bool) -> Self {
        self.spec().deletion_protection = deletion_protection;
        self
    }

    /// The size of the volume of the database, in GiB. Default: that of the release.
    pub fn database_gib(mut self, size: u32) -> Self {
        self.spec().volumes.get_or_insert_default().database_gib = i32::try_from(size).unwrap_or(i32::MAX);
        self
    }

    /// The size of the volume of what the merchant uploads, in GiB. Default: that of the release.
    pub fn content_gib(mut self, size: u32) -> Self {
        self.spec().volumes.get_or_insert_default().content_gib = i32::try_from(size).unwrap_or(i32::MAX);
        self
    }

    fn spec(&mut self) -> &mut StoreSpec {
        self.request.spec.get_or_insert_default()
    }

    fn shop(&mut self) -> &mut ShopSettings {
        self.spec().shop.get_or_insert_default()
    }

    /// The request id, made now unless there is one. With it, a call of unknown outcome can be repeated as often as it
    /// takes: clones share it, and it stands for one store.
    pub fn ensure_request_id(&mut self) -> &str {
        if self.request.request_id.is_empty() {
            self.request.request_id = Uuid::new_v4().to_string();
        }
        &self.request.request_id
    }

    /// The message, with a request id: made once a logical call, so that its repetitions have one effect.
    pub(crate) fn into_request(mut self) -> CreateRequest {
        self.ensure_request_id();
        self.request
    }
}

impl From<CreateRequest> for CreateStore {
    fn from(request: CreateRequest) -> Self {
        Self { request }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{Catalogue, PaymentMethod};

    #[test]
    fn nothing_set_is_an_empty_message_with_a_request_id_of_its_own() {
        let (first, second) = (CreateStore::new().into_request(), CreateStore::new().into_request());
        assert_eq!(first.request_id.len(), 36);
        assert_ne!(first.request_id, second.request_id);
        assert_eq!(CreateRequest { request_id: String::new(), ..first }, CreateRequest::default());
    }

    #[test]
    fn a_request_id_is_made_once() {
        let mut store = CreateStore::new();
        let first = store.ensure_request_id().to_owned();
        assert_eq!(store.ensure_request_id(), first);
        assert_eq!(store.clone().into_request().request_id, store.into_request().request_id);
    }

    #[test]
    fn what_is_set_is_sent() {
        let request = CreateStore::new()
            .id("store-a")
            .request_id("r1")
            .title("Ä & B")
            .taxes(true)
            .payment_method(PaymentMethod::BankTransfer)
            .catalogue(Catalogue::Empty)
            .label("team", "a")
            .into_request();
        assert_eq!((request.store_id.as_str(), request.request_id.as_str()), ("store-a", "r1"));
        assert_eq!(request.labels.get("team").map(String::as_str), Some("a"));
        let shop = request.spec.and_then(|spec| spec.shop).expect("shop settings");
        assert_eq!((shop.title.as_str(), shop.taxes, shop.catalogue()), ("Ä & B", true, Catalogue::Empty));
        assert_eq!(shop.payment_methods().collect::<Vec<_>>(), [PaymentMethod::BankTransfer]);
    }
}
