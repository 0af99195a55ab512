//! Three replicas on one Redis are replaced one after the other while callers call and watchers watch. A caller repeats a
//! call that failed once, at another replica, and that is enough; the oracle judges what watchers and writers were told.
//!
//! The same between two versions, forth and back: the program of an earlier commit is built for that, so it is done only
//! with `SENDSTORES_TEST_LONG=1`.
//!
//! `SENDSTORES_CHAOS_SEED` repeats a run's choices (not its timing), `SENDSTORES_CHAOS_CYCLES` is how often all are replaced.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_client::{
    ChangeStore, Client, CreateStore, DeleteStore, Error,
    v1::{Store, StoreFilter, store::State as Shows},
};
use sendstores_core::{Event, ledger::Ledger, tenant::TenantEvent};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{apply, create, declaration, happen, tenant_event},
    oracle::{Answer, Filter, Recorder, Run, Shown, read_log},
    previous::previous_server,
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::{DEADLINE, until, within},
};
use tokio::task::{JoinSet, LocalSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

const REPLICAS: usize = 3;
const CALLERS: u64 = 8;
const IDS: usize = 6;
/// Stores that are suspended and resumed, and never deleted.
const SUSPENDED: usize = 3;
const ROUNDS: usize = 3;
/// Answers that must have come before the next replica is stopped, and while it is gone.
const ANSWERS: usize = 60;
/// Longer than any run: the oracle wants the whole log.
const HISTORY: u32 = 10_000_000;

/// What everybody shares.
struct World {
    /// A connection to each replica; made anew when the replica was replaced, and only then: callers find out for
    /// themselves that one is gone.
    replicas: RefCell<Vec<Client>>,
    answers: RefCell<Vec<Answer>>,
    answered: Cell<usize>,
    /// Calls whose first try failed, by what it failed with.
    repeated: RefCell<Vec<Error>>,
    /// Calls whose second try failed, too.
    failed: RefCell<Vec<(Error, Error)>>,
    stop: CancellationToken,
}

/// A call, with all that makes it the same when it is repeated.
#[derive(Clone)]
enum Call {
    Create(Box<CreateStore>),
    Delete(DeleteStore),
    Get(String),
    List,
    Suspend(ChangeStore),
    Resume(ChangeStore),
}

// === impl Call ===

impl Call {
    fn any(caller: u64, request_id: &str, random: &mut StdRng) -> Self {
        let id = format!("store-{caller}-{}", random.random_range(0..IDS));
        match random.random_range(0..10) {
            0..3 => Self::Create(Box::new(CreateStore::new().id(id).request_id(request_id).tenant("acme"))),
            3..5 => Self::Delete(DeleteStore::new(id).request_id(request_id)),
            5..9 => Self::Get(id),
            _ => Self::List,
        }
    }

    /// A refusal that a caller could have expected is an answer.
    async fn make(&self, client: &Client) -> Result<Option<Store>, Error> {
        let answered = match self.clone() {
            Self::Create(create) => client.create(*create).await.map(Some),
            Self::Delete(delete) => client.delete(delete).await,
            Self::Get(id) => client.get(id).await.map(|_| None),
            Self::List => client.list(StoreFilter::default()).await.map(|_| None),
            Self::Suspend(change) => client.suspend(change).await.map(Some),
            Self::Resume(change) => client.resume(change).await.map(Some),
        };
        match answered {
            Err(Error::NotFound(_) | Error::AlreadyExists(_)) => Ok(None),
            answered => answered,
        }
    }
}

// === impl World ===

impl World {
    fn new(replicas: Vec<Client>) -> Self {
        Self {
            replicas: RefCell::new(replicas),
            answers: RefCell::default(),
            answered: Cell::default(),
            repeated: RefCell::default(),
            failed: RefCell::default(),
            stop: CancellationToken::new(),
        }
    }

    fn client(&self, replica: usize) -> Client {
        self.replicas.borrow()[replica % REPLICAS].clone()
    }

    /// Makes a call at any replica, and once again at the next one.
    async fn call(&self, call: &Call, random: &mut StdRng) -> Option<Store> {
        let replica = random.random_range(0..REPLICAS);
        let first = match call.make(&self.client(replica)).await {
            Ok(answer) => return self.answer(answer),
            Err(error) => error,
        };
        match call.make(&self.client(replica + 1)).await {
            Ok(answer) => {
                self.repeated.borrow_mut().push(first);
                self.answer(answer)
            }
            Err(second) => {
                self.failed.borrow_mut().push((first, second));
                None
            }
        }
    }

    fn answer(&self, answer: Option<Store>) -> Option<Store> {
        self.answered.set(self.answered.get() + 1);
        answer
    }

    async fn more_answers(&self) {
        let enough = self.answered.get() + ANSWERS;
        until("answers", async || (self.answered.get() >= enough).then_some(())).await;
    }
}

async fn keep_calling(world: Rc<World>, caller: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for i in 0_u64.. {
        if world.stop.is_cancelled() {
            return;
        }
        let request_id = format!("{caller}-{i}");
        let call = Call::any(caller, &request_id, &mut random);
        if let Some(store) = world.call(&call, &mut random).await {
            world.answers.borrow_mut().push(Answer { request_id, shown: Shown::from(&store) });
        }
    }
}

/// Suspends and resumes a store. What the cluster does about it, another replica has written: there is no cluster here.
async fn keep_suspending(world: Rc<World>, ledger: RedisLedger, id: String, seed: u64) {
    create(&ledger, &id, "acme").await;
    happen(&ledger, &id, Event::Converged).await;
    let mut random = StdRng::seed_from_u64(seed);
    for i in 0_u64.. {
        if world.stop.is_cancelled() {
            return;
        }
        let request_id = format!("{id}-{i}");
        let change = ChangeStore::new(&id).request_id(&request_id);
        let call = if i % 2 == 0 { Call::Suspend(change) } else { Call::Resume(change) };
        // Two failures in a row end the test; `judge` names them.
        let Some(store) = world.call(&call, &mut random).await else { return };
        world.answers.borrow_mut().push(Answer { request_id, shown: Shown::from(&store) });
        happen(&ledger, &id, Event::Converged).await;
    }
}

/// Whether a server has the calls of a suspension, which came later than others.
async fn knows_suspensions(client: &Client) -> bool {
    matches!(client.suspend("store-none").await, Err(Error::NotFound(_)))
}

/// Watches at one replica, and goes on at the next when it is told to, or the connection broke.
async fn keep_watching(world: Rc<World>, mut recorder: Recorder, first: usize) -> Recorder {
    for replica in first.. {
        let client = world.client(replica);
        let ended = tokio::select! {
            ended = recorder.watch(&client, |_| false) => ended,
            () = world.stop.cancelled() => return recorder,
        };
        let error = ended.expect_err("a stream ends with a reason");
        assert!(error.retryable(), "{error:?}");
    }
    recorder
}

fn recorders() -> Vec<Recorder> {
    let states = |states: &[Shows]| Filter { states: states.to_vec(), ..Filter::default() };
    let filters = [
        Filter::default(),
        Filter { tenant: "acme".to_owned(), ..Filter::default() },
        Filter { ids: vec!["store-0-0".to_owned(), "store-1-1".to_owned()], ..Filter::default() },
        states(&[Shows::Provisioning]),
        states(&[Shows::Deleting]),
    ];
    (0..15).map(|i| Recorder::new(format!("watcher {i}"), filters[i % filters.len()].clone())).collect()
}

/// Stops each replica in turn while the others serve, and starts another in its place.
async fn roll(world: &World, options: &ServerOptions, servers: &mut [Server]) {
    for (i, place) in servers.iter_mut().enumerate() {
        world.more_answers().await;
        let new = options.start_ready().await;
        let old = std::mem::replace(place, new);
        let ended = spawn_blocking(move || old.terminate(DEADLINE).0);
        assert!(ended.await.expect("its end").success(), "a server that is asked to stop ends well");
        world.more_answers().await;
        let client = place.client().await;
        world.replicas.borrow_mut()[i] = client;
    }
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The replicas begin as the first program, and become each of the others in turn; `None` is that of this workspace.
async fn rolling(programs: &[Option<PathBuf>]) {
    let seed: u64 = setting("SENDSTORES_CHAOS_SEED").unwrap_or_else(rand::random);
    let rounds = programs.len() - 1;
    eprintln!("SENDSTORES_CHAOS_SEED={seed} SENDSTORES_CHAOS_CYCLES={rounds}");
    let mut random = StdRng::seed_from_u64(seed);
    let redis = RedisServer::start().await;
    let config = RedisConfig { history: HISTORY.try_into().expect("not zero"), ..RedisConfig::new(redis.url()) };
    let ledger = RedisLedger::connect(config).await.expect("a ledger");
    let options = |program: &Option<PathBuf>| {
        let options = ServerOptions::without_cluster(&redis.url()).flag(format!("--history={HISTORY}"));
        program.iter().fold(options, |options, program| options.program(program.clone()))
    };
    let (mut servers, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..REPLICAS {
        let server = options(&programs[0]).start_ready().await;
        clients.push(server.client().await);
        servers.push(server);
    }
    let world = Rc::new(World::new(clients));
    let (mut callers, mut watchers) = (JoinSet::new(), JoinSet::new());
    for caller in 0..CALLERS {
        callers.spawn_local(keep_calling(world.clone(), caller, random.random()));
    }
    if programs.iter().any(Option::is_some) && knows_suspensions(&world.client(0)).await {
        for number in 0..SUSPENDED {
            let id = format!("store-suspended-{number}");
            callers.spawn_local(keep_suspending(world.clone(), ledger.clone(), id, random.random()));
        }
    }
    for (i, recorder) in recorders().into_iter().enumerate() {
        watchers.spawn_local(keep_watching(world.clone(), recorder, i));
    }
    for program in &programs[1..] {
        roll(&world, &options(program), &mut servers).await;
    }
    world.stop.cancel();
    while let Some(ended) = within("the callers to end", callers.join_next()).await {
        ended.expect("a caller");
    }
    let mut recorders = Vec::new();
    while let Some(watched) = within("the watchers to end", watchers.join_next()).await {
        recorders.push(watched.expect("a watcher"));
    }
    judge(&world, recorders, &ledger, rounds).await;
}

async fn judge(world: &World, recorders: Vec<Recorder>, ledger: &RedisLedger, rounds: usize) {
    let (log, mut run) = (read_log(ledger).await, Run { epoch: ledger.epoch().to_string(), ..Run::default() });
    for mut recorder in recorders {
        recorder.watch_all(&world.client(0), &log).await.expect("everything is seen");
        run.watchers.push(recorder.finish());
    }
    // Replicas go on to write that there is no cluster.
    run.log = read_log(ledger).await;
    run.answers = world.answers.take();
    let (repeated, failed) = (world.repeated.take(), world.failed.take());
    let (answered, restarts) = (world.answered.get(), rounds * REPLICAS);
    eprintln!(
        "{restarts} replicas replaced, {answered} calls answered, {} at the second try; {}",
        repeated.len(),
        run.summary()
    );
    assert!(failed.is_empty(), "{} calls failed twice: {:?}", failed.len(), failed.first());
    assert!(repeated.len() >= restarts, "only {} calls had to be repeated", repeated.len());
    assert!(repeated.iter().all(Error::retryable), "{repeated:?}");
    run.assert_faultless();
}

#[tokio::test]
async fn replicas_are_replaced_and_one_repetition_is_all_that_callers_notice() {
    let rounds: usize = setting("SENDSTORES_CHAOS_CYCLES").unwrap_or(ROUNDS);
    LocalSet::new().run_until(rolling(&vec![None; rounds + 1])).await;
}

#[tokio::test]
async fn servers_of_two_versions_replace_each_other_forth_and_back() {
    if std::env::var("SENDSTORES_TEST_LONG").as_deref() != Ok("1") {
        eprintln!("left out: SENDSTORES_TEST_LONG=1 has the previous server built, and runs it");
        return;
    }
    let previous = match previous_server() {
        Ok(previous) => Some(previous),
        // An archive of the sources has no history.
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{why}");
            return eprintln!("left out: {why}");
        }
    };
    LocalSet::new().run_until(rolling(&[previous.clone(), None, previous, None])).await;
}

#[tokio::test]
async fn a_server_of_the_version_before_passes_over_kinds_that_it_does_not_know() {
    if std::env::var("SENDSTORES_TEST_LONG").as_deref() != Ok("1") {
        return eprintln!("left out: SENDSTORES_TEST_LONG=1 has the previous server built, and runs it");
    }
    let previous = previous_server().expect("the previous server");
    let redis = RedisServer::start().await;
    let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
    let mut acme = apply(&ledger, declaration("acme")).await;
    let old = ServerOptions::without_cluster(&redis.url()).program(previous).start_ready().await;
    let new = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let clients = [old.client().await, new.client().await];
    for round in 0..10 {
        acme = apply(&ledger, tenant_event(&acme, TenantEvent::Suspended)).await;
        let id = format!("store-{round}");
        clients[round % 2].create(CreateStore::new().id(id.as_str())).await.expect("created");
        acme = apply(&ledger, tenant_event(&acme, TenantEvent::Resumed)).await;
        for client in &clients {
            assert_eq!(client.get(id.as_str()).await.expect("shown").id, id);
            assert_eq!(client.list(StoreFilter::default()).await.expect("a list").stores.len(), round + 1);
        }
    }
    // A record that the previous version does not know is not touched by what it does.
    clients[0].delete("store-0").await.expect("deleted");
    assert_eq!(ledger.load(&acme.id).await, Ok(Some(acme)));
}

/// With a `SENDSTORES_PREVIOUS_REF` from before suspensions, their words are foreign to the older server.
#[tokio::test]
async fn a_server_of_the_version_before_loses_nothing_of_a_suspension() {
    if std::env::var("SENDSTORES_TEST_LONG").as_deref() != Ok("1") {
        return eprintln!("left out: SENDSTORES_TEST_LONG=1 has the previous server built, and runs it");
    }
    let previous = previous_server().expect("the previous server");
    let redis = RedisServer::start().await;
    let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
    let old = ServerOptions::without_cluster(&redis.url()).program(previous).start_ready().await;
    let new = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let (old, new) = (old.client().await, new.client().await);
    let knows = knows_suspensions(&old).await;
    eprintln!("the older server {} suspensions", if knows { "knows" } else { "does not know" });
    for round in 0..5 {
        let id = format!("store-{round}");
        let made = create(&ledger, &id, "acme").await;
        happen(&ledger, &id, Event::Converged).await;
        for (call, own) in [("suspend", Shows::Suspended), ("resume", Shows::Ready)] {
            let changed = if call == "suspend" { new.suspend(&id).await } else { new.resume(&id).await };
            let on_the_way = changed.expect("accepted").state();
            assert_shown(&old, &id, on_the_way, knows).await;
            happen(&ledger, &id, Event::Converged).await;
            assert_eq!(new.get(&id).await.expect("shown").state(), own);
            assert_shown(&old, &id, own, knows).await;
        }
        // READY again, with words of the suspension in its history: the older server writes them back.
        let before = ledger.load(&made.id).await.expect("an answer").expect("a record");
        old.delete(id.as_str()).await.expect("accepted");
        let after = ledger.load(&made.id).await.expect("an answer").expect("a record");
        assert!(after.generation > before.generation);
        for entry in before.history.entries() {
            assert!(after.history.entries().iter().any(|kept| kept == entry), "{entry:?} is lost");
        }
    }
}

/// A server shows a state that it does not know as unspecified, in Get and in List.
async fn assert_shown(server: &Client, id: &str, state: Shows, knows: bool) {
    let wanted = if knows || state == Shows::Ready { state } else { Shows::Unspecified };
    assert_eq!(server.get(id).await.expect("shown").state(), wanted);
    let listed = server.list(StoreFilter { ids: vec![id.to_owned()], ..StoreFilter::default() }).await.expect("a list");
    assert_eq!(listed.stores.iter().map(Store::state).collect::<Vec<_>>(), [wanted]);
}
