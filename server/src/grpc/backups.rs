//! `BackupService`: accepts, shows, amends and removes backups. The driver of backups does the rest.

mod parse;

use std::time::SystemTime;

use sendstores_core::{
    Backup, BackupId, Scope, State, Store, StoreId,
    admission::Terms,
    backup::{BackupEvent, BackupState, BackupType, NewBackup},
    ledger::{Expected, Ledger, LedgerError, Operation, Write, Written},
};
use sendstores_proto::v1::{self as wire, backup_service_server::BackupService};
use tonic::{Request, Response, Status};

use self::parse::{Change, Creation};
use super::{
    StoreApi,
    audited::{self, About, By},
    convert, ids,
    service::{Backend, by},
    status::{BackupRefusal, Refusal},
    token,
};
use crate::mirror::Consistency;

/// How often a backup is changed against other changes of it.
const ATTEMPTS: usize = 10;

#[tonic::async_trait]
impl<L: Ledger> BackupService for StoreApi<L> {
    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn create_backup(
        &self,
        request: Request<wire::CreateBackupRequest>,
    ) -> Result<Response<wire::CreateBackupResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            let backup = api.accept_backup(parse::creation(request, &caller.scope)?, &caller.scope, &by).await?;
            Ok(wire::CreateBackupResponse { backup: Some(convert::backup(&backup)) })
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn get_backup(
        &self,
        request: Request<wire::GetBackupRequest>,
    ) -> Result<Response<wire::GetBackupResponse>, Status> {
        self.answer_newest(request, async |api: &Self, request, caller| {
            let id = parse::id(&request.id)?;
            let Backend { ledger, mirror, .. } = api.backend()?;
            mirror.ready(Consistency::Linearizable, ledger).await?;
            let found = mirror.backup(&id).filter(|backup| is_shown(backup, &caller.scope));
            let backup = found.ok_or(BackupRefusal::NotFound(id))?;
            Ok(wire::GetBackupResponse { backup: Some(convert::backup(&backup)) })
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn list_backups(
        &self,
        request: Request<wire::ListBackupsRequest>,
    ) -> Result<Response<wire::ListBackupsResponse>, Status> {
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.page_of_backups(request, &caller.scope).await
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn update_backup(
        &self,
        request: Request<wire::UpdateBackupRequest>,
    ) -> Result<Response<wire::UpdateBackupResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            let (change, event) = parse::amendment(request, &caller.scope)?;
            let backup = api.change_backup(change, event, &caller.scope, &by).await?;
            Ok(wire::UpdateBackupResponse { backup: Some(convert::backup(&backup)) })
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn delete_backup(
        &self,
        request: Request<wire::DeleteBackupRequest>,
    ) -> Result<Response<wire::DeleteBackupResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            let change = parse::deletion(request, &caller.scope)?;
            let backup = api.change_backup(change, BackupEvent::DeleteRequested, &caller.scope, &by).await?;
            Ok(wire::DeleteBackupResponse { backup: Some(convert::backup(&backup)) })
        })
        .await
    }
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    async fn accept_backup(&self, creation: Creation, scope: &Scope, by: &By) -> Result<Backup, Refusal> {
        let Creation { store, labels, expire_time, operation } = creation;
        let Backend { ledger, mirror, .. } = self.writable()?;
        if let Some(answered) = answered(ledger, operation.as_ref(), scope).await? {
            return Ok(answered);
        }
        let store = self.store_to_back_up(&store, scope, by).await?;
        if !self.has_repository() {
            return Err(BackupRefusal::NoRepository.into());
        }
        if !may_be_backed_up(&store) {
            return Err(BackupRefusal::StoreState(store.id, store.state).into());
        }
        mirror.ready(Consistency::Linearizable, ledger).await?;
        let under_way = |backup: &Backup| backup.store_uid() == &store.uid && backup.state.is_under_way();
        if let Some(other) = mirror.backups(under_way, None, 1).first() {
            return Err(BackupRefusal::InProgress(store.id, other.id.clone()).into());
        }
        let now = SystemTime::now().into();
        let id = ids::backup(&store.uid, now).map_err(|_| Refusal::Internal)?;
        let new = NewBackup {
            id,
            store: store.id.clone(),
            tenant: store.tenant.clone(),
            labels,
            of: BackupType::OnDemand,
            request_id: operation.as_ref().map(|operation| operation.id.clone()),
            release: store.made_from.as_deref().and_then(|made_from| made_from.name.clone()),
            expire_time,
        };
        let resource = Backup::new(new, now);
        let terms = by.terms(About::backup(&resource), Terms::default());
        let write = Write { resource, expected: Expected::Vacant, fence: None, operation };
        match audited::submit(ledger, write, terms).await {
            Ok(Written::Applied(backup)) => Ok(backup),
            Ok(Written::Repeated(backup)) => own(backup, scope),
            // The random part of the id is that of another backup of this second.
            Err(LedgerError::Conflict(_)) => Err(Refusal::WriteConflict(store.id)),
            Err(error) => Err(error.into()),
        }
    }

    async fn store_to_back_up(&self, id: &StoreId, scope: &Scope, by: &By) -> Result<Store, Refusal> {
        let found = self.writable()?.ledger.load(id).await?.filter(|store: &Store| store.state != State::Deleted);
        match found {
            Some(store) if scope.contains(store.tenant.as_ref()) => Ok(store),
            found => {
                if let Some(origin) = &by.origin {
                    self.note_absent(origin, id.as_str(), found.as_ref().map(About::store));
                }
                Err(Refusal::StoreNotFound(id.clone()))
            }
        }
    }

    async fn page_of_backups(
        &self,
        request: wire::ListBackupsRequest,
        scope: &Scope,
    ) -> Result<wire::ListBackupsResponse, Refusal> {
        let parse::Page { wanted, most, list, page_token } = parse::page(request)?;
        let after: Option<BackupId> = token::open_after(&list, scope, &page_token)?;
        let Backend { ledger, mirror, .. } = self.backend()?;
        mirror.ready(Consistency::Linearizable, ledger).await?;
        let wanted = |backup: &Backup| is_shown(backup, scope) && wanted.includes(backup);
        let mut backups = mirror.backups(wanted, after.as_ref(), most.saturating_add(1));
        let more = backups.len() > most;
        backups.truncate(most);
        let last = backups.last().filter(|_| more);
        Ok(wire::ListBackupsResponse {
            next_page_token: last.map(|last| token::after(&list, scope, last.id.as_str())).unwrap_or_default(),
            backups: backups.iter().map(|backup| convert::backup(backup)).collect(),
        })
    }

    async fn change_backup(
        &self,
        change: Change,
        event: BackupEvent,
        scope: &Scope,
        by: &By,
    ) -> Result<Backup, Refusal> {
        let Change { id, etag, operation } = change;
        let ledger = &self.writable()?.ledger;
        if let Some(answered) = answered(ledger, operation.as_ref(), scope).await? {
            return Ok(answered);
        }
        for _ in 0..ATTEMPTS {
            let found: Option<Backup> = ledger.load(&id).await?.filter(|backup: &Backup| !backup.is_deleted());
            let Some(backup) = found.clone().filter(|backup| is_shown(backup, scope)) else {
                if let Some(origin) = &by.origin {
                    self.note_absent(origin, id.as_str(), found.as_ref().map(About::backup));
                }
                return Err(BackupRefusal::NotFound(id).into());
            };
            if !etag.is_empty() && etag != token::backup_etag(&backup) {
                return Err(BackupRefusal::EtagMismatch(id).into());
            }
            if event == BackupEvent::DeleteRequested && !self.has_repository() {
                return Err(BackupRefusal::NoRepository.into());
            }
            let next = backup.after(event.clone(), SystemTime::now().into());
            let resource = next.map_err(|_| BackupRefusal::State(id.clone(), backup.state))?;
            // A repetition without a request id changes nothing, so there is nothing to write either.
            if operation.is_none() && resource == backup {
                return Ok(backup);
            }
            let terms = by.terms(About::backup(&resource), Terms::default());
            let expected = Expected::Revision(backup.revision);
            let write = Write { resource, expected, fence: None, operation: operation.clone() };
            match audited::submit(ledger, write, terms).await {
                Ok(written) => return own(written.into_resource(), scope),
                Err(LedgerError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(BackupRefusal::Conflict(id).into())
    }
}

fn is_shown(backup: &Backup, scope: &Scope) -> bool {
    !backup.is_deleted() && scope.contains(backup.tenant.as_ref())
}

/// A store has a shop to back up once it was READY, and for as long as its database is to run.
fn may_be_backed_up(store: &Store) -> bool {
    let runs = matches!(store.state, State::Ready | State::Degraded | State::Updating | State::Failed);
    runs && store.ready_time.is_some()
}

/// What the operation answered before, if it happened.
async fn answered<L: Ledger>(
    ledger: &L,
    operation: Option<&Operation>,
    scope: &Scope,
) -> Result<Option<Backup>, Refusal> {
    let Some(operation) = operation else { return Ok(None) };
    ledger.recall(operation).await?.map(|backup| own(backup, scope)).transpose()
}

/// What an operation answered, if that is the caller's. A caller of several tenants shares ids with those of the first.
fn own(backup: Backup, scope: &Scope) -> Result<Backup, Refusal> {
    if scope.contains(backup.tenant.as_ref()) { Ok(backup) } else { Err(Refusal::RequestIdReused) }
}

/// How a state is called on the wire.
pub(super) fn state(state: BackupState) -> wire::backup::State {
    use wire::backup::State as Wire;
    match state {
        BackupState::Pending => Wire::Pending,
        BackupState::Running => Wire::Running,
        BackupState::Succeeded => Wire::Succeeded,
        BackupState::Failed => Wire::Failed,
        // A tombstone is in no response.
        BackupState::Deleting | BackupState::Deleted => Wire::Deleting,
        BackupState::Unknown(_) => Wire::Unspecified,
    }
}
