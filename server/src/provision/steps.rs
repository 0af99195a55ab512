//! The steps from intent to a working store: each looks (`observe`) and makes (`ensure`).

mod bootstrap;
mod credentials;
pub(crate) mod diagnosis;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod namespace;
mod ownership;
mod release;
pub(crate) mod removal;
mod storefront;
mod workload;

use sendstores_core::{
    Store,
    credentials::Credentials,
    failure::FailureReason,
    observed::{Outlook, Progress, Seen, Waiting},
    provisioner::StepError,
    step::StepName,
};

use self::workload::Workload;
use super::Context;

pub(crate) async fn observe(context: &Context, store: &Store, step: StepName) -> Result<Seen<Progress>, StepError> {
    match step {
        StepName::Namespace => namespace::observe(context, store).await,
        StepName::Credentials => credentials::observe(context, store).await,
        StepName::Release => release::observe(context, store).await,
        StepName::Database => workload::observe(context, store, Workload::Database).await,
        StepName::Application => workload::observe(context, store, Workload::Application).await,
        StepName::Bootstrap => bootstrap::observe(context, store).await,
        StepName::Storefront => storefront::observe(context, store).await,
        StepName::Removal => Err(not_provisioning()),
    }
}

pub(crate) async fn ensure(context: &Context, store: &Store, step: StepName) -> Result<(), StepError> {
    match step {
        // Many objects at once make a large future, which every store being made would carry all along.
        StepName::Namespace => Box::pin(namespace::ensure(context, store)).await,
        StepName::Credentials => credentials::ensure(context, store).await,
        // A workload that is missing is one that the release has lost.
        StepName::Release | StepName::Database | StepName::Application => release::ensure(context, store).await,
        StepName::Bootstrap => bootstrap::ensure(context, store).await,
        StepName::Storefront => storefront::ensure(context, store).await,
        StepName::Removal => Err(not_provisioning()),
    }
}

/// What is handed out of the store's secrets to whoever may ask.
pub(crate) async fn handed_out(context: &Context, store: &Store) -> Result<Option<Credentials>, StepError> {
    credentials::handed_out(context, store).await
}

fn not_provisioning() -> StepError {
    StepError::retryable(FailureReason::Internal, "removal is not a step of provisioning")
}

fn done() -> Seen<Progress> {
    Seen::Known(Progress::Done(Vec::new()))
}

fn partial(detail: impl Into<String>) -> Seen<Progress> {
    Seen::Known(Progress::Partial(detail.into()))
}

fn waiting(outlook: Outlook, reason: FailureReason, detail: impl Into<String>) -> Seen<Progress> {
    Seen::Known(Progress::Waiting(Waiting { reason, detail: detail.into(), outlook }))
}
