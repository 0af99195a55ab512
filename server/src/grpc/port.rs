//! Where a call goes: a method of the service straight to it, all else (health, reflection, strangers) to the router.
//!
//! Each layer of the router costs every call some allocations, which is more than a Get does of its own.

use std::convert::Infallible;

use axum::Router;
use http::{HeaderValue, Method, Request, Response, Version, header::CONTENT_TYPE};
use hyper::body::Incoming;
use sendstores_core::ledger::Ledger;
use sendstores_proto::v1::store_service_server::{SERVICE_NAME, StoreServiceServer};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{
    StoreApi,
    encoded::{self, MessageSizes, RequestBody},
    observe::observe,
    streams::Peer,
};

/// The service and what is beside it on its port. Clones share it.
#[derive(Clone)]
pub(super) struct Port<L: Ledger> {
    api: StoreApi<L>,
    service: StoreServiceServer<StoreApi<L>>,
    sizes: MessageSizes,
    rest: Router,
}

// === impl Port ===

impl<L: Ledger> Port<L> {
    pub(super) fn new(api: StoreApi<L>, sizes: MessageSizes, rest: Router) -> Self {
        let service = StoreServiceServer::new(api.clone())
            .max_decoding_message_size(sizes.request)
            .max_encoding_message_size(sizes.response);
        Self { api, service, sizes, rest }
    }

    /// Answers a call of `peer`.
    pub(super) async fn answer(&self, peer: Peer, mut request: Request<Incoming>) -> Response<Body> {
        request.extensions_mut().insert(peer);
        observe(request, async |request| {
            if method_of(request.uri().path()).is_none() {
                Box::pin(self.pass_on(request)).await
            } else if speaks_grpc(&request) {
                self.call(request).await
            } else {
                Box::pin(self.call_by_web(request)).await
            }
        })
        .await
    }

    /// Calls a method of the service.
    async fn call<B: RequestBody>(&self, request: Request<B>) -> Response<Body> {
        let method = method_of(request.uri().path()).filter(|_| request.method() == Method::POST);
        match method {
            Some("Get") => encoded::get(&self.api, self.sizes, request).await,
            Some("List") => Box::pin(encoded::list(&self.api, self.sizes, request)).await,
            Some("WatchStatus") => Box::pin(encoded::watch_status(&self.api, self.sizes, request)).await,
            _ => self.service.clone().call(request).await.unwrap_or_else(|never| match never {}),
        }
    }

    /// The same for a browser, whose messages are translated.
    async fn call_by_web(&self, request: Request<Incoming>) -> Response<Body> {
        let call = service_fn(async |request: Request<Body>| Ok::<_, Infallible>(self.call(request).await));
        GrpcWebLayer::new().layer(call).oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Response<Body> {
        self.rest.clone().oneshot(request).await.unwrap_or_else(|never| match never {}).map(Body::new)
    }
}

/// The method of the service that a path names.
fn method_of(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.strip_prefix(SERVICE_NAME)?.strip_prefix('/')
}

/// Whether the messages of a request need no translation.
fn speaks_grpc<B>(request: &Request<B>) -> bool {
    let is_web = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc-web");
    request.version() == Version::HTTP_2 && !request.headers().get(CONTENT_TYPE).is_some_and(is_web)
}
