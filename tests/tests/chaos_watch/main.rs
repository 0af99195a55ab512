//! Three replicas on one Redis are killed, paused, cut off and replaced again and again while writers write and watchers come and go. In the end the
//! oracle judges what all of them received: nothing lost, nothing twice, nothing out of order. Half of the watchers are programs
//! that open one watch of the client crate behind a balancer, and read it.
//!
//! There is no cluster; the test plays a fourth replica, which brings about in the ledger what a cluster would have.
//! `SENDSTORES_CHAOS_SEED` repeats a run's choices (not its timing), `SENDSTORES_CHAOS_FAULTS` makes it longer.

mod watchers;
mod world;
mod writers;

use std::{
    sync::{
        PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_core::ledger::Ledger;
use sendstores_tests::{
    balancer::Balancer,
    oracle::{Recorder, Run, read_log},
    redis::RedisServer,
    server::{Server, ServerOptions, signal},
    wait::{until, within},
};
use tokio::task::{JoinSet, LocalSet, spawn_blocking};

use self::{
    watchers::{filters, stay, watch},
    world::World,
    writers::{play, write},
};

const REPLICAS: usize = 3;
const WRITERS: u64 = 3;
/// Ids of one writer; few, so that they are used again and again.
const IDS: usize = 12;
const FAULTS: usize = 40;
/// What must have happened before the next fault.
const ANSWERS: usize = 8;
const MESSAGES: usize = 50;
/// How often a long run says where it is.
const PROGRESS: usize = 50;
/// Longer than any run: the oracle wants the whole log.
const HISTORY: u32 = 10_000_000;

/// Waits until callers were answered and watchers were sent something.
async fn something_happens(world: &World) {
    let (answers, messages) = (world.answered() + ANSWERS, world.messages.load(Ordering::Relaxed) + MESSAGES);
    until("something to happen", async || {
        let enough = world.answered() >= answers && world.messages.load(Ordering::Relaxed) >= messages;
        enough.then_some(())
    })
    .await;
}

/// What happens to the replicas, and to what is between them and the callers.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    /// A replica is asked to stop, and replaced.
    Stop,
    /// All replicas are, one after the other, as in an update.
    Roll,
    /// A replica does nothing for a moment.
    Pause,
    /// A replica does nothing until those who watch at it notice, and have gone elsewhere.
    LongPause,
    /// All connections of the balancer end.
    Cut,
}

// === impl Fault ===

impl Fault {
    /// Who is on a replica that is paused for long waits for three heartbeats, so that each costs half a minute: few, and in long
    /// runs alone.
    fn any(is_long: bool, random: &mut StdRng) -> Self {
        match random.random_range(0..1000) {
            0..10 if is_long => Self::LongPause,
            0..380 => Self::Kill,
            380..440 => Self::Stop,
            440..460 => Self::Roll,
            460..600 => Self::Pause,
            _ => Self::Cut,
        }
    }
}

/// The replicas, and what is done to them.
struct Stage<'a> {
    world: &'a World,
    balancer: &'a Balancer,
    options: &'a ServerOptions,
    servers: Vec<Server>,
}

// === impl Stage ===

impl Stage<'_> {
    async fn start(&mut self) {
        for replica in 0..REPLICAS {
            let server = self.options.start_ready().await;
            self.world.publish(replica, Some(server.grpc));
            self.servers.push(server);
        }
    }

    /// Faults, each when enough has happened since the last, until there were so many.
    async fn torment(&mut self, faults: usize, random: &mut StdRng) {
        let (mut said, world) = (0, self.world);
        while world.faults() < faults {
            something_happens(world).await;
            self.suffer(Fault::any(faults > FAULTS, random), random).await;
            if world.faults() >= said + PROGRESS {
                said = world.faults();
                let (answers, messages) = (world.answered(), world.messages.load(Ordering::Relaxed));
                eprintln!("{said} faults, {answers} answers, {messages} messages");
            }
        }
    }

    async fn suffer(&mut self, fault: Fault, random: &mut StdRng) {
        let (world, replica) = (self.world, random.random_range(0..REPLICAS));
        match fault {
            Fault::Kill => self.replace(replica, true, random).await,
            Fault::Stop => self.replace(replica, false, random).await,
            Fault::Roll => {
                for replica in 0..REPLICAS {
                    self.replace(replica, false, random).await;
                }
            }
            Fault::Pause | Fault::LongPause => {
                world.paused.fetch_add(1, Ordering::Relaxed);
                signal(self.servers[replica].pid(), "STOP");
                match fault {
                    Fault::LongPause => something_happens(world).await,
                    _ => {
                        until("an answer of another replica", {
                            let answers = world.answered() + 1;
                            async move || (world.answered() >= answers).then_some(())
                        })
                        .await
                    }
                }
                signal(self.servers[replica].pid(), "CONT");
            }
            Fault::Cut => {
                world.cut.fetch_add(1, Ordering::Relaxed);
                self.balancer.cut();
            }
        }
    }

    async fn replace(&mut self, replica: usize, by_force: bool, random: &mut StdRng) {
        // Some find out for themselves that it is gone.
        if random.random_bool(0.5) {
            self.world.publish(replica, None);
        }
        let server = self.servers.remove(replica);
        if by_force {
            self.world.killed.fetch_add(1, Ordering::Relaxed);
            server.kill9();
        } else {
            self.world.stopped.fetch_add(1, Ordering::Relaxed);
            let ended = spawn_blocking(move || server.terminate(Duration::from_secs(60)).0);
            assert!(ended.await.expect("its end").success(), "a server that is asked to stop ends well");
        }
        let server = self.options.start_ready().await;
        self.world.publish(replica, Some(server.grpc));
        self.servers.insert(replica, server);
    }
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
    let faults = setting("SENDSTORES_CHAOS_FAULTS").unwrap_or(FAULTS);
    eprintln!("SENDSTORES_CHAOS_SEED={seed} SENDSTORES_CHAOS_FAULTS={faults}");
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
    let balancer = Balancer::start({
        let world = world.clone();
        move || world.any(&mut rand::rng())
    })
    .await;
    let mut staying = JoinSet::new();
    for (name, filter) in filters() {
        let recorder = Recorder::new(format!("{name}, by the client crate"), filter);
        staying.spawn_local(stay(world.clone(), balancer.url(), recorder));
    }
    let mut stage = Stage { world: &world, balancer: &balancer, options: &options, servers: Vec::new() };
    stage.start().await;
    stage.torment(faults, &mut random).await;
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
    while let Some(stayed) = within("the watches to be read", staying.join_next()).await {
        let (mut recorder, mut watch) = stayed.expect("a watch that goes on");
        recorder.read_all(&mut watch, &log).await.expect("everything is seen");
        run.watchers.push(recorder.finish());
    }
    // Replicas go on to write that there is no cluster.
    run.log = read_log(&world.ledger).await;
    run.answers = std::mem::take(&mut *world.answers.lock().unwrap_or_else(PoisonError::into_inner));
    drop(stage);
    let counted = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (killed, stopped) = (counted(&world.killed), counted(&world.stopped));
    let (paused, cut) = (counted(&world.paused), counted(&world.cut));
    eprintln!("{killed} replicas killed, {stopped} stopped, {paused} paused, {cut} times cut; {}", run.summary());
    run.assert_faultless();
}
