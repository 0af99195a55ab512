//! When the ledger has lost something: what the cluster still knows of the stores, and how they are taken back.
//!
//! Nothing is ever deleted here. A store that the cluster has and the ledger has not is written anew; what cannot be
//! decided is left as it is and reported.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
};

use crate::{
    failure::{Failure, FailureReason},
    id::{StoreId, Uid},
    ledger::Scan,
    operation::Operation,
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
    /// The operation that moves it to another release.
    pub operation: Option<Box<Operation>>,
    /// That nothing of it shall run, as far as its namespace knows.
    pub rest: Option<Rest>,
}

/// Why nothing of a store shall run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Its suspension was asked for.
    Suspended,
    /// Its deletion was asked for, which can be taken back until this time.
    RetainedUntil(Timestamp),
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

/// The store as one that was READY, and rests if its namespace says so.
fn complete(store: Store, ready_time: Timestamp, intent: &Intent, now: Timestamp) -> Store {
    let store = store.complete_since(ready_time, intent.made_from.clone(), now);
    let store = match intent.rest {
        Some(rest) => store.to_rest(rest, now),
        None => store,
    };
    match &intent.operation {
        Some(operation) => store.to_go_on((**operation).clone()),
        None => store,
    }
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
            Self::Unknown(store) if store.state.rests() => f.write_str("adopted as complete; nothing of it is started"),
            Self::Unknown(store) if store.is_moving() => {
                f.write_str("adopted in the middle of an update, which goes on")
            }
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
