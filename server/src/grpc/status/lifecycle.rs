//! Why the state of a store, or its protection, does not allow what a caller asks for.

use std::collections::HashMap;

use sendstores_core::{
    Event, OperationId, OperationKind, ReleaseName, State, StoreId, store::NotCancellable, volumes::CannotGrow,
};
use tonic::Code;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) enum Forbidden {
    /// The state does not allow what the event asks for.
    State {
        id: StoreId,
        state: State,
        event: Event,
    },
    /// An operation has to end first.
    InProgress {
        id: StoreId,
        state: State,
        operation: OperationId,
        kind: OperationKind,
    },
    /// There is no operation to begin again.
    NothingFailed {
        id: StoreId,
        state: State,
    },
    NotCancellable {
        id: StoreId,
        why: NotCancellable,
    },
    /// The last operation of the store is not the one that was meant.
    AnotherOperation {
        id: StoreId,
        meant: OperationId,
    },
    /// A part of the release is older than what the store runs.
    Downgrade {
        id: StoreId,
        release: ReleaseName,
    },
    /// Its volumes cannot grow while it does not run.
    NotRunning {
        id: StoreId,
        state: State,
    },
    /// The cluster does not let its volumes grow.
    CannotExpand {
        id: StoreId,
        why: CannotGrow,
    },
    Protected(StoreId),
    NotDeleted(StoreId),
}

// === impl Forbidden ===

impl Forbidden {
    pub(super) fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::State { .. } | Self::NothingFailed { .. } | Self::NotRunning { .. } => {
                (Code::FailedPrecondition, "STATE_FORBIDS")
            }
            Self::CannotExpand { .. } => (Code::FailedPrecondition, "CANNOT_EXPAND"),
            Self::Downgrade { .. } => (Code::FailedPrecondition, "RELEASE_DOWNGRADE"),
            Self::InProgress { .. } => (Code::Aborted, "OPERATION_IN_PROGRESS"),
            Self::NotCancellable { .. } | Self::AnotherOperation { .. } => {
                (Code::FailedPrecondition, "NOT_CANCELLABLE")
            }
            Self::Protected(_) => (Code::FailedPrecondition, "DELETION_PROTECTED"),
            Self::NotDeleted(_) => (Code::AlreadyExists, "NOT_DELETED"),
        }
    }

    /// What is not possible, why, and what is.
    pub(super) fn message(&self) -> String {
        match self {
            Self::State { id, state, event } => by_state(id, *state, *event),
            Self::InProgress { id, state, operation, kind } => {
                let what = kind.as_str();
                format!(
                    "store {id} is {state}, and its operation {operation} ({what}) has to end first; then try again"
                )
            }
            Self::NothingFailed { id, state } => format!(
                "store {id} is {state}, and only a store that is FAILED, or whose last update was rolled back or cancelled, has \
                 something to try again"
            ),
            Self::Downgrade { id, release } => {
                format!(
                    "store {id} runs newer software than {release} has, and no database goes back to an older version"
                )
            }
            Self::NotRunning { id, state } => format!(
                "store {id} is {state}, and volumes grow while a store runs that was READY once: try again when it does"
            ),
            Self::CannotExpand { id, why } => cannot_expand(id, why),
            Self::NotCancellable { id, why } => not_cancellable(id, *why),
            Self::AnotherOperation { id, meant } => {
                format!("{meant} is not the last operation of store {id}: another one was asked for since, or none")
            }
            Self::Protected(id) => format!(
                "store {id} is protected from deletion; a caller that may update it takes the protection off \
                 (sendstores update {id} --deletion-protection=false)"
            ),
            Self::NotDeleted(id) => format!("the deletion of store {id} was not asked for"),
        }
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let more = match self {
            Self::State { state, .. } | Self::NothingFailed { state, .. } | Self::NotRunning { state, .. } => {
                vec![("state", state.to_string())]
            }
            Self::CannotExpand { why: CannotGrow::Class { role, class }, .. } => {
                vec![("volume", role.as_str().to_owned()), ("storage_class", class.clone())]
            }
            Self::CannotExpand { .. } => Vec::new(),
            Self::InProgress { state, operation, kind, .. } => {
                let kind = kind.as_str().to_owned();
                vec![("state", state.to_string()), ("operation", operation.to_string()), ("kind", kind)]
            }
            Self::AnotherOperation { meant, .. } => vec![("operation", meant.to_string())],
            Self::Downgrade { release, .. } => vec![("release", release.to_string())],
            Self::NotCancellable { .. } | Self::Protected(_) | Self::NotDeleted(_) => Vec::new(),
        };
        let pairs = [("store_id", self.id().to_string())].into_iter().chain(more);
        pairs.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The store that it is about.
    pub(super) fn id(&self) -> &StoreId {
        match self {
            Self::State { id, .. } | Self::InProgress { id, .. } | Self::NothingFailed { id, .. } => id,
            Self::Downgrade { id, .. } | Self::NotRunning { id, .. } | Self::CannotExpand { id, .. } => id,
            Self::NotCancellable { id, .. } | Self::AnotherOperation { id, .. } => id,
            Self::Protected(id) | Self::NotDeleted(id) => id,
        }
    }
}

fn cannot_expand(id: &StoreId, why: &CannotGrow) -> String {
    match why {
        CannotGrow::Class { role, class } if class.is_empty() => {
            format!("the {} volume of store {id} has no StorageClass, and cannot grow", role.as_str())
        }
        CannotGrow::Class { role, class } => format!(
            "the {} volume of store {id} is of the StorageClass {class}, which does not let volumes grow \
             (allowVolumeExpansion)",
            role.as_str()
        ),
        CannotGrow::Quota { needed, allowed } => format!(
            "the volumes of store {id} would have {needed} GiB together, and a store may have {allowed}: an operator raises \
             the quota first (--quota requests.storage)"
        ),
        CannotGrow::Shrink { role, .. } | CannotGrow::Missing(role) => {
            format!("the {} volume of store {id} cannot grow", role.as_str())
        }
    }
}

fn not_cancellable(id: &StoreId, why: NotCancellable) -> String {
    let why = match why {
        NotCancellable::None => "no operation is under way",
        NotCancellable::Kind(OperationKind::Suspend) => "a suspension is ended by Resume",
        NotCancellable::Kind(OperationKind::Retain) => "a deletion is taken back by Undelete",
        NotCancellable::Kind(_) => "its operation is not an update, and ends by itself",
        NotCancellable::Late => "visitors are served by the new release already; the update ends in a moment",
        NotCancellable::NoWayBack => "it is not known what the store was made from before",
    };
    format!("nothing of store {id} can be cancelled: {why}")
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
        State::Failed => "its failure says why it does not go on, and RetryOperation tries again",
        State::Retaining | State::Retained => "undelete it first",
        State::Deleting => "it is being removed, which cannot be undone",
        _ => "its state says what it is doing",
    };
    format!("store {id} is {state}, and only a store that is {wanted} can be {verb}: {then}")
}
