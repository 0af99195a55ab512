//! Redis stops, ends, comes back, or is another.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sendstores_core::{
    Revision, Store,
    ledger::{Ledger, LedgerError, LogPage, Written},
};
use sendstores_server::ledger::RedisLedger;
use sendstores_tests::{
    ledger::{Readable, apply, creation, last, settled, stores, update, whole_log, written},
    redis::{RedisProxy, RedisServer},
    wait::{until, within},
};
use tokio::task::JoinSet;

use super::{TIMEOUT, connect_impatient, impatient};

/// What a call may take beyond its timeout on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_redis_is_unavailable_within_the_timeout_and_fine_when_it_goes_on() {
    let server = RedisServer::start().await;
    let ledger = connect_impatient(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    server.pause();
    let begun = Instant::now();
    let (read, written, followed) = tokio::join!(
        ledger.last_revision(),
        ledger.write(update(&store)),
        ledger.read_log(store.revision, 10, TIMEOUT)
    );
    let took = begun.elapsed();
    server.resume();
    for said in [read.map(drop), written.map(drop), followed.map(drop)] {
        assert!(matches!(said, Err(LedgerError::Unavailable(_))), "{said:?}");
    }
    assert!(took < 2 * TIMEOUT + SLACK, "{took:?}");
    // The write that was given up may have been executed since; either way the record is whole.
    let found = settled(async || ledger.load(&store.id).await).await.expect("an answer").expect("a store");
    assert_eq!(Store { revision: store.revision, ..found.clone() }, store);
    apply(&ledger, update(&found)).await;
    let page = settled(async || ledger.read_log(store.revision, 10, TIMEOUT).await).await.expect("a page");
    assert!(matches!(page, LogPage::Changes(changes) if !changes.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_redis_is_unavailable_and_the_health_check_does_not_wait_for_it() {
    let mut server = RedisServer::start().await;
    let ledger = connect_impatient(server.url()).await;
    ledger.check().await.expect("healthy");
    server.kill9();
    until("the loss to be noticed", async || ledger.check().await.is_err().then_some(())).await;
    let begun = Instant::now();
    for _ in 0..1_000 {
        assert!(matches!(ledger.check().await, Err(LedgerError::Unavailable(_))));
    }
    assert!(begun.elapsed() < 1_000 * TIMEOUT / 2, "a thousand checks do not wait for a thousand timeouts");
    let begun = Instant::now();
    assert!(matches!(ledger.last_revision().await, Err(LedgerError::Unavailable(_))));
    assert!(matches!(RedisLedger::connect(impatient(server.url())).await, Err(LedgerError::Unavailable(_))));
    assert!(begun.elapsed() < 4 * TIMEOUT + SLACK);
    server.restart().await;
    until("health to come back", async || ledger.check().await.is_ok().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_is_ridden_out_by_the_call() {
    let mut server = RedisServer::start().await;
    let config = sendstores_server::ledger::RedisConfig {
        command_timeout: Duration::from_secs(20),
        ..sendstores_server::ledger::RedisConfig::new(server.url())
    };
    let ledger = RedisLedger::connect(config).await.expect("a ledger");
    let store = apply(&ledger, creation("store-a")).await;
    server.kill9();
    let writer = tokio::spawn({
        let (ledger, write) = (ledger.clone(), update(&store));
        async move { ledger.write(write).await }
    });
    server.restart().await;
    let written = writer.await.expect("no panic").expect("written");
    assert_eq!(written, Written::Applied(Store { revision: Revision(2), ..store }));
}

/// Writes until Redis has gone, and says what was acknowledged.
async fn write_all_along(ledger: RedisLedger, name: String, acknowledged: Arc<Mutex<Vec<Store>>>) {
    let keep = |store: &Store| acknowledged.lock().expect("no panic").push(store.clone());
    let mut store = match ledger.write(creation(&name)).await {
        Ok(written) => written.into_resource(),
        Err(_) => return,
    };
    keep(&store);
    while let Ok(written) = ledger.write(update(&store)).await {
        store = written.into_resource();
        keep(&store);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let mut server = RedisServer::start().await;
    let ledger = connect_impatient(server.url()).await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    for round in 0..5 {
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            tasks.spawn(write_all_along(ledger.clone(), format!("store-{round}-{task}"), acknowledged.clone()));
        }
        let enough = (round + 1) * 200;
        until("writes", async || (acknowledged.lock().expect("no panic").len() > enough).then_some(())).await;
        server.kill9();
        within("the writers to be refused", tasks.join_all()).await;
        server.restart().await;
        until("the connection", async || ledger.check().await.ok()).await;
    }
    let all = whole_log(&ledger).await;
    for store in acknowledged.lock().expect("no panic").iter() {
        let at = usize::try_from(store.revision.0 - 1).expect("fits");
        assert_eq!(all.get(at).map(|change| change.store()), Some(store), "acknowledged and lost");
    }
    for store in stores(&ledger).await.expect("a scan") {
        let newest = all.iter().rev().find(|change| change.store().id == store.id).expect("in the log");
        assert_eq!(*newest.store(), store, "record and log are one");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_any_more_is_left() {
    let server = RedisServer::start().await;
    // An address that leads to another server from now on, as a failover makes it.
    let successor = RedisServer::start().await;
    let ledger = connect_impatient(server.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    server.cli(["REPLICAOF", "127.0.0.1", "1"]).await;
    // Busy, it may answer before that that it was not in time.
    until("READONLY", async || match ledger.write(update(&store)).await {
        Err(LedgerError::Unavailable(why)) => why.contains("READONLY").then_some(()),
        said => panic!("{said:?}"),
    })
    .await;
    assert_eq!(ledger.load(&store.id).await, Ok(Some(store.clone())), "reads live");
    let connections = || async { server.cli(["INFO", "stats"]).await };
    let received = |stats: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:")).expect("a count");
        line.trim().parse::<u64>().expect("a number")
    };
    let before = received(&connections().await);
    until("a new connection after READONLY", async || {
        let _ = ledger.write(update(&store)).await;
        // redis-cli counts itself.
        (received(&connections().await) > before + 1).then_some(())
    })
    .await;
    server.cli(["REPLICAOF", "NO", "ONE"]).await;
    written(&ledger, update(&store)).await;
    drop(successor);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_dataset_under_the_same_address_is_told() {
    let first = RedisServer::start().await;
    let proxy = RedisProxy::start(first.port()).await;
    let ledger = connect_impatient(proxy.url()).await;
    let store = apply(&ledger, creation("store-a")).await;
    let second = RedisServer::start().await;
    let other = connect_impatient(second.url()).await;
    for number in 0..5 {
        apply(&other, creation(&format!("store-{number}"))).await;
    }
    proxy.redirect(second.port());
    let said = settled(async || ledger.write(update(&store)).await).await;
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
    let said = settled(async || ledger.read_log(store.revision, 10, TIMEOUT).await).await;
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
    assert_eq!(last(&other).await, Revision(5), "nothing was written there");
}
