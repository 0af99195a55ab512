//! A reader that is too slow holds back nobody but itself: it is told, knows where it was, and begins anew. The test plays
//! another replica and writes to the ledger what a cluster would have brought about; the oracle judges what was seen.

use std::num::NonZeroU32;

use sendstores_client::{Client, Error, RetryPolicy, Watch, v1::store::State};
use sendstores_core::{Event, ledger::Ledger};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{change, create, happen},
    oracle::{Filter, Kind, Message, Recorder, Run, read_log, token},
    redis::RedisServer,
    server::{Server, ServerOptions},
    steps,
    wait::within,
};
use tokio::task::{JoinSet, LocalSet};
use tonic::transport::Endpoint;

/// Stores that change all the time, and who follows each of them only.
const BUSY: usize = 32;
const FOLLOW_ALL: usize = 12;
const FOLLOW_QUIET: usize = 146;
const SLOW: usize = 10;
/// Changes of each busy store: together more than the 8,192 that a server keeps, and what fits between it and a reader.
const CHANGES: usize = 280;
/// What a slow reader's side takes without being read.
const WINDOW: u32 = 65_535;
/// What a slow reader may cost: the batch that it was to be sent (64 messages of a few KB), the send buffer, and much for
/// the allocator. The rest is the ring, which fills up meanwhile.
const COST_OF_ONE: usize = 2 << 20;
const RING: usize = 64 << 20;

async fn ledger(redis: &RedisServer) -> RedisLedger {
    let history = NonZeroU32::new(1_000_000).expect("not zero");
    RedisLedger::connect(RedisConfig { history, ..RedisConfig::new(redis.url()) }).await.expect("a ledger")
}

fn busy(i: usize) -> String {
    format!("store-busy-{i}")
}

/// Everybody who is not slow: some follow all, some one busy store, most the quiet ones. All see the last change.
fn readers() -> Vec<Recorder> {
    let one = |i: usize| Filter { ids: vec![busy(i), "store-last".to_owned()], ..Filter::default() };
    let quiet = Filter { tenant: "quiet".to_owned(), ..Filter::default() };
    let all = (0..FOLLOW_ALL).map(|i| Recorder::new(format!("all {i}"), Filter::default()));
    let ones = (0..BUSY).map(|i| Recorder::new(format!("one {i}"), one(i)));
    let quiet = (0..FOLLOW_QUIET).map(|i| Recorder::new(format!("quiet {i}"), quiet.clone()));
    all.chain(ones).chain(quiet).collect()
}

/// A reader that has read its snapshot, and then reads no more. It has a connection of its own with small windows.
async fn stop_reading(server: &Server, i: usize) -> (Recorder, Watch) {
    let endpoint = Endpoint::from_shared(server.url()).expect("a URL");
    let endpoint = endpoint.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let client = Client::builder().retry(RetryPolicy::none()).channel(endpoint.connect().await.expect("connect"));
    let mut recorder = Recorder::new(format!("slow {i}"), Filter::default());
    let mut watch = recorder.open(&client).await.expect("watch");
    let read = recorder.read(&mut watch, |message| matches!(message.kind, Kind::Synced { .. }));
    within("a snapshot", read).await.expect("a snapshot");
    (recorder, watch)
}

/// More changes than a server keeps; the last is that a store fails for good.
async fn change_much(ledger: &RedisLedger) {
    let mut writers = JoinSet::new();
    for i in 0..BUSY {
        let ledger = ledger.clone();
        writers.spawn_local(async move {
            for round in 0..CHANGES {
                let detail = format!("round {round}");
                change(&ledger, &busy(i), |store| store.at_step(steps::RELEASE, true, &detail, store.update_time))
                    .await;
            }
        });
    }
    happen(ledger, "store-quiet", Event::DeleteRequested).await;
    happen(ledger, "store-quiet", Event::Removed).await;
    while let Some(written) = within("the writers to end", writers.join_next()).await {
        written.expect("a writer");
    }
    create(ledger, "store-last", "quiet").await;
    happen(ledger, "store-last", Event::GaveUp).await;
}

/// Reads on: all that was on its way is in order, then it is told, and it knows where it was.
async fn is_told(recorder: &mut Recorder, watch: &mut Watch, client: &Client) {
    let read = within("its last word", recorder.read(watch, |_| false)).await;
    let error = read.expect_err("it was too slow");
    assert!(matches!(error, Error::HistoryCompacted(_)), "{error}");
    let last = recorder.watcher().streams[0].messages.last().expect("a message").revision;
    let at = recorder.token().expect("a token");
    assert_eq!(token(at).revision, last);
    assert!(watch.resume_token() == Some(at), "the last token is that of the last message");
    let oldest: u64 = error.cause().and_then(|cause| cause.metadata()).expect("metadata")["oldest_revision"]
        .parse()
        .expect("a number");
    assert!(last < oldest, "{last} is kept, from {oldest} on");
    let again = recorder.open(client).await.expect_err("what it missed is not kept");
    assert!(matches!(again, Error::HistoryCompacted(_)), "{again}");
}

/// Begins anew and sees how everything has ended.
async fn begins_anew(recorder: &mut Recorder, client: &Client) {
    recorder.forget_token();
    let watched = recorder.watch(client, |message| matches!(message.kind, Kind::Synced { .. }));
    within("a snapshot", watched).await.expect("a snapshot");
    let messages = &recorder.watcher().streams.last().expect("a stream").messages;
    let shown = messages.iter().filter_map(|message| match &message.kind {
        Kind::Snapshot(shown) => Some((shown.entry.id.as_str(), shown.entry.state)),
        _ => None,
    });
    let shown: Vec<_> = shown.collect();
    assert!(shown.contains(&("store-last", State::Failed)), "{shown:?}");
    assert!(!shown.iter().any(|(id, _)| *id == "store-quiet"), "{shown:?}");
    assert_eq!(shown.len(), BUSY + 1);
}

async fn read_to_the_last(readers: Vec<Recorder>, server: &Server) -> JoinSet<Recorder> {
    let mut reading = JoinSet::new();
    let mut client = server.client().await;
    for (i, mut recorder) in readers.into_iter().enumerate() {
        if i % 25 == 24 {
            client = server.client().await;
        }
        let client = client.clone();
        let mut watch = recorder.open(&client).await.expect("watch");
        reading.spawn_local(async move {
            let last = |message: &Message| match &message.kind {
                Kind::Changed(shown) => shown.entry.id == "store-last" && shown.entry.state == State::Failed,
                _ => false,
            };
            recorder.read(&mut watch, last).await.expect("all of it");
            recorder
        });
    }
    reading
}

async fn slow_and_fast() {
    let redis = RedisServer::start().await;
    let ledger = ledger(&redis).await;
    for i in 0..BUSY {
        create(&ledger, &busy(i), "busy").await;
        happen(&ledger, &busy(i), Event::Converged).await;
    }
    create(&ledger, "store-quiet", "quiet").await;
    happen(&ledger, "store-quiet", Event::Converged).await;
    let server = ServerOptions::without_cluster(&redis.url()).flag("--probe-interval=0s").start_ready().await;

    let mut reading = read_to_the_last(readers(), &server).await;
    let mut slow = Vec::new();
    for i in 0..SLOW {
        slow.push(stop_reading(&server, i).await);
    }
    let before = server.resident();
    change_much(&ledger).await;
    let mut watched = Vec::new();
    while let Some(recorder) = within("the readers to see the last change", reading.join_next()).await {
        watched.push(recorder.expect("a reader"));
    }
    let grown = server.resident().saturating_sub(before);
    eprintln!("{} MiB before, {} MiB more behind it", before >> 20, grown >> 20);
    assert!(grown < RING + SLOW * COST_OF_ONE, "{grown} bytes more than {before}");

    let client = server.client().await;
    for (mut recorder, mut watch) in slow {
        is_told(&mut recorder, &mut watch, &client).await;
        begins_anew(&mut recorder, &client).await;
        watched.push(recorder);
    }
    let log = read_log(&ledger).await;
    for recorder in &mut watched {
        recorder.watch_all(&client, &log).await.expect("everything is seen");
    }
    let watchers = watched.into_iter().map(Recorder::finish).collect();
    let run = Run { epoch: ledger.epoch().to_string(), log: read_log(&ledger).await, watchers, answers: Vec::new() };
    eprintln!("{}", run.summary());
    run.assert_faultless();
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_and_holds_back_nobody() {
    LocalSet::new().run_until(slow_and_fast()).await;
}
