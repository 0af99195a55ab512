//! Changes of a store's state that a caller asks for.

use std::time::{Duration, SystemTime};

use tonic::{Code, Status};

use super::{
    memory::Memory,
    parse::Violations,
    refusal::{about, not_found},
    registry::Call,
};
use crate::v1::{Step, Store, step, store::State};

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
            rest(store);
            Ok(true)
        }
        _ => Err(Forbidden::In("READY or DEGRADED")),
    }
}

pub(super) fn resume(store: &mut Store) -> Result<bool, Forbidden> {
    match store.state() {
        State::Resuming => Ok(false),
        State::Suspending | State::Suspended => {
            begin(store, State::Resuming);
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
        rest(store);
        store.purge_time = Some((SystemTime::now() + window).into());
    }
    store.delete_time.get_or_insert_with(|| SystemTime::now().into());
    Ok(true)
}

pub(super) fn protect(store: &mut Store, wanted: bool) -> Result<bool, Forbidden> {
    if matches!(store.state(), State::Retaining | State::Retained | State::Deleting) {
        return Err(Forbidden::In("not being deleted"));
    }
    let spec = store.spec.get_or_insert_default();
    if spec.deletion_protection == wanted {
        return Ok(false);
    }
    spec.deletion_protection = wanted;
    store.generation += 1;
    Ok(true)
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
