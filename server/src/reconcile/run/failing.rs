//! What becomes of a store on which work failed: its failure with the cause that the cluster shows, and when it is tried again.

use std::time::Duration;

use rand::RngExt;
use sendstores_core::{
    Event, Evidence, Failure, FailureReason, State, StepName, Store,
    ledger::Ledger,
    operation::Verdict,
    provisioner::{Provisioner, StepError},
};

use super::{Halt, NotRecorded, Outcome, PAUSE, Work, now};

impl<L: Ledger, P: Provisioner> Work<'_, L, P> {
    /// After a panic: the failure is this store's alone, and all others go on.
    pub(super) async fn broke_off(&mut self) -> Outcome {
        let why = "the server failed while it worked on this store; its log says where";
        match self.fail(StepError::retryable(FailureReason::Internal, why)).await {
            Ok(()) => Outcome::Rest(Box::new(self.store.clone())),
            Err(NotRecorded::Changed(_)) => Outcome::RetryIn(Duration::ZERO),
            Err(NotRecorded::Stop(error)) => {
                tracing::warn!(store = %self.store.id, %error, "a failure could not be recorded");
                Outcome::RetryIn(PAUSE)
            }
        }
    }

    pub(super) async fn degrade(&mut self, evidence: Vec<Evidence>) -> Result<(), Halt> {
        let mut next = self.after(Event::ProbeFailed)?;
        let (step, pipeline) = (self.at, self.observed.pipeline());
        let attempt = attempt(&next, step);
        let failure = Failure {
            reason: step.map_or(FailureReason::Internal, |step| pipeline.usual_reason(step)),
            message: describe(&evidence),
            step,
            attempt,
            retry_time: Some(now().after(self.backoff(attempt))),
            diagnosis: None,
        };
        next.evidence = Evidence::renewed(&self.store.evidence, evidence, self.observed.pipeline().checks());
        let failure = self.store.still_undecided(self.diagnosed(&next, failure).await);
        self.record(next.failing(failure, now())).await?;
        tracing::warn!(store = %self.store.id, attempt, "degraded");
        Ok(())
    }

    /// Shows the failure, and when it is tried again, or takes the store back to what it was.
    pub(super) async fn fail(&mut self, error: StepError) -> Result<(), NotRecorded> {
        let step = self.at;
        let attempt = attempt(&self.store, step);
        let verdict = self.verdict(&error, attempt);
        let StepError { reason, message, terminal: _ } = error;
        tracing::warn!(store = %self.store.id, ?step, %reason, message, attempt, ?verdict, "a step failed");
        metrics::counter!("sendstores_step_failures_total", "reason" => reason.as_str()).increment(1);
        self.clock.failed();
        // A probe that could not be made says nothing of the shop.
        if self.store.state == State::Ready {
            return Ok(());
        }
        let retry_time = Some(now().after(self.backoff(attempt)));
        let failure = Failure { reason, message, step, attempt, retry_time, diagnosis: None };
        let failure = self.diagnosed(&self.store, failure).await;
        let next = match verdict {
            Verdict::RollBack => return self.roll_back(Failure { retry_time: None, ..failure }).await,
            Verdict::TryAgain => None,
            Verdict::LeaveAsItIs => self.left_as_it_is(failure.clone()),
            Verdict::GiveUp if self.store.goes_back() => self.stuck_between(failure.clone()),
            Verdict::GiveUp => {
                let for_good = Failure { retry_time: None, ..failure.clone() };
                self.store.given_up(now()).map(|store| store.failing(for_good, now()))
            }
        };
        let next = next.unwrap_or_else(|| self.store.failing(self.store.still_undecided(failure), now()));
        self.record(next).await
    }

    /// The failure with what the cluster shows of its cause. Of the server's own faults it shows nothing.
    async fn diagnosed(&self, store: &Store, failure: Failure) -> Failure {
        match failure.reason {
            FailureReason::Internal => failure,
            _ => Box::pin(self.reconciler.provisioner.diagnose(store, failure)).await,
        }
    }

    fn backoff(&self, attempt: u32) -> Duration {
        self.reconciler.policy.backoff.wait(attempt, rand::rng().random())
    }
}

/// Counts what failed, whether it was begun anew or only waited for again.
fn attempt(store: &Store, step: Option<StepName>) -> u32 {
    let begun = step.and_then(|step| store.step(step)).map_or(1, |step| step.attempt.max(1));
    let failed = store.failure.as_ref().filter(|failure| failure.step == step);
    failed.map_or(begun, |failure| begun.max(failure.attempt.saturating_add(1)))
}

/// What did not pass, in one sentence.
pub(super) fn describe(evidence: &[Evidence]) -> String {
    match Evidence::failures(evidence) {
        nothing if nothing.is_empty() => "the shop's Ingress or a workload of it is gone, and is made again".to_owned(),
        failures => failures,
    }
}
