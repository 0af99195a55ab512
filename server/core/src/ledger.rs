//! The port to where intent and state are kept: one ordered log, and the latest record of each store.
//!
//! One contract test-suite (`tests/tests/ledger_contract.rs`) runs on every implementation.

use std::{fmt, future::Future, time::Duration};

use crate::{
    cluster::ClusterUid,
    id::{RequestId, StoreId, Tenant},
    revision::{Epoch, Revision},
    state::State,
    store::Store,
    time::Timestamp,
};

/// Names one process that reconciles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

/// Grows with each change of a claim's owner; a write under an older one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// The right to reconcile one store until `expires`, unless renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub store: StoreId,
    pub owner: Owner,
    pub fence: Fence,
    /// By the ledger's clock.
    pub expires: Timestamp,
}

/// Work that one replica does for all stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Having shops do what they have scheduled.
    Cron,
}

/// A caller's request, to be recognised when it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub id: RequestId,
    /// Whose request it is: the same id of another tenant is another operation. `None`: callers are not distinguished.
    pub scope: Option<Tenant>,
    /// Digest of the request's body, in hex.
    pub digest: String,
}

/// What must be true of the record for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// There is none, or its state is DELETED.
    Vacant,
    /// It has this revision.
    Revision(Revision),
}

/// One change of one store. The ledger sets the record's revision.
#[derive(Clone, Debug)]
pub struct Write {
    pub store: Store,
    pub expected: Expected,
    /// Required of reconcile, absent for callers' intents.
    pub fence: Option<Fence>,
    /// Kept for [`OPERATION_WINDOW`] with the written record.
    pub operation: Option<Operation>,
}

/// How a write ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It happened now; the store carries its new revision.
    Applied(Store),
    /// It had happened before; this is what was answered then.
    Repeated(Store),
}

/// One change in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub revision: Revision,
    pub kind: Kind,
    pub before: Before,
    /// The store after the change, unless its record cannot be read.
    pub record: Result<Store, Unreadable>,
}

/// What kind of resource an entry of the log is about. The log has one order for all kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Store,
    /// One that only a newer version knows: its entry takes a revision, and is passed over.
    Other,
}

/// A record that this program cannot decode: it is damaged, or a newer program wrote it in another version of the
/// format. It concerns one store: that store is set aside (not shown, not worked on, its id is taken), and all others go
/// on. It is back when a record that can be read is written in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `None` where not even this can be read; only in the log.
    pub id: Option<StoreId>,
    pub revision: Revision,
    pub why: String,
}

/// Every record there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    pub stores: Vec<Store>,
    pub unreadable: Vec<Unreadable>,
}

/// Which cluster is kept as that of all stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCluster<'a> {
    No,
    /// This one, if none is kept yet.
    IfNone(&'a ClusterUid),
    /// This one, whichever is kept.
    Instead(&'a ClusterUid),
}

/// What a store was before a change, so that a reader who begins in the middle of the log can tell what left a filter.
/// The state is enough: nothing else that a filter asks of a store changes between its creation and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing: the change is its first. Another store of the same id may have been there, and have ended.
    Nothing,
    State(State),
    /// The log does not say: an older program wrote the change.
    Unknown,
}

/// What the log holds behind a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPage {
    /// The next changes, in order and without a gap; empty when none came within the wait.
    Changes(Vec<Change>),
    /// The history no longer reaches back to the position. It can be read from `oldest` on, which is behind the position.
    Compacted { oldest: Revision },
}

/// How long a repeated operation is recognised.
pub const OPERATION_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the record of a DELETED store is kept: longer than any watcher is away that can still resume.
pub const TOMBSTONE_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why the ledger did not do as asked. Each variant is a thing the caller does differently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Not reached, or no answer in time. A write may or may not have happened; repeat it with the same operation.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    /// The ledger has no room left (memory or disk). Nothing was written.
    #[error("the ledger has no room: {0}")]
    Full(String),
    /// The expectation did not hold; here is the record as it is.
    #[error("the record is not as expected")]
    Conflict(Option<Box<Store>>),
    /// The operation's id was used before with another body.
    #[error("the request id was used for another request")]
    OperationReused,
    /// The operation happened before, and there was no store then for it to change: see [`Ledger::note_missing`].
    #[error("the operation has found no store")]
    FoundNothing,
    /// Another owner has claimed the store since.
    #[error("the claim was lost")]
    Fenced,
    /// The ledger has another history than the one this process began with.
    #[error("the ledger's history was replaced: {0}")]
    EpochChanged(String),
    /// Somebody saw that the ledger lost something. It can be read, and nothing is written before [`Ledger::adopt`].
    #[error("the ledger may have lost something: {0}")]
    InDoubt(String),
    /// The record that was asked for cannot be decoded. Other records are not concerned.
    #[error("{0}")]
    Unreadable(Box<Unreadable>),
    /// What the ledger is or says cannot be understood.
    #[error("the ledger cannot be understood: {0}")]
    Corrupt(String),
    /// The ledger is not set up as it must be.
    #[error("the ledger is not set up safely: {0}")]
    Unsafe(String),
}

/// Where intent and state are kept. Clones share one connection.
///
/// Every method may fail with [`LedgerError::Unavailable`] and never waits longer than the implementation's command
/// timeout (plus `wait`, where one is given).
pub trait Ledger: Clone + Send + Sync + 'static {
    /// Name of the history this process goes by: the one it began with, or last rejoined.
    fn epoch(&self) -> Epoch;

    /// The revision of the last change of all.
    fn last_revision(&self) -> impl Future<Output = Result<Revision, LedgerError>> + Send;

    /// Writes the record, appends to the log and keeps the operation, all or nothing, in this order of refusals:
    /// `EpochChanged`, `InDoubt`, operation known (`Repeated`, `FoundNothing` or `OperationReused`), `Conflict`, `Fenced`. In the place of a
    /// record that cannot be read, `Conflict` is `Unreadable`.
    /// Durable when it returns. A call that is delivered twice by the transport is applied once.
    fn write(&self, write: Write) -> impl Future<Output = Result<Written, LedgerError>> + Send;

    /// What the operation answered, if it happened; `FoundNothing` if there was no store then. `OperationReused` if its id
    /// was used for another body.
    fn recall(&self, operation: &Operation) -> impl Future<Output = Result<Option<Store>, LedgerError>> + Send;

    /// Keeps the operation for [`OPERATION_WINDOW`] as one that found no store of this id, so that its repetition finds
    /// none either, whatever was created since. If it happened before: what it answered then. Refused with `Conflict` if
    /// there is a store.
    fn note_missing(
        &self,
        id: &StoreId,
        operation: &Operation,
    ) -> impl Future<Output = Result<Option<Store>, LedgerError>> + Send;

    /// The record of one store, tombstones included. `Unreadable` if it cannot be decoded.
    fn load(&self, id: &StoreId) -> impl Future<Output = Result<Option<Store>, LedgerError>> + Send;

    /// Every record, tombstones included, in no order. Not a snapshot: changes made meanwhile may be in it or not.
    fn scan(&self) -> impl Future<Output = Result<Scan, LedgerError>> + Send;

    /// Up to `most` changes behind `after`; waits up to `wait` for the first one.
    fn read_log(
        &self,
        after: Revision,
        most: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<LogPage, LedgerError>> + Send;

    /// Takes the claim of a store for `lease`, or `None` while another owner has it. The same owner gets its own claim
    /// back with the same fence and a new expiry; a new owner always gets a higher fence.
    fn claim(
        &self,
        id: &StoreId,
        owner: &Owner,
        lease: Duration,
    ) -> impl Future<Output = Result<Option<Claim>, LedgerError>> + Send;

    /// How long the claim of a store lasts unless it is renewed; zero if nobody has one.
    fn claimed_for(&self, id: &StoreId) -> impl Future<Output = Result<Duration, LedgerError>> + Send;

    /// Gives a claim back. Nothing happens if it was lost meanwhile.
    fn release(&self, claim: &Claim) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Takes or keeps a duty for `lease`, as [`Ledger::claim`] does with a store: `None` while another owner has it, the
    /// same fence as before for its owner.
    fn take_duty(
        &self,
        duty: Duty,
        owner: &Owner,
        lease: Duration,
    ) -> impl Future<Output = Result<Option<Fence>, LedgerError>> + Send;

    /// Gives a duty back. Nothing happens if it was lost meanwhile.
    fn leave_duty(&self, duty: Duty, fence: Fence) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Notes that `owner` lives for `lease` by the ledger's clock, and returns all owners that live, in no order. A lease
    /// of zero takes the note back.
    fn announce(&self, owner: &Owner, lease: Duration) -> impl Future<Output = Result<Vec<Owner>, LedgerError>> + Send;

    /// Removes tombstones older than `age` by the ledger's clock, up to `most`; returns how many.
    fn sweep(&self, age: Duration, most: usize) -> impl Future<Output = Result<usize, LedgerError>> + Send;

    /// Why this history is in doubt, if it is.
    fn doubt(&self) -> impl Future<Output = Result<Option<String>, LedgerError>> + Send;

    /// Puts the history in doubt that this process knows, or the emptiness in its place: `write`, `claim`, `take_duty`,
    /// `announce` and `sweep` are refused with `InDoubt` from then on, to every process, until [`Ledger::adopt`]. Refused with
    /// `EpochChanged` when there is a history of somebody else, which is left alone.
    fn cast_doubt(&self, why: &str) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Goes on with the history that is there now, if it can be trusted: the one that this process knows, at least as far
    /// as it knows it, or one that [`Ledger::adopt`] began. Refused with `InDoubt` or `EpochChanged` otherwise.
    fn rejoin(&self) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Which cluster the stores of this ledger stand in, kept before it answers as `set` says. `None`: none is kept.
    /// [`SetCluster::IfNone`] keeps nothing in a history that is in doubt.
    fn cluster(&self, set: SetCluster<'_>) -> impl Future<Output = Result<Option<ClusterUid>, LedgerError>> + Send;

    /// Begins another history with what the ledger holds, written over by `stores`, and without a doubt; all or nothing.
    /// Every token, claim and handle of the history before is void. The handle that was used goes on with the new one.
    fn adopt(&self, stores: Vec<Store>) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

// === impl Owner ===

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Duty ===

impl Duty {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cron => "cron",
        }
    }
}

// === impl Written ===

impl Written {
    pub fn into_store(self) -> Store {
        match self {
            Self::Applied(store) | Self::Repeated(store) => store,
        }
    }
}

// === impl Scan ===

impl FromIterator<Result<Store, Unreadable>> for Scan {
    fn from_iter<I: IntoIterator<Item = Result<Store, Unreadable>>>(records: I) -> Self {
        let mut scan = Self::default();
        for record in records {
            match record {
                Ok(store) => scan.stores.push(store),
                Err(unreadable) => scan.unreadable.push(unreadable),
            }
        }
        scan
    }
}

// === impl Unreadable ===

impl Unreadable {
    /// The same, of the store that is known to have this id.
    pub fn of(self, id: &StoreId) -> Self {
        Self { id: Some(id.clone()), ..self }
    }
}

impl From<Unreadable> for LedgerError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(Box::new(unreadable))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, revision, why } = self;
        match id {
            Some(id) => write!(f, "the record of {id} at revision {revision} cannot be read: {why}"),
            None => write!(f, "the record at revision {revision} cannot be read: {why}"),
        }
    }
}

// === impl LedgerError ===

impl LedgerError {
    /// The same, of a call that concerns the store of this id.
    pub fn of(self, id: &StoreId) -> Self {
        match self {
            Self::Unreadable(unreadable) => (*unreadable).of(id).into(),
            other => other,
        }
    }

    /// Whether the same call may go through later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::Conflict(_) | Self::OperationReused | Self::FoundNothing | Self::Fenced => false,
            Self::EpochChanged(_) | Self::InDoubt(_) | Self::Unsafe(_) => false,
            Self::Unreadable(_) | Self::Corrupt(_) => false,
        }
    }

    /// Whether the ledger is not what it was, so that nothing may be built upon it before an operator has decided.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::EpochChanged(_) | Self::InDoubt(_))
    }
}
