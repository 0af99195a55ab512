//! The stored form of a backup.

use std::collections::BTreeMap;

use sendstores_core::{
    Backup, Labels, ReleaseName, Revision, Timestamp,
    backup::{BackupState, BackupType, Content, Jobs, Manifest},
};
use serde::{Deserialize, Serialize};

use super::{Stored, check_version, kept, parse, store::FailureRecord, text::Text};

#[derive(Serialize, Deserialize)]
pub(super) struct BackupRecord<'a> {
    version: u32,
    #[serde(borrow)]
    id: Text<'a>,
    store: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(rename = "type")]
    of: Text<'a>,
    state: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    jobs: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Box<ContentRecord<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Box<FailureRecord<'a>>>,
    create_time: i64,
    update_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expire_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ContentRecord<'a> {
    consistent_time: i64,
    added_bytes: u64,
    total_bytes: u64,
    tables: u64,
    rows: u64,
    orders: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest_order_time: Option<i64>,
    files: u64,
    file_bytes: u64,
    database_bytes: u64,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<Text<'a>, Text<'a>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn micros(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_micros)
}

fn time(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}

// === impl Backup ===

impl Stored for Backup {
    type Form<'a> = BackupRecord<'a>;

    const VERSION: u32 = 1;

    fn form(&self) -> BackupRecord<'_> {
        let Self {
            id,
            store,
            tenant,
            labels,
            of,
            state,
            request_id,
            release,
            jobs: Jobs { made, last },
            snapshot,
            content,
            failure,
            revision: _,
            create_time,
            update_time,
            start_time,
            end_time,
            expire_time,
            delete_time,
            unknown: _,
        } = self;
        BackupRecord {
            version: Self::VERSION,
            id: id.as_str().into(),
            store: store.as_str().into(),
            tenant: tenant.as_ref().map(|tenant| tenant.as_str().into()),
            labels: labels.iter().map(|(key, value)| (key.into(), value.into())).collect(),
            of: of.as_str().into(),
            state: state.as_str().into(),
            request_id: request_id.as_ref().map(|id| id.as_str().into()),
            release: release.as_ref().map(|name| name.as_str().into()),
            jobs: *made,
            job: last.as_ref().map(|uid| uid.as_str().into()),
            snapshot: snapshot.as_ref().map(|snapshot| snapshot.as_str().into()),
            content: content.as_deref().map(|content| Box::new(content.into())),
            failure: failure.as_deref().map(|failure| Box::new(failure.into())),
            create_time: create_time.as_micros(),
            update_time: update_time.as_micros(),
            start_time: micros(*start_time),
            end_time: micros(*end_time),
            expire_time: micros(*expire_time),
            delete_time: micros(*delete_time),
        }
    }

    fn of_form(form: BackupRecord<'_>, revision: Revision) -> Result<Self, String> {
        check_version(form.version, Self::VERSION)?;
        let labels = form.labels.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned()));
        Ok(Self {
            id: parse("id", &form.id)?,
            store: parse("store", &form.store)?,
            tenant: form.tenant.map(|tenant| parse("tenant", &tenant)).transpose()?,
            labels: Labels::parse(labels).map_err(|why| format!("labels {why}"))?,
            of: kept("type", &form.of, BackupType::kept)?,
            state: kept("state", &form.state, BackupState::kept)?,
            request_id: form.request_id.map(|id| parse("request_id", &id)).transpose()?,
            release: form.release.map(|name| ReleaseName::recorded(&name)),
            jobs: Jobs { made: form.jobs, last: form.job.map(|uid| parse("job", &uid)).transpose()? },
            snapshot: form.snapshot.map(|snapshot| parse("snapshot", &snapshot)).transpose()?,
            content: form.content.map(|content| Box::new((*content).into())),
            failure: form.failure.map(|failure| (*failure).try_into().map(Box::new)).transpose()?,
            revision,
            create_time: Timestamp::from_micros(form.create_time),
            update_time: Timestamp::from_micros(form.update_time),
            start_time: time(form.start_time),
            end_time: time(form.end_time),
            expire_time: time(form.expire_time),
            delete_time: time(form.delete_time),
            unknown: None,
        })
    }
}

// === impl ContentRecord ===

impl<'a> From<&'a Content> for ContentRecord<'a> {
    fn from(content: &'a Content) -> Self {
        let Content { consistent_time, added_bytes, total_bytes, manifest } = content;
        let Manifest { tables, rows, orders, newest_order_time, files, file_bytes, database_bytes, versions } =
            manifest;
        Self {
            consistent_time: consistent_time.as_micros(),
            added_bytes: *added_bytes,
            total_bytes: *total_bytes,
            tables: *tables,
            rows: *rows,
            orders: *orders,
            newest_order_time: micros(*newest_order_time),
            files: *files,
            file_bytes: *file_bytes,
            database_bytes: *database_bytes,
            versions: versions.iter().map(|(name, version)| (name.into(), version.into())).collect(),
        }
    }
}

impl From<ContentRecord<'_>> for Content {
    fn from(record: ContentRecord<'_>) -> Self {
        let versions = record.versions.into_iter().map(|(name, version)| (name.into_owned(), version.into_owned()));
        Self {
            consistent_time: Timestamp::from_micros(record.consistent_time),
            added_bytes: record.added_bytes,
            total_bytes: record.total_bytes,
            manifest: Manifest {
                tables: record.tables,
                rows: record.rows,
                orders: record.orders,
                newest_order_time: time(record.newest_order_time),
                files: record.files,
                file_bytes: record.file_bytes,
                database_bytes: record.database_bytes,
                versions: versions.collect(),
            },
        }
    }
}
