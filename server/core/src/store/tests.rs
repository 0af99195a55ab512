use super::*;
use crate::{failure::FailureReason, history::CallId};

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

#[test]
fn steps_before_the_one_under_way_are_done() {
    let store = fixture::store("store-a").at_step(fixture::RELEASE, true, "installing", at(1));
    let states: Vec<_> = store.steps.iter().map(|step| step.state).collect();
    use StepState::{Pending, Running, Succeeded};
    assert_eq!(states, [Succeeded, Running, Pending, Pending, Pending]);
    let again = store.at_step(fixture::RELEASE, true, "", at(2));
    assert_eq!(again.step(fixture::RELEASE).map(|step| (step.attempt, step.start_time)), Some((2, Some(at(1)))));
    let waiting = again.at_step(fixture::RELEASE, false, "", at(3));
    assert_eq!(waiting.step(fixture::RELEASE).map(|step| step.attempt), Some(2));
}

#[test]
fn a_step_of_several_parts_is_one_attempt_until_a_part_is_begun_again() {
    let attempt = |store: &Store| store.step(fixture::BOOTSTRAP).map(|step| step.attempt);
    let mut store = fixture::store("store-a");
    for part in ["installing", "activating", "configuring"] {
        store = store.at_step(fixture::BOOTSTRAP, true, part, at(1));
        assert_eq!(attempt(&store), Some(1), "{part}");
    }
    assert_eq!(attempt(&store.at_step(fixture::BOOTSTRAP, true, "configuring", at(2))), Some(2));
}

#[test]
fn a_failure_is_shown_until_its_step_is_passed() {
    let failure = Failure {
        reason: FailureReason::ReleaseFailed,
        message: "x".repeat(5_000),
        step: Some(fixture::RELEASE),
        attempt: 1,
        retry_time: Some(at(9)),
        diagnosis: None,
    };
    let failing = fixture::store("store-a").at_step(fixture::RELEASE, true, "", at(1)).failing(failure, at(2));
    assert_eq!(failing.step(fixture::RELEASE).map(|step| step.state), Some(StepState::Failed));
    assert_eq!(failing.failure.as_ref().map(|f| f.message.len()), Some(Failure::MAX_MESSAGE));
    assert!(failing.at_step(fixture::RELEASE, true, "", at(3)).failure.is_some());
    assert!(failing.at_step(fixture::DATABASE, false, "", at(3)).failure.is_none());
}

#[test]
fn each_outage_is_counted_from_its_beginning() {
    let failure = Failure {
        reason: FailureReason::StorefrontUnavailable,
        message: "closed".to_owned(),
        step: Some(fixture::STOREFRONT),
        attempt: 7,
        retry_time: Some(at(9)),
        diagnosis: None,
    };
    let ready = fixture::store("store-a").after(Event::Converged, at(1)).expect("legal");
    let degraded = ready.after(Event::ProbeFailed, at(2)).expect("legal").failing(failure, at(2));
    let attempt = |store: &Store| store.step(fixture::STOREFRONT).map(|step| step.attempt);
    assert_eq!(attempt(&degraded.after(Event::ProbeFailed, at(3)).expect("legal")), Some(7), "the same outage");
    let again = degraded.after(Event::Converged, at(4)).expect("legal");
    assert_eq!(attempt(&again), Some(7), "what it took is shown");
    assert_eq!(attempt(&again.after(Event::ProbeFailed, at(5)).expect("legal")), Some(1));
}

#[test]
fn a_history_names_its_calls_and_does_not_tell_of_recoveries() {
    let call = |text: &str| Cause { call: Some(text.parse::<CallId>().expect("valid")), actor: None };
    let ready = fixture::store("store-a").by(call("c-1")).after(Event::Converged, at(5)).expect("legal");
    let degraded = ready.after(Event::ProbeFailed, at(6)).expect("legal");
    let again = degraded.after(Event::Converged, at(7)).expect("legal").credentials_read(call("c-2"), at(8));
    let told: Vec<_> = again.history.entries().iter().map(|entry| (entry.what, entry.cause.clone())).collect();
    use Happening::{Created, CredentialsRead, Ready};
    assert_eq!(told, [(Created, call("c-1")), (Ready, Cause::default()), (CredentialsRead, call("c-2"))]);
    assert_eq!((again.update_time, again.generation), (at(8), 1));
}

#[test]
fn a_failed_update_leaves_a_store_that_sold_to_the_next_probe() {
    let new = fixture::store("store-a");
    assert_eq!(new.given_up(at(1)).map(|store| store.state), Some(State::Failed));
    let ready = new.after(Event::Converged, at(1)).expect("legal");
    assert_eq!(ready.given_up(at(2)), None);
    let updating = ready.after(Event::UpdateRequested, at(2)).expect("legal");
    let kept = updating.given_up(at(3)).expect("given up");
    assert_eq!((kept.state, kept.observed_generation), (State::Degraded, 2));
    // Never READY: nothing sells.
    let failed = new.given_up(at(1)).expect("given up");
    let updating = failed.after(Event::UpdateRequested, at(2)).expect("legal");
    assert_eq!(updating.given_up(at(3)).map(|store| store.state), Some(State::Failed));
    // A store that was suspended sells nothing until it is resumed.
    let resuming = Store { state: State::Resuming, ..ready };
    assert_eq!(resuming.given_up(at(3)).map(|store| store.state), Some(State::Failed));
}

#[test]
fn an_intent_to_change_begins_with_all_steps_pending() {
    let ready = fixture::store("store-a").after(Event::Converged, at(1)).expect("legal");
    let suspended = Store { state: State::Suspended, ..ready.clone() };
    for (store, event) in [(&ready, Event::UpdateRequested), (&suspended, Event::ResumeRequested)] {
        let next = store.after(event, at(2)).expect("legal");
        let pending: Vec<_> = fixture::PIPELINE.names().map(Step::pending).collect();
        assert_eq!(next.steps, pending, "{event:?}");
    }
}

#[test]
fn a_deletion_that_can_be_taken_back_leaves_no_trace_but_in_the_history() {
    let ready = fixture::store("store-a").after(Event::Converged, at(1)).expect("legal");
    let retaining = ready.retained_until(at(99), at(2)).expect("legal");
    assert_eq!(
        (retaining.state, retaining.purge_time, retaining.delete_time),
        (State::Retaining, Some(at(99)), Some(at(2)))
    );
    let again = retaining.retained_until(at(50), at(3)).expect("legal");
    assert_eq!((again.purge_time, again.delete_time), (Some(at(99)), Some(at(2))), "never sooner");
    let retained = again.after(Event::Slept, at(4)).expect("legal");
    assert_eq!((retained.state, retained.purge_time), (State::Retained, Some(at(99))));
    let back = retained.after(Event::UndeleteRequested, at(5)).expect("legal").with_steps_of(fixture::PIPELINE);
    assert_eq!((back.state, back.purge_time, back.delete_time), (State::Resuming, None, None));
    assert_eq!(back.steps, fixture::store("store-a").steps);
    let purged = retained.after(Event::DeleteRequested, at(99)).expect("legal");
    assert_eq!((purged.state, purged.purge_time, purged.delete_time), (State::Deleting, None, Some(at(2))));
    assert!(fixture::store("store-a").retained_until(at(99), at(2)).is_err(), "never READY");
}

#[test]
fn a_suspension_has_one_step_and_is_in_the_history() {
    let ready = fixture::store("store-a").after(Event::Converged, at(1)).expect("legal");
    let suspending = ready.after(Event::SuspendRequested, at(2)).expect("legal");
    assert_eq!(suspending.steps, [Step::pending(StepName::SUSPENSION)]);
    let suspended = suspending.after(Event::Slept, at(3)).expect("legal");
    assert_eq!(suspended.steps[0].state, StepState::Succeeded);
    assert_eq!((suspended.generation, suspended.observed_generation, suspended.ready_time), (2, 2, Some(at(1))));
    let resuming = suspended.after(Event::ResumeRequested, at(4)).expect("legal").with_steps_of(fixture::PIPELINE);
    assert_eq!(resuming.steps, fixture::store("store-a").steps);
    let events: Vec<_> = resuming.history.entries().iter().map(|entry| entry.what).collect();
    use Happening::{Created, Ready, ResumeRequested, SuspendRequested};
    assert_eq!(events, [Created, Ready, SuspendRequested, ResumeRequested]);
}

#[test]
fn an_intent_raises_the_generation_and_ready_is_never_older_than_it() {
    let ready = fixture::store("store-a").after(Event::Converged, at(5)).expect("legal");
    assert_eq!((ready.generation, ready.observed_generation, ready.ready_time), (1, 1, Some(at(5))));
    let updating = ready.after(Event::UpdateRequested, at(6)).expect("legal");
    assert_eq!((updating.generation, updating.observed_generation), (2, 1));
    let deleting = updating.after(Event::DeleteRequested, at(7)).expect("legal");
    assert_eq!((deleting.generation, deleting.delete_time), (3, Some(at(7))));
    assert_eq!(deleting.steps.len(), 1);
    let told: Vec<_> = deleting.history.entries().iter().map(|entry| (entry.what, entry.time)).collect();
    use Happening::{Created, DeleteRequested, Ready, UpdateRequested};
    assert_eq!(told, [(Created, at(0)), (Ready, at(5)), (UpdateRequested, at(6)), (DeleteRequested, at(7))]);
    let gone = deleting.after(Event::Removed, at(8)).expect("legal");
    assert_eq!((gone.state, gone.steps[0].state), (State::Deleted, StepState::Succeeded));
}
