//! Who is spoken to, and what our user may do there.

use std::time::Duration;

use sendstores_core::{
    Event, Revision, Store,
    ledger::{Ledger, LedgerError, LogPage, Owner, Write},
};
use sendstores_server::ledger::{Durability, Identity, RedisConfig, RedisLedger};
use sendstores_tests::{
    authority::{Authority, Pair},
    ledger::{creation, event, operation, stores, update},
    redis::{RIGHTS, RedisServer, free_port},
    server::ServerOptions,
    wait::until,
};

/// Every kind of call, on a Redis that knows no script.
async fn every_call(server: &RedisServer, config: RedisConfig) -> Result<(), LedgerError> {
    let ledger = RedisLedger::connect(config.clone()).await?;
    let store =
        ledger.write(Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") }).await?.into_resource();
    let (one, lease) = (Owner("one".to_owned()), Duration::from_secs(60));
    let claim = ledger.claim(&store.id, &one, lease).await?.expect("the claim");
    assert!(ledger.claimed_for(&store.id).await? > Duration::ZERO);
    assert_eq!(ledger.renew(std::slice::from_ref(&claim), lease).await?, [true]);
    let fenced = Write { fence: Some(claim.fence), ..update(&store) };
    let store = ledger.write(fenced).await?.into_resource();
    ledger.release(&claim).await?;
    assert_eq!(ledger.announce(&one, lease).await?, [one]);
    let store = ledger.write(event(&store, Event::DeleteRequested)).await?.into_resource();
    ledger.write(event(&store, Event::Removed)).await?;
    // In the place of a tombstone.
    let store = ledger.write(creation("store-a")).await?.into_resource();
    let store = ledger.write(event(&store, Event::DeleteRequested)).await?.into_resource();
    ledger.write(event(&store, Event::Removed)).await?;
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await?, 1);
    assert_eq!(ledger.load(&store.id).await?, None);
    assert_eq!(stores(&ledger).await?, Vec::new());
    assert!(ledger.recall::<Store>(&operation("r-1", "aa")).await?.is_some());
    let end = ledger.last_revision().await?;
    let page = ledger.read_log(Revision::ZERO, 10, Duration::ZERO).await?;
    assert!(matches!(page, LogPage::Changes(changes) if changes.len() == 7), "the log is read");
    // Long enough that it comes to wait.
    ledger.read_log(end, 10, Duration::from_millis(500)).await?;
    server.cli(["DEL", &format!("{{{}}}:meta", config.prefix)]).await;
    let ledger = RedisLedger::connect(config).await?;
    assert!(ledger.doubt().await?.is_some(), "the head is missing");
    ledger.cast_doubt("once more").await?;
    ledger.adopt(Vec::new()).await?;
    ledger.rejoin().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_the_documented_rights_can_do_everything_and_needs_each_of_them() {
    let server = RedisServer::start().await;
    let as_user = |name: &str| RedisConfig {
        prefix: format!("p-{name}"),
        durability: Durability::Always,
        ..RedisConfig::new(format!("redis://{name}:s3cret@127.0.0.1:{}/0", server.port()))
    };
    let rights = async |name: &str, without: &str| {
        let of_user = ["ACL", "SETUSER", name, "on", ">s3cret"];
        let keys = format!("~{{p-{name}}}:*");
        let granted = RIGHTS.iter().filter(|right| **right != without);
        server.cli(of_user.into_iter().chain([keys.as_str()]).chain(granted.copied())).await;
        server.cli(["SCRIPT", "FLUSH"]).await;
    };
    rights("all", "").await;
    every_call(&server, as_user("all")).await.expect("all rights that are needed");
    for (number, right) in RIGHTS.iter().enumerate() {
        let name = format!("u{number}");
        rights(&name, right).await;
        let said = every_call(&server, as_user(&name)).await;
        assert!(matches!(&said, Err(LedgerError::Unsafe(_))), "{right}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_wait_for_replicas_is_one_right_more() {
    let (server, replica) = (RedisServer::start().await, RedisServer::start().await);
    replica.follow(&server).await;
    for (name, wait) in [("may", "+wait"), ("not", "-wait")] {
        let keys = format!("~{{p-{name}}}:*");
        let of_user = ["ACL", "SETUSER", name, "on", ">s3cret", &keys, wait];
        server.cli(of_user.into_iter().chain(RIGHTS)).await;
        let url = format!("redis://{name}:s3cret@127.0.0.1:{}/0", server.port());
        let config = RedisConfig { prefix: format!("p-{name}"), replicas: 1, ..RedisConfig::new(url) };
        let said = every_call(&server, config).await;
        match name {
            "may" => said.expect("all rights that are needed"),
            _ => assert!(matches!(&said, Err(LedgerError::Unsafe(why)) if why.contains("NOPERM")), "{said:?}"),
        }
    }
}

/// A Redis that shows a certificate for `name`, and its port for TLS.
async fn with_tls(authority: &Authority, name: &str) -> (RedisServer, u16) {
    let port = free_port();
    let settings = authority.settings(name, port);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    (RedisServer::start_with(&settings).await, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_a_certificate_is_wanted_that_is_right_in_name_and_signature() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let (server, port) = with_tls(&ours, "DNS:localhost").await;
    server.cli(["ACL", "SETUSER", "owner", "on", ">s3cret", "~*", "+@all"]).await;
    let at = |host: &str, ca: &Authority| RedisConfig {
        ca: Some(ca.certificate()),
        ..RedisConfig::new(format!("rediss://owner:s3cret@{host}:{port}"))
    };
    every_call(&server, at("localhost", &ours)).await.expect("a right certificate");
    let on_system = RedisConfig { ca: None, ..at("localhost", &ours) };
    for (config, wrong) in [
        (at("localhost", &theirs), "UnknownIssuer"),
        (on_system, "UnknownIssuer"),
        (at("127.0.0.1", &ours), "NotValidForName"),
    ] {
        let said = RedisLedger::connect(config).await.map(drop);
        let clear = |why: &str| why.contains("its certificate is refused") && why.contains(wrong);
        assert!(matches!(&said, Err(LedgerError::Unsafe(why)) if clear(why)), "{wrong}: {said:?}");
    }
    let plain = RedisConfig { ca: Some(ours.certificate()), ..RedisConfig::new(server.url()) };
    let said = RedisLedger::connect(plain).await.map(drop);
    assert!(matches!(&said, Err(LedgerError::Unsafe(why)) if why.contains("not rediss://")), "{said:?}");
    let no_ca = RedisConfig { ca: Some(server.data().join("log")), ..at("localhost", &ours) };
    let said = RedisLedger::connect(no_ca).await.map(drop);
    assert!(matches!(&said, Err(LedgerError::Unsafe(why)) if why.contains("no certificate")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_told_whose_certificates_it_accepts_by_a_flag() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let (server, port) = with_tls(&ours, "IP:127.0.0.1").await;
    let url = format!("rediss://127.0.0.1:{port}");
    let with = |ca: &Authority| {
        ServerOptions::without_cluster(&url).flag(format!("--redis-ca={}", ca.certificate().display()))
    };
    with(&ours).start_ready().await;
    let refused = tokio::process::Command::from(with(&theirs).command()).output().await.expect("run");
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && text.contains("its certificate is refused: UnknownIssuer"), "{text}");
    let missing = ServerOptions::without_cluster(&url).flag("--redis-ca=/nowhere.pem").command().output().expect("run");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("--redis-ca"));
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_asks_for_a_client_certificate_is_shown_one() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let port = free_port();
    let settings = ours.settings("DNS:localhost", port);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let settings = [&settings[..], &[("tls-auth-clients", "yes")]].concat();
    let server = RedisServer::start_with(&settings).await;
    let with = |authority: &Authority| {
        let Pair { cert, key } = authority.issue("client", "DNS:control-plane");
        Some(Identity { cert, key })
    };
    let config = |identity: Option<Identity>| RedisConfig {
        ca: Some(ours.certificate()),
        identity,
        ..RedisConfig::new(format!("rediss://localhost:{port}"))
    };
    RedisLedger::connect(config(with(&ours))).await.expect("a right certificate");
    for (identity, what) in [(None, "none"), (with(&theirs), "of another authority")] {
        let said = RedisLedger::connect(config(identity)).await.map(drop);
        assert!(said.is_err(), "{what}: {said:?}");
    }
    let Pair { cert, key } = ours.issue("flags", "DNS:control-plane");
    let flag = |name: &str, path: &std::path::Path| format!("--{name}={}", path.display());
    let options = ServerOptions::without_cluster(&format!("rediss://localhost:{port}"))
        .flag(flag("redis-ca", &ours.certificate()))
        .flag(flag("redis-cert", &cert));
    let alone = options.command().output().expect("run");
    assert_eq!(alone.status.code(), Some(2), "a certificate needs its key");
    options.flag(flag("redis-key", &key)).start_ready().await;
    drop(server);
}

#[test]
fn a_redis_on_another_machine_is_used_over_tls_by_a_user_or_by_a_flag() {
    let printed = |url: &str, flags: &[&str]| {
        let options = flags.iter().fold(ServerOptions::without_cluster(url), |options, flag| options.flag(*flag));
        let output = options.flag("--print-config").command().output().expect("run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = printed("redis://user:hunter2@redis.example.com", &[]);
    assert!(code == Some(2) && text.contains("--redis-url: Redis at redis.example.com has no TLS"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let (code, text) = printed("rediss://redis.example.com", &[]);
    assert!(code == Some(2) && text.contains("has no user with a password"), "{text}");
    assert_eq!(printed("rediss://user:hunter2@redis.example.com", &[]), (Some(0), String::new()));
    assert_eq!(printed("redis://redis.example.com", &["--allow-plaintext-redis"]), (Some(0), String::new()));
}

/// One node has all slots, and still refuses a script whose keys are not in one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_cluster_takes_every_call_because_all_keys_have_one_hash_tag() {
    let server = RedisServer::start_with(&[("cluster-enabled", "yes"), ("cluster-announce-ip", "127.0.0.1")]).await;
    server.cli(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until("the cluster to be whole", async || {
        server.cli(["CLUSTER", "INFO"]).await.contains("cluster_state:ok").then_some(())
    })
    .await;
    let url = format!("redis-cluster://127.0.0.1:{}", server.port());
    every_call(&server, RedisConfig::new(url)).await.expect("every call");
}
