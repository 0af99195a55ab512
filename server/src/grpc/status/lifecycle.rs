//! Why the state of a store, or its protection, does not allow what a caller asks for.

use std::collections::HashMap;

use sendstores_core::{Event, State, StoreId};
use tonic::Code;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) enum Forbidden {
    /// The state does not allow what the event asks for.
    State {
        id: StoreId,
        state: State,
        event: Event,
    },
    Protected(StoreId),
    NotDeleted(StoreId),
}

// === impl Forbidden ===

impl Forbidden {
    pub(super) fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::State { .. } => (Code::FailedPrecondition, "STATE_FORBIDS"),
            Self::Protected(_) => (Code::FailedPrecondition, "DELETION_PROTECTED"),
            Self::NotDeleted(_) => (Code::AlreadyExists, "NOT_DELETED"),
        }
    }

    /// What is not possible, why, and what is.
    pub(super) fn message(&self) -> String {
        match self {
            Self::State { id, state, event } => by_state(id, *state, *event),
            Self::Protected(id) => format!(
                "store {id} is protected from deletion; a caller that may update it takes the protection off \
                 (sendstores update {id} --deletion-protection=false)"
            ),
            Self::NotDeleted(id) => format!("the deletion of store {id} was not asked for"),
        }
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let state = match self {
            Self::State { state, .. } => Some(("state", state.to_string())),
            Self::Protected(_) | Self::NotDeleted(_) => None,
        };
        let pairs = [("store_id", self.id().to_string())].into_iter().chain(state);
        pairs.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The store that it is about.
    pub(super) fn id(&self) -> &StoreId {
        match self {
            Self::State { id, .. } | Self::Protected(id) | Self::NotDeleted(id) => id,
        }
    }
}

fn by_state(id: &StoreId, state: State, event: Event) -> String {
    let (verb, wanted) = match event {
        Event::SuspendRequested => ("suspended", "READY or DEGRADED"),
        Event::ResumeRequested => ("resumed", "SUSPENDING or SUSPENDED"),
        Event::UndeleteRequested => ("undeleted", "RETAINING or RETAINED"),
        _ => ("updated", "not being deleted"),
    };
    let then = match state {
        State::Ready | State::Degraded if event == Event::ResumeRequested => "it runs already",
        State::Provisioning | State::Updating | State::Resuming => "wait until it is READY, then try again",
        State::Failed => "its failure says why it does not go on",
        State::Retaining | State::Retained => "undelete it first",
        State::Deleting => "it is being removed, which cannot be undone",
        _ => "its state says what it is doing",
    };
    format!("store {id} is {state}, and only a store that is {wanted} can be {verb}: {then}")
}
