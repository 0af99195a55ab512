//! The names of the keys. They are spelled here and nowhere else.

use sendstores_core::ledger::Operation;

/// All keys of one ledger, under one hash tag so that Redis Cluster keeps them on one node.
pub(super) struct Keys {
    /// Hash: `epoch`, `format`, `revision` (the last one given), `fence` (the last one given), `tip` (which write gave it), `doubt` (why nothing may be
    /// written; absent when all is well), `adopted` (the epoch before, in a history that began by adoption), `cluster` (the uid of the cluster that the stores stand in).
    pub(super) meta: String,
    /// Hash: id -> stored value.
    pub(super) stores: String,
    /// Stream with ids `<revision>-0`: `epoch`, `record`, `tip` (names the write), `prev` (the tip before), `id` (of the store),
    /// `before`.
    pub(super) log: String,
    /// Hash: id -> claim.
    pub(super) claims: String,
    /// Hash: name of a duty -> who has it, as a claim.
    pub(super) duties: String,
    /// Sorted set: owner -> until when it is taken to live, in microseconds of Redis time.
    pub(super) replicas: String,
    /// Sorted set: id of a deleted store -> when it was deleted, in microseconds of Redis time.
    pub(super) tombstones: String,
    operation: String,
    scoped_operation: String,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self {
            meta: key("meta"),
            stores: key("stores"),
            log: key("log"),
            claims: key("claims"),
            duties: key("duties"),
            replicas: key("replicas"),
            tombstones: key("tombstones"),
            operation: key("operation:"),
            scoped_operation: key("operation@"),
        }
    }

    /// String: digest and answer of one operation, for as long as it is remembered. An empty answer: there was no store.
    pub(super) fn operation(&self, operation: &Operation) -> String {
        let Operation { id, scope, digest: _ } = operation;
        match scope {
            None => format!("{}{id}", self.operation),
            // No scope has a colon in it.
            Some(scope) => format!("{}{scope}:{id}", self.scoped_operation),
        }
    }
}
