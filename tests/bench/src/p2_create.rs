//! Durable writes: a Create is on disk before it is answered, and so is a transaction of etcd. What Redis alone can do with the
//! same script, in its best conditions, is the limit.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use bytes::Bytes;
use prost::Message;
use sendstores_core::ledger::Ledger;

use crate::{
    Extent,
    etcd_api::{PutRequest, TxnResponse},
    grpc::Connection,
    load::{CONNECTIONS, as_fast_as_answered, at_pace},
    peers::{Etcd, Redis, Setup},
    script, stores,
    table::{Goal, Row},
    writes::create,
};

/// Milliseconds, writes a second, microseconds: a number each round.
#[derive(Default)]
struct Writes {
    peak: Vec<f64>,
    p99: Vec<f64>,
    cpu: Vec<f64>,
}

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let (mut ours, mut etcd, mut limit) = (Writes::default(), Writes::default(), Vec::new());
    for _ in 0..extent.rounds {
        let mut redis = Redis::start().await;
        let acknowledged = ours.round_of_ours(extent, &redis).await;
        redis.restart().await;
        assert_kept(&redis, &acknowledged).await;
        let peak = ours.peak.last().copied().unwrap_or_default();
        limit.push(script::peak(&redis, (peak * extent.time.as_secs_f64()) as u64 * 2));
        drop(redis);
        etcd.round_of_etcd(extent).await;
    }
    let name = "etcd, two puts";
    vec![
        Row::beside("Create: a second, durable", &ours.peak, name, &etcd.peak, Goal::RatioAtLeast(2.0)),
        Row::beside("the same", &ours.peak, "redis-benchmark", &limit, Goal::RatioAtLeast(0.5)),
        Row::beside("the same: p99 at half of its peak, ms", &ours.p99, name, &etcd.p99, Goal::AtMost(5.0)),
        Row::beside("the same: processor time, with Redis, µs", &ours.cpu, name, &etcd.cpu, Goal::None),
    ]
}

/// Every store that a caller was told of is in the ledger.
async fn assert_kept(redis: &Redis, acknowledged: &[String]) {
    let kept = stores::ledger(redis).await.scan::<sendstores_core::Store>().await.expect("all stores").resources;
    let kept: HashSet<String> = kept.iter().map(|store| store.id.to_string()).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !kept.contains(*id)).collect();
    assert!(lost.is_empty() && !acknowledged.is_empty(), "lost: {lost:?}");
}

// === impl Writes ===

impl Writes {
    /// Returns the ids of all stores that were acknowledged.
    async fn round_of_ours(&mut self, extent: Extent, redis: &Redis) -> Vec<String> {
        let ours = Setup::on(redis).start().await;
        let connections = Connection::open_many(ours.address, CONNECTIONS).await;
        let acknowledged = RefCell::new(Vec::new());
        let write = async |number: usize| {
            let store = create(&connections[number % CONNECTIONS], ours.address).await;
            acknowledged.borrow_mut().push(store.id);
        };
        self.round(extent, write, || ours.cpu() + redis.cpu()).await;
        acknowledged.into_inner()
    }

    async fn round_of_etcd(&mut self, extent: Extent) {
        let etcd = Etcd::start().await;
        let connections = Connection::open_many(etcd.address, CONNECTIONS).await;
        // As much as the record of a store.
        let value = Bytes::from(vec![b'x'; script::RECORD]);
        let keys = RefCell::new(0..);
        let write = async |number: usize| {
            let key = keys.borrow_mut().next().unwrap_or(0);
            let put = |kind: &str| PutRequest::new(format!("{kind}-{key:08}").into_bytes(), value.clone());
            let txn = etcd.txn(vec![put("store"), put("event")]);
            let answer = connections[number % CONNECTIONS].unary(&txn).await.expect("an answer");
            assert!(TxnResponse::decode(answer).expect("a TxnResponse").succeeded);
        };
        self.round(extent, write, || etcd.program.cpu()).await;
    }

    async fn round(&mut self, extent: Extent, write: impl AsyncFn(usize), cpu: impl Fn() -> Duration) {
        let before = cpu();
        let calls = as_fast_as_answered(extent.time, async |caller, _| write(caller).await).await as f64;
        self.cpu.push((cpu() - before).as_secs_f64() * 1e6 / calls);
        let peak = calls / extent.time.as_secs_f64();
        self.peak.push(peak);
        let latencies = at_pace(peak / 2.0, extent.time, async |number, _| {
            write(usize::try_from(number).expect("not so many")).await;
        });
        self.p99.push(latencies.await.quantile(0.99));
    }
}
