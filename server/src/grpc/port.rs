//! Where a call goes: a method of the service straight to it, all else (health, reflection, strangers) to the router.
//!
//! Each layer of the router costs every call some allocations, which is more than a Get does of its own.

use std::convert::Infallible;

use axum::Router;
use http::{HeaderValue, Request, Response, Version, header::CONTENT_TYPE};
use hyper::body::Incoming;
use sendstores_core::ledger::Ledger;
use sendstores_proto::v1::store_service_server::StoreServiceServer;
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{
    StoreApi,
    encoded::{self, MessageSizes, RequestBody},
    meters::Method,
    observe::observe,
    streams::Peer,
};

/// The service and what is beside it on its port.
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
        observe(request, async |method, request| match method {
            Method::Health | Method::Reflection | Method::Other => Box::pin(self.pass_on(request)).await,
            _ if speaks_grpc(&request) => self.call(method, request).await,
            _ => Box::pin(self.call_by_web(method, request)).await,
        })
        .await
    }

    /// Calls a method of the service.
    async fn call<B: RequestBody>(&self, method: Method, request: Request<B>) -> Response<Body> {
        let Self { api, sizes, .. } = self;
        match method {
            Method::Get => encoded::unary(*sizes, request, service_fn(|get| api.shown_get(get))).await,
            Method::List => Box::pin(encoded::unary(*sizes, request, service_fn(|list| api.shown_list(list)))).await,
            Method::WatchStatus => {
                Box::pin(encoded::watch(*sizes, request, service_fn(|watch| api.watch(watch)))).await
            }
            _ => self.service.clone().call(request).await.unwrap_or_else(|never| match never {}),
        }
    }

    /// The same for a browser, whose messages are translated.
    async fn call_by_web(&self, method: Method, request: Request<Incoming>) -> Response<Body> {
        let call = service_fn(async |request: Request<Body>| Ok::<_, Infallible>(self.call(method, request).await));
        GrpcWebLayer::new().layer(call).oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Response<Body> {
        self.rest.clone().oneshot(request).await.unwrap_or_else(|never| match never {}).map(Body::new)
    }
}

/// Whether the messages of a request need no translation.
fn speaks_grpc<B>(request: &Request<B>) -> bool {
    let is_web = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc-web");
    request.version() == Version::HTTP_2 && !request.headers().get(CONTENT_TYPE).is_some_and(is_web)
}
