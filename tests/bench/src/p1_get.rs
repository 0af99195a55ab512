//! What a Get costs. It asks Redis for the last revision, once for all callers that wait, so Redis' share is told, too.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use prost::Message;
use sendstores_proto::v1::{Consistency, GetRequest, GetResponse};

use crate::{
    Extent,
    grpc::{Call, Connection},
    load::{CONNECTIONS, as_fast_as_answered},
    peers::{Etcd, Health, Ours, Redis, Setup},
    stores,
    table::{Goal, Row},
};

const STORES: usize = 1_000;

/// A call, and the one right answer to it.
struct Question {
    call: Call,
    answer: Bytes,
    /// How many bytes of the answer are the same each time.
    constant: usize,
}

/// Rounds of one server: microseconds of processor for one call, in the server and in what it keeps its data in.
#[derive(Default)]
struct Costs {
    server: Vec<f64>,
    with_data: Vec<f64>,
}

struct Sides {
    redis: Redis,
    ours: Ours,
    /// The same server for callers with a token.
    guarded: Ours,
    health: Health,
    etcd: Etcd,
}

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let redis = Redis::start().await;
    stores::fill(&redis, extent.of(STORES)).await;
    let ours = Setup::on(&redis).start().await;
    let setup = Setup::on(&redis).with_auth();
    let (guarded, token) = (setup.start().await, setup.token());
    let sides = Sides { redis, ours, guarded, health: Health::start().await, etcd: Etcd::start().await };
    let (server, count) = (sides.ours.address, extent.of(STORES));
    let gets = all_gets(server, count, Consistency::Unspecified, None).await;
    let stale_gets = all_gets(server, count, Consistency::Stale, None).await;
    let token_gets = all_gets(sides.guarded.address, count, Consistency::Unspecified, Some(&token)).await;
    let checks = vec![Question::ask(sides.health.address, sides.health.check()).await];
    let ranges = sides.ranges(&gets).await;

    let [mut get, mut stale_get, mut token_get, mut check, mut range] = [(); 5].map(|()| Costs::default());
    for _ in 0..extent.rounds {
        let Sides { redis, ours, guarded, health, etcd } = &sides;
        get.round(extent, ours.address, &gets, || (ours.cpu(), redis.cpu())).await;
        token_get.round(extent, guarded.address, &token_gets, || (guarded.cpu(), redis.cpu())).await;
        check.round(extent, health.address, &checks, || (health.program.cpu(), Duration::ZERO)).await;
        range.round(extent, etcd.address, &ranges, || (etcd.program.cpu(), Duration::ZERO)).await;
        stale_get.round(extent, ours.address, &stale_gets, || (ours.cpu(), redis.cpu())).await;
    }
    let bare = "tonic-health Check";
    vec![
        Row::beside("Get: processor time of the server, µs", &get.server, bare, &check.server, Goal::RatioAtMost(1.4)),
        Row::beside("the same, stale", &stale_get.server, bare, &check.server, Goal::RatioAtMost(1.4)),
        Row::beside("the same, with a token", &token_get.server, "without one", &get.server, Goal::RatioAtMost(1.05)),
        Row::beside("the same, server and Redis, µs", &get.with_data, bare, &check.server, Goal::RatioAtMost(2.0)),
        Row::beside(
            "Get: calls a second of processor time, server and Redis",
            &get.per_second(),
            "etcd Range",
            &range.per_second(),
            Goal::RatioAtLeast(3.0),
        ),
    ]
}

/// A Get of each store.
async fn all_gets(server: SocketAddr, stores: usize, consistency: Consistency, token: Option<&str>) -> Vec<Question> {
    let mut gets = Vec::new();
    for number in 0..stores {
        let request = GetRequest { id: stores::id(number), consistency: consistency.into() };
        let call = Call::new(server, "/sendstores.v1.StoreService/Get", &request);
        let call = token.into_iter().fold(call, Call::with_token);
        let mut get = Question::ask(server, call).await;
        let mut response = GetResponse::decode(get.answer.clone()).expect("a GetResponse");
        assert_eq!(response.store.as_ref().expect("a store").id, request.id);
        // The time of the answer follows the store.
        response.fresh_time = None;
        get.constant = response.encoded_len();
        gets.push(get);
    }
    gets
}

// === impl Sides ===

impl Sides {
    /// Keys of the same names with values of the same size.
    async fn ranges(&self, gets: &[Question]) -> Vec<Question> {
        let entry = |(number, get): (usize, &Question)| (stores::id(number), get.answer.clone());
        self.etcd.fill(gets.iter().enumerate().map(entry).collect()).await;
        let mut ranges = Vec::new();
        for (number, get) in gets.iter().enumerate() {
            let range = Question::ask(self.etcd.address, self.etcd.range(stores::id(number).as_bytes())).await;
            assert!(range.answer.len() > get.answer.len(), "the value is in the answer");
            ranges.push(range);
        }
        ranges
    }
}

// === impl Question ===

impl Question {
    async fn ask(server: SocketAddr, call: Call) -> Self {
        let connection = Connection::open(server).await.expect("a connection");
        let answer = connection.unary(&call).await.expect("an answer");
        let constant = answer.len();
        Self { call, answer, constant }
    }
}

// === impl Costs ===

impl Costs {
    /// One round of a server; `cpu` is what it and its data have used so far.
    async fn round(
        &mut self,
        extent: Extent,
        server: SocketAddr,
        questions: &[Question],
        cpu: impl Fn() -> (Duration, Duration),
    ) {
        let connections = Connection::open_many(server, CONNECTIONS).await;
        let (server_before, data_before) = cpu();
        let calls = as_fast_as_answered(extent.time, async |caller, number| {
            let turn = caller + usize::try_from(number).expect("not so many") * 7;
            let Question { call, answer, constant } = &questions[turn % questions.len()];
            let answered = connections[caller % CONNECTIONS].unary(call).await.expect("an answer");
            assert!(answered.starts_with(&answer[..*constant]), "another answer than before");
        })
        .await;
        let (server_behind, data_behind) = cpu();
        let micros = |used: Duration| used.as_secs_f64() * 1e6 / calls as f64;
        self.server.push(micros(server_behind - server_before));
        self.with_data.push(micros(server_behind - server_before + data_behind - data_before));
    }

    fn per_second(&self) -> Vec<f64> {
        self.with_data.iter().map(|micros| 1e6 / micros).collect()
    }
}
