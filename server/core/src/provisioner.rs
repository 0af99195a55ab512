//! The port to the cluster: verbs that are safe to repeat, and observations that change nothing.

use std::future::Future;

use crate::{
    engine::Engines,
    failure::{Failure, FailureReason},
    observed::{Activity, Progress, Remains, Seen},
    release::Release,
    step::StepName,
    store::Store,
};

/// Why a verb did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct StepError {
    pub reason: FailureReason,
    /// One sentence for a human; never a secret.
    pub message: String,
    /// Trying again cannot help before the intent changes.
    pub terminal: bool,
}

/// Makes and removes what a store is made of.
///
/// A future that is dropped stops its work: a helm under way is killed with its whole process group. What a stopped or
/// failed verb left behind is unknown; observe again.
pub trait Provisioner: Clone + Send + Sync + 'static {
    /// The engines whose stores it can make. Steps of other engines do not exist for it.
    fn engines(&self) -> Engines;

    /// Looks at one step. Never changes anything.
    fn observe(&self, store: &Store, step: StepName) -> impl Future<Output = Result<Seen<Progress>, StepError>> + Send;

    /// Makes one step so. Doing it again, or again after a crash, ends in the same.
    fn ensure(&self, store: &Store, step: StepName) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Returns what is seen of a step as soon as it differs from `last`; fails when it never does within the step's
    /// deadline.
    fn wait(
        &self,
        store: &Store,
        step: StepName,
        last: &Progress,
    ) -> impl Future<Output = Result<Seen<Progress>, StepError>> + Send;

    /// What the store is made from now, as far as the cluster says. Never changes anything.
    fn made_from(&self, store: &Store) -> impl Future<Output = Result<Option<Release>, StepError>> + Send;

    /// Has the cluster remember what it takes to adopt the store: what was asked for, when it was READY first, and what it
    /// was made from. Safe to do again.
    fn remember(&self, store: &Store) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Observes what is left of a store. Never changes anything. A namespace that does not belong to this store counts as
    /// absent.
    fn observe_remains(&self, store: &Store) -> impl Future<Output = Result<Seen<Remains>, StepError>> + Send;

    /// Asks the cluster to remove everything of the store. Nothing there is success.
    fn remove(&self, store: &Store) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Returns what is left as soon as it differs from `last`; fails when it never does within the deadline.
    fn wait_removal(
        &self,
        store: &Store,
        last: &Remains,
    ) -> impl Future<Output = Result<Seen<Remains>, StepError>> + Send;

    /// Looks at what runs of a store that is to be suspended. Never changes anything.
    fn observe_activity(&self, store: &Store) -> impl Future<Output = Result<Seen<Activity>, StepError>> + Send;

    /// Asks the cluster to stop the next part of the store: first the way to it, then its workloads, each before those that
    /// it needs. Data and address stay. Nothing there is success.
    fn stop(&self, store: &Store) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Returns what runs as soon as it differs from `last`; fails when it never does within the deadline.
    fn wait_stop(
        &self,
        store: &Store,
        last: &Activity,
    ) -> impl Future<Output = Result<Seen<Activity>, StepError>> + Send;

    /// The failure with what the cluster shows of its cause: a better reason and message where it finds one, the object that
    /// blocks, and what to do about it. Never changes anything, never fails, and does not take long: what cannot be read is
    /// left out.
    fn diagnose(&self, store: &Store, failure: Failure) -> impl Future<Output = Failure> + Send;
}

// === impl StepError ===

impl StepError {
    pub fn retryable(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), terminal: false }
    }

    pub fn terminal(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), terminal: true }
    }
}
