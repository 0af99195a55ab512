//! Whether the time of an answer says that a store exists: another tenant's store is answered as one that does not exist.

use std::{net::SocketAddr, time::Instant};

use sendstores_proto::v1::GetRequest;

use crate::{
    Extent,
    grpc::{Call, Connection},
    peers::{Redis, Setup},
    stats::Latencies,
    stores,
    table::{Goal, Row},
};

const STORES: usize = 1_000;

/// Both kinds of calls by one caller, which is no tenant's of the stores.
struct Calls {
    foreign: Vec<Call>,
    missing: Vec<Call>,
}

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let redis = Redis::start().await;
    let count = extent.of(STORES);
    stores::fill(&redis, count).await;
    let setup = Setup::on(&redis).with_auth();
    let (server, token) = (setup.start().await, setup.token_of(&["--role", "tenant", "--tenant", "other"]));
    let calls = Calls {
        foreign: gets(server.address, 0..count, &token),
        missing: gets(server.address, STORES..STORES + count, &token),
    };
    let [mut foreign, mut missing] = [(); 2].map(|()| [Vec::new(), Vec::new()]);
    for _ in 0..extent.rounds {
        let [theirs, none] = calls.in_turns(extent, server.address).await;
        for (kept, measured) in [(&mut foreign, theirs), (&mut missing, none)] {
            kept[0].push(measured.quantile(0.5));
            kept[1].push(measured.quantile(0.99));
        }
    }
    let peer = "of no store";
    vec![
        Row::beside("Get of another tenant's store: p50, ms", &foreign[0], peer, &missing[0], Goal::RatioAtMost(1.05)),
        Row::beside("the same, p99, ms", &foreign[1], peer, &missing[1], Goal::None),
    ]
}

fn gets(server: SocketAddr, numbers: std::ops::Range<usize>, token: &str) -> Vec<Call> {
    let get = |number| GetRequest { id: stores::id(number), ..GetRequest::default() };
    numbers.map(|number| Call::new(server, "/sendstores.v1.StoreService/Get", &get(number)).with_token(token)).collect()
}

// === impl Calls ===

impl Calls {
    /// One after the other, so that whatever else the machine does, it does to both.
    async fn in_turns(&self, extent: Extent, server: SocketAddr) -> [Latencies; 2] {
        let connection = Connection::open(server).await.expect("a connection");
        let [mut foreign, mut missing] = [Latencies::new(), Latencies::new()];
        let end = Instant::now() + extent.time;
        for (theirs, none) in self.foreign.iter().zip(&self.missing).cycle() {
            if Instant::now() >= end {
                break;
            }
            for (call, latencies) in [(theirs, &mut foreign), (none, &mut missing)] {
                let begin = Instant::now();
                let refused = connection.unary(call).await.expect_err("the store is not this caller's");
                latencies.note(begin.elapsed());
                assert!(refused.to_string().starts_with("gRPC status 5:"), "{refused}");
            }
        }
        [foreign, missing]
    }
}
