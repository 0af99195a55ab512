//! Updates: forward, back, and on again after a crash anywhere.

use sendstores_core::{Operation, OperationState, ReleaseName};
use sendstores_tests::{samples::parsed, scripted::Fault};

use super::*;

/// What fails a second time fails for good.
pub(super) const PATIENCE: Patience = Patience { whole: Duration::from_secs(60), step: Duration::ZERO };
const ONE: &str = "one";
const TWO: &str = "two";

fn name(text: &str) -> ReleaseName {
    parsed(text)
}

fn operation(store: &Store) -> &Operation {
    store.operation.as_deref().expect("an operation")
}

fn why(store: &Store) -> Option<FailureReason> {
    operation(store).failure.as_deref().map(|failure| failure.reason)
}

impl World {
    /// A store that is READY and runs the release `one`.
    async fn running_one(&self, id: &str) -> StoreId {
        let mut store = samples::store(id);
        store.spec.release = Some(name(ONE));
        let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
        let id = self.ledger.write(write).await.expect("create").into_resource().id;
        self.reach(&id, State::Ready).await;
        assert_eq!(self.cluster.runs(&id), Some(name(ONE)));
        id
    }

    /// A caller's change is accepted.
    async fn change(&self, id: &StoreId, change: impl Fn(&Store) -> Store) {
        until("the change to be written", async || {
            let store = self.store(id).await;
            let (resource, expected) = (change(&store), Expected::Revision(store.revision));
            self.ledger.write(Write { resource, expected, fence: None, operation: None }).await.ok().map(drop)
        })
        .await;
    }

    async fn update(&self, id: &StoreId, to: &str) {
        let now = SystemTime::now().into();
        self.change(id, |store| store.updated(&name(to), now).expect("legal").expect("a change")).await;
    }

    /// Waits until the last operation is so, and the store is at rest where it has ended.
    async fn operated(&self, id: &StoreId, state: OperationState) -> Store {
        until(state.as_str(), async || Some(self.store(id).await).filter(|store| operation(store).state == state)).await
    }
}

#[tokio::test]
async fn an_update_applies_the_new_release_and_says_so() {
    let world = World::new();
    let id = world.running_one("store-a").await;
    let before = world.cluster.acts().len();
    world.update(&id, TWO).await;
    let store = world.operated(&id, OperationState::Succeeded).await;
    assert_eq!((store.state, store.generation, store.observed_generation), (State::Ready, 2, 2));
    assert_eq!((world.cluster.runs(&id), store.runs().cloned()), (Some(name(TWO)), Some(name(TWO))));
    assert_eq!(world.cluster.acts()[before..], [(id.clone(), steps::RELEASE)], "nothing else is made again");
    assert_eq!(world.states(&id).await, [State::Provisioning, State::Ready, State::Updating, State::Ready]);
    let remembered = world.cluster.remembered(&id).and_then(|(_, release)| release).and_then(|release| release.name);
    assert_eq!(remembered, Some(name(TWO)));
}

#[tokio::test]
async fn each_bad_release_is_rolled_back_and_not_tried_again() {
    for (fault, reason) in [
        (Fault::Refused, FailureReason::ReleaseFailed),
        (Fault::Stuck, FailureReason::ImageUnavailable),
        (Fault::Closed, FailureReason::StorefrontUnavailable),
    ] {
        let world = World::new();
        world.cluster.set_fault(TWO, Some(fault));
        let id = world.running_one("store-a").await;
        world.update(&id, TWO).await;
        let store = world.operated(&id, OperationState::RolledBack).await;
        assert_eq!((store.state, store.failure.clone(), why(&store)), (State::Ready, None, Some(reason)), "{fault:?}");
        assert!(operation(&store).failure.as_ref().is_some_and(|failure| failure.diagnosis.is_some()), "{fault:?}");
        assert_eq!((world.cluster.runs(&id), store.runs().cloned()), (Some(name(ONE)), Some(name(ONE))), "{fault:?}");
        assert_eq!((store.observed_generation, store.spec.release.clone()), (2, Some(name(TWO))), "{fault:?}");
        assert!(!world.states(&id).await.contains(&State::Degraded), "{fault:?}");
        // It is mended as what it runs.
        world.cluster.lose(&id, steps::STOREFRONT);
        until("DEGRADED", async || world.states(&id).await.contains(&State::Degraded).then_some(())).await;
        world.reach(&id, State::Ready).await;
        assert_eq!(world.cluster.runs(&id), Some(name(ONE)), "{fault:?}");
        // Once it is mended, a caller asks again.
        world.cluster.set_fault(TWO, None);
        let now = SystemTime::now().into();
        world.change(&id, |store| store.retried(now).expect("legal").expect("a change")).await;
        world.operated(&id, OperationState::Succeeded).await;
        assert_eq!(world.cluster.runs(&id), Some(name(TWO)), "{fault:?}");
    }
}

#[tokio::test]
async fn an_update_that_only_takes_too_long_is_rolled_back_at_its_bound() {
    let patience = Patience { whole: Duration::from_millis(300), step: Duration::ZERO };
    let world = World { patience, ..World::without_replica() };
    world.replica("a");
    world.cluster.set_fault(TWO, Some(Fault::Slow));
    let id = world.running_one("store-a").await;
    world.update(&id, TWO).await;
    let store = world.operated(&id, OperationState::RolledBack).await;
    let took = operation(&store).rollback_time.zip(operation(&store).start_time);
    assert!(took.is_some_and(|(back, start)| back.since(start) >= patience.whole), "{took:?}");
    assert_eq!((store.state, why(&store)), (State::Ready, Some(FailureReason::ApplicationUnavailable)));
}

#[tokio::test]
async fn a_crash_at_any_act_of_an_update_and_of_its_way_back_is_gone_on_from() {
    for (fault, ends) in [(None, OperationState::Succeeded), (Some(Fault::Stuck), OperationState::RolledBack)] {
        for hangs in [true, false] {
            let world = World::without_replica();
            let first = world.replica("a");
            world.cluster.set_fault(TWO, fault);
            let id = world.running_one("store-a").await;
            let turn = if hangs { Turn::Hang } else { Turn::DoneButLost };
            world.cluster.script(steps::RELEASE, turn.clone());
            world.update(&id, TWO).await;
            if hangs {
                world.hanging(&id, steps::RELEASE).await;
            }
            first.cancel();
            // The way back hangs, too.
            if fault.is_some() && hangs {
                world.cluster.script(steps::RELEASE, Turn::DoneButLost);
                world.cluster.script(steps::RELEASE, Turn::Hang);
                let second = world.replica("b");
                world.operated(&id, OperationState::RollingBack).await;
                world.hanging(&id, steps::RELEASE).await;
                second.cancel();
            }
            world.replica("c");
            let store = world.operated(&id, ends).await;
            let runs = if fault.is_some() { ONE } else { TWO };
            assert_eq!((store.state, world.cluster.runs(&id)), (State::Ready, Some(name(runs))), "{fault:?} {turn:?}");
            assert_eq!(world.cluster.overlaps(), 0);
        }
    }
}

#[tokio::test]
async fn a_way_back_that_fails_is_shown_with_both_causes_and_can_be_tried_again() {
    let world = World::new();
    let id = world.running_one("store-a").await;
    world.cluster.set_fault(TWO, Some(Fault::Closed));
    // The way forward, and the way back.
    world.cluster.script(steps::RELEASE, Turn::DoneButLost);
    world.update(&id, TWO).await;
    world.cluster.script(steps::RELEASE, Turn::Fail(StepError::terminal(FailureReason::ValuesRefused, "scripted")));
    let store = world.reach(&id, State::Failed).await;
    let failure = store.failure.clone().expect("a failure");
    assert_eq!((failure.reason, failure.retry_time), (FailureReason::RollbackFailed, None));
    assert!(failure.message.contains("VALUES_REFUSED") && failure.message.contains("STOREFRONT"), "{failure:?}");
    assert_eq!((operation(&store).state, why(&store)), (OperationState::Failed, Some(usual(steps::STOREFRONT))));
    world.cluster.set_fault(TWO, None);
    let now = SystemTime::now().into();
    world.change(&id, |store| store.retried(now).expect("legal").expect("a change")).await;
    let store = world.operated(&id, OperationState::Succeeded).await;
    assert_eq!((store.state, store.failure), (State::Ready, None));
}

#[tokio::test]
async fn old_code_that_does_not_sell_after_a_rollback_is_for_an_operator_to_decide() {
    let world = World::new();
    let id = world.running_one("store-a").await;
    world.cluster.set_fault(TWO, Some(Fault::Closed));
    world.update(&id, TWO).await;
    // Its data was changed by the new release.
    world.cluster.set_fault(ONE, Some(Fault::Closed));
    let store = world.reach(&id, State::Degraded).await;
    let reason = store.failure.as_ref().map(|failure| failure.reason);
    assert_eq!(reason, Some(FailureReason::UpdateNeedsDecision));
    assert_eq!((operation(&store).state, world.cluster.runs(&id)), (OperationState::RolledBack, Some(name(ONE))));
    let later = until("another probe", async || {
        Some(world.store(&id).await.failure.expect("a failure")).filter(|failure| failure.attempt > 2)
    })
    .await;
    assert_eq!(later.reason, FailureReason::UpdateNeedsDecision, "nothing was decided");
    world.cluster.set_fault(ONE, None);
    let store = world.reach(&id, State::Ready).await;
    assert_eq!((store.failure.clone(), operation(&store).state), (None, OperationState::RolledBack));
}

#[tokio::test]
async fn an_update_is_cancelled_while_its_pods_start() {
    let world = World::new();
    let id = world.running_one("store-a").await;
    world.cluster.set_fault(TWO, Some(Fault::Slow));
    world.update(&id, TWO).await;
    until("the new release", async || (world.cluster.runs(&id) == Some(name(TWO))).then_some(())).await;
    let now = SystemTime::now().into();
    world.change(&id, |store| store.cancelled(now).expect("possible").expect("a change")).await;
    let store = world.operated(&id, OperationState::Cancelled).await;
    assert_eq!((store.state, why(&store), world.cluster.runs(&id)), (State::Ready, None, Some(name(ONE))));
}

#[tokio::test]
async fn a_newer_update_takes_the_place_of_a_bad_one_at_once() {
    let world = World::new();
    let id = world.running_one("store-a").await;
    world.cluster.set_fault(TWO, Some(Fault::Slow));
    world.update(&id, TWO).await;
    until("the bad release", async || (world.cluster.runs(&id) == Some(name(TWO))).then_some(())).await;
    world.update(&id, "three").await;
    let store = world.operated(&id, OperationState::Succeeded).await;
    assert_eq!((store.state, world.cluster.runs(&id)), (State::Ready, Some(name("three"))));
}

#[tokio::test]
async fn an_update_of_a_suspended_store_is_carried_out_by_its_return_and_rolled_back_like_any_other() {
    for (fault, ends, runs) in
        [(None, OperationState::Succeeded, TWO), (Some(Fault::Stuck), OperationState::RolledBack, ONE)]
    {
        let world = World::new();
        world.cluster.set_fault(TWO, fault);
        let id = world.running_one("store-a").await;
        world.intend(&id, Event::SuspendRequested).await;
        world.operated(&id, OperationState::Succeeded).await;
        world.update(&id, TWO).await;
        let queued = until("the cluster to remember it", async || {
            Some(world.store(&id).await).filter(|store| store.observed_generation == store.generation)
        })
        .await;
        assert_eq!((queued.state, operation(&queued).state), (State::Suspended, OperationState::Queued));
        assert_eq!(world.cluster.runs(&id), Some(name(ONE)), "not before it is resumed");
        world.intend(&id, Event::ResumeRequested).await;
        let store = world.operated(&id, ends).await;
        assert_eq!((store.state, world.cluster.runs(&id)), (State::Ready, Some(name(runs))), "{fault:?}");
    }
}
