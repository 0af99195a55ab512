//! Redis is killed, or loses its power, and starts again on what is on its disk.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rand::{RngExt, rngs::StdRng};
use sendstores_core::{
    Store,
    ledger::{Ledger, LedgerError, Write, Written},
};
use sendstores_server::ledger::{Durability, RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{Readable, creation, operation, settled, whole_log},
    redis::RedisServer,
    wait::until,
};
use tokio::task::JoinSet;

use super::{chance, load::Load, rounds};

const WRITERS: usize = 8;

fn config(server: &RedisServer) -> RedisConfig {
    RedisConfig { history: NonZeroU32::MIN.saturating_add(9_999_999), ..RedisConfig::new(server.url()) }
}

async fn ledgers(server: &RedisServer) -> Vec<RedisLedger> {
    let mut ledgers = Vec::new();
    for _ in 0..2 {
        ledgers.push(RedisLedger::connect(config(server)).await.expect("a ledger"));
    }
    ledgers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_again_and_again_keeps_what_it_acknowledged() {
    let (mut random, mut server) = (chance("kill -9"), RedisServer::start().await);
    let ledgers = ledgers(&server).await;
    let load = Load::start(&ledgers, WRITERS);
    let kills = rounds(20);
    for _ in 0..kills {
        load.told.more(random.random_range(1..60)).await;
        server.restart().await;
    }
    let told = load.stop().await;
    let log = settled(async || ledgers[0].last_revision().await).await.map(|_| whole_log(&ledgers[0]));
    told.judge(&log.expect("a log").await);
    eprintln!("{kills} kills, {} writes acknowledged, 0 lost, {} left open and repeated", told.count(), told.unsure());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_loses_its_power_keeps_what_it_acknowledged() {
    let (mut random, mut server) = (chance("power"), RedisServer::start_recorded(&[]).await);
    let ledgers = ledgers(&server).await;
    let load = Load::start(&ledgers, WRITERS);
    let (losses, mut gone, mut unsynced, mut with_loss) = (rounds(10), 0, 0, 0);
    for _ in 0..losses {
        load.told.more(random.random_range(1..60)).await;
        // What a killed process has not synced is there, and may be gone a moment later.
        if random.random_bool(0.5) {
            server.restart().await;
            load.told.more(random.random_range(1..10)).await;
        }
        let loss = server.lose_power(&mut random).await;
        (gone, unsynced) = (gone + loss.gone, unsynced + loss.unsynced);
        with_loss += usize::from(loss.gone > 0);
    }
    let told = load.stop().await;
    let log = settled(async || ledgers[0].last_revision().await).await.map(|_| whole_log(&ledgers[0]));
    told.judge(&log.expect("a log").await);
    eprintln!(
        "{losses} power losses took {gone} of {unsynced} unsynced bytes ({with_loss} times), {} writes acknowledged, 0 lost, \
         {} left open and repeated",
        told.count(),
        told.unsure()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_after_a_crash_is_synced_before_it_is_acknowledged() {
    for with_operation in [true, false] {
        let mut server = RedisServer::start_recorded(&[]).await;
        let patient = RedisConfig { command_timeout: Duration::from_secs(60), ..config(&server) };
        let ledger = RedisLedger::connect(patient).await.expect("a ledger");
        let operation = with_operation.then(|| operation("r-1", "aa"));
        let create = Write { operation: operation.clone(), ..creation("store-a") };
        let before = server.written();
        server.hold_syncs();
        let call = tokio::spawn({
            let (ledger, create) = (ledger.clone(), create.clone());
            async move { ledger.write(create).await }
        });
        until("the write to be written", async || (server.written() > before).then_some(())).await;
        // The call goes on when there is a process again, which finds the write on what it takes for its disk.
        server.kill9();
        server.sync_again();
        server.restart().await;
        let Ok(Written::Applied(store)) = call.await.expect("no panic") else { panic!("not applied") };
        server.lose_all_unsynced().await;
        let judge = RedisLedger::connect(config(&server)).await.expect("a ledger");
        let left: Vec<_> = whole_log(&judge).await.iter().map(|change| change.store().clone()).collect();
        assert_eq!(left, [store], "acknowledged and lost");
    }
}

/// The kernel ends a write to a file between two pages when its process is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_a_kill_cut_in_two_is_taken_off_before_the_next_start_and_nothing_else_with_it() {
    let mut server = RedisServer::start().await;
    let ledger = RedisLedger::connect(config(&server)).await.expect("a ledger");
    let mut kept: Vec<Store> = Vec::new();
    for number in 0..3 {
        let written = ledger.write(creation(&format!("store-{number}"))).await.expect("written");
        kept.push(written.into_resource());
    }
    // What was cut was never answered.
    let before = server.written();
    ledger.write(creation("store-cut")).await.expect("written");
    let whole = server.written() - before;
    drop(ledger);
    // So much of it is there that the log entry is whole, and the rest of the change is not.
    server.tear(whole / 2);
    assert!(!server.restart_with("aof-load-truncated", "no").await, "it starts on a change that is cut in two");
    server.restart().await;
    let ledger = RedisLedger::connect(config(&server)).await.expect("a ledger");
    kept.push(ledger.write(creation("store-after")).await.expect("written").into_resource());
    server.restart().await;
    let log = whole_log(&RedisLedger::connect(config(&server)).await.expect("a ledger")).await;
    assert_eq!(log.iter().map(|change| change.store().clone()).collect::<Vec<_>>(), kept);
}

/// What was acknowledged, and when.
type Acknowledged = Arc<Mutex<Vec<(Instant, Store)>>>;

/// Writes until it is stopped.
async fn write_until_the_end(ledger: RedisLedger, writer: usize, acknowledged: Acknowledged) {
    for number in 0.. {
        match ledger.write(creation(&format!("store-{writer}-{number}"))).await {
            Ok(written) => acknowledged.lock().expect("no panic").push((Instant::now(), written.into_resource())),
            Err(_) => return,
        }
    }
}

/// One power loss of a Redis that syncs every second: how many acknowledged writes are gone, of how many, and how old the
/// oldest of them was.
async fn lose_power_of_everysec(random: &mut StdRng) -> (usize, usize, Duration) {
    let mut server = RedisServer::start_recorded(&[("appendfsync", "everysec")]).await;
    let ledger = RedisLedger::connect(RedisConfig { durability: Durability::AllowEverysec, ..config(&server) });
    let ledger = ledger.await.expect("a ledger");
    let acknowledged = Acknowledged::default();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write_until_the_end(ledger.clone(), writer, acknowledged.clone()));
    }
    let goal = random.random_range(300..900);
    until("writes", async || (acknowledged.lock().expect("no panic").len() >= goal).then_some(())).await;
    // A call that is under way while the power is lost is repeated behind it, and may stand in for what it took: then
    // nobody would be told of a loss that there was.
    writers.shutdown().await;
    let cut = Instant::now();
    server.lose_power(random).await;
    let all = std::mem::take(&mut *acknowledged.lock().expect("no panic"));
    // The judge begins with what is left; the one that was there is told.
    let judge = RedisLedger::connect(RedisConfig { durability: Durability::AllowEverysec, ..config(&server) });
    let log = whole_log(&judge.await.expect("a ledger")).await;
    let lost: Vec<_> = all.iter().filter(|(_, store)| !log.iter().any(|change| *change.store() == *store)).collect();
    let told = settled(async || ledger.last_revision().await).await;
    assert_eq!(matches!(told, Err(LedgerError::EpochChanged(_))), !lost.is_empty(), "told: {told:?}");
    let oldest = lost.iter().map(|(when, _)| cut.saturating_duration_since(*when)).max().unwrap_or_default();
    (lost.len(), all.len(), oldest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_sync_every_second_a_power_loss_takes_the_last_of_what_was_acknowledged_and_is_told() {
    let mut random = chance("everysec");
    let (mut lost, mut all, mut oldest) = (0, 0, Duration::ZERO);
    let losses = rounds(5);
    for _ in 0..losses {
        let (gone, of, age) = lose_power_of_everysec(&mut random).await;
        (lost, all, oldest) = (lost + gone, all + of, oldest.max(age));
    }
    eprintln!("everysec: {losses} power losses took {lost} of {all} acknowledged writes, the oldest {oldest:?} before");
    assert!(lost > 0, "the recorder sees nothing");
}
