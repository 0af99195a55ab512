//! 10,000 watchers lose their server at once, and come back to the next one, each with a position of some changes ago.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout;

use crate::{
    Extent, cpu,
    etcd_api::{self, PutRequest},
    grpc::{Call, Connection},
    load::connections_for,
    peers::{Etcd, Redis, Setup},
    program::PATIENCE,
    stats::Latencies,
    stores,
    storm::{Server, Storm},
    table::{Goal, Row},
};

const WATCHERS: usize = 10_000;
/// How many changes each has to be told again.
const MISSED: usize = 10;
const KEY: &str = "watched";
/// How long nothing happens before memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// A number each round.
#[derive(Default)]
struct Resumed {
    /// Seconds from the end of the old server.
    p99: Vec<f64>,
    last: Vec<f64>,
    /// MiB.
    steady: Vec<f64>,
    /// Of memory, to the steady one.
    peak: Vec<f64>,
}

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let (mut ours, mut etcd) = (Resumed::default(), Resumed::default());
    let watchers = extent.of(WATCHERS);
    for _ in 0..extent.rounds {
        ours.round_of_ours(watchers).await;
        etcd.round_of_etcd(watchers).await;
    }
    let row = |figure: &str, ours: &[f64], etcd: &[f64], goal| {
        Row::beside(format!("10,000 watchers resume: {figure}"), ours, "etcd", etcd, goal)
    };
    vec![
        row("p99, s", &ours.p99, &etcd.p99, Goal::AtMost(5.0)),
        row("the last one, s", &ours.last, &etcd.last, Goal::None),
        row("memory before, MiB", &ours.steady, &etcd.steady, Goal::None),
        row("most memory, times as much", &ours.peak, &etcd.peak, Goal::AtMost(2.0)),
    ]
}

// === impl Resumed ===

impl Resumed {
    async fn round_of_ours(&mut self, watchers: usize) {
        let redis = Redis::start().await;
        stores::fill(&redis, 1).await;
        let setup = Setup::on(&redis);
        let mut ours = Some(setup.start().await);
        let ledger = stores::ledger(&redis).await;
        let mut store = Some(stores::first(&ledger).await);
        let mut storm = Storm::gather(Server::Ours(setup.address), connections_for(watchers), watchers).await;
        let change = async || {
            let changed = stores::touch(&ledger, store.take().expect("the store")).await;
            let revision = changed.revision.0;
            store = Some(changed);
            revision
        };
        let pid = ours.as_ref().expect("the server").program.pid();
        let restart = || {
            drop(ours.take());
            ours.insert(setup.launch()).program.pid()
        };
        self.round(&mut storm, pid, change, restart).await;
    }

    async fn round_of_etcd(&mut self, watchers: usize) {
        let mut etcd = Etcd::start().await;
        let address = etcd.address;
        let mut storm = Storm::gather(Server::Etcd(address, KEY), connections_for(watchers), watchers).await;
        let put = Call::new(address, etcd_api::PUT, &PutRequest::new(KEY, Bytes::from_static(&[b'x'; 1_000])));
        let change = async || {
            let answer = Connection::open(address).await.expect("a connection").unary(&put).await.expect("an answer");
            etcd_api::revision_of_put(answer)
        };
        let pid = etcd.program.pid();
        let restart = || {
            etcd.restart();
            etcd.program.pid()
        };
        self.round(&mut storm, pid, change, restart).await;
    }

    async fn round(
        &mut self,
        storm: &mut Storm,
        pid: u32,
        mut change: impl AsyncFnMut() -> u64,
        restart: impl FnOnce() -> u32,
    ) {
        for _ in 0..=MISSED {
            let revision = change().await;
            told(storm, revision).await;
        }
        tokio::time::sleep(SETTLE).await;
        let steady = cpu::resident(pid);
        storm.come_back_from(MISSED);
        let ended = Instant::now();
        let pid = restart();
        let mut latencies = Latencies::new();
        for at in told(storm, storm.last_revision()).await {
            latencies.note(at.duration_since(ended));
        }
        // Who was told something twice or not at all would notice now.
        let revision = change().await;
        told(storm, revision).await;
        self.p99.push(latencies.quantile(0.99) / 1e3);
        self.last.push(latencies.quantile(1.0) / 1e3);
        self.steady.push(steady);
        self.peak.push(cpu::peak(pid) / steady);
    }
}

async fn told(storm: &Storm, revision: u64) -> Vec<Instant> {
    timeout(PATIENCE, storm.all_told(revision)).await.expect("all watchers to be told")
}
