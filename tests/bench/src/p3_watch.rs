//! How long a change takes to its watchers: from when the change was asked for, and from when it was acknowledged.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use prost::Message;
use tokio::time::timeout;

use crate::{
    Extent,
    etcd_api::{self, PutRequest},
    grpc::{Call, Connection, Messages},
    load::{CONNECTIONS, at_pace},
    peers::{Etcd, Redis, Setup},
    program::PATIENCE,
    stats::Latencies,
    table::{Goal, Row},
    watching::{Sighting, Sightings, many_of_etcd, many_of_ours, told_by_etcd, told_by_ours},
    writes::create,
};

const WATCHERS: usize = 100;
const CHANGES_A_SECOND: f64 = 100.0;
/// Watchers more, who take nothing.
const NOT_READING: usize = 10;
const KEY: &str = "watched";
/// A watcher who is told no later than the writer counts as this: ratios need something to be ratios of.
const AT_ONCE: Duration = Duration::from_micros(10);

/// Milliseconds, a number each round.
#[derive(Default)]
struct Delays {
    from_request: [Vec<f64>; 2],
    from_answer: [Vec<f64>; 2],
}

/// When a change was asked for and acknowledged, by its revision.
type Changes = RefCell<HashMap<u64, (Instant, Instant)>>;

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let redis = Redis::start().await;
    let ours = Setup::on(&redis).start().await;
    let etcd = Etcd::start().await;
    // As much as watchers are told of a store.
    let first = create(&Connection::open(ours.address).await.expect("a connection"), ours.address).await;
    let value = Bytes::from(first.encode_to_vec());
    let (mut mine, mut held_up, mut theirs) = (Delays::default(), Delays::default(), Delays::default());
    for _ in 0..extent.rounds {
        mine.round_of_ours(extent, ours.address).await;
        let aside = Connection::open_many(ours.address, 1).await;
        let not_reading = many_of_ours(ours.address, &aside, NOT_READING).await;
        held_up.round_of_ours(extent, ours.address).await;
        drop(not_reading);

        let connections = Connection::open_many(etcd.address, CONNECTIONS).await;
        let streams = many_of_etcd(&etcd, &connections, WATCHERS, KEY).await;
        let put = async |number: u64| put(&connections[turn(number)], etcd.address, value.clone()).await;
        theirs.round(extent, streams, told_by_etcd, put).await;
    }
    let mut rows = mine.beside(&theirs);
    let (with, without) = (&held_up.from_request[1], &mine.from_request[1]);
    let figure = "change to watcher, from its request, p99, while ten more do not read, ms";
    rows.push(Row::beside(figure, with, "without them", without, Goal::RatioAtMost(1.2)));
    rows
}

fn turn(number: u64) -> usize {
    usize::try_from(number).expect("not so many") % CONNECTIONS
}

async fn put(connection: &Connection, etcd: SocketAddr, value: Bytes) -> u64 {
    let call = Call::new(etcd, etcd_api::PUT, &PutRequest::new(KEY, value));
    let answer = connection.unary(&call).await.expect("an answer");
    etcd_api::revision_of_put(answer)
}

// === impl Delays ===

impl Delays {
    async fn round_of_ours(&mut self, extent: Extent, server: SocketAddr) {
        let connections = Connection::open_many(server, CONNECTIONS).await;
        let streams = many_of_ours(server, &connections, WATCHERS).await;
        let create = async |number: u64| create(&connections[turn(number)], server).await.revision;
        self.round(extent, streams, told_by_ours, create).await;
    }

    async fn round(
        &mut self,
        extent: Extent,
        streams: Vec<Messages>,
        told: fn(Bytes) -> Vec<u64>,
        change: impl AsyncFn(u64) -> u64,
    ) {
        let sightings = Sightings::default();
        let _watchers = sightings.collect(streams, told);
        let changes: Changes = RefCell::default();
        at_pace(CHANGES_A_SECOND, extent.time, async |number, intended| {
            let revision = change(number).await;
            changes.borrow_mut().insert(revision, (intended, Instant::now()));
        })
        .await;
        let changes = changes.into_inner();
        let last = *changes.keys().max().expect("a change");
        let seen = timeout(PATIENCE, sightings.once_seen(last, WATCHERS)).await.expect("all watchers to be told");
        self.note(&changes, &seen);
    }

    fn note(&mut self, changes: &HashMap<u64, (Instant, Instant)>, seen: &[Sighting]) {
        let (mut from_request, mut from_answer) = (Latencies::new(), Latencies::new());
        for (revision, at) in seen {
            // Others are the first steps of what was created before.
            if let Some((asked, answered)) = changes.get(revision) {
                from_request.note(at.saturating_duration_since(*asked));
                from_answer.note(at.saturating_duration_since(*answered).max(AT_ONCE));
            }
        }
        let told = usize::try_from(from_request.count()).expect("not so many");
        assert_eq!(told, changes.len() * WATCHERS, "every watcher is told every change once");
        for (index, quantile) in [0.5, 0.99].into_iter().enumerate() {
            self.from_request[index].push(from_request.quantile(quantile));
            self.from_answer[index].push(from_answer.quantile(quantile));
        }
    }

    fn beside(&self, peer: &Self) -> Vec<Row> {
        let row = |figure: &str, quantile: &str, ours: &[f64], peer: &[f64], goal| {
            Row::beside(format!("change to watcher, from its {figure}, {quantile}, ms"), ours, "etcd", peer, goal)
        };
        let goal = Goal::RatioAtMost(1.0);
        vec![
            row("request", "p50", &self.from_request[0], &peer.from_request[0], Goal::None),
            row("request", "p99", &self.from_request[1], &peer.from_request[1], goal),
            row("acknowledgement", "p50", &self.from_answer[0], &peer.from_answer[0], Goal::None),
            row("acknowledgement", "p99", &self.from_answer[1], &peer.from_answer[1], goal),
        ]
    }
}
