//! Watchers that come and go as fast as they can, that stay and are idle, and that vanish without a word: the server has
//! its files and its memory back when they are gone.

use std::{net::SocketAddr, time::Instant};

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, Event, RetryPolicy, StoreFilter, Watch};
use sendstores_tests::{
    http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    swallow::SwallowingProxy,
    wait::{until, within},
};
use tokio::task::JoinSet;

/// Streams that are opened and left, unless `SENDSTORES_STORM` says how many; and how many at a time.
const CYCLES: usize = 4_000;
const AT_ONCE: usize = 50;
const IDLE: usize = 2_000;
/// Of one connection, which carries 256 at most.
const PER_CONNECTION: usize = 200;
const VANISHING: usize = 40;
/// Which part more the allocator may keep of what is gone, and how many files come and go by themselves.
const MEMORY_KEPT: usize = 2;
const FILES_KEPT: usize = 8;

async fn open(address: SocketAddr, count: usize) -> Vec<Watch> {
    let mut watches = Vec::new();
    let mut client = None;
    for i in 0..count {
        if i.is_multiple_of(PER_CONNECTION) {
            client = Some(
                Client::builder()
                    .retry(RetryPolicy::none())
                    .connect(&format!("http://{address}"))
                    .await
                    .expect("connect"),
            );
        }
        let client = client.as_ref().expect("connected");
        watches.push(client.watch(StoreFilter::default()).await.expect("watch"));
    }
    watches
}

/// Opens a stream, reads what comes first or not, and leaves; some leave their connection, too.
async fn come_and_go(address: SocketAddr, turns: usize) {
    let mut client =
        Client::builder().retry(RetryPolicy::none()).connect(&format!("http://{address}")).await.expect("connect");
    for turn in 0..turns {
        let mut watch = client.watch(StoreFilter::default()).await.expect("watch");
        if turn.is_multiple_of(2) {
            within("what comes first", watch.next()).await.expect("not the end").expect("an event");
        }
        drop(watch);
        if turn % 10 == 9 {
            client = Client::builder()
                .retry(RetryPolicy::none())
                .connect(&format!("http://{address}"))
                .await
                .expect("connect");
        }
    }
}

async fn storm(address: SocketAddr, cycles: usize) {
    let mut comers = JoinSet::new();
    for _ in 0..AT_ONCE {
        comers.spawn(come_and_go(address, cycles / AT_ONCE));
    }
    comers.join_all().await;
}

async fn open_streams(server: &Server) -> Option<usize> {
    let (_, metrics) = http::get(server.admin, "/metrics").await.ok()?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("sendstores_watch_streams "))?;
    line.parse().ok()
}

/// Waits until no stream is open, and as many files as before.
async fn all_is_given_back(server: &Server, files: usize, when: &str) {
    until(&format!("streams to be gone {when}"), async || (open_streams(server).await? == 0).then_some(())).await;
    let few = async || (server.open_files() <= files + FILES_KEPT).then_some(());
    until(&format!("files to be closed {when}"), few).await;
}

#[tokio::test]
async fn who_came_and_went_leaves_nothing_behind() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let files = server.open_files();
    // Memory that the first storm takes is the allocator's afterwards; what counts is that the next ones need no more.
    storm(server.grpc, CYCLES / 4).await;
    drop(open(server.grpc, IDLE).await);
    all_is_given_back(&server, files, "behind the first").await;
    let memory = server.resident();

    let idle = open(server.grpc, IDLE).await;
    let cycles = std::env::var("SENDSTORES_STORM").map_or(CYCLES, |cycles| cycles.parse().expect("a number"));
    let begun = Instant::now();
    storm(server.grpc, cycles).await;
    eprintln!("{cycles} streams opened and left in {:?}", begun.elapsed());
    drop(idle);
    all_is_given_back(&server, files, "behind the storm").await;
    let after = server.resident();
    eprintln!(
        "{files} files before and {} behind it; {} MiB and {} MiB",
        server.open_files(),
        memory >> 20,
        after >> 20
    );
    assert!(after < memory + memory / MEMORY_KEPT, "{after} bytes behind the storm, {memory} before");
    client.get("store-a").await.expect("it serves");
}

#[tokio::test]
async fn who_vanished_without_a_word_is_noticed() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let files = server.open_files();
    let proxy = SwallowingProxy::start(server.grpc).await;
    let mut vanishing = Vec::new();
    for _ in 0..VANISHING {
        vanishing.extend(open(proxy.address, 1).await);
    }
    let mut stays = open(server.grpc, 1).await.remove(0);
    proxy.swallow(VANISHING).await;
    drop(vanishing);
    assert_eq!(open_streams(&server).await, Some(VANISHING + 1), "nobody was told");

    until("those who vanished to be noticed", async || (open_streams(&server).await? == 1).then_some(())).await;
    until("their connections to be closed", async || (proxy.ended_by_the_server() == VANISHING).then_some(())).await;
    until("files to be closed", async || (server.open_files() <= files + FILES_KEPT).then_some(())).await;
    server.client().await.create(CreateStore::new().id("store-a")).await.expect("create");
    let changed = async {
        while !matches!(stays.next().await.expect("not the end").expect("an event").event, Event::Changed(_)) {}
    };
    within("a change to be seen", changed).await;
}
