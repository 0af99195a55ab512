//! What stores at rest cost Redis.

use std::{collections::BTreeMap, time::Duration};

use sendstores_core::{
    State, Store, StoreId,
    ledger::{Expected, Ledger, Owner, Write},
    operation::Patience,
};
use sendstores_server::{
    ledger::{RedisConfig, RedisLedger},
    mirror::Mirror,
    permits::ClassPermits,
    reconcile::{Members, Policy, Reconciler},
};
use sendstores_tests::{redis::RedisServer, samples, scripted::ScriptedProvisioner, wait::until};
use tokio_util::sync::CancellationToken;

const STORES: usize = 20;
/// Commands that Redis syncs to disk before it answers.
const WRITES: [&str; 7] = ["hset", "hdel", "hincrby", "xadd", "zadd", "zrem", "set"];

/// How often each of the commands was run so far, by itself or by a script.
async fn writes(redis: &RedisServer) -> BTreeMap<&'static str, usize> {
    let stats = redis.cli(["INFO", "commandstats"]).await;
    let calls = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")))?;
        line.split(',').next()?.parse().ok()
    };
    WRITES.into_iter().map(|name| (name, calls(name).unwrap_or(0))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_at_rest_cost_no_writes() {
    let redis = RedisServer::start().await;
    let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
    let (cluster, mirror, stop) = (ScriptedProvisioner::new(), Mirror::new(1_000), CancellationToken::new());
    let _guard = stop.clone().drop_guard();
    tokio::spawn(mirror.clone().follow(ledger.clone(), stop.clone()));
    let policy = Policy {
        runs: Policy::RUNS,
        lease: Duration::from_secs(60),
        backoff: Policy::BACKOFF,
        patience: Patience { whole: Duration::from_secs(600), step: Patience::STEP },
        probe_interval: Some(Duration::from_millis(50)),
        tenants: sendstores_core::admission::TenantLimits::default(),
    };
    let (provisioner, owner, permits) = (cluster.clone(), Owner("one".to_owned()), ClassPermits::for_acts(STORES));
    tokio::spawn(
        Reconciler { ledger: ledger.clone(), mirror, provisioner, owner, permits, members: Members::default(), policy }
            .run(stop),
    );
    let ids: Vec<StoreId> = (0..STORES).map(|i| samples::parsed(&format!("store-{i}"))).collect();
    // A store in a state of a newer version has nothing to do here, and costs nothing either.
    let foreign = State::kept("RESTORING").expect("a word of another version");
    let resting = Store { state: foreign, ..samples::store("store-foreign") };
    for store in ids.iter().map(|id| samples::store(id.as_str())).chain([resting]) {
        let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
        ledger.write(write).await.expect("created");
    }
    // READY, and the claim of its making given back.
    until("all stores to be at rest", async || {
        for id in &ids {
            let store = ledger.load(id).await.expect("an answer").expect("a record");
            let claimed = ledger.claimed_for(id).await.expect("an answer");
            if store.state != State::Ready || !claimed.is_zero() {
                return None;
            }
        }
        Some(())
    })
    .await;

    let (before, probes) = (writes(&redis).await, cluster.probes().len());
    until("ten probes of each", async || (cluster.probes().len() >= probes + 10 * STORES).then_some(())).await;
    let after = writes(&redis).await;
    let made = cluster.probes().len() - probes;
    println!("{made} probes: {before:?} before, {after:?} after");
    assert_eq!(after, before, "{made} probes that found nothing new");
}
