//! A server that is asked to stop: whoever it serves is answered or told where to go on, and it ends in time.

use std::{cell::Cell, rc::Rc, time::Duration};

use sendstores_client::{Client, CreateStore, Error, RetryPolicy, v1::StoreFilter};
use sendstores_core::ledger::Ledger;
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    oracle::{Filter, Kind, Recorder, Run, read_log},
    redis::RedisServer,
    server::{Server, ServerOptions, signal},
    wait::{until, within},
};
use tokio::{
    net::TcpStream,
    task::{JoinSet, LocalSet, spawn_blocking},
};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const WATCHERS: usize = 1_000;
/// Of one connection, which carries 256 at most.
const PER_CONNECTION: usize = 200;
const CALLS: usize = 50;
const STORES: usize = 20;
/// Longer than the server's own limit of 8 s, behind which it cuts what is left, and shorter than for ever.
const STOP: Duration = Duration::from_secs(20);

async fn ledger(redis: &RedisServer) -> RedisLedger {
    let history = 1_000_000.try_into().expect("not zero");
    RedisLedger::connect(RedisConfig { history, ..RedisConfig::new(redis.url()) }).await.expect("a ledger")
}

/// Half of them follow what happens, half what does not.
fn recorders() -> Vec<Recorder> {
    let idle = Filter { tenant: "nobody".to_owned(), ..Filter::default() };
    let filter = |i: usize| if i.is_multiple_of(2) { Filter::default() } else { idle.clone() };
    (0..WATCHERS).map(|i| Recorder::new(format!("watcher {i}"), filter(i))).collect()
}

/// Everybody watches until the server ends the streams.
async fn watch_to_the_end(server: &Server) -> JoinSet<(Recorder, Error)> {
    let mut watching = JoinSet::new();
    let mut client = server.client().await;
    for (i, mut recorder) in recorders().into_iter().enumerate() {
        if i.is_multiple_of(PER_CONNECTION) {
            client = server.client().await;
        }
        let mut watch = recorder.open(&client).await.expect("watch");
        watching.spawn_local(async move {
            let ended = recorder.read(&mut watch, |_| false).await;
            (recorder, ended.expect_err("a last word"))
        });
    }
    watching
}

/// Calls that the server has taken on, and cannot answer while Redis says nothing.
async fn calls_in_flight(server: &Server) -> JoinSet<Result<(), Error>> {
    let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
    let client = Client::builder().retry(RetryPolicy::none()).channel(channel.clone());
    let (mut calls, begun) = (JoinSet::new(), Rc::new(Cell::new(0)));
    for i in 0..CALLS {
        let (client, begun) = (client.clone(), begun.clone());
        calls.spawn_local(async move {
            begun.set(begun.get() + 1);
            let create = CreateStore::new().id(format!("store-late-{i}"));
            client.create(create).await.map(drop)
        });
    }
    until("the calls to begin", async || (begun.get() == CALLS).then_some(())).await;
    // What is answered behind them on their connection came behind them.
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.expect("health");
    calls
}

/// The last thing before the end is a token behind all that was told.
fn has_a_token_to_go_on_from(recorder: &Recorder) {
    let messages = &recorder.watcher().streams[0].messages;
    let last = messages.last().expect("a message");
    assert!(matches!(last.kind, Kind::Heartbeat), "{}: {last:?}", recorder.watcher().name);
    let told = messages.iter().map(|message| message.revision).max().expect("a message");
    let token = last.token.as_ref().expect("a token");
    assert!(token.revision >= told, "{}: {token:?} is before {told}", recorder.watcher().name);
}

async fn stop_with_everybody_there() {
    let redis = RedisServer::start().await;
    let ledger = ledger(&redis).await;
    let options = ServerOptions::without_cluster(&redis.url()).flag("--history=1000000");
    let server = options.start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-first")).await.expect("create");
    let mut watching = watch_to_the_end(&server).await;
    for i in 0..STORES {
        client.create(CreateStore::new().id(format!("store-{i}"))).await.expect("create");
    }
    let _idle = TcpStream::connect(server.grpc).await.expect("connect");

    redis.pause();
    let mut calls = calls_in_flight(&server).await;
    signal(server.pid(), "TERM");
    until("it to stop", async || server.log().iter().any(|line| line.contains("stopping: asked to")).then_some(()))
        .await;
    redis.resume();
    let ended = spawn_blocking(move || server.ended(STOP));
    let mut answered = 0;
    while let Some(call) = within("the calls to end", calls.join_next()).await {
        match call.expect("a call") {
            Ok(()) => answered += 1,
            // Redis was asked and said nothing for 2 s, or was not asked yet. Either way the caller is told, and not cut.
            Err(error) => {
                assert!(matches!(error.reason(), Some("LEDGER_UNAVAILABLE" | "DRAINING")), "{error}");
            }
        }
    }
    let mut recorders = Vec::new();
    while let Some(watched) = within("the streams to end", watching.join_next()).await {
        let (recorder, error) = watched.expect("a watcher");
        assert_eq!(error.reason(), Some("DRAINING"), "{error}");
        has_a_token_to_go_on_from(&recorder);
        recorders.push(recorder);
    }
    let (status, took) = ended.await.expect("its end");
    eprintln!("{answered} of {CALLS} calls were carried out; it ended {took:?} after Redis was back");
    assert!(status.success(), "{status}");
    go_on_elsewhere(recorders, &options.start_ready().await, &ledger).await;
}

/// On another server everybody sees the rest, with no gap and nothing twice.
async fn go_on_elsewhere(mut recorders: Vec<Recorder>, server: &Server, ledger: &RedisLedger) {
    server.client().await.list(StoreFilter::default()).await.expect("list");
    let log = read_log(ledger).await;
    for some in recorders.chunks_mut(PER_CONNECTION) {
        let client = server.client().await;
        for recorder in some {
            recorder.watch_all(&client, &log).await.expect("everything is seen");
        }
    }
    let watchers = recorders.into_iter().map(Recorder::finish).collect();
    let run = Run { epoch: ledger.epoch().to_string(), log: read_log(ledger).await, watchers, answers: Vec::new() };
    eprintln!("{}", run.summary());
    run.assert_faultless();
}

#[tokio::test]
async fn a_server_that_stops_tells_everybody_where_to_go_on() {
    LocalSet::new().run_until(stop_with_everybody_there()).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).flag("--drain-timeout=600s").start_ready().await;
    let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
    // The client of an open health watch is waited for until the deadline.
    let watch = HealthClient::new(channel).watch(HealthCheckRequest::default()).await.expect("watch");
    signal(server.pid(), "TERM");
    until("it to stop", async || server.log().iter().any(|line| line.contains("stopping: asked to")).then_some(()))
        .await;
    signal(server.pid(), "INT");
    let (status, _) = spawn_blocking(move || server.ended(STOP)).await.expect("its end");
    assert_eq!(status.code(), Some(1), "{status}");
    drop(watch);
}
