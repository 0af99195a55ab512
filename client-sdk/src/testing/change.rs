//! Changes of a store's state that a caller asks for.

use tonic::{Code, Status};

use super::{
    memory::Memory,
    parse::Violations,
    refusal::{about, not_found},
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

/// Makes the change of `next`, once a request id. `next` says whether it changed the store, or in which states it can.
pub(super) fn change(
    memory: &Memory,
    change: &Change,
    next: fn(&mut Store) -> Result<bool, &'static str>,
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
    let state = store.state().as_str_name().trim_start_matches("STATE_");
    let changed = next(&mut store).map_err(|wanted| {
        let message = format!("store {id} is {state}, and only a store that is {wanted} can change so");
        about(Code::FailedPrecondition, "STATE_FORBIDS", &message, &[("store_id", id), ("state", state)])
    })?;
    if *validate_only {
        return Ok(store);
    }
    if changed {
        let again = |live: &mut Store| {
            let _changed = next(live);
        };
        store = memory.update(id, again).ok_or_else(|| not_found(id))?;
    }
    memory.remember(request_id.clone(), made.clone(), Some(store.clone()));
    Ok(store)
}

pub(super) fn suspend(store: &mut Store) -> Result<bool, &'static str> {
    match store.state() {
        State::Suspending | State::Suspended => Ok(false),
        State::Ready | State::Degraded => {
            begin(store, State::Suspending);
            let mut step = Step { name: "suspension".to_owned(), ..Step::default() };
            step.set_state(step::State::Pending);
            store.steps = vec![step];
            Ok(true)
        }
        _ => Err("READY or DEGRADED"),
    }
}

pub(super) fn resume(store: &mut Store) -> Result<bool, &'static str> {
    match store.state() {
        State::Resuming => Ok(false),
        State::Suspending | State::Suspended => {
            begin(store, State::Resuming);
            store.steps.clear();
            Ok(true)
        }
        _ => Err("SUSPENDING or SUSPENDED"),
    }
}

fn begin(store: &mut Store, state: State) {
    store.generation += 1;
    store.failure = None;
    store.set_state(state);
}
