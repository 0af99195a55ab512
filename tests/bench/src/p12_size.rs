//! What many stores need: memory, and the time of a page of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use sendstores_proto::v1::{ListRequest, ListResponse};

use crate::{
    Extent, cpu,
    etcd_api::{self, RangeRequest, RangeResponse},
    grpc::{Call, Connection},
    load::{CONNECTIONS, at_pace},
    peers::{Etcd, Ours, Redis, Setup},
    script, stores,
    table::{Goal, Row},
};

const FEW: usize = 10_000;
const MANY: usize = 100_000;
const PAGE: i32 = 500;
const PAGES_A_SECOND: f64 = 50.0;
/// How long nothing happens before memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// Each page of everything there is: the call, and the answer.
type Book = Vec<(Call, Bytes)>;

pub(crate) async fn measure(extent: Extent) -> Vec<Row> {
    let mut rows = memory(extent).await;
    rows.extend(pages(extent).await);
    rows
}

async fn memory(extent: Extent) -> Vec<Row> {
    let redis = Redis::start().await;
    stores::fill(&redis, extent.of(FEW)).await;
    let (mut ours, mut etcd, mut redis_alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        let server = Setup::on(&redis).start().await;
        tokio::time::sleep(SETTLE).await;
        ours.push(server.resident());
        redis_alone.push(cpu::resident(redis.pid()));
        drop(server);
        let server = Etcd::start().await;
        fill(&server, extent.of(FEW)).await;
        tokio::time::sleep(SETTLE).await;
        etcd.push(cpu::resident(server.program.pid()));
    }
    vec![
        Row::beside("memory with 10,000 stores, MiB", &ours, "etcd, as many keys", &etcd, Goal::AtMost(60.0)),
        Row::alone("the same of Redis", redis_alone, Goal::None),
    ]
}

async fn pages(extent: Extent) -> Vec<Row> {
    let count = extent.of(MANY);
    let redis = Redis::start().await;
    stores::fill(&redis, count).await;
    let begun = Instant::now();
    let ours = Setup::on(&redis).start().await;
    let start = begun.elapsed();
    let etcd = Etcd::start().await;
    fill(&etcd, count).await;
    let (listed, ranged) = (pages_of_ours(&ours, count).await, pages_of_etcd(&etcd, count).await);
    let (mut list, mut range) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        let connections = Connection::open_many(ours.address, CONNECTIONS).await;
        list.push(p99(extent, &connections, &listed).await);
        let connections = Connection::open_many(etcd.address, CONNECTIONS).await;
        range.push(p99(extent, &connections, &ranged).await);
    }
    let figure = "List: 500 of 100,000 stores, 50 pages a second, p99, ms";
    vec![
        Row::alone("exec to serving with 100,000 stores, s", vec![start.as_secs_f64()], Goal::None),
        Row::beside(figure, &list, "etcd Range", &range, Goal::AtMost(20.0)),
    ]
}

async fn p99(extent: Extent, connections: &[Connection], book: &Book) -> f64 {
    let latencies = at_pace(PAGES_A_SECOND, extent.time, async |number, _| {
        let number = usize::try_from(number).expect("not so many");
        let (call, answer) = &book[number % book.len()];
        let answered = connections[number % CONNECTIONS].unary(call).await.expect("an answer");
        assert!(answered.starts_with(answer), "another page than before");
    });
    latencies.await.quantile(0.99)
}

async fn pages_of_ours(ours: &Ours, count: usize) -> Book {
    let connection = Connection::open(ours.address).await.expect("a connection");
    let (mut book, mut page_token, mut seen) = (Book::new(), String::new(), 0);
    while book.is_empty() || !page_token.is_empty() {
        let request = ListRequest { page_size: PAGE, page_token, ..ListRequest::default() };
        let call = Call::new(ours.address, "/sendstores.v1.StoreService/List", &request);
        let answer = connection.unary(&call).await.expect("an answer");
        let mut page = ListResponse::decode(answer.clone()).expect("a ListResponse");
        // How new the answer is differs each time, and the total stands after it.
        (page.fresh_time, page.total_size) = (None, 0);
        book.push((call, answer.slice(..page.encoded_len())));
        seen += page.stores.len();
        page_token = page.next_page_token;
    }
    assert_eq!(seen, count, "all stores are listed");
    book
}

async fn pages_of_etcd(etcd: &Etcd, count: usize) -> Book {
    let connection = Connection::open(etcd.address).await.expect("a connection");
    let (mut book, mut seen) = (Book::new(), 0);
    while seen < count {
        let range = RangeRequest {
            key: stores::id(seen).into_bytes().into(),
            range_end: Bytes::from_static(b"store."),
            limit: i64::from(PAGE),
        };
        let call = Call::new(etcd.address, etcd_api::RANGE, &range);
        let answer = connection.unary(&call).await.expect("an answer");
        seen += RangeResponse::decode(answer.clone()).expect("a RangeResponse").kvs.len();
        book.push((call, answer));
    }
    book
}

async fn fill(etcd: &Etcd, count: usize) {
    let value = Bytes::from(vec![b'x'; script::RECORD]);
    etcd.fill((0..count).map(|number| (stores::id(number), value.clone())).collect()).await;
}
