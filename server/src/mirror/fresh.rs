//! One question for many readers: what is the ledger's last revision?

use std::sync::atomic::{AtomicU64, Ordering};

use sendstores_core::{
    Revision,
    ledger::{Ledger, LedgerError},
};
use tokio::sync::Mutex;

use super::{Mirror, ReadError, Status};

/// A reader may share the answer to any question that was asked after the reader came, and to no earlier one.
#[derive(Default)]
pub(super) struct Fresh {
    asked: AtomicU64,
    answered: Mutex<Answer>,
}

#[derive(Clone, Copy, Default)]
struct Answer {
    question: u64,
    revision: Revision,
}

// === impl Fresh ===

impl Fresh {
    async fn last_revision<L: Ledger>(&self, ledger: &L) -> Result<Revision, LedgerError> {
        let before_me = self.asked.load(Ordering::SeqCst);
        let mut answer = self.answered.lock().await;
        if answer.question > before_me {
            return Ok(answer.revision);
        }
        let question = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let revision = ledger.last_revision().await?;
        *answer = Answer { question, revision };
        Ok(revision)
    }
}

// === impl Mirror ===

impl Mirror {
    /// Waits until the mirror is as new as the ledger was when this was called: what is read behind it is never older
    /// than anything acknowledged before. While the ledger is not believed, the memory is all there is, and it is not asked.
    pub async fn catch_up<L: Ledger>(&self, ledger: &L) -> Result<(), ReadError> {
        if *self.0.status.borrow() == Status::Loading {
            return Err(ReadError::Loading);
        }
        if self.0.doubt.borrow().is_some() {
            return Ok(());
        }
        let revision = self.0.fresh.last_revision(ledger).await?;
        self.reach(revision).await;
        Ok(())
    }

    /// Waits until the mirror holds `revision`. Without a deadline of its own: the caller has one.
    pub async fn reach(&self, revision: Revision) {
        let mut revisions = self.0.revision.subscribe();
        let reached = revisions.wait_for(|at| *at >= revision).await;
        debug_assert!(reached.is_ok(), "the mirror owns the sender");
    }
}
