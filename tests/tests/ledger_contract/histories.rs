use std::time::Duration;

use sendstores_core::{
    Event, ResourceId, Revision, Store,
    ledger::{Claim, Fence, Ledger, LedgerError, LogPage, Owner},
};
use sendstores_tests::{
    ledger::{apply, creation, event, last, operation, settled, stores, update},
    samples::{self, store_id},
};

use crate::worlds::World;

on_both! {
    a_history_keeps_its_epoch,
    a_lost_history_is_told_by_every_call,
    a_lost_history_is_told_to_a_waiting_reader,
    a_new_history_has_another_epoch_and_is_not_taken_for_the_old_one,
    a_history_that_went_back_is_told_by_every_call,
}

async fn a_history_keeps_its_epoch<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let again = world.reopen().await;
    assert_eq!(again.epoch(), ledger.epoch());
    assert_eq!(last(&again).await, store.revision);
    assert_eq!(again.load(&store.id).await, Ok(Some(store)));
}

/// What each of the calls says once the ledger is reached.
async fn every_call<L: Ledger>(ledger: &L) -> Vec<(&'static str, Result<(), LedgerError>)> {
    let id = &store_id("store-a");
    let owner = Owner("one".to_owned());
    let held =
        Claim { key: id.key(), owner: owner.clone(), fence: Fence(1), expires: samples::store("store-a").create_time };
    let known = operation("r-1", "aa");
    let ms = Duration::from_millis(1);
    vec![
        ("last_revision", settled(async || ledger.last_revision().await.map(drop)).await),
        ("write", settled(async || ledger.write(creation("store-a")).await.map(drop)).await),
        ("recall", settled(async || ledger.recall::<Store>(&known).await.map(drop)).await),
        ("load", settled(async || ledger.load(id).await.map(drop)).await),
        ("scan", settled(async || ledger.scan::<Store>().await.map(drop)).await),
        ("read_log", settled(async || ledger.read_log(Revision::ZERO, 10, ms).await.map(drop)).await),
        ("claim", settled(async || ledger.claim(id, &owner, ms).await.map(drop)).await),
        ("release", settled(async || ledger.release(&held).await).await),
        ("sweep", settled(async || ledger.sweep(ms, 10).await.map(drop)).await),
    ]
}

async fn assert_replaced<L: Ledger>(ledger: &L) {
    for (call, said) in every_call(ledger).await {
        assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{call}: {said:?}");
    }
}

async fn a_lost_history_is_told_by_every_call<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    apply(&ledger, creation("store-a")).await;
    world.forget().await;
    assert_replaced(&ledger).await;
}

async fn a_lost_history_is_told_to_a_waiting_reader<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let reader = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.read_log(store.revision, 10, Duration::from_secs(60)).await }
    });
    world.forget().await;
    let said = reader.await.expect("no panic");
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
}

async fn a_new_history_has_another_epoch_and_is_not_taken_for_the_old_one<W: World>() {
    let mut world = W::new().await;
    let old = world.ledger();
    apply(&old, creation("store-a")).await;
    world.forget().await;
    let new = world.reopen().await;
    assert_ne!(new.epoch(), old.epoch());
    assert_eq!(last(&new).await, Revision::ZERO);
    assert_eq!(stores(&new).await, Ok(Vec::new()));
    // It comes to the revision that the old one had, and beyond.
    let store = apply(&new, creation("store-a")).await;
    apply(&new, event(&store, Event::DeleteRequested)).await;
    assert_replaced(&old).await;
    assert!(
        matches!(new.read_log(Revision::ZERO, 10, Duration::ZERO).await, Ok(LogPage::Changes(all)) if all.len() == 2)
    );
}

async fn a_history_that_went_back_is_told_by_every_call<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let copy = world.copy().await;
    let newer = settled(async || ledger.write(update(&store)).await).await.expect("written").into_resource();
    world.restore(copy).await;
    assert_replaced(&ledger).await;
    // A process that starts now knows of nothing newer.
    let fresh = world.reopen().await;
    assert_eq!(fresh.epoch(), ledger.epoch());
    assert_eq!(last(&fresh).await, store.revision);
    assert_eq!(fresh.load(&store.id).await, Ok(Some(store)));
    assert!(matches!(fresh.read_log(newer.revision, 10, Duration::ZERO).await, Err(LedgerError::EpochChanged(_))));
}
