//! Redis comes back with less than it had: real servers, a real Redis. Nothing is written, nothing is denied that may
//! exist, and everything goes on once the truth is back.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use sendstores_client::{Client, CreateStore, Error, ResumeToken, Watch, v1::StoreFilter};
use sendstores_core::{Event, Store, ledger::Ledger};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    http,
    ledger::{create, happen},
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::{DEADLINE, until, within},
};

fn options(redis: &RedisServer) -> ServerOptions {
    ServerOptions::without_cluster(&redis.url()).flag("--probe-interval=0s")
}

async fn ledger(redis: &RedisServer) -> RedisLedger {
    RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger")
}

/// A store that needs nothing done.
async fn ready_store(redis: &RedisServer, id: &str) -> Store {
    let ledger = ledger(redis).await;
    create(&ledger, id, "acme").await;
    happen(&ledger, id, Event::Converged).await
}

/// Waits until the server says that it is read-only; what it says.
async fn read_only(server: &Server) -> String {
    let said = until("the server to be read-only", async || {
        let (code, body) = http::get(server.admin, "/readyz").await.ok()?;
        (code == 200 && body.starts_with("read-only: ")).then_some(body)
    })
    .await;
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    assert!(metrics.contains("sendstores_read_only 1"), "{metrics}");
    said
}

/// Waits until the server writes again.
async fn writable(server: &Server, client: &Client, id: &str) {
    until("a store to be created", async || match client.create(CreateStore::new().id(id)).await {
        Ok(_) => Some(()),
        Err(Error::AlreadyExists(_)) => Some(()),
        Err(_) => None,
    })
    .await;
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    assert!(metrics.contains("sendstores_read_only 0"), "{metrics}");
}

async fn assert_refuses_to_write(client: &Client) {
    let refused = [
        client.create(CreateStore::new().id("store-new")).await.map(drop),
        client.delete("store-a").await.map(drop),
        client.credentials("store-a").await.map(drop),
    ];
    for (i, refused) in refused.into_iter().enumerate() {
        let error = refused.expect_err("read-only");
        assert_eq!(error.reason(), Some("READ_ONLY"), "{i}: {error}");
        assert!(matches!(error, Error::FailedPrecondition(_)) && !error.retryable(), "{i}: {error}");
    }
}

async fn listed(client: &Client) -> Result<Vec<String>, Error> {
    let stores: Vec<_> = client.list_all(StoreFilter::default()).try_collect().await?;
    Ok(stores.into_iter().map(|store| store.id).collect())
}

/// A watch that has come to the end of the log.
async fn synced(client: &Client) -> (Watch, ResumeToken) {
    let mut watch = client.watch(StoreFilter::default()).await.expect("watch");
    let token = async {
        loop {
            watch.next().await.expect("not the end").expect("an event");
            if let Some(token) = watch.resume_token().cloned() {
                return token;
            }
        }
    };
    let token = within("a token", token).await;
    (watch, token)
}

async fn assert_told_to_begin_anew(watch: &mut Watch) {
    let end = async {
        loop {
            if let Err(error) = watch.next().await.expect("an error at last") {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(DEADLINE, end).await.expect("in time");
    assert!(matches!(error, Error::HistoryCompacted(_)), "{error}");
}

#[tokio::test]
async fn a_redis_that_is_empty_makes_every_server_read_only_until_the_stores_are_adopted() {
    let redis = RedisServer::start().await;
    let store = ready_store(&redis, "store-a").await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let (mut watch, token) = synced(&client).await;

    redis.cli(["FLUSHALL"]).await;
    let said = read_only(&server).await;
    assert!(said.contains("it is empty"), "{said}");
    // Before that nobody else could know.
    until("the doubt to be noted in Redis", async || {
        (redis.cli(["HEXISTS", "{sendstores}:meta", "doubt"]).await == "1").then_some(())
    })
    .await;
    assert_refuses_to_write(&client).await;
    // Its memory was complete: there is no newer truth.
    assert_eq!(client.get("store-a").await.expect("from memory").id, "store-a");
    assert!(matches!(client.get("store-b").await, Err(Error::NotFound(_))));
    assert_eq!(listed(&client).await.expect("from memory"), ["store-a"]);
    drop(client.watch_from(StoreFilter::default(), token.clone()).await.expect("the history is in memory"));

    // A server that starts now has nothing, and denies nothing.
    let late = options(&redis).start_ready().await;
    read_only(&late).await;
    let second = late.client().await;
    assert_refuses_to_write(&second).await;
    for error in [second.get("store-a").await.err(), listed(&second).await.err()] {
        assert_eq!(error.as_ref().and_then(Error::reason), Some("READ_ONLY"), "{error:?}");
    }
    let watched = second.watch(StoreFilter::default()).await.map(drop);
    assert_eq!(watched.err().as_ref().and_then(Error::reason), Some("READ_ONLY"));

    ledger(&redis).await.adopt(vec![store.into()]).await.expect("adopted");
    for (server, client) in [(&server, &client), (&late, &second)] {
        writable(server, client, "store-after").await;
        assert_eq!(listed(client).await.expect("everything"), ["store-a", "store-after"]);
        let resumed = client.watch_from(StoreFilter::default(), token.clone()).await.map(drop);
        assert!(matches!(resumed, Err(Error::HistoryCompacted(_))), "{resumed:?}");
    }
    assert_told_to_begin_anew(&mut watch).await;
    drop(synced(&client).await);
}

#[tokio::test]
async fn an_old_copy_makes_a_server_read_only_until_the_right_data_is_back() {
    let mut redis = RedisServer::start().await;
    ready_store(&redis, "store-a").await;
    let old = redis.backup().await;
    ready_store(&redis, "store-b").await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let whole = redis.backup().await;

    redis.restore(&old).await;
    let said = read_only(&server).await;
    assert!(said.contains("it went back to revision 2"), "{said}");
    assert_refuses_to_write(&client).await;
    assert_eq!(listed(&client).await.expect("from memory"), ["store-a", "store-b"]);
    // Nobody who starts on the old copy takes it for the truth.
    let late = options(&redis).start_ready().await;
    read_only(&late).await;
    let second = late.client().await;
    assert_eq!(second.get("store-a").await.expect("known").id, "store-a");
    let error = second.get("store-b").await.expect_err("it may exist");
    assert_eq!(error.reason(), Some("READ_ONLY"));

    redis.restore(&whole).await;
    writable(&server, &client, "store-c").await;
    assert_eq!(listed(&client).await.expect("everything"), ["store-a", "store-b", "store-c"]);
}

#[tokio::test]
async fn another_dataset_is_neither_believed_nor_touched() {
    let mut redis = RedisServer::start().await;
    ready_store(&redis, "store-a").await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let ours = redis.backup().await;
    let mut other = RedisServer::start().await;
    ready_store(&other, "store-theirs").await;
    let theirs = other.backup().await;

    redis.restore(&theirs).await;
    let before = redis.cli(["DEBUG", "DIGEST"]).await;
    let said = read_only(&server).await;
    assert!(said.contains("it is "), "{said}");
    assert_refuses_to_write(&client).await;
    assert_eq!(listed(&client).await.expect("from memory"), ["store-a"]);
    // It is the ledger of somebody else, who may go on with it.
    assert_eq!(redis.cli(["DEBUG", "DIGEST"]).await, before);
    assert_eq!(ledger(&redis).await.doubt().await, Ok(None));

    redis.restore(&ours).await;
    writable(&server, &client, "store-b").await;
}

#[tokio::test]
async fn adopt_without_a_cluster_says_so_and_writes_nothing() {
    let redis = RedisServer::start().await;
    let ledger = ledger(&redis).await;
    create(&ledger, "store-a", "acme").await;
    ledger.cast_doubt("a test says so").await.expect("cast");
    let before = redis.cli(["DEBUG", "DIGEST"]).await;
    let adopt = options(&redis).command().args(["adopt"]).output().expect("run it");
    assert_eq!(adopt.status.code(), Some(1), "{adopt:?}");
    assert!(String::from_utf8_lossy(&adopt.stderr).contains("CLUSTER_UNAVAILABLE"), "{adopt:?}");
    assert_eq!(redis.cli(["DEBUG", "DIGEST"]).await, before);
}

/// Servers that run through it all lose nothing that was acknowledged by another.
#[tokio::test]
async fn a_doubt_reaches_a_server_that_could_not_see_the_loss() {
    let redis = RedisServer::start().await;
    ready_store(&redis, "store-a").await;
    let server = options(&redis).start_ready().await;
    ledger(&redis).await.cast_doubt("another server saw a loss").await.expect("cast");
    let said = tokio::time::timeout(DEADLINE, read_only(&server)).await.expect("in time");
    assert!(said.contains("another server saw a loss"), "{said}");
    let ended = tokio::task::spawn_blocking(move || server.terminate(Duration::from_secs(60)).0);
    assert!(ended.await.expect("its end").success(), "it stops as well as any other");
}
