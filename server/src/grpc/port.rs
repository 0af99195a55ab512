//! Where a call goes: a method of the service straight to it, health and reflection to the router. What has no row in the
//! table of methods goes nowhere.
//!
//! Each layer of the router costs every call some allocations, which is more than a Get does of its own.

use std::{convert::Infallible, sync::Arc};

use axum::Router;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use sendstores_core::ledger::Ledger;
use sendstores_mcp::Tools;
use sendstores_proto::{
    access::Method,
    v1::{
        account_service_server::AccountServiceServer, audit_service_server::AuditServiceServer,
        backup_service_server::BackupServiceServer, store_service_server::StoreServiceServer,
        tenant_service_server::TenantServiceServer, token_service_server::TokenServiceServer,
    },
};
use tokio_rustls::TlsAcceptor;
use tonic::{Status, body::Body};
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{
    StoreApi,
    audited::Origin,
    codec::{self, MessageSizes, RequestBody},
    cors::{Cors, WebOrigin},
    gate::{Gate, Refused, Session},
    hosts::{AllowedHosts, is_plain_grpc},
    observe::observe,
    peers::Peer,
    status::Refusal,
};
use crate::{
    auth::{Flaw, ReflectionAccess},
    dashboard::{self, Dashboard},
    tls::Tls,
};

/// All headers of one call together, in bytes; each counts 32 more than it has, as in HTTP/2.
pub(super) const MAX_METADATA: usize = 16 * 1024;

/// The service and what is beside it on its port.
pub(super) struct Port<L: Ledger> {
    api: StoreApi<L>,
    service: StoreServiceServer<StoreApi<L>>,
    accounts: AccountServiceServer<StoreApi<L>>,
    audit: AuditServiceServer<StoreApi<L>>,
    backups: BackupServiceServer<StoreApi<L>>,
    tenants: TenantServiceServer<StoreApi<L>>,
    tokens: TokenServiceServer<StoreApi<L>>,
    sizes: MessageSizes,
    rest: Router,
    gate: Gate,
    hosts: AllowedHosts,
    tls: Option<Tls>,
    cors: Option<Cors>,
    dashboard: Option<Dashboard>,
    tools: Option<Tools>,
}

// === impl Port ===

impl<L: Ledger> Port<L> {
    pub(super) fn new(api: StoreApi<L>, sizes: MessageSizes, rest: Router, gate: Gate) -> Self {
        let service = StoreServiceServer::new(api.clone())
            .max_decoding_message_size(sizes.request)
            .max_encoding_message_size(sizes.response);
        let accounts = AccountServiceServer::new(api.clone()).max_decoding_message_size(sizes.request);
        let tokens = TokenServiceServer::new(api.clone()).max_decoding_message_size(sizes.request);
        let tenants = TenantServiceServer::new(api.clone()).max_decoding_message_size(sizes.request);
        let audit = AuditServiceServer::new(api.clone()).max_decoding_message_size(sizes.request);
        let backups = BackupServiceServer::new(api.clone()).max_decoding_message_size(sizes.request);
        let hosts = AllowedHosts::Any;
        let (tls, cors, dashboard, tools) = (None, None, None, None);
        Self {
            api,
            service,
            accounts,
            audit,
            backups,
            tenants,
            tokens,
            sizes,
            rest,
            gate,
            hosts,
            tls,
            cors,
            dashboard,
            tools,
        }
    }

    /// The same, for browsers that come by one of these names.
    pub(super) fn for_hosts(self, hosts: AllowedHosts) -> Self {
        Self { hosts, ..self }
    }

    /// The same, with reflection for these callers.
    pub(super) fn with_reflection(self, reflection: ReflectionAccess) -> Self {
        Self { gate: self.gate.with_reflection(reflection), ..self }
    }

    /// The same, also for web pages of these origins.
    pub(super) fn for_origins(self, origins: Vec<WebOrigin>) -> Self {
        Self { cors: Cors::of(origins), ..self }
    }

    /// The same, also with the dashboard, or without it.
    pub(super) fn with_dashboard(self, dashboard: Option<Dashboard>) -> Self {
        Self { dashboard, ..self }
    }

    /// The same, with these tools for assistants.
    pub(super) fn with_tools(self, tools: Option<Tools>) -> Self {
        Self { tools, ..self }
    }

    /// The tools, if the request is for them.
    pub(super) fn tools_for<B>(&self, request: &Request<B>) -> Option<Tools> {
        self.tools.as_ref().filter(|tools| tools.are_at(request.uri().path()) && !is_grpc(request)).cloned()
    }

    /// Refuses what comes by a wrong name, or has too many headers.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        self.hosts.check(request).and_then(|()| check_metadata(request.headers()))
    }

    /// The same, over TLS if there is one.
    pub(super) fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// What accepts the next connection, if the port has TLS.
    pub(super) fn tls_acceptor(&self) -> Option<TlsAcceptor> {
        self.tls.as_ref().map(Tls::acceptor)
    }

    /// Answers a call of `peer`.
    pub(super) async fn answer(&self, peer: Peer, session: &Session, request: Request<Incoming>) -> Response<Body> {
        let page = self.cors.as_ref().and_then(|cors| Some((cors, Cors::head(&request)?)));
        let Some((cors, head)) = page else { return self.answer_call(peer, session, request).await };
        // A question of the browser is no call.
        let response = match *request.method() {
            http::Method::OPTIONS => Response::default(),
            _ => Box::pin(self.answer_call(peer, session, request)).await,
        };
        Box::pin(cors.finish(head, response)).await
    }

    async fn answer_call(&self, peer: Peer, session: &Session, mut request: Request<Incoming>) -> Response<Body> {
        if let Some(dashboard) = self.dashboard.as_ref().filter(|_| dashboard::is_for(&request)) {
            return self.page(dashboard, &request);
        }
        request.extensions_mut().insert(peer);
        if let Err(refusal) = self.check(&request) {
            return refuse(request, refusal).await;
        }
        observe(request, async |called, mut request| {
            let Some(access) = called.access().filter(|access| self.gate.has(access)) else {
                return no_such_method(&request);
            };
            if !is_grpc(&request) {
                return no_grpc();
            }
            let mut origin = None;
            match self.gate.admit(access, session, request.headers(), &self.api).await {
                Ok(Some(caller)) => {
                    if access.audit {
                        let of_call = Arc::new(Origin::of(access, Some(&caller), &request));
                        request.extensions_mut().insert(of_call.clone());
                        origin = Some(of_call);
                    }
                    if access.method == Method::WatchStatus
                        && let Some(standing) = self.gate.standing(session, request.headers(), caller.clone())
                    {
                        request.extensions_mut().insert(standing);
                    }
                    request.extensions_mut().insert(caller);
                }
                Ok(None) => {}
                Err(Refused { why, principal }) => {
                    let status = Status::from(why);
                    self.api.note_refusal(&Origin::of(access, principal.as_ref(), &request), &status);
                    return status.into_http();
                }
            }
            let response = match access.method {
                Method::Health | Method::Reflection => Box::pin(self.pass_on(request)).await,
                method if is_plain_grpc(&request) => self.call(method, request).await,
                method => Box::pin(self.call_by_web(method, request)).await,
            };
            if let Some(origin) = origin
                && let Some(status) = Status::from_header_map(response.headers())
            {
                self.api.note_refusal(&origin, &status);
            }
            response
        })
        .await
    }

    /// A file of the dashboard. It is no call: it has no caller, and the token comes with the calls of the page.
    fn page(&self, dashboard: &Dashboard, request: &Request<Incoming>) -> Response<Body> {
        let allowed = self.hosts.check(request).is_ok();
        let response = if allowed { dashboard.answer(request) } else { dashboard.wrong_host() };
        response.map(|bytes| Body::new(Full::new(bytes)))
    }

    /// Calls a method of the service.
    async fn call<B: RequestBody>(&self, method: Method, request: Request<B>) -> Response<Body> {
        let Self { api, sizes, .. } = self;
        match method {
            Method::Get => codec::unary(*sizes, request, service_fn(|get| api.cached_get(get))).await,
            Method::List => Box::pin(codec::unary(*sizes, request, service_fn(|list| api.cached_list(list)))).await,
            Method::WatchStatus => Box::pin(codec::watch(*sizes, request, service_fn(|watch| api.watch(watch)))).await,
            Method::GetPrincipal => self.accounts.clone().call(request).await.unwrap_or_else(|never| match never {}),
            Method::AuditList => self.audit.clone().call(request).await.unwrap_or_else(|never| match never {}),
            Method::CreateBackup
            | Method::GetBackup
            | Method::ListBackups
            | Method::UpdateBackup
            | Method::DeleteBackup => self.backups.clone().call(request).await.unwrap_or_else(|never| match never {}),
            Method::TenantCreate
            | Method::TenantGet
            | Method::TenantList
            | Method::TenantUpdate
            | Method::TenantDelete => self.tenants.clone().call(request).await.unwrap_or_else(|never| match never {}),
            Method::TokenCreate | Method::TokenList | Method::TokenRevoke => {
                self.tokens.clone().call(request).await.unwrap_or_else(|never| match never {})
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

/// Refuses what no caller of ours needs, before anything of it is copied.
fn check_metadata(headers: &HeaderMap) -> Result<(), Refusal> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    let token = headers.get(http::header::AUTHORIZATION).map_or(0, http::HeaderValue::len);
    match size > MAX_METADATA {
        true if token > MAX_METADATA => Err(Refusal::TokenFlawed(Flaw::Length)),
        true => Err(Refusal::HeadersTooLarge { most: MAX_METADATA }),
        false => Ok(()),
    }
}

/// Answers a call with a refusal, whatever it asks for.
pub(super) async fn refuse<B>(request: Request<B>, refusal: Refusal) -> Response<Body> {
    observe(request, async |_, _| Status::from(refusal).into_http()).await
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// What a web page can send without asking first is no gRPC, and must not be taken for it: the browser would add a client
/// certificate by itself.
fn no_grpc() -> Response<Body> {
    let mut response = Response::new(Body::new("the content type must be application/grpc\n".to_owned()));
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// gRPC callers get a status; a browser that came to the wrong port gets a word.
fn no_such_method<B>(request: &Request<B>) -> Response<Body> {
    if is_grpc(request) {
        return Status::unimplemented("there is no such method").into_http();
    }
    let word = "this is a gRPC port; try grpcurl or the sendstores command\n";
    let mut response = Response::new(Body::new(word.to_owned()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
