//! The reconcile loop against a cluster that fails, hangs and lies at every step in turn.

mod bounds;
mod replicas;
mod suspension;
mod updates;
mod waiting;

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Engine, Event, FailureReason, Revision, State, Step, StepName, StepState, Store, StoreId,
    backoff::Backoff,
    ledger::{Expected, Ledger, LogPage, Owner, Write},
    operation::Patience,
    provisioner::StepError,
};
use sendstores_server::{
    ledger::MemoryLedger,
    mirror::Mirror,
    permits::ClassPermits,
    provision::ENGINES,
    reconcile::{Members, Policy, Reconciler},
};
use sendstores_tests::{
    ledger::Readable,
    samples,
    scripted::{ScriptedProvisioner, Turn},
    steps,
    versions::fixture,
    wait::until,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::bounds::{Bounds, PLACES};

const LEASE: Duration = Duration::from_millis(300);

struct World {
    ledger: MemoryLedger,
    cluster: ScriptedProvisioner,
    /// The permits of each class, and the runs.
    bounds: Bounds,
    patience: Patience,
    stop: CancellationToken,
    _guard: DropGuard,
}

// === impl World ===

impl World {
    fn new() -> Self {
        Self::bound_by(Bounds::default())
    }

    fn bound_by(bounds: Bounds) -> Self {
        let world = Self { bounds, ..Self::without_replica() };
        world.replica("a");
        world
    }

    fn without_replica() -> Self {
        let (ledger, stop) = (MemoryLedger::default(), CancellationToken::new());
        let bounds = Bounds::default();
        let (cluster, patience) = (ScriptedProvisioner::new(), updates::PATIENCE);
        Self { ledger, cluster, bounds, patience, stop: stop.clone(), _guard: stop.drop_guard() }
    }

    /// One more replica on the same ledger and cluster.
    fn replica(&self, name: &'static str) -> CancellationToken {
        let stop = self.stop.child_token();
        let mirror = Mirror::new(1_000);
        tokio::spawn(mirror.clone().follow(self.ledger.clone(), stop.clone()));
        let policy = Policy {
            runs: self.bounds.runs,
            lease: LEASE,
            backoff: Backoff { first: Duration::from_millis(5), most: Duration::from_millis(20) },
            patience: self.patience,
            probe_interval: Some(Duration::from_millis(50)),
            tenants: sendstores_core::admission::TenantLimits::default(),
        };
        let owner = Owner(name.to_owned());
        let permits = ClassPermits::for_acts(self.bounds.acts);
        let (ledger, provisioner) = (self.ledger.clone(), self.cluster.of(name));
        let reconciler =
            Reconciler { ledger, mirror, provisioner, owner, permits, members: Members::default(), policy };
        tokio::spawn(reconciler.run(stop.clone()));
        stop
    }

    async fn create(&self, id: &str) -> StoreId {
        let store = samples::store(id);
        let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
        self.ledger.write(write).await.expect("create").into_resource().id
    }

    async fn delete(&self, id: &StoreId) {
        self.intend(id, Event::DeleteRequested).await;
    }

    /// A caller's intent is accepted.
    async fn intend(&self, id: &StoreId, intent: Event) {
        until("the intent to be written", async || intend(&self.ledger, id, intent).await).await;
    }

    /// Every state that the store was in, in order.
    async fn states(&self, id: &StoreId) -> Vec<State> {
        let log = self.ledger.read_log(Revision::ZERO, 1_000, Duration::ZERO).await.expect("the log");
        let LogPage::Changes(changes) = log else { panic!("trimmed") };
        let mut states: Vec<_> =
            changes.iter().map(Readable::store).filter(|store| store.id == *id).map(|store| store.state).collect();
        states.dedup();
        states
    }

    async fn store(&self, id: &StoreId) -> Store {
        self.ledger.load(id).await.expect("load").expect("a record")
    }

    /// Waits until the act on this very step is under way.
    async fn hanging(&self, id: &StoreId, step: StepName) {
        until("the step to hang", async || {
            let at_it = self.cluster.acts().last() == Some(&(id.clone(), step));
            (at_it && self.cluster.is_busy(id)).then_some(())
        })
        .await;
    }

    async fn reach(&self, id: &StoreId, state: State) -> Store {
        until(state.as_str(), async || Some(self.store(id).await).filter(|store| store.state == state)).await
    }
}

fn usual(step: StepName) -> FailureReason {
    let engine = ENGINES.default_engine().expect("an engine");
    engine.pipeline.usual_reason(step)
}

/// A caller's intent, unless the store changes meanwhile.
async fn intend(ledger: &MemoryLedger, id: &StoreId, intent: Event) -> Option<()> {
    let store = ledger.load(id).await.expect("load").expect("a record");
    let next = store.after(intent, SystemTime::now().into()).expect("legal");
    let expected = Expected::Revision(store.revision);
    ledger.write(Write { resource: next, expected, fence: None, operation: None }).await.ok().map(drop)
}

fn passing(reason: FailureReason) -> Turn {
    Turn::Fail(StepError::retryable(reason, "scripted"))
}

#[tokio::test]
async fn what_only_a_newer_version_knows_is_left_to_it() {
    let world = World::without_replica();
    let foreign = ["state", "engine", "settings"].map(|name| {
        let mut record = fixture(&format!("next/{name}"));
        if name != "state" {
            record["state"] = "PROVISIONING".into();
        }
        let id: StoreId = samples::parsed(&format!("store-{name}"));
        world.ledger.put(&id, &record.to_string());
        id
    });
    let damaged: StoreId = samples::parsed("store-damaged");
    world.ledger.put(&damaged, "{");
    world.replica("a");
    // Queued after them.
    let known = world.create("store-known").await;
    world.reach(&known, State::Ready).await;
    world.delete(&known).await;
    world.reach(&known, State::Deleted).await;
    assert!(world.cluster.acts().iter().all(|(id, _)| *id == known), "{:?}", world.cluster.acts());
    for (id, revision) in foreign.iter().zip(1..) {
        assert_eq!(world.store(id).await.revision, Revision(revision), "{id} is as it was written");
        assert_eq!(world.ledger.claimed_for(id).await, Ok(Duration::ZERO), "{id} is not claimed");
    }
}

#[tokio::test]
async fn steps_are_taken_once_and_in_order() {
    let world = World::new();
    let id = world.create("store-a").await;
    let store = world.reach(&id, State::Ready).await;
    assert_eq!(world.cluster.acts().into_iter().map(|(_, step)| step).collect::<Vec<_>>(), steps::ALL);
    assert!(store.steps.iter().all(|step| step.state == StepState::Succeeded && step.attempt == 1), "{store:?}");
    assert_eq!((store.observed_generation, store.evidence.len()), (1, 1));
}

#[tokio::test]
async fn the_cluster_remembers_a_store_before_the_ledger_says_that_it_is_ready() {
    let world = World::new();
    world.cluster.forget_once(StepError::retryable(FailureReason::ClusterUnavailable, "scripted"));
    let id = world.create("store-a").await;
    let store = world.reach(&id, State::Ready).await;
    let release = ScriptedProvisioner::release(&store);
    assert_eq!(store.made_from.as_deref(), Some(&release));
    assert_eq!(world.cluster.remembered(&id), Some((store.ready_time, Some(release))));
}

#[tokio::test]
async fn a_store_that_is_taken_back_as_complete_is_only_probed() {
    let world = World::new();
    let id = world.create("store-a").await;
    let before = world.reach(&id, State::Ready).await;
    let acts = world.cluster.acts();
    // Another ledger, of which nothing is left.
    let world = World { cluster: world.cluster.clone(), ..World::without_replica() };
    let (ready_time, made_from) = (before.ready_time.expect("READY once"), before.made_from.clone());
    let taken_back = samples::store("store-a").complete_since(ready_time, made_from, SystemTime::now().into());
    let write = Write { resource: taken_back, expected: Expected::Vacant, fence: None, operation: None };
    world.ledger.write(write).await.expect("taken back");
    world.replica("b");
    let store = world.reach(&id, State::Ready).await;
    assert_eq!((store.ready_time, store.made_from), (before.ready_time, before.made_from));
    assert_eq!(world.cluster.acts(), acts, "nothing is made again");
}

#[tokio::test]
async fn a_step_that_fails_or_loses_its_answer_is_tried_again_until_it_holds() {
    for step in steps::ALL {
        for turn in [passing(FailureReason::ClusterUnavailable), Turn::DoneButLost] {
            let world = World::new();
            world.cluster.script(step, turn.clone());
            world.cluster.script(step, passing(FailureReason::ObjectRefused));
            let id = world.create("store-a").await;
            let store = world.reach(&id, State::Ready).await;
            assert_eq!(store.failure, None, "{step} {turn:?}");
        }
    }
}

#[tokio::test]
async fn a_step_that_says_it_is_done_and_is_not_has_failed() {
    for step in steps::ALL {
        let world = World::new();
        (0..2_000).for_each(|_| world.cluster.script(step, Turn::Idle));
        let id = world.create("store-a").await;
        let failure =
            until("the failure", async || world.store(&id).await.failure.filter(|failure| failure.attempt >= 3)).await;
        assert_eq!((failure.reason, failure.step), (usual(step), Some(step)));
        assert!(failure.retry_time.is_some(), "it is tried again, with pauses");
    }
}

#[tokio::test]
async fn a_store_of_an_engine_that_only_a_newer_server_has_is_left_alone() {
    let world = World::new();
    let mut foreign = samples::store("store-foreign");
    foreign.spec.engine = Engine::new("of-tomorrow");
    foreign.steps = vec![Step::pending(StepName::new("of-tomorrow"))];
    let write = Write { resource: foreign, expected: Expected::Vacant, fence: None, operation: None };
    let foreign = world.ledger.write(write).await.expect("written").into_resource();
    // By the time that a later store is READY, this one would have been worked on.
    let other = world.create("store-a").await;
    world.reach(&other, State::Ready).await;
    assert_eq!(world.store(&foreign.id).await, foreign);
    // Its removal may take more than this server knows of.
    world.delete(&foreign.id).await;
    let later = world.create("store-b").await;
    world.reach(&later, State::Ready).await;
    assert_eq!(world.store(&foreign.id).await.state, State::Deleting);
    assert!(world.cluster.acts().iter().all(|(id, _)| *id != foreign.id));
}

#[tokio::test]
async fn a_store_that_another_version_made_gets_the_steps_of_this_one() {
    let world = World::without_replica();
    let mut store = samples::store("store-a");
    let mut release = Step::pending(steps::RELEASE);
    release.attempt = 7;
    store.steps = vec![Step::pending(StepName::new("of-yesterday")), release];
    let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
    let id = world.ledger.write(write).await.expect("written").into_resource().id;
    let _stop = world.replica("a");
    let ready = world.reach(&id, State::Ready).await;
    assert!(ready.steps.iter().map(|step| step.name).eq(steps::ALL), "{:?}", ready.steps);
    assert_eq!(ready.step(steps::RELEASE).map(|step| step.attempt), Some(8), "what both know is kept");
}

#[tokio::test]
async fn a_failure_is_shown_with_its_step_and_the_time_of_the_next_attempt() {
    let world = World::new();
    (0..2_000).for_each(|_| world.cluster.script(steps::RELEASE, passing(FailureReason::ReleaseFailed)));
    let id = world.create("store-a").await;
    let failure =
        until("the failure", async || world.store(&id).await.failure.filter(|failure| failure.attempt >= 3)).await;
    assert_eq!((failure.reason, failure.step), (FailureReason::ReleaseFailed, Some(steps::RELEASE)));
    assert!(failure.retry_time.is_some());
    assert_eq!(world.store(&id).await.state, State::Provisioning);
}

#[tokio::test]
async fn what_cannot_be_mended_is_given_up_and_left_alone_but_can_be_deleted() {
    let world = World::new();
    world.cluster.script(steps::RELEASE, Turn::Fail(StepError::terminal(FailureReason::ValuesRefused, "bad")));
    let id = world.create("store-a").await;
    let store = world.reach(&id, State::Failed).await;
    assert_eq!(store.failure.as_ref().and_then(|failure| failure.retry_time), None);
    assert_eq!(store.step(steps::RELEASE).map(|step| step.state), Some(StepState::Failed));
    let acts = world.cluster.acts().len();
    world.create("store-b").await;
    world.reach(&"store-b".parse().expect("valid"), State::Ready).await;
    assert_eq!(world.cluster.acts().iter().filter(|(store, _)| *store == id).count(), acts);
    world.delete(&id).await;
    world.reach(&id, State::Deleted).await;
    assert!(!world.cluster.holds_anything(&id));
}

#[tokio::test]
async fn a_delete_interrupts_every_step_and_leaves_nothing() {
    for step in steps::ALL {
        let world = World::new();
        world.cluster.script(step, Turn::Hang);
        let id = world.create("store-a").await;
        world.hanging(&id, step).await;
        world.delete(&id).await;
        let store = world.reach(&id, State::Deleted).await;
        assert!(!world.cluster.holds_anything(&id) && !world.cluster.is_busy(&id), "{step}");
        assert_eq!(store.generation, 2);
        // The id is free again.
        world.create("store-a").await;
        world.reach(&id, State::Ready).await;
    }
}

#[tokio::test]
async fn a_delete_waits_for_a_namespace_that_is_just_being_made() {
    let world = World::new();
    world.cluster.script(steps::NAMESPACE, Turn::Late);
    let id = world.create("store-a").await;
    world.hanging(&id, steps::NAMESPACE).await;
    world.delete(&id).await;
    world.reach(&id, State::Deleted).await;
    until("the namespace to be made", async || (world.cluster.late() == 1).then_some(())).await;
    assert!(!world.cluster.holds_anything(&id), "a namespace without a store");
}

#[tokio::test]
async fn a_removal_is_never_given_up() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    world
        .cluster
        .script(StepName::REMOVAL, Turn::Fail(StepError::terminal(FailureReason::RemovalBlocked, "finalizer")));
    world.cluster.script(StepName::REMOVAL, Turn::DoneButLost);
    world.delete(&id).await;
    let store = world.reach(&id, State::Deleted).await;
    assert_eq!(store.failure, None);
}

#[tokio::test]
async fn a_shop_that_stops_selling_is_degraded_and_comes_back_by_itself() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    world.cluster.set_selling(false);
    let store = world.reach(&id, State::Degraded).await;
    assert_eq!(store.failure.map(|failure| failure.reason), Some(FailureReason::StorefrontUnavailable));
    world.cluster.set_selling(true);
    let store = world.reach(&id, State::Ready).await;
    assert_eq!((store.failure, store.generation), (None, 1));
}

#[tokio::test]
async fn each_outage_is_counted_from_its_beginning() {
    let world = World::new();
    let id = world.create("store-a").await;
    for _ in 0..2 {
        world.reach(&id, State::Ready).await;
        world.cluster.set_selling(false);
        until("an outage of several looks", async || {
            world.store(&id).await.failure.filter(|failure| failure.attempt > 3)
        })
        .await;
        world.cluster.set_selling(true);
    }
    world.reach(&id, State::Ready).await;
    let log = world.ledger.read_log(Revision::ZERO, 1_000, Duration::ZERO).await.expect("the log");
    let LogPage::Changes(changes) = log else { panic!("trimmed") };
    let states: Vec<_> = changes.iter().map(|change| (change.store().state, &change.store().failure)).collect();
    let begun = states.windows(2).filter(|pair| pair[0].0 == State::Ready && pair[1].0 == State::Degraded);
    let attempts: Vec<_> = begun.map(|pair| pair[1].1.as_ref().map(|failure| failure.attempt)).collect();
    assert_eq!(attempts, [Some(1), Some(1)]);
}

#[tokio::test]
async fn a_store_that_waits_for_its_second_probe_delays_no_other() {
    let world = World::bound_by(Bounds { runs: 1, ..Bounds::default() });
    for id in ["store-a", "store-b"] {
        let id = world.create(id).await;
        world.reach(&id, State::Ready).await;
    }
    let before = world.cluster.probes().len();
    world.cluster.script_probes([false, false, false, false]);
    let probes = until("two probes", async || world.cluster.probes().get(before..before + 2).map(<[_]>::to_vec)).await;
    assert_ne!(probes[0].id, probes[1].id, "the second probe of a store comes after the first of the other");
}

#[tokio::test]
async fn a_panic_over_one_store_is_that_stores_failure_and_all_others_go_on() {
    for step in steps::ALL {
        let world = World::new();
        let poisoned: StoreId = "store-poisoned".parse().expect("an id");
        world.cluster.set_poisoned(&poisoned, step, true);
        world.create("store-poisoned").await;
        let failing = until("the failure", async || {
            Some(world.store(&poisoned).await).filter(|store| store.failure.as_ref().is_some_and(|it| it.attempt > 1))
        })
        .await;
        let failure = failing.failure.expect("a failure");
        assert_eq!(
            (failing.state, failure.reason, failure.step),
            (State::Provisioning, FailureReason::Internal, Some(step))
        );
        assert!(failure.retry_time.is_some() && !failure.message.contains("S3cret"), "{failure:?}");
        let other = world.create("store-other").await;
        world.reach(&other, State::Ready).await;
        world.cluster.set_poisoned(&poisoned, step, false);
        world.reach(&poisoned, State::Ready).await;
    }
}

#[tokio::test]
async fn an_intent_that_comes_while_the_last_one_is_recorded_is_observed_anew() {
    let world = World::new();
    let id: StoreId = "store-a".parse().expect("valid");
    let (ledger, updated) = (world.ledger.clone(), id.clone());
    // The run has seen everything and is about to record READY.
    world.cluster.before_probe_answer(async move {
        intend(&ledger, &updated, Event::UpdateRequested).await.expect("accepted");
    });
    world.create("store-a").await;
    let store = world.reach(&id, State::Ready).await;
    assert_eq!((store.generation, store.observed_generation), (2, 2));
    let seen = world.cluster.observations();
    for step in steps::ALL {
        let anew = seen.iter().any(|seen| seen.step == step && seen.generation == 2);
        assert!(anew, "{step} is READY of an intent for which it was not observed: {seen:?}");
    }
}

#[tokio::test]
async fn a_panic_over_the_probe_of_a_ready_store_changes_nothing_and_gives_its_claim_back() {
    let world = World::new();
    let id = world.create("store-a").await;
    let ready = world.reach(&id, State::Ready).await;
    world.cluster.set_poisoned(&id, steps::STOREFRONT, true);
    let probes = world.cluster.probes().len();
    until("three more probes", async || (world.cluster.probes().len() > probes + 3).then_some(())).await;
    let other = world.create("store-other").await;
    world.reach(&other, State::Ready).await;
    let after = world.store(&id).await;
    assert_eq!((after.state, &after.failure), (State::Ready, &ready.failure));
    world.delete(&id).await;
    world.reach(&id, State::Deleted).await;
}

#[tokio::test]
async fn a_failed_update_does_not_stop_a_store_that_sells() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    // The cluster has lost the release; the update cannot make it anew.
    world.cluster.lose(&id, steps::RELEASE);
    world.cluster.script(steps::RELEASE, Turn::Fail(StepError::terminal(FailureReason::ValuesRefused, "bad")));
    world.intend(&id, Event::UpdateRequested).await;
    let store = until("the store to sell again", async || {
        Some(world.store(&id).await).filter(|store| store.generation == 2 && store.state == State::Ready)
    })
    .await;
    use State::{Degraded, Provisioning, Ready, Updating};
    assert_eq!(world.states(&id).await, [Provisioning, Ready, Updating, Degraded, Ready], "{store:?}");
}

#[tokio::test]
async fn one_lost_probe_does_not_degrade_a_store() {
    let world = World::new();
    let id = world.create("store-a").await;
    world.reach(&id, State::Ready).await;
    world.cluster.script_probes([false, true]);
    until("the probes", async || (world.cluster.scripted_probes() == 0).then_some(())).await;
    let probes = world.cluster.probes().len();
    until("more probes", async || (world.cluster.probes().len() >= probes + 3).then_some(())).await;
    assert_eq!(world.states(&id).await, [State::Provisioning, State::Ready]);
    // Two in a row do.
    world.cluster.script_probes([false, false]);
    until("the outage", async || world.states(&id).await.contains(&State::Degraded).then_some(())).await;
}
