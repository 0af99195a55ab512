//! Callers with tokens of OpenID Connect, good and bad, against an issuer on a real socket.

use std::fs;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sendstores_client::{CreateStore, Error, v1 as wire};
use sendstores_tests::{
    authority::Authority,
    issuer::{Issuer, SigningKey, now},
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::client,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tonic::Code;

/// Binds the users and groups of an issuer.
fn bindings(issuer: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    let text = format!(
        "bindings:
  - {{subjects: ['oidc:{issuer}#user:alice'], role: tenant, tenants: [acme]}}
  - {{subjects: ['oidc:{issuer}#group:ops'], role: operator}}
"
    );
    fs::write(file.path(), text).expect("written");
    file
}

fn options(redis: &RedisServer, issuer: &Issuer, file: &NamedTempFile) -> ServerOptions {
    ServerOptions::without_cluster(&redis.url())
        .with_auth()
        .flag(format!("--auth-config={}", file.path().display()))
        .flag(format!("--oidc-issuer={}", issuer.url))
}

fn reason(error: &Error) -> (Code, &str) {
    (error.status().expect("a status").code(), error.reason().expect("a reason"))
}

async fn principal(server: &Server, token: &str) -> Result<sendstores_client::v1::Principal, Error> {
    client(server, token).await.principal().await
}

/// Why the token is refused; who guesses so often waits now and then.
async fn refusal(server: &Server, token: &str) -> String {
    let refused = async || {
        let reason = reason(&principal(server, token).await.expect_err("refused")).1.to_owned();
        (reason != "RATE_LIMITED").then_some(reason)
    };
    until("an answer about the token", refused).await
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

#[tokio::test]
async fn users_and_groups_of_an_issuer_are_what_the_bindings_say() {
    let (ec, ed, rsa) = (SigningKey::ec(), SigningKey::ed(), SigningKey::rsa(2048));
    let issuer = Issuer::start(&[("ec", &ec), ("ed", &ed), ("rsa", &rsa)]).await;
    let (redis, file) = (RedisServer::start().await, bindings(&issuer.url));
    let server = options(&redis, &issuer, &file).start_ready().await;
    assert_eq!(issuer.requests(), 0, "nothing is asked before a token comes");
    for (algorithm, id, key) in
        [("ES256", "ec", &ec), ("EdDSA", "ed", &ed), ("RS256", "rsa", &rsa), ("PS256", "rsa", &rsa)]
    {
        let token = key.sign(&json!({"alg": algorithm, "kid": id, "typ": "JWT"}), &issuer.claims("alice"));
        let said = principal(&server, &token).await.expect(algorithm);
        assert_eq!((said.kind(), said.role.as_str()), (wire::principal::Kind::Oidc, "tenant"), "{algorithm}");
        assert_eq!(said.name, format!("{}#user:alice", issuer.url));
    }
    assert_eq!(issuer.requests(), 2, "the discovery document and the keys are asked for once");

    let header = json!({"alg": "ES256", "kid": "ec"});
    let bob =
        with(&with(&issuer.claims("bob"), "groups", json!(["sales", "ops"])), "aud", json!(["other", "sendstores"]));
    let token = ec.sign(&header, &bob);
    assert_eq!(principal(&server, &token).await.expect("a principal").role, "operator");
    let store = client(&server, &token).await.create(CreateStore::new()).await.expect("created");
    assert_eq!(store.history[0].principal, format!("oidc:{}#user:bob", issuer.url));
    let error = principal(&server, &ec.sign(&header, &issuer.claims("carol"))).await.expect_err("refused");
    assert_eq!(reason(&error), (Code::PermissionDenied, "SUBJECT_UNBOUND"));
    let skewed = with(&issuer.claims("alice"), "exp", json!(now() - 20));
    principal(&server, &ec.sign(&header, &skewed)).await.expect("clocks may be apart by a minute");
    let log = server.log().join("\n");
    assert!(!log.contains(&token), "a token is in the log");
}

/// A token whose signature is an HMAC with what everybody knows.
fn confused(claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "rsa"})), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
}

#[tokio::test]
async fn a_token_that_is_not_right_in_everything_is_refused() {
    let (ec, rsa, small, theirs) = (SigningKey::ec(), SigningKey::rsa(2048), SigningKey::rsa(2048), SigningKey::ec());
    let issuer = Issuer::start(&[("ec", &ec), ("rsa", &rsa)]).await;
    let attacker = Issuer::start(&[("ec", &theirs), ("evil", &theirs)]).await;
    let (redis, file) = (RedisServer::start().await, bindings(&issuer.url));
    let server = options(&redis, &issuer, &file).start_ready().await;
    let (good, header) = (issuer.claims("alice"), json!({"alg": "ES256", "kid": "ec"}));
    let token = ec.sign(&header, &good);
    principal(&server, &token).await.expect("the good one");
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let (head, _) = message.split_once('.').expect("a header");
    let admin = URL_SAFE_NO_PAD.encode(with(&good, "sub", json!("root")).to_string());
    let public = rsa.public("rsa");
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().expect("a modulus")).expect("base64");
    let ec_with = |header: Value| ec.sign(&header, &good);
    for (what, bad) in [
        (
            "no algorithm",
            format!("{}.{}.", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"), message.split_once('.').expect("claims").1),
        ),
        ("no signature", format!("{message}.")),
        ("another payload", format!("{head}.{admin}.{signature}")),
        ("HMAC with the modulus", confused(&good, &modulus)),
        ("HMAC with the key as published", confused(&good, public.to_string().as_bytes())),
        ("another key of that name", theirs.sign(&header, &good)),
        ("another RSA key", small.sign(&json!({"alg": "RS256", "kid": "rsa"}), &good)),
        ("an unknown key", ec_with(json!({"alg": "ES256", "kid": "new"}))),
        ("a key that is a path", ec_with(json!({"alg": "ES256", "kid": "../../ec"}))),
        ("the algorithm of another key", ec_with(json!({"alg": "RS256", "kid": "ec"}))),
        ("a key of another algorithm", ec_with(json!({"alg": "ES256", "kid": "rsa"}))),
        (
            "a header that must be understood",
            ec_with(json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false})),
        ),
        ("a key in the header", theirs.sign(&json!({"alg": "ES256", "kid": "x", "jwk": theirs.public("x")}), &good)),
        (
            "keys elsewhere",
            theirs.sign(&json!({"alg": "ES256", "kid": "evil", "jku": format!("{}/keys", attacker.url)}), &good),
        ),
        ("another audience", ec.sign(&header, &with(&good, "aud", json!("other")))),
        ("no audience", ec.sign(&header, &without(&good, "aud"))),
        ("another issuer", theirs.sign(&header, &attacker.claims("alice"))),
        ("a list of issuers", ec.sign(&header, &with(&good, "iss", json!([issuer.url, attacker.url])))),
        ("no issuer", ec.sign(&header, &without(&good, "iss"))),
        ("no end", ec.sign(&header, &without(&good, "exp"))),
        ("an end that is no number", ec.sign(&header, &with(&good, "exp", json!("tomorrow")))),
        ("a beginning in the future", ec.sign(&header, &with(&good, "nbf", json!(now() + 600)))),
        ("no user", ec.sign(&header, &without(&good, "sub"))),
        ("a user that is no name", ec.sign(&header, &with(&good, "sub", json!("alice\nadmin")))),
        ("claims that are no object", ec.sign(&header, &json!([1]))),
    ] {
        assert_eq!(refusal(&server, &bad).await, "TOKEN_INVALID", "{what}");
    }
    assert_eq!(attacker.requests(), 0, "nobody is asked whom a token names");
    let expired = ec.sign(&header, &with(&good, "exp", json!(now() - 120)));
    assert_eq!(refusal(&server, &expired).await, "TOKEN_EXPIRED");
    let long = ec.sign(&header, &with(&good, "more", json!("x".repeat(64 * 1024))));
    assert!(principal(&server, &long).await.is_err());
    principal(&server, &token).await.expect("the good one is still good");
}

#[tokio::test]
async fn a_new_key_is_found_and_one_that_was_taken_back_is_not_believed() {
    let (old, new) = (SigningKey::ec(), SigningKey::ec());
    let issuer = Issuer::start(&[("old", &old)]).await;
    let (redis, file) = (RedisServer::start().await, bindings(&issuer.url));
    let server = options(&redis, &issuer, &file).start_ready().await;
    let of = |key: &SigningKey, id: &str| key.sign(&json!({"alg": "ES256", "kid": id}), &issuer.claims("alice"));
    let (before, after) = (of(&old, "old"), of(&new, "new"));
    principal(&server, &before).await.expect("accepted");
    issuer.publish(&[("new", &new)]);
    let said = until("the new key", async || principal(&server, &after).await.ok()).await;
    assert_eq!(said.role, "tenant");
    assert_eq!(refusal(&server, &before).await, "TOKEN_INVALID");
    assert_eq!(issuer.requests(), 4, "however many tokens came, the keys were asked for twice");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_refuses_no_token() {
    let key = SigningKey::ec();
    let issuer = Issuer::start(&[("a", &key)]).await;
    issuer.break_down(true);
    let (redis, file) = (RedisServer::start().await, bindings(&issuer.url));
    let server = options(&redis, &issuer, &file).start_ready().await;
    let of = |id: &str| key.sign(&json!({"alg": "ES256", "kid": id}), &issuer.claims("alice"));
    let error = principal(&server, &of("a")).await.expect_err("refused");
    assert_eq!(reason(&error), (Code::Unavailable, "AUTH_UNAVAILABLE"));
    issuer.break_down(false);
    until("the keys", async || principal(&server, &of("a")).await.ok()).await;
    issuer.break_down(true);
    principal(&server, &of("a")).await.expect("the keys are kept");
    let other = key.sign(&json!({"alg": "ES256", "kid": "a"}), &with(&issuer.claims("alice"), "jti", json!("2")));
    principal(&server, &other).await.expect("also for other tokens");
    until("nothing certain about another key", async || {
        (refusal(&server, &of("b")).await == "AUTH_UNAVAILABLE").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_issuer_is_asked_over_tls_that_its_authority_has_signed() {
    let (ours, theirs, key) = (Authority::named("ours"), Authority::named("theirs"), SigningKey::ec());
    let issuer = Issuer::start_tls(&[("a", &key)], &ours.issue("issuer", "DNS:localhost")).await;
    let (redis, file) = (RedisServer::start().await, bindings(&issuer.url));
    let token = key.sign(&json!({"alg": "ES256", "kid": "a"}), &issuer.claims("alice"));
    for (authority, is_trusted) in [(&ours, true), (&theirs, false)] {
        let options = options(&redis, &issuer, &file).flag(format!("--oidc-ca={}", authority.certificate().display()));
        let server = options.start_ready().await;
        let said = principal(&server, &token).await;
        if is_trusted {
            assert_eq!(said.expect("accepted").role, "tenant");
        } else {
            assert_eq!(reason(&said.expect_err("refused")).1, "AUTH_UNAVAILABLE");
            assert!(server.log().join("\n").contains("UnknownIssuer"), "{:#?}", server.log());
        }
    }
}

#[test]
fn an_issuer_needs_https_and_bindings() {
    let options = ServerOptions::without_cluster("redis://127.0.0.1:1").with_auth();
    let output = options.flag("--oidc-issuer=http://id.example.com").command().output().expect("run the program");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("is no https URL"), "{text}");
    let options = ServerOptions::without_cluster("redis://127.0.0.1:1").with_auth();
    let output = options.flag("--oidc-issuer=https://id.example.com").command().output().expect("run the program");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("needs --auth-config"), "{text}");
}
