//! Memory or disk run out under a server.

use std::num::NonZeroU32;

use sendstores_client::{Client, CreateStore, Error};
use sendstores_server::ledger::{Durability, RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{Readable, stores, whole_log},
    redis::{RedisOnSmallDisk, RedisServer},
    server::{Server, ServerOptions},
    wait::until,
};

/// Calls at most until there is no room: twice what fits.
const ENOUGH: usize = 2_000;

async fn server(url: &str, durability: &str) -> Server {
    let options = ServerOptions::without_cluster(url).flag(format!("--redis-durability={durability}"));
    options.flag("--history=10000000").start_ready().await
}

/// Creates stores until one is refused, and says which were acknowledged and why the last was not.
async fn create_until_refused(client: &Client) -> (Vec<String>, Error) {
    let mut created = Vec::new();
    loop {
        let id = format!("store-{}", created.len());
        match client.create(CreateStore::new().id(&id)).await {
            Ok(store) => created.push(store.id),
            Err(error) => return (created, error),
        }
        assert!(created.len() < ENOUGH, "there is room for {ENOUGH} stores");
    }
}

/// Reads live, nothing that was acknowledged is missing, and nothing is there by half.
async fn assert_whole(url: &str, durability: Durability, created: &[String]) {
    let history = NonZeroU32::new(10_000_000).expect("not 0");
    let config = RedisConfig { durability, history, ..RedisConfig::new(url) };
    let ledger = until("the ledger", async || RedisLedger::connect(config.clone()).await.ok()).await;
    let log = whole_log(&ledger).await;
    for (number, change) in log.iter().enumerate() {
        assert_eq!(change.revision.0, number as u64 + 1, "a gap in the log");
    }
    for id in created {
        assert!(
            log.iter().any(|change| change.store().id.as_str() == id),
            "{id} was acknowledged and is not in the log"
        );
    }
    for store in stores(&ledger).await.expect("a scan") {
        let newest = log.iter().rev().find(|change| change.store().id == store.id);
        // Our server may have written since.
        let whole = newest.is_some_and(|change| *change.store() == store || change.revision < store.revision);
        assert!(whole, "record and log are not one: {store:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_memory_refuses_writes_and_heals_by_itself() {
    let redis = RedisServer::start().await;
    let server = server(&redis.url(), "always").await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-before")).await.expect("created");
    redis.config_set("maxmemory", "1").await;
    let (created, error) = create_until_refused(&client).await;
    assert_eq!((created.len(), error.reason()), (0, Some("LEDGER_FULL")), "{error}");
    assert!(matches!(error, Error::ResourceExhausted { .. }), "{error}");
    client.get("store-before").await.expect("reads live");
    server.ready().await;
    redis.config_set("maxmemory", "0").await;
    client.create(CreateStore::new().id("store-0")).await.expect("created");
    assert_whole(&redis.url(), Durability::Always, &["store-before".to_owned(), "store-0".to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_syncs_every_second_refuses_writes_on_a_full_disk_and_heals_by_itself() {
    let redis = RedisOnSmallDisk::start("everysec").await;
    let server = server(&redis.url(), "everysec").await;
    let client = server.client().await;
    let (mut created, error) = create_until_refused(&client).await;
    assert!(!created.is_empty());
    assert_eq!(error.reason(), Some("LEDGER_FULL"), "{error}");
    client.get(&created[0]).await.expect("reads live");
    server.ready().await;
    redis.make_room();
    let id = format!("store-{}", created.len());
    until("a Create", async || client.create(CreateStore::new().id(&id)).await.ok()).await;
    eprintln!("full disk, everysec: {} stores before it was full, all of them there behind it", created.len());
    created.push(id);
    assert_whole(&redis.url(), Durability::AllowEverysec, &created).await;
}

/// Redis ends itself when it cannot write what it has to sync before its answer, so that nothing is acknowledged; it is
/// started again by whoever runs it, and ends at the next write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_syncs_always_acknowledges_nothing_on_a_full_disk_and_works_when_there_is_room() {
    let redis = RedisOnSmallDisk::start("always").await;
    let server = server(&redis.url(), "always").await;
    let client = server.client().await;
    let (mut created, error) = create_until_refused(&client).await;
    assert!(!created.is_empty());
    assert!(error.retryable(), "{error}");
    until("a read between two ends", async || client.get(&created[0]).await.ok()).await;
    redis.make_room();
    let id = "store-behind".to_owned();
    until("a Create", async || client.create(CreateStore::new().id(&id)).await.ok()).await;
    eprintln!("full disk, always: {} stores before it was full ({error}), all of them there behind it", created.len());
    created.push(id);
    server.ready().await;
    assert_whole(&redis.url(), Durability::Always, &created).await;
}
