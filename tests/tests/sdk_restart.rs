//! The client crate across restarts of the server: calls, watches and waits go on by themselves.

mod sdk_rig;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::StreamExt;
use sdk_rig::{Rig, refusal};
use sendstores_client::{
    Client, CreateStore, Error, Event as Seen, Interruption, ResumeToken, RetryPolicy, State, StoreFilter, Watch,
};
use sendstores_core::Event;
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    steps,
    wait::{DEADLINE, until, within},
};

/// Counts the beginnings and the ends of interruptions.
#[derive(Clone, Default)]
struct Interruptions {
    began: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

// === impl Interruptions ===

impl Interruptions {
    /// A client with the defaults.
    async fn client(&self, url: &str) -> Client {
        let counted = self.clone();
        let client = Client::connect(url).await.expect("connect");
        client.on_interruption(move |interruption| {
            let count =
                if matches!(interruption, Interruption::Began { .. }) { &counted.began } else { &counted.ended };
            count.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn counts(&self) -> (usize, usize) {
        (self.began.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst))
    }

    async fn one_began(&self) {
        until("an interruption", async || (self.counts().0 > 0).then_some(())).await;
    }
}

/// The next event that is no heartbeat, as words.
async fn next(watch: &mut Watch) -> String {
    let next = async {
        loop {
            match watch.next().await.expect("an event").expect("no error").event {
                Seen::Heartbeat { .. } => {}
                Seen::Snapshot(store) => return format!("snapshot {} {:?}", store.id, store.state()),
                Seen::Changed(store) => return format!("changed {} {:?}", store.id, store.state()),
                Seen::Removed { id, .. } => return format!("removed {id}"),
                other => return format!("{other:?}"),
            }
        }
    };
    within("an event that is no heartbeat", next).await
}

async fn synced(watch: &mut Watch) {
    let synced = async { while !next(watch).await.starts_with("Synced") {} };
    within("all stores", synced).await;
}

async fn restarted(options: &ServerOptions, server: Server) -> Server {
    let address = server.grpc.to_string();
    server.kill9();
    options.start_at(&address).await
}

#[tokio::test]
async fn a_watch_goes_on_after_its_server_was_killed() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url());
    let server = options.start_ready().await;
    let interruptions = Interruptions::default();
    let client = interruptions.client(&server.url()).await;
    let filter = StoreFilter { states: vec![State::Deleting.into()], ..StoreFilter::default() };
    let mut watch = client.watch(filter).await.expect("open");
    synced(&mut watch).await;
    let (mut server, mut last) = (server, 0);
    for id in ["store-a", "store-b", "store-c"] {
        server = restarted(&options, server).await;
        client.create(CreateStore::new().id(id)).await.expect("created, however often it took");
        client.delete(id).await.expect("accepted");
        // Changes of the stores before may come first: the server writes that it has no cluster.
        let changed = async {
            loop {
                let event = watch.next().await.expect("an event").expect("no error");
                let Seen::Changed(store) = &event.event else { continue };
                assert!(event.revision > last, "a change came twice or late: {event:?}");
                last = event.revision;
                if store.id == id {
                    return;
                }
            }
        };
        within(id, changed).await;
    }
    let (began, ended) = interruptions.counts();
    assert!(began >= 3 && began == ended, "{began} began, {ended} ended");
}

#[tokio::test]
async fn a_call_is_repeated_until_the_server_is_back() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url());
    let server = options.start_ready().await;
    let interruptions = Interruptions::default();
    let client = interruptions.client(&server.url()).await;
    let address = server.grpc.to_string();
    server.kill9();
    let start = async {
        interruptions.one_began().await;
        options.start_at(&address).await
    };
    let (created, _server) = tokio::join!(client.create(CreateStore::new()), start);
    let created = created.expect("created");
    let listed = client.list(StoreFilter::default()).await.expect("listed");
    assert_eq!(listed.stores.iter().map(|store| &store.id).collect::<Vec<_>>(), [&created.id], "one store");
    assert_eq!(interruptions.counts(), (1, 1));
}

#[tokio::test]
async fn a_call_that_finds_no_server_within_its_budget_fails_as_the_last_try_did() {
    let rig = Rig::start().await;
    let policy = RetryPolicy::default().call_budget(std::time::Duration::from_millis(200));
    let client = Client::builder().retry(policy).connect(&rig.url).await.expect("connect");
    drop(rig);
    let error = tokio::time::timeout(DEADLINE, client.get("store-a")).await.expect("in time").expect_err("no server");
    assert!(matches!(error, Error::Transport(_) | Error::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn waits_go_on_after_a_restart() {
    let mut rig = Rig::start().await;
    rig.create("store-a").await;
    let client = Client::connect(&rig.url).await.expect("connect");
    let (interrupted, ready) = (Interruptions::default(), client.clone());
    let waiting = interrupted.client(&rig.url).await;
    let (begun, seen) = (tokio::sync::Notify::new(), std::cell::RefCell::new(Vec::new()));
    let wait = waiting.wait_until_ready("store-a", |store| {
        begun.notify_one();
        seen.borrow_mut().push(store.revision);
    });
    let play = async {
        begun.notified().await;
        rig.at_step("store-a", steps::NAMESPACE, "").await;
        rig.restart().await;
        interrupted.one_began().await;
        rig.at_step("store-a", steps::CREDENTIALS, "").await;
        rig.event("store-a", Event::Converged).await;
    };
    let (waited, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(wait, play) }).await.expect("in time");
    assert_eq!(waited.expect("ready").state(), State::Ready);
    assert_eq!(seen.into_inner(), [1, 2, 3, 4], "every change once and in order");

    ready.delete("store-a").await.expect("accepted");
    let begun = tokio::sync::Notify::new();
    let interrupted = Interruptions::default();
    let waiting = interrupted.client(&rig.url).await;
    let wait = waiting.wait_until_deleted("store-a", |_| begun.notify_one());
    let play = async {
        begun.notified().await;
        rig.restart().await;
        interrupted.one_began().await;
        rig.event("store-a", Event::Removed).await;
    };
    let (gone, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(wait, play) }).await.expect("in time");
    gone.expect("gone");
}

#[tokio::test]
async fn what_a_lost_history_hid_is_reported_as_changes_and_removals() {
    let mut rig = Rig::with_history(4).await;
    for id in ["store-a", "store-b", "store-c", "store-d"] {
        rig.create(id).await;
    }
    let client = Client::connect(&rig.url).await.expect("connect");
    let mut watch = client.watch(StoreFilter::default()).await.expect("open");
    synced(&mut watch).await;
    // The server is away while more changes are made than the log keeps.
    rig.stop().await;
    rig.event("store-b", Event::DeleteRequested).await;
    rig.event("store-b", Event::Removed).await;
    rig.event("store-a", Event::Converged).await;
    for _ in 0..6 {
        rig.at_step("store-c", steps::RELEASE, "again").await;
    }
    rig.restart().await;
    let mut events = Vec::new();
    while events.last().is_none_or(|last: &String| !last.starts_with("Synced")) {
        events.push(next(&mut watch).await);
    }
    let last = events.pop();
    assert!(last.is_some_and(|last| last == "Synced { stores: 3 }"), "{events:?}");
    events.sort_unstable();
    let wanted = ["changed store-a Ready", "changed store-c Provisioning", "removed store-b"];
    assert_eq!(events, wanted, "store-d is as it was");
    rig.event("store-d", Event::Converged).await;
    assert_eq!(next(&mut watch).await, "changed store-d Ready");
}

#[tokio::test]
async fn a_watch_whose_place_is_lost_says_so_and_begins_anew() {
    let rig = Rig::with_history(4).await;
    rig.create("store-a").await;
    let client = Client::connect(&rig.url).await.expect("connect");
    let mut watch = client.watch(StoreFilter::default()).await.expect("open");
    synced(&mut watch).await;
    let token = watch.resume_token().expect("a token").clone();
    drop(watch);
    for _ in 0..10 {
        rig.at_step("store-a", steps::RELEASE, "again").await;
    }
    let mut watch = client.watch_from(StoreFilter::default(), token).await.expect("open");
    let events = [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(events, ["Reset", "snapshot store-a Provisioning", "Synced { stores: 1 }"]);

    let made_up = ResumeToken::from("made up".to_owned());
    let error = refusal(client.watch_from(StoreFilter::default(), made_up).await);
    assert!(matches!(error, Error::InvalidArgument { .. }), "a repetition cannot cure it: {error:?}");
}
