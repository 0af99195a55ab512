//! What an event makes of a store beside its state.

use super::{Store, pending};
use crate::{
    history::{Cause, Happening},
    state::{Event, State},
    step::{Step, StepName},
    time::Timestamp,
};

// === impl Store ===

impl Store {
    /// Begins what an intent asks for. `before` is the store without it.
    pub(super) fn begin(&mut self, before: &Self, event: Event, now: Timestamp) {
        match event {
            Event::UpdateRequested => {
                // What the steps of the intent before came to says nothing of this one. One of a suspended store begins later.
                if self.state != State::Suspended {
                    self.steps = pending(&before.steps);
                }
                self.happened(Happening::UpdateRequested, Cause::default(), now);
            }
            Event::SuspendRequested => {
                self.steps = vec![Step::pending(StepName::SUSPENSION)];
                self.happened(Happening::SuspendRequested, Cause::default(), now);
            }
            Event::ResumeRequested => {
                self.steps = pending(&before.steps);
                self.happened(Happening::ResumeRequested, Cause::default(), now);
            }
            Event::RetainRequested => {
                self.delete_time = self.delete_time.or(Some(now));
                self.steps = vec![Step::pending(StepName::SUSPENSION)];
                self.happened(Happening::DeleteRequested, Cause::default(), now);
            }
            Event::UndeleteRequested => {
                (self.delete_time, self.purge_time) = (None, None);
                self.steps = pending(&before.steps);
                self.happened(Happening::UndeleteRequested, Cause::default(), now);
            }
            Event::DeleteRequested => {
                self.purge_time = None;
                self.delete_time = self.delete_time.or(Some(now));
                self.steps = vec![Step::pending(StepName::REMOVAL)];
                self.evidence.clear();
                self.happened(Happening::DeleteRequested, Cause::default(), now);
            }
            Event::CreationRetried | Event::ResumptionRetried => self.steps = pending(&before.steps),
            Event::SuspensionRetried => self.steps = vec![Step::pending(StepName::SUSPENSION)],
            Event::Converged | Event::Slept | Event::ProbeFailed | Event::GaveUp | Event::OperationFailed => {}
            Event::Removed | Event::NamespaceLost => {}
        }
    }

    /// Notes what reconcile has found. `before` is the store as it was.
    pub(super) fn conclude(&mut self, before: &Self, event: Event, now: Timestamp) {
        match event {
            Event::Converged => {
                self.failure = None;
                self.ready_time = self.ready_time.or(Some(now));
                self.finish_steps(now);
                // A shop that comes and goes would fill the history with it.
                if before.state.is_transient() {
                    let what = if before.goes_back() { Happening::RolledBack } else { Happening::Ready };
                    self.happened(what, Cause::default(), now);
                }
            }
            Event::Slept | Event::Removed => {
                self.failure = None;
                self.finish_steps(now);
            }
            // Each outage starts with a fresh count of attempts, so that backoff does not carry over.
            Event::ProbeFailed if before.state == State::Ready => {
                self.steps.iter_mut().for_each(|step| step.attempt = step.attempt.min(1));
            }
            Event::OperationFailed if before.goes_back() => {
                self.happened(Happening::RolledBack, Cause::default(), now);
            }
            Event::ProbeFailed | Event::GaveUp | Event::OperationFailed | Event::NamespaceLost => {}
            Event::UpdateRequested | Event::SuspendRequested | Event::ResumeRequested | Event::RetainRequested => {}
            Event::UndeleteRequested | Event::DeleteRequested => {}
            Event::CreationRetried | Event::ResumptionRetried | Event::SuspensionRetried => {}
        }
    }
}
