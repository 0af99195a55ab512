//! Backups: their rules, and the calls. What becomes of one, the test says.

use std::time::SystemTime;

use prost_types::Timestamp;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{
    pages::page,
    parse::Violations,
    refusal::{about, not_found},
    registry::{Call, Inner},
    service::{Service, body},
};
use crate::v1::{
    Backup, CreateBackupRequest, CreateBackupResponse, DeleteBackupRequest, DeleteBackupResponse, GetBackupRequest,
    GetBackupResponse, ListBackupsRequest, ListBackupsResponse, Store, UpdateBackupRequest, UpdateBackupResponse,
    backup::{State, Type},
    backup_service_server::BackupService,
    store,
};

/// The fields that a mask may name.
const PATHS: [&str; 2] = ["expire_time", "labels"];

fn id(violations: &mut Violations, id: &str) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = id.split_once('/').is_some_and(|(uid, name)| {
        let whole = (1..=32).contains(&name.len()) && name.chars().all(|c| plain(c) || c == '-');
        Uuid::try_parse(uid).is_ok() && whole && name.starts_with(plain) && name.ends_with(plain)
    });
    violations.check(good, "id", "must be the uid of a store, a slash, and 1 to 32 of a-z, 0-9 and '-'");
}

fn expiry(violations: &mut Violations, time: Option<Timestamp>) {
    let future = |time: Timestamp| SystemTime::try_from(time).is_ok_and(|time| time > SystemTime::now());
    violations.check(time.is_none_or(future), "expire_time", "must be in the future");
}

fn of_backup(code: Code, reason: &str, message: &str, id: &str) -> Status {
    about(code, reason, message, &[("backup", id)])
}

fn missing(id: &str) -> Status {
    of_backup(Code::NotFound, "BACKUP_NOT_FOUND", &format!("there is no backup {id}"), id)
}

/// Whether a store has a shop to back up.
fn may_be_backed_up(store: &Store) -> bool {
    use store::State;
    let runs = matches!(store.state(), State::Ready | State::Degraded | State::Updating | State::Failed);
    runs && store.ready_time.is_some()
}

/// Changes a backup, whose etag is another one then.
pub(super) fn change(registry: &mut Inner, id: &str, change: impl FnOnce(&mut Backup)) -> Option<Backup> {
    let backup = registry.backups.get_mut(id)?;
    change(backup);
    backup.etag = Uuid::new_v4().to_string();
    Some(backup.clone())
}

// === impl Service ===

impl Service {
    fn new_backup(&self, call: Call, request: CreateBackupRequest) -> Result<Backup, Status> {
        let made = body("backup.create", &CreateBackupRequest { request_id: String::new(), ..request.clone() });
        let CreateBackupRequest { store: store_id, labels, expire_time, request_id } = request;
        let mut registry = self.memory().registry.open();
        if let Some(known) = registry.answered(&request_id, &made)?.and_then(|id| registry.backups.get(&id).cloned()) {
            return Ok(known);
        }
        let store = self.memory().get(&store_id).ok_or_else(|| not_found(&store_id))?;
        if !may_be_backed_up(&store) {
            let state = store.state().as_str_name().trim_start_matches("STATE_").to_owned();
            let message = format!(
                "store {store_id} is {state}, and only a store that was READY once and whose database runs can be backed up"
            );
            let metadata = [("store_id", store_id.as_str()), ("state", &state)];
            return Err(about(Code::FailedPrecondition, "STATE_FORBIDS", &message, &metadata));
        }
        let under_way = |backup: &&Backup| {
            backup.store_uid == store.uid && matches!(backup.state(), State::Pending | State::Running)
        };
        if let Some(other) = registry.backups.values().find(under_way) {
            let message = format!("backup {} of store {store_id} is under way and has to end first", other.id);
            let metadata = [("store_id", store_id.as_str()), ("operation", &other.id), ("kind", "BACKUP")];
            return Err(about(Code::Aborted, "OPERATION_IN_PROGRESS", &message, &metadata));
        }
        let now = SystemTime::now().into();
        let name = format!("{:08}", registry.backups.len());
        let backup = Backup {
            id: format!("{}/{name}", store.uid),
            store: store_id,
            store_uid: store.uid.clone(),
            tenant: store.tenant.clone(),
            state: State::Pending.into(),
            r#type: Type::OnDemand.into(),
            create_time: Some(now),
            expire_time,
            labels,
            etag: Uuid::new_v4().to_string(),
            request_id: request_id.clone(),
            ..Backup::default()
        };
        registry.enter(call, &backup.id, &store.uid, std::slice::from_ref(&store.tenant));
        registry.remember(request_id, made, &backup.id);
        registry.backups.insert(backup.id.clone(), backup.clone());
        Ok(backup)
    }

    /// A change of a backup that is there: refused for one that is going, unless that is what is asked for.
    fn amend(
        &self,
        call: Call,
        (id, etag, request_id, made): (String, String, String, String),
        amend: impl FnOnce(&mut Backup) -> Result<(), Status>,
    ) -> Result<Backup, Status> {
        let mut registry = self.memory().registry.open();
        let known = registry.backups.get(&id).cloned().ok_or_else(|| missing(&id))?;
        if registry.answered(&request_id, &made)?.is_some() {
            return Ok(known);
        }
        if !etag.is_empty() && etag != known.etag {
            let message = format!("backup {id} has changed since the given etag; read it again");
            return Err(of_backup(Code::Aborted, "ETAG_MISMATCH", &message, &id));
        }
        let mut next = known.clone();
        amend(&mut next)?;
        registry.enter(call, &id, &known.store_uid, std::slice::from_ref(&known.tenant));
        registry.remember(request_id, made, &id);
        let changed = next != known;
        let written = change(&mut registry, &id, |backup| *backup = next).filter(|_| changed);
        Ok(written.unwrap_or(known))
    }
}

#[tonic::async_trait]
impl BackupService for Service {
    async fn create_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Result<Response<CreateBackupResponse>, Status> {
        let call = self.change(&request, "BackupService/CreateBackup")?;
        let request = request.into_inner();
        let mut violations = Violations::default();
        violations.id("store", &request.store);
        violations.labels("labels", &request.labels);
        expiry(&mut violations, request.expire_time);
        violations.finish()?;
        let backup = self.new_backup(call, request)?;
        Ok(Response::new(CreateBackupResponse { backup: Some(backup) }))
    }

    async fn get_backup(&self, request: Request<GetBackupRequest>) -> Result<Response<GetBackupResponse>, Status> {
        self.admit(&request)?;
        let GetBackupRequest { id } = request.into_inner();
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        violations.finish()?;
        let backup = self.memory().registry.open().backups.get(&id).cloned().ok_or_else(|| missing(&id))?;
        Ok(Response::new(GetBackupResponse { backup: Some(backup) }))
    }

    async fn list_backups(
        &self,
        request: Request<ListBackupsRequest>,
    ) -> Result<Response<ListBackupsResponse>, Status> {
        self.admit(&request)?;
        let ListBackupsRequest { store, tenant, page_size, page_token } = request.into_inner();
        let mut violations = Violations::default();
        if !store.is_empty() {
            violations.id("store", &store);
        }
        violations.finish()?;
        let wanted = |backup: &&Backup| {
            (store.is_empty() || store == backup.store) && (tenant.is_empty() || tenant == backup.tenant)
        };
        let all: Vec<Backup> = self.memory().registry.open().backups.values().filter(wanted).cloned().collect();
        let list = format!("backups-{store}-{tenant}");
        let (backups, next_page_token) = page(all, |backup| &backup.id, &list, page_size, &page_token)?;
        Ok(Response::new(ListBackupsResponse { backups, next_page_token }))
    }

    async fn update_backup(
        &self,
        request: Request<UpdateBackupRequest>,
    ) -> Result<Response<UpdateBackupResponse>, Status> {
        let call = self.change(&request, "BackupService/UpdateBackup")?;
        let request = request.into_inner();
        let made = body("backup.update", &UpdateBackupRequest { request_id: String::new(), ..request.clone() });
        let UpdateBackupRequest { id, expire_time, labels, update_mask, request_id, etag } = request;
        let paths = update_mask.unwrap_or_default().paths;
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        violations.labels("labels", &labels);
        expiry(&mut violations, expire_time);
        let known = !paths.is_empty() && paths.iter().all(|path| PATHS.contains(&path.as_str()));
        violations.check(known, "update_mask", "must name expire_time, labels or both");
        violations.finish()?;
        let names = |path: &str| paths.iter().any(|named| named == path);
        let backup = self.amend(call, (id, etag, request_id, made), |backup| {
            if backup.state() == State::Deleting {
                let message = format!("backup {} is DELETING, and cannot be changed", backup.id);
                return Err(of_backup(Code::FailedPrecondition, "STATE_FORBIDS", &message, &backup.id));
            }
            if names("labels") {
                backup.labels = labels;
            }
            if names("expire_time") {
                backup.expire_time = expire_time;
            }
            Ok(())
        })?;
        Ok(Response::new(UpdateBackupResponse { backup: Some(backup) }))
    }

    async fn delete_backup(
        &self,
        request: Request<DeleteBackupRequest>,
    ) -> Result<Response<DeleteBackupResponse>, Status> {
        let call = self.change(&request, "BackupService/DeleteBackup")?;
        let request = request.into_inner();
        let made = body("backup.delete", &DeleteBackupRequest { request_id: String::new(), ..request.clone() });
        let DeleteBackupRequest { id, request_id, etag } = request;
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        violations.finish()?;
        let backup = self.amend(call, (id, etag, request_id, made), |backup| {
            if backup.state() != State::Deleting {
                backup.set_state(State::Deleting);
                backup.failure = None;
                backup.end_time = backup.end_time.or_else(|| Some(SystemTime::now().into()));
            }
            Ok(())
        })?;
        Ok(Response::new(DeleteBackupResponse { backup: Some(backup) }))
    }
}
