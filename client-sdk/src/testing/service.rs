//! The calls.

use std::{sync::Arc, time::SystemTime};

use futures::stream::BoxStream;
use prost::Message;
use rand::RngExt;
use sendstores_proto::access::READ_ONLY;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{
    change::{self, Change},
    list::{self, Listing},
    memory::Memory,
    parse::{self, Violations, with_defaults},
    refusal::{about, not_found, refused},
    registry::Call,
    release, tenants,
    watch::Watcher,
};
use crate::v1::{
    CancelOperationRequest, CancelOperationResponse, CreateRequest, CreateResponse, DeleteRequest, DeleteResponse,
    GetCredentialsRequest, GetCredentialsResponse, GetPrincipalRequest, GetPrincipalResponse, GetRequest, GetResponse,
    GetSummaryRequest, GetSummaryResponse, ListReleasesRequest, ListReleasesResponse, ListRequest, ListResponse,
    Principal, ResumeRequest, ResumeResponse, RetryOperationRequest, RetryOperationResponse, Store, SuspendRequest,
    SuspendResponse, Token, UndeleteRequest, UndeleteResponse, UpdateRequest, UpdateResponse, WatchStatusRequest,
    WatchStatusResponse, account_service_server::AccountService, principal::Kind, store::State,
    store_service_server::StoreService,
};

/// What an administrator may do.
pub(super) const PERMISSIONS: [&str; 10] = [
    "account.read",
    "audit.read",
    "credentials.read",
    "stores.create",
    "stores.delete",
    "stores.read",
    "stores.update",
    "stores.watch",
    "tenants.manage",
    "tokens.manage",
];

/// The services, over the stores in memory.
#[derive(Clone, Debug)]
pub(super) struct Service(Arc<Memory>);

// === impl Service ===

impl Service {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self(memory)
    }

    /// The authorization of a call that is answered.
    pub(super) fn admit<Q>(&self, request: &Request<Q>) -> Result<Option<String>, Status> {
        let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        match self.0.admit(given) {
            Ok(()) => Ok(given.map(str::to_owned)),
            Err(reason) => Err(refused(Code::Unauthenticated, reason, "this server needs another token")),
        }
    }

    /// The same of a call that changes something.
    fn admit_write<Q>(&self, request: &Request<Q>) -> Result<(), Status> {
        self.admit(request)?;
        if request.metadata().contains_key(READ_ONLY) {
            let why = "the caller sent `sendstores-read-only` with a call that changes something; nothing was done";
            return Err(refused(Code::PermissionDenied, "CALL_READ_ONLY", why));
        }
        Ok(())
    }

    /// The same, for the audit.
    pub(super) fn change<Q>(&self, request: &Request<Q>, method: &str) -> Result<Call, Status> {
        self.admit_write(request)?;
        Ok(Call::of(request, method, self.principal(request)))
    }

    /// The call, if it is answered, for the audit.
    pub(super) fn call<Q>(&self, request: &Request<Q>, method: &str) -> Result<Call, Status> {
        self.admit(request)?;
        Ok(Call::of(request, method, self.principal(request)))
    }

    /// The caller, as the audit names it.
    pub(super) fn principal<Q>(&self, request: &Request<Q>) -> String {
        let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        match (given, self.0.made_here(given)) {
            (_, Some(Token { name, id, .. })) => format!("token:{name}#{id}"),
            (Some(_), None) => "token:test".to_owned(),
            (None, None) => "anonymous:anonymous".to_owned(),
        }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0
    }

    fn new_store(&self, request: CreateRequest) -> Result<Store, Status> {
        let CreateRequest { store_id, spec, tenant, labels, .. } = request;
        release::check(spec.as_ref())?;
        let id = if store_id.is_empty() { self.free_id() } else { store_id };
        if self.0.get(&id).is_some() {
            let message = format!("the id {id} is taken; choose another, or none");
            return Err(about(Code::AlreadyExists, "STORE_EXISTS", &message, &[("store_id", &id)]));
        }
        let host = format!("{id}.localhost");
        let now = Some(SystemTime::now().into());
        let mut store =
            Store { uid: Uuid::new_v4().to_string(), url: format!("http://{host}"), tenant, ..Store::default() };
        store.spec = Some(with_defaults(spec, &host));
        (store.id, store.labels, store.generation) = (id, labels, 1);
        (store.create_time, store.update_time) = (now, now);
        store.set_state(State::Provisioning);
        Ok(store)
    }

    fn free_id(&self) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut rng = rand::rng();
        let random: String = (0..8).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect();
        format!("store-{random}")
    }

    fn delete_store(&self, request: &DeleteRequest) -> Result<Option<Store>, Status> {
        let DeleteRequest { id, etag, allow_missing, validate_only, force, .. } = request;
        let Some(store) = self.0.get(id) else {
            return if *allow_missing { Ok(None) } else { Err(not_found(id)) };
        };
        if !etag.is_empty() && *etag != store.etag {
            let message = format!("store {id} has changed since the given etag; read it again");
            return Err(about(Code::Aborted, "ETAG_MISMATCH", &message, &[("store_id", id)]));
        }
        let mut next = store;
        // Before the store is held, which holds all else.
        let window = self.0.deletion_window();
        let deleting = |store: &mut Store| change::delete(store, window, *force);
        let changed = deleting(&mut next).map_err(|why| why.of(&next))?;
        if *validate_only || !changed {
            return Ok(Some(next));
        }
        let again = |store: &mut Store| {
            let _changed = deleting(store);
        };
        Ok(self.0.update(id, again))
    }
}

/// Everything of a request but its id and whether it is a rehearsal.
pub(super) fn body(kind: &str, message: &impl Message) -> String {
    format!("{kind} {:?}", message.encode_to_vec())
}

#[tonic::async_trait]
impl StoreService for Service {
    type WatchStatusStream = BoxStream<'static, Result<WatchStatusResponse, Status>>;

    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        let call = self.change(&request, "StoreService/Create")?;
        let request = request.into_inner();
        parse::create(&request)?;
        let (request_id, validate_only) = (request.request_id.clone(), request.validate_only);
        let made =
            body("create", &CreateRequest { request_id: String::new(), validate_only: false, ..request.clone() });
        let _alone = self.0.exclusive();
        if let Some(store) = self.0.answered(&request_id, &made)? {
            return Ok(Response::new(CreateResponse { store }));
        }
        let store = self.new_store(request)?;
        tenants::admit(&self.0, &store.tenant)?;
        if validate_only {
            return Ok(Response::new(CreateResponse { store: Some(store) }));
        }
        let store = self.0.insert(store);
        self.0.registry.enter(call, &store.id, &store.uid, std::slice::from_ref(&store.tenant));
        self.0.remember(request_id, made, Some(store.clone()));
        Ok(Response::new(CreateResponse { store: Some(store) }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        self.admit(&request)?;
        let id = request.into_inner().id;
        let mut violations = Violations::default();
        violations.id("id", &id);
        violations.finish()?;
        let store = self.0.get(&id).ok_or_else(|| not_found(&id))?;
        Ok(Response::new(GetResponse { store: Some(store), fresh_time: Some(SystemTime::now().into()) }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        let listing = Listing::parse(&request)?;
        let (stores, revision) = self.0.list(&listing.filter);
        Ok(Response::new(ListResponse {
            revision,
            resume_token: self.0.token(revision, &listing.filter),
            fresh_time: Some(SystemTime::now().into()),
            ..listing.page(stores)
        }))
    }

    async fn get_summary(&self, request: Request<GetSummaryRequest>) -> Result<Response<GetSummaryResponse>, Status> {
        self.admit(&request)?;
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, request.into_inner().filter);
        violations.finish()?;
        let (stores, revision) = self.0.all();
        Ok(Response::new(GetSummaryResponse { revision, ..list::summary(&filter, &stores, SystemTime::now()) }))
    }

    async fn list_releases(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        self.admit(&request)?;
        Ok(Response::new(ListReleasesResponse { releases: vec![release::standing_in()] }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let call = self.change(&request, "StoreService/Delete")?;
        let request = request.into_inner();
        let mut violations = Violations::default();
        violations.id("id", &request.id);
        violations.finish()?;
        let made =
            body("delete", &DeleteRequest { request_id: String::new(), validate_only: false, ..request.clone() });
        let _alone = self.0.exclusive();
        if let Some(store) = self.0.answered(&request.request_id, &made)? {
            return Ok(Response::new(DeleteResponse { store }));
        }
        let before = self.0.get(&request.id).map(|store| store.revision);
        let store = self.delete_store(&request)?;
        if !request.validate_only {
            let is_change = store.as_ref().map(|store| store.revision) != before;
            if let Some(store) = store.as_ref().filter(|_| is_change || !request.request_id.is_empty()) {
                self.0.registry.enter(call, &store.id, &store.uid, std::slice::from_ref(&store.tenant));
            }
            self.0.remember(request.request_id, made, store.clone());
        }
        Ok(Response::new(DeleteResponse { store }))
    }

    async fn undelete(&self, request: Request<UndeleteRequest>) -> Result<Response<UndeleteResponse>, Status> {
        let call = self.change(&request, "StoreService/Undelete")?;
        let request = request.into_inner();
        let made =
            body("undelete", &UndeleteRequest { request_id: String::new(), validate_only: false, ..request.clone() });
        let UndeleteRequest { id, request_id, etag, validate_only } = request;
        let store =
            change::change(&self.0, call, &Change { id, request_id, etag, validate_only, made }, change::undelete)?;
        Ok(Response::new(UndeleteResponse { store: Some(store) }))
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<UpdateResponse>, Status> {
        let call = self.change(&request, "StoreService/Update")?;
        let request = request.into_inner();
        let made =
            body("update", &UpdateRequest { request_id: String::new(), validate_only: false, ..request.clone() });
        let UpdateRequest { id, spec, labels, update_mask, request_id, etag, validate_only } = request;
        let paths = update_mask.unwrap_or_default().paths;
        let mut violations = Violations::default();
        let known = ["labels", "spec.deletion_protection", "spec.release", "spec.volumes"];
        let named = !paths.is_empty() && paths.iter().all(|path| known.contains(&path.as_str()));
        violations.check(named, "update_mask", &format!("what can be changed is {}", known.join(", ")));
        violations.labels("labels", &labels);
        let (spec, names) = (spec.unwrap_or_default(), |path: &str| paths.iter().any(|named| named == path));
        violations.check(!names("spec.release") || !spec.release.is_empty(), "spec.release", "names no release");
        let volumes = spec.volumes.filter(|_| names("spec.volumes"));
        violations.volumes(volumes);
        violations.finish()?;
        let change = Change { id, request_id, etag, validate_only, made };
        let store = change::change(&self.0, call, &change, |store| {
            let protection = names("spec.deletion_protection").then_some(spec.deletion_protection);
            let amended = change::amend(store, protection, names("labels").then_some(&labels))?;
            let updated = names("spec.release") && change::update(store, &spec.release)?;
            let resized = change::resize(store, volumes.unwrap_or_default())?;
            Ok(amended || updated || resized)
        })?;
        Ok(Response::new(UpdateResponse { store: Some(store) }))
    }

    async fn suspend(&self, request: Request<SuspendRequest>) -> Result<Response<SuspendResponse>, Status> {
        let call = self.change(&request, "StoreService/Suspend")?;
        let request = request.into_inner();
        let made =
            body("suspend", &SuspendRequest { request_id: String::new(), validate_only: false, ..request.clone() });
        let SuspendRequest { id, request_id, etag, validate_only } = request;
        let store =
            change::change(&self.0, call, &Change { id, request_id, etag, validate_only, made }, change::suspend)?;
        Ok(Response::new(SuspendResponse { store: Some(store) }))
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        let call = self.change(&request, "StoreService/Resume")?;
        let request = request.into_inner();
        let made =
            body("resume", &ResumeRequest { request_id: String::new(), validate_only: false, ..request.clone() });
        let ResumeRequest { id, request_id, etag, validate_only } = request;
        let store =
            change::change(&self.0, call, &Change { id, request_id, etag, validate_only, made }, change::resume)?;
        Ok(Response::new(ResumeResponse { store: Some(store) }))
    }

    async fn retry_operation(
        &self,
        request: Request<RetryOperationRequest>,
    ) -> Result<Response<RetryOperationResponse>, Status> {
        let call = self.change(&request, "StoreService/RetryOperation")?;
        let request = request.into_inner();
        let made = body(
            "retry-operation",
            &RetryOperationRequest { request_id: String::new(), validate_only: false, ..request.clone() },
        );
        let RetryOperationRequest { id, request_id, etag, validate_only } = request;
        let store =
            change::change(&self.0, call, &Change { id, request_id, etag, validate_only, made }, change::retry)?;
        Ok(Response::new(RetryOperationResponse { store: Some(store) }))
    }

    async fn cancel_operation(
        &self,
        request: Request<CancelOperationRequest>,
    ) -> Result<Response<CancelOperationResponse>, Status> {
        let call = self.change(&request, "StoreService/CancelOperation")?;
        let request = request.into_inner();
        let made = body(
            "cancel-operation",
            &CancelOperationRequest { request_id: String::new(), validate_only: false, ..request.clone() },
        );
        let CancelOperationRequest { id, operation_id, request_id, etag, validate_only } = request;
        let change = Change { id, request_id, etag, validate_only, made };
        let store = change::change(&self.0, call, &change, |store| change::cancel(store, &operation_id))?;
        Ok(Response::new(CancelOperationResponse { store: Some(store) }))
    }

    async fn get_credentials(
        &self,
        request: Request<GetCredentialsRequest>,
    ) -> Result<Response<GetCredentialsResponse>, Status> {
        let call = self.call(&request, "StoreService/GetCredentials")?;
        let id = request.into_inner().id;
        let mut violations = Violations::default();
        violations.id("id", &id);
        violations.finish()?;
        let store = self.0.get(&id).ok_or_else(|| not_found(&id))?;
        let refused = |reason, message: String| {
            Err(about(Code::FailedPrecondition, reason, &message, &[("store_id", id.as_str())]))
        };
        match store.state() {
            State::Deleting => {
                return refused("STORE_DELETING", format!("store {id} is being deleted; its credentials are given up"));
            }
            State::Provisioning => {
                let message = format!("the credentials of store {id} are not made yet; its steps tell how far it is");
                return refused("CREDENTIALS_NOT_READY", message);
            }
            _ => {}
        }
        let user = store.spec.and_then(|spec| spec.shop).map(|shop| shop.admin_user).unwrap_or_default();
        // The call is in the history of a real store, so it changes this one, too.
        self.0.update(&id, |_| {});
        self.0.registry.enter(call, &id, &store.uid, std::slice::from_ref(&store.tenant));
        let password = store.uid.replace('-', "");
        Ok(Response::new(GetCredentialsResponse { admin_url: format!("{}/wp-admin/", store.url), user, password }))
    }

    async fn watch_status(
        &self,
        request: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let authorization = self.admit(&request)?;
        let WatchStatusRequest { filter, resume_token } = request.into_inner();
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, filter);
        violations.finish()?;
        let watcher = Watcher::open(self.0.clone(), filter, &resume_token, authorization)?;
        Ok(Response::new(watcher.messages()))
    }
}

#[tonic::async_trait]
impl AccountService for Service {
    async fn get_principal(
        &self,
        request: Request<GetPrincipalRequest>,
    ) -> Result<Response<GetPrincipalResponse>, Status> {
        let token = self.admit(&request)?;
        let mut principal = Principal { name: "test".to_owned(), role: "admin".to_owned(), ..Principal::default() };
        if let Some(Token { id, name, role, tenants, expire_time, .. }) = self.0.made_here(token.as_deref()) {
            principal = Principal { id, name, role, tenants, expire_time, ..principal };
        }
        principal.permissions = PERMISSIONS.iter().map(|name| (*name).to_owned()).collect();
        principal.set_kind(if token.is_some() { Kind::Token } else { Kind::Anonymous });
        Ok(Response::new(GetPrincipalResponse {
            principal: Some(principal),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }
}
