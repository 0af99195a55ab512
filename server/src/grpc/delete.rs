//! Delete: accepts an intent that nothing can take back.

use std::time::SystemTime;

use sendstores_core::{
    Cause, Event, Scope, State, Store, StoreId,
    admission::Terms,
    ledger::{Expected, Ledger, LedgerError, Operation, Write},
};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::{self, About, By},
    convert,
    create::{answered_unscoped, digest, own},
    ids,
    parse::{self, Violations},
    status::Refusal,
    token,
};

/// How often a delete is tried against a store that changes meanwhile.
const ATTEMPTS: usize = 10;

/// A parsed request.
struct Parsed {
    id: StoreId,
    operation: Option<Operation>,
    etag: String,
    allow_missing: bool,
    validate_only: bool,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_delete(
        &self,
        request: wire::DeleteRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::DeleteResponse, Refusal> {
        let parsed = parse_delete(request, scope)?;
        let store = match self.delete(&parsed, scope, &by).await {
            Ok(store) => Some(convert::store(&store, self.engines())),
            Err(Refusal::StoreNotFound(_)) if parsed.allow_missing => None,
            Err(refusal) => return Err(refusal),
        };
        Ok(wire::DeleteResponse { store })
    }

    async fn delete(&self, parsed: &Parsed, scope: &Scope, by: &By) -> Result<Store, Refusal> {
        let ledger = &self.writable()?.ledger;
        let refused = |error| match error {
            LedgerError::FoundNothing => Refusal::StoreNotFound(parsed.id.clone()),
            error => error.into(),
        };
        if let Some(operation) = &parsed.operation
            && let Some(answered) = ledger.recall(operation).await.map_err(refused)?
        {
            return own(answered, scope);
        }
        if let Some(answered) = answered_unscoped(ledger, parsed.operation.as_ref(), scope).await.map_err(refused)? {
            return Ok(answered);
        }
        for _ in 0..ATTEMPTS {
            let store = ledger.load(&parsed.id).await?;
            let foreign = store.as_ref().is_some_and(|store: &Store| !scope.contains(store.tenant.as_ref()));
            let Some(store) = store.filter(|store| store.state != State::Deleted && !foreign) else {
                match note_missing(ledger, parsed, foreign).await {
                    Ok(Some(answered)) => return Ok(answered),
                    Ok(None) => return Err(Refusal::StoreNotFound(parsed.id.clone())),
                    // It was created meanwhile.
                    Err(LedgerError::Conflict(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            };
            if !parsed.etag.is_empty() && parsed.etag != token::etag(&store) {
                return Err(Refusal::EtagMismatch(parsed.id.clone()));
            }
            // What has to be removed is for the version to say that made it so.
            if let Some(word) = self.engines().foreign_word(&store) {
                return Err(Refusal::StoreForeign(parsed.id.clone(), word));
            }
            let deleting = deleting(&store, by.cause.clone())?;
            // A repetition without a request id changes nothing, so there is nothing to write either.
            if parsed.validate_only || (store.state == State::Deleting && parsed.operation.is_none()) {
                return Ok(deleting);
            }
            let expected = Expected::Revision(store.revision);
            let write = Write { resource: deleting, expected, fence: None, operation: parsed.operation.clone() };
            let terms = by.terms(About::store(&write.resource), Terms::default());
            match audited::submit(ledger, write, terms).await {
                Ok(written) => return Ok(written.into_resource()),
                Err(LedgerError::Conflict(_)) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Err(Refusal::WriteConflict(parsed.id.clone()))
    }
}

/// That there is no store is an answer where that is allowed, and is kept like any other: a repetition must not delete a
/// store that was created since.
/// The store of another tenant is as missing as one that is nowhere: the same is written in the same time, of an id that
/// nobody has.
async fn note_missing<L: Ledger>(ledger: &L, parsed: &Parsed, foreign: bool) -> Result<Option<Store>, LedgerError> {
    match &parsed.operation {
        Some(operation) if parsed.allow_missing && !parsed.validate_only => {
            let nobodys = if foreign { ids::store().ok() } else { None };
            ledger.note_missing(nobodys.as_ref().unwrap_or(&parsed.id), operation).await
        }
        _ => Ok(None),
    }
}

/// The store on its way out; as it is when it already was.
fn deleting(store: &Store, cause: Cause) -> Result<Store, Refusal> {
    if store.state == State::Deleting {
        return Ok(store.clone());
    }
    let deleting = store.after(Event::DeleteRequested, SystemTime::now().into()).map_err(|error| {
        tracing::error!(%error, store = %store.id, "delete is possible in every state but DELETED");
        Refusal::Internal
    })?;
    Ok(deleting.by(cause))
}

fn parse_delete(request: wire::DeleteRequest, scope: &Scope) -> Result<Parsed, Refusal> {
    let body = wire::DeleteRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("delete", &body);
    let wire::DeleteRequest { id, request_id, etag, allow_missing, validate_only } = request;
    let mut violations = Violations::default();
    let id = violations.parse("id", &id);
    let request_id = parse::request_id(&mut violations, &request_id);
    if etag.len() > 64 {
        violations.add("etag", "was not given out by this service");
    }
    // The same of all calls of this caller: whose the store is shows later.
    let whose = scope.tenants().next().cloned();
    let operation = request_id.map(|id| Operation { id, scope: whose, digest });
    violations.finish(id.map(|id| Parsed { id, operation, etag, allow_missing, validate_only }))
}
