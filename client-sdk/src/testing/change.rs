//! Changes of a store's state that a caller asks for.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use tonic::{Code, Status};

use super::{
    memory::Memory,
    parse::Violations,
    refusal::{about, bad_text, not_found},
    registry::Call,
};
use crate::v1::{
    Operation, Step, Store, Volumes,
    operation::{Kind, State as OperationState},
    step,
    store::State,
};

/// What a request asks for.
pub(super) struct Change {
    pub(super) id: String,
    pub(super) request_id: String,
    pub(super) etag: String,
    pub(super) validate_only: bool,
    /// Tells its body from another.
    pub(super) made: String,
}

/// Why a change is not possible.
#[derive(Clone, Copy)]
pub(super) enum Forbidden {
    /// In which states it is.
    In(&'static str),
    NotDeleted,
    Protected,
    /// Its operation has to end first.
    InProgress,
    NotCancellable(&'static str),
    /// The volume of this field would be smaller.
    Shrink(&'static str),
}

// === impl Forbidden ===

impl Forbidden {
    pub(super) fn of(self, store: &Store) -> Status {
        let (id, state) = (store.id.as_str(), store.state().as_str_name().trim_start_matches("STATE_"));
        match self {
            Self::In(wanted) => {
                let message = format!("store {id} is {state}, and only a store that is {wanted} can change so");
                about(Code::FailedPrecondition, "STATE_FORBIDS", &message, &[("store_id", id), ("state", state)])
            }
            Self::NotDeleted => {
                let message = format!("the deletion of store {id} was not asked for");
                about(Code::AlreadyExists, "NOT_DELETED", &message, &[("store_id", id)])
            }
            Self::InProgress => {
                let operation = store.operation.clone().unwrap_or_default();
                let kind = operation.kind().as_str_name().trim_start_matches("KIND_");
                let message =
                    format!("store {id} is {state}, and its operation {} ({kind}) has to end first", operation.id);
                let metadata = [("store_id", id), ("state", state), ("operation", &operation.id), ("kind", kind)];
                about(Code::Aborted, "OPERATION_IN_PROGRESS", &message, &metadata)
            }
            Self::NotCancellable(why) => {
                let message = format!("nothing of store {id} can be cancelled: {why}");
                about(Code::FailedPrecondition, "NOT_CANCELLABLE", &message, &[("store_id", id)])
            }
            Self::Shrink(field) => {
                bad_text("INVALID_FIELD", field, "the volume is larger already, and no volume shrinks")
            }
            Self::Protected => {
                let message = format!("store {id} is protected from deletion");
                about(Code::FailedPrecondition, "DELETION_PROTECTED", &message, &[("store_id", id)])
            }
        }
    }
}

/// Makes the change of `next`, once a request id. `next` says whether it changed the store, or why it cannot.
pub(super) fn change(
    memory: &Memory,
    call: Call,
    change: &Change,
    next: impl Fn(&mut Store) -> Result<bool, Forbidden>,
) -> Result<Store, Status> {
    let Change { id, request_id, etag, validate_only, made } = change;
    let mut violations = Violations::default();
    violations.id("id", id);
    violations.finish()?;
    let _alone = memory.exclusive();
    if let Some(Some(store)) = memory.answered(request_id, made)? {
        return Ok(store);
    }
    let mut store = memory.get(id).ok_or_else(|| not_found(id))?;
    if !etag.is_empty() && *etag != store.etag {
        let message = format!("store {id} has changed since the given etag; read it again");
        return Err(about(Code::Aborted, "ETAG_MISMATCH", &message, &[("store_id", id)]));
    }
    let changed = next(&mut store).map_err(|why| why.of(&store))?;
    if *validate_only {
        return Ok(store);
    }
    if changed {
        let again = |live: &mut Store| {
            let _changed = next(live);
        };
        store = memory.update(id, again).ok_or_else(|| not_found(id))?;
    }
    if changed || !request_id.is_empty() {
        memory.registry.enter(call, &store.id, &store.uid, std::slice::from_ref(&store.tenant));
    }
    memory.remember(request_id.clone(), made.clone(), Some(store.clone()));
    Ok(store)
}

pub(super) fn suspend(store: &mut Store) -> Result<bool, Forbidden> {
    match store.state() {
        State::Suspending | State::Suspended => Ok(false),
        State::Ready | State::Degraded => {
            begin(store, State::Suspending);
            operate(store, Kind::Suspend);
            rest(store);
            Ok(true)
        }
        State::Updating | State::Resuming => Err(Forbidden::InProgress),
        _ => Err(Forbidden::In("READY or DEGRADED")),
    }
}

pub(super) fn resume(store: &mut Store) -> Result<bool, Forbidden> {
    match store.state() {
        State::Resuming => Ok(false),
        State::Suspending | State::Suspended => {
            begin(store, State::Resuming);
            operate(store, Kind::Resume);
            store.steps.clear();
            Ok(true)
        }
        _ => Err(Forbidden::In("SUSPENDING or SUSPENDED")),
    }
}

pub(super) fn undelete(store: &mut Store) -> Result<bool, Forbidden> {
    match store.state() {
        State::Retaining | State::Retained => {
            begin(store, State::Resuming);
            operate(store, Kind::Resume);
            store.steps.clear();
            (store.delete_time, store.purge_time) = (None, None);
            Ok(true)
        }
        State::Deleting => Err(Forbidden::In("RETAINING or RETAINED")),
        _ => Err(Forbidden::NotDeleted),
    }
}

/// `window`: how long the store is kept.
pub(super) fn delete(store: &mut Store, window: Duration, force: bool) -> Result<bool, Forbidden> {
    match store.state() {
        State::Deleting => return Ok(false),
        State::Retaining | State::Retained if !force => return Ok(false),
        _ if store.spec.as_ref().is_some_and(|spec| spec.deletion_protection) => return Err(Forbidden::Protected),
        _ => {}
    }
    if force || window.is_zero() || store.ready_time.is_none() {
        begin(store, State::Deleting);
        store.purge_time = None;
    } else {
        begin(store, State::Retaining);
        operate(store, Kind::Retain);
        rest(store);
        store.purge_time = Some((SystemTime::now() + window).into());
    }
    store.delete_time.get_or_insert_with(|| SystemTime::now().into());
    Ok(true)
}

/// Changes what needs no work in a cluster.
pub(super) fn amend(
    store: &mut Store,
    protection: Option<bool>,
    labels: Option<&BTreeMap<String, String>>,
) -> Result<bool, Forbidden> {
    if matches!(store.state(), State::Retaining | State::Retained | State::Deleting) {
        return Err(Forbidden::In("not being deleted"));
    }
    let spec = store.spec.get_or_insert_default();
    let protected = protection.filter(|wanted| *wanted != spec.deletion_protection);
    let labelled = labels.filter(|wanted| **wanted != store.labels);
    if protected.is_none() && labelled.is_none() {
        return Ok(false);
    }
    spec.deletion_protection = protected.unwrap_or(spec.deletion_protection);
    if let Some(labels) = labelled {
        store.labels.clone_from(labels);
    }
    store.generation += 1;
    Ok(true)
}

/// Has the store be made from `release`.
pub(super) fn update(store: &mut Store, release: &str) -> Result<bool, Forbidden> {
    let state = match store.state() {
        State::Retaining | State::Retained | State::Deleting => return Err(Forbidden::In("not being deleted")),
        State::Suspending | State::Resuming => return Err(Forbidden::InProgress),
        state @ (State::Provisioning | State::Suspended) => state,
        _ => State::Updating,
    };
    let failed = |operation: &Operation| {
        matches!(operation.state(), OperationState::RolledBack | OperationState::Cancelled | OperationState::Failed)
    };
    let goes_on = store.state() != State::Failed && !store.operation.as_ref().is_some_and(failed);
    let spec = store.spec.get_or_insert_default();
    if spec.release == release && goes_on {
        return Ok(false);
    }
    let from = std::mem::replace(&mut spec.release, release.to_owned());
    begin(store, state);
    operate(store, Kind::Update);
    if let Some(operation) = &mut store.operation {
        (operation.from_release, operation.to_release) = (from, release.to_owned());
        operation.cancellable = state != State::Provisioning;
        if state == State::Suspended {
            operation.set_state(OperationState::Queued);
            operation.start_time = None;
        }
    }
    Ok(true)
}

/// Has the volumes grow to these sizes. One of 0 stays as it is.
pub(super) fn resize(store: &mut Store, sizes: Volumes) -> Result<bool, Forbidden> {
    let before = store.spec.as_ref().and_then(|spec| spec.volumes).unwrap_or_default();
    let over = |size: i32, before: i32| if size == 0 { before } else { size };
    let volumes = Volumes {
        database_gib: over(sizes.database_gib, before.database_gib),
        content_gib: over(sizes.content_gib, before.content_gib),
    };
    if volumes == before {
        return Ok(false);
    }
    for (field, size, before) in [
        ("spec.volumes.database_gib", volumes.database_gib, before.database_gib),
        ("spec.volumes.content_gib", volumes.content_gib, before.content_gib),
    ] {
        if size < before {
            return Err(Forbidden::Shrink(field));
        }
    }
    match store.state() {
        State::Suspending | State::Resuming => return Err(Forbidden::InProgress),
        State::Ready | State::Degraded | State::Updating => {}
        State::Failed if store.ready_time.is_some() => {}
        _ => return Err(Forbidden::In("running and was READY once")),
    }
    let moves = store.operation.clone().filter(|last| last.end_time.is_none() && !last.to_release.is_empty());
    store.spec.get_or_insert_default().volumes = Some(volumes);
    begin(store, State::Updating);
    operate(store, if moves.is_some() { Kind::Update } else { Kind::Resize });
    if let (Some(operation), Some(moves)) = (&mut store.operation, moves) {
        (operation.from_release, operation.to_release) = (moves.from_release, moves.to_release);
        operation.cancellable = true;
    }
    Ok(true)
}

/// Begins the last operation again.
pub(super) fn retry(store: &mut Store) -> Result<bool, Forbidden> {
    let last = store.operation.clone().unwrap_or_default();
    let not_done =
        matches!(last.state(), OperationState::RolledBack | OperationState::Cancelled | OperationState::Failed);
    let state = match (store.state(), last.kind()) {
        (State::Provisioning | State::Updating | State::Suspending | State::Resuming, _) => return Ok(false),
        (State::Retaining | State::Deleting, _) => return Ok(false),
        (State::Failed, _) if store.ready_time.is_none() => {
            begin(store, State::Provisioning);
            store.operation = None;
            return Ok(true);
        }
        (State::Failed, Kind::Suspend) => State::Suspending,
        (State::Failed, Kind::Resume) => State::Resuming,
        (State::Failed, Kind::Retain) => State::Retaining,
        (State::Failed, _) => State::Updating,
        (State::Ready | State::Degraded, Kind::Update | Kind::Resize) if not_done => State::Updating,
        _ => return Err(Forbidden::In("FAILED, or whose last update was rolled back or cancelled,")),
    };
    begin(store, state);
    operate(store, if last.kind() == Kind::Unspecified { Kind::Update } else { last.kind() });
    if let Some(operation) = &mut store.operation {
        (operation.from_release, operation.to_release) = (last.from_release, last.to_release);
        operation.cancellable = state == State::Updating;
    }
    Ok(true)
}

/// Calls the operation off that is meant, or whichever is under way.
pub(super) fn cancel(store: &mut Store, meant: &str) -> Result<bool, Forbidden> {
    let Some(operation) = &mut store.operation else {
        return Err(Forbidden::NotCancellable("no operation is under way"));
    };
    if !meant.is_empty() && operation.id != meant {
        return Err(Forbidden::NotCancellable("another operation was asked for since"));
    }
    match (operation.kind(), operation.state()) {
        (Kind::Update, OperationState::RollingBack) => return Ok(false),
        (Kind::Update, OperationState::Cancelled) if !meant.is_empty() => return Ok(false),
        (Kind::Update, OperationState::Running) => operation.set_state(OperationState::RollingBack),
        (Kind::Update, OperationState::Queued) => {
            operation.set_state(OperationState::Cancelled);
            operation.end_time = Some(SystemTime::now().into());
        }
        (_, OperationState::Running) => return Err(Forbidden::NotCancellable("it is not an update")),
        _ => return Err(Forbidden::NotCancellable("no operation is under way")),
    }
    operation.cancellable = operation.state() == OperationState::RollingBack;
    store.generation += 1;
    Ok(true)
}

/// Ends the operation that runs: as `state`, or as what was brought back.
pub(super) fn end(store: &mut Store, state: OperationState) {
    let (failure, now) = (store.failure.clone(), store.update_time);
    let Some(operation) = &mut store.operation else { return };
    let state = match (operation.state(), state) {
        (OperationState::RollingBack, OperationState::Succeeded) if operation.failure.is_some() => {
            OperationState::RolledBack
        }
        (OperationState::RollingBack, OperationState::Succeeded) => OperationState::Cancelled,
        (OperationState::Running | OperationState::RollingBack, state) => state,
        _ => return,
    };
    operation.set_state(state);
    operation.failure = operation.failure.take().or(failure);
    (operation.end_time, operation.cancellable) = (now, false);
}

/// Begins an operation of this kind with the intent that was just accepted.
fn operate(store: &mut Store, kind: Kind) {
    let now = Some(SystemTime::now().into());
    let mut operation = Operation {
        id: format!("op-{}", store.generation),
        generation: store.generation,
        create_time: now,
        start_time: now,
        ..Operation::default()
    };
    operation.set_kind(kind);
    operation.set_state(OperationState::Running);
    store.operation = Some(operation);
}

fn rest(store: &mut Store) {
    let mut step = Step { name: "suspension".to_owned(), ..Step::default() };
    step.set_state(step::State::Pending);
    store.steps = vec![step];
}

fn begin(store: &mut Store, state: State) {
    store.generation += 1;
    store.failure = None;
    store.set_state(state);
}
