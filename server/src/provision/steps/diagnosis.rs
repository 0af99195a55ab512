//! Why a store does not advance or does not sell: the deepest thing that is broken, what the cluster reports of it, what it
//! logged, and what to do about it.
//!
//! It is read once a step has failed, never on the way, and nothing depends on it: what cannot be read is left out.

mod culprit;
mod events;
mod log;
mod remains;

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use kube::{Api, api::ListParams};
use sendstores_core::{
    Diagnosis, Failure, Store, diagnosis::ObjectEvent, failure::FailureReason, observed::Waiting,
    provisioner::StepError, step::StepName,
};

pub use self::log::LogDef;
pub(crate) use self::log::values::CUT;
pub use self::log::values::without_values;
use self::{culprit::Culprit, log::Tail};
use super::{
    ownership::{self, Owner},
    workload::{self, State, Workload},
};
use crate::provision::{
    Context, advice, answers,
    engines::{Finding, Watches},
    names, redact,
};

/// All of it takes no longer.
const LIMIT: Duration = Duration::from_secs(5);
/// What an engine reads inside of a store takes no longer.
const LIMIT_INSIDE: Duration = Duration::from_secs(3);
/// How many events of a namespace are read.
const EVENTS: u32 = 500;

/// What was found. What is empty leaves the failure as it is.
#[derive(Debug, Default)]
struct Found {
    reason: Option<FailureReason>,
    /// Put before the failure's own message.
    message: String,
    /// The line of the log that says most.
    telling: Option<String>,
    diagnosis: Diagnosis,
}

/// The failure with what was found.
pub(crate) async fn diagnose(context: &Context, store: &Store, failure: Failure) -> Failure {
    let Some(step) = failure.step else { return failure };
    match tokio::time::timeout(LIMIT, Box::pin(find(context, store, step, &failure))).await {
        Ok(Ok(found)) => found.added_to(failure),
        Ok(Err(error)) => {
            tracing::debug!(store = %store.id, %step, %error, "what blocks the step could not be read");
            failure
        }
        Err(_) => failure,
    }
}

async fn find(context: &Context, store: &Store, step: StepName, failure: &Failure) -> Result<Found, StepError> {
    if step == StepName::REMOVAL {
        return Box::pin(remains::diagnose(context, store)).await;
    }
    let watches = super::find(context, store, step)?.watches;
    if let Some(found) = outside(watches, &failure.message) {
        return Ok(found);
    }
    match (watches, failure.reason) {
        // An API that does not answer will not say more now.
        (_, FailureReason::ClusterUnavailable) => Ok(Found::default()),
        (Watches::Namespace | Watches::Nothing, FailureReason::QuotaExceeded) => {
            at(context, store, Culprit::new("ResourceQuota", names::LIMITS)).await
        }
        (Watches::Namespace, _) => match ownership::observe(context, store).await? {
            // It was never made, so there is nothing of it to observe.
            Owner::Free => Ok(Found::default()),
            _ => at(context, store, Culprit::new("Namespace", store.id.as_str())).await,
        },
        (Watches::Nothing, _) => Ok(Found::default()),
        (Watches::Workload(last), _) => match Box::pin(deepest(context, store, Some(last))).await? {
            // What it waits for is in the failure already.
            Some(Broken { workload, state, waiting: _ }) if workload == last => {
                Box::pin(of_workload(context, store, workload, state, failure.reason)).await
            }
            Some(broken) => Box::pin(broken.diagnose(context, store)).await,
            None => at(context, store, Culprit::new(last.kind.as_str(), last.name)).await,
        },
        (Watches::Inside(workload), _) => match Box::pin(deepest(context, store, None)).await? {
            Some(broken) => Box::pin(broken.diagnose(context, store)).await,
            None => Box::pin(inside(context, store, workload, failure)).await,
        },
    }
}

/// A cause that lies outside of the store, by the words of Kubernetes or helm. What shops answer is not read for it.
fn outside(watches: Watches, message: &str) -> Option<Found> {
    let cause = answers::cause(message).filter(|_| !matches!(watches, Watches::Inside(_)))?;
    let (object, suggestion) = advice::outside(&cause)?;
    let diagnosis = Diagnosis { object, suggestion, ..Diagnosis::default() };
    Some(Found { diagnosis, ..Found::default() })
}

/// A workload that is not as it should be.
struct Broken {
    workload: Workload,
    state: State,
    waiting: Waiting,
}

/// The first of the engine's workloads that does not run, in the order in which they need each other, and not beyond `last`.
/// Without its database an application does not work, so the database is named.
async fn deepest(context: &Context, store: &Store, last: Option<Workload>) -> Result<Option<Broken>, StepError> {
    for (workload, usual) in context.engine(store)?.workloads() {
        let state = Box::pin(workload::state(context, store, workload)).await?;
        if let Some(waiting) = state.waiting(usual) {
            return Ok(Some(Broken { workload, state, waiting }));
        }
        if last == Some(workload) {
            break;
        }
    }
    Ok(None)
}

async fn of_workload(
    context: &Context,
    store: &Store,
    workload: Workload,
    state: State,
    reason: FailureReason,
) -> Result<Found, StepError> {
    let culprit = match &state {
        State::UnderWay(observation) => culprit::of(observation, workload, reason),
        State::Missing | State::Complete | State::ScaledDown => Culprit::new(workload.kind.as_str(), workload.name),
    };
    let mut found = Box::pin(at(context, store, culprit)).await?;
    if let State::ScaledDown = state {
        found.diagnosis.suggestion = advice::scaled_down(&store.id, workload.kind.as_str(), workload.name);
    }
    Ok(found)
}

/// What is found inside of a store whose workloads all run.
async fn inside(context: &Context, store: &Store, workload: Workload, failure: &Failure) -> Result<Found, StepError> {
    let engine = context.engine(store)?;
    let looked = tokio::time::timeout(LIMIT_INSIDE, (engine.diagnosis.inside)(context, store, failure)).await;
    let finding = match looked {
        Ok(Ok(finding)) => finding.unwrap_or_default(),
        Ok(Err(_)) | Err(_) => Finding::default(),
    };
    let Finding { reason, message, object, suggestion } = finding;
    let mut found = if object.is_empty() {
        let observation = workload::objects(context, store, workload).await?;
        at(context, store, culprit::of(&observation, workload, failure.reason)).await?
    } else {
        let (kind, name) = object.split_once(' ').unwrap_or((&object, ""));
        at(context, store, Culprit::new(kind.to_owned(), name)).await?
    };
    found.reason = found.reason.or(reason);
    found.message = message;
    found.diagnosis.suggestion = suggestion;
    Ok(found)
}

/// What the cluster reports of an object, and what it logged.
async fn at(context: &Context, store: &Store, culprit: Culprit) -> Result<Found, StepError> {
    // Apart from each other, as all of these are: together they are too large for a thread's stack.
    let events = Box::pin(events_of(context, store, &culprit));
    let (events, log) = tokio::join!(events, Box::pin(log_of(context, store, &culprit)));
    let log = log?;
    let fatal = context.engine(store)?.diagnosis.log.fatal_reason;
    let diagnosis =
        Diagnosis { object: culprit.to_string(), events: events?, log_tail: log.text, suggestion: String::new() };
    Ok(Found { reason: log.is_fatal.then_some(fatal), message: String::new(), telling: log.telling, diagnosis })
}

async fn events_of(context: &Context, store: &Store, culprit: &Culprit) -> Result<Vec<ObjectEvent>, StepError> {
    let api: Api<Event> = context.cluster.in_store(store);
    let found = context.cluster.call(api.list(&ListParams::default().limit(EVENTS))).await?;
    Ok(events::about(&found.items, &culprit.kind, &culprit.name))
}

async fn log_of(context: &Context, store: &Store, culprit: &Culprit) -> Result<Tail, StepError> {
    match &culprit.log {
        Some(source) => log::read(context, store, source).await,
        None => Ok(Tail::default()),
    }
}

// === impl Broken ===

impl Broken {
    async fn diagnose(self, context: &Context, store: &Store) -> Result<Found, StepError> {
        let Self { workload, state, waiting } = self;
        let mut found = Box::pin(of_workload(context, store, workload, state, waiting.reason)).await?;
        let said = found.telling.take().map(|line| format!("; its log says: {line}"));
        found.message = format!("{}: {}{}", found.diagnosis.object, waiting.detail, said.unwrap_or_default());
        found.reason = found.reason.or(Some(waiting.reason));
        Ok(found)
    }
}

// === impl Found ===

impl Found {
    fn added_to(self, failure: Failure) -> Failure {
        let Self { reason, message, telling: _, diagnosis } = self;
        let message = match message.is_empty() {
            true => failure.message,
            false => redact::message(&format!("{message}; {}", failure.message)),
        };
        let diagnosis = (!diagnosis.is_empty()).then(|| Box::new(diagnosis)).or(failure.diagnosis);
        Failure { reason: reason.unwrap_or(failure.reason), message, diagnosis, ..failure }
    }
}
