//! Update: fields of a store that can be changed after its creation.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Amendment, Cause, Event, ReleaseName, Scope, Store,
    ledger::Ledger,
    volumes::{CannotGrow, VolumeRole, VolumeSizes},
};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::By,
    convert,
    create::digest,
    intent::{Fields, Intent},
    parse::{self, Violations},
    service::Backend,
    status::{Forbidden, Refusal},
    suspend::forbids,
    violations::Violation,
};

/// The paths that a mask may have.
const LABELS: &str = "labels";
const PROTECTION: &str = "spec.deletion_protection";
const RELEASE: &str = "spec.release";
const VOLUMES: &str = "spec.volumes";
const PATHS: [&str; 4] = [LABELS, PROTECTION, RELEASE, VOLUMES];
/// How long the cluster may take: less than a call may, so that the caller learns who did not answer.
const CLUSTER_LIMIT: Duration = Duration::from_secs(5);

/// What is to be different.
struct Changes {
    amendment: Amendment,
    release: Option<ReleaseName>,
    /// Open sizes stay as they are.
    volumes: VolumeSizes,
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
        self.allow_growth(&intent, changes.volumes, scope).await?;
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

impl<L: Ledger> StoreApi<L> {
    /// Asks the cluster whether the volumes can grow, where they are to. A store that is not the caller's, and what was answered
    /// before, are for [`intend`](Self::intend) to answer.
    async fn allow_growth(&self, intent: &Intent, sizes: VolumeSizes, scope: &Scope) -> Result<(), Refusal> {
        let Backend { ledger, volumes, .. } = self.writable()?;
        let repeats = match &intent.operation {
            Some(operation) if !sizes.is_open() => matches!(ledger.recall::<Store>(operation).await, Ok(Some(_))),
            _ => sizes.is_open(),
        };
        if repeats {
            return Ok(());
        }
        let Some(store) = ledger.load(&intent.id).await? else { return Ok(()) };
        let asked = scope.contains(store.tenant.as_ref()) && sizes.over(store.spec.volumes) != store.spec.volumes;
        if !asked || store.state.is_going() || self.engines().foreign_word(&store).is_some() {
            return Ok(());
        }
        match tokio::time::timeout(CLUSTER_LIMIT, volumes.check_volumes(&store, sizes)).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(CannotGrow::Shrink { role, present }))) => Err(shrinks(role, &present)),
            Ok(Ok(Err(CannotGrow::Missing(role)))) => Err(missing(role)),
            Ok(Ok(Err(why))) => Err(Forbidden::CannotExpand { id: intent.id.clone(), why }.into()),
            Ok(Err(error)) => {
                tracing::warn!(store = %intent.id, %error, "the cluster cannot be asked whether volumes can grow");
                Err(Refusal::ClusterUnavailable)
            }
            Err(_) => Err(Refusal::ClusterUnavailable),
        }
    }
}

fn shrinks(role: VolumeRole, present: &str) -> Refusal {
    violation(role, format!("the volume has {present} already, and no volume shrinks"))
}

fn missing(role: VolumeRole) -> Refusal {
    violation(role, "a store of this engine has no such volume".to_owned())
}

fn violation(role: VolumeRole, description: String) -> Refusal {
    Refusal::InvalidFields(vec![Violation { field: format!("{VOLUMES}.{}_gib", role.as_str()), description }])
}

// === impl Changes ===

impl Changes {
    /// The store with these changes; `None` where it is so already.
    fn made_to(&self, store: &Store, cause: Cause) -> Result<Option<Store>, Refusal> {
        let Self { amendment, release, volumes } = self;
        if store.state.is_going() {
            return Err(forbids(store, Event::UpdateRequested).into());
        }
        let now = SystemTime::now().into();
        let amended = store.amended(amendment, now).map(|next| next.by(cause.clone()));
        let updated = match release {
            Some(release) => {
                let store = amended.as_ref().unwrap_or(store);
                let next = store.updated(release, now).map_err(|_| forbids(store, Event::UpdateRequested))?;
                next.map(|next| next.by(cause.clone()))
            }
            None => None,
        };
        let updated = updated.or(amended);
        let store = updated.as_ref().unwrap_or(store);
        if let Some(role) = volumes.shrinks(store.spec.volumes) {
            let present = store.spec.volumes.of(role).map(|size| size.to_string()).unwrap_or_default();
            return Err(shrinks(role, &present));
        }
        let resized = store.resized(*volumes, now).map_err(|_| cannot_grow(store))?;
        Ok(resized.map(|next| next.by(cause)).or(updated))
    }
}

/// Why the state of the store does not let its volumes grow.
fn cannot_grow(store: &Store) -> Forbidden {
    match store.blocks(Event::UpdateRequested) {
        true => forbids(store, Event::UpdateRequested),
        false => Forbidden::NotRunning { id: store.id.clone(), state: store.state },
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
    let volumes = if names(VOLUMES) { parse::volumes(&mut violations, spec.volumes) } else { VolumeSizes::default() };
    violations.finish(intent.map(|intent| (intent, Changes { amendment, release, volumes })))
}
