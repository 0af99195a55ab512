//! Answers that are lost, and commands that come twice.

use std::time::Duration;

use sendstores_core::{
    Revision, Store,
    ledger::{Ledger, LedgerError, LogPage, Owner, Write, Written},
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    ledger::{Readable, apply, creation, last, operation, settled, stores, update, written},
    redis::{Cut, RedisProxy, RedisServer},
    samples::store_id,
    wait::until,
};

const CUTS: [Cut; 3] = [Cut::Before, Cut::After, Cut::Twice];

/// A ledger of its own on a shared server, over a proxy. Its calls may outlast a new connection or two.
async fn over(proxy: &RedisProxy, prefix: String) -> RedisLedger {
    RedisLedger::connect(RedisConfig { prefix, ..RedisConfig::new(proxy.url()) }).await.expect("a ledger")
}

/// Does `call` with each cut at its first command, its second, and so on, until it has no further command. Each call
/// finds an empty ledger and a server that does not know the scripts. Says how many cuts there were.
async fn at_each_command(name: &str, call: impl AsyncFn(&RedisLedger, &str)) -> usize {
    let server = RedisServer::start().await;
    let proxy = RedisProxy::start(server.port()).await;
    let mut cuts = 0;
    for cut in CUTS {
        for k in 1.. {
            assert!(k < 50, "a call has no end of commands");
            let ledger = over(&proxy, format!("{name}-{cut:?}-{k}")).await;
            server.cli(["SCRIPT", "FLUSH"]).await;
            proxy.arm(k, cut);
            call(&ledger, &format!("{cut:?} at {k}")).await;
            if !proxy.disarm() {
                break;
            }
            cuts += 1;
        }
    }
    cuts
}

async fn assert_log(ledger: &RedisLedger, stores: &[&Store], at: &str) {
    let page = ledger.read_log(Revision::ZERO, 100, Duration::ZERO).await;
    let Ok(LogPage::Changes(changes)) = page else { panic!("{at}: {page:?}") };
    let logged: Vec<_> = changes.iter().map(|change| change.store()).collect();
    assert_eq!(logged, stores, "{at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_is_applied_once_wherever_its_connection_is_cut() {
    let cuts = at_each_command("create", async |ledger, at| {
        let create = Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") };
        let written = ledger.write(create.clone()).await;
        let Ok(Written::Applied(store)) = written else { panic!("{at}: {written:?}") };
        assert_eq!(store.revision, Revision(1), "{at}");
        assert_log(ledger, &[&store], at).await;
        assert_eq!(ledger.write(create).await, Ok(Written::Repeated(store)), "{at}");
    });
    // Digest and text of the script, three ways each, at the least.
    assert!(cuts.await >= 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_without_an_operation_is_applied_once_wherever_its_connection_is_cut() {
    let cuts = at_each_command("update", async |ledger, at| {
        let first = apply(ledger, creation("store-a")).await;
        let second = apply(ledger, update(&first)).await;
        assert_eq!(second.revision, Revision(2), "{at}");
        assert_log(ledger, &[&first, &second], at).await;
    });
    assert!(cuts.await >= 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_the_same_wherever_its_connection_is_cut() {
    let cuts = at_each_command("claim", async |ledger, at| {
        let (id, lease) = (store_id("store-a"), Duration::from_secs(3600));
        let owner = Owner("one".to_owned());
        let first = ledger.claim(&id, &owner, lease).await.expect(at).expect(at);
        let second = ledger.claim(&id, &owner, lease).await.expect(at).expect(at);
        assert_eq!((first.fence.0, second.fence.0), (1, 1), "{at}");
        ledger.release(&first).await.expect(at);
        assert!(ledger.claim(&id, &Owner("two".to_owned()), lease).await.expect(at).is_some(), "{at}");
    });
    assert!(cuts.await >= 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_comes_through_wherever_its_connection_is_cut() {
    let cuts = at_each_command("read", async |ledger, at| {
        let store = apply(ledger, creation("store-a")).await;
        assert_eq!(ledger.load(&store.id).await, Ok(Some(store.clone())), "{at}");
        assert_eq!(stores(ledger).await, Ok(vec![store.clone()]), "{at}");
        assert_eq!(ledger.last_revision().await, Ok(Revision(1)), "{at}");
        assert_eq!(ledger.recall::<Store>(&operation("r-1", "aa")).await, Ok(None), "{at}");
        let none = ledger.read_log(store.revision, 10, Duration::from_millis(5)).await;
        assert_eq!(none, Ok(LogPage::Changes(Vec::new())), "{at}");
        assert_log(ledger, &[&store], at).await;
    });
    assert!(cuts.await >= 24);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_waits_for_a_replica_is_applied_once_wherever_its_connection_is_cut() {
    let (server, replica) = (RedisServer::start().await, RedisServer::start().await);
    replica.follow(&server).await;
    let proxy = RedisProxy::start(server.port()).await;
    let (create, mut cuts) = (Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") }, 0);
    for cut in CUTS {
        for k in 1.. {
            let config = RedisConfig { prefix: format!("{cut:?}-{k}"), replicas: 1, ..RedisConfig::new(proxy.url()) };
            let ledger = RedisLedger::connect(config).await.expect("a ledger");
            server.cli(["SCRIPT", "FLUSH"]).await;
            proxy.arm(k, cut);
            let written = ledger.write(create.clone()).await;
            let Ok(Written::Applied(store)) = written else { panic!("{cut:?} at {k}: {written:?}") };
            let met = proxy.disarm();
            assert_log(&ledger, &[&store], "behind it").await;
            if !met {
                break;
            }
            cuts += 1;
        }
    }
    // Digest, text, and WAIT behind each.
    assert!(cuts >= 12, "{cuts}");
    // The connection to which the repetition goes has nothing to wait for, if it does not write itself.
    let config = RedisConfig { prefix: "paused".to_owned(), replicas: 1, ..RedisConfig::new(proxy.url()) };
    let ledger = RedisLedger::connect(config).await.expect("a ledger");
    replica.pause();
    proxy.arm(1, Cut::After);
    let said = ledger.write(create.clone()).await;
    assert!(matches!(&said, Err(LedgerError::Unavailable(why)) if why.contains("replicas")), "{said:?}");
    assert!(proxy.disarm());
    replica.resume();
    let said = settled(async || ledger.write(create.clone()).await).await;
    assert!(matches!(said, Ok(Written::Repeated(_))), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_was_lost_is_known_even_under_later_writes() {
    let server = RedisServer::start().await;
    let proxy = RedisProxy::start(server.port()).await;
    let direct = RedisLedger::connect(RedisConfig::new(server.url())).await.expect("a ledger");
    let patient = RedisConfig { command_timeout: Duration::from_secs(20), ..RedisConfig::new(proxy.url()) };
    let ledger = RedisLedger::connect(patient).await.expect("a ledger");
    let first = apply(&direct, creation("store-a")).await;
    apply(&ledger, creation("store-b")).await;
    proxy.arm(1, Cut::AfterAndShut);
    let writer = tokio::spawn({
        let (ledger, write) = (ledger.clone(), update(&first));
        async move { ledger.write(write).await }
    });
    let mut store = until("the write to be executed", async || {
        let found = direct.load(&first.id).await.expect("an answer").expect("a store");
        (found.revision > first.revision).then_some(found)
    })
    .await;
    let written = store.clone();
    for _ in 0..5 {
        store = apply(&direct, update(&store)).await;
    }
    proxy.open();
    assert_eq!(writer.await.expect("no panic"), Ok(Written::Applied(written)));
    assert_eq!(last(&direct).await, store.revision);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_swallows_commands_is_given_up() {
    let server = RedisServer::start().await;
    let proxy = RedisProxy::start(server.port()).await;
    let ledger = super::connect_impatient(proxy.url()).await;
    let first = apply(&ledger, creation("store-a")).await;
    proxy.arm(1, Cut::Swallow);
    // New calls come all the time, so that the connection never looks idle.
    let asking = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            loop {
                let _ = ledger.last_revision().await;
            }
        }
    });
    let second = written(&ledger, update(&first)).await;
    assert!(proxy.disarm());
    assert_eq!(second.revision, Revision(2));
    // The same for the connection that blocks.
    proxy.arm(1, Cut::Swallow);
    until("the reader to meet the cut", async || {
        let _ = ledger.read_log(second.revision, 10, Duration::from_millis(300)).await;
        proxy.disarm().then_some(())
    })
    .await;
    let third = written(&ledger, update(&second)).await;
    let page = settled(async || ledger.read_log(second.revision, 10, Duration::from_secs(5)).await).await;
    assert!(matches!(page, Ok(LogPage::Changes(changes)) if changes.len() == 1 && *changes[0].store() == third));
    asking.abort();
}
