//! The audit, as the ledger on Redis has it.

use std::collections::VecDeque;

use sendstores_core::{
    audit::{AuditEntry, AuditId},
    ledger::LedgerError,
};

use super::history::History;
use crate::ledger::record::audit;

/// As many as a server keeps unless it is told otherwise.
const MOST: usize = 100_000;

/// The entries, in the order of their ids.
#[derive(Clone, Default)]
pub(super) struct Audit(VecDeque<(AuditId, String)>);

// === impl Audit ===

impl Audit {
    pub(super) fn add(&mut self, millis: u64, text: String) {
        let next = self.0.back().map(|(last, _)| AuditId { sequence: last.sequence + 1, ..*last });
        let id = next.filter(|next| next.millis >= millis).unwrap_or(AuditId { millis, sequence: 0 });
        self.0.push_back((id, text));
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    fn before(&self, before: Option<AuditId>) -> impl Iterator<Item = (AuditId, Option<AuditEntry>)> {
        let earlier = self.0.iter().rev().filter(move |(id, _)| before.is_none_or(|before| *id < before));
        earlier.map(|(id, text)| (*id, audit::decode(text.as_bytes())))
    }
}

// === impl History ===

impl History {
    pub(super) fn note(&mut self, entries: &[AuditEntry]) -> Result<(), LedgerError> {
        let millis = self.millis();
        for entry in entries {
            self.audit.add(millis, audit::encode(entry)?);
        }
        Ok(())
    }

    pub(super) fn read_audit(&self, before: Option<AuditId>, most: usize) -> Vec<(AuditId, Option<AuditEntry>)> {
        self.audit.before(before).take(most).collect()
    }

    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.now().as_micros() / 1000).unwrap_or(0)
    }
}
