//! The control plane as an operator runs it: two replicas from its chart, reached over a Service with TLS and a token. It
//! makes a store, is rolled while callers call and watchers watch, loses a replica and its Redis' pod, removes the store,
//! and leaves nothing when it is uninstalled.
//!
//! With `SENDSTORES_TEST_LONG=1` it is rolled five times, under 200 watches.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use sendstores_client::{Client, CreateStore, DeleteStore, Error, v1::StoreFilter};
use sendstores_core::ledger::Ledger;
use sendstores_tests::{
    cluster::Cluster,
    identity,
    installed::Installed,
    life::{gone, ready},
    oracle::{Answer, Filter, Recorder, Run, Shown, read_log},
    shop::visit,
    wait::{until, within},
};
use tokio::{
    task::{JoinSet, LocalSet, spawn_blocking},
    time::interval,
};
use tokio_util::sync::CancellationToken;

const ID: &str = "store-in-cluster";
const READERS: usize = 2;
const WRITERS: usize = 2;
/// Between two calls of one caller: the machine has a cluster to run, too.
const PACE: Duration = Duration::from_millis(20);
/// Longer than any run: the oracle wants the whole log.
const HISTORY: u32 = 100_000;

/// What callers have met.
#[derive(Default)]
struct Met {
    answers: RefCell<Vec<Answer>>,
    answered: Cell<usize>,
    repeated: RefCell<Vec<Error>>,
    /// Calls whose second try failed, too.
    failed: RefCell<Vec<(Error, Error)>>,
    stop: CancellationToken,
}

// === impl Met ===

impl Met {
    /// Makes a call, and once again if it fails. A refusal that a caller could have expected is an answer.
    async fn twice<T>(&self, call: impl AsyncFn() -> Result<T, Error>) -> Option<T> {
        let expected = |error: &Error| matches!(error, Error::NotFound(_) | Error::AlreadyExists(_));
        let first = match call().await {
            Ok(answer) => return self.answer(Some(answer)),
            Err(error) if expected(&error) => return self.answer(None),
            Err(error) => error,
        };
        let second = call().await;
        self.repeated.borrow_mut().push(first.clone());
        match second {
            Ok(answer) => self.answer(Some(answer)),
            Err(error) if expected(&error) => self.answer(None),
            Err(second) => {
                self.failed.borrow_mut().push((first, second));
                None
            }
        }
    }

    fn answer<T>(&self, answer: Option<T>) -> Option<T> {
        self.answered.set(self.answered.get() + 1);
        answer
    }
}

async fn keep_reading(met: Rc<Met>, client: Client) {
    let mut pace = interval(PACE);
    while !met.stop.is_cancelled() {
        pace.tick().await;
        met.twice(async || client.get(ID).await).await;
        met.twice(async || client.list(StoreFilter::default()).await).await;
    }
}

/// Creates a store and takes it back at once, again and again.
async fn keep_writing(met: Rc<Met>, client: Client, writer: usize) {
    let mut pace = interval(PACE);
    for i in 0.. {
        let (id, request) = (format!("store-roll-{writer}-{i}"), format!("{writer}-{i}"));
        let create = CreateStore::new().id(&id).request_id(&request);
        if let Some(store) = met.twice(async || client.create(create.clone()).await).await {
            met.answers.borrow_mut().push(Answer { request_id: request.clone(), shown: Shown::from(&store) });
        }
        let delete = DeleteStore::new(&id).request_id(format!("{request}-delete"));
        met.twice(async || client.delete(delete.clone()).await).await;
        while met.twice(async || client.get(&id).await).await.is_some() {
            pace.tick().await;
        }
        if met.stop.is_cancelled() {
            return;
        }
    }
}

/// Watches, and goes on where it was when a replica goes.
async fn keep_watching(client: Client, mut recorder: Recorder, stop: CancellationToken) -> Recorder {
    let mut pace = interval(PACE);
    loop {
        pace.tick().await;
        let ended = tokio::select! {
            ended = recorder.watch(&client, |_| false) => ended,
            () = stop.cancelled() => return recorder,
        };
        let error = ended.expect_err("a stream ends with a reason");
        assert!(error.retryable(), "{error:?}");
    }
}

fn is_long() -> bool {
    std::env::var("SENDSTORES_TEST_LONG").as_deref() == Ok("1")
}

/// Rolls while callers call.
async fn rolled(plane: &Arc<Installed>) -> Vec<Answer> {
    let met = Rc::new(Met::default());
    let mut callers = JoinSet::new();
    for _ in 0..READERS {
        callers.spawn_local(keep_reading(met.clone(), plane.client().await));
    }
    for writer in 0..WRITERS {
        callers.spawn_local(keep_writing(met.clone(), plane.client().await, writer));
    }
    for _ in 0..if is_long() { 5 } else { 1 } {
        let (plane, before) = (plane.clone(), plane.replicas());
        let after = spawn_blocking(move || {
            plane.roll();
            plane.replicas()
        });
        let after = after.await.expect("it is rolled");
        assert!(after.iter().all(|pod| !before.contains(pod)), "{before:?} became {after:?}");
    }
    met.stop.cancel();
    while let Some(ended) = within("the callers to end", callers.join_next()).await {
        ended.expect("a caller");
    }
    let (repeated, failed) = (met.repeated.take(), met.failed.take());
    eprintln!("{} calls answered, {} at the second try", met.answered.get(), repeated.len());
    assert!(failed.is_empty(), "{} calls failed twice: {:?}", failed.len(), failed.first());
    assert!(repeated.iter().all(Error::retryable), "{repeated:?}");
    met.answers.take()
}

/// One replica ends without a word, and then Redis does: others come in their place, with everything.
async fn bereft(plane: &Installed, client: &Client) {
    let before = plane.replicas();
    plane.kill(&before[0]);
    until("another replica in its place", async || {
        let now = plane.replicas();
        (now.len() == 2 && !now.contains(&before[0])).then_some(())
    })
    .await;
    let redis = plane.redis();
    plane.kill("sendstores-redis-0");
    until("another Redis in its place", async || plane.redis().filter(|now| Some(now) != redis.as_ref())).await;
    until("the store, as Redis has it", async || client.get(ID).await.ok()).await;
}

async fn watched(plane: &Arc<Installed>, client: &Client) {
    let (stop, mut watchers) = (CancellationToken::new(), JoinSet::new());
    let only = Filter { ids: vec![ID.to_owned()], ..Filter::default() };
    for i in 0..if is_long() { 200 } else { 8 } {
        let filter = if i % 2 == 0 { Filter::default() } else { only.clone() };
        let recorder = Recorder::new(format!("watcher {i}"), filter);
        watchers.spawn_local(keep_watching(plane.client().await, recorder, stop.clone()));
    }
    let answers = rolled(plane).await;
    bereft(plane, client).await;
    stop.cancel();
    let mut recorders = Vec::new();
    while let Some(watched) = within("the watchers to end", watchers.join_next()).await {
        recorders.push(watched.expect("a watcher"));
    }

    let far = plane.ledger(HISTORY).await;
    let mut run = Run { epoch: far.ledger.epoch().to_string(), answers, ..Run::default() };
    let log = read_log(&far.ledger).await;
    for mut recorder in recorders {
        recorder.watch_all(client, &log).await.expect("everything is seen");
        run.watchers.push(recorder.finish());
    }
    run.log = read_log(&far.ledger).await;
    eprintln!("{}", run.summary());
    assert!(run.watchers.iter().all(|watcher| watcher.streams.len() > 1), "a replica went under each watcher");
    run.assert_faultless();
}

async fn from_install_to_nothing_left() {
    let cluster = Cluster::full();
    let namespace = format!("in-cluster-{}", std::process::id());
    let plane = Arc::new(Installed::install(&cluster, &namespace));
    assert_eq!(plane.replicas().len(), 2);
    let client = plane.client().await;
    client.create(CreateStore::new().id(ID)).await.expect("create");
    let store = ready(&client, ID).await;
    assert_eq!(visit(&store.url, "/shop/").await.0, 200);

    watched(&plane, &client).await;
    let token = plane.server_command(&["token", "create", "--name", "alice", "--role", "reader"]);
    let alice = plane.client_with(token.trim()).await;
    until("the token that was made in a pod", async || alice.get(ID).await.ok()).await;

    client.delete(ID).await.expect("delete");
    gone(&cluster, &client, ID).await;
    until("all stores to be gone", async || {
        let stores = client.list(StoreFilter::default()).await.ok()?.stores;
        stores.is_empty().then_some(())
    })
    .await;
    let (seen, granted) = (plane.seen(), identity::granted(&cluster, &namespace));
    assert_eq!(seen.refused, Vec::<String>::new(), "what it was refused");
    assert_eq!(seen.used.difference(&granted).collect::<Vec<_>>(), Vec::<&String>::new(), "used and not granted");
    plane.uninstall().await;
}

#[tokio::test]
async fn replicas_in_the_cluster_are_rolled_and_killed_and_nobody_misses_anything() {
    LocalSet::new().run_until(from_install_to_nothing_left()).await;
}
