//! The names of the keys. They are spelled here and nowhere else.

use sendstores_core::{Key, Kind, ledger::Operation};

/// All keys of one ledger, under one hash tag so that Redis Cluster keeps them on one node.
pub(super) struct Keys {
    /// Hash: `epoch`, `format`, `revision` (the last one given), `fence` (the last one given), `tip` (which write gave it), `doubt` (why nothing may be
    /// written; absent when all is well), `adopted` (the epoch before, in a history that began by adoption), `cluster` (the uid of the cluster that the stores stand in), `counted` (the last change that is in `counts`, behind its epoch).
    pub(super) meta: String,
    /// Stream with ids `<revision>-0`: `epoch`, `record`, `tip` (names the write), `prev` (the tip before), `id`, `kind`
    /// (absent: a store), `before` (of stores: the state), `before_labels` (of stores whose labels the change replaced).
    pub(super) log: String,
    /// Hash: name of a claim -> claim. See [`Keys::claim`].
    pub(super) claims: String,
    /// Sorted set: owner -> until when it is taken to live, in microseconds of Redis time.
    pub(super) replicas: String,
    /// Hash: tenant -> how many stores it has, and until when its rate of creates is taken up.
    pub(super) counts: String,
    /// Stream: `entry`, what a caller did, and `revision`, the change that it made.
    pub(super) audit: String,
    /// Hash: name of the claim of a token -> when it was used last, in microseconds.
    pub(super) uses: String,
    /// Stream: `entry`, what callers were refused.
    pub(super) refusals: String,
    kinds: Vec<OfKind>,
    operation: String,
    scoped_operation: String,
}

/// The keys of one kind of resource. A kind has its own, so that programs which do not know it never meet its records.
pub(super) struct OfKind {
    pub(super) kind: Kind,
    /// Hash: id -> stored value.
    pub(super) records: String,
    /// Sorted set: id of a deleted resource -> when it was deleted, in microseconds of Redis time.
    pub(super) tombstones: String,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        let of_kind = |kind: Kind| match kind {
            Kind::Store => OfKind { kind, records: key("stores"), tombstones: key("tombstones") },
            Kind::Tenant => OfKind { kind, records: key("tenants"), tombstones: key("tenants:tombstones") },
            Kind::Token => OfKind { kind, records: key("tokens"), tombstones: key("tokens:tombstones") },
            Kind::Backup => OfKind { kind, records: key("backups"), tombstones: key("backups:tombstones") },
        };
        Self {
            meta: key("meta"),
            log: key("log"),
            claims: key("claims"),
            replicas: key("replicas"),
            counts: key("tenants:counts"),
            audit: key("audit"),
            uses: key("tokens:uses"),
            refusals: key("audit:refusals"),
            kinds: Kind::ALL.iter().copied().map(of_kind).collect(),
            operation: key("operation:"),
            scoped_operation: key("operation@"),
        }
    }

    pub(super) fn of(&self, kind: Kind) -> &OfKind {
        // One for each kind, in their order.
        &self.kinds[kind as usize]
    }

    pub(super) fn kinds(&self) -> &[OfKind] {
        &self.kinds
    }

    /// What every write may touch, beside the keys of its kind and of its operation.
    pub(super) fn of_writes(&self) -> Vec<String> {
        let [stores, tenants] = [Kind::Store, Kind::Tenant].map(|kind| &self.of(kind).records);
        [&self.meta, &self.log, &self.claims, &self.counts, stores, tenants, &self.audit].map(Clone::clone).into()
    }

    /// `meta`, `log`, and the records of each kind.
    pub(super) fn of_head(&self) -> Vec<String> {
        let records = self.kinds.iter().map(|of_kind| &of_kind.records);
        [&self.meta, &self.log].into_iter().chain(records).cloned().collect()
    }

    /// The name of the claim of one resource: of a store its id, of a backup the uid of its store.
    pub(super) fn claim(key: &Key) -> String {
        format!("{}{}", Self::before_claim(key.kind()), key.claimed())
    }

    /// What precedes the id in the name of a claim.
    pub(super) fn before_claim(kind: Kind) -> String {
        // No id of a store has a '/' in it.
        if kind == Kind::Store { String::new() } else { format!("{}/", kind.as_str()) }
    }

    /// String: digest and answer of one operation, for as long as it is remembered. An empty answer: there was nothing.
    pub(super) fn operation(&self, operation: &Operation) -> String {
        let Operation { id, scope, digest: _ } = operation;
        match scope {
            None => format!("{}{id}", self.operation),
            // No scope has a colon in it.
            Some(scope) => format!("{}{scope}:{id}", self.scoped_operation),
        }
    }
}
