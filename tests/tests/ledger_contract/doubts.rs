//! A ledger that lost something: who says so, what is refused from then on, and how it goes on.

use std::time::Duration;

use sendstores_core::{
    Event, Revision, State,
    cluster::ClusterUid,
    ledger::{Claim, Expected, Ledger, LedgerError, LogPage, Owner, SetCluster, Write},
};
use sendstores_tests::{
    ledger::{apply, creation, event, last, settled, stores, update, written},
    samples::{self, parsed, store_id},
};

use crate::worlds::World;

on_both! {
    nothing_is_written_to_a_history_in_doubt_and_everything_can_be_read,
    a_doubt_is_cast_on_the_emptiness_that_took_a_history_s_place,
    the_history_of_somebody_else_is_left_alone,
    the_first_doubt_stays,
    a_history_that_came_back_whole_is_gone_on_with,
    a_history_that_lost_its_end_is_known_again_when_others_have_made_it_longer,
    another_history_is_not_joined_unless_it_was_adopted,
    an_adopted_history_holds_what_was_there_and_what_was_written_over_it,
    what_was_adopted_can_be_changed_claimed_and_swept,
    the_cluster_that_is_kept_first_stays_until_another_is_put_in_its_place,
    in_doubt_only_a_decision_sets_the_cluster,
}

const LEASE: Duration = Duration::from_secs(60);

async fn nothing_is_written_to_a_history_in_doubt_and_everything_can_be_read<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let owner = Owner("one".to_owned());
    let claim = ledger.claim(&store.id, &owner, LEASE).await.expect("answered").expect("free");
    assert_eq!(ledger.doubt().await, Ok(None));
    ledger.cast_doubt("a test says so").await.expect("cast");

    for ledger in [ledger, world.reopen().await] {
        assert_eq!(ledger.doubt().await, Ok(Some("a test says so".to_owned())));
        let fenced = Write { fence: Some(claim.fence), ..update(&store) };
        let refused = [
            ledger.write(creation("store-b")).await.map(drop),
            ledger.write(fenced).await.map(drop),
            ledger.claim(&store.id, &owner, LEASE).await.map(drop),
            ledger.renew(std::slice::from_ref(&claim), LEASE).await.map(drop),
            ledger.announce(&owner, LEASE).await.map(drop),
            ledger.sweep(Duration::ZERO, 10).await.map(drop),
        ];
        for (i, said) in refused.into_iter().enumerate() {
            assert_eq!(said, Err(LedgerError::InDoubt("a test says so".to_owned())), "{i}");
        }
        assert_eq!(ledger.load(&store.id).await, Ok(Some(store.clone())));
        assert_eq!(stores(&ledger).await, Ok(vec![store.clone()]));
        assert_eq!(last(&ledger).await, store.revision);
        let read = ledger.read_log(store.revision.back(1), 10, Duration::ZERO).await;
        assert!(matches!(read, Ok(LogPage::Changes(changes)) if changes.len() == 1));
        assert_eq!(ledger.release(&claim).await, Ok(()), "to give back is no harm");
    }
}

async fn a_doubt_is_cast_on_the_emptiness_that_took_a_history_s_place<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    apply(&ledger, creation("store-a")).await;
    world.forget().await;
    settled(async || ledger.cast_doubt("it is empty").await).await.expect("cast");
    let fresh = world.reopen().await;
    assert_eq!(fresh.doubt().await, Ok(Some("it is empty".to_owned())));
    let said = fresh.write(creation("store-a")).await;
    assert!(matches!(said, Err(LedgerError::InDoubt(_))), "{said:?}");
    assert!(matches!(ledger.rejoin().await, Err(LedgerError::InDoubt(_))));
}

async fn the_history_of_somebody_else_is_left_alone<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    apply(&ledger, creation("store-a")).await;
    world.forget().await;
    let other = world.reopen().await;
    let said = settled(async || ledger.cast_doubt("it is another").await).await;
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
    assert_eq!(other.doubt().await, Ok(None));
    apply(&other, creation("store-a")).await;
}

async fn the_first_doubt_stays<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    ledger.cast_doubt("first").await.expect("cast");
    ledger.cast_doubt("second").await.expect("cast");
    assert_eq!(ledger.doubt().await, Ok(Some("first".to_owned())));
}

async fn a_history_that_came_back_whole_is_gone_on_with<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let old = world.copy().await;
    let store = apply(&ledger, update(&store)).await;
    let whole = world.copy().await;
    world.restore(old).await;
    let said = settled(async || ledger.rejoin().await).await;
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
    world.restore(whole).await;
    settled(async || ledger.rejoin().await).await.expect("joined");
    apply(&ledger, update(&store)).await;
}

async fn a_history_that_lost_its_end_is_known_again_when_others_have_made_it_longer<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let old = world.copy().await;
    let ours = written(&ledger, update(&store)).await;
    let read = settled(async || ledger.read_log(Revision::ZERO, 10, Duration::ZERO).await).await;
    assert!(matches!(read, Ok(LogPage::Changes(changes)) if changes.len() == 2));

    world.restore(old).await;
    let others = world.reopen().await;
    // As long as ours, and then longer.
    let theirs = apply(&others, update(&store)).await;
    assert_eq!(theirs.revision, ours.revision);
    for longer in ["store-b", "store-c"] {
        let page = settled(async || ledger.read_log(ours.revision, 10, Duration::ZERO).await).await;
        assert!(matches!(page, Err(LedgerError::EpochChanged(_))), "{page:?}");
        let said = settled(async || ledger.rejoin().await).await;
        assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");
        apply(&others, creation(longer)).await;
    }
    others.read_log(Revision::ZERO, 10, Duration::ZERO).await.expect("theirs is whole");
}

async fn another_history_is_not_joined_unless_it_was_adopted<W: World>() {
    let mut world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let owner = Owner("one".to_owned());
    let claim = ledger.claim(&store.id, &owner, LEASE).await.expect("answered").expect("free");
    world.forget().await;
    let other = world.reopen().await;
    let said = settled(async || ledger.rejoin().await).await;
    assert!(matches!(said, Err(LedgerError::EpochChanged(_))), "{said:?}");

    other.adopt(vec![samples::store("store-a").into()]).await.expect("adopted");
    assert_held_no_more(&ledger, &claim).await;
    ledger.rejoin().await.expect("joined");
    assert_eq!(ledger.epoch(), other.epoch());
    let adopted = ledger.load(&store.id).await.expect("answered").expect("a store");
    let said = ledger.write(Write { fence: Some(claim.fence), ..update(&adopted) }).await;
    assert_eq!(said, Err(LedgerError::Fenced), "a claim of the history before is void");
    apply(&ledger, update(&adopted)).await;
}

async fn assert_held_no_more<L: Ledger>(ledger: &L, claim: &Claim) {
    let renewed = ledger.claim(&store_id("store-a"), &claim.owner, LEASE).await;
    assert!(matches!(renewed, Err(LedgerError::EpochChanged(_))), "{renewed:?}");
}

async fn an_adopted_history_holds_what_was_there_and_what_was_written_over_it<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let kept = apply(&ledger, creation("store-kept")).await;
    let stale = apply(&ledger, creation("store-stale")).await;
    let gone = apply(&ledger, creation("store-gone")).await;
    let gone = apply(&ledger, event(&gone, Event::DeleteRequested)).await;
    let gone = apply(&ledger, event(&gone, Event::Removed)).await;
    ledger.cast_doubt("a test says so").await.expect("cast");
    let before = (ledger.epoch(), last(&ledger).await);

    let newer = stale.after(Event::Converged, stale.update_time).expect("legal");
    let written = [newer.clone(), samples::store("store-gone"), samples::store("store-new")];
    ledger.adopt(written.iter().cloned().map(Into::into).collect()).await.expect("adopted");

    assert_ne!(ledger.epoch(), before.0);
    assert_eq!(ledger.doubt().await, Ok(None));
    for ledger in [ledger, world.reopen().await] {
        assert_eq!(last(&ledger).await.0, before.1.0 + 3);
        assert_eq!(ledger.load(&kept.id).await, Ok(Some(kept.clone())));
        for (i, wanted) in written.iter().enumerate() {
            let found = ledger.load(&wanted.id).await.expect("answered").expect("a store");
            assert_eq!(found.revision.0, before.1.0 + 1 + u64::try_from(i).expect("fits"));
            assert_eq!(found, sendstores_core::Store { revision: found.revision, ..wanted.clone() });
        }
        assert_ne!(ledger.load(&gone.id).await.expect("answered").expect("a store").state, State::Deleted);
        let log = ledger.read_log(before.1, 10, Duration::ZERO).await;
        assert!(matches!(log, Ok(LogPage::Changes(changes)) if changes.len() == 3));
        // What was before is another history's.
        let log = ledger.read_log(before.1.back(1), 10, Duration::ZERO).await;
        assert_eq!(log, Ok(LogPage::Compacted { oldest: before.1 }));
    }
}

async fn what_was_adopted_can_be_changed_claimed_and_swept<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let gone = apply(&ledger, creation("store-a")).await;
    let gone = apply(&ledger, event(&gone, Event::DeleteRequested)).await;
    apply(&ledger, event(&gone, Event::Removed)).await;
    ledger.adopt(vec![samples::store("store-a").into()]).await.expect("adopted");
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(0), "no tombstone any more");
    let id = store_id("store-a");
    let store = ledger.load(&id).await.expect("answered").expect("a store");
    let claim = ledger.claim(&id, &Owner("one".to_owned()), LEASE).await.expect("answered").expect("free");
    let write = Write { fence: Some(claim.fence), expected: Expected::Revision(store.revision), ..update(&store) };
    apply(&ledger, write).await;
}

async fn the_cluster_that_is_kept_first_stays_until_another_is_put_in_its_place<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let (one, two) = (parsed::<ClusterUid>("uid-1"), parsed::<ClusterUid>("uid-2"));
    assert_eq!(ledger.cluster(SetCluster::No).await, Ok(None));
    assert_eq!(ledger.cluster(SetCluster::IfNone(&one)).await, Ok(Some(one.clone())));
    assert_eq!(ledger.cluster(SetCluster::IfNone(&two)).await, Ok(Some(one.clone())));
    assert_eq!(world.reopen().await.cluster(SetCluster::No).await, Ok(Some(one)));
    assert_eq!(ledger.cluster(SetCluster::Instead(&two)).await, Ok(Some(two.clone())));
    apply(&ledger, creation("store-a")).await;
    ledger.cast_doubt("a test says so").await.expect("cast");
    ledger.adopt(Vec::new()).await.expect("adopted");
    assert_eq!(ledger.cluster(SetCluster::No).await, Ok(Some(two)), "another history of the same stores");
}

async fn in_doubt_only_a_decision_sets_the_cluster<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    ledger.cast_doubt("a test says so").await.expect("cast");
    let uid = parsed::<ClusterUid>("uid-1");
    assert_eq!(ledger.cluster(SetCluster::IfNone(&uid)).await, Ok(None));
    assert_eq!(ledger.cluster(SetCluster::Instead(&uid)).await, Ok(Some(uid)));
}
