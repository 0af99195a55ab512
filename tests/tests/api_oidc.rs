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
    let critical = json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false});
    let claims = message.split_once('.').expect("claims").1;
    let unsigned = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"));
    for (what, bad) in [
        ("no algorithm: ALGORITHM", unsigned),
        ("no signature: INVALID", format!("{message}.")),
        ("another payload: INVALID", format!("{head}.{admin}.{signature}")),
        ("HMAC with the modulus: ALGORITHM", confused(&good, &modulus)),
        ("HMAC with the key as published: ALGORITHM", confused(&good, public.to_string().as_bytes())),
        ("another key of that name: INVALID", theirs.sign(&header, &good)),
        ("another RSA key: INVALID", small.sign(&json!({"alg": "RS256", "kid": "rsa"}), &good)),
        ("an unknown key: KEY_UNKNOWN", ec_with(json!({"alg": "ES256", "kid": "new"}))),
        ("a key that is a path: KEY_UNKNOWN", ec_with(json!({"alg": "ES256", "kid": "../../ec"}))),
        ("the algorithm of another key: ALGORITHM", ec_with(json!({"alg": "RS256", "kid": "ec"}))),
        ("a key of another algorithm: ALGORITHM", ec_with(json!({"alg": "ES256", "kid": "rsa"}))),
        ("a header that must be understood: CRITICAL_HEADER", ec_with(critical)),
        (
            "a key in the header: KEY_UNKNOWN",
            theirs.sign(&json!({"alg": "ES256", "kid": "x", "jwk": theirs.public("x")}), &good),
        ),
        (
            "keys elsewhere: KEY_UNKNOWN",
            theirs.sign(&json!({"alg": "ES256", "kid": "evil", "jku": format!("{}/keys", attacker.url)}), &good),
        ),
        ("another audience: AUDIENCE", ec.sign(&header, &with(&good, "aud", json!("other")))),
        ("no audience: INVALID", ec.sign(&header, &without(&good, "aud"))),
        ("another issuer: ISSUER_UNKNOWN", theirs.sign(&header, &attacker.claims("alice"))),
        ("a list of issuers: INVALID", ec.sign(&header, &with(&good, "iss", json!([issuer.url, attacker.url])))),
        ("no issuer: ISSUER_UNKNOWN", ec.sign(&header, &without(&good, "iss"))),
        ("no end: INVALID", ec.sign(&header, &without(&good, "exp"))),
        ("an end that is no number: INVALID", ec.sign(&header, &with(&good, "exp", json!("tomorrow")))),
        ("a beginning in the future: NOT_YET_VALID", ec.sign(&header, &with(&good, "nbf", json!(now() + 600)))),
        ("no user: INVALID", ec.sign(&header, &without(&good, "sub"))),
        ("a user that is no name: INVALID", ec.sign(&header, &with(&good, "sub", json!("alice\nadmin")))),
        ("claims that are no object: INVALID", ec.sign(&header, &json!([1]))),
    ] {
        let (what, reason) = what.split_once(": ").expect("a reason");
        assert_eq!(refusal(&server, &bad).await, format!("TOKEN_{reason}"), "{what}");
    }
    assert_eq!(attacker.requests(), 0, "nobody is asked whom a token names");
    let expired = ec.sign(&header, &with(&good, "exp", json!(now() - 120)));
    assert_eq!(refusal(&server, &expired).await, "TOKEN_EXPIRED");
    let long = ec.sign(&header, &with(&good, "more", json!("x".repeat(64 * 1024))));
    assert_eq!(refusal(&server, &long).await, "TOKEN_TOO_LONG");
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
    assert_eq!(refusal(&server, &before).await, "TOKEN_KEY_UNKNOWN");
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

/// A file with two issuers, each with settings of its own.
fn two_issuers(one: &Issuer, two: &Issuer) -> String {
    let (one, two) = (&one.url, &two.url);
    format!(
        "issuers:
  - {{url: '{one}', audiences: [ci], require: {{repository: [acme/shop, acme/site], /env/name: prod}}}}
  - {{url: 'https://elsewhere.example.com', discovery: '{two}', username_claim: name, groups_claim: /roles/list}}
bindings:
  - {{subjects: ['oidc:{one}#user:alice'], role: tenant, tenants: [acme]}}
  - {{subjects: ['oidc:https://elsewhere.example.com#group:ops'], role: operator}}
"
    )
}

#[tokio::test]
async fn issuers_of_the_file_have_settings_of_their_own_and_are_read_again() {
    let (a, b) = (SigningKey::ec(), SigningKey::ec());
    let (one, two) = (Issuer::start(&[("a", &a)]).await, Issuer::start(&[("b", &b)]).await);
    two.call_itself("https://elsewhere.example.com");
    let (redis, file) = (RedisServer::start().await, NamedTempFile::new().expect("a file"));
    fs::write(file.path(), "bindings: []").expect("written");
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.flag(format!("--auth-config={}", file.path().display())).start_ready().await;
    let of_one = |change: &dyn Fn(&mut Value)| {
        let mut claims = one.claims("alice");
        (claims["aud"], claims["repository"], claims["env"]) =
            (json!("ci"), json!("acme/shop"), json!({"name": "prod"}));
        change(&mut claims);
        a.sign(&json!({"alg": "ES256", "kid": "a"}), &claims)
    };
    let good = of_one(&|_| {});
    assert_eq!(refusal(&server, &good).await, "TOKEN_ISSUER_UNKNOWN");
    fs::write(file.path(), two_issuers(&one, &two)).expect("written");
    let said = until("the issuer to be known", async || principal(&server, &good).await.ok()).await;
    assert_eq!((said.role.as_str(), said.tenants.join(" ")), ("tenant", "acme".to_owned()));
    for (what, change, reason) in [
        ("another repository", json!({"repository": "evil/shop"}), "TOKEN_CLAIM"),
        ("no repository", json!({"repository": null}), "TOKEN_CLAIM"),
        ("another environment", json!({"env": {"name": "test"}}), "TOKEN_CLAIM"),
        ("the audience of the other issuer", json!({"aud": "sendstores"}), "TOKEN_AUDIENCE"),
    ] {
        let bad = of_one(&|claims| {
            for (name, value) in change.as_object().expect("claims") {
                claims[name] = value.clone();
            }
        });
        assert_eq!(refusal(&server, &bad).await, reason, "{what}");
    }
    let mut claims = with(&with(&two.claims("x"), "name", json!("bob")), "roles", json!({"list": ["ops"]}));
    claims["iss"] = json!("https://elsewhere.example.com");
    let token = b.sign(&json!({"alg": "ES256", "kid": "b"}), &claims);
    let said = principal(&server, &token).await.expect("accepted");
    assert_eq!((said.role.as_str(), said.name.as_str()), ("operator", "https://elsewhere.example.com#user:bob"));

    let asked = one.requests();
    fs::write(file.path(), two_issuers(&one, &two) + "  - {subjects: ['dns:other.example.org'], role: reader}\n")
        .expect("written");
    until("the file to be read", async || {
        server.log().join("\n").matches("has changed and is in use").nth(1).map(drop)
    })
    .await;
    principal(&server, &of_one(&|claims| claims["jti"] = json!("2"))).await.expect("accepted");
    assert_eq!(one.requests(), asked, "an issuer that is as before keeps its keys");
    fs::write(file.path(), "issuers: [{url: 'ftp://x'}]\nbindings: []").expect("written");
    until("the fault to be logged", async || server.log().join("\n").contains("issuer 1:").then_some(())).await;
    principal(&server, &of_one(&|claims| claims["jti"] = json!("3"))).await.expect("what was read before holds");
}
