//! One question for many readers: what is the ledger's last revision?

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use sendstores_core::{
    Revision, Timestamp,
    ledger::{Ledger, LedgerError},
};
use tokio::sync::Mutex;

use super::{Consistency, Mirror, ReadError, Status};

/// A reader may share the answer to any question that was asked after the reader came, and to no earlier one. A failure is
/// shared like a revision: if each reader had to see the ledger fail for itself, the readers would time out one after the
/// other.
pub(super) struct Fresh {
    asked: AtomicU64,
    answered: Mutex<Answer>,
}

/// The answer to the last question.
struct Answer {
    question: u64,
    revision: Result<Revision, LedgerError>,
}

// === impl Fresh ===

impl Fresh {
    async fn last_revision<L: Ledger>(&self, ledger: &L) -> Result<Revision, LedgerError> {
        let before_me = self.asked.load(Ordering::SeqCst);
        let mut answer = self.answered.lock().await;
        if answer.question > before_me {
            return answer.revision.clone();
        }
        let question = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        // On the heap, because most callers share another's answer and need no room for a question.
        let revision = Box::pin(ledger.last_revision()).await;
        *answer = Answer { question, revision: revision.clone() };
        revision
    }
}

impl Default for Fresh {
    fn default() -> Self {
        Self { asked: AtomicU64::new(0), answered: Mutex::new(Answer { question: 0, revision: Ok(Revision::ZERO) }) }
    }
}

// === impl Mirror ===

impl Mirror {
    /// Waits until the mirror is as new as the ledger was when this was called: what is read after it is never older
    /// than anything acknowledged before. Returns when that was. A mirror that was never complete refuses at once; who
    /// comes while everything is read AGAIN waits for it, so that a server which has served goes on serving. While the
    /// ledger is not believed it is not asked: the memory is all there is.
    pub async fn catch_up<L: Ledger>(&self, ledger: &L) -> Result<Timestamp, ReadError> {
        let memory = self.fresh_since()?;
        if self.is_doubted() {
            return Ok(memory);
        }
        let begun = SystemTime::now().into();
        let revision = self.0.fresh.last_revision(ledger).await?;
        self.complete_again().await;
        if self.is_doubted() {
            return self.fresh_since();
        }
        self.reach(revision).await;
        self.0.age.complete_since(begun);
        Ok(begun)
    }

    /// Waits until a read of this consistency may be answered. Returns a time before which no acknowledged change is
    /// missing from the answer.
    pub async fn ready<L: Ledger>(&self, consistency: Consistency, ledger: &L) -> Result<Timestamp, ReadError> {
        match consistency {
            Consistency::Linearizable => self.catch_up(ledger).await,
            Consistency::Stale => self.fresh_since(),
        }
    }

    fn is_doubted(&self) -> bool {
        self.0.doubt.borrow().is_some()
    }

    /// Until then the index is of before, maybe of another history: its revision says nothing.
    async fn complete_again(&self) {
        let complete = self.0.status.subscribe().wait_for(|status| *status != Status::Loading).await.is_ok();
        debug_assert!(complete, "the mirror owns the sender");
    }

    /// Waits until the mirror holds `revision`. Without a deadline of its own: the caller has one.
    pub async fn reach(&self, revision: Revision) {
        if *self.0.revision.borrow() >= revision {
            return;
        }
        let mut revisions = self.0.revision.subscribe();
        let reached = revisions.wait_for(|at| *at >= revision).await;
        debug_assert!(reached.is_ok(), "the mirror owns the sender");
    }
}
