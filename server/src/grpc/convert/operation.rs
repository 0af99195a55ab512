//! An operation of a store, for the wire.

use sendstores_core::{Failure, Operation, OperationKind, OperationState, ReleaseName, Store};
use sendstores_proto::v1 as wire;

/// The operation of `store`, with its failure as `failure` has it.
pub(super) fn wire(store: &Store, failure: impl Fn(&Failure) -> wire::Failure) -> Option<wire::Operation> {
    let operation = store.operation.as_deref()?;
    let name = |name: &Option<ReleaseName>| name.as_ref().map(ToString::to_string).unwrap_or_default();
    let time = super::time;
    let Operation { id, kind, state, generation, request_id, from, to, create_time, start_time, end_time, .. } =
        operation;
    Some(wire::Operation {
        id: id.to_string(),
        kind: self::kind(*kind).into(),
        state: self::state(*state).into(),
        generation: i64::try_from(*generation).unwrap_or(i64::MAX),
        request_id: request_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        detail: operation.detail(),
        failure: operation.failure.as_deref().map(failure),
        create_time: Some(time(*create_time)),
        start_time: start_time.map(time),
        end_time: end_time.map(time),
        cancellable: store.can_cancel().is_ok(),
        from_release: name(from),
        to_release: name(to),
    })
}

fn kind(kind: OperationKind) -> wire::operation::Kind {
    use wire::operation::Kind;
    match kind {
        OperationKind::Update => Kind::Update,
        OperationKind::Suspend => Kind::Suspend,
        OperationKind::Resume => Kind::Resume,
        OperationKind::Retain => Kind::Retain,
        OperationKind::Resize => Kind::Resize,
        OperationKind::Unknown(_) => Kind::Unspecified,
    }
}

fn state(state: OperationState) -> wire::operation::State {
    use wire::operation::State;
    match state {
        OperationState::Queued => State::Queued,
        OperationState::Running => State::Running,
        OperationState::RollingBack => State::RollingBack,
        OperationState::Succeeded => State::Succeeded,
        OperationState::RolledBack => State::RolledBack,
        OperationState::Failed => State::Failed,
        OperationState::Cancelled => State::Cancelled,
        OperationState::Unknown(_) => State::Unspecified,
    }
}
