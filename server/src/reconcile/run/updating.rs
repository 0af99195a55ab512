//! Operations toward another release: how long they may fail, and their way back.

use sendstores_core::{
    Event, Failure, Operation, StepName, Store,
    ledger::Ledger,
    observed::{Outlook, Progress, Seen, Waiting},
    operation::{Attempt, OperationKind, Verdict},
    provisioner::{Provisioner, StepError},
};

use super::{NotRecorded, Work, now};

impl<L: Ledger, P: Provisioner> Work<'_, L, P> {
    /// A wait that the bound of the whole operation has ended.
    pub(super) fn overdue(&self, step: StepName, detail: &str) -> StepError {
        let pipeline = self.observed.pipeline();
        let reason = match self.observed.step(step) {
            Seen::Known(Progress::Waiting(waiting)) => waiting.reason,
            _ => pipeline.usual_reason(step),
        };
        let whole = self.reconciler.policy.patience.whole;
        StepError::retryable(reason, format!("{detail} (not done within {whole:?})"))
    }

    /// What becomes of the store after this failure, the `number`th at its step.
    pub(super) fn verdict(&self, error: &StepError, number: u32) -> Verdict {
        let seen = self.at.map(|step| self.observed.step(step));
        let probed = matches!(seen, Some(Seen::Known(Progress::Failing(_))));
        let slow = matches!(
            seen,
            Some(Seen::Known(Progress::Waiting(Waiting { outlook: Outlook::Going | Outlook::Starting, .. })))
        );
        let since = self.at.and_then(|step| self.store.step(step)).and_then(|step| step.start_time);
        let attempt = Attempt { reason: error.reason, number, since, terminal: error.terminal, slow, probed };
        self.store.verdict(&attempt, self.reconciler.policy.patience, now())
    }

    /// Begins the way back. The next run observes all steps anew: what was seen was of the release that is left.
    pub(super) async fn roll_back(&mut self, failure: Failure) -> Result<(), NotRecorded> {
        tracing::warn!(store = %self.store.id, reason = %failure.reason, "the update is rolled back");
        self.record(self.store.rolling_back(failure, now())).await
    }

    /// The store whose way back has failed; `None` where it cannot be given up.
    pub(super) fn stuck_between(&self, failure: Failure) -> Option<Store> {
        let failure = Failure { retry_time: None, ..self.store.failed_rollback(failure) };
        Some(self.store.after(Event::GaveUp, now()).ok()?.failing(failure, now()))
    }

    /// The store that is what it was before, and does not sell; `None` where it is still on its way.
    pub(super) fn left_as_it_is(&self, failure: Failure) -> Option<Store> {
        let closed = self.store.after(Event::OperationFailed, now()).ok()?;
        Some(closed.failing(self.store.undecided(failure), now()))
    }
}

/// Counts an operation that was under way and has ended.
pub(super) fn count(operation: Option<&Operation>) {
    let Some(operation) = operation.filter(|operation| !operation.state.is_open()) else { return };
    let kind = if OperationKind::ALL.contains(&operation.kind) { operation.kind.as_str() } else { "other" };
    let outcome = operation.state.as_str();
    metrics::counter!("sendstores_operations_total", "kind" => kind, "outcome" => outcome).increment(1);
}
