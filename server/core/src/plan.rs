//! What to do next for one store: a pure function of intent, observation and time.

use crate::{
    evidence::Evidence,
    observed::{Observed, Progress, Remains, Seen},
    state::State,
    step::StepName,
    store::Store,
    time::Timestamp,
};

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
    /// The shop does not sell any more: record it.
    Degrade(Vec<Evidence>),
    /// Look at what is left of a store that is being deleted.
    ObserveRemains,
    /// Ask the cluster to remove everything. Safe to do again.
    Remove,
    /// Wait for the cluster to remove it.
    AwaitRemoval,
    /// Nothing is left: record it.
    Bury,
    /// Nothing to do before this time, or before something changes.
    Rest(Option<Timestamp>),
}

/// Decides. Whoever carries the action out notes what came of it in `observed` and asks again.
pub fn plan(store: &Store, observed: &Observed, now: Timestamp) -> Action {
    if let Some(later) = held_back(store, now) {
        return Action::Rest(later);
    }
    match store.state {
        State::Provisioning | State::Updating | State::Resuming => toward_ready(store, observed),
        State::Ready | State::Degraded => keep_ready(store, observed),
        State::Deleting => toward_nothing(observed),
        // Suspending has its place here once stores can sleep; no caller can ask for it yet.
        State::Suspending | State::Suspended | State::Failed | State::Deleted => Action::Rest(None),
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
    for step in StepName::PROVISIONING {
        match observed.step(step) {
            Seen::Unknown => return Action::Observe(step),
            Seen::Absent | Seen::Known(Progress::Partial(_)) => return Action::Ensure(step),
            Seen::Known(Progress::Waiting(_) | Progress::Failing(_)) => return Action::Await(step),
            Seen::Known(Progress::Done(evidence)) if step == StepName::Storefront => return converge(store, evidence),
            Seen::Known(Progress::Done(_)) => {}
        }
    }
    Action::Rest(None)
}

fn converge(store: &Store, evidence: &[Evidence]) -> Action {
    match store.state {
        State::Ready => Action::Rest(None),
        _ => Action::Converge(evidence.to_vec()),
    }
}

/// A store that was READY is probed; only what the probe finds decides.
fn keep_ready(store: &Store, observed: &Observed) -> Action {
    match observed.step(StepName::Storefront) {
        Seen::Unknown => Action::Observe(StepName::Storefront),
        Seen::Known(Progress::Done(evidence)) => converge(store, evidence),
        Seen::Known(Progress::Failing(evidence)) if store.state == State::Ready => Action::Degrade(evidence.clone()),
        Seen::Known(Progress::Failing(_)) => Action::Rest(None),
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

fn toward_nothing(observed: &Observed) -> Action {
    match observed.remains {
        Seen::Unknown => Action::ObserveRemains,
        Seen::Known(Remains::Untouched) => Action::Remove,
        Seen::Known(Remains::Going(_)) => Action::AwaitRemoval,
        Seen::Absent => Action::Bury,
    }
}
