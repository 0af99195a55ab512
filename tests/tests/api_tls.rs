//! TLS of the gRPC port: what it speaks, how its files are read again, and what a client refuses.

use std::{fs, io, path::PathBuf};

use futures::StreamExt;
use sendstores_client::{CreateStore, Event, Watch, v1 as wire};
use sendstores_tests::{
    authority::{Authority, Pair, Validity},
    grpc_web, http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    tls::{TlsCaller, with_tls},
    wait::{until, within},
};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// Files that a server reads, and that a test writes over.
struct Mounted {
    folder: TempDir,
}

// === impl Mounted ===

impl Mounted {
    fn new(pair: &Pair) -> Self {
        let mounted = Self { folder: tempfile::tempdir().expect("a folder") };
        mounted.write_cert(pair);
        mounted.write_key(pair);
        mounted
    }

    fn pair(&self) -> Pair {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        Pair { cert: path("tls.crt"), key: path("tls.key") }
    }

    fn write_cert(&self, pair: &Pair) {
        fs::copy(&pair.cert, self.pair().cert).expect("written");
    }

    fn write_key(&self, pair: &Pair) {
        fs::copy(&pair.key, self.pair().key).expect("written");
    }
}

async fn metric(server: &Server, name: &str) -> Option<f64> {
    let (_, metrics) = http::get(server.admin, "/metrics").await.ok()?;
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

async fn started(pair: &Pair) -> (RedisServer, Server) {
    let redis = RedisServer::start().await;
    let server = with_tls(ServerOptions::without_cluster(&redis.url()), pair).start_ready().await;
    (redis, server)
}

/// Whether the handshake succeeds.
async fn trusts(caller: &TlsCaller, server: &Server) -> bool {
    caller.connect(server.grpc).await.is_ok()
}

async fn refusal(caller: &TlsCaller, server: &Server) -> String {
    caller.connect(server.grpc).await.expect_err("refused").to_string()
}

#[tokio::test]
async fn callers_speak_tls_1_2_or_1_3_and_nothing_else() {
    let ours = Authority::named("ours");
    let (_redis, server) = started(&ours.issue("server", "DNS:localhost")).await;
    let caller = TlsCaller::trusting(&ours);
    for version in [&TLS12, &TLS13] {
        let client = caller.clone().with_version(version).client(&server, None).await;
        client.list_page(Default::default()).await.expect("answered");
    }
    for (offered, agreed) in [(&["h2", "http/1.1"][..], &b"h2"[..]), (&["http/1.1"], b"http/1.1")] {
        let stream = caller.clone().with_protocols(offered).connect(server.grpc).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed));
    }
    // A browser's call, over HTTP/1.1.
    let mut stream = caller.clone().with_protocols(&["http/1.1"]).connect(server.grpc).await.expect("a handshake");
    let call = grpc_web::request("localhost", "List", &wire::ListRequest::default(), "");
    stream.write_all(&call).await.expect("sent");
    let answer = to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("grpc-status:0"), "{answer}");
    // Who speaks no TLS is told nothing.
    let mut plain = grpc_web::call(server.grpc, "List", &wire::ListRequest::default(), "").await;
    let answer = to_end(&mut plain).await;
    assert!(!answer.contains("HTTP") && !answer.contains("grpc"), "{answer}");
    until("the failed handshake to be counted", async || {
        metric(&server, "sendstores_tls_handshake_failures_total").await.filter(|count| *count >= 1.0)
    })
    .await;
}

async fn to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    // A peer that is cut may be told so by an error.
    let _cut: io::Result<usize> = within("the end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_peer_that_is_silent_before_or_after_its_handshake_is_cut() {
    let ours = Authority::named("ours");
    let (_redis, server) = started(&ours.issue("server", "DNS:localhost")).await;
    let mut silent = TcpStream::connect(server.grpc).await.expect("connect");
    let mut idle = TlsCaller::trusting(&ours).connect(server.grpc).await.expect("a handshake");
    assert_eq!(to_end(&mut silent).await, "");
    to_end(&mut idle).await;
}

#[tokio::test]
async fn a_client_refuses_a_wrong_authority_a_wrong_name_and_an_expired_certificate() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let caller = TlsCaller::trusting(&ours);
    for (pair, why) in [
        (theirs.issue("server", "DNS:localhost"), "UnknownIssuer"),
        (ours.issue("named", "DNS:elsewhere.example"), "not valid for name"),
        (ours.issue_for("expired", "DNS:localhost", Validity::Past), "expired"),
    ] {
        let (_redis, server) = started(&pair).await;
        let said = refusal(&caller, &server).await;
        assert!(said.contains(why), "{why}: {said}");
        let expiry = metric(&server, "sendstores_tls_certificate_expiry_timestamp_seconds").await.expect("a metric");
        // 2021-01-01T00:00:00Z
        assert_eq!(expiry == 1_609_459_200.0, why == "expired", "{expiry}");
        let logged = server.log().iter().any(|line| line.contains("the TLS certificate has expired"));
        assert_eq!(logged, why == "expired");
    }
}

#[tokio::test]
async fn a_broken_pair_stops_a_start_in_one_line() {
    let ours = Authority::named("ours");
    let (one, two) = (ours.issue("one", "DNS:localhost"), ours.issue("two", "DNS:localhost"));
    let mounted = Mounted::new(&one);
    let empty = Pair { cert: mounted.folder.path().join("empty"), key: mounted.folder.path().join("empty") };
    fs::write(&empty.cert, "").expect("written");
    for (pair, says) in [
        (Pair { cert: one.cert.clone(), key: two.key }, "it is not the key of the certificate"),
        (Pair { cert: one.key.clone(), key: one.key.clone() }, "it has no certificate in PEM"),
        (Pair { cert: one.cert.clone(), key: one.cert.clone() }, "it has no private key in PEM"),
        (Pair { cert: empty.cert, key: one.key }, "it has no certificate in PEM"),
    ] {
        let options = with_tls(ServerOptions::without_cluster("redis://127.0.0.1:1").with_auth(), &pair);
        let mut command = tokio::process::Command::from(options.command());
        let output =
            within("the end of the start", command.kill_on_drop(true).output()).await.expect("run the program");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), log.lines().count()), (Some(1), 1), "{log}");
        assert!(log.contains(says), "{says}: {log}");
    }
    let alone =
        ServerOptions::without_cluster("redis://127.0.0.1:1").flag("--tls-cert").flag(one.cert.display().to_string());
    let output = alone.command().output().expect("run the program");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("--tls-key: is missing"), "{text}");
}

/// Reads until the store of this id is reported. An end is a fault.
async fn sees(watch: &mut Watch, id: &str) {
    loop {
        let event = watch.next().await.expect("no end").expect("no error");
        if event.store().is_some_and(|store| store.id == id) {
            return;
        }
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_no_watch_is_cut() {
    const WATCHES: usize = 200;
    let (old, new) = (Authority::named("old"), Authority::named("new"));
    let mounted = Mounted::new(&old.issue("server", "DNS:localhost"));
    let (_redis, server) = started(&mounted.pair()).await;
    let client = TlsCaller::trusting(&old).client(&server, None).await;
    let mut watches = Vec::new();
    for _ in 0..WATCHES {
        let mut watch = client.watch(wire::StoreFilter::default()).await.expect("a watch");
        let synced = watch.next().await.expect("no end").expect("no error");
        assert!(matches!(synced.event, Event::Synced { .. }), "{synced:?}");
        watches.push(watch);
    }
    let next = new.issue("server", "DNS:localhost");
    mounted.write_cert(&next);
    mounted.write_key(&next);
    let caller = TlsCaller::trusting(&new);
    until("the new certificate", async || trusts(&caller, &server).await.then_some(())).await;
    assert!(!trusts(&TlsCaller::trusting(&old), &server).await);
    let created = caller.client(&server, None).await.create(CreateStore::new()).await.expect("created");
    for watch in &mut watches {
        within("the new store", sees(watch, &created.id)).await;
    }
}

#[tokio::test]
async fn a_pair_that_is_half_written_is_not_shown() {
    let (old, new) = (Authority::named("old"), Authority::named("new"));
    let mounted = Mounted::new(&old.issue("server", "DNS:localhost"));
    let (_redis, server) = started(&mounted.pair()).await;
    let next = new.issue("server", "DNS:localhost");
    mounted.write_cert(&next);
    let broken = async || metric(&server, "sendstores_tls_files_broken").await.filter(|broken| *broken == 1.0);
    until("the metric of broken files", broken).await;
    assert!(trusts(&TlsCaller::trusting(&old), &server).await, "the old pair is used");
    let logged = |line: &String| line.contains("what was read before holds") && line.contains("it is not the key");
    assert_eq!(server.log().iter().filter(|line| logged(line)).count(), 1);
    mounted.write_key(&next);
    let caller = TlsCaller::trusting(&new);
    until("the new certificate", async || trusts(&caller, &server).await.then_some(())).await;
    let whole = async || metric(&server, "sendstores_tls_files_broken").await.filter(|broken| *broken == 0.0);
    until("the metric of whole files", whole).await;
}
