//! Delete: accepts an intent that nothing can take back.

use std::time::SystemTime;

use sendstores_core::{Cause, Event, Scope, State, Store, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::By,
    convert,
    create::digest,
    intent::{Fields, Intent},
    parse::Violations,
    status::Refusal,
};

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_delete(
        &self,
        request: wire::DeleteRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::DeleteResponse, Refusal> {
        let intent = parse_delete(request, scope)?;
        let store = match self.intend(&intent, scope, &by, |store| deleting(store, by.cause.clone())).await {
            Ok(store) => Some(convert::store(&store, self.engines())),
            Err(Refusal::StoreNotFound(_)) if intent.allow_missing => None,
            Err(refusal) => return Err(refusal),
        };
        Ok(wire::DeleteResponse { store })
    }
}

/// The store on its way out; `None` where it is already.
fn deleting(store: &Store, cause: Cause) -> Result<Option<Store>, Refusal> {
    if store.state == State::Deleting {
        return Ok(None);
    }
    let deleting = store.after(Event::DeleteRequested, SystemTime::now().into()).map_err(|error| {
        tracing::error!(%error, store = %store.id, "delete is possible in every state but DELETED");
        Refusal::Internal
    })?;
    Ok(Some(deleting.by(cause)))
}

fn parse_delete(request: wire::DeleteRequest, scope: &Scope) -> Result<Intent, Refusal> {
    let body = wire::DeleteRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("delete", &body);
    let wire::DeleteRequest { id, request_id, etag, allow_missing, validate_only } = request;
    let mut violations = Violations::default();
    let fields = Fields { id: &id, request_id: &request_id, etag, allow_missing, validate_only, digest };
    let intent = fields.parse(&mut violations, scope);
    violations.finish(intent)
}
