use sendstores_core::{
    Revision, Store,
    ledger::{Ledger, LedgerError, LogPage, Write, Written},
};
use sendstores_tests::{
    ledger::{Readable, apply, creation, last, operation, stores, update},
    samples::store_id,
    wait::within,
};
use tokio::task::JoinSet;

use crate::worlds::World;

on_both! {
    one_of_many_creates_of_an_id_wins,
    one_of_many_deliveries_of_an_operation_is_applied,
    no_update_of_many_is_lost,
    one_of_many_owners_gets_a_claim,
}

async fn one_of_many_creates_of_an_id_wins<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let ledger = ledger.clone();
        tasks.spawn(async move { ledger.write(creation("store-a")).await });
    }
    let results = tasks.join_all().await;
    let won: Vec<_> = results.iter().filter(|result| matches!(result, Ok(Written::Applied(_)))).collect();
    let lost = results.iter().filter(|result| matches!(result, Err(LedgerError::Conflict(Some(_))))).count();
    assert_eq!((won.len(), lost), (1, 31), "{results:?}");
    assert_eq!(last(&ledger).await, Revision(1));
}

async fn one_of_many_deliveries_of_an_operation_is_applied<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let ledger = ledger.clone();
        // Two callers that chose ids by themselves, under one request id.
        let write = Write { operation: Some(operation("r-1", "aa")), ..creation(&format!("store-{}", number % 2)) };
        tasks.spawn(async move { ledger.write(write).await.expect("an answer") });
    }
    let results = tasks.join_all().await;
    let applied = results.iter().filter(|written| matches!(written, Written::Applied(_))).count();
    assert_eq!(applied, 1);
    let first: Store = ledger.recall(&operation("r-1", "aa")).await.expect("an answer").expect("known");
    assert!(results.into_iter().all(|written| written.into_resource() == first));
    assert_eq!(stores(&ledger).await, Ok(vec![first]));
}

async fn no_update_of_many_is_lost<W: World>() {
    const TASKS: u64 = 64;
    const EACH: u64 = 5;
    let world = W::new().await;
    let ledger = world.ledger();
    let id = apply(&ledger, creation("store-a")).await.id;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (ledger, id) = (ledger.clone(), id.clone());
        tasks.spawn(async move {
            let mut known = ledger.load(&id).await.expect("an answer").expect("a store");
            let mut done = 0;
            while done < EACH {
                let mut next = update(&known);
                next.resource.generation += 1;
                known = match ledger.write(next).await {
                    Ok(written) => {
                        done += 1;
                        written.into_resource()
                    }
                    Err(error) => error.found().expect("a conflict"),
                };
            }
        });
    }
    within("all updates", tasks.join_all()).await;
    let store = ledger.load(&id).await.expect("an answer").expect("a store");
    assert_eq!((store.generation, store.revision), (1 + TASKS * EACH, Revision(1 + TASKS * EACH)));
    let page = ledger.read_log(Revision::ZERO, usize::MAX >> 1, std::time::Duration::ZERO).await.expect("a page");
    let LogPage::Changes(changes) = page else { panic!("compacted") };
    assert_eq!(changes.len(), 1 + 64 * 5);
    for (number, change) in (1..).zip(changes) {
        assert_eq!((change.revision, change.store().generation), (Revision(number), number));
    }
}

async fn one_of_many_owners_gets_a_claim<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let ledger = ledger.clone();
        let owner = sendstores_core::ledger::Owner(format!("owner-{number}"));
        tasks.spawn(async move {
            let lease = std::time::Duration::from_secs(3600);
            ledger.claim(&store_id("store-a"), &owner, lease).await.expect("an answer")
        });
    }
    let got = tasks.join_all().await.into_iter().flatten().count();
    assert_eq!(got, 1);
}
