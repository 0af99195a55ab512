//! Refusals on their way into the audit: equal ones are folded into one entry, and as many entries as a flood could make are
//! not made. They are entered once a second.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sendstores_core::{audit::AuditEntry, ledger::Ledger};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    StoreApi,
    audited::{self, About, Origin},
    status,
};

/// Entries of one second. Further ones are counted, and left out.
const MOST: usize = 200;
const INTERVAL: Duration = Duration::from_secs(1);

/// What makes two refusals equal: who, which method, about what, why, and from where.
#[derive(PartialEq, Eq, Hash)]
struct Sort {
    principal: String,
    method: String,
    resource: String,
    reason: String,
    peer: String,
}

/// The refusals of the last second.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<Sort, AuditEntry>>);

// === impl Refusals ===

impl Refusals {
    pub(super) fn add(&self, entry: AuditEntry) {
        self.put(entry, true);
    }

    /// Takes as long as [`Refusals::add`], and adds nothing.
    fn pass_over(&self, entry: AuditEntry) {
        self.put(entry, false);
    }

    fn put(&self, entry: AuditEntry, wanted: bool) {
        let AuditEntry { principal, method, resource, reason, peer, .. } = entry.clone();
        let sort = Sort { principal, method, resource, reason, peer };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = entries.len() >= MOST;
        match entries.get_mut(&sort) {
            _ if !wanted => {}
            Some(known) => *known = AuditEntry { count: known.count.saturating_add(entry.count), ..entry },
            None if full => dropped(entry.count),
            None => drop(entries.insert(sort, entry)),
        }
    }

    fn take(&self) -> Vec<AuditEntry> {
        let mut entries: Vec<_> =
            mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect();
        entries.sort_by_key(|entry| entry.time);
        entries
    }
}

fn dropped(count: u64) {
    metrics::counter!("sendstores_audit_dropped_total").increment(count);
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    /// Enters refusals into the audit, until `stop` and once more.
    pub async fn keep_audit(self, stop: CancellationToken) {
        // So that the metric is there before it is needed.
        dropped(0);
        loop {
            let stopped = tokio::time::timeout(INTERVAL, stop.cancelled()).await.is_ok();
            self.enter_refusals().await;
            if stopped {
                return;
            }
        }
    }

    /// Notes a refusal that is of interest: not the right caller, or too much. What is wrong with a request is none.
    pub(super) fn note_refusal(&self, origin: &Origin, status: &Status) {
        let Some((decision, reason, resource)) = status::for_audit(status) else { return };
        self.refusals().add(origin.entry(About::named(&resource), decision, &reason));
    }

    /// Notes a call about something that its caller may not know of: to the caller it is `named` and missing. The two must not be
    /// told apart by the time that they take, so that an entry is made for both, and kept of what is `hidden`.
    pub(super) fn note_absent(&self, origin: &Origin, named: &str, hidden: Option<About<'_>>) {
        match hidden {
            _ if origin.sees_all() => {}
            Some(about) => self.refusals().add(origin.entry_of_hidden(about)),
            None => self.refusals().pass_over(origin.entry_of_hidden(About::named(named))),
        }
    }

    async fn enter_refusals(&self) {
        let entries = self.refusals().take();
        if entries.is_empty() {
            return;
        }
        entries.iter().for_each(audited::log);
        let entered = match self.ledger_of_audit() {
            Some(ledger) => ledger.note_refusals(&entries).await.map_err(|error| error.to_string()),
            None => Err("Redis was not reached yet".to_owned()),
        };
        if let Err(error) = entered {
            tracing::warn!(error, entries = entries.len(), "refusals are not in the audit, and in this log alone");
            dropped(entries.iter().map(|entry| entry.count).sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use sendstores_core::{Timestamp, audit::Verdict};

    use super::*;

    fn refused(peer: usize, second: i64) -> AuditEntry {
        AuditEntry {
            time: Timestamp::from_micros(second),
            principal: String::new(),
            tenants: Vec::new(),
            method: "m".to_owned(),
            resource: String::new(),
            uid: String::new(),
            decision: Verdict::Denied,
            reason: "TOKEN_INVALID".to_owned(),
            call: second.to_string(),
            peer: peer.to_string(),
            agent: String::new(),
            via: "grpc".to_owned(),
            count: 1,
            hidden: false,
        }
    }

    #[test]
    fn equal_refusals_are_one_entry_and_a_flood_is_no_more_than_so_many() {
        let refusals = Refusals::default();
        for i in 0..MOST * 3 {
            refusals.add(refused(i, 1));
            refusals.add(refused(0, 2));
        }
        let entries = refusals.take();
        assert_eq!(entries.len(), MOST);
        let folded = entries.last().expect("entries");
        let flood = u64::try_from(MOST * 3 + 1).expect("fits");
        assert_eq!((folded.peer.as_str(), folded.count, folded.call.as_str()), ("0", flood, "2"));
        assert!(refusals.take().is_empty());
        refusals.pass_over(refused(0, 1));
        assert!(refusals.take().is_empty(), "what is passed over leaves no entry");
    }
}
