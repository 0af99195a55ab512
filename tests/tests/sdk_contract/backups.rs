//! Backups.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use futures::TryStreamExt;
use sendstores_client::{
    CreateBackup, CreateStore, Error, UpdateBackup,
    v1::{Backup, ListBackupsRequest, backup::State, failure::Reason},
};
use sendstores_core::{
    Failure, FailureReason, Timestamp,
    backup::{BackupEvent, Content, Manifest},
    ledger::{Ledger, Write},
};
use sendstores_tests::{ledger::update, samples::parsed, wait::until};

use super::{Subject, sdk_rig::refusal};

fn reason<T: Debug>(said: Result<T, Error>) -> String {
    refusal(said).reason().unwrap_or_default().to_owned()
}

/// Makes events happen to the backup, as the server would.
async fn happen(subject: &Subject, id: &str, events: Vec<BackupEvent>) {
    let Subject::Real(rig) = subject else { return };
    let id: sendstores_core::BackupId = parsed(id);
    for event in events {
        until("a write without a conflict", async || {
            let backup = rig.ledger.load(&id).await.expect("the ledger").expect("the backup");
            let resource = backup.after(event.clone(), SystemTime::now().into()).expect("possible");
            rig.ledger.write(Write { resource, ..update(&backup) }).await.ok()
        })
        .await;
    }
}

async fn succeed(subject: &Subject, id: &str) {
    if let Subject::Fake(server) = subject {
        server.backed_up(id).expect("a backup");
    }
    let consistent_time = Timestamp::from_micros(1_700_000_000_000_000);
    let content = Content { consistent_time, added_bytes: 1, total_bytes: 2, manifest: Manifest::default() };
    let succeeded = BackupEvent::Succeeded(parsed(&"5f".repeat(32)), Box::new(content));
    happen(subject, id, vec![BackupEvent::Begun, succeeded]).await;
}

async fn fail(subject: &Subject, id: &str) {
    if let Subject::Fake(server) = subject {
        server.fail_backup(id, Reason::DiskFull, "no space").expect("a backup");
    }
    let (reason, message) = (FailureReason::open("DISK_FULL"), "no space".to_owned());
    let failure = Failure { reason, message, step: None, attempt: 0, retry_time: None, diagnosis: None };
    happen(subject, id, vec![BackupEvent::Failed(Box::new(failure))]).await;
}

async fn removed(subject: &Subject, id: &str) {
    if let Subject::Fake(server) = subject {
        assert!(server.backup_removed(id));
    }
    happen(subject, id, vec![BackupEvent::Removed]).await;
}

pub(super) async fn a_backup_is_made_once_waited_for_and_removed(subject: Subject) {
    let client = subject.client();
    let store = client.create(CreateStore::new().id("store-a").tenant("acme")).await.expect("created");
    subject.ready("store-a").await;
    let wanted = CreateBackup::new("store-a").label("why", "test").request_id("r1");
    let made = client.create_backup(wanted.clone()).await.expect("accepted");
    assert_eq!((made.state(), made.store_uid.as_str(), made.tenant.as_str()), (State::Pending, &*store.uid, "acme"));
    assert_eq!(client.create_backup(wanted.clone()).await.expect("repeated").id, made.id);
    assert_eq!(reason(client.create_backup(wanted.label("other", "one")).await), "REQUEST_ID_REUSED");
    assert_eq!(reason(client.create_backup("store-a").await), "OPERATION_IN_PROGRESS");

    let mut seen = Vec::new();
    let (waiting, ending) = (client.clone(), made.id.clone());
    let waited = waiting.wait_until_backed_up(&ending, |backup| seen.push(backup.state()));
    let (ended, ()) = tokio::join!(waited, succeed(&subject, &made.id));
    let ended = ended.expect("it ends");
    assert_eq!((ended.state(), ended.snapshot.as_str()), (State::Succeeded, "5f".repeat(32).as_str()));
    assert_eq!(seen.last(), Some(&State::Succeeded));

    let end = SystemTime::now() + Duration::from_secs(86_400);
    let kept = UpdateBackup::new(&made.id).expire_time(Some(end)).labels([]);
    let kept = client.update_backup(kept).await.expect("changed");
    assert!(kept.expire_time.is_some() && kept.labels.is_empty() && kept.etag != ended.etag);
    let stale = UpdateBackup::new(&made.id).expire_time(None).etag(&ended.etag);
    assert_eq!(reason(client.update_backup(stale).await), "ETAG_MISMATCH");

    let second = client.create_backup("store-a").await.expect("accepted").id;
    fail(&subject, &second).await;
    let failed = client.wait_until_backed_up(&second, |_| ()).await.expect("it ends");
    assert_eq!(failed.failure.map(|why| (why.reason(), why.message)), Some((Reason::DiskFull, "no space".to_owned())));
    let listed: Vec<Backup> = client.list_backups(ListBackupsRequest::default()).try_collect().await.expect("listed");
    assert_eq!(listed.len(), 2);
    assert!(listed.is_sorted_by_key(|backup| &backup.id));
    let first = ListBackupsRequest { page_size: 1, store: "store-a".to_owned(), ..Default::default() };
    let first = client.list_backups_page(first).await.expect("a page");
    let next = ListBackupsRequest {
        page_token: first.next_page_token,
        page_size: 1,
        store: "store-a".to_owned(),
        ..Default::default()
    };
    let next = client.list_backups_page(next).await.expect("a page");
    assert_eq!([first.backups, next.backups].concat(), listed);
    let none = ListBackupsRequest { store: "store-b".to_owned(), ..Default::default() };
    assert!(client.list_backups_page(none).await.expect("a page").backups.is_empty());

    let going = client.delete_backup(&made.id).await.expect("accepted");
    assert_eq!(going.state(), State::Deleting);
    assert_eq!(reason(client.update_backup(UpdateBackup::new(&made.id).labels([])).await), "STATE_FORBIDS");
    removed(&subject, &made.id).await;
    until("NOT_FOUND", async || client.get_backup(&made.id).await.err()).await;
    assert_eq!(reason(client.get_backup(&made.id).await), "BACKUP_NOT_FOUND");
}

pub(super) async fn what_is_wrong_of_a_backup_is_named(subject: Subject) {
    let client = subject.client();
    client.create(CreateStore::new().id("store-a")).await.expect("created");
    assert_eq!(reason(client.create_backup("store-a").await), "STATE_FORBIDS", "it was never READY");
    assert_eq!(reason(client.create_backup("store-none").await), "STORE_NOT_FOUND");
    let missing = "0193b0a0-7c3e-7000-8000-0000000000af/20261130-174933-4fkq";
    assert_eq!(reason(client.get_backup(missing).await), "BACKUP_NOT_FOUND");
    assert_eq!(reason(client.delete_backup(missing).await), "BACKUP_NOT_FOUND");
    assert_eq!(reason(client.update_backup(UpdateBackup::new(missing).labels([])).await), "BACKUP_NOT_FOUND");
    let fields = |error: Error| match error {
        Error::InvalidArgument { violations, .. } => {
            violations.into_iter().map(|wrong| wrong.field).collect::<Vec<_>>()
        }
        other => panic!("{other}"),
    };
    let past = SystemTime::now() - Duration::from_secs(60);
    let wrong = CreateBackup::new("none").label("a b", "").expire_time(past);
    let mut named = fields(client.create_backup(wrong).await.expect_err("refused"));
    named.sort();
    assert_eq!(named, ["expire_time", "labels", "store"]);
    assert_eq!(fields(client.get_backup("none").await.expect_err("refused")), ["id"]);
    assert_eq!(fields(client.update_backup(UpdateBackup::new(missing)).await.expect_err("refused")), ["update_mask"]);
}
