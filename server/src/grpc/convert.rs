//! Domain to wire.

mod backup;
mod operation;

use prost_types::Timestamp as WireTime;
use sendstores_core::{
    Cause, Diagnosis, Engine, Engines, Evidence, Failure, FailureReason, Happening, HistoryEntry, State, Step,
    StepState, Store, StoreSpec, Timestamp,
    diagnosis::ObjectEvent,
    volumes::{Gibibytes, VolumeSizes},
};
use sendstores_proto::v1 as wire;

pub(super) use backup::backup;

/// `engines` say what to do about a failure.
pub(super) fn store(store: &Store, engines: Engines) -> wire::Store {
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
        purge_time,
        operation: _,
        made_from,
        unknown: _,
    } = store;
    wire::Store {
        id: id.to_string(),
        uid: uid.to_string(),
        tenant: tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
        labels: labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        spec: Some(self::spec(spec)),
        state: self::state(*state).into(),
        failure: failure.as_ref().map(|failure| wire::Failure {
            suggestion: engines.suggestion(spec.engine, id, failure),
            ..self::failure(failure)
        }),
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
        purge_time: purge_time.map(time),
        release: made_from.as_deref().map(super::releases::release),
        // They change without the store; see `cached::with_updates`.
        available_updates: Vec::new(),
        history: history.entries().iter().map(entry).collect(),
        operation: operation::wire(store, |failure| wire::Failure {
            suggestion: engines.suggestion(spec.engine, id, failure),
            ..self::failure(failure)
        }),
    }
}

/// What a table shows of the store. A new field of the contract is in it or is named in the contract as left out.
pub(super) fn basic(store: &Store) -> wire::Store {
    let shown = |step: &&Step| matches!(step.state, StepState::Running | StepState::Failed);
    let shop = wire::ShopSettings { title: store.spec.shop.title.to_string(), ..wire::ShopSettings::default() };
    wire::Store {
        id: store.id.to_string(),
        uid: store.uid.to_string(),
        tenant: store.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
        labels: store.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        spec: Some(wire::StoreSpec {
            engine: engine(store.spec.engine).into(),
            shop: Some(shop),
            release: String::new(),
            deletion_protection: store.spec.deletion_protection,
            volumes: None,
        }),
        state: state(store.state).into(),
        failure: store.failure.as_ref().map(short_failure),
        steps: store.steps.iter().filter(shown).map(step).collect(),
        evidence: Vec::new(),
        url: store.url.clone(),
        generation: i64::try_from(store.generation).unwrap_or(i64::MAX),
        observed_generation: i64::try_from(store.observed_generation).unwrap_or(i64::MAX),
        revision: store.revision.0,
        etag: super::token::etag(store),
        create_time: Some(time(store.create_time)),
        update_time: Some(time(store.update_time)),
        ready_time: store.ready_time.map(time),
        delete_time: store.delete_time.map(time),
        purge_time: store.purge_time.map(time),
        release: None,
        available_updates: Vec::new(),
        history: Vec::new(),
        operation: operation::wire(store, short_failure),
    }
}

fn short_failure(failure: &Failure) -> wire::Failure {
    wire::Failure { diagnosis: None, ..self::failure(failure) }
}

fn spec(spec: &StoreSpec) -> wire::StoreSpec {
    let StoreSpec { engine, shop, release, deletion_protection, volumes } = spec;
    let (engine, shop) = (self::engine(*engine).into(), Some(super::shop::wire(shop)));
    let release = release.as_ref().map(ToString::to_string).unwrap_or_default();
    wire::StoreSpec {
        engine,
        shop,
        release,
        deletion_protection: *deletion_protection,
        volumes: self::volumes(*volumes),
    }
}

/// Nothing where the sizes are those of the release.
fn volumes(sizes: VolumeSizes) -> Option<wire::Volumes> {
    let gib = |size: Option<Gibibytes>| size.map_or(0, |size| i32::try_from(size.get()).unwrap_or(i32::MAX));
    let VolumeSizes { database, content } = sizes;
    (!sizes.is_open()).then(|| wire::Volumes { database_gib: gib(database), content_gib: gib(content) })
}

/// The contract's name of an engine; the unspecified one for an engine that this version of the contract does not have.
pub(super) fn engine(engine: Engine) -> wire::Engine {
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
        State::Retaining => Wire::Retaining,
        State::Retained => Wire::Retained,
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

fn failure(failure: &Failure) -> wire::Failure {
    let Failure { reason, message, step, attempt, retry_time, diagnosis } = failure;
    let wire_reason = self::reason(*reason);
    wire::Failure {
        reason: wire_reason.into(),
        message: match wire_reason {
            // One of a newer version of the contract.
            wire::failure::Reason::Unspecified => {
                format!("{reason}: {message}").chars().take(Failure::MAX_MESSAGE).collect()
            }
            _ => message.clone(),
        },
        step: step.map(|step| step.to_string()).unwrap_or_default(),
        attempt: i32::try_from(*attempt).unwrap_or(i32::MAX),
        retry_time: retry_time.map(time),
        diagnosis: diagnosis.as_deref().map(self::diagnosis),
        suggestion: String::new(),
    }
}

fn diagnosis(diagnosis: &Diagnosis) -> wire::Diagnosis {
    let Diagnosis { object, events, log_tail, suggestion: _ } = diagnosis;
    let event = |event: &ObjectEvent| wire::diagnosis::Event {
        time: event.time.map(time),
        reason: event.reason.clone(),
        message: event.message.clone(),
    };
    wire::Diagnosis { object: object.clone(), events: events.iter().map(event).collect(), log_tail: log_tail.clone() }
}

/// The contract's name of a reason; the unspecified one for a reason that this version of the contract does not have.
pub(super) fn reason(reason: FailureReason) -> wire::failure::Reason {
    wire::failure::Reason::from_str_name(&format!("REASON_{reason}")).unwrap_or_default()
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
    let HistoryEntry { time, what, cause: Cause { call, actor } } = entry;
    let event = match what {
        Happening::Created => Event::Created,
        Happening::Ready => Event::Ready,
        Happening::CredentialsRead => Event::CredentialsRead,
        Happening::DeleteRequested => Event::DeleteRequested,
        Happening::Adopted => Event::Adopted,
        Happening::SuspendRequested => Event::SuspendRequested,
        Happening::ResumeRequested => Event::ResumeRequested,
        Happening::UpdateRequested => Event::UpdateRequested,
        Happening::UndeleteRequested => Event::UndeleteRequested,
        Happening::RolledBack => Event::RolledBack,
        Happening::CancelRequested => Event::CancelRequested,
        Happening::RetryRequested => Event::RetryRequested,
        Happening::Unknown(_) => Event::Unspecified,
    };
    wire::HistoryEntry {
        time: Some(self::time(*time)),
        event: event.into(),
        request_id: call.as_ref().map(ToString::to_string).unwrap_or_default(),
        principal: actor.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(super) fn time(time: Timestamp) -> WireTime {
    let micros = time.as_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    WireTime { seconds: micros.div_euclid(1_000_000), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{grpc::cached::tests::sample, provision::ENGINES};

    fn shown(reason: &str, diagnosis: Option<Diagnosis>) -> wire::Failure {
        let failure = Failure {
            reason: FailureReason::kept(reason).expect("a word"),
            message: "shop_page: status 500".to_owned(),
            step: None,
            attempt: 1,
            retry_time: None,
            diagnosis: diagnosis.map(Box::new),
        };
        let store = super::store(&Store { failure: Some(failure), ..sample() }, ENGINES);
        store.failure.expect("a failure")
    }

    #[test]
    fn a_reason_of_an_engine_keeps_its_name_in_the_contract() {
        let php = shown("PHP_FATAL_ERROR", None);
        assert_eq!(
            (php.reason(), php.message.as_str()),
            (wire::failure::Reason::PhpFatalError, "shop_page: status 500")
        );
        let newer = shown("LICENCE_EXPIRED", None);
        assert_eq!(newer.reason(), wire::failure::Reason::Unspecified);
        assert_eq!(newer.message, "LICENCE_EXPIRED: shop_page: status 500");
    }

    #[test]
    fn a_failure_of_an_older_record_is_advised_by_its_engine_and_a_newer_one_by_what_was_found() {
        let found = Diagnosis { object: "Pod mysql-0".to_owned(), ..Diagnosis::default() };
        let older = shown("IMAGE_UNAVAILABLE", Some(found.clone()));
        assert!(older.suggestion.ends_with("kubectl -n store-a describe pod mysql-0"), "{}", older.suggestion);
        let newer = Diagnosis { suggestion: "Scale it up".to_owned(), ..found };
        assert_eq!(shown("IMAGE_UNAVAILABLE", Some(newer)).suggestion, "Scale it up");
    }
}
