//! Backups of stores: made, shown, changed, removed.

use std::time::{Duration, SystemTime};

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use prost_types::Timestamp;
use tonic::Status;
use uuid::Uuid;

use crate::{
    cause::Cause,
    client::Client,
    error::Error,
    retry::Repetition,
    v1::{self as wire, Backup, backup::State, backup_service_client::BackupServiceClient},
};

/// The most a server gives.
const PAGE_SIZE: i32 = 500;
/// A backup that is waited for is read again after this time, then ever more seldom.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Which backup shall be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct CreateBackup {
    request: wire::CreateBackupRequest,
}

/// What shall be changed of a backup. What is not named stays as it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct UpdateBackup {
    request: wire::UpdateBackupRequest,
}

// === impl CreateBackup ===

impl CreateBackup {
    /// Of the store with this id.
    pub fn new(store: impl Into<String>) -> Self {
        Self { request: wire::CreateBackupRequest { store: store.into(), ..Default::default() } }
    }

    /// A label for the caller's own use; may be called again.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.labels.insert(key.into(), value.into());
        self
    }

    /// When the server removes it. Default: never.
    pub fn expire_time(mut self, time: SystemTime) -> Self {
        self.request.expire_time = Some(time.into());
        self
    }

    /// Makes a repetition harmless: it makes no second backup. Default: a new UUID for every call.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request.request_id = request_id.into();
        self
    }
}

impl From<&str> for CreateBackup {
    fn from(store: &str) -> Self {
        Self::new(store)
    }
}

impl From<String> for CreateBackup {
    fn from(store: String) -> Self {
        Self::new(store)
    }
}

// === impl UpdateBackup ===

impl UpdateBackup {
    /// Of the backup with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { request: wire::UpdateBackupRequest { id: id.into(), ..Default::default() } }
    }

    /// All labels that it has afterwards.
    pub fn labels(mut self, labels: impl IntoIterator<Item = (String, String)>) -> Self {
        self.request.labels = labels.into_iter().collect();
        self.name("labels")
    }

    /// When the server removes it; `None`: never.
    pub fn expire_time(mut self, time: Option<SystemTime>) -> Self {
        self.request.expire_time = time.map(Timestamp::from);
        self.name("expire_time")
    }

    /// Only if the backup still has this etag.
    pub fn etag(mut self, etag: impl Into<String>) -> Self {
        self.request.etag = etag.into();
        self
    }

    /// Makes a repetition harmless. Default: a new UUID for every call.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request.request_id = request_id.into();
        self
    }

    fn name(mut self, path: &str) -> Self {
        let paths = &mut self.request.update_mask.get_or_insert_with(Default::default).paths;
        if !paths.iter().any(|named| named == path) {
            paths.push(path.to_owned());
        }
        self
    }
}

// === impl Client ===

impl Client {
    /// Asks for a backup of a store, and returns it as it is then, usually PENDING. [`Self::wait_until_backed_up`] waits for its end.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no store of this id; [`Error::Conflict`] with `OPERATION_IN_PROGRESS` while a backup of it is
    /// under way; [`Error::FailedPrecondition`] with `NO_REPOSITORY` or `STATE_FORBIDS`.
    pub async fn create_backup(&self, backup: impl Into<CreateBackup>) -> Result<Backup, Error> {
        let CreateBackup { mut request } = backup.into();
        identify(&mut request.request_id);
        let call = |channel, request| {
            let mut backups = BackupServiceClient::new(channel);
            async move { backups.create_backup(request).await }
        };
        present(self.call(Repetition::Harmless, request, call).await?.backup)
    }

    /// Returns one backup as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller can see none of this id.
    pub async fn get_backup(&self, id: impl Into<String>) -> Result<Backup, Error> {
        let call = |channel, request| {
            let mut backups = BackupServiceClient::new(channel);
            async move { backups.get_backup(request).await }
        };
        present(self.call(Repetition::Harmless, wire::GetBackupRequest { id: id.into() }, call).await?.backup)
    }

    /// One page of backups.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter, the size or the page token is wrong.
    pub async fn list_backups_page(
        &self,
        request: wire::ListBackupsRequest,
    ) -> Result<wire::ListBackupsResponse, Error> {
        let call = |channel, request| {
            let mut backups = BackupServiceClient::new(channel);
            async move { backups.list_backups(request).await }
        };
        self.call(Repetition::Harmless, request, call).await
    }

    /// All backups that the request selects, read a page at a time as the stream is polled: those of one store together, the oldest
    /// first. The stream ends with the first error.
    pub fn list_backups(&self, request: wire::ListBackupsRequest) -> BoxStream<'static, Result<Backup, Error>> {
        let first = Some(wire::ListBackupsRequest { page_size: PAGE_SIZE, page_token: String::new(), ..request });
        let pages = stream::try_unfold((self.clone(), first), |(client, request)| async move {
            let Some(mut request) = request else { return Ok::<_, Error>(None) };
            let page = client.list_backups_page(request.clone()).await?;
            request.page_token.clone_from(&page.next_page_token);
            let next = (!page.next_page_token.is_empty()).then_some(request);
            Ok(Some((stream::iter(page.backups.into_iter().map(Ok)), (client, next))))
        });
        pages.try_flatten().boxed()
    }

    /// Changes when a backup expires, or its labels.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller can see none of this id; [`Error::Conflict`] when it is not the one of the given etag;
    /// [`Error::FailedPrecondition`] with `STATE_FORBIDS` when it is being removed.
    pub async fn update_backup(&self, backup: UpdateBackup) -> Result<Backup, Error> {
        let UpdateBackup { mut request } = backup;
        identify(&mut request.request_id);
        let call = |channel, request| {
            let mut backups = BackupServiceClient::new(channel);
            async move { backups.update_backup(request).await }
        };
        present(self.call(Repetition::Harmless, request, call).await?.backup)
    }

    /// Asks for the removal of a backup, and returns it as it is then, DELETING.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller can see none of this id; [`Error::FailedPrecondition`] with `NO_REPOSITORY`.
    pub async fn delete_backup(&self, id: impl Into<String>) -> Result<Backup, Error> {
        let request_id = Uuid::new_v4().to_string();
        let request = wire::DeleteBackupRequest { id: id.into(), request_id, ..Default::default() };
        let call = |channel, request| {
            let mut backups = BackupServiceClient::new(channel);
            async move { backups.delete_backup(request).await }
        };
        present(self.call(Repetition::Harmless, request, call).await?.backup)
    }

    /// Waits until the backup has succeeded or failed, and returns it. `on_change` sees it as it is first, and then after each
    /// change that is seen. There is no deadline: put one around it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or when it is removed meanwhile; an error that a repetition cannot cure ends the wait,
    /// too.
    pub async fn wait_until_backed_up(&self, id: &str, mut on_change: impl FnMut(&Backup)) -> Result<Backup, Error> {
        let (mut last, mut pause) = (None, FIRST_LOOK);
        loop {
            match self.get_backup(id).await {
                Ok(backup) => {
                    if last.as_ref() != Some(&backup.etag) {
                        on_change(&backup);
                        last = Some(backup.etag.clone());
                    }
                    if matches!(backup.state(), State::Succeeded | State::Failed) {
                        return Ok(backup);
                    }
                }
                Err(error) if error.retryable() => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }
}

fn identify(request_id: &mut String) {
    if request_id.is_empty() {
        *request_id = Uuid::new_v4().to_string();
    }
}

fn present(backup: Option<Backup>) -> Result<Backup, Error> {
    backup.ok_or_else(|| Error::Other(Cause::new(Status::internal("the response has no backup"))))
}
