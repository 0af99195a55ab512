use std::time::Duration;

use super::{
    job::{Answer, JOB_LOST, JobSeen, Known, Next, Purpose, STORE_DELETED, Task, plan},
    *,
};
use crate::{failure::FailureReason, store::fixture, word::Word};

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn uid(text: &str) -> JobUid {
    text.parse().expect("a uid")
}

fn snapshot() -> SnapshotId {
    "5f".repeat(32).parse().expect("a snapshot")
}

fn content() -> Box<Content> {
    Box::new(Content {
        consistent_time: at(2),
        added_bytes: 1,
        total_bytes: 2,
        manifest: Manifest { tables: 3, ..Manifest::default() },
    })
}

fn failure(reason: FailureReason) -> Box<Failure> {
    Box::new(Failure { reason, message: "no".to_owned(), step: None, attempt: 0, retry_time: None, diagnosis: None })
}

fn backup(state: BackupState) -> Backup {
    let new = NewBackup {
        id: "0193b0a0-7c3e-7000-8000-0000000000af/20261130-174933-4fkq".parse().expect("an id"),
        store: "store-a".parse().expect("an id"),
        tenant: None,
        labels: Labels::default(),
        of: BackupType::OnDemand,
        request_id: None,
        release: None,
        expire_time: None,
    };
    Backup { state, ..Backup::new(new, at(1)) }
}

fn known() -> Known {
    Known { store: true, newest: false, backup: None, forget: None, now: at(10) }
}

#[test]
fn the_state_machine_is_this_table() {
    use BackupState::{Deleted, Deleting, Failed, Pending, Running, Succeeded, Unknown};
    let amended = BackupEvent::Amended { labels: None, expire_time: None };
    let events = [
        BackupEvent::Begun,
        BackupEvent::JobMade(uid("1")),
        BackupEvent::Succeeded(snapshot(), content()),
        BackupEvent::Failed(failure(JOB_LOST)),
        amended,
        BackupEvent::DeleteRequested,
        BackupEvent::Stuck(failure(JOB_LOST)),
        BackupEvent::Removed,
    ];
    let other = Unknown(Word::intern("FROZEN").expect("a word"));
    let (no, del) = (None, Some(Deleting));
    for (state, next) in [
        (Pending, [Some(Running), no, no, Some(Failed), Some(Pending), del, no, no]),
        (Running, [no, Some(Running), Some(Succeeded), Some(Failed), Some(Running), del, no, no]),
        (Succeeded, [no, no, no, no, Some(Succeeded), del, no, no]),
        (Failed, [no, no, no, no, Some(Failed), del, no, no]),
        (Deleting, [no, del, no, no, no, del, del, Some(Deleted)]),
        (Deleted, [no; 8]),
        (other, [no; 8]),
    ] {
        assert_eq!(events.clone().map(|event| state.next(&event)), next, "{state}");
    }
}

#[test]
fn an_event_changes_what_it_names() {
    let running = backup(BackupState::Pending).after(BackupEvent::Begun, at(2)).expect("possible");
    let made = running.after(BackupEvent::JobMade(uid("one")), at(3)).expect("possible");
    assert_eq!(made.jobs, Jobs { made: 1, last: Some(uid("one")) });
    let done = made.after(BackupEvent::Succeeded(snapshot(), content()), at(4)).expect("possible");
    assert_eq!((done.start_time, done.end_time, done.snapshot.clone()), (Some(at(2)), Some(at(4)), Some(snapshot())));
    let kept = BackupEvent::Amended { labels: None, expire_time: Some(Some(at(9))) };
    let kept = done.after(kept, at(5)).expect("possible");
    assert_eq!((kept.is_expired(at(8)), kept.is_expired(at(9))), (false, true));
    let going = kept.after(BackupEvent::DeleteRequested, at(6)).expect("possible");
    assert_eq!((going.jobs.clone(), going.delete_time, going.end_time), (Jobs::default(), Some(at(6)), Some(at(4))));
    assert_eq!(going.after(BackupEvent::DeleteRequested, at(7)), Ok(going.clone()), "asked for once more");
    let refused = going.after(BackupEvent::Begun, at(7)).expect_err("it goes");
    assert_eq!(refused.to_string(), "Begun is not possible for a backup in state DELETING");
}

/// What the plan is for a RUNNING backup for which `made` Jobs were made, the last one with the uid "last".
fn running(made: u32, seen: Option<JobSeen>) -> Next {
    let jobs = Jobs { made, last: (made > 0).then(|| uid("last")) };
    plan(&Backup { jobs, ..backup(BackupState::Running) }, &Known { backup: seen, ..known() })
}

#[test]
fn a_running_backup_follows_its_job() {
    let going = |name: &str| Some(JobSeen::Going(uid(name), String::new()));
    let ended = |answer| Some(JobSeen::Ended(uid("last"), answer));
    let lost = || Answer::None("its node is gone".to_owned());
    let refused = Answer::Failed(FailureReason::DatabaseUnavailable, "no answer".to_owned());
    assert_eq!(plan(&backup(BackupState::Pending), &known()), Next::Record(BackupEvent::Begun));
    assert_eq!(running(0, None), Next::Look(Purpose::Backup));
    assert_eq!(running(0, Some(JobSeen::Absent)), Next::Make(Purpose::Backup));
    // It was made, and the server ended before that was recorded: its Secret may be missing.
    assert_eq!(running(0, going("first")), Next::Make(Purpose::Backup));
    assert_eq!(running(1, going("last")), Next::Await(Purpose::Backup));
    assert_eq!(running(1, Some(JobSeen::Leaving)), Next::Await(Purpose::Backup));
    // Gone without an answer: once more, and no third time.
    assert_eq!(running(1, Some(JobSeen::Absent)), Next::Make(Purpose::Backup));
    assert_eq!(running(1, going("second")), Next::Make(Purpose::Backup));
    assert_eq!(running(1, ended(lost())), Next::Clear(Purpose::Backup));
    for last in [Some(JobSeen::Absent), ended(lost())] {
        let Next::Record(BackupEvent::Failed(failure)) = running(2, last) else { panic!("not failed") };
        assert_eq!((failure.reason, failure.attempt), (JOB_LOST, 2));
    }
    // An answer counts, also of a Job that was not on record.
    assert_eq!(
        running(2, Some(JobSeen::Ended(uid("other"), lost()))),
        Next::Record(BackupEvent::JobMade(uid("other")))
    );
    assert_eq!(
        running(1, ended(Answer::Snapshot(snapshot(), content()))),
        Next::Record(BackupEvent::Succeeded(snapshot(), content()))
    );
    let Next::Record(BackupEvent::Failed(failure)) = running(1, ended(refused)) else { panic!("not failed") };
    assert_eq!((failure.reason, failure.message.as_str()), (FailureReason::DatabaseUnavailable, "no answer"));
}

#[test]
fn a_backup_fails_when_its_store_is_deleted() {
    for state in [BackupState::Pending, BackupState::Running] {
        let next = plan(&backup(state), &Known { store: false, ..known() });
        let Next::Record(BackupEvent::Failed(failure)) = next else { panic!("{next:?}") };
        assert_eq!(failure.reason, STORE_DELETED);
    }
}

#[test]
fn a_deletion_stops_the_backup_and_then_removes_the_snapshot() {
    let going = Some(JobSeen::Going(uid("last"), String::new()));
    let whole = Backup { snapshot: Some(snapshot()), ..backup(BackupState::Deleting) };
    let with = |backup, forget| Known { backup, forget, ..known() };
    let gone = || Some(JobSeen::Absent);
    assert_eq!(plan(&whole, &known()), Next::Look(Purpose::Backup));
    assert_eq!(plan(&whole, &with(going.clone(), None)), Next::Clear(Purpose::Backup));
    assert_eq!(plan(&whole, &with(Some(JobSeen::Leaving), None)), Next::Await(Purpose::Backup));
    assert_eq!(plan(&whole, &with(gone(), None)), Next::Look(Purpose::Forget));
    assert_eq!(plan(&whole, &with(gone(), gone())), Next::Make(Purpose::Forget));
    let made = Backup { jobs: Jobs { made: 1, last: Some(uid("last")) }, ..whole };
    assert_eq!(plan(&made, &with(gone(), going)), Next::Await(Purpose::Forget));
    let ended = |answer| with(gone(), Some(JobSeen::Ended(uid("last"), answer)));
    assert_eq!(plan(&made, &ended(Answer::Forgotten)), Next::Record(BackupEvent::Removed));
    assert_eq!(
        plan(&backup(BackupState::Deleting), &with(gone(), None)),
        Next::Record(BackupEvent::Removed),
        "there is no snapshot"
    );
}

#[test]
fn a_snapshot_that_cannot_be_removed_is_tried_again_later() {
    let whole = Backup { snapshot: Some(snapshot()), ..backup(BackupState::Deleting) };
    let made = Backup { jobs: Jobs { made: 1, last: Some(uid("last")) }, ..whole };
    let refused = Answer::Failed(FailureReason::open("REPOSITORY_UNAVAILABLE"), "503".to_owned());
    let seen = Known { backup: Some(JobSeen::Absent), forget: Some(JobSeen::Ended(uid("last"), refused)), ..known() };
    let Next::Record(event) = plan(&made, &seen) else { panic!("not recorded") };
    let stuck = made.after(event, at(10)).expect("possible");
    let retry = stuck.failure.as_ref().and_then(|failure| failure.retry_time).expect("a time");
    assert!(retry > at(10) && stuck.state == BackupState::Deleting);
    assert_eq!(plan(&stuck, &seen), Next::Rest(Some(retry)));
    assert_eq!(plan(&stuck, &Known { forget: Some(JobSeen::Absent), ..seen.clone() }), Next::Rest(Some(retry)));
    let later = Known { now: retry.after(Duration::from_secs(1)), ..seen };
    assert_eq!(plan(&stuck, &later), Next::Clear(Purpose::Forget));
    assert_eq!(plan(&stuck, &Known { forget: Some(JobSeen::Absent), ..later }), Next::Make(Purpose::Forget));
}

#[test]
fn the_record_of_a_snapshot_stays_when_its_store_is_gone() {
    let gone = Known { store: false, ..known() };
    let whole = Backup { snapshot: Some(snapshot()), ..backup(BackupState::Deleting) };
    let Next::Record(event) = plan(&whole, &gone) else { panic!("not recorded") };
    let stuck = whole.after(event, at(10)).expect("possible");
    assert_eq!(stuck.failure.as_ref().map(|failure| failure.reason), Some(STORE_DELETED));
    assert_eq!(plan(&stuck, &gone), Next::Rest(None));
    assert_eq!(plan(&stuck, &known()), Next::Look(Purpose::Backup), "the store was adopted");
    assert_eq!(plan(&backup(BackupState::Deleting), &gone), Next::Record(BackupEvent::Removed));
}

#[test]
fn the_newest_whole_backup_of_a_store_does_not_expire() {
    let old = Backup { expire_time: Some(at(5)), ..backup(BackupState::Succeeded) };
    let expired = Next::Record(BackupEvent::DeleteRequested);
    assert_eq!(plan(&old, &known()), expired);
    assert_eq!(plan(&old, &Known { newest: true, ..known() }), Next::Rest(None));
    assert_eq!(plan(&old, &Known { newest: true, store: false, ..known() }), expired);
    assert_eq!(plan(&old, &Known { now: at(4), ..known() }), Next::Rest(Some(at(5))));
    let failed = Backup { state: BackupState::Failed, ..old };
    assert_eq!(plan(&failed, &Known { newest: true, ..known() }), expired);
}

#[test]
fn a_job_is_named_after_its_backup() {
    let (backup, store) = (backup(BackupState::Running), fixture::store("store-a"));
    let names = Purpose::ALL.map(|purpose| Task { purpose, backup: &backup, store: &store }.name());
    assert_eq!(names, ["backup-20261130-174933-4fkq", "forget-20261130-174933-4fkq"]);
}
