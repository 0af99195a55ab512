//! Three replicas on one Redis are killed again and again while writers write and watchers come and go. In the end the
//! oracle judges what all of them received: nothing lost, nothing twice, nothing out of order. Half of the watchers are programs
//! that open one watch of the client crate behind a balancer, and read it.
//!
//! There is no cluster; the test plays a fourth replica, which brings about in the ledger what a cluster would have.
//! `SENDSTORES_CHAOS_SEED` repeats a run's choices (not its timing), `SENDSTORES_CHAOS_CYCLES` makes it longer.

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
const CYCLES: usize = 24;
/// What must have happened before the next replica is killed.
const ANSWERS: usize = 15;
const MESSAGES: usize = 100;
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

/// Now and then all connections of the balancer are cut, or, in a long run, a replica does nothing for a while.
async fn disturb(world: &World, balancer: &Balancer, servers: &[Option<Server>], cycles: usize, random: &mut StdRng) {
    if random.random_bool(0.3) {
        world.cut.fetch_add(1, Ordering::Relaxed);
        balancer.cut();
    }
    // Who is on a paused replica waits for three heartbeats, so that each costs half a minute.
    if cycles > CYCLES
        && random.random_bool(0.05)
        && let Some(server) = servers.iter().flatten().next()
    {
        world.paused.fetch_add(1, Ordering::Relaxed);
        signal(server.pid(), "STOP");
        something_happens(world).await;
        signal(server.pid(), "CONT");
    }
}

/// Kills one replica after the other, each time when enough has happened since the last.
async fn torment(
    world: &World,
    balancer: &Balancer,
    options: &ServerOptions,
    cycles: usize,
    random: &mut StdRng,
) -> Vec<Server> {
    let mut servers: Vec<Option<Server>> = (0..REPLICAS).map(|_| None).collect();
    for cycle in 0..REPLICAS + cycles {
        let replica = if cycle < REPLICAS { cycle } else { random.random_range(0..REPLICAS) };
        if let Some(server) = servers[replica].take() {
            something_happens(world).await;
            disturb(world, balancer, &servers, cycles, random).await;
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
        world.publish(replica, Some(server.grpc));
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
    let servers = torment(&world, &balancer, &options, cycles, &mut random).await;
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
    drop(servers);
    let counted = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (killed, stopped) = (counted(&world.killed), counted(&world.stopped));
    let (paused, cut) = (counted(&world.paused), counted(&world.cut));
    eprintln!("{killed} replicas killed, {stopped} stopped, {paused} paused, {cut} times cut; {}", run.summary());
    run.assert_faultless();
}
