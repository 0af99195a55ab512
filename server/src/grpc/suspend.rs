//! Suspend and Resume: a store that rests, with its data and its address kept.

use std::time::SystemTime;

use sendstores_core::{Cause, Event, Scope, State, Store, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::By,
    convert,
    create::digest,
    intent::{Fields, Intent},
    status::{Forbidden, Refusal},
};

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_suspend(
        &self,
        request: wire::SuspendRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::SuspendResponse, Refusal> {
        let intent = parse_suspend(request, scope)?;
        let store = self.intend(&intent, scope, &by, |store| suspending(store, by.cause.clone())).await?;
        Ok(wire::SuspendResponse { store: Some(convert::store(&store, self.engines())) })
    }

    pub(super) async fn handle_resume(
        &self,
        request: wire::ResumeRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::ResumeResponse, Refusal> {
        let intent = parse_resume(request, scope)?;
        let resuming = |store: &Store| {
            let next = resuming(store, by.cause.clone())?;
            Ok(next.map(|next| next.with_steps_of(self.engines().pipeline(store.spec.engine))))
        };
        let store = self.intend(&intent, scope, &by, resuming).await?;
        Ok(wire::ResumeResponse { store: Some(convert::store(&store, self.engines())) })
    }
}

/// The store on its way to rest; `None` where it rests or is on its way already.
fn suspending(store: &Store, cause: Cause) -> Result<Option<Store>, Refusal> {
    match store.state {
        State::Suspending | State::Suspended => Ok(None),
        _ => after(store, Event::SuspendRequested, cause).map(Some),
    }
}

/// The store on its way back; `None` where it is already.
fn resuming(store: &Store, cause: Cause) -> Result<Option<Store>, Refusal> {
    match store.state {
        State::Resuming => Ok(None),
        _ => after(store, Event::ResumeRequested, cause).map(Some),
    }
}

/// The store after `event`, if its state allows that.
pub(super) fn after(store: &Store, event: Event, cause: Cause) -> Result<Store, Refusal> {
    let next = store.after(event, SystemTime::now().into()).map_err(|_| forbids(store, event))?;
    Ok(next.by(cause))
}

/// Why `event` is not possible: for good, or for as long as an operation is under way.
pub(super) fn forbids(store: &Store, event: Event) -> Forbidden {
    match store.under_way().filter(|_| store.blocks(event)) {
        Some(operation) => Forbidden::InProgress {
            id: store.id.clone(),
            state: store.state,
            operation: operation.id.clone(),
            kind: operation.kind,
        },
        None => Forbidden::State { id: store.id.clone(), state: store.state, event },
    }
}

fn parse_suspend(request: wire::SuspendRequest, scope: &Scope) -> Result<Intent, Refusal> {
    let body = wire::SuspendRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("suspend", &body);
    let wire::SuspendRequest { id, request_id, etag, validate_only } = request;
    Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest }.alone(scope)
}

fn parse_resume(request: wire::ResumeRequest, scope: &Scope) -> Result<Intent, Refusal> {
    let body = wire::ResumeRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("resume", &body);
    let wire::ResumeRequest { id, request_id, etag, validate_only } = request;
    Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest }.alone(scope)
}
