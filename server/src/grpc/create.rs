//! Create: accepts an intent. Reconcile does the rest.

use std::time::SystemTime;

use prost::Message;
use sendstores_core::{
    Scope, Store, host,
    ledger::{Expected, Ledger, LedgerError, Operation, Write},
    store::NewStore,
};
use sendstores_proto::v1 as wire;
use sha2::{Digest, Sha256};

use super::{
    StoreApi,
    audited::{self, About, By},
    convert, ids,
    parse::{self, Violations},
    status::{Refusal, Tenancy},
};

/// How often a generated id that turns out to be taken is generated anew.
const ID_ATTEMPTS: usize = 3;

/// A parsed request.
struct Parsed {
    new: NewStore,
    operation: Option<Operation>,
    id_was_chosen: bool,
    validate_only: bool,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_create(
        &self,
        request: wire::CreateRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::CreateResponse, Refusal> {
        let mut taken = 0;
        loop {
            // An id that is made is part of the defaults, so a new one means to parse anew.
            let parsed = self.parse_create(request.clone(), scope)?;
            let id_was_chosen = parsed.id_was_chosen;
            let outcome = match parsed.validate_only {
                true => Box::pin(self.rehearse(parsed, scope)).await,
                false => Box::pin(self.accept(parsed, scope, &by)).await,
            };
            match outcome {
                Err(Refusal::StoreExists(_)) if !id_was_chosen && taken < ID_ATTEMPTS => taken += 1,
                outcome => return Ok(wire::CreateResponse { store: Some(convert::store(&outcome?, self.engines())) }),
            }
        }
    }

    fn parse_create(&self, request: wire::CreateRequest, scope: &Scope) -> Result<Parsed, Refusal> {
        let body = wire::CreateRequest { request_id: String::new(), validate_only: false, ..request.clone() };
        let digest = digest("create", &body);
        let wire::CreateRequest { request_id, store_id, spec, tenant, labels, validate_only } = request;
        let mut violations = Violations::default();
        let v = &mut violations;
        let id_was_chosen = !store_id.is_empty();
        let id = if id_was_chosen { v.parse("store_id", &store_id) } else { v.take("store_id", ids::store()) };
        let request_id = parse::request_id(v, &request_id);
        let tenant = parse::owner(v, &tenant, scope);
        let labels = parse::labels(v, "labels", labels);
        let uid = v.take("uid", ids::uuid().to_string().parse());
        // A bad id is named once; the other fields are checked all the same.
        let named = id.clone().or_else(|| ids::store().ok());
        let url = named.as_ref().map(|id| self.store_url(id));
        if let (Some(_), Some(url)) = (&id, &url) {
            v.take("store_id", host::check(host_of(url)));
        }
        let spec =
            named.zip(url.as_deref()).and_then(|(id, url)| parse::spec(v, spec, self.engines(), &id, host_of(url)));
        let parsed = (|| {
            let spec = spec?;
            let pipeline = self.engines().pipeline(spec.engine);
            // A caller who sees all has no scope, as before there were scopes.
            let whose = tenant.clone().filter(|_| !scope.is_all());
            let new = NewStore { id: id?, uid: uid?, tenant, labels, spec, url: url?, pipeline };
            let operation = request_id.map(|id| Operation { id, scope: whose, digest });
            Some(Parsed { new, operation, id_was_chosen, validate_only })
        })();
        violations.finish(parsed)
    }

    async fn accept(&self, parsed: Parsed, scope: &Scope, by: &By) -> Result<Store, Refusal> {
        let Parsed { mut new, operation, id_was_chosen: _, validate_only: _ } = parsed;
        let id = new.id.clone();
        let ledger = &self.writable()?.ledger;
        if let Some(answered) = answered_unscoped(ledger, operation.as_ref(), scope).await? {
            return Ok(answered);
        }
        if let Err(refusal) = self.choose_release(&mut new.spec) {
            // A repetition is answered as the first time, whatever is offered now.
            let first = match &operation {
                Some(operation) => ledger.recall(operation).await?,
                None => None,
            };
            return first.map_or(Err(refusal), |store| own(store, scope));
        }
        let store = Store::new(new, SystemTime::now().into()).by(by.cause.clone());
        let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation };
        let tenant = write.resource.tenant.clone();
        let terms = by.terms(About::store(&write.resource), self.quota().terms());
        match audited::submit(ledger, write, terms).await {
            Ok(written) => own(written.into_resource(), scope),
            Err(LedgerError::Conflict(_)) => Err(Refusal::StoreExists(id)),
            Err(LedgerError::NotAdmitted(denial)) => Err(Tenancy::Denied(tenant, denial).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// What Create would answer now.
    async fn rehearse(&self, mut parsed: Parsed, scope: &Scope) -> Result<Store, Refusal> {
        let ledger = &self.writable()?.ledger;
        if let Some(operation) = &parsed.operation
            && let Some(store) = ledger.recall(operation).await?
        {
            return own(store, scope);
        }
        if let Some(answered) = answered_unscoped(ledger, parsed.operation.as_ref(), scope).await? {
            return Ok(answered);
        }
        self.choose_release(&mut parsed.new.spec)?;
        match ledger.load(&parsed.new.id).await? {
            Some(store) if store.state != sendstores_core::State::Deleted => Err(Refusal::StoreExists(parsed.new.id)),
            _ => {
                parsed.new.tenant.as_ref().map_or(Ok(()), |tenant| self.rehearse_terms(tenant))?;
                Ok(Store::new(parsed.new, SystemTime::now().into()))
            }
        }
    }
}

/// What an operation answered, if that is the caller's. A caller of several tenants shares ids with those of the first.
pub(super) fn own(store: Store, scope: &Scope) -> Result<Store, Refusal> {
    if scope.contains(store.tenant.as_ref()) { Ok(store) } else { Err(Refusal::RequestIdReused) }
}

/// What the operation answered before there were scopes, when all callers shared one space of ids. It is kept for a day. The
/// id may be that of another tenant's request: then there is no answer.
pub(super) async fn answered_unscoped<L: Ledger>(
    ledger: &L,
    operation: Option<&Operation>,
    scope: &Scope,
) -> Result<Option<Store>, LedgerError> {
    let Some(operation) = operation.filter(|operation| operation.scope.is_some()) else { return Ok(None) };
    let unscoped = Operation { scope: None, ..operation.clone() };
    match ledger.recall(&unscoped).await {
        Ok(answered) => Ok(answered.filter(|store: &Store| scope.contains(store.tenant.as_ref()))),
        Err(LedgerError::OperationReused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells one body from another: `kind` and all fields, in the order of the contract.
pub(super) fn digest(kind: &str, body: &impl Message) -> String {
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update([0]);
    hash.update(body.encode_to_vec());
    let nibbles = hash.finalize().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split([':', '/']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        grpc::{Limits, StreamLimits},
        ledger::MemoryLedger,
        provision::ENGINES,
    };

    #[test]
    fn an_id_that_makes_no_host_name_is_refused() {
        let limits = Limits {
            calls: Limits::CALLS,
            streams: StreamLimits { all: 1, per_peer: None, per_principal: None },
            deadline: Limits::DEADLINE,
        };
        let url = Arc::new(|id: &sendstores_core::StoreId| {
            format!("https://{id}-shop-eu-central-production.example.com:8443")
        });
        let api: StoreApi<MemoryLedger> = StoreApi::new(url, ENGINES, limits, CancellationToken::new());
        let parse = |id: &str| {
            let request = wire::CreateRequest { store_id: id.to_owned(), ..wire::CreateRequest::default() };
            api.parse_create(request, &Scope::All)
        };
        assert!(parse(&format!("store-{}", "x".repeat(30))).is_ok());
        let Err(Refusal::InvalidFields(violations)) = parse(&format!("store-{}", "x".repeat(31))) else {
            panic!("a label of 64 characters is refused")
        };
        let told: Vec<_> = violations.iter().map(|wrong| (wrong.field.as_str(), wrong.description.as_str())).collect();
        assert!(matches!(told[..], [("store_id", why)] if why.contains("a label of 64 characters")), "{told:?}");
    }
}
