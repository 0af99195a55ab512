//! Update: fields of a store that can be changed after its creation.

use std::time::SystemTime;

use sendstores_core::{Amendment, Cause, Event, ReleaseName, Scope, Store, ledger::Ledger};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::By,
    convert,
    create::digest,
    intent::{Fields, Intent},
    parse::{self, Violations},
    status::Refusal,
    suspend::forbids,
};

/// The paths that a mask may have.
const LABELS: &str = "labels";
const PROTECTION: &str = "spec.deletion_protection";
const RELEASE: &str = "spec.release";
const PATHS: [&str; 3] = [LABELS, PROTECTION, RELEASE];

/// What is to be different.
struct Changes {
    amendment: Amendment,
    release: Option<ReleaseName>,
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
        let changed = |store: &Store| {
            let next = changes.made_to(store, by.cause.clone())?;
            if let (Some(_), Some(release)) = (&next, &changes.release) {
                self.allow_update(store, release)?;
            }
            Ok(next)
        };
        let store = self.intend(&intent, scope, &by, changed).await?;
        Ok(wire::UpdateResponse { store: Some(convert::store(&store, self.engines())) })
    }
}

// === impl Changes ===

impl Changes {
    /// The store with these changes; `None` where it is so already.
    fn made_to(&self, store: &Store, cause: Cause) -> Result<Option<Store>, Refusal> {
        let Self { amendment, release } = self;
        if store.state.is_going() {
            return Err(forbids(store, Event::UpdateRequested).into());
        }
        let now = SystemTime::now().into();
        let amended = store.amended(amendment, now).map(|next| next.by(cause.clone()));
        let updated = match release {
            Some(release) => {
                let store = amended.as_ref().unwrap_or(store);
                let next = store.updated(release, now).map_err(|_| forbids(store, Event::UpdateRequested))?;
                next.map(|next| next.by(cause))
            }
            None => None,
        };
        Ok(updated.or(amended))
    }
}

fn parse_update(request: wire::UpdateRequest, scope: &Scope) -> Result<(Intent, Changes), Refusal> {
    let body = wire::UpdateRequest { request_id: String::new(), validate_only: false, ..request.clone() };
    let digest = digest("update", &body);
    let wire::UpdateRequest { id, spec, labels, update_mask, request_id, etag, validate_only } = request;
    let mut violations = Violations::default();
    let fields = Fields { id: &id, request_id: &request_id, etag, allow_missing: false, validate_only, digest };
    let intent = fields.parse(&mut violations, scope);
    let paths = update_mask.unwrap_or_default().paths;
    if paths.is_empty() {
        violations.add("update_mask", format!("names no field; those that can be changed are {}", PATHS.join(", ")));
    }
    for path in paths.iter().filter(|path| !PATHS.contains(&path.as_str())) {
        let path: String = path.chars().take(64).collect();
        violations.add("update_mask", format!("{path:?} cannot be changed; what can be is {}", PATHS.join(", ")));
    }
    let names = |path: &str| paths.iter().any(|named| named == path);
    let spec = spec.unwrap_or_default();
    let amendment = Amendment {
        deletion_protection: names(PROTECTION).then_some(spec.deletion_protection),
        labels: names(LABELS).then(|| parse::labels(&mut violations, LABELS, labels)),
    };
    let release = if names(RELEASE) { violations.parse(RELEASE, &spec.release) } else { None };
    violations.finish(intent.map(|intent| (intent, Changes { amendment, release })))
}
