//! When the ledger has lost something: what the cluster still knows of the stores, and how they are taken back.
//!
//! Nothing is ever deleted here. A store that the cluster has and the ledger has not is written anew; what cannot be
//! decided is left as it is and told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
};

use crate::{
    failure::{Failure, FailureReason},
    id::{StoreId, Uid},
    provisioner::StepError,
    state::{Event, State},
    store::{NewStore, Store},
    time::Timestamp,
};

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

/// What was asked for, as a namespace remembers it.
#[derive(Clone, Debug)]
pub struct Intent {
    pub new: NewStore,
    pub generation: u64,
}

/// The port to all namespaces of ours.
pub trait Census: Clone + Send + Sync + 'static {
    /// Every namespace that carries our labels. Never changes anything.
    fn take(&self) -> impl Future<Output = Result<Vec<Found>, StepError>> + Send;
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
    /// The ledger has it as missing, and somebody has put its namespace back: this record is to be written.
    Returned(Box<Store>),
    /// Nobody but a human can tell what is right; left alone.
    Undecided(String),
}

/// Compares what the ledger has with what the cluster has, store by store, in the order of ids.
pub fn compare(records: &[Store], found: &[Found], now: Timestamp) -> BTreeMap<StoreId, Finding> {
    let by_id: BTreeMap<_, _> = records.iter().map(|store| (&store.id, store)).collect();
    let seen: BTreeSet<_> = found.iter().map(|found| &found.id).collect();
    let there = found.iter().map(|found| (found.id.clone(), of_namespace(found, by_id.get(&found.id).copied(), now)));
    let gone = records.iter().filter(|store| !seen.contains(&store.id));
    there.chain(gone.map(|store| (store.id.clone(), without_namespace(store, now)))).collect()
}

/// Whether the ledger has no record of a store that stands in the cluster: what betrays a ledger that is empty, an old
/// copy or another one. A namespace that is going tells nothing: its record may be gone for good.
pub fn is_unknown(found: &Found, record: Option<&Store>) -> bool {
    !found.going && record.is_none_or(|store| store.uid != found.uid)
}

fn of_namespace(found: &Found, record: Option<&Store>, now: Timestamp) -> Finding {
    match record {
        Some(store) if store.uid == found.uid => match store.state {
            State::Deleting | State::Deleted => Finding::Known,
            _ if found.going => Finding::Going(Box::new(going(store.clone(), now))),
            State::Failed if is_missing(store) => Finding::Returned(Box::new(store.returned(now))),
            _ => Finding::Known,
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

fn taken_back(found: &Found, intent: &Intent, now: Timestamp) -> Store {
    let store = Store::adopted(intent.new.clone(), intent.generation, found.created, now);
    if found.going { going(store, now) } else { store }
}

/// The namespace is being removed, and that cannot be undone: what is left of the store follows it.
fn going(store: Store, now: Timestamp) -> Store {
    store.after(Event::DeleteRequested, now).unwrap_or(store)
}

fn without_namespace(store: &Store, now: Timestamp) -> Finding {
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
            Self::Unknown(store) | Self::Going(store) | Self::Missing(store) | Self::Returned(store) => Some(*store),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("known"),
            Self::Unknown(store) if store.state == State::Deleting => f.write_str("adopted; its removal is under way"),
            Self::Unknown(_) => f.write_str("adopted"),
            Self::Going(_) => f.write_str("its removal is under way"),
            Self::Missing(_) => f.write_str("its namespace is gone; shown as FAILED, nothing is made in its place"),
            Self::Returned(_) => f.write_str("its namespace is back; looked at step by step"),
            Self::Undecided(why) => write!(f, "left alone: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{label::Labels, store::fixture};

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
        let intent = Ok(Box::new(Intent { new, generation: 3 }));
        Found { id: store.id, uid, created: at(created), going, intent }
    }

    fn same(going: bool) -> Found {
        found(fixture::store("store-a").uid.as_str(), 5, going)
    }

    fn finding(record: Option<Store>, found: Option<Found>) -> Finding {
        let all = compare(record.as_slice(), found.as_slice(), at(9));
        assert_eq!(all.len(), 1);
        all.into_values().next().expect("one finding")
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
    fn annotations_that_cannot_be_read_are_told_and_left_alone() {
        let damaged = Found { intent: Err("no spec".to_owned()), ..same(false) };
        assert!(matches!(finding(None, Some(damaged.clone())), Finding::Undecided(_)));
        assert!(is_unknown(&damaged, None));
        assert!(!is_unknown(&same(true), None));
        assert!(!is_unknown(&same(false), Some(&store(State::Deleted))));
        assert!(is_unknown(&found(OTHER, 1, false), Some(&store(State::Ready))));
    }
}
