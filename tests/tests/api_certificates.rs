//! Callers that are known by a client certificate, and the bindings that say what they may do.

use std::{fs, path::PathBuf, process::Output};

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, Error, Event, Watch, v1 as wire};
use sendstores_tests::{
    authority::{Authority, Pair, Validity},
    http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    tls::{TlsCaller, with_tls},
    tokens::make_token,
    wait::{until, within},
};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

const AGENT: &str = "spiffe://example.org/ns/ci/sa/agent";
const BINDINGS: &str = "bindings:
  - {subjects: ['spiffe://example.org/ns/ci/sa/agent'], role: tenant, tenants: [acme]}
  - {subjects: ['dns:reader.example.org'], role: reader}
";

/// A server that knows certificates, and what it reads.
struct Rig {
    authority: Authority,
    files: TempDir,
    redis: RedisServer,
    options: ServerOptions,
}

// === impl Rig ===

impl Rig {
    async fn new() -> Self {
        let (authority, files) = (Authority::named("ours"), tempfile::tempdir().expect("a folder"));
        let redis = RedisServer::start().await;
        let pair = authority.issue("server", "DNS:localhost");
        let path = |name: &str| files.path().join(name).display().to_string();
        fs::write(path("auth.yaml"), BINDINGS).expect("written");
        fs::write(path("crl.pem"), authority.revocations()).expect("written");
        let options = with_tls(ServerOptions::without_cluster(&redis.url()).with_auth(), &pair)
            .flag(format!("--tls-client-ca={}", authority.certificate().display()))
            .flag(format!("--tls-client-crl={}", path("crl.pem")))
            .flag(format!("--auth-config={}", path("auth.yaml")));
        Self { authority, files, redis, options }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn caller(&self, identity: &Pair) -> TlsCaller {
        TlsCaller::trusting(&self.authority).with_identity(identity)
    }

    fn agent(&self) -> Pair {
        self.authority.issue("agent", &format!("DNS:reader.example.org,URI:{AGENT},URI:spiffe://example.org/other"))
    }

    fn token(&self, flags: &str) -> String {
        make_token(&ServerOptions::without_cluster(&self.redis.url()), flags)
    }
}

fn reason(error: &Error) -> &str {
    error.reason().expect("a reason")
}

async fn refused(client: &Client) -> String {
    reason(&client.list_page(Default::default()).await.expect_err("refused")).to_owned()
}

/// Whether the server ends the connection with an alert. In TLS 1.3 the client learns it after its own part is done. A silent
/// client is cut without one.
async fn is_turned_away(caller: &TlsCaller, server: &Server) -> bool {
    let said = match caller.connect(server.grpc).await {
        Ok(mut stream) => within("an alert or the end", stream.read_to_end(&mut Vec::new())).await.map(drop),
        Err(error) => Err(error),
    };
    said.is_err_and(|error| error.to_string().contains("alert"))
}

async fn is_metric(server: &Server, line: &str) -> Option<()> {
    let (_, metrics) = http::get(server.admin, "/metrics").await.ok()?;
    metrics.lines().any(|there| there == line).then_some(())
}

/// The last event of a watch, and why it ended.
async fn to_its_end(watch: &mut Watch) -> (Option<Event>, Error) {
    let reading = async {
        let mut last = None;
        loop {
            match watch.next().await.expect("no end without a reason") {
                Ok(event) => last = Some(event.event),
                Err(error) => return (last, error),
            }
        }
    };
    within("the end of the watch", reading).await
}

async fn synced(client: &Client) -> Watch {
    let mut watch = client.watch(wire::StoreFilter::default()).await.expect("a watch");
    let first = watch.next().await.expect("no end").expect("no error");
    assert!(matches!(first.event, Event::Synced { .. }), "{first:?}");
    watch
}

#[tokio::test]
async fn a_certificate_is_known_by_its_first_uri_or_else_its_first_dns_name() {
    let rig = Rig::new().await;
    let server = rig.options.start_ready().await;
    let client = rig.caller(&rig.agent()).client(&server, None).await;
    let principal = client.principal().await.expect("a principal");
    assert_eq!((principal.kind(), principal.name.as_str()), (wire::principal::Kind::Certificate, AGENT));
    assert_eq!((principal.role.as_str(), principal.tenants.join(" ").as_str()), ("tenant", "acme"));
    assert!(principal.expire_time.is_some());
    let store = client.create(CreateStore::new().id("store-a")).await.expect("created");
    assert_eq!(
        (store.tenant.as_str(), store.history[0].principal.as_str()),
        ("acme", "certificate:spiffe://example.org/ns/ci/sa/agent")
    );

    let by_dns = rig.authority.issue("dns", "DNS:Reader.Example.org,DNS:other.example.org");
    let reader = rig.caller(&by_dns).client(&server, None).await;
    assert_eq!(reader.principal().await.expect("a principal").role, "reader");
    assert_eq!(refused(&rig.caller(&by_dns).client(&server, Some("sst_x")).await).await, "TOKEN_INVALID");

    let stranger = rig.authority.issue("stranger", "URI:spiffe://example.org/stranger,DNS:reader.example.org");
    let error = rig.caller(&stranger).client(&server, None).await.principal().await.expect_err("refused");
    assert!(matches!(error, Error::PermissionDenied(_)), "{error:?}");
    let metadata = error.cause().and_then(|cause| cause.metadata()).expect("metadata");
    assert_eq!((reason(&error), metadata["subject"].as_str()), ("SUBJECT_UNBOUND", "spiffe://example.org/stranger"));

    let nobody = TlsCaller::trusting(&rig.authority);
    assert_eq!(refused(&nobody.client(&server, None).await).await, "TOKEN_MISSING");
    let other = Authority::named("theirs");
    let theirs = other.issue("agent", &format!("URI:{AGENT}"));
    let expired = rig.authority.issue_for("expired", &format!("URI:{AGENT}"), Validity::Past);
    for identity in [theirs, expired] {
        assert!(is_turned_away(&rig.caller(&identity), &server).await, "{identity:?}");
    }
    assert!(!is_turned_away(&rig.caller(&rig.agent()), &server).await);
}

#[tokio::test]
async fn of_a_token_and_a_certificate_the_narrower_holds() {
    let rig = Rig::new().await;
    let server = rig.options.start_ready().await;
    let agent = rig.caller(&rig.agent());
    for (flags, says) in [
        ("--role admin", Ok(("CERTIFICATE", "tenant"))),
        ("--role reader --tenant acme", Ok(("TOKEN", "reader"))),
        ("--role tenant --tenant acme --tenant bolt", Ok(("CERTIFICATE", "tenant"))),
        ("--role tenant --tenant bolt", Err("CREDENTIALS_MISMATCH")),
    ] {
        let principal = agent.client(&server, Some(&rig.token(flags))).await.principal().await;
        let known =
            principal.as_ref().map(|it| (it.kind().as_str_name().trim_start_matches("KIND_"), it.role.as_str()));
        assert_eq!(known.map_err(reason), says, "{flags}");
    }
    // A certificate that no binding names says nothing, and takes nothing away.
    let stranger = rig.authority.issue("stranger", "DNS:stranger.example.org");
    let client = rig.caller(&stranger).client(&server, Some(&rig.token("--role admin"))).await;
    assert_eq!(client.principal().await.expect("a principal").role, "admin");
}

#[tokio::test]
async fn a_revoked_certificate_ends_its_watches_and_opens_no_connection() {
    let rig = Rig::new().await;
    let server = rig.options.start_ready().await;
    let (agent, reader) = (rig.agent(), rig.authority.issue("dns", "DNS:reader.example.org"));
    let client = rig.caller(&agent).client(&server, None).await;
    let mut revoked = synced(&client).await;
    let other = rig.caller(&reader).client(&server, None).await;
    let mut stays = synced(&other).await;
    rig.authority.revoke(&agent);
    rig.write("crl.pem", &rig.authority.revocations());
    let (last, error) = to_its_end(&mut revoked).await;
    assert_eq!(reason(&error), "CERTIFICATE_INVALID");
    assert!(matches!(last, Some(Event::Heartbeat { .. })), "{last:?}");
    assert_eq!(refused(&client).await, "CERTIFICATE_INVALID");
    assert!(is_turned_away(&rig.caller(&agent), &server).await);
    let admin = TlsCaller::trusting(&rig.authority).client(&server, Some(&rig.token("--role admin"))).await;
    let created = admin.create(CreateStore::new()).await.expect("created");
    let event = within("the new store", stays.next()).await.expect("no end").expect("no error");
    assert_eq!(event.store().map(|store| store.id.as_str()), Some(created.id.as_str()));
}

#[tokio::test]
async fn bindings_are_read_again_and_a_broken_file_changes_nothing() {
    let rig = Rig::new().await;
    rig.write("auth.yaml", &BINDINGS.replace("reader}", "reader, colour: red}"));
    let output = output(&rig.options).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("colour") && said.lines().count() == 1, "{said}");

    rig.write("auth.yaml", BINDINGS);
    let server = rig.options.start_ready().await;
    let agent = rig.caller(&rig.agent()).client(&server, None).await;
    let mut watch = synced(&agent).await;
    rig.write("auth.yaml", "bindings: [");
    until("the metric of a broken file", async || is_metric(&server, "sendstores_auth_config_broken 1").await).await;
    agent.list_page(Default::default()).await.expect("what was read before holds");
    rig.write("auth.yaml", &BINDINGS.replace("tenants: [acme]", "tenants: [acme], abilities: [stores.read]"));
    let (_, error) = to_its_end(&mut watch).await;
    assert_eq!(reason(&error), "PERMISSION_DENIED");
    agent.list_page(Default::default()).await.expect("it may still read");
    rig.write("auth.yaml", "bindings: []");
    until("the end of the binding", async || {
        let said = agent.list_page(Default::default()).await;
        said.err().filter(|error| reason(error) == "SUBJECT_UNBOUND").map(drop)
    })
    .await;
}

async fn output(options: &ServerOptions) -> Output {
    let mut command = tokio::process::Command::from(options.command());
    within("the end of the program", command.kill_on_drop(true).output()).await.expect("run the program")
}

#[tokio::test]
async fn the_command_explains_what_the_bindings_decide() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), BINDINGS).expect("written");
    let path = file.path().to_str().expect("a path");
    let program = sendstores_tests::programs::program("sendstores-server");
    let check = |flags: &str| {
        let mut command = std::process::Command::new(&program);
        command.args(["auth", "check", path]).args(flags.split_whitespace());
        let output = command.output().expect("run the program");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let agent = format!("--as {AGENT}");
    for (flags, code, says) in [
        (
            format!("{agent} --method Delete --tenant acme"),
            0,
            format!("allowed: /sendstores.v1.StoreService/Delete: needs stores.delete; {AGENT} has binding 1: role tenant, tenants acme\n"),
        ),
        (
            format!("{agent} --method Delete --tenant bolt"),
            1,
            format!("denied: /sendstores.v1.StoreService/Delete: a store of that tenant does not exist for it; {AGENT} has binding 1: role tenant, tenants acme\n"),
        ),
        (
            "--as k8s:a/b --as dns:reader.example.org --method GetCredentials".to_owned(),
            1,
            "denied: /sendstores.v1.StoreService/GetCredentials: needs credentials.read, which it does not have; dns:reader.example.org has binding 2: role reader, tenants all\n".to_owned(),
        ),
        (
            "--as k8s:a/b --method List".to_owned(),
            1,
            "denied: /sendstores.v1.StoreService/List: no binding names k8s:a/b\n".to_owned(),
        ),
        ("--as k8s:a/b --method Fly".to_owned(), 2, "error: --method: there is no method \"Fly\"\n".to_owned()),
    ] {
        assert_eq!(check(&flags), (Some(code), says), "{flags}");
    }
    fs::write(file.path(), "bindings: 7").expect("written");
    let (code, said) = check(&format!("{agent} --method Delete"));
    assert!(code == Some(2) && said.contains("this is no auth configuration"), "{said}");
}
