//! The count of each tenant's stores, where servers of an older version write beside: they do not count.

use std::collections::BTreeMap;

use sendstores_core::{
    Event, Revision, Store,
    admission::{Denial, Quota, TenantLimits},
    ledger::{Ledger, LedgerError, Write},
};
use sendstores_server::ledger::RedisLedger;
use sendstores_tests::{
    ledger::{apply, creation, declaration, event, last, update},
    redis::RedisServer,
    samples::parsed,
    versions,
};

use super::connect;

const META: &str = "{sendstores}:meta";
const COUNTS: &str = "{sendstores}:tenants:counts";

fn of(tenant: &str, id: &str) -> Write {
    let write = creation(id);
    Write { resource: Store { tenant: Some(parsed(tenant)), ..write.resource }, ..write }
}

/// What no server of an older version changes.
async fn counted(server: &RedisServer) -> (String, String) {
    (server.cli(["HGET", META, "counted"]).await, server.cli(["HGET", COUNTS, "acme"]).await)
}

/// As if an older server had made all writes since.
async fn put_back(server: &RedisServer, (counted, acme): (String, String)) {
    server.cli(["HSET", META, "counted", &counted]).await;
    server.cli(["HSET", COUNTS, "acme", &acme]).await;
    server.cli(["HDEL", COUNTS, "bolt"]).await;
}

async fn drift(ledger: &RedisLedger, counts: &[(&str, u64)]) -> u64 {
    let counts: BTreeMap<_, _> = counts.iter().map(|(tenant, stores)| (parsed(tenant), *stores)).collect();
    ledger.check_counts(last(ledger).await, &counts).await.expect("an answer").expect("nothing was written meanwhile")
}

/// Has acme create stores until it has `most` of them; returns how many that were.
async fn fill(ledger: &RedisLedger, most: u32) -> u32 {
    let terms = Quota {
        defaults: TenantLimits { stores: Some(most), creates_per_minute: None, ..TenantLimits::default() },
        closed: false,
    }
    .terms();
    for made in 0.. {
        match ledger.submit(of("acme", &format!("store-fill-{most}-{made}")), terms.clone()).await {
            Ok(_) => {}
            Err(LedgerError::NotAdmitted(Denial::Stores { .. })) => return made,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("there are that many numbers")
}

/// Acme has two stores more, bolt one; one of acme is gone.
async fn many_changes(ledger: &RedisLedger, id: &str) {
    let [one, two, _] = [1, 2, 3].map(|i| of("acme", &format!("store-{id}-{i}")));
    let gone = apply(ledger, one).await;
    apply(ledger, two).await;
    apply(ledger, of("bolt", &format!("store-{id}-bolt"))).await;
    apply(ledger, declaration(id)).await;
    let gone = apply(ledger, event(&gone, Event::DeleteRequested)).await;
    let gone = apply(ledger, event(&gone, Event::Removed)).await;
    let again = apply(ledger, of("acme", gone.id.as_str())).await;
    apply(ledger, update(&again)).await;
}

#[tokio::test]
async fn what_an_older_server_wrote_is_counted_before_the_next_write() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    apply(&ledger, of("acme", "store-a")).await;
    let before = counted(&server).await;
    many_changes(&ledger, "one").await;
    put_back(&server, before.clone()).await;
    assert_eq!(fill(&ledger, 5).await, 2, "acme had 3");
    assert_eq!(drift(&ledger, &[("acme", 5), ("bolt", 1)]).await, 0);
    // A log that no longer reaches back, and one whose entries do not say what was before.
    let before = counted(&server).await;
    many_changes(&ledger, "two").await;
    put_back(&server, before.clone()).await;
    server.cli(["XTRIM", "{sendstores}:log", "MAXLEN", "1"]).await;
    assert_eq!(fill(&ledger, 9).await, 2, "acme had 7");
    assert_eq!(drift(&ledger, &[("acme", 9), ("bolt", 2)]).await, 0);
    let mut record = versions::stored(&server, "store-a").await;
    record["id"] = "store-put".into();
    versions::put(&server, "store-put", &record.to_string()).await;
    assert_eq!(fill(&ledger, 11).await, 1, "acme had 10");
    assert_eq!(drift(&ledger, &[("acme", 11), ("bolt", 2)]).await, 0);
}

#[tokio::test]
async fn a_ledger_that_was_never_counted_is_counted_by_the_first_write() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    many_changes(&ledger, "one").await;
    server.cli(["DEL", COUNTS]).await;
    server.cli(["HDEL", META, "counted"]).await;
    apply(&ledger, declaration("other")).await;
    assert_eq!(drift(&ledger, &[("acme", 2), ("bolt", 1)]).await, 0);
}

#[tokio::test]
async fn a_wrong_count_is_found_and_put_right() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    many_changes(&ledger, "one").await;
    server.cli(["HSET", COUNTS, "acme", "9 0"]).await;
    server.cli(["HSET", COUNTS, "nobody", "1 0"]).await;
    server.cli(["HDEL", COUNTS, "bolt"]).await;
    let right = [("acme", 2), ("bolt", 1)];
    assert_eq!(drift(&ledger, &right).await, 7 + 1 + 1);
    assert_eq!(drift(&ledger, &right).await, 0);
    assert_eq!(fill(&ledger, 3).await, 1);
    let behind = ledger.check_counts(Revision(1), &BTreeMap::new()).await;
    assert_eq!(behind, Ok(None), "of a moment that has passed");
}
