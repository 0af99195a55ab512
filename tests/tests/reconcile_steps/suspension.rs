//! Suspending a store and bringing it back.

use sendstores_core::{Event, FailureReason, State, StepName};
use sendstores_tests::{scripted::Turn, steps};

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
