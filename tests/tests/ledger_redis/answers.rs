//! What a Redis answers that is another kind than the URL says, has no room for clients, or refuses the credentials.

use std::time::Duration;

use sendstores_core::ledger::{Ledger, LedgerError};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::creation,
    redis::{Guarded, RedisServer},
    server::ServerOptions,
    wait::until,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::connect;

async fn refused(url: String) -> String {
    match RedisLedger::connect(RedisConfig::new(url)).await {
        Err(LedgerError::Unsafe(why)) => why,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_a_redis_cluster_is_told_by_its_url_and_goes_on_when_its_slot_is_back() {
    let node = RedisServer::start_with(&[("cluster-enabled", "yes")]).await;
    node.cli(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until("the cluster", async || node.cli(["CLUSTER", "INFO"]).await.contains("cluster_state:ok").then_some(())).await;
    let why = refused(node.url()).await;
    assert!(why.contains("use redis-cluster://"), "{why}");
    // A user who may not ask is told by the first slot that is elsewhere, and served again when it is back.
    node.cli(["ACL", "SETUSER", "blind", "on", ">s3cret", "~*", "+@all", "-config"]).await;
    let url = format!("redis://blind:s3cret@127.0.0.1:{}", node.port());
    let config =
        RedisConfig { durability: sendstores_server::ledger::Durability::TakeOperatorsWord, ..RedisConfig::new(url) };
    let ledger = RedisLedger::connect(config).await.expect("it answers");
    ledger.write(creation("store-a")).await.expect("a write");
    node.cli(["CLUSTER", "DELSLOTSRANGE", "0", "16383"]).await;
    until("the slots to be gone", async || ledger.last_revision().await.err()).await;
    let lost = ledger.last_revision().await.expect_err("no slot");
    assert!(matches!(&lost, LedgerError::Unavailable(_)), "{lost}");
    node.cli(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until("the slots to be back", async || ledger.last_revision().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_waits_while_redis_has_too_many_clients() {
    let redis = RedisServer::start_with(&[("maxclients", "2")]).await;
    // Has a place before the server comes.
    let mut operator = TcpStream::connect(("127.0.0.1", redis.port())).await.expect("a connection");
    let server = ServerOptions::without_cluster(&redis.url()).start().await;
    until("the server to say so", async || {
        let log = server.log();
        log.iter().any(|line| line.contains("max number of clients")).then_some(())
    })
    .await;
    operator.write_all(b"CONFIG SET maxclients 100\r\n").await.expect("the limit to be raised");
    server.ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_are_told_as_such() {
    let redis = RedisServer::start().await;
    redis.config_set("requirepass", "a+b").await;
    let at = |password: &str| format!("redis://:{password}@127.0.0.1:{}", redis.port());
    for wrong in ["wrong", "a%20b"] {
        let why = refused(at(wrong)).await;
        assert!(why.contains("refuses the credentials") && why.contains("percent-encoded"), "{why}");
        assert!(!why.contains(wrong), "{why}");
    }
    for right in ["a+b", "a%2Bb"] {
        connect(at(right)).await.last_revision().await.expect(right);
    }
    let guarded = Guarded::start().await;
    guarded.require_password("a+b").await;
    let config = |password: &str| RedisConfig {
        command_timeout: Duration::from_secs(5),
        ..RedisConfig::new(format!("{}&sentinelPassword={password}", guarded.url()))
    };
    // In the part behind the question mark a plus is a space.
    let said = RedisLedger::connect(config("a+b")).await.err();
    assert!(matches!(&said, Some(LedgerError::Unsafe(why)) if why.contains("sentinelPassword")), "{said:?}");
    RedisLedger::connect(config("a%2Bb")).await.expect("the right password");
}
