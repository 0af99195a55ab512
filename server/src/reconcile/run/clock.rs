//! How long steps take, for the metrics.

use sendstores_core::{Pipeline, StepName, Store};
use tokio::time::Instant;

/// Times the step that a run is at. A step that was found done counts for nothing: each run observes all of them.
pub(super) struct StepClock {
    /// The steps that there are.
    pipeline: Pipeline,
    at: Option<At>,
}

struct At {
    step: StepName,
    since: Instant,
    /// It is made or waited for, and not just observed.
    worked: bool,
}

// === impl StepClock ===

impl StepClock {
    pub(super) fn new(pipeline: Pipeline) -> Self {
        Self { pipeline, at: None }
    }

    /// The run is at this step now.
    pub(super) fn enter(&mut self, step: Option<StepName>) {
        if self.at.as_ref().map(|at| at.step) != step {
            self.at = step.map(|step| At { step, since: Instant::now(), worked: false });
        }
    }

    /// The step is worked on.
    pub(super) fn work(&mut self) {
        if let Some(at) = &mut self.at {
            at.worked = true;
        }
    }

    /// The step was found done.
    pub(super) fn done(&mut self, step: StepName) {
        if let Some(at) = self.at.take_if(|at| at.step == step && at.worked) {
            self.count(&at, "ok");
        }
    }

    /// The step failed.
    pub(super) fn failed(&mut self) {
        if let Some(at) = self.at.take() {
            self.count(&at, "failed");
        }
    }

    fn count(&self, at: &At, outcome: &'static str) {
        metrics::histogram!("sendstores_step_seconds", "step" => label(self.pipeline, at.step), "outcome" => outcome)
            .record(at.since.elapsed().as_secs_f64());
    }
}

/// The name of a step that there is; of no other, because a record may name any.
fn label(pipeline: Pipeline, step: StepName) -> &'static str {
    let known = [StepName::REMOVAL, StepName::SUSPENSION].contains(&step) || pipeline.position(step).is_some();
    if known { step.as_str() } else { "other" }
}

/// Counts a store that is READY for the first time.
pub(super) fn count_ready(store: &Store) {
    let Some(ready) = store.ready_time else { return };
    // Whole microseconds, and negative where two clocks differ.
    let took = ready.as_micros().saturating_sub(store.create_time.as_micros()).max(0);
    metrics::histogram!("sendstores_create_to_ready_seconds").record(took as f64 / 1e6);
}

#[cfg(test)]
mod tests {
    use sendstores_core::{FailureReason, StepFacts};

    use super::*;

    #[test]
    fn a_step_of_a_record_is_no_label_unless_there_is_such_a_step() {
        const FIRST: StepFacts = StepFacts {
            name: StepName::new("first"),
            creates_namespace: true,
            proves_ready: true,
            usual_reason: FailureReason::Internal,
        };
        let pipeline = Pipeline::new(&[FIRST]);
        let labels = ["first", "removal", "polishing"].map(|name| label(pipeline, StepName::new(name)));
        assert_eq!(labels, ["first", "removal", "other"]);
    }
}
