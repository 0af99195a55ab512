//! The tools for assistants over HTTP, at `/mcp` of the server's own port.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use sendstores_client::{Client, CreateStore, State, v1::AuditFilter};
use sendstores_tests::{
    issuer::{Issuer, SigningKey},
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::make_token,
    wait::{until, within},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// An answer: its status, its headers, and its body as text.
struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: String,
}

/// One who calls the tools over HTTP.
struct Assistant {
    url: String,
    token: String,
    capabilities: Value,
}

impl Assistant {
    fn new(server: &Server, token: &str) -> Self {
        let capabilities = json!({"elicitation": {"form": {}}});
        Self { url: format!("{}/mcp", server.url()), token: token.to_owned(), capabilities }
    }

    /// Sends a body with these headers.
    async fn post(&self, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let client = HttpClient::builder(TokioExecutor::new()).build_http();
        let response = within("an answer", client.request(request)).await.expect("HTTP");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// A request of 2026-07-28.
    async fn request(&self, method: &str, mut params: Value) -> Answer {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
        });
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        let name = params["name"].as_str().or_else(|| params["uri"].as_str()).unwrap_or_default().to_owned();
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(&headers, body.to_string()).await
    }

    async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.request(method, params).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let message: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body));
        assert!(message["result"].is_object(), "{message}");
        message["result"].clone()
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    async fn names(&self) -> Vec<String> {
        let list = self.result("tools/list", json!({})).await;
        let tools = list["tools"].as_array().expect("tools");
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }
}

async fn started(redis: &RedisServer, flag: &str) -> (ServerOptions, Server) {
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let options = if flag.is_empty() { options } else { options.flag(flag) };
    let server = options.start_ready().await;
    (options, server)
}

#[tokio::test]
async fn there_are_no_tools_unless_the_operator_says_so() {
    let redis = RedisServer::start().await;
    let (options, server) = started(&redis, "").await;
    let assistant = Assistant::new(&server, &make_token(&options, "--role admin"));
    assert_eq!(assistant.request("tools/list", json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_caller_has_the_rights_of_its_token_and_no_page_has_any() {
    let redis = RedisServer::start().await;
    let (options, server) = started(&redis, "--mcp=read-only").await;
    let token = make_token(&options, "--role tenant --tenant acme");
    let admin_token = make_token(&options, "--role admin");
    let admin = Client::builder().token(&admin_token).connect(&server.url()).await.expect("connect");
    for (id, tenant) in [("store-own-one", "acme"), ("store-foreign", "bolt")] {
        admin.create(CreateStore::new().id(id).tenant(tenant)).await.expect("created");
    }
    let nobody = Assistant::new(&server, "");
    let missing = nobody.request("tools/list", json!({})).await;
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED, "{}", missing.body);
    assert_eq!(missing.headers["www-authenticate"], "Bearer");
    assert!(missing.body.starts_with("TOKEN_MISSING"), "{}", missing.body);
    for wrong in ["sst_wrong", "a b"] {
        let refused = Assistant::new(&server, wrong).request("tools/list", json!({})).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{wrong}: {}", refused.body);
    }

    let acme = Assistant::new(&server, &token);
    let names = acme.names().await;
    assert!(names.contains(&"check_store".to_owned()) && !names.contains(&"create_store".to_owned()), "{names:?}");
    let list = acme.call("list_stores", json!({})).await["structuredContent"].clone();
    assert_eq!((&list["total"], &list["stores"][0]["id"]), (&json!(1), &json!("store-own-one")));
    let foreign = acme.call("get_store", json!({"id": "store-foreign"})).await;
    assert!(
        foreign["content"][0]["text"].as_str().is_some_and(|text| text.starts_with("STORE_NOT_FOUND")),
        "{foreign}"
    );
    let create = acme.call("create_store", json!({"request_id": "r1"})).await;
    assert_eq!(create["isError"], true, "{create}");

    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string();
    let page = acme.post(&[("origin", "https://evil.example")], ping.clone()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    let rebound = acme.post(&[("host", "evil.example")], ping.clone()).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN, "{}", rebound.body);
    let large = acme.post(&[], format!("{ping}{}", " ".repeat(70_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", large.body);
    let old = acme.post(&[("mcp-protocol-version", "2025-11-25")], ping).await;
    assert!(old.status == StatusCode::OK && old.body.contains("list_stores"), "{} {}", old.status, old.body);
}

#[tokio::test]
async fn resources_and_prompts_are_there_in_both_revisions_with_the_rights_of_the_token() {
    let redis = RedisServer::start().await;
    let (options, server) = started(&redis, "--mcp=read-only").await;
    let admin =
        Client::builder().token(make_token(&options, "--role admin")).connect(&server.url()).await.expect("connect");
    for (id, tenant) in [("store-own", "acme"), ("store-foreign", "bolt")] {
        admin.create(CreateStore::new().id(id).tenant(tenant).title("Tea")).await.expect("created");
    }
    let acme = Assistant::new(&server, &make_token(&options, "--role tenant --tenant acme"));
    let requests = [
        ("resources/list", json!({}), "sendstores://stores/store-own"),
        ("resources/list", json!({"cursor": "reasons"}), "sendstores://errors/QUOTA_EXCEEDED"),
        ("resources/templates/list", json!({}), "sendstores://stores/{id}"),
        ("resources/read", json!({"uri": "sendstores://stores/store-own"}), "[untrusted "),
        ("resources/read", json!({"uri": "sendstores://errors/QUOTA_EXCEEDED"}), "# QUOTA_EXCEEDED"),
        ("prompts/list", json!({}), "fleet_report"),
        ("prompts/get", json!({"name": "diagnose_store", "arguments": {"id": "store-own"}}), "explain_store"),
    ];
    for (method, params, wanted) in requests {
        let modern = acme.result(method, params.clone()).await.to_string();
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let legacy = acme.post(&[("mcp-protocol-version", "2025-11-25")], body).await;
        assert_eq!(legacy.status, StatusCode::OK, "{method}: {}", legacy.body);
        for shown in [modern, legacy.body] {
            assert!(shown.contains(wanted) && !shown.contains("store-foreign"), "{method}: {shown}");
            assert!(shown.len() <= 16 * 1024, "{method}: {} bytes", shown.len());
        }
    }
    let foreign = acme.request("resources/read", json!({"uri": "sendstores://stores/store-foreign"})).await;
    assert!(foreign.body.contains("STORE_NOT_FOUND") && foreign.body.contains("-32602"), "{}", foreign.body);
}

#[tokio::test]
async fn a_client_without_a_token_learns_where_it_gets_one() {
    let redis = RedisServer::start().await;
    let ec = SigningKey::ec();
    let issuer = Issuer::start(&[("ec", &ec)]).await;
    let bindings = tempfile::NamedTempFile::new().expect("a file");
    let binding = format!("bindings:\n  - {{subjects: ['oidc:{}#user:alice'], role: reader}}\n", issuer.url);
    std::fs::write(bindings.path(), binding).expect("written");
    let resource = "https://stores.example.org/mcp";
    let options = ServerOptions::without_cluster(&redis.url()).with_auth().flag("--mcp=read-only");
    let options = options.flag(format!("--auth-config={}", bindings.path().display()));
    let options = options.flag(format!("--oidc-issuer={}", issuer.url)).flag(format!("--oidc-audience={resource}"));
    let server = options.start_ready().await;

    let missing = Assistant::new(&server, "").request("tools/list", json!({})).await;
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    let document = "https://stores.example.org/.well-known/oauth-protected-resource/mcp";
    assert_eq!(missing.headers["www-authenticate"], format!("Bearer resource_metadata=\"{document}\""));
    let address = server.url().trim_start_matches("http://").parse().expect("an address");
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let (code, body) = sendstores_tests::http::get(address, path).await.expect("HTTP");
        let document: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((code, &document["resource"]), (200, &json!(resource)));
        assert_eq!(document["authorization_servers"], json!([issuer.url]));
    }
    let mut claims = issuer.claims("alice");
    let header = json!({"alg": "ES256", "kid": "ec"});
    let other = Assistant::new(&server, &ec.sign(&header, &claims)).request("tools/list", json!({})).await;
    assert_eq!(other.status, StatusCode::UNAUTHORIZED, "a token for another audience: {}", other.body);
    claims["aud"] = json!(resource);
    let alice = Assistant::new(&server, &ec.sign(&header, &claims));
    assert!(alice.names().await.contains(&"list_stores".to_owned()));

    let (_, plain) = started(&redis, "--mcp=read-only").await;
    let address = plain.url().trim_start_matches("http://").parse().expect("an address");
    let (code, _) =
        sendstores_tests::http::get(address, "/.well-known/oauth-protected-resource/mcp").await.expect("HTTP");
    assert_ne!(code, 200, "without issuers there is nothing to say");
}

/// More than are answered at once.
const WAITING: usize = 300;

#[tokio::test]
async fn requests_that_wait_are_bounded_and_give_their_places_back() {
    let redis = RedisServer::start().await;
    let (options, server) = started(&redis, "--mcp=read-only").await;
    let token = make_token(&options, "--role admin");
    let admin = Client::builder().token(&token).connect(&server.url()).await.expect("connect");
    admin.create(CreateStore::new().id("store-a")).await.expect("created");
    let assistant = Arc::new(Assistant::new(&server, &token));
    let mut waiting = JoinSet::new();
    for _ in 0..WAITING {
        let assistant = assistant.clone();
        let wait = json!({"name": "wait_for_store", "arguments": {"id": "store-a"}});
        waiting.spawn(async move { assistant.request("tools/call", wait).await.status });
    }
    // Those that have a place wait: the store is never READY without a cluster.
    let refused = within("a refusal", waiting.join_next()).await.expect("an answer").expect("no panic");
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    admin.get("store-a").await.expect("calls of the API have places of their own");
    drop(waiting);
    let answered = async || (assistant.request("tools/list", json!({})).await.status == StatusCode::OK).then_some(());
    until("a place to be free", answered).await;
}

#[tokio::test]
async fn a_deletion_asks_the_human_and_the_audit_names_the_tools() {
    let redis = RedisServer::start().await;
    let (options, server) = started(&redis, "--mcp=on").await;
    let token = make_token(&options, "--role operator");
    let api = Client::builder().token(&token).connect(&server.url()).await.expect("connect");
    let assistant = Assistant::new(&server, &token);
    let made = assistant.call("create_store", json!({"request_id": "r1", "store_id": "store-a"})).await;
    assert_eq!(made["structuredContent"]["id"], "store-a", "{made}");
    // The store changes while its namespace is tried.
    let deleted = until("a deletion of one revision", async || {
        let arguments = json!({"id": "store-a", "etag": api.get("store-a").await.ok()?.etag});
        let question = assistant.call("delete_store", arguments.clone()).await;
        let state = question["requestState"].as_str()?.to_owned();
        let confirmed = |id: &str| {
            let responses = json!({"confirm": {"action": "accept", "content": {"id": id}}});
            json!({"name": "delete_store", "arguments": arguments, "requestState": state, "inputResponses": responses})
        };
        let other = assistant.result("tools/call", confirmed("store-b")).await;
        assert_eq!(other["isError"], true, "{other}");
        let result = assistant.result("tools/call", confirmed("store-a")).await;
        (result["isError"] == false).then_some(result)
    })
    .await;
    assert_eq!(deleted["structuredContent"]["state"], "DELETING", "{deleted}");
    assert_eq!(api.get("store-a").await.expect("it is there").state(), State::Deleting);
    let entries: Vec<_> = api.list_audit(AuditFilter::default()).try_collect().await.expect("the audit");
    let by_tools = entries.iter().filter(|entry| entry.user_agent.starts_with("sendstores-mcp/"));
    let methods: Vec<_> = by_tools.map(|entry| entry.method.rsplit('/').next().unwrap_or_default()).collect();
    assert!(methods.contains(&"Create") && methods.contains(&"Delete"), "{methods:?}");
}
