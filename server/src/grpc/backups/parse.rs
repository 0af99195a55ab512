//! The requests of `BackupService`.

use std::time::SystemTime;

use sendstores_core::{
    Backup, BackupId, Labels, Scope, StoreId, TenantId, Timestamp, backup::BackupEvent, ledger::Operation,
};
use sendstores_proto::v1 as wire;

use crate::grpc::{
    create::digest,
    parse::{self, Violations},
    status::Refusal,
};

/// The paths that a mask may have.
const EXPIRY: &str = "expire_time";
const LABELS: &str = "labels";
/// The last moment that the contract can show: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// A backup to make.
pub(super) struct Creation {
    pub(super) store: StoreId,
    pub(super) labels: Labels,
    pub(super) expire_time: Option<Timestamp>,
    pub(super) operation: Option<Operation>,
}

/// A change of a backup that is there.
pub(super) struct Change {
    pub(super) id: BackupId,
    /// Empty: whatever it has become.
    pub(super) etag: String,
    pub(super) operation: Option<Operation>,
}

/// Which backups a list has.
pub(super) struct Wanted {
    store: Option<StoreId>,
    tenant: Option<TenantId>,
}

/// A page of a list.
pub(super) struct Page {
    pub(super) wanted: Wanted,
    pub(super) most: usize,
    /// Binds a page token to the list.
    pub(super) list: String,
    pub(super) page_token: String,
}

pub(super) fn id(text: &str) -> Result<BackupId, Refusal> {
    let mut violations = Violations::default();
    let id = violations.parse("id", text);
    violations.finish(id)
}

pub(super) fn creation(request: wire::CreateBackupRequest, scope: &Scope) -> Result<Creation, Refusal> {
    let body = wire::CreateBackupRequest { request_id: String::new(), ..request.clone() };
    let digest = digest("backup.create", &body);
    let wire::CreateBackupRequest { store, labels, expire_time, request_id } = request;
    let mut violations = Violations::default();
    let v = &mut violations;
    let store = v.parse("store", &store);
    let labels = parse::labels(v, LABELS, labels);
    let expire_time = expiry(v, expire_time);
    let operation = operation(v, &request_id, digest, scope);
    violations.finish(store.map(|store| Creation { store, labels, expire_time, operation }))
}

pub(super) fn amendment(request: wire::UpdateBackupRequest, scope: &Scope) -> Result<(Change, BackupEvent), Refusal> {
    let body = wire::UpdateBackupRequest { request_id: String::new(), ..request.clone() };
    let digest = digest("backup.update", &body);
    let wire::UpdateBackupRequest { id, expire_time, labels, update_mask, request_id, etag } = request;
    let mut violations = Violations::default();
    let v = &mut violations;
    let paths = update_mask.unwrap_or_default().paths;
    if paths.is_empty() {
        v.add("update_mask", format_args!("names no field; those that can be changed are {EXPIRY}, {LABELS}"));
    }
    for path in paths.iter().filter(|path| ![EXPIRY, LABELS].contains(&path.as_str())) {
        let path: String = path.chars().take(64).collect();
        v.add("update_mask", format_args!("{path:?} cannot be changed; what can be is {EXPIRY}, {LABELS}"));
    }
    let names = |path: &str| paths.iter().any(|named| named == path);
    let event = BackupEvent::Amended {
        labels: names(LABELS).then(|| parse::labels(v, LABELS, labels)),
        expire_time: names(EXPIRY).then(|| expiry(v, expire_time)),
    };
    let change = change(v, &id, etag, &request_id, digest, scope);
    violations.finish(change.map(|change| (change, event)))
}

pub(super) fn deletion(request: wire::DeleteBackupRequest, scope: &Scope) -> Result<Change, Refusal> {
    let body = wire::DeleteBackupRequest { request_id: String::new(), ..request.clone() };
    let digest = digest("backup.delete", &body);
    let wire::DeleteBackupRequest { id, request_id, etag } = request;
    let mut violations = Violations::default();
    let change = change(&mut violations, &id, etag, &request_id, digest, scope);
    violations.finish(change)
}

pub(super) fn page(request: wire::ListBackupsRequest) -> Result<Page, Refusal> {
    let wire::ListBackupsRequest { store, tenant, page_size, page_token } = request;
    let mut violations = Violations::default();
    let v = &mut violations;
    let list = format!("backups {store} {tenant}");
    let wanted = Wanted { store: v.optional("store", &store), tenant: v.optional("tenant", &tenant) };
    let most = parse::page_size(v, page_size);
    violations.finish(most.map(|most| Page { wanted, most, list, page_token }))
}

fn change(
    violations: &mut Violations,
    id: &str,
    etag: String,
    request_id: &str,
    digest: String,
    scope: &Scope,
) -> Option<Change> {
    let id = violations.parse("id", id);
    if etag.len() > 64 {
        violations.add("etag", "was not given out by this service");
    }
    let operation = operation(violations, request_id, digest, scope);
    Some(Change { id: id?, etag, operation })
}

/// The same of all calls of this caller: whose the store is shows later.
fn operation(violations: &mut Violations, request_id: &str, digest: String, scope: &Scope) -> Option<Operation> {
    let whose = scope.tenants().next().cloned();
    parse::request_id(violations, request_id).map(|id| Operation { id, scope: whose, digest })
}

fn expiry(violations: &mut Violations, time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    let prost_types::Timestamp { seconds, nanos } = time?;
    let now = Timestamp::from(SystemTime::now());
    let micros = (0..=LAST_SECOND).contains(&seconds).then(|| seconds * 1_000_000 + i64::from(nanos / 1_000));
    let time = micros.map(Timestamp::from_micros).filter(|time| (0..1_000_000_000).contains(&nanos) && *time > now);
    if time.is_none() {
        violations.add(EXPIRY, "must be in the future, and before the year 10000");
    }
    time
}

// === impl Wanted ===

impl Wanted {
    pub(super) fn includes(&self, backup: &Backup) -> bool {
        let Self { store, tenant } = self;
        store.as_ref().is_none_or(|store| *store == backup.store)
            && tenant.as_ref().is_none_or(|tenant| Some(tenant) == backup.tenant.as_ref())
    }
}
