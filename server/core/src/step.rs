//! The steps from intent to a working store. Which steps a store has is known to its engine; here is what all steps share.

use crate::{
    failure::FailureReason,
    time::Timestamp,
    word::{self, Word, name_type},
};

/// The name of a step, a short lower-case word that the step's engine chose.
///
/// A name that a newer server wrote is as good as any other: it is read, shown and written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepName(&'static str);

/// What the plan must know of a step. A pipeline is a list of these, in the order in which the steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepFacts {
    pub name: StepName,
    /// The step creates the store's namespace. If that is absent although the store was READY before, its data is lost.
    pub creates_namespace: bool,
    /// The step probes the storefront: its evidence alone makes the store READY and keeps it so.
    pub proves_ready: bool,
    /// The reason to give while nothing more precise is known.
    pub usual_reason: FailureReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Pending,
    Running,
    Succeeded,
    Failed,
    /// One of a newer version.
    Unknown(Word),
}

/// How far one step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: StepName,
    pub state: StepState,
    /// How many times it was begun.
    pub attempt: u32,
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
    /// What it waits for or has found; never a secret.
    pub detail: String,
}

// === impl StepName ===

impl StepName {
    /// The one step of a deletion, the same for every engine.
    pub const REMOVAL: Self = Self::new("removal");
    /// The one step of a suspension, the same for every engine.
    pub const SUSPENSION: Self = Self::new("suspension");
}

name_type!(StepName);

// === impl StepState ===

impl StepState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The state that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

// === impl Step ===

impl Step {
    pub const MAX_DETAIL: usize = 512;

    pub fn pending(name: StepName) -> Self {
        Self { name, state: StepState::Pending, attempt: 0, start_time: None, end_time: None, detail: String::new() }
    }
}
