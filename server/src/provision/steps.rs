//! The steps that the stores of all engines share. An engine puts them into its table among its own.

pub(crate) mod credentials;
pub(crate) mod diagnosis;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod namespace;
pub(crate) mod ownership;
pub mod release;
pub(crate) mod removal;
pub(crate) mod suspension;
pub mod workload;

use sendstores_core::{
    Store,
    failure::FailureReason,
    lifecycle::Expect,
    observed::{Outlook, Progress, Seen, Waiting},
    provisioner::StepError,
    step::StepName,
};

pub use self::workload::{Kind, Workload};
use super::{Context, engines::StepDef};

pub(crate) async fn observe(context: &Context, store: &Store, step: StepName) -> Result<Seen<Progress>, StepError> {
    (find(context, store, step)?.observe)(context, store, Expect::of(store)).await
}

pub(crate) async fn ensure(context: &Context, store: &Store, step: StepName) -> Result<(), StepError> {
    (find(context, store, step)?.ensure)(context, store).await
}

/// The step called `name` of the store's engine.
pub(crate) fn find(context: &Context, store: &Store, name: StepName) -> Result<&'static StepDef, StepError> {
    let engine = context.engine(store)?;
    engine.steps.iter().find(|step| step.facts.name == name).ok_or_else(|| {
        let message = format!("{name} is not a step of the engine {}", engine.facts.engine);
        StepError::retryable(FailureReason::Internal, message)
    })
}

pub fn done() -> Seen<Progress> {
    Seen::Known(Progress::Done(Vec::new()))
}

pub fn partial(detail: impl Into<String>) -> Seen<Progress> {
    Seen::Known(Progress::Partial(detail.into()))
}

pub fn waiting(outlook: Outlook, reason: FailureReason, detail: impl Into<String>) -> Seen<Progress> {
    Seen::Known(Progress::Waiting(Waiting { reason, detail: detail.into(), outlook }))
}
