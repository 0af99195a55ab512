//! One change told to many streams: how many one processor tells in a second, and what a stream costs that is told nothing.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, timeout};

use crate::{
    Extent, cpu,
    fan::Fan,
    grpc::Connection,
    load::connections_for,
    peers::{Health, Ours, Redis, Setup},
    program::PATIENCE,
    stores,
    table::{Goal, Row},
    watching::from_now,
};

const STREAMS: [usize; 2] = [1_000, 10_000];
/// How long nothing happens before memory is looked at.
const SETTLE: Duration = Duration::from_millis(500);

/// Rounds of one server and number of streams.
#[derive(Default)]
struct Fanout {
    /// Messages a second of processor time.
    told: Vec<f64>,
    /// KiB a stream, with its share of a connection.
    memory: Vec<f64>,
}

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let redis = Redis::start().await;
    stores::fill(&redis, 1).await;
    let mut rows = Vec::new();
    for count in STREAMS {
        let streams = extent.of(count);
        let (mut ours, mut health) = (Fanout::default(), Fanout::default());
        for _ in 0..extent.rounds {
            ours.round_of_ours(extent, &redis, streams).await;
            health.round_of_health(extent, streams).await;
        }
        let peer = "tonic-health Watch";
        let figure = format!("{count} streams: messages a second of processor time");
        rows.push(Row::beside(figure, &ours.told, peer, &health.told, Goal::RatioAtLeast(0.6)));
        let figure = format!("{count} streams: memory of each, KiB");
        rows.push(Row::beside(figure, &ours.memory, peer, &health.memory, Goal::AtMost(16.0)));
    }
    rows
}

async fn connect(server: SocketAddr, streams: usize) -> Vec<Connection> {
    Connection::open_many(server, connections_for(streams)).await
}

// === impl Fanout ===

impl Fanout {
    async fn round_of_ours(&mut self, extent: Extent, redis: &Redis, streams: usize) {
        let ours: Ours = Setup::on(redis).start().await;
        let ledger = stores::ledger(redis).await;
        let before = ours.resident();
        let fan = Fan::open(&connect(ours.address, streams).await, &from_now(ours.address).await, streams).await;
        self.remember(before, ours.program.pid(), streams).await;
        let mut store = Some(stores::first(&ledger).await);
        self.tell(extent, &fan, ours.program.pid(), async || {
            let changed = stores::touch(&ledger, store.take().expect("the store")).await;
            store = Some(changed);
        })
        .await;
    }

    async fn round_of_health(&mut self, extent: Extent, streams: usize) {
        let mut health = Health::start().await;
        let pid = health.program.pid();
        let before = cpu::resident(pid);
        let fan = Fan::open(&connect(health.address, streams).await, &health.watch(), streams).await;
        // Each is told at once how it is.
        fan.all_told().await;
        self.remember(before, pid, streams).await;
        self.tell(extent, &fan, pid, async || health.program.say()).await;
    }

    async fn remember(&mut self, before: f64, pid: u32, streams: usize) {
        tokio::time::sleep(SETTLE).await;
        self.memory.push((cpu::resident(pid) - before) * 1024.0 / streams as f64);
    }

    /// One change after the other, each once all were told of the one before.
    async fn tell(&mut self, extent: Extent, fan: &Fan, pid: u32, mut change: impl AsyncFnMut()) {
        let (end, before) = (Instant::now() + extent.time, cpu::time(pid));
        let mut messages = 0;
        while Instant::now() < end {
            change().await;
            timeout(PATIENCE, fan.all_told()).await.expect("all streams to be told");
            messages += fan.streams();
        }
        self.told.push(messages as f64 / (cpu::time(pid) - before).as_secs_f64());
    }
}
