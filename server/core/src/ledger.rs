//! The port to where intent and state are kept: one ordered log, and the latest record of each resource.
//!
//! Resources of all kinds ([`crate::resource`]) have one log, one order of revisions and one epoch, and the same guarantees.
//!
//! One contract test-suite (`tests/tests/ledger_contract.rs`) runs on every implementation.

use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use crate::{
    admission::{Denial, Terms},
    audit::{AuditEntry, AuditId},
    cluster::ClusterUid,
    filter::Former,
    id::{RequestId, TenantId, TokenId},
    resource::{Key, Record, Resource, ResourceId},
    revision::{Epoch, Revision},
    store::Store,
    time::Timestamp,
};

/// Names one process that reconciles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

/// Grows with each change of a claim's owner; a write under an older one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// The right to reconcile one resource until `expires`, unless renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub key: Key,
    pub owner: Owner,
    pub fence: Fence,
    /// By the ledger's clock.
    pub expires: Timestamp,
}

/// A caller's request, to be recognised when it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub id: RequestId,
    /// Whose request it is: the same id of another tenant is another operation. `None`: callers are not distinguished.
    pub scope: Option<TenantId>,
    /// Digest of the request's body, in hex.
    pub digest: String,
}

/// What must be true of the record for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// There is none, or it is a tombstone.
    Vacant,
    /// It has this revision.
    Revision(Revision),
}

/// One change of one resource. The ledger sets its revision.
#[derive(Clone, Debug)]
pub struct Write<R = Store> {
    pub resource: R,
    pub expected: Expected,
    /// Required of reconcile, absent for callers' intents.
    pub fence: Option<Fence>,
    /// Kept for [`OPERATION_WINDOW`] with the written record.
    pub operation: Option<Operation>,
}

/// How a write ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written<R = Store> {
    /// It happened now; the resource carries its new revision.
    Applied(R),
    /// It had happened before; this is what was answered then.
    Repeated(R),
}

/// One change in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub revision: Revision,
    pub before: Before,
    pub entry: LogEntry,
}

/// What a change wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry of a log is a record")]
pub enum LogEntry {
    /// The resource after the change.
    Record(Record),
    Unreadable(Unreadable),
    /// The resource is of a kind that only a newer version knows. The entry takes a revision, and is passed over.
    OtherKind,
}

/// A record that this program cannot decode: it is damaged, or a newer program wrote it in another version of the
/// format. It concerns one resource: that one is set aside (not shown, not worked on, its id is taken), and all others go
/// on. It is back when a record that can be read is written in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `None` where not even this can be read; only in the log.
    pub key: Option<Key>,
    pub revision: Revision,
    pub why: String,
}

/// Every record of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan<R = Store> {
    pub resources: Vec<R>,
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

/// What a store was before a change, so that a reader who begins in the middle of the log knows what left a filter.
/// Of resources of other kinds it is always `Unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing: the change is its first. Another store of the same id may have been there, and have ended.
    Nothing,
    Store(Former),
    /// The log does not say: an older program wrote the change.
    Unknown,
}

/// What the log holds after a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPage {
    /// The next changes, in order and without a gap; empty when none came within the wait.
    Changes(Vec<Change>),
    /// The history no longer reaches back to the position. It can be read from `oldest` on, which is after the position.
    Compacted { oldest: Revision },
}

/// How long a repeated operation is recognised.
pub const OPERATION_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the record of a DELETED resource is kept: longer than any watcher is away that can still resume.
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
    Conflict(Option<Box<Record>>),
    /// The operation's id was used before with another body.
    #[error("the request id was used for another request")]
    OperationReused,
    /// The operation happened before, and there was nothing then for it to change: see [`Ledger::note_missing`].
    #[error("the operation has found nothing")]
    FoundNothing,
    /// The terms of the write are not met. Nothing was written.
    #[error("not admitted: {0}")]
    NotAdmitted(Denial),
    /// Another owner has claimed the resource since.
    #[error("the claim was lost")]
    Fenced,
    /// The ledger has another history than the one this process began with.
    #[error("the ledger's history was replaced: {0}")]
    EpochChanged(String),
    /// A replica saw that the ledger lost something. It can be read, and nothing is written before [`Ledger::adopt`].
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
    fn write<R: Resource>(&self, write: Write<R>) -> impl Future<Output = Result<Written<R>, LedgerError>> + Send {
        self.submit(write, Terms::default())
    }

    /// As [`Ledger::write`], if the terms are met: the last refusal is `NotAdmitted`. What is refused counts nothing.
    fn submit<R: Resource>(
        &self,
        write: Write<R>,
        terms: Terms,
    ) -> impl Future<Output = Result<Written<R>, LedgerError>> + Send;

    /// Compares how many stores each tenant has by the ledger's count with `stores`, which is what all changes up to `at`
    /// make, and puts the count right. Returns by how many stores it was wrong, all tenants together. `None`: the last
    /// change is another one; ask again.
    fn check_counts(
        &self,
        at: Revision,
        stores: &BTreeMap<TenantId, u64>,
    ) -> impl Future<Output = Result<Option<u64>, LedgerError>> + Send;

    /// Enters refusals into the audit, in this order. They are kept apart from the entries of changes, a tenth as many.
    fn note_refusals(&self, entries: &[AuditEntry]) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// About `most` entries of the audit before the one with this id, or the newest; the newest first. `None` in the place of
    /// one that cannot be read.
    fn read_audit(
        &self,
        before: Option<AuditId>,
        most: usize,
    ) -> impl Future<Output = Result<Vec<(AuditId, Option<AuditEntry>)>, LedgerError>> + Send;

    /// Notes when tokens were used last. A time that is newer by less than `coarse` than the one that is kept is not written, so
    /// that many replicas write no more often than one. Returns what is kept of each now, in their order; `None`: there is no
    /// such token.
    fn note_uses(
        &self,
        uses: &[(TokenId, Timestamp)],
        coarse: Duration,
    ) -> impl Future<Output = Result<Vec<Option<Timestamp>>, LedgerError>> + Send;

    /// When each token was used last, in their order; `None`: never, or it is not kept.
    fn last_uses(&self, tokens: &[TokenId])
    -> impl Future<Output = Result<Vec<Option<Timestamp>>, LedgerError>> + Send;

    /// What the operation answered, if it happened; `FoundNothing` if there was nothing then for it to change.
    /// `OperationReused` if its id was used for another body, or for a resource of another kind.
    fn recall<R: Resource>(&self, operation: &Operation)
    -> impl Future<Output = Result<Option<R>, LedgerError>> + Send;

    /// Keeps the operation for [`OPERATION_WINDOW`] as one that found nothing of this id, so that its repetition finds
    /// nothing either, whatever was created since. If it happened before: what it answered then. Refused with `Conflict`
    /// if there is something.
    fn note_missing<I: ResourceId>(
        &self,
        id: &I,
        operation: &Operation,
    ) -> impl Future<Output = Result<Option<I::Resource>, LedgerError>> + Send;

    /// The record of one resource, tombstones included. `Unreadable` if it cannot be decoded.
    fn load<I: ResourceId>(&self, id: &I) -> impl Future<Output = Result<Option<I::Resource>, LedgerError>> + Send;

    /// Every record of one kind, tombstones included, in no order. Not a snapshot: changes made meanwhile may be in it or
    /// not.
    fn scan<R: Resource>(&self) -> impl Future<Output = Result<Scan<R>, LedgerError>> + Send;

    /// Up to `most` changes after `after`; waits up to `wait` for the first one.
    fn read_log(
        &self,
        after: Revision,
        most: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<LogPage, LedgerError>> + Send;

    /// Takes the claim of a resource for `lease`, or `None` while another owner has it. The same owner gets its own claim
    /// back with the same fence and a new expiry; a new owner always gets a higher fence.
    fn claim<I: ResourceId>(
        &self,
        id: &I,
        owner: &Owner,
        lease: Duration,
    ) -> impl Future<Output = Result<Option<Claim>, LedgerError>> + Send;

    /// Renews claims for `lease`, all by one call: whether each, in their order, is still held under its fence. A claim
    /// that has expired is, until another owner takes it.
    fn renew(&self, claims: &[Claim], lease: Duration) -> impl Future<Output = Result<Vec<bool>, LedgerError>> + Send;

    /// How long the claim of a resource lasts unless it is renewed; zero if it is not claimed.
    fn claimed_for<I: ResourceId>(&self, id: &I) -> impl Future<Output = Result<Duration, LedgerError>> + Send;

    /// Gives a claim back. Nothing happens if it was lost meanwhile.
    fn release(&self, claim: &Claim) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Notes that `owner` lives for `lease` by the ledger's clock, and returns all owners that live, in no order. A lease
    /// of zero takes the note back.
    fn announce(&self, owner: &Owner, lease: Duration) -> impl Future<Output = Result<Vec<Owner>, LedgerError>> + Send;

    /// Removes tombstones of all kinds older than `age` by the ledger's clock, up to `most`; returns how many.
    fn sweep(&self, age: Duration, most: usize) -> impl Future<Output = Result<usize, LedgerError>> + Send;

    /// Why this history is in doubt, if it is.
    fn doubt(&self) -> impl Future<Output = Result<Option<String>, LedgerError>> + Send;

    /// Puts the history in doubt that this process knows, or the emptiness in its place: `write`, `claim`, `renew`,
    /// `announce` and `sweep` are refused with `InDoubt` from then on, to every process, until [`Ledger::adopt`]. Refused with
    /// `EpochChanged` when there is another history, which is left alone.
    fn cast_doubt(&self, why: &str) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Goes on with the history that is there now, if it can be trusted: the one that this process knows, at least as far
    /// as it knows it, or one that [`Ledger::adopt`] began. Refused with `InDoubt` or `EpochChanged` otherwise.
    fn rejoin(&self) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Which cluster the stores of this ledger stand in, kept before it answers as `set` says. `None`: none is kept.
    /// [`SetCluster::IfNone`] keeps nothing in a history that is in doubt.
    fn cluster(&self, set: SetCluster<'_>) -> impl Future<Output = Result<Option<ClusterUid>, LedgerError>> + Send;

    /// Begins another history with what the ledger holds, written over by `records`, and without a doubt; all or nothing.
    /// Every token, claim and handle of the history before is void. The handle that was used goes on with the new one.
    fn adopt(&self, records: Vec<Record>) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

// === impl Owner ===

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Written ===

impl<R> Written<R> {
    pub fn into_resource(self) -> R {
        match self {
            Self::Applied(resource) | Self::Repeated(resource) => resource,
        }
    }
}

// === impl Scan ===

impl<R> FromIterator<Result<R, Unreadable>> for Scan<R> {
    fn from_iter<I: IntoIterator<Item = Result<R, Unreadable>>>(records: I) -> Self {
        let mut scan = Self { resources: Vec::new(), unreadable: Vec::new() };
        for record in records {
            match record {
                Ok(resource) => scan.resources.push(resource),
                Err(unreadable) => scan.unreadable.push(unreadable),
            }
        }
        scan
    }
}

// === impl Unreadable ===

impl Unreadable {
    /// The same, of the record that is known to have this key.
    pub fn of(self, key: Key) -> Self {
        Self { key: Some(key), ..self }
    }

    /// `None`: it is not known, or the record is of another kind.
    pub fn id<I: ResourceId>(&self) -> Option<I> {
        I::of_key(self.key.clone()?)
    }
}

impl From<Unreadable> for LedgerError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(Box::new(unreadable))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, revision, why } = self;
        match key {
            Some(key) => write!(f, "the record of {key} at revision {revision} cannot be read: {why}"),
            None => write!(f, "the record at revision {revision} cannot be read: {why}"),
        }
    }
}

// === impl LedgerError ===

impl LedgerError {
    /// The same, of a call that concerns the record of this key.
    pub fn of(self, key: Key) -> Self {
        match self {
            Self::Unreadable(unreadable) => (*unreadable).of(key).into(),
            other => other,
        }
    }

    /// The record that is there instead of the expected one.
    pub fn found<R: Resource>(self) -> Result<R, Self> {
        match self {
            Self::Conflict(Some(record)) => R::try_from(*record).map_err(|record| Self::Conflict(Some(record.into()))),
            other => Err(other),
        }
    }

    /// Whether the same call may go through later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) => true,
            Self::Conflict(_) | Self::OperationReused | Self::FoundNothing | Self::Fenced => false,
            Self::NotAdmitted(_) => false,
            Self::EpochChanged(_) | Self::InDoubt(_) | Self::Unsafe(_) => false,
            Self::Unreadable(_) | Self::Corrupt(_) => false,
        }
    }

    /// Whether the ledger is not what it was, so that nothing may be built upon it before an operator has decided.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::EpochChanged(_) | Self::InDoubt(_))
    }
}
