//! Suspending a store and bringing it back.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Amendment, Event, FailureReason, State, StepName, StoreId, Timestamp,
    ledger::{Expected, Ledger, Write},
};
use sendstores_tests::{scripted::Turn, steps, wait::until};

use super::{World, passing};

#[tokio::test]
async fn a_store_is_suspended_and_comes_back_whatever_gets_lost_on_the_way() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    world.cluster.script(StepName::SUSPENSION, passing(FailureReason::ClusterUnavailable));
    world.cluster.script(StepName::SUSPENSION, Turn::DoneButLost);
    world.intend(&id, Event::SuspendRequested).await;
    let suspended = world.reach(&id, State::Suspended).await;
    assert_eq!((suspended.failure, suspended.observed_generation), (None, 2));
    assert!(world.cluster.holds_anything(&id), "its data is kept");
    world.intend(&id, Event::ResumeRequested).await;
    let back = world.reach(&id, State::Ready).await;
    assert_eq!((back.generation, back.uid), (3, suspended.uid));
    assert!(back.steps.iter().map(|step| step.name).eq(steps::ALL));
    world.intend(&id, Event::SuspendRequested).await;
    world.reach(&id, State::Suspended).await;
    world.delete(&id).await;
    world.reach(&id, State::Deleted).await;
    assert!(!world.cluster.holds_anything(&id));
}

/// The deletion of the store is accepted, and can be taken back for so long.
async fn delete_after(world: &World, id: &StoreId, window: Duration) {
    until("the deletion to be written", async || {
        let store = world.ledger.load(id).await.expect("load").expect("a record");
        let now = Timestamp::from(SystemTime::now());
        let resource = store.retained_until(now.after(window), now).expect("legal");
        let expected = Expected::Revision(store.revision);
        world.ledger.write(Write { resource, expected, fence: None, operation: None }).await.ok().map(drop)
    })
    .await;
}

#[tokio::test]
async fn a_deleted_store_is_kept_and_comes_back_or_is_removed_when_its_time_has_come() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    delete_after(&world, &id, Duration::from_secs(3600)).await;
    let retained = world.reach(&id, State::Retained).await;
    assert!(world.cluster.holds_anything(&id) && retained.purge_time.is_some());
    world.intend(&id, Event::UndeleteRequested).await;
    let back = world.reach(&id, State::Ready).await;
    assert_eq!((back.uid, back.purge_time, back.delete_time), (retained.uid, None, None));
    delete_after(&world, &id, Duration::from_millis(300)).await;
    let gone = world.reach(&id, State::Deleted).await;
    assert!(!world.cluster.holds_anything(&id));
    assert!(world.states(&id).await.ends_with(&[State::Retained, State::Deleting, State::Deleted]), "{gone:?}");
}

#[tokio::test]
async fn what_is_changed_of_a_store_that_rests_is_remembered_by_the_cluster() {
    let world = World::new();
    let id = world.create("store-a").await;
    for (intent, state) in [(None, State::Ready), (Some(Event::SuspendRequested), State::Suspended)] {
        if let Some(intent) = intent {
            world.intend(&id, intent).await;
        }
        let store = world.reach(&id, state).await;
        let wanted = !store.spec.deletion_protection;
        until("the change to be written", async || {
            let store = world.ledger.load(&id).await.expect("load").expect("a record");
            let resource = store.amended(&Amendment::protection(wanted), SystemTime::now().into()).expect("a change");
            let expected = Expected::Revision(store.revision);
            world.ledger.write(Write { resource, expected, fence: None, operation: None }).await.ok().map(drop)
        })
        .await;
        let observed = until("the change to be observed", async || {
            let store = world.store(&id).await;
            (store.observed_generation == store.generation).then_some(store)
        })
        .await;
        assert_eq!((observed.state, observed.spec.deletion_protection), (state, wanted));
    }
}

#[tokio::test]
async fn a_resume_interrupts_a_suspension() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    world.cluster.script(StepName::SUSPENSION, Turn::Hang);
    world.intend(&id, Event::SuspendRequested).await;
    world.hanging(&id, StepName::SUSPENSION).await;
    world.intend(&id, Event::ResumeRequested).await;
    assert_eq!(world.reach(&id, State::Ready).await.generation, 3);
    assert!(!world.cluster.is_busy(&id));
}
