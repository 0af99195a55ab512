//! Delete, and Undelete where a deleted store is kept for a time.

use std::time::{Duration, SystemTime};

use sendstores_core::{Cause, Event, FailureReason, Scope, State, Store, Timestamp, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::By,
    convert,
    create::digest,
    intent::{Fields, Intent},
    status::{Forbidden, Refusal},
    suspend::after,
};

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_delete(
        &self,
        request: wire::DeleteRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::DeleteResponse, Refusal> {
        let force = request.force;
        let intent = parse_delete(request, scope)?;
        let window = if force { Duration::ZERO } else { self.deletion_window() };
        let deleting = |store: &Store| deleting(store, window, force, by.cause.clone());
        let store = match self.intend(&intent, scope, &by, deleting).await {
            Ok(store) => Some(convert::store(&store, self.engines())),
            Err(Refusal::StoreNotFound(_)) if intent.allow_missing => None,
            Err(refusal) => return Err(refusal),
        };
        Ok(wire::DeleteResponse { store })
    }

    pub(super) async fn handle_undelete(
        &self,
        request: wire::UndeleteRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::UndeleteResponse, Refusal> {
        let body = wire::UndeleteRequest { request_id: String::new(), validate_only: false, ..request.clone() };
        let digest = digest("undelete", &body);
        let wire::UndeleteRequest { id, request_id, etag, validate_only } = request;
        let fields = Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest };
        let intent = fields.alone(scope)?;
        let undeleted = |store: &Store| match store.state {
            state if !state.is_going() => Err(Forbidden::NotDeleted(store.id.clone()).into()),
            _ => {
                let next = after(store, Event::UndeleteRequested, by.cause.clone())?;
                Ok(Some(next.with_steps_of(self.engines().pipeline(store.spec.engine))))
            }
        };
        let store = self.intend(&intent, scope, &by, undeleted).await?;
        Ok(wire::UndeleteResponse { store: Some(convert::store(&store, self.engines())) })
    }
}

/// The store on its way out; `None` where it is already.
fn deleting(store: &Store, window: Duration, force: bool, cause: Cause) -> Result<Option<Store>, Refusal> {
    match store.state {
        State::Deleting => return Ok(None),
        State::Retaining | State::Retained if !force => return Ok(None),
        _ if store.spec.deletion_protection => return Err(Forbidden::Protected(store.id.clone()).into()),
        _ => {}
    }
    let now = Timestamp::from(SystemTime::now());
    let next = match window.is_zero() || !has_something_to_keep(store) {
        true => store.after(Event::DeleteRequested, now),
        false => store.retained_until(now.after(window), now),
    };
    let next = next.map_err(|error| {
        tracing::error!(%error, store = %store.id, "delete is possible in every state but DELETED");
        Refusal::Internal
    })?;
    Ok(Some(next.by(cause)))
}

fn has_something_to_keep(store: &Store) -> bool {
    let is_missing = store.failure.as_ref().is_some_and(|failure| failure.reason == FailureReason::NamespaceMissing);
    store.ready_time.is_some() && store.state != State::Provisioning && !is_missing
}

fn parse_delete(request: wire::DeleteRequest, scope: &Scope) -> Result<Intent, Refusal> {
    let body = wire::DeleteRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("delete", &body);
    let wire::DeleteRequest { id, request_id, etag, allow_missing, validate_only, force: _ } = request;
    Fields { id: &id, request_id: &request_id, etag, allow_missing, validate_only, digest }.alone(scope)
}
