//! Writes that come at the same moment go to Redis together, and each has its own end.

use futures::{future::join_all, poll};
use sendstores_core::{
    Revision,
    ledger::{Expected, Ledger, LedgerError, Write, Written},
};
use sendstores_tests::{
    ledger::{apply, creation, last, operation, stores, update, whole_log},
    redis::RedisServer,
};

use super::connect;

const MANY: usize = 100;

/// How many scripts were run.
async fn scripts(server: &RedisServer) -> u64 {
    let stats = server.cli(["INFO", "commandstats"]).await;
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    stats.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
}

/// Makes writes while Redis stands still, and lets it go on when all of them wait.
async fn at_once(server: &RedisServer, ledger: &impl Ledger, writes: Vec<Write>) -> Vec<Result<Written, LedgerError>> {
    server.pause();
    let written = join_all(writes.into_iter().map(|write| ledger.write(write)));
    tokio::join!(written, async { server.resume() }).0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_the_same_moment_share_a_script_and_each_has_its_revision() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let first = apply(&ledger, creation("store-first")).await;
    let before = scripts(&server).await;
    let writes = (0..MANY).map(|n| creation(&format!("store-{n}"))).collect();
    let written = at_once(&server, &ledger, writes).await;
    let runs = scripts(&server).await - before;
    assert!(runs <= 6, "{runs} scripts for {MANY} writes");
    let mut revisions = Vec::new();
    for written in written {
        let store = written.expect("a write").into_resource();
        assert_eq!(ledger.load(&store.id).await, Ok(Some(store.clone())));
        revisions.push(store.revision);
    }
    revisions.sort();
    let due: Vec<_> = (1..=MANY as u64).map(|n| Revision(first.revision.0 + n)).collect();
    assert_eq!(revisions, due);
    assert_eq!(whole_log(&ledger).await.len(), MANY + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_write_meets_concerns_no_other() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let [known, stale, damaged] = ["store-known", "store-stale", "store-damaged"].map(creation);
    let known = Write { operation: Some(operation("request-1", "0a")), ..known };
    apply(&ledger, known.clone()).await;
    let stale = apply(&ledger, stale).await;
    apply(&ledger, update(&stale)).await;
    let damaged = apply(&ledger, damaged).await;
    server.cli(["SET", "{sendstores}:operation:request-2", "0a "]).await;
    server.cli(["HSET", "{sendstores}:stores", "store-damaged", "nonsense"]).await;
    // No string is there, so that the script itself fails over it.
    server.cli(["SADD", "{sendstores}:operation:request-3", "no string"]).await;
    let before = last(&ledger).await;
    let other = Write { operation: Some(operation("request-2", "0b")), ..creation("store-other") };
    let broken = Write { operation: Some(operation("request-3", "0c")), ..creation("store-broken") };
    let wrong = Write { expected: Expected::Revision(before), ..creation("store-none") };
    let writes =
        vec![creation("store-a"), known, update(&stale), update(&damaged), other, broken, wrong, creation("store-b")];
    let said = at_once(&server, &ledger, writes).await;
    assert!(matches!(&said[0], Ok(Written::Applied(_))), "{:?}", said[0]);
    assert!(matches!(&said[1], Ok(Written::Repeated(store)) if store.id.as_str() == "store-known"), "{:?}", said[1]);
    assert!(matches!(&said[2], Err(LedgerError::Conflict(Some(_)))), "{:?}", said[2]);
    assert!(matches!(&said[3], Err(LedgerError::Unreadable(_))), "{:?}", said[3]);
    assert!(matches!(&said[4], Err(LedgerError::OperationReused)), "{:?}", said[4]);
    assert!(matches!(&said[5], Err(LedgerError::Corrupt(why)) if why.contains("WRONGTYPE")), "{:?}", said[5]);
    assert!(matches!(&said[6], Err(LedgerError::Conflict(None))), "{:?}", said[6]);
    assert!(matches!(&said[7], Ok(Written::Applied(_))), "{:?}", said[7]);
    assert_eq!(last(&ledger).await, Revision(before.0 + 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_finds_no_room_says_so_beside_one_that_needs_none() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    server.config_set("maxmemory", "1mb").await;
    let said = at_once(&server, &ledger, vec![creation("store-b"), creation("store-a"), creation("store-c")]).await;
    server.config_set("maxmemory", "0").await;
    for full in [&said[0], &said[2]] {
        assert!(matches!(full, Err(LedgerError::Full(_))), "{full:?}");
    }
    assert!(matches!(&said[1], Err(LedgerError::Conflict(Some(_)))), "{:?}", said[1]);
    assert_eq!(last(&ledger).await, store.revision);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_waited_for_any_more_is_not_written_and_delays_nothing() {
    let server = RedisServer::start().await;
    let ledger = connect(server.url()).await;
    apply(&ledger, creation("store-first")).await;
    server.pause();
    let mut left = Box::pin(join_all((0..10 * MANY).map(|n| ledger.write(creation(&format!("store-left-{n}"))))));
    assert!(poll!(&mut left).is_pending(), "Redis stands still");
    drop(left);
    server.resume();
    apply(&ledger, creation("store-last")).await;
    // Some were on their way already when their caller left.
    let written = stores(&ledger).await.expect("all stores").len();
    assert!(written < 2 * MANY, "{written} were written though nothing waited for them");
}
