use super::*;
use crate::{operation::OperationId, release::Release, step::Step, store::fixture, volumes::Gibibytes};

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn name(text: &str) -> ReleaseName {
    text.parse().expect("a name")
}

fn release(text: &str) -> Box<Release> {
    Box::new(Release {
        name: Some(name(text)),
        revision: 2,
        chart: "chart-1".to_owned(),
        chart_digest: "aa".to_owned(),
        values_digest: "bb".to_owned(),
        ..Release::default()
    })
}

fn after(store: &Store, event: Event, second: i64) -> Store {
    store.after(event, at(second)).expect("legal")
}

/// A store that runs the release `one`.
fn ready() -> Store {
    let mut new = fixture::store("store-a");
    new.spec.release = Some(name("one"));
    Store { made_from: Some(release("one")), ..after(&new, Event::Converged, 1) }
}

fn updated(store: &Store, to: &str) -> Store {
    store.updated(&name(to), at(2)).expect("legal").expect("a change")
}

fn failure(reason: FailureReason) -> Failure {
    let message = "no".to_owned();
    Failure { reason, message, step: Some(fixture::RELEASE), attempt: 2, retry_time: None, diagnosis: None }
}

fn rolling_back() -> Store {
    updated(&ready(), "two").rolling_back(failure(FailureReason::ImageUnavailable), at(3))
}

fn state(store: &Store) -> (State, Option<OperationState>) {
    (store.state, store.operation.as_deref().map(|operation| operation.state))
}

fn happenings(store: &Store) -> Vec<Happening> {
    store.history.entries().iter().map(|entry| entry.what).collect()
}

#[test]
fn an_update_is_an_operation_from_one_release_to_another() {
    let updating = updated(&ready(), "two").asked_by(&"r-1".parse().expect("valid"));
    assert_eq!(state(&updating), (State::Updating, Some(OperationState::Running)));
    let operation = updating.operation.as_deref().expect("an operation");
    assert_eq!((operation.id.clone(), operation.generation), (OperationId::of(2), 2));
    assert_eq!((&operation.from, &operation.to), (&Some(name("one")), &Some(name("two"))));
    assert_eq!(operation.request_id, Some("r-1".parse().expect("valid")));
    assert_eq!((operation.detail().as_str(), updating.made_of()), ("from one to two", MadeOf::Spec));
    assert!(updating.steps.iter().all(|step| *step == Step::pending(step.name)));
    let done = after(&updating, Event::Converged, 9);
    assert_eq!(state(&done), (State::Ready, Some(OperationState::Succeeded)));
    assert_eq!(done.operation.as_deref().and_then(|operation| operation.end_time), Some(at(9)));
    assert_eq!((done.made_of(), updating.release_name()), (MadeOf::Present, Some(name("two"))));
    use Happening::{Created, Ready, UpdateRequested};
    assert_eq!(happenings(&done), [Created, Ready, UpdateRequested, Ready]);
}

#[test]
fn what_runs_already_and_what_is_under_way_already_is_not_begun_again() {
    assert_eq!(ready().updated(&name("one"), at(2)), Ok(None));
    let updating = updated(&ready(), "two");
    assert_eq!(updating.updated(&name("two"), at(3)), Ok(None));
    let newest = updating.updated(&name("three"), at(3)).expect("legal").expect("a change");
    let operation = newest.operation.as_deref().expect("an operation");
    assert_eq!((operation.id.clone(), operation.to.clone()), (OperationId::of(3), Some(name("three"))));
    assert_eq!(operation.from, Some(name("one")), "what it was made from when it was READY last");
    let back = updating.updated(&name("one"), at(3)).expect("legal").expect("what runs is not known meanwhile");
    assert_eq!(state(&back), (State::Updating, Some(OperationState::Running)));
}

#[test]
fn a_bad_release_is_rolled_back_and_not_tried_again_by_itself() {
    let back = rolling_back();
    assert_eq!(state(&back), (State::Updating, Some(OperationState::RollingBack)));
    assert_eq!((back.made_of(), back.failure.clone(), back.generation), (MadeOf::Before, None, 2));
    assert!(back.steps.iter().all(|step| *step == Step::pending(step.name)), "all steps are taken again");
    let done = after(&back, Event::Converged, 9);
    assert_eq!(state(&done), (State::Ready, Some(OperationState::RolledBack)));
    assert_eq!((done.generation, done.observed_generation, done.failure.clone()), (2, 2, None));
    let why = done.operation.as_deref().and_then(|operation| operation.failure.as_deref());
    assert_eq!(why.map(|failure| failure.reason), Some(FailureReason::ImageUnavailable));
    assert_eq!((done.runs().cloned(), done.spec.release.clone()), (Some(name("one")), Some(name("two"))));
    assert_eq!(happenings(&done).last(), Some(&Happening::RolledBack));
    // Whatever happens to it now, it stays what it runs.
    let degraded = after(&done, Event::ProbeFailed, 10);
    let resuming =
        after(&after(&after(&done, Event::SuspendRequested, 10), Event::Slept, 11), Event::ResumeRequested, 12);
    for store in [&done, &degraded, &resuming] {
        assert_eq!((store.made_of(), store.release_name()), (MadeOf::Present, Some(name("one"))), "{}", store.state);
    }
    assert!(after(&degraded, Event::Converged, 11).operation == done.operation, "the last operation stays as it ended");
    // But a caller may ask again, or take back what was asked.
    assert_eq!(state(&updated(&done, "two")), (State::Updating, Some(OperationState::Running)));
    let agreed = updated(&done, "one");
    assert_eq!((agreed.state, agreed.spec.release.clone(), agreed.generation), (State::Ready, Some(name("one")), 3));
    assert!(agreed.is_behind() && agreed.operation == done.operation);
}

#[test]
fn a_way_back_that_fails_says_both_reasons_and_one_that_does_not_sell_is_for_an_operator() {
    let back = rolling_back();
    let failed = after(&back, Event::GaveUp, 9);
    let both = back.failed_rollback(failure(FailureReason::ReleaseFailed));
    assert_eq!(both.reason, FailureReason::RollbackFailed);
    assert!(both.message.contains("RELEASE_FAILED") && both.message.contains("IMAGE_UNAVAILABLE"), "{}", both.message);
    assert_eq!(state(&failed), (State::Failed, Some(OperationState::Failed)));
    let closed = after(&back, Event::OperationFailed, 9);
    let closed = closed.failing(back.undecided(failure(FailureReason::StorefrontUnavailable)), at(9));
    assert_eq!(state(&closed), (State::Degraded, Some(OperationState::RolledBack)));
    assert_eq!(closed.failure.as_ref().map(|failure| failure.reason), Some(FailureReason::UpdateNeedsDecision));
    let why = closed.operation.as_deref().and_then(|operation| operation.failure.as_deref());
    assert_eq!(why.map(|failure| failure.reason), Some(FailureReason::ImageUnavailable), "why it was rolled back");
}

#[test]
fn an_operation_that_fails_says_why() {
    let suspending = after(&ready(), Event::SuspendRequested, 2);
    let failed = after(&suspending, Event::GaveUp, 3).failing(failure(FailureReason::NamespaceConflict), at(3));
    let operation = failed.operation.as_deref().expect("an operation");
    assert_eq!(operation.failure.as_deref().map(|failure| failure.reason), Some(FailureReason::NamespaceConflict));
    let again = failed.failing(failure(FailureReason::Internal), at(4));
    assert_eq!(again.operation, failed.operation, "the first failure stays");
}

#[test]
fn an_update_is_cancelled_before_visitors_reach_the_new_release() {
    let updating = updated(&ready(), "two").at_step(fixture::DATABASE, true, "", at(3));
    let cancelled = updating.cancelled(at(4)).expect("possible").expect("a change");
    assert_eq!(state(&cancelled), (State::Updating, Some(OperationState::RollingBack)));
    assert_eq!((cancelled.generation, happenings(&cancelled).last()), (3, Some(&Happening::CancelRequested)));
    assert_eq!(cancelled.cancelled(at(5)), Ok(None), "it is on its way back");
    let done = after(&cancelled, Event::Converged, 9);
    assert_eq!(state(&done), (State::Ready, Some(OperationState::Cancelled)));
    let late = updating.at_step(fixture::STOREFRONT, true, "", at(4));
    assert_eq!(late.cancelled(at(5)), Err(NotCancellable::Late));
    assert_eq!(done.cancelled(at(10)), Err(NotCancellable::None));
    let suspending = after(&ready(), Event::SuspendRequested, 2);
    assert_eq!(suspending.cancelled(at(3)), Err(NotCancellable::Kind(OperationKind::Suspend)));
    let unknown = Store { made_from: None, ..ready() };
    assert_eq!(updated(&unknown, "two").cancelled(at(3)), Err(NotCancellable::NoWayBack));
}

#[test]
fn an_update_of_a_suspended_store_is_carried_out_when_it_is_resumed() {
    let suspended = after(&after(&ready(), Event::SuspendRequested, 2), Event::Slept, 3);
    let queued = updated(&suspended, "two");
    assert_eq!(state(&queued), (State::Suspended, Some(OperationState::Queued)));
    assert_eq!((queued.made_of(), &queued.steps), (MadeOf::Present, &suspended.steps));
    assert!(queued.is_behind(), "its namespace is to remember it");
    let resuming = after(&queued.remembered(at(4)), Event::ResumeRequested, 5);
    assert_eq!((resuming.made_of(), resuming.is_moving()), (MadeOf::Spec, true));
    let operation = resuming.operation.as_deref().expect("an operation");
    assert_eq!((operation.kind, operation.to.clone()), (OperationKind::Resume, Some(name("two"))));
    let back = resuming.rolling_back(failure(FailureReason::ImageUnavailable), at(6));
    assert_eq!(state(&after(&back, Event::Converged, 7)), (State::Ready, Some(OperationState::RolledBack)));
    // It never begins.
    let cancelled = queued.cancelled(at(5)).expect("possible").expect("a change");
    assert_eq!(state(&cancelled), (State::Suspended, Some(OperationState::Cancelled)));
    assert_eq!(after(&cancelled, Event::ResumeRequested, 6).made_of(), MadeOf::Present);
    let taken_back = updated(&queued, "one");
    assert_eq!(state(&taken_back), (State::Suspended, Some(OperationState::Cancelled)));
}

#[test]
fn a_store_that_is_deleted_in_the_middle_of_an_update_is_kept_as_it_was() {
    for moving in [updated(&ready(), "two"), rolling_back()] {
        let retaining = moving.retained_until(at(99), at(5)).expect("legal");
        assert_eq!(retaining.made_of(), MadeOf::Before);
        let again = retaining.retained_until(at(99), at(6)).expect("legal");
        assert_eq!(again.made_of(), MadeOf::Before);
        let back = after(&after(&again, Event::Slept, 7), Event::UndeleteRequested, 8);
        assert_eq!((back.made_of(), back.release_name()), (MadeOf::Present, Some(name("one"))));
    }
    let deleting = after(&updated(&ready(), "two"), Event::DeleteRequested, 5);
    assert_eq!(state(&deleting), (State::Deleting, Some(OperationState::Cancelled)));
}

#[test]
fn a_store_that_was_never_ready_is_made_from_the_newest_that_was_asked_for() {
    let mut new = fixture::store("store-a");
    new.spec.release = Some(name("one"));
    assert_eq!(new.updated(&name("one"), at(2)), Ok(None));
    let updating = updated(&new, "two");
    assert_eq!((updating.state, updating.made_of(), updating.is_moving()), (State::Provisioning, MadeOf::Spec, false));
    assert_eq!(updating.cancelled(at(3)), Err(NotCancellable::NoWayBack));
    assert_eq!(state(&after(&updating, Event::Converged, 4)), (State::Ready, Some(OperationState::Succeeded)));
}

#[test]
fn what_failed_last_is_begun_again() {
    let failed = |store: &Store| after(store, Event::GaveUp, 5).failing(failure(FailureReason::ReleaseFailed), at(5));
    let retried = |store: &Store| store.retried(at(6)).expect("legal").expect("a change");
    let creation = retried(&failed(&fixture::store("store-a")));
    assert_eq!((creation.state, creation.generation, &creation.failure), (State::Provisioning, 2, &None));
    let suspended = after(&after(&ready(), Event::SuspendRequested, 2), Event::Slept, 3);
    let resuming = after(&updated(&suspended, "two"), Event::ResumeRequested, 4);
    for (store, state) in [
        (&after(&ready(), Event::SuspendRequested, 2), State::Suspending),
        (&after(&suspended, Event::ResumeRequested, 4), State::Resuming),
        (&resuming, State::Resuming),
        (&ready().retained_until(at(99), at(2)).expect("legal"), State::Retaining),
        (&rolling_back(), State::Updating),
    ] {
        let (before, again) = (store.operation.as_deref().expect("one"), retried(&failed(store)));
        let operation = again.operation.as_deref().expect("an operation");
        assert_eq!((again.state, operation.kind, operation.state), (state, before.kind, OperationState::Running));
        assert_eq!((&operation.to, operation.failure.as_ref()), (&before.to, None), "{state}");
        assert_ne!(operation.id, before.id);
        assert_eq!(again.retried(at(7)), Ok(None), "it goes on by itself");
        assert_eq!(happenings(&again).last(), Some(&Happening::RetryRequested));
        assert!(again.steps.iter().all(|step| *step == Step::pending(step.name)), "{state}");
    }
    let rolled_back = after(&rolling_back(), Event::Converged, 4);
    assert_eq!(retried(&rolled_back).made_of(), MadeOf::Spec);
    for done in [ready(), suspended, after(&updated(&ready(), "two"), Event::Converged, 4)] {
        assert!(done.retried(at(6)).is_err(), "{}", done.state);
    }
}

#[test]
fn an_operation_that_an_older_server_passed_over_is_not_under_way() {
    // A server without operations has brought the store to READY, and has not carried out the update.
    let passed_over = Store { state: State::Ready, ..updated(&ready(), "two") };
    assert_eq!((passed_over.under_way(), passed_over.made_of()), (None, MadeOf::Present));
    assert_eq!(passed_over.cancelled(at(5)), Err(NotCancellable::None));
    assert_eq!(after(&passed_over, Event::Converged, 5).operation, passed_over.operation, "nor has it succeeded");
    assert!(passed_over.updated(&name("two"), at(5)).expect("legal").is_some(), "it can be asked for again");
}

/// Which operation may follow which, while the first is under way: one row a first one, one column a second. `in progress`: only
/// once the first has ended. `-`: the first does not allow it at all.
const PAIRS: &str = "
                  Update        Suspend       Resume   Retain   Undelete  Delete   Cancel        Retry
    UPDATE        replaced      in-progress   -        replaced -         ended    rolled-back   goes-on
    ROLLING_BACK  replaced      in-progress   -        replaced -         ended    goes-on       goes-on
    QUEUED        replaced      replaced      replaced replaced -         ended    ended         -
    SUSPEND       in-progress   replaced      replaced replaced -         ended    -             goes-on
    RESUME        in-progress   in-progress   replaced replaced -         ended    -             goes-on
    RETAIN        -             -             -        replaced replaced  ended    -             goes-on
    RESIZE        replaced      in-progress   -        replaced -         ended    -             goes-on
";

#[test]
fn every_pair_of_operations_is_as_the_table_says() {
    let suspended = after(&after(&ready(), Event::SuspendRequested, 2), Event::Slept, 3);
    let first = [
        ("UPDATE", updated(&ready(), "two")),
        ("ROLLING_BACK", rolling_back()),
        ("QUEUED", updated(&suspended, "two")),
        ("SUSPEND", after(&ready(), Event::SuspendRequested, 2)),
        ("RESUME", after(&suspended, Event::ResumeRequested, 4)),
        ("RETAIN", ready().retained_until(at(99), at(2)).expect("legal")),
        ("RESIZE", resized(&ready(), 5, 0)),
    ];
    let rows: Vec<Vec<&str>> = PAIRS
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<_>| !row.is_empty())
        .skip(1)
        .collect();
    assert_eq!(rows.len(), first.len());
    for ((name_of, store), row) in first.iter().zip(&rows) {
        assert_eq!(row[0], *name_of);
        let now = at(8);
        let change = |event: Event| match store.after(event, now) {
            Ok(next) => outcome(store, Some(next)),
            Err(_) if store.blocks(event) => "in-progress",
            Err(_) => "-",
        };
        let second = [
            match store.updated(&name("three"), now) {
                Ok(next) => outcome(store, next),
                Err(_) if store.blocks(Event::UpdateRequested) => "in-progress",
                Err(_) => "-",
            },
            change(Event::SuspendRequested),
            change(Event::ResumeRequested),
            change(Event::RetainRequested),
            change(Event::UndeleteRequested),
            change(Event::DeleteRequested),
            store.cancelled(now).map_or("-", |next| outcome(store, next)),
            store.retried(now).map_or("-", |next| outcome(store, next)),
        ];
        assert_eq!(second.as_slice(), &row[1..], "{name_of}");
    }
}

/// What became of the operation of `store`.
fn outcome(store: &Store, next: Option<Store>) -> &'static str {
    let id = |store: &Store| store.operation.as_deref().map(|operation| operation.id.clone());
    match &next {
        None => "goes-on",
        Some(next) if id(next) != id(store) => "replaced",
        Some(next) if next.goes_back() => "rolled-back",
        Some(next) if next.under_way().is_none() => "ended",
        Some(_) => "goes-on",
    }
}

fn sizes(database: u32, content: u32) -> VolumeSizes {
    VolumeSizes { database: Gibibytes::new(database), content: Gibibytes::new(content) }
}

fn resized(store: &Store, database: u32, content: u32) -> Store {
    store.resized(sizes(database, content), at(2)).expect("legal").expect("a change")
}

#[test]
fn volumes_grow_in_an_operation_that_changes_no_release() {
    let growing = resized(&ready(), 5, 0);
    assert_eq!(state(&growing), (State::Updating, Some(OperationState::Running)));
    let operation = growing.operation.as_deref().expect("an operation");
    assert_eq!((operation.kind, &operation.from, &operation.to), (OperationKind::Resize, &None, &None));
    assert_eq!((growing.made_of(), growing.volumes_to_grow()), (MadeOf::Present, Some(sizes(5, 0))));
    assert_eq!(growing.can_cancel(), Err(NotCancellable::Kind(OperationKind::Resize)));
    assert!(growing.blocks(Event::SuspendRequested) && !growing.is_moving());
    assert_eq!(growing.resized(sizes(5, 0), at(3)), Ok(None), "it is on its way");
    let both = resized(&growing, 0, 3);
    assert_eq!(both.volumes_to_grow(), Some(sizes(5, 3)), "what is left open stays");
    let done = after(&both, Event::Converged, 9);
    assert_eq!(state(&done), (State::Ready, Some(OperationState::Succeeded)));
    assert_eq!((done.volumes_to_grow(), done.spec.volumes), (None, sizes(5, 3)));
    assert_eq!(done.resized(sizes(5, 3), at(10)), Ok(None));
}

#[test]
fn growth_that_failed_is_tried_again_by_a_caller_alone() {
    let failed = resized(&ready(), 5, 0).given_up(at(3)).expect("possible");
    assert_eq!(state(&failed), (State::Degraded, Some(OperationState::Failed)));
    assert_eq!(failed.volumes_to_grow(), None);
    for again in [resized(&failed, 5, 0), failed.retried(at(4)).expect("possible").expect("a change")] {
        let operation = again.operation.as_deref().expect("an operation");
        assert_eq!((operation.kind, operation.to.clone()), (OperationKind::Resize, None));
        assert_eq!(again.volumes_to_grow(), Some(sizes(5, 0)));
    }
}

#[test]
fn growth_and_an_update_go_on_together_and_only_the_release_goes_back() {
    let moving = updated(&ready(), "two");
    for both in [resized(&moving, 5, 0), updated(&resized(&ready(), 5, 0), "two")] {
        let operation = both.operation.as_deref().expect("an operation");
        assert_eq!((operation.kind, operation.to.clone()), (OperationKind::Update, Some(name("two"))));
        assert_eq!((both.made_of(), both.volumes_to_grow()), (MadeOf::Spec, Some(sizes(5, 0))));
        let back = both.rolling_back(failure(FailureReason::ImageUnavailable), at(3));
        assert_eq!((back.made_of(), back.volumes_to_grow()), (MadeOf::Before, None));
        assert!(back.resized(sizes(6, 0), at(4)).is_err(), "its way back comes first");
    }
}

#[test]
fn volumes_grow_only_of_a_store_that_runs() {
    let suspending = after(&ready(), Event::SuspendRequested, 2);
    let suspended = after(&suspending, Event::Slept, 3);
    for store in [fixture::store("store-a"), suspending, suspended] {
        assert!(store.resized(sizes(5, 0), at(4)).is_err(), "{}", store.state);
        assert_eq!(store.resized(VolumeSizes::default(), at(4)), Ok(None));
    }
}
