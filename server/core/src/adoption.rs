//! When the ledger has lost something: what the cluster still knows of the stores, and how they are taken back.
//!
//! Nothing is ever deleted here. A store that the cluster has and the ledger has not is written anew; what cannot be
//! decided is left as it is and reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
};

use crate::{
    failure::{Failure, FailureReason},
    id::{StoreId, Uid},
    ledger::Scan,
    provisioner::StepError,
    release::Release,
    state::{Event, State},
    store::{NewStore, Store},
    time::Timestamp,
};

/// The label of a namespace that says which store's it is.
pub const UID_LABEL: &str = "sendstores.dev/uid";

/// A namespace of ours.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: StoreId,
    pub uid: Uid,
    pub created: Timestamp,
    /// The cluster is removing it.
    pub going: bool,
    /// What its annotations say was asked for, or why they cannot be read.
    pub intent: Result<Box<Intent>, String>,
}

/// What was asked for and what came of it, as a namespace remembers it.
#[derive(Clone, Debug)]
pub struct Intent {
    pub new: NewStore,
    pub generation: u64,
    /// When the store was READY for the first time. `None`: never, or an older program made the namespace.
    pub ready_time: Option<Timestamp>,
    pub made_from: Option<Box<Release>>,
    /// Its suspension was asked for, and nothing after that.
    pub suspended: bool,
}

/// The port to all namespaces of ours. Nothing here changes anything.
pub trait ListNamespaces: Clone + Send + Sync + 'static {
    /// Every namespace that carries our labels.
    fn list(&self) -> impl Future<Output = Result<Vec<Found>, StepError>> + Send;

    /// The namespaces that have these names, whatever labels they carry.
    fn find(&self, ids: &[StoreId]) -> impl Future<Output = Result<Inventory, StepError>> + Send;

    /// The same namespaces, and when their stores were READY first where an older program did not note it there: a store
    /// that was opened to visitors counts as READY from then on.
    fn recall(&self, found: Vec<Found>) -> impl Future<Output = Result<Vec<Found>, StepError>> + Send;
}

/// What the cluster has.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub found: Vec<Found>,
    /// Stores whose namespace is there by name, and does not say whose it is.
    pub unmarked: BTreeSet<StoreId>,
}

/// So few namespaces carry our labels that this is most likely not the right cluster, or not the right instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Namespaces that do.
    pub found: usize,
    /// Complete stores that the ledger knows.
    pub known: usize,
    /// Those of them that have no namespace.
    pub missing: usize,
}

/// What is to be done about one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The ledger knows it as the cluster has it.
    Known,
    /// The ledger does not know it, or an earlier one of its id: this record is to be written.
    Unknown(Box<Store>),
    /// The ledger does not know that its removal is under way: this record is to be written.
    Going(Box<Store>),
    /// The ledger knows it as complete, and the cluster has no namespace of it: this record is to be written, and nothing
    /// made anew in its place.
    Missing(Box<Store>),
    /// The ledger has it as missing, and an operator has put its namespace back: this record is to be written.
    Returned(Box<Store>),
    /// The ledger has it as never complete, and its namespace says that it was: this record is to be written.
    Complete(Box<Store>),
    /// An operator must decide; left alone.
    Undecided(String),
}

/// Compares what the ledger has with what the cluster has, store by store, in the order of ids.
pub fn compare(records: &Scan, inventory: &Inventory, now: Timestamp) -> BTreeMap<StoreId, Finding> {
    let Scan { resources: records, unreadable } = records;
    let Inventory { found, unmarked } = inventory;
    let by_id: BTreeMap<_, _> = records.iter().map(|store| (&store.id, store)).collect();
    let set_aside = unreadable.iter().filter_map(|record| Some((record.id()?, record)));
    let set_aside = set_aside.map(|(id, record)| (id, Finding::Undecided(record.to_string())));
    let seen: BTreeSet<_> = found.iter().map(|found| &found.id).collect();
    let there = found.iter().map(|found| (found.id.clone(), of_namespace(found, by_id.get(&found.id).copied(), now)));
    let gone = records.iter().filter(|store| !seen.contains(&store.id));
    let finding = |store: &Store| match without_namespace(store, now) {
        Finding::Missing(_) if unmarked.contains(&store.id) => Finding::Undecided(format!(
            "its namespace is there, and its labels do not say that it is this store's: if it is, put back {UID_LABEL}={}",
            store.uid
        )),
        finding => finding,
    };
    there.chain(gone.map(|store| (store.id.clone(), finding(store)))).chain(set_aside).collect()
}

/// The stores that count as missing. Read their namespaces by name before that is recorded: a changed label is no loss.
pub fn missing(findings: &BTreeMap<StoreId, Finding>) -> Vec<StoreId> {
    let missing = findings.iter().filter(|(_, finding)| matches!(finding, Finding::Missing(_)));
    missing.map(|(id, _)| id.clone()).collect()
}

/// `Some` where more than half of the complete stores are missing, or where a ledger `in_doubt` would be filled from a
/// cluster that has nothing.
pub fn shortfall(
    records: &[Store],
    found: &[Found],
    findings: &BTreeMap<StoreId, Finding>,
    in_doubt: bool,
) -> Option<Shortfall> {
    let (found, missing) = (found.len(), missing(findings).len());
    let complete = |store: &&Store| store.state.next(Event::NamespaceLost).is_ok() && !is_missing(store);
    let never_ready = |store: &&Store| store.state == State::Failed && store.ready_time.is_none();
    let known = records.iter().filter(complete).filter(|store| !never_ready(store)).count();
    (missing * 2 > known || (in_doubt && found == 0)).then_some(Shortfall { found, known, missing })
}

/// Whether the ledger has no record of a store that stands in the cluster: what betrays a ledger that is empty, an old
/// copy or another one. A namespace that is being removed proves nothing: its record may be gone for good.
pub fn is_unknown(found: &Found, record: Option<&Store>) -> bool {
    !found.going && record.is_none_or(|store| store.uid != found.uid)
}

fn of_namespace(found: &Found, record: Option<&Store>, now: Timestamp) -> Finding {
    match record {
        Some(store) if store.uid == found.uid && store.is_foreign() => Finding::Known,
        Some(store) if store.uid == found.uid => match store.state {
            State::Deleting | State::Deleted => Finding::Known,
            _ if found.going => Finding::Going(Box::new(going(store.clone(), now))),
            State::Failed if is_missing(store) => Finding::Returned(Box::new(store.returned(now))),
            _ => forgotten(store, found, now).map_or(Finding::Known, |complete| Finding::Complete(Box::new(complete))),
        },
        // An earlier store's end.
        Some(_) if found.going => Finding::Known,
        Some(store) if store.state != State::Deleted && store.create_time > found.created => Finding::Undecided(
            format!("the ledger has a newer store of this id ({}), the cluster {}", store.uid, found.uid),
        ),
        Some(_) | None => match &found.intent {
            Ok(intent) => Finding::Unknown(Box::new(taken_back(found, intent, now))),
            Err(why) => Finding::Undecided(format!("its namespace does not say what was asked for: {why}")),
        },
    }
}

/// The store as its namespace remembers it, if the ledger does not know that it was READY.
fn forgotten(store: &Store, found: &Found, now: Timestamp) -> Option<Store> {
    let intent = &**found.intent.as_ref().ok()?;
    let ready_time = intent.ready_time.filter(|_| store.ready_time.is_none())?;
    matches!(store.state, State::Provisioning | State::Failed).then(|| complete(store.clone(), ready_time, intent, now))
}

/// The store as one that was READY, and is suspended if its namespace says so.
fn complete(store: Store, ready_time: Timestamp, intent: &Intent, now: Timestamp) -> Store {
    let store = store.complete_since(ready_time, intent.made_from.clone(), now);
    if intent.suspended { store.to_be_suspended() } else { store }
}

fn taken_back(found: &Found, intent: &Intent, now: Timestamp) -> Store {
    let store = Store::adopted(intent.new.clone(), intent.generation, found.created, now);
    let store = match intent.ready_time {
        Some(time) => complete(store, time, intent, now),
        None => store,
    };
    if found.going { going(store, now) } else { store }
}

/// The namespace is being removed, and that cannot be undone: what is left of the store follows it.
fn going(store: Store, now: Timestamp) -> Store {
    store.after(Event::DeleteRequested, now).unwrap_or(store)
}

fn without_namespace(store: &Store, now: Timestamp) -> Finding {
    // Whether it has a namespace is for the version that knows it.
    if store.is_foreign() {
        return Finding::Known;
    }
    if store.state == State::Failed && (store.ready_time.is_none() || is_missing(store)) {
        return Finding::Known;
    }
    lost(store, now).map_or(Finding::Known, |lost| Finding::Missing(Box::new(lost)))
}

fn is_missing(store: &Store) -> bool {
    store.failure.as_ref().is_some_and(|failure| failure.reason == FailureReason::NamespaceMissing)
}

/// The store once its namespace was found to be gone. `None`: it was not complete, and so nothing is lost.
pub fn lost(store: &Store, now: Timestamp) -> Option<Store> {
    let lost = store.after(Event::NamespaceLost, now).ok()?;
    let failure = Failure {
        reason: FailureReason::NamespaceMissing,
        message:
            "the store was complete once, and its namespace is gone though nobody deleted the store: it was deleted by \
                  hand, or after the copy was made that Redis has; nothing is made in its place"
                .to_owned(),
        // The step that creates the namespace is always the first one.
        step: store.steps.first().map(|step| step.name),
        attempt: 1,
        retry_time: None,
        diagnosis: None,
    };
    Some(lost.failing(failure, now))
}

// === impl Finding ===

impl Finding {
    /// The record to be written, if any.
    pub fn into_record(self) -> Option<Store> {
        match self {
            Self::Known | Self::Undecided(_) => None,
            Self::Unknown(store) | Self::Going(store) | Self::Missing(store) => Some(*store),
            Self::Returned(store) | Self::Complete(store) => Some(*store),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("known"),
            Self::Unknown(store) if store.state == State::Deleting => f.write_str("adopted; its removal is under way"),
            Self::Unknown(store) if store.ready_time.is_some() => {
                f.write_str("adopted as complete; probed, and left as it is")
            }
            Self::Unknown(_) => f.write_str("adopted"),
            Self::Going(_) => f.write_str("its removal is under way"),
            Self::Missing(_) => f.write_str("its namespace is gone; shown as FAILED, nothing is made in its place"),
            Self::Returned(_) => f.write_str("its namespace is back; looked at step by step"),
            Self::Complete(_) => f.write_str("it was complete; probed, and left as it is"),
            Self::Undecided(why) => write!(f, "left alone: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        label::Labels,
        observed::Observed,
        plan::{Action, plan},
        resource::Key,
        step::StepState,
        store::fixture,
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
        let intent = Ok(Box::new(Intent { new, generation: 3, ready_time: None, made_from: None, suspended: false }));
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
            revision: 2,
            chart: "woocommerce-1".to_owned(),
            chart_digest: "aa".to_owned(),
            values_digest: "bb".to_owned(),
            source: None,
            images: BTreeMap::new(),
            volumes: BTreeMap::new(),
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
            let Finding::Complete(known) = finding(Some(store(state)), Some(complete(false))) else {
                panic!("{state}")
            };
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
        found.intent.as_mut().expect("readable").suspended = true;
        let Finding::Unknown(store) = finding(None, Some(found.clone())) else { panic!("adopted") };
        assert_eq!((store.state, store.ready_time), (State::Suspending, Some(at(6))));
        assert_eq!(plan(&store, &Observed::nothing(fixture::PIPELINE), at(9)), Action::ObserveActivity);
        let Finding::Complete(known) = finding(Some(super::tests::store(State::Failed)), Some(found)) else {
            panic!("known")
        };
        assert_eq!(known.state, State::Suspending);
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
        assert_eq!(finding(Some(missing.clone()), None), Finding::Known, "it is told already");
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
}
