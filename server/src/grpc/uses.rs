//! When tokens of the ledger were used last. A call sets a mark in memory; once in a while what was marked is written, so that no
//! call waits for it, and a token that is used all day has one write an hour, over all replicas together.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use sendstores_core::{Principal, Timestamp, TokenId, access::PrincipalKind, ledger::Ledger};
use tokio_util::sync::CancellationToken;

use super::StoreApi;

/// How often marks are collected.
const INTERVAL: Duration = Duration::from_secs(5);
/// How old the time may be that is kept of a token in use.
const COARSE: Duration = Duration::from_secs(60 * 60);
/// Tokens of one write.
const BATCH: usize = 500;

/// Whether a token was used since it was asked last.
#[derive(Default)]
pub(super) struct Use(AtomicBool);

/// The tokens that callers use here.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<TokenId, Kept>>);

#[derive(Default)]
struct Kept {
    mark: Arc<Use>,
    /// When it was used last.
    seen: Option<Timestamp>,
    /// What the ledger has.
    written: Option<Timestamp>,
}

// === impl Use ===

impl Use {
    /// Each call does this, and nearly all find the mark set: reading it disturbs no other processor.
    pub(super) fn mark(&self) {
        if !self.0.load(Ordering::Relaxed) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

// === impl Uses ===

impl Uses {
    /// The mark of the caller's token; `None`: the ledger has none.
    pub(super) fn of(&self, principal: &Principal) -> Option<Arc<Use>> {
        if principal.kind != PrincipalKind::Token {
            return None;
        }
        let id = principal.id.parse().ok()?;
        Some(self.kept().entry(id).or_default().mark.clone())
    }

    /// Collects the marks, and returns what is to be written.
    fn due(&self, now: Timestamp) -> Vec<(TokenId, Timestamp)> {
        let is_old = |written: Option<Timestamp>| written.is_none_or(|written| written.after(COARSE) <= now);
        let mut kept = self.kept();
        kept.retain(|_, kept| {
            if kept.mark.0.swap(false, Ordering::Relaxed) {
                kept.seen = Some(now);
            }
            // A connection still has it, or there is something to write, or to compare with.
            Arc::strong_count(&kept.mark) > 1 || kept.is_new() || !is_old(kept.written)
        });
        let due = kept.iter().filter(|(_, kept)| kept.is_new() && is_old(kept.written));
        due.filter_map(|(id, kept)| Some((id.clone(), kept.seen?))).take(BATCH).collect()
    }

    /// Notes what the ledger has now of these. What it does not keep is not offered again before it is used again.
    fn written(&self, uses: &[(TokenId, Timestamp)], now_kept: &[Option<Timestamp>]) {
        let mut kept = self.kept();
        for ((id, seen), written) in uses.iter().zip(now_kept) {
            if let Some(kept) = kept.get_mut(id) {
                kept.written = Some(written.unwrap_or(*seen));
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<TokenId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Kept ===

impl Kept {
    fn is_new(&self) -> bool {
        self.seen > self.written
    }
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    /// Writes when tokens were used, until `stop` and once more.
    pub async fn keep_uses(self, stop: CancellationToken) {
        loop {
            let stopped = tokio::time::timeout(INTERVAL, stop.cancelled()).await.is_ok();
            self.write_uses().await;
            if stopped {
                return;
            }
        }
    }

    async fn write_uses(&self) {
        let due = self.uses().due(SystemTime::now().into());
        let Some(ledger) = self.ledger_of_audit().filter(|_| !due.is_empty()) else { return };
        match ledger.note_uses(&due, COARSE).await {
            Ok(kept) => self.uses().written(&due, &kept),
            // They stay due.
            Err(error) => tracing::debug!(%error, tokens = due.len(), "the uses of tokens are not written yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    fn principal() -> Principal {
        Principal { kind: PrincipalKind::Token, id: "4fKq0ZpL2x".to_owned(), ..Principal::anonymous() }
    }

    #[test]
    fn a_token_in_use_is_written_once_an_hour_and_its_last_use_is_not_lost() {
        let uses = Uses::default();
        let mark = uses.of(&principal()).expect("a mark");
        assert!(uses.due(at(0)).is_empty(), "it was not used");
        let mut writes = Vec::new();
        for minute in 0..150 {
            if minute <= 130 {
                mark.mark();
            }
            let due = uses.due(at(minute));
            uses.written(&due, &due.iter().map(|(_, seen)| Some(*seen)).collect::<Vec<_>>());
            writes.extend(due.into_iter().map(|(_, seen)| seen));
        }
        assert_eq!(writes, [0, 60, 120].map(at));
        let last = uses.due(at(180));
        assert_eq!(last.first().map(|(_, seen)| *seen), Some(at(130)), "the last use is written late");
    }

    #[test]
    fn what_another_replica_has_written_counts_and_nothing_is_kept_of_a_token_that_is_not_used() {
        let uses = Uses::default();
        uses.of(&principal()).expect("a mark").mark();
        let due = uses.due(at(50));
        uses.written(&due, &[Some(at(10))]);
        assert!(uses.due(at(60)).is_empty());
        let due = uses.due(at(70));
        assert_eq!(due.first().map(|(_, seen)| *seen), Some(at(50)), "its hour is over");
        uses.written(&due, &[None]);
        assert!(uses.due(at(200)).is_empty() && uses.kept().is_empty());
        assert!(uses.of(&Principal::anonymous()).is_none());
    }
}
