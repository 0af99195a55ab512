//! What is known of the cluster about one store.

use crate::{engine::Pipeline, evidence::Evidence, failure::FailureReason, step::StepName};

/// What is known of one thing: certainly nothing there, nothing certain, or what was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    Absent,
    Unknown,
    Known(T),
}

/// How far a step is in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It holds. The storefront's comes with what was seen.
    Done(Vec<Evidence>),
    /// Something is missing or wrong that an act can mend.
    Partial(String),
    /// The cluster is working on it; waiting is all there is to do.
    Waiting(Waiting),
    /// The shop answers, but not as one that sells.
    Failing(Vec<Evidence>),
}

/// What is waited for, and which reason to give if it never comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reason: FailureReason,
    pub detail: String,
    pub outlook: Outlook,
}

/// What is to be expected of a wait, and so how long it makes sense to keep silent about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The cluster is at work; nothing looks wrong.
    Going,
    /// A program was started and should answer any moment.
    Starting,
    /// Something is wrong that passes by itself at best.
    Stuck,
}

/// What is known of each step of a pipeline, in their order, of what a deletion still has to remove, and of what a
/// suspension still has to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pipeline: Pipeline,
    steps: Vec<Seen<Progress>>,
    /// `Absent` when nothing of the store is left.
    pub remains: Seen<Remains>,
    /// What runs of a store that is to be suspended. `Absent` when its namespace is gone.
    pub activity: Seen<Activity>,
}

/// What runs of a store that is to be suspended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The cluster was not asked to stop this part yet.
    Running(String),
    /// The cluster is stopping it.
    Stopping(String),
    /// Visitors do not reach the store, and no pod of it runs.
    Resting,
}

/// What is left of a store that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remains {
    /// The cluster was not asked to remove it yet.
    Untouched,
    /// The cluster is removing it.
    Going(String),
    /// The cluster would remove it, and something that is not the store's keeps it from that.
    Held(String),
}

// === impl Observed ===

impl Observed {
    /// Nothing was observed yet of the steps of `pipeline`.
    pub fn nothing(pipeline: Pipeline) -> Self {
        Self {
            pipeline,
            steps: vec![Seen::Unknown; pipeline.steps().len()],
            remains: Seen::Unknown,
            activity: Seen::Unknown,
        }
    }

    /// The steps that this speaks of.
    pub fn pipeline(&self) -> Pipeline {
        self.pipeline
    }

    pub fn step(&self, name: StepName) -> &Seen<Progress> {
        self.pipeline.position(name).and_then(|index| self.steps.get(index)).unwrap_or(&Seen::Unknown)
    }

    /// Notes what was seen of `name`. The steps after it may have changed with it, and are unknown again.
    pub fn note(&mut self, name: StepName, seen: Seen<Progress>) {
        let Some(index) = self.pipeline.position(name) else { return };
        if self.steps[index] == seen {
            return;
        }
        self.steps[index] = seen;
        for later in &mut self.steps[index + 1..] {
            *later = Seen::Unknown;
        }
    }
}
