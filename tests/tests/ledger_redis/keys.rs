//! What stands in Redis.

use std::num::NonZeroU32;

use sendstores_core::{
    Revision, Store,
    ledger::{Ledger, LedgerError, OPERATION_WINDOW, Owner, Write, Written},
    tenant::TenantEvent,
};
use sendstores_server::ledger::{MemoryLedger, RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{apply, creation, declaration, last, operation, stores, tenant_event, tombstone, update},
    redis::RedisServer,
    samples::store_id,
};

use super::connect;

async fn connect_as(server: &RedisServer, prefix: &str) -> RedisLedger {
    let config = RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::new(server.url()) };
    RedisLedger::connect(config).await.expect("a ledger")
}

fn known_creation(id: &str, digest: &str) -> Write {
    Write { operation: Some(operation("r-1", digest)), ..creation(id) }
}

#[tokio::test]
async fn all_keys_are_under_one_hash_tag_and_ledgers_are_apart() {
    let server = RedisServer::start().await;
    let (one, two) = (connect_as(&server, "one").await, connect_as(&server, "two").await);
    for ledger in [&one, &two] {
        apply(ledger, known_creation("store-a", "aa")).await;
        tombstone(ledger, "store-dead").await;
        let acme = apply(ledger, declaration("acme")).await;
        apply(ledger, tenant_event(&acme, TenantEvent::Deleted)).await;
        let lease = std::time::Duration::from_secs(60);
        ledger.claim(&store_id("store-a"), &Owner("one".to_owned()), lease).await.expect("an answer").expect("a claim");
        ledger.announce(&Owner("one".to_owned()), lease).await.expect("an answer");
        assert_eq!(last(ledger).await, Revision(6));
    }
    assert_ne!(one.epoch(), two.epoch());
    let keys = server.cli(["KEYS", "*"]).await;
    let mut names: Vec<_> = keys.lines().filter_map(|key| key.strip_prefix("{one}:")).collect();
    names.sort_unstable();
    let of_all = ["claims", "log", "meta", "operation:r-1", "replicas"];
    let of_kinds = ["stores", "tenants", "tenants:counts", "tenants:tombstones", "tombstones"];
    assert_eq!(names, [&of_all[..], &of_kinds].concat());
    assert!(keys.lines().all(|key| key.starts_with("{one}:") || key.starts_with("{two}:")), "{keys}");
}

#[tokio::test]
async fn an_operation_is_remembered_for_its_window() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let first = apply(&ledger, known_creation("store-a", "aa")).await;
    let key = "{sendstores}:operation:r-1";
    let left: u64 = server.cli(["TTL", key]).await.parse().expect("a number");
    assert!(left <= OPERATION_WINDOW.as_secs() && left > OPERATION_WINDOW.as_secs() - 600, "{left}");
    assert_eq!(ledger.write(known_creation("store-b", "aa")).await, Ok(Written::Repeated(first)));
    // As the end of the window does.
    server.cli(["DEL", key]).await;
    assert_eq!(ledger.recall::<Store>(&operation("r-1", "ab")).await, Ok(None));
    apply(&ledger, known_creation("store-b", "ab")).await;
}

#[tokio::test]
async fn in_memory_an_operation_is_remembered_for_its_window() {
    let ledger = MemoryLedger::default();
    let first = apply(&ledger, known_creation("store-a", "aa")).await;
    ledger.advance(OPERATION_WINDOW / 2);
    assert_eq!(ledger.write(known_creation("store-b", "aa")).await, Ok(Written::Repeated(first)));
    ledger.advance(OPERATION_WINDOW / 2);
    assert_eq!(ledger.recall::<Store>(&operation("r-1", "ab")).await, Ok(None));
    apply(&ledger, known_creation("store-b", "ab")).await;
}

#[tokio::test]
async fn the_history_is_bounded() {
    let server = RedisServer::start().await;
    let history = NonZeroU32::new(10).expect("not zero");
    let ledger =
        RedisLedger::connect(RedisConfig { history, ..RedisConfig::new(server.url()) }).await.expect("a ledger");
    let mut store = apply(&ledger, creation("store-a")).await;
    for _ in 0..100 {
        store = apply(&ledger, update(&store)).await;
    }
    assert_eq!(server.cli(["XLEN", "{sendstores}:log"]).await, "10");
    let value = server.cli(["HGET", "{sendstores}:stores", "store-a"]).await;
    assert!(value.len() < 2048, "a record does not grow with its writes: {value}");
}

#[tokio::test]
async fn data_without_its_head_is_no_empty_ledger() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    server.cli(["DEL", "{sendstores}:meta"]).await;
    let said = ledger.write(update(&store)).await;
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
    let fresh = connect(server.url()).await;
    assert_eq!((fresh.last_revision().await, stores(&fresh).await), (Ok(store.revision), Ok(vec![store.clone()])));
    let said = fresh.write(update(&store)).await;
    assert!(matches!(said, Err(LedgerError::InDoubt(_))), "{said:?}");
    fresh.adopt(Vec::new()).await.expect("adopted");
    apply(&fresh, update(&store)).await;
}

#[tokio::test]
async fn tenants_without_a_head_and_a_log_are_no_empty_ledger() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    apply(&ledger, creation("store-a")).await;
    let acme = apply(&ledger, declaration("acme")).await;
    server.cli(["DEL", "{sendstores}:meta", "{sendstores}:log"]).await;
    let fresh = connect(server.url()).await;
    assert_eq!(fresh.last_revision().await, Ok(acme.revision), "its revision is not given again");
    let said = fresh.write(update(&acme)).await;
    assert!(matches!(said, Err(LedgerError::InDoubt(_))), "{said:?}");
}

#[tokio::test]
async fn another_format_is_refused() {
    let server = RedisServer::start().await;
    connect(server.url()).await;
    server.cli(["HSET", "{sendstores}:meta", "format", "2"]).await;
    let said = RedisLedger::connect(RedisConfig::new(server.url())).await.map(drop);
    assert!(matches!(&said, Err(LedgerError::Corrupt(why)) if why.contains("\"2\"")), "{said:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_that_store_alone() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    for value in ["1 L 00:1 {\"version\":9}", "1 L 00:1 [", "nonsense"] {
        server.cli(["HSET", "{sendstores}:stores", "store-a", value]).await;
        let (load, write) = (ledger.load(&store.id).await.map(drop), ledger.write(creation("store-a")).await.map(drop));
        for said in [load, write] {
            let Err(LedgerError::Unreadable(unreadable)) = said else { panic!("{value}: {said:?}") };
            assert_eq!(unreadable.id(), Some(store.id.clone()), "{value}");
        }
        let scan = ledger.scan::<Store>().await.expect("a scan");
        assert_eq!((scan.resources.len(), scan.unreadable.len()), (0, 1), "{value}");
        assert_eq!(scan.unreadable[0].id(), Some(store.id.clone()), "{value}");
    }
    assert_eq!(last(&ledger).await, store.revision);
    server.cli(["HSET", "{sendstores}:stores", "no id of a store", "1 L 00:1 {}"]).await;
    assert_eq!(
        ledger.scan::<Store>().await.map(|scan| scan.unreadable.len()),
        Ok(1),
        "what is no store is passed over"
    );
}

#[tokio::test]
async fn a_log_that_is_ahead_of_its_head_is_not_written_over() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    server.cli(["XADD", "{sendstores}:log", "7-0", "epoch", "x", "record", "x"]).await;
    let before = server.cli(["DEBUG", "DIGEST"]).await;
    let said = ledger.write(update(&store)).await;
    assert!(matches!(said, Err(LedgerError::Corrupt(_))), "{said:?}");
    assert_eq!(server.cli(["DEBUG", "DIGEST"]).await, before);
}
