//! The verbs for backups.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use sendstores_client::{CreateBackup, UpdateBackup, v1::ListBackupsRequest};

use super::{WaitLimit, filter, list::Format};

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  sendstores backup store-ab12cd34 --wait                      back a store up while it sells
  sendstores backup store-ab12cd34 --expires-in 30d --label why=before-sale
  sendstores backups store-ab12cd34                            list its backups
  sendstores backup get UID/NAME                               show what is in one
  sendstores backup update UID/NAME --never-expires            keep one
  sendstores backup delete UID/NAME                            remove one for good"
)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    #[command(flatten)]
    pub(crate) create: CreateBackupArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Show one backup.
    Get {
        /// Id of the backup, as `sendstores backups` shows it.
        backup: String,
    },
    /// Change when a backup expires, or its labels.
    Update(UpdateBackupArgs),
    /// Remove a backup for good.
    Delete {
        /// Id of the backup, as `sendstores backups` shows it.
        backup: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct CreateBackupArgs {
    /// Id of the store to back up.
    #[arg(required = true)]
    store: Option<String>,
    /// Label for your own use. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = filter::label)]
    labels: Vec<(String, String)>,
    /// Have the server remove the backup after this time, such as 30d. Default: it is kept.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
    /// Id of this request. A retry with the same id makes no second backup.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Wait until the backup has succeeded or failed.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateBackupArgs {
    /// Id of the backup, as `sendstores backups` shows it.
    backup: String,
    /// Have the server remove the backup after this time from now, such as 30d.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "never_expires")]
    expires_in: Option<Duration>,
    /// Keep the backup until it is deleted.
    #[arg(long)]
    never_expires: bool,
    /// Label that the backup has afterwards, in the place of all that it has. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = filter::label, conflicts_with = "no_labels")]
    labels: Vec<(String, String)>,
    /// Take all labels off.
    #[arg(long)]
    no_labels: bool,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores backups
  sendstores backups store-ab12cd34 -o wide
  sendstores backups --tenant acme --json | jq -r '.backups[] | select(.state == \"STATE_FAILED\") | .id'")]
pub(crate) struct BackupsArgs {
    /// Only backups of stores with this id, also of those that are deleted.
    id: Option<String>,
    /// Only backups of stores of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// How to print the backups.
    #[arg(long, short, value_enum, default_value_t = Format::Table, hide_default_value = true, conflicts_with = "json")]
    pub(crate) output: Format,
}

// === impl CreateBackupArgs ===

impl CreateBackupArgs {
    pub(crate) fn into_request(self) -> CreateBackup {
        let Self { store, labels, expires_in, request_id, wait: _, limit: _ } = self;
        let mut request = CreateBackup::new(store.unwrap_or_default());
        if let Some(life) = expires_in {
            request = request.expire_time(after(life));
        }
        if let Some(id) = request_id {
            request = request.request_id(id);
        }
        labels.into_iter().fold(request, |request, (key, value)| request.label(key, value))
    }
}

// === impl UpdateBackupArgs ===

impl UpdateBackupArgs {
    pub(crate) fn into_request(self) -> UpdateBackup {
        let Self { backup, expires_in, never_expires, labels, no_labels, request_id } = self;
        let mut request = UpdateBackup::new(backup);
        if never_expires || expires_in.is_some() {
            request = request.expire_time(expires_in.map(after));
        }
        if no_labels || !labels.is_empty() {
            request = request.labels(labels);
        }
        match request_id {
            Some(id) => request.request_id(id),
            None => request,
        }
    }
}

// === impl BackupsArgs ===

impl BackupsArgs {
    pub(crate) fn into_request(self) -> ListBackupsRequest {
        let Self { id, tenant, output: _ } = self;
        let (store, tenant) = (id.unwrap_or_default(), tenant.unwrap_or_default());
        ListBackupsRequest { store, tenant, ..ListBackupsRequest::default() }
    }
}

/// A time that is out of reach is refused by the server.
fn after(life: Duration) -> SystemTime {
    let now = SystemTime::now();
    now.checked_add(life).unwrap_or(now)
}
