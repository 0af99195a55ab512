//! A backup on the wire.

use sendstores_core::{
    Backup,
    backup::{BackupType, Content, Manifest},
};
use sendstores_proto::v1 as wire;

use super::{super::backups, failure, time};

pub(in crate::grpc) fn backup(backup: &Backup) -> wire::Backup {
    let content = backup.content.as_deref();
    let failure = backup.failure.as_deref();
    wire::Backup {
        id: backup.id.to_string(),
        store: backup.store.to_string(),
        store_uid: backup.store_uid().to_string(),
        tenant: backup.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: backups::state(backup.state).into(),
        r#type: kind(backup.of).into(),
        release: backup.release.as_ref().map(ToString::to_string).unwrap_or_default(),
        manifest: content.map(|content| manifest(&content.manifest)),
        added_bytes: content.map(|content| number(content.added_bytes)).unwrap_or_default(),
        total_bytes: content.map(|content| number(content.total_bytes)).unwrap_or_default(),
        consistent_time: content.map(|Content { consistent_time, .. }| time(*consistent_time)),
        create_time: Some(time(backup.create_time)),
        start_time: backup.start_time.map(time),
        end_time: backup.end_time.map(time),
        expire_time: backup.expire_time.map(time),
        failure: failure.map(|why| wire::Failure { suggestion: suggestion(why.reason.as_str()), ..failure_of(why) }),
        labels: backup.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        etag: crate::grpc::token::backup_etag(backup),
        request_id: backup.request_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        snapshot: backup.snapshot.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

fn failure_of(why: &sendstores_core::Failure) -> wire::Failure {
    failure(why)
}

fn kind(of: BackupType) -> wire::backup::Type {
    use wire::backup::Type as Wire;
    match of {
        BackupType::OnDemand => Wire::OnDemand,
        BackupType::Scheduled => Wire::Scheduled,
        BackupType::PreUpdate => Wire::PreUpdate,
        BackupType::PreRestore => Wire::PreRestore,
        BackupType::Final => Wire::Final,
        BackupType::Unknown(_) => Wire::Unspecified,
    }
}

fn manifest(manifest: &Manifest) -> wire::backup::Manifest {
    let Manifest { tables, rows, orders, newest_order_time, files, file_bytes, database_bytes, versions } = manifest;
    let version = |name: &str| versions.get(name).cloned().unwrap_or_default();
    wire::backup::Manifest {
        tables: number(*tables),
        rows: number(*rows),
        orders: number(*orders),
        newest_order_time: newest_order_time.map(time),
        files: number(*files),
        file_bytes: number(*file_bytes),
        database_bytes: number(*database_bytes),
        wordpress_version: version("wordpress"),
        wordpress_db_version: version("wordpress_db"),
        woocommerce_version: version("woocommerce"),
        woocommerce_db_version: version("woocommerce_db"),
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What an operator can do about it.
fn suggestion(reason: &str) -> String {
    let what = match reason {
        "DATABASE_UNAVAILABLE" => "look at the state of the store: its database does not answer",
        "DUMP_INCOMPLETE" => "back it up again when no plugin is being installed or updated",
        "DISK_FULL" => "enlarge the database volume of the store: the scratch space of the Job is as large",
        "REPOSITORY_UNAVAILABLE" => {
            "check --backup-repository, --backup-s3-credentials and the way from pods to it (backup.egress)"
        }
        "REPOSITORY_KEY_WRONG" => "start the server with the --backup-key-file that the repository was made with",
        "SNAPSHOT_INCOMPLETE" => "back it up again; if that fails, check the repository with restic",
        "BACKUP_JOB_LOST" => "look at the events of the namespace, and back it up again",
        "BACKUP_TIMED_OUT" => "raise --backup-deadline, or look at what the Job waited for",
        "STORE_DELETED" => "remove the folder of the store's uid from the repository if it is not needed",
        "NO_REPOSITORY" => "start the server with --backup-repository",
        _ => "",
    };
    what.to_owned()
}
