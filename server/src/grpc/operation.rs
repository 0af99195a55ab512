//! RetryOperation and CancelOperation: the last operation of a store begun again, and the one under way called off.

use std::time::SystemTime;

use sendstores_core::{Cause, OperationId, OperationState, Scope, Store, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::By,
    convert,
    create::digest,
    intent::{Fields, Intent},
    parse::Violations,
    status::{Forbidden, Refusal},
};

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_retry_operation(
        &self,
        request: wire::RetryOperationRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::RetryOperationResponse, Refusal> {
        let body = wire::RetryOperationRequest { request_id: String::new(), validate_only: false, ..request.clone() };
        let digest = digest("retry-operation", &body);
        let wire::RetryOperationRequest { id, request_id, etag, validate_only } = request;
        let fields = Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest };
        let intent = fields.alone(scope)?;
        let retried = |store: &Store| {
            let nothing = |_| Forbidden::NothingFailed { id: store.id.clone(), state: store.state };
            let next = store.retried(SystemTime::now().into()).map_err(nothing)?;
            if let Some(release) = next.as_ref().and_then(Store::moves_to) {
                self.allow_update(store, release)?;
            }
            Ok(next.map(|next| self.with_steps(next).by(by.cause.clone())))
        };
        let store = self.intend(&intent, scope, &by, retried).await?;
        Ok(wire::RetryOperationResponse { store: Some(convert::store(&store, self.engines())) })
    }

    pub(super) async fn handle_cancel_operation(
        &self,
        request: wire::CancelOperationRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::CancelOperationResponse, Refusal> {
        let (intent, operation) = parse_cancel(request, scope)?;
        let cancelled = |store: &Store| cancelled(store, operation.as_ref(), by.cause.clone());
        let store = self.intend(&intent, scope, &by, cancelled).await?;
        Ok(wire::CancelOperationResponse { store: Some(convert::store(&store, self.engines())) })
    }

    /// The store with the steps of its engine, unless it is on its way to rest.
    fn with_steps(&self, store: Store) -> Store {
        match store.state.rests() {
            true => store,
            false => {
                let pipeline = self.engines().pipeline(store.spec.engine);
                store.with_steps_of(pipeline)
            }
        }
    }
}

/// The store with its operation called off; `None` where it is called off already.
fn cancelled(store: &Store, meant: Option<&OperationId>, cause: Cause) -> Result<Option<Store>, Refusal> {
    let last = store.operation.as_deref();
    if let Some(meant) = meant
        && last.is_none_or(|last| last.id != *meant)
    {
        return Err(Forbidden::AnotherOperation { id: store.id.clone(), meant: meant.clone() }.into());
    }
    if meant.is_some() && last.is_some_and(|last| last.state == OperationState::Cancelled) {
        return Ok(None);
    }
    let not_possible = |why| Forbidden::NotCancellable { id: store.id.clone(), why };
    let next = store.cancelled(SystemTime::now().into()).map_err(not_possible)?;
    Ok(next.map(|next| next.by(cause)))
}

fn parse_cancel(
    request: wire::CancelOperationRequest,
    scope: &Scope,
) -> Result<(Intent, Option<OperationId>), Refusal> {
    let body = wire::CancelOperationRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("cancel-operation", &body);
    let wire::CancelOperationRequest { id, operation_id, request_id, etag, validate_only } = request;
    let mut violations = Violations::default();
    let fields = Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest };
    let intent = fields.parse(&mut violations, scope);
    let operation = violations.optional("operation_id", &operation_id);
    violations.finish(intent.map(|intent| (intent, operation)))
}
