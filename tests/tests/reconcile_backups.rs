//! Backups are made, removed and expired by whichever replica, one of a store at a time, whatever ends in between.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Backup, BackupId, BackupState, Event, FailureReason, Store, Timestamp,
    backup::{
        BackupEvent, BackupType, NewBackup,
        job::{Answer, JOB_LOST, STORE_DELETED},
    },
    ledger::{Expected, Ledger, Owner, Write},
    provisioner::StepError,
};
use sendstores_server::{
    ledger::MemoryLedger,
    mirror::Mirror,
    reconcile::{BackupDriver, BackupPolicy},
};
use sendstores_tests::{
    ledger::{apply, change, create, happen, update},
    samples::parsed,
    scripted::{JobEnd, ScriptedProvisioner, finished, snapshot},
    wait::until,
};
use tokio_util::sync::{CancellationToken, DropGuard};

const STORE: &str = "store-a";

/// A store that is READY, a cluster, and no replica yet.
struct World {
    ledger: MemoryLedger,
    cluster: ScriptedProvisioner,
    store: Store,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let ledger = MemoryLedger::default();
        create(&ledger, STORE, "acme").await;
        let store = happen(&ledger, STORE, Event::Converged).await;
        Self { ledger, cluster: ScriptedProvisioner::new(), store }
    }

    /// A replica, until the guard is dropped.
    fn replica(&self, name: &str) -> DropGuard {
        let (mirror, stop) = (Mirror::new(100), CancellationToken::new());
        tokio::spawn(mirror.clone().follow(self.ledger.clone(), stop.clone()));
        let policy = BackupPolicy { lease: Duration::from_secs(2), patience: Duration::from_secs(3_600) };
        let (ledger, jobs, owner) = (self.ledger.clone(), self.cluster.clone(), Owner(name.to_owned()));
        let driver = BackupDriver { ledger, mirror, jobs, owner, policy };
        tokio::spawn(driver.run(stop.clone()));
        stop.drop_guard()
    }

    async fn ask(&self, name: &str) -> Backup {
        let new = NewBackup {
            id: parsed(&format!("{}/{name}", self.store.uid)),
            store: self.store.id.clone(),
            tenant: self.store.tenant.clone(),
            labels: Default::default(),
            of: BackupType::OnDemand,
            request_id: None,
            release: None,
            expire_time: None,
        };
        let resource = Backup::new(new, SystemTime::now().into());
        apply(&self.ledger, Write { resource, expected: Expected::Vacant, fence: None, operation: None }).await
    }

    /// Makes `event` happen as a caller would, whatever comes before.
    async fn happen(&self, id: &BackupId, event: BackupEvent) -> Backup {
        until("a write without a conflict", async || {
            let backup = self.load(id).await.expect("the backup");
            let resource = backup.after(event.clone(), SystemTime::now().into()).expect("possible");
            self.ledger.write(Write { resource, ..update(&backup) }).await.ok().map(|written| written.into_resource())
        })
        .await
    }

    async fn load(&self, id: &BackupId) -> Option<Backup> {
        self.ledger.load(id).await.expect("the ledger")
    }

    async fn reach(&self, id: &BackupId, state: BackupState) -> Backup {
        until(state.as_str(), async || self.load(id).await.filter(|backup| backup.state == state)).await
    }

    async fn job(&self, name: &str) {
        until(name, async || self.cluster.jobs().contains(&name.to_owned()).then_some(())).await;
    }
}

#[tokio::test]
async fn a_backup_is_one_job_whose_answer_is_recorded_and_nothing_is_left_of_it() {
    let world = World::new().await;
    let _replica = world.replica("one");
    let backup = world.ask("first").await;
    world.job("backup-first").await;
    let running = world.reach(&backup.id, BackupState::Running).await;
    assert!(running.start_time.is_some() && running.end_time.is_none());
    world.cluster.end_job("backup-first", finished());
    let done = world.reach(&backup.id, BackupState::Succeeded).await;
    let content = done.content.as_ref().expect("what is in it");
    assert_eq!((done.snapshot.clone(), content.manifest.orders), (Some(snapshot()), 20_000));
    assert!(done.end_time.is_some() && done.failure.is_none());
    until("nothing is left", async || world.cluster.jobs().is_empty().then_some(())).await;
    assert_eq!(world.cluster.jobs_made(), ["backup-first"]);
    let store = world.ledger.load(&world.store.id).await.expect("the ledger");
    assert_eq!(store, Some(world.store.clone()), "the store is as it was");
}

#[tokio::test]
async fn a_replica_that_ends_at_any_point_is_followed_by_one_that_looks_and_goes_on() {
    let world = World::new().await;
    let backup = world.ask("first").await;
    let one = world.replica("one");
    world.job("backup-first").await;
    drop(one);
    // It ends while no replica looks.
    world.cluster.end_job("backup-first", finished());
    let _two = world.replica("two");
    world.reach(&backup.id, BackupState::Succeeded).await;
    assert_eq!(world.cluster.jobs_made(), ["backup-first"]);
}

#[tokio::test]
async fn a_job_whose_maker_did_not_hear_of_it_is_not_made_twice() {
    let world = World::new().await;
    world.cluster.lose_job_answer();
    let _replica = world.replica("one");
    let backup = world.ask("first").await;
    until("the Job is asked for again", async || (world.cluster.jobs_repeated() > 0).then_some(())).await;
    world.cluster.end_job("backup-first", finished());
    let done = world.reach(&backup.id, BackupState::Succeeded).await;
    assert_eq!((world.cluster.jobs_made().len(), done.jobs.made), (1, 1));
}

#[tokio::test]
async fn a_job_that_is_gone_without_an_answer_is_made_once_more_and_no_third_time() {
    let world = World::new().await;
    let _replica = world.replica("one");
    world.cluster.script_job("backup-first", JobEnd::Vanishes);
    let first = world.ask("first").await;
    world.job("backup-first").await;
    world.cluster.end_job("backup-first", finished());
    world.reach(&first.id, BackupState::Succeeded).await;
    assert_eq!(world.cluster.jobs_made(), ["backup-first", "backup-first"]);

    for end in [JobEnd::Vanishes, JobEnd::Answers(Answer::None("its node is gone".to_owned()))] {
        world.cluster.script_job("backup-second", end);
    }
    let second = world.ask("second").await;
    let failed = world.reach(&second.id, BackupState::Failed).await;
    let failure = failed.failure.expect("why");
    assert_eq!((failure.reason, failure.message.as_str()), (JOB_LOST, "its node is gone"));
    assert_eq!(world.cluster.jobs_made().len(), 4);
}

#[tokio::test]
async fn why_a_job_failed_is_recorded_and_the_next_backup_begins() {
    let world = World::new().await;
    let _replica = world.replica("one");
    let reason = FailureReason::open("REPOSITORY_UNAVAILABLE");
    world.cluster.script_job("backup-first", JobEnd::Answers(Answer::Failed(reason, "503".to_owned())));
    world.cluster.script_job("backup-second", finished());
    let (first, second) = (world.ask("first").await, world.ask("second").await);
    let failed = world.reach(&first.id, BackupState::Failed).await;
    assert_eq!(failed.failure.map(|failure| (failure.reason, failure.message)), Some((reason, "503".to_owned())));
    world.reach(&second.id, BackupState::Succeeded).await;
    let refused = StepError::terminal(FailureReason::ValuesRefused, "no image");
    world.cluster.refuse_job(refused);
    let third = world.ask("third").await;
    let failed = world.reach(&third.id, BackupState::Failed).await;
    assert_eq!(failed.failure.map(|failure| failure.reason), Some(FailureReason::ValuesRefused));
}

#[tokio::test]
async fn the_backups_of_a_store_are_made_one_after_the_other_by_any_number_of_replicas() {
    let world = World::new().await;
    let _replicas = ["one", "two", "three"].map(|name| world.replica(name));
    let backups = [world.ask("a").await, world.ask("b").await, world.ask("c").await];
    for (backup, name) in backups.iter().zip(["backup-a", "backup-b", "backup-c"]) {
        world.job(name).await;
        assert_eq!(world.cluster.jobs(), [name], "no other is at work on the repository");
        world.cluster.end_job(name, finished());
        world.reach(&backup.id, BackupState::Succeeded).await;
    }
    assert_eq!(world.cluster.jobs_made().len(), 3);
}

#[tokio::test]
async fn a_backup_that_is_deleted_while_it_runs_is_stopped() {
    let world = World::new().await;
    let _replica = world.replica("one");
    let backup = world.ask("first").await;
    world.job("backup-first").await;
    world.happen(&backup.id, BackupEvent::DeleteRequested).await;
    world.reach(&backup.id, BackupState::Deleted).await;
    assert!(world.cluster.jobs().is_empty());
    assert_eq!(world.cluster.jobs_made(), ["backup-first"], "there is no snapshot to remove");
}

#[tokio::test]
async fn the_record_of_a_backup_goes_after_its_snapshot() {
    let world = World::new().await;
    world.cluster.script_job("backup-first", finished());
    let replica = world.replica("one");
    let backup = world.ask("first").await;
    world.reach(&backup.id, BackupState::Succeeded).await;
    world.happen(&backup.id, BackupEvent::DeleteRequested).await;
    world.job("forget-first").await;
    world.reach(&backup.id, BackupState::Deleting).await;
    drop(replica);
    world.cluster.end_job("forget-first", JobEnd::Answers(Answer::Forgotten));
    let _other = world.replica("two");
    world.reach(&backup.id, BackupState::Deleted).await;
    until("nothing is left", async || world.cluster.jobs().is_empty().then_some(())).await;
    assert_eq!(world.cluster.jobs_made(), ["backup-first", "forget-first"]);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_removed_keeps_its_record_with_the_reason() {
    let world = World::new().await;
    world.cluster.script_job("backup-first", finished());
    let reason = FailureReason::open("REPOSITORY_UNAVAILABLE");
    world.cluster.script_job("forget-first", JobEnd::Answers(Answer::Failed(reason, "503".to_owned())));
    let _replica = world.replica("one");
    let backup = world.ask("first").await;
    world.reach(&backup.id, BackupState::Succeeded).await;
    world.happen(&backup.id, BackupEvent::DeleteRequested).await;
    let stuck =
        until("the reason", async || world.load(&backup.id).await.filter(|backup| backup.failure.is_some())).await;
    let failure = stuck.failure.expect("why");
    assert_eq!((stuck.state, failure.reason), (BackupState::Deleting, reason));
    assert!(failure.retry_time.is_some());
}

#[tokio::test]
async fn a_backup_ends_with_its_store_unless_there_is_a_snapshot() {
    let world = World::new().await;
    world.cluster.script_job("backup-first", finished());
    let _replica = world.replica("one");
    let whole = world.ask("first").await;
    world.reach(&whole.id, BackupState::Succeeded).await;
    let going = world.ask("second").await;
    world.job("backup-second").await;
    happen(&world.ledger, STORE, Event::DeleteRequested).await;
    world.cluster.end_job("backup-second", JobEnd::Vanishes);
    let failed = world.reach(&going.id, BackupState::Failed).await;
    assert_eq!(failed.failure.map(|failure| failure.reason), Some(STORE_DELETED));
    happen(&world.ledger, STORE, Event::Removed).await;
    assert_eq!(
        world.reach(&whole.id, BackupState::Succeeded).await.snapshot,
        Some(snapshot()),
        "it outlives its store"
    );
    world.happen(&whole.id, BackupEvent::DeleteRequested).await;
    let kept =
        until("the reason", async || world.load(&whole.id).await.filter(|backup| backup.failure.is_some())).await;
    assert_eq!(kept.state, BackupState::Deleting, "its record is not lost");
    assert_eq!(kept.failure.map(|failure| failure.reason), Some(STORE_DELETED));
}

#[tokio::test]
async fn a_backup_expires_unless_it_is_the_newest_of_its_store() {
    let world = World::new().await;
    for name in ["backup-a", "backup-b"] {
        world.cluster.script_job(name, finished());
    }
    world.cluster.script_job("forget-a", JobEnd::Answers(Answer::Forgotten));
    let _replica = world.replica("one");
    let (old, newest) = (world.ask("a").await, world.ask("b").await);
    world.reach(&old.id, BackupState::Succeeded).await;
    world.reach(&newest.id, BackupState::Succeeded).await;
    let past = Some(Some(Timestamp::from_micros(1)));
    for backup in [&newest, &old] {
        world.happen(&backup.id, BackupEvent::Amended { labels: None, expire_time: past }).await;
    }
    world.reach(&old.id, BackupState::Deleted).await;
    world.reach(&newest.id, BackupState::Succeeded).await;
    assert!(!world.cluster.jobs_made().contains(&"forget-b".to_owned()));
    change(&world.ledger, STORE, |store| store.clone()).await;
}
