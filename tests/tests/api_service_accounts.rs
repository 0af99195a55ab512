//! Callers with tokens of Kubernetes service accounts, and an API server that says whose they are.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sendstores_client::{CreateStore, Error, v1 as wire};
use sendstores_tests::{
    cluster::kubeconfig_of,
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::client,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::Code;

const BINDINGS: &str = "bindings: [{subjects: ['k8s:shop-platform/provisioner'], role: tenant, tenants: [acme]}]";
const BOUND: &str = "system:serviceaccount:shop-platform:provisioner";

/// An API server that knows some tokens.
struct TokenApi {
    kubeconfig: NamedTempFile,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// The status of a TokenReview by the token.
    statuses: Mutex<HashMap<String, Value>>,
    /// The spec of each TokenReview that was asked for.
    asked: Mutex<Vec<Value>>,
    broken: AtomicBool,
}

// === impl TokenApi ===

impl TokenApi {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let kubeconfig = kubeconfig_of(&format!("http://{}", listener.local_addr().expect("an address")));
        let shared: Arc<Shared> = Arc::default();
        let kept = shared.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = kept.clone();
                let answer = service_fn(move |request| answer(shared.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { kubeconfig, shared, server }
    }

    /// A token of this user, for these audiences. The API server answers so.
    fn token(&self, user: &str, audiences: &[&str]) -> String {
        let token = jwt(&json!({"aud": ["sendstores"], "exp": 32_503_680_000_u64, "sub": user, "for": audiences}));
        let status = json!({"authenticated": true, "audiences": audiences, "user": {"username": user}});
        self.shared.statuses.lock().unwrap().insert(token.clone(), status);
        token
    }

    fn asked(&self) -> Vec<Value> {
        self.shared.asked.lock().unwrap().clone()
    }

    fn options(&self, redis: &RedisServer) -> ServerOptions {
        ServerOptions::with_cluster(&redis.url(), self.kubeconfig.path().to_str().expect("a path")).with_auth()
    }
}

impl Drop for TokenApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_review = request.uri().path() == "/apis/authentication.k8s.io/v1/tokenreviews";
    let said = if is_review && !shared.broken.load(Ordering::Relaxed) {
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        let mut review: Value = serde_json::from_slice(&body).expect("JSON");
        shared.asked.lock().unwrap().push(review["spec"].clone());
        let token = review["spec"]["token"].as_str().expect("a token").to_owned();
        let known = shared.statuses.lock().unwrap().get(&token).cloned();
        review["status"] = known.unwrap_or_else(|| json!({"authenticated": false, "error": "unknown"}));
        (StatusCode::CREATED, review)
    } else {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500});
        (StatusCode::INTERNAL_SERVER_ERROR, status)
    };
    let mut response = Response::new(Full::new(Bytes::from(said.1.to_string())));
    *response.status_mut() = said.0;
    response.headers_mut().insert("content-type", "application/json".parse().expect("a header"));
    Ok(response)
}

/// A JWT that only this API server can judge.
fn jwt(claims: &Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part("{\"alg\":\"RS256\"}"), part(&claims.to_string()), part("signature"))
}

fn bindings() -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    fs::write(file.path(), BINDINGS).expect("written");
    file
}

fn with_bindings(options: ServerOptions, file: &NamedTempFile) -> ServerOptions {
    options.flag(format!("--auth-config={}", file.path().display()))
}

async fn refusal(server: &Server, token: &str) -> (Code, String) {
    let error: Error = client(server, token).await.list_page(Default::default()).await.expect_err("refused");
    (error.status().expect("a status").code(), error.reason().expect("a reason").to_owned())
}

#[tokio::test]
async fn a_service_account_is_what_the_api_server_and_the_bindings_say() {
    let (redis, api, file) = (RedisServer::start().await, TokenApi::start().await, bindings());
    let server = with_bindings(api.options(&redis), &file).flag("--kubernetes-tokens").start_ready().await;
    let token = api.token(BOUND, &["sendstores"]);
    let principal = client(&server, &token).await.principal().await.expect("a principal");
    assert_eq!(principal.kind(), wire::principal::Kind::ServiceAccount);
    assert_eq!((principal.name.as_str(), principal.role.as_str()), ("shop-platform/provisioner", "tenant"));
    assert!(principal.expire_time.is_some());
    let store = client(&server, &token).await.create(CreateStore::new()).await.expect("created");
    assert_eq!((store.tenant.as_str(), store.history[0].principal.as_str()), ("acme", "k8s:shop-platform/provisioner"));
    assert_eq!(api.asked(), [json!({"audiences": ["sendstores"], "token": token})], "it was asked once");

    let alice = api.token("alice", &["sendstores"]);
    let elsewhere = api.token(BOUND, &["https://kubernetes.default.svc"]);
    let unknown = jwt(&json!({"aud": ["sendstores"], "exp": 32_503_680_000_u64}));
    for bad in [&alice, &elsewhere, &unknown] {
        assert_eq!(refusal(&server, bad).await, (Code::Unauthenticated, "TOKEN_INVALID".to_owned()));
    }
    let stranger = api.token("system:serviceaccount:shop-platform:stranger", &["sendstores"]);
    assert_eq!(refusal(&server, &stranger).await, (Code::PermissionDenied, "SUBJECT_UNBOUND".to_owned()));
    let asked = api.asked().len();
    let expired = jwt(&json!({"aud": ["sendstores"], "exp": 1_000_000_000}));
    assert_eq!(refusal(&server, &expired).await.1, "TOKEN_EXPIRED");
    let not_for_us = jwt(&json!({"aud": ["kubernetes"], "exp": 32_503_680_000_u64}));
    assert_eq!(refusal(&server, &not_for_us).await.1, "TOKEN_AUDIENCE");
    assert_eq!(refusal(&server, &alice).await.1, "TOKEN_INVALID");
    assert_eq!(api.asked().len(), asked, "a refusal is remembered, and what cannot be valid is not asked about");
    let log = server.log().join("\n");
    assert!(!log.contains(&token) && !log.contains(&alice), "a token is in the log");
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_refuses_no_token() {
    let (redis, api, file) = (RedisServer::start().await, TokenApi::start().await, bindings());
    let server = with_bindings(api.options(&redis), &file).flag("--kubernetes-tokens").start_ready().await;
    let (token, known) = (api.token(BOUND, &["sendstores"]), api.token(BOUND, &["sendstores", "more"]));
    client(&server, &known).await.list_page(Default::default()).await.expect("answered");
    api.shared.broken.store(true, Ordering::Relaxed);
    assert_eq!(refusal(&server, &token).await, (Code::Unavailable, "AUTH_UNAVAILABLE".to_owned()));
    client(&server, &known).await.list_page(Default::default()).await.expect("its answer is remembered");
    api.shared.broken.store(false, Ordering::Relaxed);
    until("an answer", async || client(&server, &token).await.list_page(Default::default()).await.ok()).await;
}

#[tokio::test]
async fn without_the_flag_no_service_account_is_known() {
    let (redis, api, file) = (RedisServer::start().await, TokenApi::start().await, bindings());
    let server = with_bindings(api.options(&redis), &file).start_ready().await;
    let token = api.token(BOUND, &["sendstores"]);
    assert_eq!(refusal(&server, &token).await.1, "TOKEN_ISSUER_UNKNOWN");
    assert!(api.asked().is_empty());
    let output = api.options(&redis).flag("--kubernetes-tokens").command().output().expect("run the program");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("--kubernetes-tokens: needs --auth-config"), "{text}");
}
