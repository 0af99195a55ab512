//! What is said where the state of a store does not allow what a caller asks for.

use sendstores_core::{Event, State, StoreId};

/// What is not possible, why, and what is.
pub(super) fn forbidden(id: &StoreId, state: State, event: Event) -> String {
    let (verb, wanted) = match event {
        Event::SuspendRequested => ("suspended", "READY or DEGRADED"),
        Event::ResumeRequested => ("resumed", "SUSPENDING or SUSPENDED"),
        _ => ("changed", "in another state"),
    };
    let then = match state {
        State::Ready | State::Degraded if event == Event::ResumeRequested => "it runs already",
        State::Provisioning | State::Updating | State::Resuming => "wait until it is READY, then try again",
        State::Failed => "its failure says why it does not go on",
        State::Deleting => "it is being deleted",
        _ => "its state says what it is doing",
    };
    format!("store {id} is {state}, and only a store that is {wanted} can be {verb}: {then}")
}
