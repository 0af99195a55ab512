//! What a caller wants of one store that exists, and how it is accepted: once, whatever is repeated or changes meanwhile.

use sendstores_core::{
    Scope, State, Store, StoreId,
    admission::Terms,
    ledger::{Expected, Ledger, LedgerError, Operation, Write},
};

use super::{
    StoreApi,
    audited::{self, About, By},
    create::{answered_unscoped, own},
    ids,
    parse::{self, Violations},
    status::Refusal,
    token,
};

/// How often a change is tried against a store that changes meanwhile.
const ATTEMPTS: usize = 10;

/// The part of a request that all changes of one store share.
pub(super) struct Intent {
    pub(super) id: StoreId,
    pub(super) operation: Option<Operation>,
    /// Empty: whatever the store has become.
    pub(super) etag: String,
    /// That there is no such store is an answer, and is kept like any other.
    pub(super) allow_missing: bool,
    pub(super) validate_only: bool,
}

/// The fields of a request that make an [`Intent`].
pub(super) struct Fields<'a> {
    pub(super) id: &'a str,
    pub(super) request_id: &'a str,
    pub(super) etag: String,
    pub(super) allow_missing: bool,
    pub(super) validate_only: bool,
    /// Of the whole request, apart from `request_id` and `validate_only`.
    pub(super) digest: String,
}

// === impl Fields ===

impl Fields<'_> {
    /// Of a request that has no other fields.
    pub(super) fn alone(self, scope: &Scope) -> Result<Intent, Refusal> {
        let mut violations = Violations::default();
        let intent = self.parse(&mut violations, scope);
        violations.finish(intent)
    }

    /// `None` where a field is invalid; `violations` has it then.
    pub(super) fn parse(self, violations: &mut Violations, scope: &Scope) -> Option<Intent> {
        let Self { id, request_id, etag, allow_missing, validate_only, digest } = self;
        let id = violations.parse("id", id);
        let request_id = parse::request_id(violations, request_id);
        if etag.len() > 64 {
            violations.add("etag", "was not given out by this service");
        }
        // The same of all calls of this caller: whose the store is shows later.
        let whose = scope.tenants().next().cloned();
        let operation = request_id.map(|id| Operation { id, scope: whose, digest });
        Some(Intent { id: id?, operation, etag, allow_missing, validate_only })
    }
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    /// Writes what `next` makes of the store, and returns it. `next` returns `None` where the store is already as it is asked
    /// for: then nothing is written but the operation.
    ///
    /// # Errors
    /// `StoreNotFound`, `EtagMismatch`, `StoreForeign`, `WriteConflict`, those of the ledger, and those of `next`.
    pub(super) async fn intend(
        &self,
        intent: &Intent,
        scope: &Scope,
        by: &By,
        next: impl Fn(&Store) -> Result<Option<Store>, Refusal>,
    ) -> Result<Store, Refusal> {
        let ledger = &self.writable()?.ledger;
        let refused = |error| match error {
            LedgerError::FoundNothing => Refusal::StoreNotFound(intent.id.clone()),
            error => error.into(),
        };
        if let Some(operation) = &intent.operation
            && let Some(answered) = ledger.recall(operation).await.map_err(refused)?
        {
            return own(answered, scope);
        }
        if let Some(answered) = answered_unscoped(ledger, intent.operation.as_ref(), scope).await.map_err(refused)? {
            return Ok(answered);
        }
        for _ in 0..ATTEMPTS {
            let store = ledger.load(&intent.id).await?;
            let foreign = store.as_ref().is_some_and(|store: &Store| !scope.contains(store.tenant.as_ref()));
            let there = store.filter(|store| store.state != State::Deleted);
            let Some(store) = there.clone().filter(|_| !foreign) else {
                if let Some(origin) = &by.origin {
                    self.note_absent(origin, intent.id.as_str(), there.as_ref().map(About::store));
                }
                match note_missing(ledger, intent, foreign).await {
                    Ok(Some(answered)) => return Ok(answered),
                    Ok(None) => return Err(Refusal::StoreNotFound(intent.id.clone())),
                    // It was created meanwhile.
                    Err(LedgerError::Conflict(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            };
            let changed = self.changed(intent, &store, &next)?;
            // A repetition without a request id changes nothing, so there is nothing to write either.
            if intent.validate_only || (changed.is_none() && intent.operation.is_none()) {
                return Ok(changed.unwrap_or(store));
            }
            let expected = Expected::Revision(store.revision);
            let resource = changed.unwrap_or(store);
            let write = Write { resource, expected, fence: None, operation: intent.operation.clone() };
            let terms = by.terms(About::store(&write.resource), Terms::default());
            match audited::submit(ledger, write, terms).await {
                Ok(written) => return Ok(written.into_resource()),
                Err(LedgerError::Conflict(_)) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Err(Refusal::WriteConflict(intent.id.clone()))
    }

    fn changed(
        &self,
        intent: &Intent,
        store: &Store,
        next: impl Fn(&Store) -> Result<Option<Store>, Refusal>,
    ) -> Result<Option<Store>, Refusal> {
        if !intent.etag.is_empty() && intent.etag != token::etag(store) {
            return Err(Refusal::EtagMismatch(intent.id.clone()));
        }
        // What is to become of it is for the version to say that made it so.
        if let Some(word) = self.engines().foreign_word(store) {
            return Err(Refusal::StoreForeign(intent.id.clone(), word));
        }
        let asked_by = |next: Store| match &intent.operation {
            Some(operation) => next.asked_by(&operation.id),
            None => next,
        };
        Ok(next(store)?.map(asked_by))
    }
}

/// That there is no store is an answer where that is allowed, and is kept like any other: a repetition must not delete a
/// store that was created since.
/// The store of another tenant is as missing as one that is nowhere: the same is written in the same time, of an id
/// that is not in use.
async fn note_missing<L: Ledger>(ledger: &L, intent: &Intent, foreign: bool) -> Result<Option<Store>, LedgerError> {
    match &intent.operation {
        Some(operation) if intent.allow_missing && !intent.validate_only => {
            let unused = if foreign { ids::store().ok() } else { None };
            ledger.note_missing(unused.as_ref().unwrap_or(&intent.id), operation).await
        }
        _ => Ok(None),
    }
}
