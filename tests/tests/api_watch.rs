//! WatchStatus over kills, restarts and a trimmed log: real servers, a real Redis. The test plays the other replica and
//! writes to the ledger what a cluster would have brought about. The oracle judges what was seen.

use std::{collections::BTreeMap, num::NonZeroU32};

use futures::StreamExt;
use sendstores_client::{
    Client, CreateStore, Error, ResumeToken,
    v1::{StoreFilter, store::State},
};
use sendstores_core::{Event, Labels, Revision, Store, ledger::Ledger};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{change, create, happen},
    oracle::{Filter, Recorder, Run, read_log, token},
    redis::RedisServer,
    server::ServerOptions,
    steps,
    wait::within,
};

/// A server that leaves READY stores alone.
fn options(redis: &RedisServer) -> ServerOptions {
    ServerOptions::without_cluster(&redis.url()).flag("--probe-interval=0s")
}

async fn another_replica(redis: &RedisServer, history: u32) -> RedisLedger {
    let history = NonZeroU32::new(history).expect("not zero");
    RedisLedger::connect(RedisConfig { history, ..RedisConfig::new(redis.url()) }).await.expect("a ledger")
}

fn filters() -> Vec<(&'static str, Filter)> {
    let states = |states: &[State]| Filter { states: states.to_vec(), ..Filter::default() };
    let label = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    vec![
        ("all", Filter::default()),
        ("acme", Filter { tenant: "acme".to_owned(), ..Filter::default() }),
        ("label", Filter { labels: label, ..Filter::default() }),
        ("id", Filter { ids: vec!["store-a".to_owned(), "store-none".to_owned()], ..Filter::default() }),
        ("provisioning", states(&[State::Provisioning])),
        ("ready", states(&[State::Ready])),
        ("alive", states(&[State::Provisioning, State::Ready])),
        ("going", states(&[State::Deleting])),
        ("gone", states(&[State::Deleted])),
        ("acme's ready", Filter { tenant: "acme".to_owned(), ..states(&[State::Ready]) }),
    ]
}

/// Everybody watches until all that is in the log was seen.
async fn watch_all(recorders: &mut [Recorder], client: &Client, ledger: &RedisLedger) {
    let log = read_log(ledger).await;
    for recorder in recorders {
        recorder.watch_all(client, &log).await.expect("no error");
    }
}

async fn judge(recorders: Vec<Recorder>, ledger: &RedisLedger) {
    let log = read_log(ledger).await;
    // Whoever came to a revision has seen all up to it; the log goes on, because the stores are tried again and again.
    let watchers = recorders.into_iter().map(Recorder::finish).collect();
    let run = Run { epoch: ledger.epoch().to_string(), log, watchers, answers: Vec::new() };
    run.assert_faultless();
}

async fn relabel(ledger: &RedisLedger, id: &str, team: &str) {
    let labels = Labels::parse([("team".to_owned(), team.to_owned())]).expect("valid");
    change(ledger, id, |store| Store { labels: labels.clone(), ..store.clone() }).await;
}

#[tokio::test]
async fn a_token_is_good_on_a_replica_that_has_just_started() {
    let redis = RedisServer::start().await;
    let ledger = another_replica(&redis, 100_000).await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let mut recorders: Vec<_> = filters().into_iter().map(|(name, filter)| Recorder::new(name, filter)).collect();
    create(&ledger, "store-old", "acme").await;
    happen(&ledger, "store-old", Event::Converged).await;
    for (id, tenant) in [("store-a", "acme"), ("store-b", "other"), ("store-c", "acme")] {
        client.create(CreateStore::new().id(id).tenant(tenant).label("team", "a")).await.expect("create");
    }
    watch_all(&mut recorders, &client, &ledger).await;
    happen(&ledger, "store-b", Event::Converged).await;
    watch_all(&mut recorders, &client, &ledger).await;

    server.kill9();
    // What leaves a filter while nobody is there, and what comes and goes.
    happen(&ledger, "store-a", Event::Converged).await;
    happen(&ledger, "store-old", Event::DeleteRequested).await;
    relabel(&ledger, "store-c", "b").await;
    relabel(&ledger, "store-old", "b").await;
    relabel(&ledger, "store-old", "a").await;
    happen(&ledger, "store-b", Event::DeleteRequested).await;
    happen(&ledger, "store-b", Event::Removed).await;
    create(&ledger, "store-b", "acme").await;
    happen(&ledger, "store-b", Event::Converged).await;
    change(&ledger, "store-c", |store| store.at_step(steps::RELEASE, true, "installing", store.update_time)).await;
    create(&ledger, "store-short", "other").await;
    happen(&ledger, "store-short", Event::DeleteRequested).await;
    happen(&ledger, "store-short", Event::Removed).await;

    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    relabel(&ledger, "store-a", "b").await;
    happen(&ledger, "store-old", Event::Removed).await;
    happen(&ledger, "store-c", Event::Converged).await;
    client.create(CreateStore::new().id("store-d").tenant("acme")).await.expect("create");
    watch_all(&mut recorders, &client, &ledger).await;
    judge(recorders, &ledger).await;
    drop(server);
}

/// One token behind each change of store-a up to the log's end.
async fn tokens(client: &Client, ledger: &RedisLedger) -> BTreeMap<u64, ResumeToken> {
    let mut tokens = BTreeMap::new();
    let mut watch = client.watch(StoreFilter::default()).await.expect("watch");
    for _ in 0..20 {
        // One by one: the log is so short that a server which pauses for ten of them has lost its place.
        let again = |store: &Store| store.at_step(steps::RELEASE, true, "again", store.update_time);
        let changed = change(ledger, "store-a", again).await.revision.0;
        within("the change to be seen", async {
            while tokens.last_key_value().is_none_or(|(last, _)| *last < changed) {
                let event = watch.next().await.expect("not the end").expect("an event");
                tokens.extend(event.resume_token.map(|token| (event.revision, token)));
            }
        })
        .await;
    }
    tokens
}

#[tokio::test]
async fn a_token_from_before_the_trimmed_log_is_told_from_where_it_could_go_on() {
    let redis = RedisServer::start().await;
    // The last of these trims the log to ten changes.
    let ledger = another_replica(&redis, 10).await;
    create(&ledger, "store-a", "acme").await;
    happen(&ledger, "store-a", Event::Converged).await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let tokens = tokens(&client, &ledger).await;
    let end = ledger.last_revision().await.expect("a revision");
    let oldest = end.back(10);

    // This server has seen more than the log holds.
    let mut watch = client.watch_from(StoreFilter::default(), tokens[&(oldest.0 - 5)].clone()).await.expect("resume");
    assert_eq!(watch.next().await.expect("not the end").expect("an event").revision, oldest.0 - 4);
    server.kill9();

    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    for (revision, kept) in [(oldest.0 - 5, false), (oldest.0 - 1, false), (oldest.0, true), (end.0 - 1, true)] {
        let resumed = client.watch_from(StoreFilter::default(), tokens[&revision].clone()).await;
        if kept {
            let event = resumed.expect("resume").next().await.expect("not the end").expect("an event");
            assert_eq!(event.revision, revision + 1);
        } else {
            let error = resumed.expect_err("refused");
            assert!(matches!(error, Error::HistoryCompacted(_)), "{revision}: {error}");
            assert_eq!(oldest_revision(&error), oldest, "{revision}");
        }
    }
}

fn oldest_revision(error: &Error) -> Revision {
    let status = error.status().expect("a status");
    let info = tonic_types::StatusExt::get_details_error_info(status).expect("an ErrorInfo");
    Revision(info.metadata["oldest_revision"].parse().expect("a number"))
}

/// An older copy is put in the place of what Redis had, and every server begins anew: only the token says what is missing.
#[tokio::test]
async fn a_token_of_changes_that_a_restored_copy_lacks_is_refused() {
    let mut redis = RedisServer::start().await;
    let ledger = another_replica(&redis, 1_000).await;
    create(&ledger, "store-a", "acme").await;
    happen(&ledger, "store-a", Event::Converged).await;
    let copy = redis.backup().await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let token = tokens(&client, &another_replica(&redis, 1_000).await).await.pop_last().expect("a token").1;
    server.kill9();

    redis.restore(&copy).await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let error = client.watch_from(StoreFilter::default(), token).await.expect_err("refused");
    assert!(matches!(error, Error::HistoryCompacted(_)), "{error}");
    let list = client.list(StoreFilter::default()).await.expect("it serves what the copy has");
    assert_eq!(list.stores.len(), 1);
}

/// A history that an older version wrote does not say what the stores were before.
#[tokio::test]
async fn a_change_that_does_not_say_what_was_before_is_not_gone_on_over() {
    let redis = RedisServer::start().await;
    let ledger = another_replica(&redis, 1_000).await;
    create(&ledger, "store-a", "acme").await;
    happen(&ledger, "store-a", Event::Converged).await;
    let server = options(&redis).start_ready().await;
    let tokens = tokens(&server.client().await, &ledger).await;
    server.kill9();
    let (end, log) = (ledger.last_revision().await.expect("a revision"), "{sendstores}:log");
    // The third from the end loses that field, and keeps its place.
    let changed = end.0 - 3;
    let epoch = ledger.epoch();
    let mut entries = Vec::new();
    for revision in changed..=end.0 {
        entries.push((format!("{revision}-0"), record_at(&redis, revision).await));
    }
    for (id, _) in &entries {
        redis.cli(["XDEL", log, id]).await;
    }
    redis.cli(["XSETID", log, &format!("{}-0", changed - 1)]).await;
    for (i, (id, record)) in entries.iter().enumerate() {
        let before: &[&str] = if i == 0 { &[] } else { &["before", "READY"] };
        let fields = [&["XADD", log, id, "epoch", epoch.as_str(), "record", record], before].concat();
        redis.cli(fields).await;
    }
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    let error = client.watch_from(StoreFilter::default(), tokens[&(changed - 1)].clone()).await.expect_err("refused");
    assert_eq!(oldest_revision(&error), Revision(changed));
    let mut watch = client.watch_from(StoreFilter::default(), tokens[&changed].clone()).await.expect("resume");
    assert_eq!(watch.next().await.expect("not the end").expect("an event").revision, changed + 1);
    assert_eq!(token(watch.resume_token().expect("a token")).revision, changed + 1);
}

/// The record in the log, as it is stored.
async fn record_at(redis: &RedisServer, revision: u64) -> String {
    let id = format!("{revision}-0");
    let entry = redis.cli(["--json", "XRANGE", "{sendstores}:log", &id, &id]).await;
    let entry: serde_json::Value = serde_json::from_str(&entry).expect("JSON");
    let fields = entry[0][1].as_array().expect("fields");
    let record = fields.iter().position(|field| field == "record").expect("a record");
    fields[record + 1].as_str().expect("text").to_owned()
}
