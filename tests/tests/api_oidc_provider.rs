//! Tokens of a certified provider of OpenID Connect (npm `oidc-provider`), good and bad.

use std::{fs, path::Path, process::Stdio, time::Duration};

use sendstores_client::{CreateStore, Error};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::client,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The first start downloads its packages.
const START: Duration = Duration::from_secs(240);

/// The running provider; it ends when this is dropped.
struct Provider {
    issuer: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

// === impl Provider ===

impl Provider {
    async fn start() -> Self {
        let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc/run");
        let mut process = Command::new(run)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("tests/oidc/run");
        let output = BufReader::new(process.stdout.take().expect("its output")).lines();
        let input = process.stdin.take().expect("its input");
        let mut provider = Self { issuer: String::new(), input, output, _process: process };
        let said = tokio::time::timeout(START, provider.answer()).await.expect("a provider in time");
        said["issuer"].as_str().expect("an issuer").clone_into(&mut provider.issuer);
        provider
    }

    async fn answer(&mut self) -> Value {
        let line = self.output.next_line().await.expect("readable");
        // It has said why on its standard error.
        let line = line.expect("tests/oidc/run ended: it needs Node.js 20 with npm, and says above what is missing");
        serde_json::from_str(&line).expect("JSON")
    }

    async fn ask(&mut self, command: Value) -> Value {
        self.input.write_all(format!("{command}\n").as_bytes()).await.expect("written");
        let said = self.answer().await;
        assert!(said["error"].is_null(), "{command}: {said}");
        said
    }

    /// A token as programs get it.
    async fn grant(&mut self, client: &str, resource: &str) -> String {
        let said = self.ask(json!({"do": "grant", "client": client, "resource": resource})).await;
        assert_eq!(said["type"], "Bearer");
        said["token"].as_str().expect("a token").to_owned()
    }

    /// A token with this header and these claims.
    async fn craft(&mut self, key: &str, header: Value, claims: Value) -> String {
        let said = self.ask(json!({"do": "craft", "key": key, "header": header, "claims": claims})).await;
        said["token"].as_str().expect("a token").to_owned()
    }

    /// The claims of a good token, changed by `change`.
    fn claims(&self, change: &Value) -> Value {
        let now = sendstores_tests::issuer::now();
        let mut claims =
            json!({"iss": self.issuer, "aud": "sendstores", "sub": "ci", "iat": now, "exp": now + 600, "jti": "1"});
        for (name, value) in change.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        claims
    }
}

fn options(redis: &RedisServer, issuer: &str, file: &NamedTempFile) -> ServerOptions {
    fs::write(
        file.path(),
        format!("bindings: [{{subjects: ['oidc:{issuer}#user:ci'], role: tenant, tenants: [acme]}}]"),
    )
    .expect("written");
    ServerOptions::without_cluster(&redis.url())
        .with_auth()
        .flag(format!("--auth-config={}", file.path().display()))
        .flag(format!("--oidc-issuer={issuer}"))
}

/// Why the token is refused; one who guesses so often waits now and then.
async fn refusal(server: &Server, token: &str) -> String {
    let refused = async || {
        let error: Error = client(server, token).await.principal().await.expect_err("refused");
        let reason = error.reason().unwrap_or_else(|| panic!("no reason: {error}")).to_owned();
        (reason != "RATE_LIMITED").then_some(reason)
    };
    until("an answer about the token", refused).await
}

/// Tokens with one fault each: what it is, whose key signs, header, claims, and the reason of the refusal.
fn zoo(provider: &Provider) -> Vec<(&'static str, &'static str, Value, Value, &'static str)> {
    let (now, issuer) = (sendstores_tests::issuer::now(), &provider.issuer);
    let named = |algorithm: &str, key: &str| json!({"alg": algorithm, "kid": key});
    let (good, claims) = (provider.claims(&json!({})), |change: Value| provider.claims(&change));
    let rs = named("RS256", "RS256-1");
    let of_modulus = json!({"alg": "HS256", "kid": "RS256-1", "secret": "n"});
    let critical = json!({"alg": "RS256", "kid": "RS256-1", "crit": ["x"], "x": 1});
    let (slash, long) = (json!({"iss": format!("{issuer}/")}), json!({"more": "x".repeat(64 * 1024)}));
    vec![
        ("no signature", "own", json!({"alg": "none"}), good.clone(), "ALGORITHM"),
        ("HMAC with the modulus", "own", of_modulus, good.clone(), "ALGORITHM"),
        ("HMAC with the public key", "own", named("HS256", "RS256-1"), good.clone(), "ALGORITHM"),
        ("the algorithm of another key", "own", named("RS256", "ES256-1"), good.clone(), "ALGORITHM"),
        ("another audience", "own", rs.clone(), claims(json!({"aud": ["other"]})), "AUDIENCE"),
        ("another issuer", "own", rs.clone(), claims(json!({"iss": "http://127.0.0.1:1"})), "ISSUER_UNKNOWN"),
        ("its issuer with a slash", "own", rs.clone(), claims(slash), "ISSUER_UNKNOWN"),
        ("expired", "own", rs.clone(), claims(json!({"exp": now - 300})), "EXPIRED"),
        ("not valid yet", "own", rs.clone(), claims(json!({"nbf": now + 600})), "NOT_YET_VALID"),
        ("a critical header", "own", critical, good.clone(), "CRITICAL_HEADER"),
        ("a path as the key", "own", named("RS256", "../../RS256-1"), good.clone(), "KEY_UNKNOWN"),
        ("the key of a stranger", "stranger", rs.clone(), good, "INVALID"),
        ("64 KB", "own", rs, claims(long), "TOO_LONG"),
    ]
}

#[tokio::test]
async fn tokens_of_a_certified_provider_are_taken_and_what_is_wrong_with_others_is_said() {
    let (redis, file, mut provider) =
        (RedisServer::start().await, NamedTempFile::new().expect("a file"), Provider::start().await);
    let issuer = provider.issuer.clone();
    let server = options(&redis, &issuer, &file).start_ready().await;
    let mut seen = Vec::new();
    for resource in ["urn:sendstores", "urn:sendstores:pss", "urn:sendstores:ec", "urn:sendstores:ed"] {
        let token = provider.grant("ci", resource).await;
        let principal = client(&server, &token).await.principal().await.expect(resource);
        assert_eq!((principal.name, principal.role.as_str()), (format!("{issuer}#user:ci"), "tenant"));
        seen.push(token);
    }
    let store = client(&server, &seen[0]).await.create(CreateStore::new()).await.expect("created");
    assert_eq!(
        (store.tenant.as_str(), store.history[0].principal.as_str()),
        ("acme", format!("oidc:{issuer}#user:ci").as_str())
    );
    let unbound = provider.grant("nobody", "urn:sendstores").await;
    assert_eq!(refusal(&server, &unbound).await, "SUBJECT_UNBOUND");
    let other = provider.grant("ci", "urn:other").await;
    assert_eq!(refusal(&server, &other).await, "TOKEN_AUDIENCE");

    let header = json!({"alg": "RS256", "kid": "RS256-1"});
    let crafted = provider.craft("own", header, provider.claims(&json!({}))).await;
    client(&server, &crafted)
        .await
        .principal()
        .await
        .expect("what is crafted is good, so that its one fault is refused");
    for (what, key, header, claims, reason) in zoo(&provider) {
        let token = provider.craft(key, header, claims).await;
        assert_eq!(refusal(&server, &token).await, format!("TOKEN_{reason}"), "{what}");
        seen.push(token);
    }
    let altered = format!("{}A{}", &seen[0][..seen[0].len() - 20], &seen[0][seen[0].len() - 19..]);
    assert_eq!(refusal(&server, &altered).await, "TOKEN_INVALID");
    let log = server.log().join("\n");
    let secret = |token: &String| token.rsplit('.').next().filter(|signature| signature.len() > 20).map(str::to_owned);
    assert!(seen.iter().filter_map(secret).all(|secret| !log.contains(&secret)), "a token is in the log");
}

#[tokio::test]
async fn a_key_that_the_provider_rotates_is_found_and_one_that_it_revokes_is_not_believed() {
    let (redis, file, mut provider) =
        (RedisServer::start().await, NamedTempFile::new().expect("a file"), Provider::start().await);
    let server = options(&redis, &provider.issuer, &file).start_ready().await;
    let old = provider.grant("ci", "urn:sendstores").await;
    client(&server, &old).await.principal().await.expect("accepted");
    provider.ask(json!({"do": "rotate", "keep": true})).await;
    let new = provider.grant("ci", "urn:sendstores").await;
    assert_ne!(new.split('.').next(), old.split('.').next(), "another key signs");
    until("the new key", async || client(&server, &new).await.principal().await.ok()).await;
    client(&server, &old).await.principal().await.expect("the old key is still published");

    // The next token with a key that is not known has the server look, and find that the old ones are gone.
    provider.ask(json!({"do": "rotate", "keep": false})).await;
    let newest = provider.grant("ci", "urn:sendstores").await;
    until("the newest key", async || client(&server, &newest).await.principal().await.ok()).await;
    for revoked in [&old, &new] {
        assert_eq!(refusal(&server, revoked).await, "TOKEN_KEY_UNKNOWN");
    }
}
