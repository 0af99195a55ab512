//! Three replicas on one Redis are killed again and again while writers write and watchers come and go. In the end the
//! oracle judges what everybody was told: nothing lost, nothing twice, nothing out of order.
//!
//! There is no cluster; the test plays a fourth replica, which brings about in the ledger what a cluster would have.
//! `SENDSTORES_CHAOS_SEED` repeats a run's choices (not its timing), `SENDSTORES_CHAOS_CYCLES` makes it longer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_client::{
    Client, CreateStore, DeleteStore, Error, RetryPolicy,
    v1::{Store, store::State as Shows},
};
use sendstores_core::{
    Event, State, StoreId,
    ledger::{Ledger, LedgerError},
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{settled, update},
    oracle::{Answer, Filter, Recorder, Run, Shown, read_log},
    redis::RedisServer,
    server::{Server, ServerOptions},
    steps,
    wait::{until, within},
};
use tokio::task::{JoinSet, LocalSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

const REPLICAS: usize = 3;
const WRITERS: u64 = 3;
/// Ids of one writer; few, so that they are used again and again.
const IDS: usize = 12;
const CYCLES: usize = 24;
/// What must have happened before the next replica is killed.
const ANSWERS: usize = 15;
const MESSAGES: usize = 100;
/// How often a long run says where it is.
const PROGRESS: usize = 50;
/// Longer than any run: the oracle wants the whole log.
const HISTORY: u32 = 10_000_000;

/// What everybody shares. Clones are the same.
#[derive(Clone)]
struct World {
    /// Where each replica listens, while it is ready.
    replicas: Arc<Mutex<[Option<String>; REPLICAS]>>,
    ledger: RedisLedger,
    answers: Arc<Mutex<Vec<Answer>>>,
    messages: Arc<AtomicUsize>,
    /// Replicas that were killed, and that were asked to stop.
    killed: Arc<AtomicUsize>,
    stopped: Arc<AtomicUsize>,
    stop: CancellationToken,
}

// === impl World ===

impl World {
    async fn new(redis: &RedisServer) -> Self {
        let history = HISTORY.try_into().expect("not zero");
        let config = RedisConfig { history, ..RedisConfig::new(redis.url()) };
        Self {
            replicas: Arc::default(),
            ledger: RedisLedger::connect(config).await.expect("a ledger"),
            answers: Arc::default(),
            messages: Arc::default(),
            killed: Arc::default(),
            stopped: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    fn publish(&self, replica: usize, url: Option<String>) {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)[replica] = url;
    }

    /// Any replica that is ready, or was a moment ago.
    async fn client(&self, random: &mut StdRng) -> Client {
        until("a replica to be reached", async || {
            let urls: Vec<_> =
                self.replicas.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect();
            let url = urls.get(random.random_range(0..urls.len().max(1)))?;
            Client::builder().retry(RetryPolicy::none()).connect(url).await.ok()
        })
        .await
    }

    fn answer(&self, request_id: &str, store: &Store) {
        let answer = Answer { request_id: request_id.to_owned(), shown: Shown::from(store) };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    fn answered(&self) -> usize {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A call of a writer, with all that makes it the same when it is repeated.
#[derive(Clone)]
enum Call {
    Create(Box<CreateStore>),
    Delete(DeleteStore),
}

// === impl Call ===

impl Call {
    fn any(writer: u64, request_id: &str, random: &mut StdRng) -> Self {
        let id = format!("store-{writer}-{}", random.random_range(0..IDS));
        if random.random_bool(0.4) {
            return Self::Delete(DeleteStore::new(id).request_id(request_id));
        }
        let tenant = ["acme", "other"][random.random_range(0..2)];
        let team = ["a", "b"][random.random_range(0..2)];
        let create = CreateStore::new().id(id).request_id(request_id).tenant(tenant).label("team", team);
        Self::Create(Box::new(create))
    }

    async fn make(&self, client: &Client) -> Result<Option<Store>, Error> {
        match self.clone() {
            Self::Create(create) => client.create(*create).await.map(Some),
            Self::Delete(delete) => client.delete(delete).await,
        }
    }

    /// Makes the call until it is answered, at whatever replica; the answer may be a refusal.
    async fn settle(&self, world: &World, random: &mut StdRng) -> Result<Option<Store>, Error> {
        let settled = async {
            loop {
                let client = world.client(random).await;
                match self.make(&client).await {
                    Err(error) if error.retryable() => {}
                    answered => return answered,
                }
            }
        };
        within("a call to be answered", settled).await
    }
}

async fn write(world: World, writer: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for i in 0_u64.. {
        if world.stop.is_cancelled() {
            return;
        }
        let request_id = format!("{writer}-{i}");
        let call = Call::any(writer, &request_id, &mut random);
        // An id that is taken, or a store that is not there: nothing was written.
        let Ok(Some(store)) = call.settle(&world, &mut random).await else { continue };
        world.answer(&request_id, &store);
        if random.random_bool(0.2) {
            let again = call.settle(&world, &mut random).await.expect("the first answer").expect("a store");
            world.answer(&request_id, &again);
        }
    }
}

/// Brings about what a cluster would have: steps, READY, DEGRADED and the end of what is deleted.
async fn play(world: World, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    while !world.stop.is_cancelled() {
        let id = format!("store-{}-{}", random.random_range(0..WRITERS), random.random_range(0..IDS));
        let id: StoreId = id.parse().expect("valid");
        let found = settled(async || world.ledger.load(&id).await).await;
        let Some(store) = found.expect("an answer") else { continue };
        let now = SystemTime::now().into();
        let next = match (store.state, random.random_range(0..3)) {
            (State::Provisioning, 0) => store.at_step(steps::RELEASE, true, "installing", now),
            (State::Provisioning, 1) | (State::Degraded, _) => store.after(Event::Converged, now).expect("legal"),
            (State::Provisioning, _) => store.after(Event::GaveUp, now).expect("legal"),
            (State::Ready, _) => store.after(Event::ProbeFailed, now).expect("legal"),
            (State::Deleting, _) => store.after(Event::Removed, now).expect("legal"),
            _ => continue,
        };
        match world.ledger.write(update(&next)).await {
            Ok(_) | Err(LedgerError::Conflict(_) | LedgerError::Unavailable(_)) => {}
            Err(error) => panic!("{id}: {error}"),
        }
    }
}

/// Watches at one replica after another, leaving whenever it likes, until all is quiet and everything was seen.
async fn watch(world: World, mut recorder: Recorder, seed: u64) -> Recorder {
    let mut random = StdRng::seed_from_u64(seed);
    while !world.stop.is_cancelled() {
        let client = world.client(&mut random).await;
        let mut patience = random.random_range(1..60);
        let stream = recorder.watch(&client, |_| {
            world.messages.fetch_add(1, Ordering::Relaxed);
            patience -= 1;
            patience == 0
        });
        tokio::select! {
            ended = stream => passing(ended),
            () = world.stop.cancelled() => {}
        }
    }
    recorder
}

/// A replica that went away is no surprise; a history that does not reach back would be.
fn passing(ended: Result<(), Error>) {
    if let Err(error) = ended {
        assert!(error.retryable(), "{error:?}");
    }
}

fn filters() -> Vec<(&'static str, Filter)> {
    let states = |states: &[Shows]| Filter { states: states.to_vec(), ..Filter::default() };
    let label = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    let ids = (0..3).map(|i| format!("store-0-{i}")).collect();
    vec![
        ("all", Filter::default()),
        ("all, too", Filter::default()),
        ("acme", Filter { tenant: "acme".to_owned(), ..Filter::default() }),
        ("label", Filter { labels: label.clone(), ..Filter::default() }),
        ("ids", Filter { ids, ..Filter::default() }),
        ("provisioning", states(&[Shows::Provisioning])),
        ("alive", states(&[Shows::Provisioning, Shows::Ready, Shows::Degraded])),
        ("wrong", states(&[Shows::Failed, Shows::Degraded])),
        ("gone", states(&[Shows::Deleted])),
        ("acme's going", Filter { tenant: "acme".to_owned(), labels: label, ..states(&[Shows::Deleting]) }),
    ]
}

/// Kills one replica after the other, each time when enough has happened since the last.
async fn torment(world: &World, options: &ServerOptions, cycles: usize, random: &mut StdRng) -> Vec<Server> {
    let mut servers: Vec<Option<Server>> = (0..REPLICAS).map(|_| None).collect();
    for cycle in 0..REPLICAS + cycles {
        let replica = if cycle < REPLICAS { cycle } else { random.random_range(0..REPLICAS) };
        if let Some(server) = servers[replica].take() {
            let (answers, messages) = (world.answered() + ANSWERS, world.messages.load(Ordering::Relaxed) + MESSAGES);
            until("something to happen", async || {
                let enough = world.answered() >= answers && world.messages.load(Ordering::Relaxed) >= messages;
                enough.then_some(())
            })
            .await;
            // Some find out for themselves that it is gone.
            if random.random_bool(0.5) {
                world.publish(replica, None);
            }
            if random.random_bool(0.8) {
                world.killed.fetch_add(1, Ordering::Relaxed);
                server.kill9();
            } else {
                world.stopped.fetch_add(1, Ordering::Relaxed);
                let ended = spawn_blocking(move || server.terminate(Duration::from_secs(60)).0);
                assert!(ended.await.expect("its end").success(), "a server that is asked to stop ends well");
            }
        }
        let server = options.start_ready().await;
        world.publish(replica, Some(server.url()));
        servers[replica] = Some(server);
        if cycle % PROGRESS == PROGRESS - 1 {
            let (answers, messages) = (world.answered(), world.messages.load(Ordering::Relaxed));
            eprintln!("{} replicas replaced, {answers} answers, {messages} messages", cycle + 1 - REPLICAS);
        }
    }
    servers.into_iter().flatten().collect()
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_reordered_while_replicas_die() {
    LocalSet::new().run_until(chaos()).await;
}

async fn chaos() {
    let seed: u64 = setting("SENDSTORES_CHAOS_SEED").unwrap_or_else(rand::random);
    let cycles = setting("SENDSTORES_CHAOS_CYCLES").unwrap_or(CYCLES);
    eprintln!("SENDSTORES_CHAOS_SEED={seed} SENDSTORES_CHAOS_CYCLES={cycles}");
    let mut random = StdRng::seed_from_u64(seed);
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).flag(format!("--history={HISTORY}"));
    let world = World::new(&redis).await;

    let (mut workers, mut watchers) = (JoinSet::new(), JoinSet::new());
    for writer in 0..WRITERS {
        workers.spawn_local(write(world.clone(), writer, random.random()));
    }
    workers.spawn_local(play(world.clone(), random.random()));
    for (name, filter) in filters() {
        watchers.spawn_local(watch(world.clone(), Recorder::new(name, filter), random.random()));
    }
    let servers = torment(&world, &options, cycles, &mut random).await;
    world.stop.cancel();
    while let Some(ended) = within("the workers to end", workers.join_next()).await {
        ended.expect("a worker");
    }
    let log = read_log(&world.ledger).await;
    let mut run = Run { epoch: world.ledger.epoch().to_string(), ..Run::default() };
    while let Some(watched) = within("the watchers to end", watchers.join_next()).await {
        let mut recorder = watched.expect("a watcher");
        let client = world.client(&mut random).await;
        recorder.watch_all(&client, &log).await.expect("everything is seen");
        run.watchers.push(recorder.finish());
    }
    // Replicas go on to write that there is no cluster.
    run.log = read_log(&world.ledger).await;
    run.answers = std::mem::take(&mut *world.answers.lock().unwrap_or_else(PoisonError::into_inner));
    drop(servers);
    let counted = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    eprintln!("{} replicas killed, {} stopped; {}", counted(&world.killed), counted(&world.stopped), run.summary());
    run.assert_faultless();
}
