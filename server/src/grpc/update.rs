//! Update: fields of a store that can be changed after its creation.

use std::time::SystemTime;

use sendstores_core::{Cause, Event, Scope, Store, ledger::Ledger};
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

/// The paths that a mask may have.
const PROTECTION: &str = "spec.deletion_protection";

/// What is to be different.
struct Changes {
    deletion_protection: Option<bool>,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_update(
        &self,
        request: wire::UpdateRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::UpdateResponse, Refusal> {
        let (intent, changes) = parse_update(request, scope)?;
        let store = self.intend(&intent, scope, &by, |store| changes.made_to(store, by.cause.clone())).await?;
        Ok(wire::UpdateResponse { store: Some(convert::store(&store, self.engines())) })
    }
}

// === impl Changes ===

impl Changes {
    /// The store with these changes; `None` where it is so already.
    fn made_to(&self, store: &Store, cause: Cause) -> Result<Option<Store>, Refusal> {
        let Self { deletion_protection } = *self;
        if store.state.is_going() {
            let (id, event) = (store.id.clone(), Event::UpdateRequested);
            return Err(Forbidden::State { id, state: store.state, event }.into());
        }
        let changed = deletion_protection.filter(|wanted| *wanted != store.spec.deletion_protection);
        Ok(changed.map(|wanted| store.protected(wanted, SystemTime::now().into()).by(cause)))
    }
}

fn parse_update(request: wire::UpdateRequest, scope: &Scope) -> Result<(Intent, Changes), Refusal> {
    let body = wire::UpdateRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("update", &body);
    let wire::UpdateRequest { id, spec, update_mask, request_id, etag, validate_only } = request;
    let mut violations = Violations::default();
    let fields = Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest };
    let intent = fields.parse(&mut violations, scope);
    let paths = update_mask.unwrap_or_default().paths;
    if paths.is_empty() {
        violations.add("update_mask", format!("names no field; one that can be changed is {PROTECTION}"));
    }
    for path in paths.iter().filter(|path| *path != PROTECTION) {
        let path: String = path.chars().take(64).collect();
        violations.add("update_mask", format!("{path:?} cannot be changed; what can be is {PROTECTION}"));
    }
    let deletion_protection = Some(spec.unwrap_or_default().deletion_protection);
    violations.finish(intent.map(|intent| (intent, Changes { deletion_protection })))
}
