//! The audit on Redis: as long as it may be, and whatever is in it.

use std::num::NonZeroU32;

use sendstores_core::{
    Timestamp,
    admission::Terms,
    audit::{AuditEntry, Verdict},
    ledger::Ledger,
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{ledger::creation, redis::RedisServer};

fn entry(method: String) -> AuditEntry {
    AuditEntry {
        time: Timestamp::from_micros(1),
        principal: String::new(),
        tenants: Vec::new(),
        method,
        resource: String::new(),
        uid: String::new(),
        decision: Verdict::Denied,
        reason: String::new(),
        call: String::new(),
        peer: String::new(),
        agent: String::new(),
        via: String::new(),
        count: 1,
        hidden: false,
    }
}

#[tokio::test]
async fn a_flood_of_refusals_pushes_no_change_out_and_both_are_bounded() {
    let server = RedisServer::start().await;
    let config = RedisConfig { audit: NonZeroU32::new(40).expect("not zero"), ..RedisConfig::new(server.url()) };
    let ledger = RedisLedger::connect(config).await.expect("a ledger");
    for i in 0..50 {
        let terms = Terms { audit: Some(entry(format!("change-{i}"))), ..Terms::default() };
        ledger.submit(creation(&format!("store-{i}")), terms).await.expect("written");
        ledger.note_refusals(&[entry(format!("refusal-{i}")), entry(format!("other-{i}"))]).await.expect("entered");
    }
    let entries = ledger.read_audit(None, 1_000).await.expect("an answer");
    let methods: Vec<_> = entries.into_iter().filter_map(|(_, entry)| entry).map(|entry| entry.method).collect();
    let count = |sort: &str| methods.iter().filter(|method| method.starts_with(sort)).count();
    assert_eq!((count("change"), count("refusal"), count("other")), (40, 2, 2));
    assert!(!methods.contains(&"change-9".to_owned()) && methods.contains(&"change-10".to_owned()));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_hides_no_other() {
    let server = RedisServer::start().await;
    let ledger = RedisLedger::connect(RedisConfig::new(server.url())).await.expect("a ledger");
    ledger.note_refusals(&[entry("one".to_owned())]).await.expect("entered");
    for text in ["{", "{\"version\":3,\"time\":1,\"method\":\"m\",\"decision\":\"DENIED\"}"] {
        server.cli(["XADD", "{sendstores}:audit", "*", "entry", text]).await;
    }
    let newer = "{\"version\":1,\"time\":1,\"method\":\"m\",\"decision\":\"FORGIVEN\",\"mood\":\"mild\"}";
    server.cli(["XADD", "{sendstores}:audit", "*", "entry", newer]).await;
    let entries = ledger.read_audit(None, 10).await.expect("an answer");
    let read: Vec<_> =
        entries.iter().map(|(_, entry)| entry.as_ref().map(|entry| (entry.method.as_str(), entry.decision))).collect();
    assert_eq!(read, [Some(("m", Verdict::Unknown)), None, None, Some(("one", Verdict::Denied))]);
}
