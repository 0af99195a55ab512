//! A probe of a READY store: observes the storefront, and leaves the ledger alone unless there is something to record.

use std::{sync::Arc, time::SystemTime};

use sendstores_core::{
    Store,
    observed::{Observed, Seen},
    plan::{Action, plan},
    provisioner::Provisioner,
};

use crate::mirror::Entry;

/// What is probed.
pub(super) struct Probe {
    /// As the mirror has it.
    pub(super) store: Arc<Entry>,
    /// The probe before this one found that the store does not sell.
    pub(super) suspect: bool,
}

/// What a probe found.
pub(super) enum Found {
    /// Nothing that is not on record.
    Nothing,
    /// The store does not sell. One lost probe is no reason to call it DEGRADED: it is probed again first.
    Suspect,
    /// Something to record, or to repair: what was observed of the store as it was probed.
    Change(Box<Observed>),
}

// === impl Probe ===

impl Probe {
    /// Dropping it stops it; there is nothing to undo.
    pub(super) async fn observe<P: Provisioner>(&self, provisioner: &P) -> Found {
        let store: &Store = &self.store;
        let pipeline = provisioner.engines().pipeline(store.spec.engine);
        let Some(proof) = pipeline.proof() else { return unclear(store, "this server does not have its engine") };
        let seen = match provisioner.observe(store, proof).await {
            Ok(Seen::Unknown) => return unclear(store, "the cluster gave no certain answer"),
            // A probe that could not be made says nothing of the store.
            Err(error) => return unclear(store, &error.to_string()),
            Ok(seen) => seen,
        };
        let mut observed = Observed::nothing(pipeline);
        observed.note(proof, seen);
        match plan(store, &observed, SystemTime::now().into()) {
            Action::Rest(_) => counted("unchanged", Found::Nothing),
            Action::Degrade(_) if !self.suspect => counted("suspect", Found::Suspect),
            _ => counted("changed", Found::Change(Box::new(observed))),
        }
    }

    /// Whether what was observed speaks of `store`, too.
    pub(super) fn is_of(&self, store: &Store) -> bool {
        self.store.uid == store.uid && self.store.revision == store.revision
    }
}

fn unclear(store: &Store, why: &str) -> Found {
    tracing::warn!(store = %store.id, why, "the storefront could not be probed");
    counted("unclear", Found::Nothing)
}

fn counted(outcome: &'static str, found: Found) -> Found {
    metrics::counter!("sendstores_probes_total", "outcome" => outcome).increment(1);
    found
}
