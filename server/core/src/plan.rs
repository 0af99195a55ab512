//! What to do next for one store: a pure function of intent, observation and time.

use std::time::Duration;

use crate::{
    engine::Pipeline,
    evidence::Evidence,
    lifecycle::Work,
    observed::{Activity, Observed, Progress, Remains, Seen},
    shard,
    state::{Event, State},
    step::StepName,
    store::Store,
    time::Timestamp,
};

/// How old the evidence of a READY store may become, at most, before a probe that found the same is recorded: a record is
/// a change for every watcher, and 10,000 stores must not push all else out of the history.
const EVIDENCE_AGE: Duration = Duration::from_secs(12 * 3600);

/// The one next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look at a step: nothing certain is known of it.
    Observe(StepName),
    /// Make a step so. Safe to do again.
    Ensure(StepName),
    /// Wait for the cluster to bring a step on.
    Await(StepName),
    /// Everything holds: record it, with what was seen.
    Converge(Vec<Evidence>),
    /// The shop does not sell any more, or still not: record it, and when it is probed again.
    Degrade(Vec<Evidence>),
    /// The namespace of a store that was complete is gone, and its data with it: record that. A store that is made anew in
    /// its place would look as if nothing had happened.
    NoteLoss,
    /// Look at what is left of a store that is being deleted.
    ObserveRemains,
    /// Ask the cluster to remove everything. Safe to do again.
    Remove,
    /// Wait for the cluster to remove it.
    AwaitRemoval,
    /// Nothing is left: record it.
    Finalize,
    /// Look at what runs of a store that is to be suspended.
    ObserveActivity,
    /// Ask the cluster to stop the next part of it. Safe to do again.
    Stop,
    /// Wait for the cluster to stop it.
    AwaitStop,
    /// Nothing runs: record it.
    NoteSuspended,
    /// Have the cluster remember what was asked for, which needs nothing else: record that it does.
    Remember,
    /// The purge time of the store has come: record that its removal begins.
    Purge,
    /// Nothing to do before this time, or before something changes.
    Rest(Option<Timestamp>),
}

/// Decides. The run that carries the action out notes what came of it in `observed` and asks again.
pub fn plan(store: &Store, observed: &Observed, now: Timestamp) -> Action {
    if store.is_foreign() {
        return Action::Rest(None);
    }
    if store.is_behind() {
        return Action::Remember;
    }
    if let Some(later) = held_back(store, now) {
        return Action::Rest(later);
    }
    match store.state.lifecycle().work {
        Work::Make => toward_ready(store, observed),
        Work::Keep => keep_ready(store, observed),
        Work::Remove => toward_nothing(observed),
        Work::Suspend => toward_rest(store, observed),
        Work::Retain => match store.purge_time {
            Some(time) if time > now => Action::Rest(Some(time)),
            Some(_) => Action::Purge,
            // Nothing says how long it is to be kept.
            None => Action::Rest(None),
        },
        Work::Nothing => Action::Rest(None),
    }
}

/// Until when the last failure holds the store back, if it does.
fn held_back(store: &Store, now: Timestamp) -> Option<Option<Timestamp>> {
    let failure = store.failure.as_ref()?;
    match failure.retry_time {
        Some(time) if time > now => Some(Some(time)),
        Some(_) => None,
        None if store.state == State::Failed => Some(None),
        None => None,
    }
}

fn toward_ready(store: &Store, observed: &Observed) -> Action {
    for facts in observed.pipeline().steps() {
        let step = facts.name;
        match observed.step(step) {
            Seen::Unknown => return Action::Observe(step),
            Seen::Absent if facts.creates_namespace && was_complete(store) => return Action::NoteLoss,
            Seen::Absent | Seen::Known(Progress::Partial(_)) => return Action::Ensure(step),
            Seen::Known(Progress::Waiting(_) | Progress::Failing(_)) => return Action::Await(step),
            Seen::Known(Progress::Done(evidence)) if facts.proves_ready => {
                return converge(store, evidence, observed.pipeline());
            }
            Seen::Known(Progress::Done(_)) => {}
        }
    }
    Action::Rest(None)
}

fn was_complete(store: &Store) -> bool {
    store.ready_time.is_some() && store.state.next(Event::NamespaceLost).is_ok()
}

/// A store that is READY already is written anew if another probe found something else, or when what is shown grows old;
/// the times of all probes are not worth a change each.
fn converge(store: &Store, evidence: &[Evidence], pipeline: Pipeline) -> Action {
    let outcome = |one: &Evidence| (one.check, one.passed);
    // What a newer version has found is kept, and says nothing here.
    let known = |one: &&Evidence| pipeline.checks().contains(&one.check);
    let (shown, seen) = (|| store.evidence.iter().filter(known), || evidence.iter().filter(known));
    let told = shown().map(outcome).eq(seen().map(outcome));
    let mut pairs = shown().zip(seen());
    let old = pairs.any(|(before, seen)| seen.check_time.since(before.check_time) > evidence_age(store));
    match store.state {
        State::Ready if told && !old => Action::Rest(None),
        _ => Action::Converge(evidence.to_vec()),
    }
}

/// Half to all of [`EVIDENCE_AGE`], always the same for a store: those that became READY together are not recorded together.
fn evidence_age(store: &Store) -> Duration {
    EVIDENCE_AGE.mul_f64(0.5 + 0.5 * shard::spread(store.uid.as_str()))
}

/// A store that was READY is probed; only what the probe finds decides.
fn keep_ready(store: &Store, observed: &Observed) -> Action {
    let Some(proof) = observed.pipeline().proof() else { return Action::Rest(None) };
    match observed.step(proof) {
        Seen::Unknown => Action::Observe(proof),
        Seen::Known(Progress::Done(evidence)) => converge(store, evidence, observed.pipeline()),
        Seen::Known(Progress::Failing(evidence)) => Action::Degrade(evidence.clone()),
        // The exposure itself is gone or was never finished: mend it as the first time.
        Seen::Absent | Seen::Known(Progress::Partial(_) | Progress::Waiting(_)) => mend(store, observed),
    }
}

/// Before a store is mended it is said to be DEGRADED: READY is never shown for one that cannot be visited.
fn mend(store: &Store, observed: &Observed) -> Action {
    match store.state {
        State::Ready => Action::Degrade(Vec::new()),
        _ => toward_ready(store, observed),
    }
}

/// A store whose namespace is gone is not suspended: there is nothing to resume. Of an engine that this server does not have,
/// nothing is known that runs.
fn toward_rest(store: &Store, observed: &Observed) -> Action {
    match observed.activity {
        _ if observed.pipeline() == Pipeline::NONE => Action::Rest(None),
        Seen::Unknown => Action::ObserveActivity,
        // What was to be kept is gone already.
        Seen::Absent if store.state == State::Retaining => Action::Purge,
        Seen::Absent if was_complete(store) => Action::NoteLoss,
        Seen::Known(Activity::Running(_)) => Action::Stop,
        Seen::Known(Activity::Stopping(_)) => Action::AwaitStop,
        Seen::Known(Activity::Resting) | Seen::Absent => Action::NoteSuspended,
    }
}

fn toward_nothing(observed: &Observed) -> Action {
    match observed.remains {
        Seen::Unknown => Action::ObserveRemains,
        Seen::Known(Remains::Untouched) => Action::Remove,
        Seen::Known(Remains::Going(_) | Remains::Held(_)) => Action::AwaitRemoval,
        Seen::Absent => Action::Finalize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        failure::{Failure, FailureReason},
        observed::{Outlook, Waiting},
        store::{Amendment, fixture},
    };

    fn now() -> Timestamp {
        Timestamp::from_micros(1_000_000)
    }

    fn in_state(state: State) -> Store {
        Store { state, observed_generation: 1, ..fixture::store("store-a") }
    }

    fn done() -> Seen<Progress> {
        Seen::Known(Progress::Done(Vec::new()))
    }

    fn evidence(passed: bool) -> Vec<Evidence> {
        let found = if passed { Ok("seen".to_owned()) } else { Err("seen".to_owned()) };
        vec![Evidence::new(fixture::PAGE, found, now())]
    }

    /// Everything before `step` holds.
    fn up_to(step: StepName) -> Observed {
        let mut observed = Observed::nothing(fixture::PIPELINE);
        for earlier in fixture::PIPELINE.names().take_while(|earlier| *earlier != step) {
            observed.note(earlier, done());
        }
        observed
    }

    #[test]
    fn nothing_is_done_to_what_only_a_newer_version_knows() {
        let method = crate::shop::PaymentMethod::kept("stripe").expect("a word");
        // Of an engine that this version does not have, there are no steps to take.
        let nothing = Observed::nothing(crate::engine::Pipeline::NONE);
        for state in State::ALL.into_iter().chain(State::kept("RESTORING")).filter(|state| *state != State::Deleting) {
            assert_eq!(plan(&in_state(state), &nothing, now()), Action::Rest(None), "{state}");
        }
        assert_eq!(
            plan(&in_state(State::kept("RESTORING").expect("a word")), &Observed::nothing(fixture::PIPELINE), now()),
            Action::Rest(None)
        );
        let mut store = in_state(State::Provisioning);
        store.spec.shop.payment_methods.push(method);
        assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), now()), Action::Rest(None));
        // A removal asks for no settings.
        store.state = State::Deleting;
        assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), now()), Action::ObserveRemains);
    }

    #[test]
    fn each_step_is_looked_at_then_made_then_waited_for() {
        let waiting = Waiting {
            reason: FailureReason::DatabaseUnavailable,
            detail: "pulling".to_owned(),
            outlook: Outlook::Going,
        };
        for step in fixture::PIPELINE.names() {
            for state in [State::Provisioning, State::Updating, State::Resuming] {
                let store = in_state(state);
                let mut observed = up_to(step);
                assert_eq!(plan(&store, &observed, now()), Action::Observe(step));
                observed.note(step, Seen::Absent);
                assert_eq!(plan(&store, &observed, now()), Action::Ensure(step));
                observed.note(step, Seen::Known(Progress::Partial("half".to_owned())));
                assert_eq!(plan(&store, &observed, now()), Action::Ensure(step));
                observed.note(step, Seen::Known(Progress::Waiting(waiting.clone())));
                assert_eq!(plan(&store, &observed, now()), Action::Await(step));
            }
        }
    }

    #[test]
    fn a_kept_store_is_removed_when_its_time_has_come_and_not_before() {
        let nothing = Observed::nothing(fixture::PIPELINE);
        let kept = |micros| Store { purge_time: Some(Timestamp::from_micros(micros)), ..in_state(State::Retained) };
        let (later, due) = (now().after(Duration::from_micros(1)), now());
        assert_eq!(plan(&kept(later.as_micros()), &nothing, now()), Action::Rest(Some(later)));
        assert_eq!(plan(&kept(due.as_micros()), &nothing, now()), Action::Purge);
        assert_eq!(plan(&in_state(State::Retained), &nothing, now()), Action::Rest(None), "nothing says until when");
        // Nothing is left that could be kept.
        let mut gone = nothing;
        gone.activity = Seen::Absent;
        let retaining = Store { ready_time: Some(now()), ..in_state(State::Retaining) };
        assert_eq!(plan(&retaining, &gone, now()), Action::Purge);
    }

    #[test]
    fn what_only_has_to_be_remembered_is_remembered_first() {
        for state in [State::Ready, State::Degraded, State::Suspended, State::Failed, State::Retained] {
            let store =
                in_state(state).remembered(now()).amended(&Amendment::protection(true), now()).expect("a change");
            assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), now()), Action::Remember, "{state}");
            let remembered = store.remembered(now());
            assert_ne!(plan(&remembered, &Observed::nothing(fixture::PIPELINE), now()), Action::Remember, "{state}");
        }
        // Its steps have the namespace remember it.
        for state in [State::Provisioning, State::Updating, State::Resuming, State::Deleting] {
            let store = in_state(state).amended(&Amendment::protection(true), now()).expect("a change");
            assert_ne!(plan(&store, &Observed::nothing(fixture::PIPELINE), now()), Action::Remember, "{state}");
        }
    }

    #[test]
    fn a_suspension_stops_part_by_part_and_ends_when_nothing_runs() {
        let store = Store { ready_time: Some(now()), ..in_state(State::Suspending) };
        let mut observed = Observed::nothing(fixture::PIPELINE);
        assert_eq!(plan(&store, &observed, now()), Action::ObserveActivity);
        for (seen, action) in [
            (Seen::Known(Activity::Running("open".to_owned())), Action::Stop),
            (Seen::Known(Activity::Stopping("a pod".to_owned())), Action::AwaitStop),
            (Seen::Known(Activity::Resting), Action::NoteSuspended),
            (Seen::Absent, Action::NoteLoss),
        ] {
            observed.activity = seen;
            assert_eq!(plan(&store, &observed, now()), action);
        }
        assert_eq!(plan(&in_state(State::Suspended), &observed, now()), Action::Rest(None));
    }

    #[test]
    fn a_step_that_changed_puts_all_behind_it_in_doubt() {
        let mut observed = up_to(fixture::STOREFRONT);
        observed.note(fixture::DATABASE, Seen::Absent);
        observed.note(fixture::DATABASE, done());
        assert_eq!(plan(&in_state(State::Provisioning), &observed, now()), Action::Observe(fixture::BOOTSTRAP));
    }

    #[test]
    fn a_store_becomes_ready_by_evidence_alone() {
        let mut observed = up_to(fixture::STOREFRONT);
        observed.note(fixture::STOREFRONT, Seen::Known(Progress::Failing(evidence(false))));
        assert_eq!(plan(&in_state(State::Provisioning), &observed, now()), Action::Await(fixture::STOREFRONT));
        observed.note(fixture::STOREFRONT, Seen::Known(Progress::Done(evidence(true))));
        assert_eq!(plan(&in_state(State::Provisioning), &observed, now()), Action::Converge(evidence(true)));
        assert_eq!(plan(&in_state(State::Degraded), &observed, now()), Action::Converge(evidence(true)));
        let mut ready = Store { evidence: evidence(true), ..in_state(State::Ready) };
        ready.evidence[0].check_time = Timestamp::from_micros(0);
        assert_eq!(plan(&ready, &observed, now()), Action::Rest(None));
        // So old that a reader would take the shop for one that is not probed.
        let mut later = evidence(true);
        later[0].check_time = now().after(2 * EVIDENCE_AGE);
        observed.note(fixture::STOREFRONT, Seen::Known(Progress::Done(later.clone())));
        assert_eq!(plan(&ready, &observed, now()), Action::Converge(later));
        observed.note(fixture::STOREFRONT, Seen::Known(Progress::Done(evidence(true))));
        // What may fail in a shop that sells is told when it changes.
        ready.evidence[0].passed = false;
        assert_eq!(plan(&ready, &observed, now()), Action::Converge(evidence(true)));
    }

    /// 10,000 READY stores, whose evidence is renewed at half of its age at the earliest, and the 8,192 changes that a replica keeps.
    #[test]
    fn the_evidence_of_many_stores_leaves_room_for_hours_of_history() {
        let (stores, kept) = (10_000, 8_192);
        assert!(EVIDENCE_AGE / 2 * kept / stores >= Duration::from_secs(4 * 3600), "{EVIDENCE_AGE:?}");
    }

    #[test]
    fn a_ready_store_is_only_probed_and_degrades_before_it_is_mended() {
        let mut observed = Observed::nothing(fixture::PIPELINE);
        assert_eq!(plan(&in_state(State::Ready), &observed, now()), Action::Observe(fixture::STOREFRONT));
        observed.note(fixture::STOREFRONT, Seen::Known(Progress::Failing(evidence(false))));
        assert_eq!(plan(&in_state(State::Ready), &observed, now()), Action::Degrade(evidence(false)));
        assert_eq!(plan(&in_state(State::Degraded), &observed, now()), Action::Degrade(evidence(false)));
        observed.note(fixture::STOREFRONT, Seen::Absent);
        assert_eq!(plan(&in_state(State::Ready), &observed, now()), Action::Degrade(Vec::new()));
        assert_eq!(plan(&in_state(State::Degraded), &observed, now()), Action::Observe(fixture::NAMESPACE));
    }

    #[test]
    fn a_namespace_that_was_lost_is_not_made_anew() {
        let mut observed = Observed::nothing(fixture::PIPELINE);
        observed.note(fixture::NAMESPACE, Seen::Absent);
        observed.note(fixture::STOREFRONT, Seen::Absent);
        for (state, was_ready, action) in [
            (State::Degraded, true, Action::NoteLoss),
            (State::Updating, true, Action::NoteLoss),
            (State::Resuming, true, Action::NoteLoss),
            // Taken back from a namespace, or never there at all.
            (State::Provisioning, true, Action::Ensure(fixture::NAMESPACE)),
            (State::Updating, false, Action::Ensure(fixture::NAMESPACE)),
        ] {
            let store = Store { ready_time: was_ready.then(now), ..in_state(state) };
            assert_eq!(plan(&store, &observed, now()), action, "{state}");
        }
    }

    #[test]
    fn a_deletion_looks_removes_waits_and_buries() {
        let store = in_state(State::Deleting);
        let mut observed = Observed::nothing(fixture::PIPELINE);
        assert_eq!(plan(&store, &observed, now()), Action::ObserveRemains);
        observed.remains = Seen::Known(Remains::Untouched);
        assert_eq!(plan(&store, &observed, now()), Action::Remove);
        observed.remains = Seen::Known(Remains::Going("volumes".to_owned()));
        assert_eq!(plan(&store, &observed, now()), Action::AwaitRemoval);
        observed.remains = Seen::Absent;
        assert_eq!(plan(&store, &observed, now()), Action::Finalize);
    }

    #[test]
    fn states_that_nobody_is_to_leave_rest() {
        for state in [State::Suspended, State::Failed, State::Deleted] {
            assert_eq!(
                plan(&in_state(state), &Observed::nothing(fixture::PIPELINE), now()),
                Action::Rest(None),
                "{state}"
            );
        }
    }

    #[test]
    fn a_failure_holds_the_store_back_until_its_time() {
        let failure = |retry_time| Failure {
            reason: FailureReason::ReleaseFailed,
            message: "no".to_owned(),
            step: Some(fixture::RELEASE),
            attempt: 1,
            retry_time,
            diagnosis: None,
        };
        let later = now().after(std::time::Duration::from_secs(5));
        let mut store = in_state(State::Provisioning);
        store.failure = Some(failure(Some(later)));
        assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), now()), Action::Rest(Some(later)));
        assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), later), Action::Observe(fixture::NAMESPACE));
        // A newer intent is not held back by the failure of the one before.
        let deleting = store.after(Event::DeleteRequested, now()).expect("legal");
        assert_eq!(plan(&deleting, &Observed::nothing(fixture::PIPELINE), now()), Action::ObserveRemains);
    }
}
