//! `StoreService`: who may call now, for how long, and what is answered.

mod settings;

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use prost::Message;
use sendstores_core::{
    Actor, CallId, Cause, Engines, Principal, StoreId, TenantId, access::PrincipalKind, admission::Quota,
    credentials::ReadCredentials, ledger::Ledger, offer::OfferReleases, volumes::CheckVolumes,
};
use sendstores_proto::{
    access::{METHODS, Method},
    v1::{self as wire, store_service_server::StoreService},
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tonic::{Extensions, Request, Response, Status, metadata::MetadataMap};

use super::{
    Limits,
    audited::{About, By, Origin},
    cached, deadline,
    observe::REQUEST_ID,
    peers::Peer,
    refusals::Refusals,
    status::Refusal,
    streams::{Place, Streams},
    uses::Uses,
};
use crate::mirror::{Consistency, Doubt, Mirror};

/// What calls are answered from.
pub struct Backend<L> {
    pub ledger: L,
    pub mirror: Mirror,
    pub credentials: Arc<dyn ReadCredentials>,
    pub releases: Arc<dyn OfferReleases>,
    pub volumes: Arc<dyn CheckVolumes>,
}

/// Makes the public address of a store.
pub type StoreUrl = Arc<dyn Fn(&StoreId) -> String + Send + Sync>;

/// The service; clones share it.
pub struct StoreApi<L>(Arc<Shared<L>>);

struct Shared<L> {
    /// Empty until the ledger was reached for the first time.
    backend: OnceLock<Backend<L>>,
    store_url: StoreUrl,
    engines: Engines,
    limits: Limits,
    calls: Semaphore,
    /// Apart, because the readers who may have stale answers are to be served while all others wait for Redis.
    stale_reads: Semaphore,
    streams: Streams,
    /// Empty: tenants may have what they want.
    quota: OnceLock<Quota>,
    /// Empty: a deleted store is removed at once.
    deletion_window: OnceLock<Duration>,
    /// Whether there is a repository for backups. Empty: there is none.
    repository: OnceLock<bool>,
    refusals: Refusals,
    uses: Uses,
    stopping: CancellationToken,
}

// === impl Backend ===

impl<L> Backend<L> {
    /// What is not in memory is nowhere. While the ledger is not believed, only a memory that was complete before can say
    /// that: no caller gets NOT_FOUND for a store that may stand in the cluster.
    pub(super) fn require_complete_mirror(&self) -> Result<(), Refusal> {
        match &*self.mirror.doubt().borrow() {
            Some(Doubt { why, complete: false }) => Err(Refusal::ReadOnly { why: why.clone() }),
            Some(_) | None => Ok(()),
        }
    }
}

// === impl StoreApi ===

impl<L> Clone for StoreApi<L> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<L: Ledger> StoreApi<L> {
    pub fn new(store_url: StoreUrl, engines: Engines, limits: Limits, stopping: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            backend: OnceLock::new(),
            store_url,
            engines,
            limits,
            calls: Semaphore::new(limits.calls),
            stale_reads: Semaphore::new(limits.calls),
            streams: Streams::new(limits.streams),
            quota: OnceLock::new(),
            deletion_window: OnceLock::new(),
            repository: OnceLock::new(),
            refusals: Refusals::default(),
            uses: Uses::default(),
            stopping,
        }))
    }

    pub(super) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    pub(super) fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// The ledger, also while the server stops.
    pub(super) fn ledger_of_audit(&self) -> Option<&L> {
        self.0.backend.get().map(|backend| &backend.ledger)
    }

    /// From now on calls are answered. A second backend is not taken.
    pub fn attach(&self, backend: Backend<L>) {
        if self.0.backend.set(backend).is_err() {
            tracing::error!("the service had a backend already");
        }
    }

    pub(super) fn backend(&self) -> Result<&Backend<L>, Refusal> {
        if self.0.stopping.is_cancelled() {
            return Err(Refusal::Draining);
        }
        self.0.backend.get().ok_or(Refusal::Starting)
    }

    /// The same, if something may be written.
    pub(super) fn writable(&self) -> Result<&Backend<L>, Refusal> {
        let backend = self.backend()?;
        if let Some(doubt) = &*backend.mirror.doubt().borrow() {
            return Err(Refusal::ReadOnly { why: doubt.why.clone() });
        }
        match &*backend.mirror.elsewhere().borrow() {
            Some(why) => Err(Refusal::ReadOnly { why: why.clone() }),
            None => Ok(backend),
        }
    }

    /// The engines that stores can be made of.
    pub(super) fn engines(&self) -> Engines {
        self.0.engines
    }

    pub(super) fn store_url(&self, id: &StoreId) -> String {
        (self.0.store_url)(id)
    }

    pub(super) fn stopping(&self) -> CancellationToken {
        self.0.stopping.clone()
    }

    fn admit(&self, consistency: Consistency) -> Result<SemaphorePermit<'_>, Refusal> {
        let permits = match consistency {
            Consistency::Linearizable => &self.0.calls,
            Consistency::Stale => &self.0.stale_reads,
        };
        permits.try_acquire().map_err(|_| Refusal::TooManyRequests { most: self.0.limits.calls })
    }

    pub(super) fn admit_stream(&self, peer: Option<Peer>, caller: &Principal) -> Result<Place, Refusal> {
        let limit = |tenant: &TenantId| Some((tenant.clone(), usize::try_from(self.limits_of(tenant).watches?).ok()?));
        self.0.streams.admit(peer, caller, caller.scope.tenants().filter_map(limit).collect())
    }

    /// Get, with the cached encoding of the store.
    pub(super) async fn cached_get(
        &self,
        request: Request<wire::GetRequest>,
    ) -> Result<Response<cached::GetResponse>, Status> {
        let consistency = asked(request.get_ref().consistency());
        self.answer(consistency, request, Self::handle_get).await
    }

    /// List, with the cached encodings of the stores.
    pub(super) async fn cached_list(
        &self,
        request: Request<wire::ListRequest>,
    ) -> Result<Response<cached::ListResponse>, Status> {
        let consistency = asked(request.get_ref().consistency());
        self.answer(consistency, request, Self::handle_list).await
    }

    /// At the start: OK, INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE, RESOURCE_EXHAUSTED, UNAVAILABLE,
    /// DEADLINE_EXCEEDED, INTERNAL.
    /// At the end: OUT_OF_RANGE (too slow), UNAVAILABLE (draining), UNAUTHENTICATED (the token has ended),
    /// PERMISSION_DENIED (its rights have).
    pub(super) async fn watch(
        &self,
        mut request: Request<wire::WatchStatusRequest>,
    ) -> Result<Response<Messages>, Status> {
        let peer = request.extensions().get().copied();
        let standing = request.extensions_mut().remove();
        // Has a place among the streams, and needs none among the calls: when a replica is gone, all its watchers come here
        // at once, and who is sent away comes again.
        self.in_time(request, async |api: &Self, request, caller| {
            api.handle_watch_status(request, &caller, peer, standing).await
        })
        .await
    }

    /// Answers one unary call that is no stale read, if there is a place for it.
    pub(super) async fn answer_newest<Q, A>(
        &self,
        request: Request<Q>,
        handler: impl AsyncFnOnce(&Self, Q, Arc<Principal>) -> Result<A, Refusal>,
    ) -> Result<Response<A>, Status> {
        self.answer(Consistency::Linearizable, request, handler).await
    }

    /// Answers one unary call without the ledger, if there is a place for it among the reads that may be stale.
    pub(super) async fn answer_from_memory<Q, A>(
        &self,
        request: Request<Q>,
        handler: impl AsyncFnOnce(&Self, Q, Arc<Principal>) -> Result<A, Refusal>,
    ) -> Result<Response<A>, Status> {
        self.answer(Consistency::Stale, request, handler).await
    }

    /// Answers one unary call, if there is a place for it among those of its consistency.
    async fn answer<Q, A>(
        &self,
        consistency: Consistency,
        request: Request<Q>,
        handler: impl AsyncFnOnce(&Self, Q, Arc<Principal>) -> Result<A, Refusal>,
    ) -> Result<Response<A>, Status> {
        let _admitted = self.admit(consistency)?;
        self.in_time(request, handler).await
    }

    /// Answers within the deadline of the call.
    async fn in_time<Q, A>(
        &self,
        request: Request<Q>,
        handler: impl AsyncFnOnce(&Self, Q, Arc<Principal>) -> Result<A, Refusal>,
    ) -> Result<Response<A>, Status> {
        let deadline = deadline::of(request.metadata(), self.0.limits.deadline);
        let caller = caller(&request)?;
        let (metadata, extensions, message) = request.into_parts();
        match tokio::time::timeout(deadline, handler(self, message, caller)).await {
            Ok(Err(refusal @ (Refusal::StoreNotFound(_) | Refusal::StoreHidden { .. }))) => {
                self.note_unseen(&refusal, metadata, extensions);
                Err(refusal.into())
            }
            Ok(answer) => Ok(Response::new(answer?)),
            Err(_) => Err(Refusal::DeadlineExceeded.into()),
        }
    }

    /// A method with an entry in the audit has noted this itself. Get has none while all is well, and what one would take is
    /// kept here until it is needed.
    fn note_unseen(&self, refusal: &Refusal, metadata: MetadataMap, extensions: Extensions) {
        if extensions.get::<Arc<Origin>>().is_some() {
            return;
        }
        let Some(access) = METHODS.iter().find(|access| access.method == Method::Get) else { return };
        let principal = extensions.get().cloned();
        let mut request = http::Request::new(());
        (*request.headers_mut(), *request.extensions_mut()) = (metadata.into_headers(), extensions);
        let origin = Origin::of(access, principal.as_ref(), &request);
        match refusal {
            Refusal::StoreHidden { id, uid, tenant } => {
                self.note_absent(&origin, id.as_str(), Some(About::store_of(id, uid, tenant.as_ref())));
            }
            Refusal::StoreNotFound(id) => self.note_absent(&origin, id.as_str(), None),
            _ => {}
        }
    }
}

/// The messages of one WatchStatus call, each an encoded `WatchStatusResponse`.
pub(super) type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// The same, as the generated service has them.
type DecodedMessages = Pin<Box<dyn Stream<Item = Result<wire::WatchStatusResponse, Status>> + Send>>;

/// The port answers Get, List and WatchStatus through `codec.rs`. The methods of these names here serve callers inside this
/// process: they encode the same responses and decode them again.
#[tonic::async_trait]
impl<L: Ledger> StoreService for StoreApi<L> {
    /// OK, INVALID_ARGUMENT, ALREADY_EXISTS, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn create(&self, request: Request<wire::CreateRequest>) -> Result<Response<wire::CreateResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_create(request, &caller.scope, by).await
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn get(&self, request: Request<wire::GetRequest>) -> Result<Response<wire::GetResponse>, Status> {
        let get = self.cached_get(request).await?.into_inner();
        decoded(get.encode_to_vec().as_slice()).map(Response::new)
    }

    /// OK, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn list(&self, request: Request<wire::ListRequest>) -> Result<Response<wire::ListResponse>, Status> {
        let list = self.cached_list(request).await?.into_inner();
        decoded(list.encode_to_vec().as_slice()).map(Response::new)
    }

    /// OK, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn get_summary(
        &self,
        request: Request<wire::GetSummaryRequest>,
    ) -> Result<Response<wire::GetSummaryResponse>, Status> {
        let consistency = asked(request.get_ref().consistency());
        self.answer(consistency, request, Self::handle_get_summary).await
    }

    /// OK, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn list_releases(
        &self,
        request: Request<wire::ListReleasesRequest>,
    ) -> Result<Response<wire::ListReleasesResponse>, Status> {
        self.answer_from_memory(request, async |api: &Self, _request, _caller| api.handle_list_releases().await).await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE,
    /// DEADLINE_EXCEEDED, INTERNAL.
    async fn delete(&self, request: Request<wire::DeleteRequest>) -> Result<Response<wire::DeleteResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_delete(request, &caller.scope, by).await
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE,
    /// DEADLINE_EXCEEDED, INTERNAL.
    async fn undelete(
        &self,
        request: Request<wire::UndeleteRequest>,
    ) -> Result<Response<wire::UndeleteResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_undelete(request, &caller.scope, by).await
        })
        .await
    }

    /// As Suspend.
    async fn update(&self, request: Request<wire::UpdateRequest>) -> Result<Response<wire::UpdateResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_update(request, &caller.scope, by).await
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE,
    /// DEADLINE_EXCEEDED, INTERNAL.
    async fn suspend(&self, request: Request<wire::SuspendRequest>) -> Result<Response<wire::SuspendResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_suspend(request, &caller.scope, by).await
        })
        .await
    }

    /// As Suspend.
    async fn resume(&self, request: Request<wire::ResumeRequest>) -> Result<Response<wire::ResumeResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_resume(request, &caller.scope, by).await
        })
        .await
    }

    /// As Suspend.
    async fn retry_operation(
        &self,
        request: Request<wire::RetryOperationRequest>,
    ) -> Result<Response<wire::RetryOperationResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_retry_operation(request, &caller.scope, by).await
        })
        .await
    }

    /// As Suspend.
    async fn cancel_operation(
        &self,
        request: Request<wire::CancelOperationRequest>,
    ) -> Result<Response<wire::CancelOperationResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_cancel_operation(request, &caller.scope, by).await
        })
        .await
    }

    type WatchStatusStream = DecodedMessages;

    async fn watch_status(
        &self,
        request: Request<wire::WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let messages = self.watch(request).await?.into_inner();
        Ok(Response::new(Box::pin(messages.map(|message| decoded(message?)))))
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE,
    /// DEADLINE_EXCEEDED, INTERNAL.
    async fn get_credentials(
        &self,
        request: Request<wire::GetCredentialsRequest>,
    ) -> Result<Response<wire::GetCredentialsResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.handle_get_credentials(request, &caller.scope, by).await
        })
        .await
    }
}

/// A message of ours as the contract has it.
fn decoded<M: Message + Default>(bytes: impl Buf) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| {
        tracing::error!(%error, "a message of ours cannot be read");
        Refusal::Internal.into()
    })
}

/// The consistency that decides where a read is admitted. An unknown one is refused later, with the name of its field.
fn asked(consistency: wire::Consistency) -> Consistency {
    match consistency {
        wire::Consistency::Stale => Consistency::Stale,
        wire::Consistency::Unspecified | wire::Consistency::Linearizable => Consistency::Linearizable,
    }
}

/// Who calls. The port has put it there; a call that came another way must do so itself, or has no principal.
pub(super) fn caller<Q>(request: &Request<Q>) -> Result<Arc<Principal>, Refusal> {
    request.extensions().get::<Arc<Principal>>().cloned().ok_or(Refusal::TokenMissing)
}

/// Who brings about what a call does.
pub(super) fn by<Q>(request: &Request<Q>) -> By {
    By { cause: cause(request), origin: request.extensions().get().cloned() }
}

/// What histories name as the cause of a call's effect.
fn cause<Q>(request: &Request<Q>) -> Cause {
    let principal = request.extensions().get::<Arc<Principal>>();
    let known = principal.filter(|principal| principal.kind != PrincipalKind::Anonymous);
    let actor = known.and_then(|principal| principal.to_string().parse::<Actor>().ok());
    Cause { call: call_id(request), actor }
}

/// The id under which the log has the call; every request that came through the port has one.
fn call_id<Q>(request: &Request<Q>) -> Option<CallId> {
    request.metadata().get(REQUEST_ID)?.to_str().ok()?.parse().ok()
}
