//! A Redis that is not set up safely, or refuses us.

use sendstores_client::{CreateStore, GetStore};
use sendstores_core::ledger::{Ledger, LedgerError};
use sendstores_server::ledger::{Durability, RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{apply, creation},
    redis::RedisServer,
    server::ServerOptions,
    wait::until,
};

async fn refusal(config: RedisConfig) -> String {
    match RedisLedger::connect(config).await {
        Err(LedgerError::Unsafe(why)) => why,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

fn asking(server: &RedisServer, durability: Durability) -> RedisConfig {
    RedisConfig { durability, ..RedisConfig::new(server.url()) }
}

#[tokio::test]
async fn all_that_is_unsafe_is_named_at_once_and_nothing_is_written() {
    let unsafe_settings = [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "allkeys-lru"),
        ("no-appendfsync-on-rewrite", "yes"),
    ];
    let server = RedisServer::start_with(&unsafe_settings).await;
    let why = refusal(asking(&server, Durability::Always)).await;
    for (setting, value) in unsafe_settings {
        assert!(why.contains(&format!("{setting} is {value} and must be ")), "{why}");
    }
    assert_eq!(refusal(asking(&server, Durability::TakeOperatorsWord)).await, why, "a word is not taken against facts");
    let lenient = refusal(asking(&server, Durability::AllowEverysec)).await;
    assert!(lenient.contains("appendonly") && !lenient.contains("appendfsync is"), "{lenient}");
    assert_eq!(server.cli(["DBSIZE"]).await, "0");
    RedisLedger::connect(asking(&server, Durability::Dev)).await.expect("nothing is asked of it");
}

#[tokio::test]
async fn one_unsafe_setting_is_enough() {
    for (setting, value) in [
        ("appendonly", "no"),
        ("appendfsync", "no"),
        ("maxmemory-policy", "volatile-ttl"),
        ("no-appendfsync-on-rewrite", "yes"),
    ] {
        let server = RedisServer::start_with(&[(setting, value)]).await;
        for durability in [Durability::Always, Durability::AllowEverysec] {
            let why = refusal(asking(&server, durability)).await;
            assert!(why.starts_with(&format!("{setting} is {value}")) && !why.contains(';'), "{why}");
        }
    }
}

#[tokio::test]
async fn a_sync_every_second_has_to_be_allowed() {
    let server = RedisServer::start_with(&[("appendfsync", "everysec")]).await;
    refusal(asking(&server, Durability::Always)).await;
    RedisLedger::connect(asking(&server, Durability::AllowEverysec)).await.expect("allowed");
}

#[tokio::test]
async fn what_a_power_loss_may_do_to_the_log_is_told() {
    for (value, told) in [("yes", true), ("no", false)] {
        let redis = RedisServer::start_with(&[("aof-load-truncated", value)]).await;
        let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
        assert_eq!(server.log().iter().any(|line| line.contains("aof-load-truncated is yes")), told, "{value}");
    }
}

#[tokio::test]
async fn a_redis_that_may_not_read_its_own_log_is_refused() {
    let server = RedisServer::start().await;
    server.cli(["ACL", "SETUSER", "owner", "on", ">s3cret", "~*", "+@all"]).await;
    let url = format!("redis://owner:s3cret@127.0.0.1:{}", server.port());
    for (rights, safe) in [("-@all ~*", false), ("+@all resetkeys", false), ("~* &* +@all", true)] {
        let rights: Vec<_> = ["ACL", "SETUSER", "default"].into_iter().chain(rights.split(' ')).collect();
        server.cli(["--user", "owner", "--pass", "s3cret", "--no-auth-warning"].into_iter().chain(rights)).await;
        let connected = RedisLedger::connect(RedisConfig::new(url.clone())).await;
        match connected {
            Ok(_) => assert!(safe),
            Err(LedgerError::Unsafe(why)) => assert!(!safe && why.contains("as the user default"), "{why}"),
            Err(other) => panic!("another error: {other}"),
        }
    }
}

#[tokio::test]
async fn settings_that_may_not_be_read_need_a_word() {
    let server = RedisServer::start().await;
    server.cli(["ACL", "SETUSER", "limited", "on", ">s3cret", "~*", "+@all", "-config"]).await;
    let url = format!("redis://limited:s3cret@127.0.0.1:{}", server.port());
    let with = |durability| RedisConfig { durability, ..RedisConfig::new(url.clone()) };
    let why = refusal(with(Durability::Always)).await;
    assert!(why.contains("cannot be read") && !why.contains("s3cret"), "{why}");
    let ledger = RedisLedger::connect(with(Durability::TakeOperatorsWord)).await.expect("vouched for");
    apply(&ledger, creation("store-a")).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    let server = RedisServer::start().await;
    server.cli(["ACL", "SETUSER", "owner", "on", ">right", "~*", "+@all"]).await;
    let why = refusal(RedisConfig::new(format!("redis://owner:wr0ng@127.0.0.1:{}", server.port()))).await;
    assert!(why.contains("WRONGPASS") && !why.contains("wr0ng"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_becomes_unsafe_is_not_written_to_until_it_is_safe_again() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-a")).await.expect("created");
    for (setting, value, safe) in
        [("appendfsync", "everysec", "always"), ("maxmemory-policy", "allkeys-lru", "noeviction")]
    {
        redis.cli(["CONFIG", "SET", setting, value]).await;
        let refused = async || client.create(CreateStore::new()).await.err();
        let error = until("a write to be refused", refused).await;
        assert_eq!(error.reason(), Some("LEDGER_UNAVAILABLE"), "{setting}: {error}");
        assert_eq!(client.get("store-a").await.expect("readable").id, "store-a");
        let why = format!("{setting} is {value}");
        assert!(server.log().iter().any(|line| line.contains(&why)), "{why}");
        redis.cli(["CONFIG", "SET", setting, safe]).await;
        until("writes again", async || client.create(CreateStore::new()).await.ok()).await;
    }
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_told() {
    let server = RedisServer::start().await;
    server.cli(["ACL", "SETUSER", "owner", "on", ">right", "~*", "+@all"]).await;
    let url = format!("redis://owner:right@127.0.0.1:{}", server.port());
    let ledger = RedisLedger::connect(RedisConfig::new(url)).await.expect("a ledger");
    server.cli(["ACL", "SETUSER", "owner", "-evalsha", "-eval"]).await;
    let said = ledger.write(creation("store-a")).await;
    assert!(matches!(said, Err(LedgerError::Unsafe(_))), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_rights_are_taken_away_serves_what_it_knows_and_goes_on_when_they_are_back() {
    let redis = RedisServer::start().await;
    redis.cli(["ACL", "SETUSER", "owner", "on", ">right", "~*", "+@all"]).await;
    let url = format!("redis://owner:right@127.0.0.1:{}", redis.port());
    let server = ServerOptions::without_cluster(&url).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-a")).await.expect("created");
    let complaints = || server.log().iter().filter(|line| line.contains("trying again")).count();

    // What the log is followed with, what is written with, and what the server logs in with.
    for (taken, back) in [("-xread", "+xread"), ("-evalsha", "+evalsha"), ("<right", ">right")] {
        let before = complaints();
        redis.cli(["ACL", "SETUSER", "owner", taken]).await;
        redis.cli(["CLIENT", "KILL", "USER", "owner"]).await;
        until(&format!("the server to notice {taken}"), async || (complaints() > before).then_some(())).await;
        let stale = client.get(GetStore::new("store-a").stale(true)).await.expect("what is in memory");
        assert_eq!(stale.id, "store-a", "{taken}");
        redis.cli(["ACL", "SETUSER", "owner", back]).await;
        // The same process: there is no other to answer.
        server.ready().await;
        until("the server to go on", async || client.get("store-a").await.ok()).await;
    }
    client.create(CreateStore::new().id("store-b")).await.expect("created");
}
