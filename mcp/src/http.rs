//! Requests of HTTP (streamable HTTP): no sessions, one answer each.

use std::{fmt::Display, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use sendstores_client::{Client, Error, RetryPolicy};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tonic::transport::Endpoint;
use tower::service_fn;

use crate::{Mcp, Settings, gate::Gate, protected_resource::ProtectedResource};

/// The largest request.
const MAX_REQUEST: usize = 64 * 1024;
/// How long one call of the API may take.
const CALL: Duration = Duration::from_secs(10);

/// Requests that are answered at once. Each has a connection of its own inside of the server, and may wait for a store.
const MOST: usize = 256;
/// How long one may take: longer than the longest wait of a tool.
const LONGEST: Duration = Duration::from_secs(75);

/// The path of the tools.
pub(crate) const PATH: &str = "/mcp";

/// The tools of one server, for all callers.
#[derive(Clone)]
pub struct Tools {
    settings: Settings,
    gate: Arc<Gate>,
    places: Arc<Semaphore>,
    /// What clients are sent to for a token, if they can get one by themselves.
    resource: Option<Arc<ProtectedResource>>,
}

/// An answer; nothing goes wrong while it is read.
pub type Answer = Response<http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>>;

// === impl Tools ===

impl Tools {
    /// With the settings for all callers.
    pub fn new(settings: Settings) -> Self {
        Self { settings, gate: Arc::new(Gate::new()), places: Arc::new(Semaphore::new(MOST)), resource: None }
    }

    /// The same, for clients that get tokens of these issuers by themselves (RFC 9728), if one of the audiences that tokens may
    /// have is the URL of the tools.
    #[must_use]
    pub fn for_issuers(self, issuers: Vec<String>, audiences: &[String]) -> Self {
        Self { resource: ProtectedResource::of(issuers, audiences).map(Arc::new), ..self }
    }

    /// Whether they answer requests at this path.
    pub fn are_at(&self, path: &str) -> bool {
        path == PATH || (self.resource.is_some() && ProtectedResource::is_at(path))
    }

    /// The answer to a request for the document that says where tokens are from. It needs no token; `None`: it is another
    /// request.
    pub fn metadata<B>(&self, request: &Request<B>) -> Option<Answer> {
        let resource = self.resource.as_ref().filter(|_| ProtectedResource::is_at(request.uri().path()))?;
        if request.method() != Method::GET {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "this is read with GET\n".to_owned());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return Some(answer);
        }
        let mut answer = plain(StatusCode::OK, resource.document());
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(answer)
    }

    /// The right to have one request answered, given back when dropped; `None` while too many are answered.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Answers one request. Its calls of the API go through `stream`, on which the server's own port must answer, with the
    /// token of the request: the caller has the rights that it has anywhere else.
    ///
    /// - 401, with `WWW-Authenticate: Bearer`, which names the document of [`Self::metadata`] if there is one: the token is
    ///   missing, invalid, expired or revoked.
    /// - 403: the caller is bound to no role, or the request is of a web page of another origin.
    /// - 503: who calls cannot be checked now.
    /// - 504: the answer, or the rest of the request, did not come in time.
    pub async fn answer<S, B>(&self, stream: S, request: Request<B>) -> Answer
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        B: http_body::Body<Data: Send, Error: Display> + Send + 'static,
    {
        let client = match caller(stream, request.headers().get(AUTHORIZATION)).await {
            Ok(client) => client,
            Err(error) => return self.refused(&error),
        };
        if let Err(error) = client.principal().await {
            return self.refused(&error);
        }
        let (settings, gate) = (self.settings, self.gate.clone());
        let mcp = move || Ok(Mcp::with_gate(client.clone(), settings, gate.clone()));
        // By which host names browsers may come is the port's to say. A page of another origin has no business here.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .disable_allowed_hosts()
            .with_allowed_origins(own_origin(&request))
            .enforce_origin_validation()
            .with_max_request_body_bytes(MAX_REQUEST);
        let tools = StreamableHttpService::new(mcp, Arc::new(NeverSessionManager::default()), config);
        let late = |_| plain(StatusCode::GATEWAY_TIMEOUT, "no answer in time\n".to_owned());
        timeout(LONGEST, tools.handle(request)).await.unwrap_or_else(late)
    }

    /// The answer to a caller that is not known, or may do nothing.
    fn refused(&self, error: &Error) -> Answer {
        let status = match error {
            Error::Unauthenticated(_) | Error::Token { .. } => StatusCode::UNAUTHORIZED,
            Error::PermissionDenied(_) => StatusCode::FORBIDDEN,
            Error::ResourceExhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let reason = error.reason().unwrap_or("UNAVAILABLE");
        let mut answer = plain(status, format!("{reason}: {error}\n"));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = self.resource.as_ref().and_then(|resource| resource.challenge());
            let challenge = challenge.unwrap_or_else(|| HeaderValue::from_static("Bearer"));
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// The origin of a page that this port itself has served, by the name that the request came to.
fn own_origin<B>(request: &Request<B>) -> Option<String> {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()))?;
    let origin = request.headers().get(ORIGIN).and_then(|value| value.to_str().ok())?;
    let (scheme, rest) = origin.split_once("://")?;
    (["http", "https"].contains(&scheme) && rest.eq_ignore_ascii_case(host)).then(|| origin.to_owned())
}

/// A client with the token of the request.
async fn caller<S>(stream: S, authorization: Option<&HeaderValue>) -> Result<Client, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = Client::builder().timeout(CALL).retry(RetryPolicy::none());
    let bearer = authorization.map(|value| value.to_str().unwrap_or_default());
    if let Some(text) = bearer {
        // What is no bearer token is sent as it is, and refused as it is anywhere else.
        builder = builder.token(text.strip_prefix("Bearer ").unwrap_or(text));
    }
    let mut stream = Some(stream);
    let connector = service_fn(move |_: Uri| {
        let stream = stream.take().map(TokioIo::new);
        std::future::ready(stream.ok_or_else(|| io::Error::other("the request has one connection")))
    });
    let program = concat!("sendstores-mcp/", env!("CARGO_PKG_VERSION"));
    let endpoint = Endpoint::from_static("http://sendstores").user_agent(program);
    let channel = match endpoint {
        Ok(endpoint) => endpoint.connect_with_connector(connector).await,
        Err(error) => Err(error),
    };
    channel.map(|channel| builder.channel(channel)).map_err(|error| tonic::Status::from_error(error.into()).into())
}

fn plain(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
