//! Secrets of every kind are used, rightly and wrongly, and then looked for wherever they must not be: logs, errors, metrics, the
//! audit, the files of Redis, what `ps` shows. The passwords of stores are in `api_credentials`.

mod cli_rig;

use std::{fs, path::Path, process::Stdio};

use cli_rig::command;
use sendstores_client::{Client, CreateStore, CreateToken, Error, v1::AuditServiceListRequest};
use sendstores_tests::{
    authority::{Authority, Pair},
    http,
    issuer::{Issuer, SigningKey, now},
    redis::RedisServer,
    server::{Server, ServerOptions},
    tls::{TlsCaller, with_tls},
    tokens::{make_entry, make_token, token_id},
    wait::until,
};
use serde_json::json;
use tempfile::NamedTempFile;

const PASSWORD: &str = "canary-of-redis-8f1c27";
const WRONG_PASSWORD: &str = "canary-of-no-redis-3b9d";

/// What was seen, by where.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

// === impl Seen ===

impl Seen {
    fn add(&mut self, place: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.push((place.into(), content.into()));
    }

    /// The error of a call that must fail, in every form.
    fn fail<T>(&mut self, place: &str, said: Result<T, Error>) {
        let error = said.err().expect("it must be refused");
        self.add(format!("the error of {place}"), format!("{error} {error:?} {:?}", error.status()));
    }

    /// A program that must fail, and what it says.
    fn run(&mut self, place: &str, mut command: std::process::Command) {
        let output = command.output().expect("run the program");
        self.add(place, [output.stdout, output.stderr].concat());
    }

    fn places_of(&self, secret: &str) -> Vec<&str> {
        let has = |content: &[u8]| content.windows(secret.len()).any(|window| window == secret.as_bytes());
        self.0.iter().filter(|(_, content)| has(content)).map(|(place, _)| place.as_str()).collect()
    }
}

/// Calls as a caller does: one that is answered, one that writes, one that fails.
async fn use_it(client: &Client, seen: &mut Seen, place: &str) {
    client.principal().await.expect(place);
    client.create(CreateStore::new()).await.expect(place);
    seen.fail(place, client.get("store-none").await);
}

/// The content of all files below a folder.
fn files(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).expect("read the folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { fs::read(&path).expect("read") }).collect()
}

/// What other users of the machine see of a process.
fn shown(pid: u32) -> Vec<u8> {
    ["cmdline", "comm", "status"]
        .iter()
        .flat_map(|name| fs::read(format!("/proc/{pid}/{name}")).expect("read"))
        .collect()
}

/// The secret part of a token, in which a wrong one differs, too.
fn secret(token: &str) -> String {
    token[token.len() - 30..].to_owned()
}

/// A token that is wrong in its end.
fn altered(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "A" { "B" } else { "A" })
}

/// A line of the key itself.
fn line_of(key: &Path) -> String {
    fs::read_to_string(key).expect("a key").lines().nth(1).expect("a line of base64").to_owned()
}

/// What the server is started with.
struct Stage {
    redis: RedisServer,
    authority: Authority,
    pair: Pair,
    /// Of the same names, with another key.
    other: Pair,
    key: SigningKey,
    issuer: Issuer,
    credentials: NamedTempFile,
    bindings: NamedTempFile,
}

// === impl Stage ===

impl Stage {
    async fn set() -> Self {
        let (redis, authority, key) = (RedisServer::start().await, Authority::named("ours"), SigningKey::ec());
        redis.cli(["ACL", "SETUSER", "owner", "on", &format!(">{PASSWORD}"), "~*", "&*", "+@all"]).await;
        let [pair, other] = ["server", "other"].map(|name| authority.issue(name, "DNS:localhost"));
        let [credentials, bindings] = [(); 2].map(|()| NamedTempFile::new().expect("a file"));
        let issuer = Issuer::start(&[("a", &key)]).await;
        let bound = format!("bindings: [{{subjects: ['oidc:{}#user:alice'], role: operator}}]", issuer.url);
        fs::write(bindings.path(), bound).expect("written");
        fs::write(credentials.path(), "credentials: []").expect("written");
        Self { redis, authority, pair, other, key, issuer, credentials, bindings }
    }

    fn options(&self, password: &str, pair: &Pair) -> ServerOptions {
        let url = format!("redis://owner:{password}@127.0.0.1:{}", self.redis.port());
        let options = ServerOptions::without_cluster(&url)
            .with_auth()
            .with_secret_url()
            .flag("--log=debug")
            .flag(format!("--credentials={}", self.credentials.path().display()))
            .flag(format!("--auth-config={}", self.bindings.path().display()))
            .flag(format!("--oidc-issuer={}", self.issuer.url));
        with_tls(options, pair)
    }

    /// A JWT that is good until so many seconds from now.
    fn jwt(&self, seconds: i64) -> String {
        let mut claims = self.issuer.claims("alice");
        claims["exp"] = json!(i64::try_from(now()).expect("fits") + seconds);
        self.key.sign(&json!({"alg": "ES256", "kid": "a"}), &claims)
    }

    async fn client(&self, server: &Server, token: Option<&str>) -> Client {
        TlsCaller::trusting(&self.authority).client(server, token).await
    }

    /// Starts that fail because of a secret, and one that prints what it would start with.
    fn fail_to_start(&self, seen: &mut Seen) {
        let mismatched = Pair { cert: self.pair.cert.clone(), key: self.other.key.clone() };
        for (place, options, args) in [
            ("a start with a wrong password", self.options(WRONG_PASSWORD, &self.pair), &["token", "list"][..]),
            ("a start with another key", self.options(PASSWORD, &mismatched), &[]),
            ("the printed configuration", self.options(PASSWORD, &self.pair), &["--print-config"]),
        ] {
            let mut command = options.command();
            command.args(args);
            seen.run(place, command);
        }
    }
}

/// The command line: the token comes by the environment, also a wrong one.
async fn use_the_command(stage: &Stage, server: &Server, tokens: &[(&str, bool)], seen: &mut Seen) {
    let at = format!("https://localhost:{}", server.grpc.port());
    let ca = stage.authority.certificate().display().to_string();
    for (token, is_good) in tokens {
        for verb in ["whoami", "list", "audit", "doctor"] {
            let mut run = command(&at, &format!("--ca {ca} {verb}"));
            let output = run.env("SENDSTORES_TOKEN", token).output().await.expect("run the program");
            assert_eq!(output.status.success(), *is_good, "{verb}: {output:?}");
            seen.add(format!("what `sendstores {verb}` says"), [output.stdout, output.stderr].concat());
        }
    }
    let mut watch = command(&at, &format!("--ca {ca} watch"));
    let watch = watch.env("SENDSTORES_TOKEN", tokens[0].0).stdout(Stdio::null()).spawn().expect("start");
    seen.add("the process of the command", shown(watch.id().expect("it runs")));
}

/// Where secrets must not be, in the end.
async fn look_everywhere(stage: &Stage, server: &Server, admin: &Client, revoked: &str, seen: &mut Seen) {
    let entries = async || {
        let request = AuditServiceListRequest { page_size: 500, ..Default::default() };
        let text = format!("{:?}", admin.list_audit_page(request).await.expect("the audit"));
        // Refusals are entered a moment later.
        (text.contains(revoked) && text.contains("TOKEN_INVALID")).then_some(text)
    };
    seen.add("the audit", until("the audit of it all", entries).await);
    seen.add("the list of tokens", format!("{:?}", admin.list_tokens_page(Default::default()).await.expect("tokens")));
    seen.add("the metrics", http::get(server.admin, "/metrics").await.expect("metrics").1);
    seen.add("the process of the server", shown(server.pid()));
    stage.redis.cli(["SAVE"]).await;
    seen.add("the files of Redis", files(stage.redis.data()));
    seen.add("the log of the server", server.log().join("\n"));
}

#[tokio::test]
async fn no_secret_is_where_it_was_not_given() {
    let (stage, mut seen) = (Stage::set().await, Seen::default());
    let options = stage.options(PASSWORD, &stage.pair);
    let (of_file, entry) = make_entry(&options, "--role operator");
    fs::write(stage.credentials.path(), format!("credentials:\n{entry}")).expect("written");
    let of_ledger = make_token(&options, "--role admin");
    let server = options.start_ready().await;
    let (jwt, expired) = (stage.jwt(3600), stage.jwt(-300));
    for (place, token) in [("a token of the ledger", &of_ledger), ("one of the file", &of_file), ("a JWT", &jwt)] {
        use_it(&stage.client(&server, Some(token)).await, &mut seen, place).await;
        for wrong in [altered(token), token.repeat(2), format!("{token} x")] {
            seen.fail(place, stage.client(&server, Some(&wrong)).await.principal().await);
        }
    }
    seen.fail("no token", stage.client(&server, None).await.principal().await);
    seen.fail("an expired JWT", stage.client(&server, Some(&expired)).await.principal().await);
    let admin = stage.client(&server, Some(&of_ledger)).await;
    let made = admin.create_token(CreateToken::new("ci", "reader")).await.expect("made");
    seen.add("the debug form of a new token", format!("{made:?}"));
    let of_ci = stage.client(&server, Some(&made.text)).await;
    // Who guesses as often as this test waits now and then.
    until("the new token", async || of_ci.principal().await.ok()).await;
    admin.revoke_token(token_id(&made.text)).await.expect("revoked");
    seen.fail("a revoked token", of_ci.principal().await);
    let wrong = altered(&of_ledger);
    let tokens = [(of_ledger.as_str(), true), (&wrong, false), (&jwt, true), (&expired, false)];
    use_the_command(&stage, &server, &tokens, &mut seen).await;
    stage.fail_to_start(&mut seen);
    look_everywhere(&stage, &server, &admin, token_id(&made.text), &mut seen).await;

    for (what, secret) in [
        ("the token of the ledger", secret(&of_ledger)),
        ("the token of the file", secret(&of_file)),
        ("the new token", secret(&made.text)),
        ("the JWT", secret(&jwt)),
        ("the expired JWT", secret(&expired)),
        ("a wrong token", secret(&wrong)),
        ("the password of Redis", PASSWORD.to_owned()),
        ("a wrong password", WRONG_PASSWORD.to_owned()),
        ("the key of the server", line_of(&stage.pair.key)),
        ("another key", line_of(&stage.other.key)),
    ] {
        assert_eq!(seen.places_of(&secret), Vec::<&str>::new(), "{what} was found");
    }
    // What is no secret is found by the same search.
    let places = seen.places_of(token_id(&of_ledger));
    for place in ["the audit", "the files of Redis", "the log of the server"] {
        assert!(places.contains(&place), "{place} does not name the token: {places:?}");
    }
}
