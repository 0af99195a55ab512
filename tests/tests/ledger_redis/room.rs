//! Memory and disk run out.

use std::{fs, time::Duration};

use sendstores_core::{
    Revision,
    ledger::{Ledger, LedgerError, LogPage, Operation, Owner, Write},
};
use sendstores_tests::{
    ledger::{apply, creation, last, operation, stores, tombstone, update},
    redis::RedisServer,
    samples::store_id,
    wait::until,
};

use super::connect;

fn assert_full<T: std::fmt::Debug>(said: &Result<T, LedgerError>) {
    assert!(matches!(said, Err(LedgerError::Full(_))), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_memory_nothing_is_written_and_all_is_read() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let known: Operation = operation("r-1", "aa");
    let store = apply(&ledger, Write { operation: Some(known.clone()), ..creation("store-a") }).await;
    let dead = tombstone(&ledger, "store-dead").await;
    let owner = Owner("one".to_owned());
    let claim = ledger.claim(&store.id, &owner, Duration::from_secs(60)).await.expect("an answer").expect("the claim");
    let before = server.cli(["DEBUG", "DIGEST"]).await;

    server.config_set("maxmemory", "1").await;
    assert_full(&ledger.write(update(&store)).await);
    assert_full(&ledger.write(Write { operation: Some(operation("r-2", "aa")), ..creation("store-b") }).await);
    assert_full(&ledger.claim(&store_id("store-b"), &owner, Duration::from_secs(60)).await);
    assert_eq!(server.cli(["DEBUG", "DIGEST"]).await, before, "not a byte was written");

    assert_eq!(last(&ledger).await, dead.revision);
    assert_eq!(ledger.load(&store.id).await, Ok(Some(store.clone())));
    assert_eq!(stores(&ledger).await.map(|stores| stores.len()), Ok(2));
    assert_eq!(ledger.recall(&known).await, Ok(Some(store.clone())));
    let page = ledger.read_log(Revision::ZERO, 10, Duration::ZERO).await;
    assert!(matches!(page, Ok(LogPage::Changes(changes)) if changes.len() == 4));
    // What makes room goes on.
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    ledger.release(&claim).await.expect("released");

    server.config_set("maxmemory", "0").await;
    assert_eq!(apply(&ledger, update(&store)).await.revision, dead.revision.next());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_disk_nothing_is_written_and_all_is_read() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    // A snapshot cannot take the place of a directory, and Redis refuses writes once a snapshot has failed.
    fs::create_dir(server.data().join("dump.rdb")).expect("a directory");
    server.config_set("save", "3600 1").await;
    server.cli(["BGSAVE"]).await;
    until("the snapshot to fail", async || {
        server.cli(["INFO", "persistence"]).await.contains("rdb_last_bgsave_status:err").then_some(())
    })
    .await;
    assert_full(&ledger.write(update(&store)).await);
    assert_eq!(last(&ledger).await, store.revision);
    assert_eq!(ledger.load(&store.id).await, Ok(Some(store.clone())));
    server.config_set("save", "").await;
    apply(&ledger, update(&store)).await;
}
