//! The primary dies or is cut off, and the sentinels make another one.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use sendstores_client::{Client, CreateStore};
use sendstores_core::{
    Store,
    ledger::{Ledger, LedgerError, Write, Written},
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{Readable, creation, operation, settled, update, whole_log, written},
    redis::{Guarded, RIGHTS},
    server::ServerOptions,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    load::{Load, repeated},
    rounds,
};

const HISTORY: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999_999);

fn behind(guarded: &Guarded, replicas: u8) -> RedisConfig {
    RedisConfig { replicas, history: HISTORY, ..RedisConfig::new(guarded.url()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_has_acknowledged_outlives_the_primary() {
    let mut guarded = Guarded::start().await;
    let options = ServerOptions::without_cluster(&guarded.url())
        .flag("--redis-replicas-acknowledge=1")
        .flag("--history=10000000");
    let server = options.start_ready().await;
    // Apart from the server's stores, which it would reconcile under the writers' hands.
    let apart = RedisConfig { prefix: "writers".to_owned(), ..behind(&guarded, 1) };
    let mut ledgers = Vec::new();
    for _ in 0..2 {
        ledgers.push(RedisLedger::connect(apart.clone()).await.expect("a ledger"));
    }
    let load = Load::start(&ledgers, 8);
    let stop = CancellationToken::new();
    let callers = tokio::spawn(create_by_calls(server.client().await, stop.clone()));
    let mut longest = Duration::ZERO;
    for round in 0..rounds(1) {
        load.told.more(100).await;
        let primary = guarded.primary().await.expect("agreed");
        let begun = Instant::now();
        guarded.servers[primary].kill9();
        let next = guarded.failover(primary).await;
        load.told.more(100).await;
        longest = longest.max(begun.elapsed());
        if round + 1 < rounds(1) {
            guarded.servers[primary].restart().await;
            guarded.replicas_online(next, 2).await;
        }
        eprintln!("failover {round}: {primary} -> {next}, {} acknowledged so far", load.told.count());
    }
    stop.cancel();
    let (told, created) = (load.stop().await, callers.await.expect("no panic"));
    told.judge(&whole_log(&ledgers[0]).await);
    let log = whole_log(&RedisLedger::connect(behind(&guarded, 0)).await.expect("a ledger")).await;
    for (id, revision) in &created {
        let there = log.iter().any(|change| change.store().id.as_str() == id && change.revision.0 <= *revision);
        assert!(there, "{id} was acknowledged by the server and lost");
    }
    eprintln!(
        "{} failovers, {} writes and {} calls acknowledged, 0 lost, {} left open and repeated, longest round {longest:?}",
        rounds(1),
        told.count(),
        created.len(),
        told.unsure()
    );
    server.ready().await;
}

/// Creates stores through the server, which is never started again.
async fn create_by_calls(client: Client, stop: CancellationToken) -> Vec<(String, u64)> {
    let mut created = Vec::new();
    for number in 0.. {
        let create = CreateStore::new().id(format!("store-call-{number}")).request_id(Uuid::now_v7().to_string());
        let call = || {
            let (client, create) = (client.clone(), create.clone());
            async move { client.create(create).await.ok() }
        };
        let store = repeated("a Create to be acknowledged", call).await;
        created.push((store.id, store.revision));
        if stop.is_cancelled() {
            break;
        }
    }
    created
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_too_few_replicas_have_is_not_acknowledged_and_what_is_repeated_is_waited_for_too() {
    let guarded = Guarded::start().await;
    let ledger = RedisLedger::connect(behind(&guarded, 1)).await.expect("a ledger");
    let create = Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") };
    guarded.servers[1].pause();
    guarded.servers[2].pause();
    for _ in 0..2 {
        let said = ledger.write(create.clone()).await;
        assert!(matches!(&said, Err(LedgerError::Unavailable(why)) if why.contains("replicas")), "{said:?}");
    }
    let said = ledger.recall::<Store>(&operation("r-1", "aa")).await;
    assert!(matches!(&said, Err(LedgerError::Unavailable(_))), "recalled before it is safe: {said:?}");
    let read = ledger.load(&create.resource.id).await.expect("reads live").expect("it happened");
    guarded.servers[1].resume();
    let said = settled(async || ledger.write(create.clone()).await).await;
    assert_eq!(said, Ok(Written::Repeated(read)));
    guarded.servers[2].resume();
    assert_eq!(whole_log(&ledger).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_few_rights_comes_through_a_failover_by_sentinels_that_do_not_know_it() {
    let mut guarded = Guarded::start().await;
    for server in &guarded.servers {
        let user = ["ACL", "SETUSER", "owner", "on", ">s3cret", "~{sendstores}:*", "+role", "+wait"];
        server.cli(user.into_iter().chain(RIGHTS)).await;
    }
    let url = guarded.url().replace("://", "://owner:s3cret@");
    let config = RedisConfig { replicas: 1, ..RedisConfig::new(url) };
    let ledger = RedisLedger::connect(config).await.expect("a ledger");
    let store = written(&ledger, creation("store-a")).await;
    guarded.servers[0].kill9();
    guarded.failover(0).await;
    let on = written(&ledger, update(&store)).await;
    assert_eq!(whole_log(&ledger).await.iter().map(|change| change.store().clone()).collect::<Vec<_>>(), [store, on]);
}

/// Creates stores by number, and says which creations were acknowledged.
async fn create(ledger: &RedisLedger, name: &str, numbers: std::ops::Range<usize>) -> Vec<Store> {
    let mut acknowledged = Vec::new();
    for number in numbers {
        if let Ok(written) = ledger.write(creation(&format!("store-{name}-{number}"))).await {
            acknowledged.push(written.into_resource());
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_lost_primary_had_is_lost_by_those_who_did_not_wait_and_they_are_told() {
    let mut guarded = Guarded::start().await;
    let url = guarded.url();
    let connect = async |prefix: &str, replicas| {
        let config = RedisConfig { prefix: prefix.to_owned(), replicas, ..RedisConfig::new(url.clone()) };
        RedisLedger::connect(config).await.expect("a ledger")
    };
    let (waits, trusts) = (connect("waits", 1).await, connect("trusts", 0).await);
    let (mut kept, mut hoped) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let creation = creation(&format!("store-a-{number}"));
        kept.push(written(&waits, creation.clone()).await);
        hoped.push(written(&trusts, creation).await);
    }
    let primary = &guarded.servers[0];
    // The replicas are cut off, and the primary takes writes nevertheless.
    primary.config_set("min-replicas-to-write", "0").await;
    primary.cli(["ACL", "SETUSER", "default", "-psync", "-sync", "-replconf"]).await;
    primary.cli(["CLIENT", "KILL", "TYPE", "REPLICA"]).await;
    kept.extend(create(&waits, "b", 0..3).await);
    hoped.extend(create(&trusts, "b", 0..20).await);
    assert_eq!((kept.len(), hoped.len()), (20, 40), "acknowledged without a replica");
    guarded.servers[0].kill9();
    guarded.failover(0).await;
    let again = written(&waits, update(&kept[0])).await;
    let log = whole_log(&waits).await;
    for store in kept.iter().chain([&again]) {
        assert!(log.iter().any(|change| *change.store() == *store), "acknowledged and lost: {store:?}");
    }
    let told = settled(async || trusts.write(update(&hoped[0])).await).await;
    assert!(matches!(told, Err(LedgerError::EpochChanged(_))), "lost in silence: {told:?}");
    let told = settled(async || trusts.last_revision().await).await;
    assert!(matches!(told, Err(LedgerError::EpochChanged(_))), "lost in silence: {told:?}");
    let left = whole_log(&connect("trusts", 0).await).await;
    eprintln!("of 20 writes on a primary alone {} were lost, and told", 40 - left.len());
    assert_eq!(left.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_comes_back_late_takes_no_write_that_is_then_lost() {
    let guarded = Guarded::start().await;
    let ledger = RedisLedger::connect(behind(&guarded, 1)).await.expect("a ledger");
    // Those who see the old primary only, as in a partition.
    let old = |replicas| RedisConfig { replicas, ..RedisConfig::new(guarded.servers[0].url()) };
    let (waits, trusts) =
        (RedisLedger::connect(old(1)).await.expect("a ledger"), RedisLedger::connect(old(0)).await.expect("a ledger"));
    let mut acknowledged = create(&ledger, "a", 0..20).await;
    guarded.servers[0].pause();
    guarded.failover(0).await;
    let on = written(&ledger, update(&acknowledged[0])).await;
    acknowledged.push(on);
    acknowledged.extend(create(&ledger, "b", 0..20).await);
    guarded.servers[0].resume();
    let mut refused = 0;
    for number in 0..50 {
        for (name, stale) in [("waits", &waits), ("trusts", &trusts)] {
            let written = create(stale, name, number..number + 1).await;
            refused += 1 - written.len();
            acknowledged.extend(written);
        }
    }
    guarded.replicas_online(guarded.primary().await.expect("agreed"), 2).await;
    acknowledged.extend(create(&ledger, "c", 0..20).await);
    let log = whole_log(&ledger).await;
    for store in &acknowledged {
        assert!(log.iter().any(|change| *change.store() == *store), "acknowledged and lost: {store:?}");
    }
    eprintln!("{refused} of 100 writes on the old primary refused, {} acknowledged in all, 0 lost", acknowledged.len());
    // What was not acknowledged may be there, as what it was asked for; an acknowledged store has nothing else.
    for store in log.iter().map(|change| change.store()).filter(|store| !acknowledged.contains(store)) {
        assert!(!acknowledged.iter().any(|known| known.id == store.id), "written twice: {store:?}");
    }
}
