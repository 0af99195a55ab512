//! An operation toward another release, as JSON for the namespace's annotation: what it takes to go on with it, or to go back.

use sendstores_core::{
    Failure, FailureReason, Operation, OperationId, OperationKind, OperationState, ReleaseName, StepName, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{read_time, time};

#[derive(Serialize, Deserialize)]
struct Annotation {
    kind: String,
    state: String,
    generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    grows: bool,
    create_time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollback_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureAnnotation>,
}

#[derive(Serialize, Deserialize)]
struct FailureAnnotation {
    reason: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
}

pub(crate) fn operation(operation: &Operation) -> Value {
    let name = |name: &Option<ReleaseName>| name.as_ref().map(ToString::to_string);
    json!(Annotation {
        kind: operation.kind.as_str().to_owned(),
        state: operation.state.as_str().to_owned(),
        generation: operation.generation,
        from: name(&operation.from),
        to: name(&operation.to),
        grows: operation.grows,
        create_time: time(operation.create_time),
        start_time: operation.start_time.map(time),
        rollback_time: operation.rollback_time.map(time),
        failure: operation.failure.as_deref().map(|failure| FailureAnnotation {
            reason: failure.reason.to_string(),
            message: failure.message.clone(),
            step: failure.step.map(|step| step.to_string()),
        }),
    })
}

/// What [`operation`] wrote.
pub(crate) fn read_operation(text: &str) -> Result<Operation, String> {
    let read: Annotation = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Annotation { kind, state, generation, from, to, grows, create_time, start_time, rollback_time, failure } = read;
    let name = |name: Option<String>| name.as_deref().map(ReleaseName::recorded);
    let at = |text: Option<String>| text.as_deref().map(read_time).transpose();
    Ok(Operation {
        id: OperationId::of(generation),
        kind: OperationKind::kept(&kind).ok_or_else(|| format!("kind {kind:?}"))?,
        state: OperationState::kept(&state).ok_or_else(|| format!("state {state:?}"))?,
        generation,
        request_id: None,
        from: name(from),
        to: name(to),
        grows,
        failure: failure.map(read_failure).transpose()?.map(Box::new),
        create_time: read_time(&create_time)?,
        start_time: at(start_time)?,
        rollback_time: at(rollback_time)?,
        end_time: None::<Timestamp>,
    })
}

fn read_failure(read: FailureAnnotation) -> Result<Failure, String> {
    let FailureAnnotation { reason, message, step } = read;
    Ok(Failure {
        reason: FailureReason::kept(&reason).ok_or_else(|| format!("reason {reason:?}"))?,
        message,
        step: step.as_deref().and_then(StepName::parse),
        attempt: 1,
        retry_time: None,
        diagnosis: None,
    })
}
