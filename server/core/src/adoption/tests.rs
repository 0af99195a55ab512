//! What is found where the ledger and the cluster differ.

use super::*;
use crate::{
    label::Labels,
    observed::Observed,
    operation::{OperationKind, OperationState},
    plan::{Action, plan},
    resource::Key,
    step::StepState,
    store::{MadeOf, fixture},
};

const OTHER: &str = "0193b0a0-7c3e-7000-8000-0000000000ff";

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn store(state: State) -> Store {
    Store { state, create_time: at(5), ..fixture::store("store-a") }
}

fn found(uid: &str, created: i64, going: bool) -> Found {
    let store = fixture::store("store-a");
    let uid: Uid = uid.parse().expect("valid");
    let new = NewStore {
        id: store.id.clone(),
        uid: uid.clone(),
        tenant: None,
        labels: Labels::default(),
        spec: store.spec,
        url: store.url,
        pipeline: fixture::PIPELINE,
    };
    let intent =
        Ok(Box::new(Intent { new, generation: 3, ready_time: None, made_from: None, operation: None, rest: None }));
    Found { id: store.id, uid, created: at(created), going, intent }
}

fn same(going: bool) -> Found {
    found(fixture::store("store-a").uid.as_str(), 5, going)
}

fn scan(stores: &[Store]) -> Scan {
    Scan { resources: stores.to_vec(), unreadable: Vec::new() }
}

fn inventory(found: Vec<Found>) -> Inventory {
    Inventory { found, unmarked: BTreeSet::new() }
}

fn finding(record: Option<Store>, found: Option<Found>) -> Finding {
    let all = compare(&scan(record.as_slice()), &inventory(found.into_iter().collect()), at(9));
    assert_eq!(all.len(), 1);
    all.into_values().next().expect("one finding")
}

#[test]
fn what_cannot_be_read_or_is_of_a_newer_version_is_left_alone() {
    let unreadable = crate::ledger::Unreadable {
        key: Some(Key::Store(fixture::store("store-a").id)),
        revision: crate::revision::Revision(7),
        why: "its version is 2".to_owned(),
    };
    let records = Scan { resources: Vec::new(), unreadable: vec![unreadable] };
    let all = compare(&records, &inventory(vec![same(false)]), at(9));
    assert!(all.into_values().all(|finding| matches!(finding, Finding::Undecided(_))));
    let restoring = store(State::kept("RESTORING").expect("a word"));
    assert_eq!(finding(Some(restoring.clone()), Some(same(true))), Finding::Known);
    assert_eq!(finding(Some(restoring), None), Finding::Known);
}

#[test]
fn what_both_have_is_known_and_what_only_the_cluster_has_is_taken_back() {
    for state in State::ALL {
        assert_eq!(finding(Some(store(state)), Some(same(false))), Finding::Known, "{state}");
    }
    let Finding::Unknown(store) = finding(None, Some(same(false))) else { panic!("adopted") };
    assert_eq!((store.state, store.generation, store.create_time), (State::Provisioning, 3, at(5)));
    let Finding::Unknown(store) = finding(None, Some(same(true))) else { panic!("adopted") };
    assert_eq!(store.state, State::Deleting);
}

/// A namespace that says its store was READY.
fn complete(going: bool) -> Found {
    let release = Release {
        name: None,
        revision: 2,
        chart: "woocommerce-1".to_owned(),
        chart_digest: "aa".to_owned(),
        values_digest: "bb".to_owned(),
        ..Release::default()
    };
    let mut found = same(going);
    if let Ok(intent) = &mut found.intent {
        (intent.ready_time, intent.made_from) = (Some(at(6)), Some(Box::new(release)));
    }
    found
}

#[test]
fn a_store_that_was_complete_is_taken_back_as_one_and_not_made_again() {
    let Finding::Unknown(store) = finding(None, Some(complete(false))) else { panic!("adopted") };
    assert_eq!((store.state, store.ready_time, store.observed_generation), (State::Degraded, Some(at(6)), 3));
    assert_eq!(store.made_from.as_ref().map(|made| made.chart.as_str()), Some("woocommerce-1"));
    assert!(store.steps.iter().all(|step| step.state == StepState::Succeeded));
    let probed = plan(&store, &Observed::nothing(fixture::PIPELINE), at(9));
    assert_eq!(probed, Action::Observe(fixture::STOREFRONT), "it is only probed");
    // If its namespace is lost from now on, that is a loss.
    assert!(lost(&store, at(9)).is_some());
    let Finding::Unknown(store) = finding(None, Some(complete(true))) else { panic!("adopted") };
    assert_eq!((store.state, store.ready_time), (State::Deleting, Some(at(6))));
}

#[test]
fn an_old_copy_learns_that_a_store_was_complete() {
    for state in [State::Provisioning, State::Failed] {
        let Finding::Complete(known) = finding(Some(store(state)), Some(complete(false))) else { panic!("{state}") };
        assert_eq!((known.state, known.ready_time, known.failure), (State::Degraded, Some(at(6)), None));
        assert_eq!(known.generation, store(state).generation, "nothing else was asked for");
    }
    let ready = Store { ready_time: Some(at(5)), ..store(State::Provisioning) };
    assert_eq!(finding(Some(ready), Some(complete(false))), Finding::Known);
    assert_eq!(finding(Some(store(State::Ready)), Some(complete(false))), Finding::Known);
}

#[test]
fn a_store_that_was_suspended_is_not_started_again() {
    let mut found = complete(false);
    found.intent.as_mut().expect("readable").rest = Some(Rest::Suspended);
    let Finding::Unknown(store) = finding(None, Some(found.clone())) else { panic!("adopted") };
    assert_eq!((store.state, store.ready_time), (State::Suspending, Some(at(6))));
    assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), at(9)), Action::ObserveActivity);
    let Finding::Complete(known) = finding(Some(self::store(State::Failed)), Some(found)) else { panic!("known") };
    assert_eq!(known.state, State::Suspending);
}

#[test]
fn an_update_that_was_under_way_goes_on() {
    let new = OperationKind::Update;
    for (state, rest, expected, made_of) in [
        (OperationState::Running, None, State::Updating, MadeOf::Spec),
        (OperationState::RollingBack, None, State::Updating, MadeOf::Before),
        (OperationState::Queued, Some(Rest::Suspended), State::Suspending, MadeOf::Present),
        // The namespace has not heard of its end.
        (OperationState::Succeeded, None, State::Degraded, MadeOf::Present),
    ] {
        let mut found = complete(false);
        let intent = found.intent.as_mut().expect("readable");
        let to = Some("two".parse().expect("a name"));
        (intent.rest, intent.new.spec.release) = (rest, to.clone());
        intent.operation = Some(Box::new(Operation { to, state, ..Operation::begun(new, 3, at(7)) }));
        let Finding::Unknown(store) = finding(None, Some(found.clone())) else { panic!("adopted") };
        assert_eq!((store.state, store.made_of()), (expected, made_of), "{state:?}");
        assert_eq!(store.operation.is_some(), state.is_open(), "{state:?}");
        if let Ok(intent) = &mut found.intent {
            intent.made_from = None;
        }
        let Finding::Unknown(store) = finding(None, Some(found)) else { panic!("adopted") };
        assert_eq!(store.operation, None, "nothing says what to go back to");
    }
}

#[test]
fn a_store_that_is_kept_for_a_time_is_taken_back_as_one() {
    let mut found = complete(false);
    found.intent.as_mut().expect("readable").rest = Some(Rest::RetainedUntil(at(99)));
    let Finding::Unknown(store) = finding(None, Some(found)) else { panic!("adopted") };
    assert_eq!((store.state, store.purge_time, store.delete_time), (State::Retaining, Some(at(99)), Some(at(9))));
}

#[test]
fn a_removal_that_the_ledger_forgot_is_remembered() {
    let Finding::Going(going) = finding(Some(store(State::Ready)), Some(same(true))) else { panic!("going") };
    assert_eq!(going.state, State::Deleting);
    assert_eq!(finding(Some(store(State::Deleting)), Some(same(true))), Finding::Known);
}

#[test]
fn of_two_stores_of_one_id_the_later_is_right() {
    for (state, created) in [(State::Deleted, 1), (State::Deleted, 8), (State::Ready, 8)] {
        let Finding::Unknown(adopted) = finding(Some(store(state)), Some(found(OTHER, created, false))) else {
            panic!("adopted: {state} {created}")
        };
        assert_eq!(adopted.uid.as_str(), OTHER);
    }
    assert!(matches!(finding(Some(store(State::Ready)), Some(found(OTHER, 1, false))), Finding::Undecided(_)));
    assert_eq!(finding(Some(store(State::Ready)), Some(found(OTHER, 1, true))), Finding::Known);
}

#[test]
fn a_complete_store_without_a_namespace_is_not_made_anew() {
    for state in [State::Ready, State::Degraded, State::Suspended, State::Updating] {
        let Finding::Missing(store) = finding(Some(store(state)), None) else { panic!("missing: {state}") };
        let failure = store.failure.expect("a failure");
        assert_eq!((store.state, failure.reason), (State::Failed, FailureReason::NamespaceMissing));
        assert_eq!(failure.retry_time, None);
    }
    for state in [State::Provisioning, State::Failed, State::Deleting, State::Deleted] {
        assert_eq!(finding(Some(store(state)), None), Finding::Known, "{state}");
    }
}

#[test]
fn a_missing_store_whose_namespace_was_put_back_is_looked_at_again() {
    let complete = Store { ready_time: Some(at(6)), ..store(State::Degraded) };
    let missing = lost(&complete, at(7)).expect("lost");
    assert_eq!(finding(Some(missing.clone()), None), Finding::Known, "it is reported already");
    let Finding::Returned(back) = finding(Some(missing), Some(same(false))) else { panic!("returned") };
    assert_eq!((back.state, back.failure, back.ready_time), (State::Provisioning, None, Some(at(6))));
    let failed = Store { ready_time: Some(at(6)), ..store(State::Failed) };
    assert_eq!(finding(Some(failed), Some(same(false))), Finding::Known, "failed for something else");
}

#[test]
fn a_namespace_without_the_labels_of_its_store_is_no_loss() {
    let unmarked = Inventory { found: Vec::new(), unmarked: [store(State::Ready).id].into() };
    let findings = compare(&scan(&[store(State::Ready)]), &unmarked, at(9));
    assert_eq!(missing(&findings), []);
    let shown = findings.into_values().next().expect("one finding").to_string();
    assert!(shown.contains("left alone") && shown.contains(store(State::Ready).uid.as_str()), "{shown}");
}

#[test]
fn too_few_namespaces_are_told_from_a_loss() {
    let all = |records: &[Store], there: usize| {
        let there = records.iter().take(there).map(|store| Found { id: store.id.clone(), ..same(false) });
        let inventory = Inventory { found: there.collect(), unmarked: BTreeSet::new() };
        shortfall(records, &inventory.found, &compare(&scan(records), &inventory, at(9)), false)
    };
    let ready = |name: &str| Store { ready_time: Some(at(6)), state: State::Ready, ..fixture::store(name) };
    let five: Vec<Store> = ["a", "b", "c", "d", "e"].map(|name| ready(&format!("store-{name}"))).into();
    assert_eq!(all(&five, 0), Some(Shortfall { found: 0, known: 5, missing: 5 }));
    assert_eq!(all(&five, 2), Some(Shortfall { found: 2, known: 5, missing: 3 }));
    for enough in [3, 4, 5] {
        assert_eq!(all(&five, enough), None, "{enough}");
    }
    assert_eq!(all(&five[..1], 0), Some(Shortfall { found: 0, known: 1, missing: 1 }));
    // These do not count: on its way, never READY, ended, or recorded as missing before.
    let recorded = lost(&five[0], at(7)).expect("lost");
    let others = [State::Provisioning, State::Failed, State::Deleting, State::Deleted].map(store);
    assert_eq!(all(&others, 0), None);
    assert_eq!(all(&[recorded], 0), None);
    assert_eq!(all(&[], 0), None);
    // Nothing is known any more, and nothing is found to be taken back.
    let nothing = Some(Shortfall { found: 0, known: 0, missing: 0 });
    assert_eq!(shortfall(&[], &[], &BTreeMap::new(), true), nothing);
    assert_eq!(shortfall(&[], &[same(false)], &BTreeMap::new(), true), None);
}

#[test]
fn annotations_that_cannot_be_read_are_told_and_left_alone() {
    let damaged = Found { intent: Err("no spec".to_owned()), ..same(false) };
    assert!(matches!(finding(None, Some(damaged.clone())), Finding::Undecided(_)));
    assert!(is_unknown(&damaged, None));
    assert!(!is_unknown(&same(true), None));
    assert!(!is_unknown(&same(false), Some(&store(State::Deleted))));
    assert!(is_unknown(&found(OTHER, 1, false), Some(&store(State::Ready))));
}
