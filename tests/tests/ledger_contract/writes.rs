use std::{collections::HashMap, time::Duration};

use sendstores_core::{
    Event, Revision, State, Store,
    ledger::{Expected, Fence, Ledger, LedgerError, Operation, Write, Written},
};
use sendstores_tests::{
    ledger::{apply, creation, event, last, operation, stores, tombstone, update},
    samples::{self, parsed, store_id},
};

use crate::worlds::World;

on_both! {
    a_record_comes_back_as_it_was_written_with_its_revision,
    revisions_have_no_gap_and_grow_over_all_stores,
    a_taken_id_is_not_vacant,
    a_record_at_another_revision_is_a_conflict,
    a_tombstone_stays_and_is_vacant,
    an_operation_answers_again_what_it_answered_first,
    an_operation_with_another_body_is_refused,
    a_refused_write_leaves_nothing,
    refusals_come_in_their_order,
    recall_says_what_an_operation_answered,
    an_operation_that_found_nothing_never_finds_what_came_later,
    operations_of_two_tenants_are_two,
    a_scan_finds_every_record,
    a_sweep_takes_old_tombstones_only,
    a_sweep_takes_no_more_than_asked,
}

fn conflict(result: Result<Written, LedgerError>) -> Option<Store> {
    match result {
        Err(LedgerError::Conflict(found)) => found.map(|record| Store::try_from(*record).expect("a store")),
        other => panic!("no conflict: {other:?}"),
    }
}

async fn a_record_comes_back_as_it_was_written_with_its_revision<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let written = apply(&ledger, creation("store-a")).await;
    assert_eq!(written, Store { revision: Revision(1), ..samples::store("store-a") });
    assert_eq!(ledger.load(&written.id).await, Ok(Some(written.clone())));
    assert_eq!(ledger.load(&store_id("store-b")).await, Ok(None));
    let changed = apply(&ledger, event(&written, Event::DeleteRequested)).await;
    assert_eq!(ledger.load(&written.id).await, Ok(Some(changed)));
}

async fn revisions_have_no_gap_and_grow_over_all_stores<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    assert_eq!(last(&ledger).await, Revision::ZERO);
    let mut store = apply(&ledger, creation("store-a")).await;
    for expected in 2..20 {
        store = if expected % 2 == 0 {
            apply(&ledger, creation(&format!("store-{expected}"))).await
        } else {
            apply(&ledger, update(&store)).await
        };
        assert_eq!(store.revision, Revision(expected));
        assert_eq!(last(&ledger).await, Revision(expected));
    }
}

async fn a_taken_id_is_not_vacant<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let first = apply(&ledger, creation("store-a")).await;
    assert_eq!(conflict(ledger.write(creation("store-a")).await), Some(first));
}

async fn a_record_at_another_revision_is_a_conflict<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let first = apply(&ledger, creation("store-a")).await;
    let second = apply(&ledger, update(&first)).await;
    assert_eq!(conflict(ledger.write(update(&first)).await), Some(second.clone()));
    let early = Store { revision: Revision(99), ..second.clone() };
    assert_eq!(conflict(ledger.write(update(&early)).await), Some(second));
    let absent = Store { revision: Revision(1), ..samples::store("store-b") };
    assert_eq!(conflict(ledger.write(update(&absent)).await), None);
}

async fn a_tombstone_stays_and_is_vacant<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let dead = tombstone(&ledger, "store-a").await;
    assert_eq!(dead.state, State::Deleted);
    assert_eq!(ledger.load(&dead.id).await, Ok(Some(dead.clone())));
    assert_eq!(stores(&ledger).await, Ok(vec![dead.clone()]));
    let second = apply(&ledger, creation("store-a")).await;
    assert_eq!(second.revision, dead.revision.next());
    assert_eq!(conflict(ledger.write(creation("store-a")).await), Some(second));
}

async fn an_operation_answers_again_what_it_answered_first<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let create = Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") };
    let first = apply(&ledger, create.clone()).await;
    let second = apply(&ledger, update(&first)).await;
    tombstone(&ledger, "store-b").await;
    let before = last(&ledger).await;
    assert_eq!(ledger.write(create.clone()).await, Ok(Written::Repeated(first.clone())));
    // The operation is known by its id, whatever else the write says.
    let other = Write { operation: create.operation, ..update(&second) };
    assert_eq!(ledger.write(other).await, Ok(Written::Repeated(first)));
    assert_eq!(last(&ledger).await, before);
    assert_eq!(ledger.load(&second.id).await, Ok(Some(second)));
}

async fn an_operation_with_another_body_is_refused<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    apply(&ledger, Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") }).await;
    let reused = Write { operation: Some(operation("r-1", "ab")), ..creation("store-b") };
    assert_eq!(ledger.write(reused).await, Err(LedgerError::OperationReused));
    assert_eq!(last(&ledger).await, Revision(1));
    // Another id is another operation.
    apply(&ledger, Write { operation: Some(operation("r-2", "aa")), ..creation("store-b") }).await;
}

async fn a_refused_write_leaves_nothing<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let first = apply(&ledger, creation("store-a")).await;
    let refused = Write { operation: Some(operation("r-1", "aa")), ..creation("store-a") };
    conflict(ledger.write(refused).await);
    let fenced = Write { fence: Some(Fence(7)), operation: Some(operation("r-2", "aa")), ..creation("store-b") };
    assert_eq!(ledger.write(fenced).await, Err(LedgerError::Fenced));
    assert_eq!(last(&ledger).await, first.revision);
    assert_eq!(stores(&ledger).await, Ok(vec![first]));
    for id in ["r-1", "r-2"] {
        assert_eq!(ledger.recall::<Store>(&operation(id, "aa")).await, Ok(None));
    }
}

async fn refusals_come_in_their_order<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    let known = operation("r-1", "aa");
    let first = apply(&ledger, Write { operation: Some(known.clone()), ..creation("store-a") }).await;
    let fence = Some(Fence(999));
    let all = |operation| Write { resource: first.clone(), expected: Expected::Vacant, fence, operation };
    assert_eq!(ledger.write(all(Some(known.clone()))).await, Ok(Written::Repeated(first.clone())));
    assert_eq!(ledger.write(all(Some(operation("r-1", "ab")))).await, Err(LedgerError::OperationReused));
    assert_eq!(conflict(ledger.write(all(Some(operation("r-2", "aa")))).await), Some(first.clone()));
    let stale = Write { fence, ..update(&first) };
    assert_eq!(ledger.write(stale).await, Err(LedgerError::Fenced));
    world.forget().await;
    assert!(matches!(ledger.write(all(Some(known))).await, Err(LedgerError::EpochChanged(_))));
}

async fn recall_says_what_an_operation_answered<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let known = operation("r-1", "aa");
    assert_eq!(ledger.recall::<Store>(&known).await, Ok(None));
    let first = apply(&ledger, Write { operation: Some(known.clone()), ..creation("store-a") }).await;
    apply(&ledger, update(&first)).await;
    assert_eq!(ledger.recall(&known).await, Ok(Some(first)));
    assert_eq!(ledger.recall::<Store>(&operation("r-1", "ab")).await, Err(LedgerError::OperationReused));
}

async fn an_operation_that_found_nothing_never_finds_what_came_later<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let (id, nothing) = (store_id("store-a"), operation("r-1", "aa"));
    assert_eq!(ledger.note_missing(&id, &nothing).await, Ok(None));
    let store = apply(&ledger, creation("store-a")).await;
    for ledger in [&ledger, &world.reopen().await] {
        assert_eq!(ledger.note_missing(&id, &nothing).await, Ok(None));
        assert_eq!(ledger.recall::<Store>(&nothing).await, Err(LedgerError::FoundNothing));
        let write = Write { operation: Some(nothing.clone()), ..event(&store, Event::DeleteRequested) };
        assert_eq!(ledger.write(write).await, Err(LedgerError::FoundNothing));
        assert_eq!(ledger.note_missing(&id, &operation("r-1", "ab")).await, Err(LedgerError::OperationReused));
        let said = ledger.note_missing(&id, &operation("r-2", "aa")).await;
        assert_eq!(said, Err(LedgerError::Conflict(Some(Box::new(store.clone().into())))));
        assert_eq!(ledger.load(&id).await, Ok(Some(store.clone())));
    }
    let known = operation("r-3", "aa");
    let written = apply(&ledger, Write { operation: Some(known.clone()), ..update(&store) }).await;
    assert_eq!(ledger.note_missing(&id, &known).await, Ok(Some(written)), "it answered with a store");
    tombstone(&ledger, "store-dead").await;
    assert_eq!(ledger.note_missing(&store_id("store-dead"), &operation("r-4", "aa")).await, Ok(None));
}

async fn operations_of_two_tenants_are_two<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let of = |scope: &str| Operation { scope: Some(parsed(scope)), ..operation("r-1", "aa") };
    let (one, two, unscoped) = (of("acme"), of("other"), operation("acme:r-1", "aa"));
    let store = apply(&ledger, Write { operation: Some(one.clone()), ..creation("store-a") }).await;
    assert_eq!(ledger.recall(&one).await, Ok(Some(store)));
    for other in [&two, &unscoped, &operation("r-1", "ab")] {
        assert_eq!(ledger.recall::<Store>(other).await, Ok(None));
    }
    apply(&ledger, Write { operation: Some(two), ..creation("store-b") }).await;
}

async fn a_scan_finds_every_record<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    assert_eq!(stores(&ledger).await, Ok(Vec::new()));
    let mut written = HashMap::new();
    for number in 0..1_200 {
        let store = apply(&ledger, creation(&format!("store-{number}"))).await;
        written.insert(store.id.clone(), store);
    }
    let dead = tombstone(&ledger, "store-dead").await;
    written.insert(dead.id.clone(), dead);
    let found = stores(&ledger).await.expect("a scan");
    assert_eq!(found.len(), written.len(), "none twice");
    for store in found {
        assert_eq!(written.get(&store.id), Some(&store));
    }
}

async fn a_sweep_takes_old_tombstones_only<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let alive = apply(&ledger, creation("store-alive")).await;
    let dead = tombstone(&ledger, "store-dead").await;
    tombstone(&ledger, "store-again").await;
    let again = apply(&ledger, creation("store-again")).await;
    let before = last(&ledger).await;
    assert_eq!(ledger.sweep(Duration::from_secs(3600), 100).await, Ok(0));
    assert_eq!(ledger.load(&dead.id).await, Ok(Some(dead.clone())));
    assert_eq!(ledger.sweep(Duration::ZERO, 100).await, Ok(1));
    assert_eq!(ledger.sweep(Duration::ZERO, 100).await, Ok(0));
    assert_eq!(ledger.load(&dead.id).await, Ok(None));
    assert_eq!(ledger.load(&alive.id).await, Ok(Some(alive)));
    assert_eq!(ledger.load(&again.id).await, Ok(Some(again)));
    assert_eq!(last(&ledger).await, before);
    apply(&ledger, creation("store-dead")).await;
}

async fn a_sweep_takes_no_more_than_asked<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    for number in 0..5 {
        tombstone(&ledger, &format!("store-{number}")).await;
    }
    for expected in [2, 2, 1, 0] {
        assert_eq!(ledger.sweep(Duration::ZERO, 2).await, Ok(expected));
    }
}
