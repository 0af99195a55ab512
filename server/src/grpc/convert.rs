//! Domain to wire.

use prost_types::Timestamp as WireTime;
use sendstores_core::{
    Diagnosis, Engine, Evidence, Failure, FailureReason, Happening, HistoryEntry, State, Step, StepState, Store,
    StoreId, StoreSpec, Timestamp,
    diagnosis::{self, ObjectEvent},
};
use sendstores_proto::v1 as wire;

pub(super) fn store(store: &Store) -> wire::Store {
    let Store {
        id,
        uid,
        tenant,
        labels,
        spec,
        url,
        state,
        failure,
        steps,
        evidence,
        history,
        generation,
        observed_generation,
        revision,
        create_time,
        update_time,
        ready_time,
        delete_time,
        // For mending and adopting; not part of the contract.
        made_from: _,
        unknown: _,
    } = store;
    wire::Store {
        id: id.to_string(),
        uid: uid.to_string(),
        tenant: tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
        labels: labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        spec: Some(self::spec(spec)),
        state: self::state(*state).into(),
        failure: failure.as_ref().map(|failure| self::failure(id, failure)),
        steps: steps.iter().map(step).collect(),
        evidence: evidence.iter().map(self::evidence).collect(),
        url: url.clone(),
        generation: i64::try_from(*generation).unwrap_or(i64::MAX),
        observed_generation: i64::try_from(*observed_generation).unwrap_or(i64::MAX),
        revision: revision.0,
        etag: super::token::etag(store),
        create_time: Some(time(*create_time)),
        update_time: Some(time(*update_time)),
        ready_time: ready_time.map(time),
        delete_time: delete_time.map(time),
        history: history.entries().iter().map(entry).collect(),
    }
}

fn spec(spec: &StoreSpec) -> wire::StoreSpec {
    let StoreSpec { engine, shop } = spec;
    wire::StoreSpec { engine: self::engine(*engine).into(), shop: Some(super::shop::wire(shop)) }
}

/// The contract's name of an engine; the unspecified one for an engine that this version of the contract does not have.
fn engine(engine: Engine) -> wire::Engine {
    let name = format!("ENGINE_{}", engine.as_str().to_ascii_uppercase());
    wire::Engine::from_str_name(&name).unwrap_or_default()
}

pub(super) fn state(state: State) -> wire::store::State {
    use wire::store::State as Wire;
    match state {
        State::Provisioning => Wire::Provisioning,
        State::Ready => Wire::Ready,
        State::Degraded => Wire::Degraded,
        State::Updating => Wire::Updating,
        State::Suspending => Wire::Suspending,
        State::Suspended => Wire::Suspended,
        State::Resuming => Wire::Resuming,
        State::Failed => Wire::Failed,
        State::Deleting => Wire::Deleting,
        State::Deleted => Wire::Deleted,
        State::Unknown(_) => Wire::Unspecified,
    }
}

fn step(step: &Step) -> wire::Step {
    let Step { name, state, attempt, start_time, end_time, detail } = step;
    let state = match state {
        StepState::Pending => wire::step::State::Pending,
        StepState::Running => wire::step::State::Running,
        StepState::Succeeded => wire::step::State::Succeeded,
        StepState::Failed => wire::step::State::Failed,
        StepState::Unknown(_) => wire::step::State::Unspecified,
    };
    wire::Step {
        name: name.to_string(),
        state: state.into(),
        attempt: i32::try_from(*attempt).unwrap_or(i32::MAX),
        start_time: start_time.map(time),
        end_time: end_time.map(time),
        detail: detail.clone(),
    }
}

fn failure(id: &StoreId, failure: &Failure) -> wire::Failure {
    let Failure { reason, message, step, attempt, retry_time, diagnosis } = failure;
    wire::Failure {
        reason: self::reason(*reason).into(),
        message: match reason {
            FailureReason::Unknown(reason) => {
                format!("{reason}: {message}").chars().take(Failure::MAX_MESSAGE).collect()
            }
            _ => message.clone(),
        },
        step: step.map(|step| step.to_string()).unwrap_or_default(),
        attempt: i32::try_from(*attempt).unwrap_or(i32::MAX),
        retry_time: retry_time.map(time),
        diagnosis: diagnosis.as_deref().map(self::diagnosis),
        suggestion: diagnosis::suggestion(id, failure),
    }
}

fn diagnosis(diagnosis: &Diagnosis) -> wire::Diagnosis {
    let Diagnosis { object, events, log_tail } = diagnosis;
    let event = |event: &ObjectEvent| wire::diagnosis::Event {
        time: event.time.map(time),
        reason: event.reason.clone(),
        message: event.message.clone(),
    };
    wire::Diagnosis { object: object.clone(), events: events.iter().map(event).collect(), log_tail: log_tail.clone() }
}

fn reason(reason: FailureReason) -> wire::failure::Reason {
    use wire::failure::Reason as Wire;
    match reason {
        FailureReason::ClusterUnavailable => Wire::ClusterUnavailable,
        FailureReason::NamespaceConflict => Wire::NamespaceConflict,
        FailureReason::NamespaceMissing => Wire::NamespaceMissing,
        FailureReason::DataMissing => Wire::DataMissing,
        FailureReason::WebhookUnavailable => Wire::WebhookUnavailable,
        FailureReason::NodeUnavailable => Wire::NodeUnavailable,
        FailureReason::ObjectRefused => Wire::ObjectRefused,
        FailureReason::ReleaseFailed => Wire::ReleaseFailed,
        FailureReason::ValuesRefused => Wire::ValuesRefused,
        FailureReason::ImageUnavailable => Wire::ImageUnavailable,
        FailureReason::VolumeUnavailable => Wire::VolumeUnavailable,
        FailureReason::DatabaseUnavailable => Wire::DatabaseUnavailable,
        FailureReason::ApplicationUnavailable => Wire::ApplicationUnavailable,
        FailureReason::BootstrapFailed => Wire::BootstrapFailed,
        FailureReason::StorefrontUnavailable => Wire::StorefrontUnavailable,
        FailureReason::RemovalBlocked => Wire::RemovalBlocked,
        FailureReason::Internal => Wire::Internal,
        FailureReason::QuotaExceeded => Wire::QuotaExceeded,
        FailureReason::PodUnschedulable => Wire::PodUnschedulable,
        FailureReason::PluginMissing => Wire::PluginMissing,
        FailureReason::PhpFatalError => Wire::PhpFatalError,
        FailureReason::Unknown(_) => Wire::Unspecified,
    }
}

fn evidence(evidence: &Evidence) -> wire::Evidence {
    let Evidence { check, passed, finding, check_time, first_pass_time } = evidence;
    wire::Evidence {
        check: check.as_str().to_owned(),
        passed: *passed,
        finding: finding.clone(),
        check_time: Some(time(*check_time)),
        first_pass_time: first_pass_time.map(time),
    }
}

fn entry(entry: &HistoryEntry) -> wire::HistoryEntry {
    use wire::history_entry::Event;
    let HistoryEntry { time, what, call } = entry;
    let event = match what {
        Happening::Created => Event::Created,
        Happening::Ready => Event::Ready,
        Happening::CredentialsRead => Event::CredentialsRead,
        Happening::DeleteRequested => Event::DeleteRequested,
        Happening::Adopted => Event::Adopted,
        Happening::Unknown(_) => Event::Unspecified,
    };
    wire::HistoryEntry {
        time: Some(self::time(*time)),
        event: event.into(),
        request_id: call.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(super) fn time(time: Timestamp) -> WireTime {
    let micros = time.as_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    WireTime { seconds: micros.div_euclid(1_000_000), nanos }
}
