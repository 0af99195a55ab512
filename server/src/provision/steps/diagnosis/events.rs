//! What the cluster reported of an object.

use k8s_openapi::api::core::v1::Event;
use sendstores_core::{
    Timestamp,
    diagnosis::{Diagnosis, ObjectEvent},
};

use crate::provision::redact;

/// The last events about the object of this kind and name, the newest last. Of a Deployment these are also those of the
/// ReplicaSets that it made: they are what is refused. Where there are too many, what went well is left out first: each
/// new try of a container says more of that than of why the last one ended.
pub(super) fn about(events: &[Event], kind: &str, name: &str) -> Vec<ObjectEvent> {
    let mut told: Vec<&Event> = events.iter().filter(|event| is_about(event, kind, name)).collect();
    told.sort_by_key(|event| (is_warning(event), time(event)));
    told.drain(..told.len().saturating_sub(Diagnosis::MAX_EVENTS));
    told.sort_by_key(|event| time(event));
    told.into_iter().map(shown).collect()
}

fn is_about(event: &Event, kind: &str, name: &str) -> bool {
    let object = &event.involved_object;
    let (its_kind, its_name) = (object.kind.as_deref().unwrap_or_default(), object.name.as_deref().unwrap_or_default());
    let made_by = kind == "Deployment" && its_kind == "ReplicaSet" && its_name.starts_with(&format!("{name}-"));
    (its_kind == kind && its_name == name) || made_by
}

fn is_warning(event: &Event) -> bool {
    event.type_.as_deref() == Some("Warning")
}

fn time(event: &Event) -> Option<Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0.as_microsecond());
    let once = event.event_time.as_ref().map(|time| time.0.as_microsecond());
    last.max(once).map(Timestamp::from_micros)
}

fn shown(event: &Event) -> ObjectEvent {
    ObjectEvent {
        time: time(event),
        reason: redact::short(event.reason.as_deref().unwrap_or_default(), ObjectEvent::MAX_REASON),
        message: redact::short(event.message.as_deref().unwrap_or_default(), ObjectEvent::MAX_MESSAGE),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::hostile;

    fn event(kind: &str, name: &str, second: u32, reason: &str) -> Value {
        json!({"metadata": {}, "involvedObject": {"kind": kind, "name": name}, "reason": reason,
            "message": "password=S3cret", "lastTimestamp": format!("2026-01-01T00:00:{second:02}Z")})
    }

    #[test]
    fn the_newest_events_of_this_object_are_told_without_secrets() {
        let mut all: Vec<Value> =
            (0..9).rev().map(|second| event("Pod", "mysql-0", second, &format!("R{second}"))).collect();
        all.push(event("Pod", "mysql-01", 30, "other"));
        all.push(event("StatefulSet", "mysql-0", 31, "other"));
        let all: Vec<Event> = serde_json::from_value(json!(all)).unwrap();
        let told = about(&all, "Pod", "mysql-0");
        let reasons: Vec<&str> = told.iter().map(|event| event.reason.as_str()).collect();
        assert_eq!(reasons, ["R4", "R5", "R6", "R7", "R8"]);
        assert!(told.iter().all(|event| event.message == "password=[redacted]" && event.time.is_some()));
    }

    #[test]
    fn what_went_well_never_hides_a_warning() {
        let mut all: Vec<Value> = (1..9).map(|second| event("Pod", "mysql-0", second, &format!("R{second}"))).collect();
        let mut warning = event("Pod", "mysql-0", 0, "BackOff");
        warning["type"] = json!("Warning");
        all.push(warning);
        let all: Vec<Event> = serde_json::from_value(json!(all)).unwrap();
        let reasons: Vec<String> = about(&all, "Pod", "mysql-0").into_iter().map(|event| event.reason).collect();
        assert_eq!(reasons, ["BackOff", "R5", "R6", "R7", "R8"]);
    }

    #[test]
    fn what_a_deployment_is_refused_its_replica_sets_tell() {
        let all: Vec<Event> = serde_json::from_value(json!([
            event("ReplicaSet", "wordpress-6d4", 1, "FailedCreate"),
            event("ReplicaSet", "wordpressed-1", 2, "other"),
        ]))
        .unwrap();
        assert_eq!(about(&all, "Deployment", "wordpress").len(), 1);
        assert!(about(&all, "StatefulSet", "wordpress").is_empty());
    }

    #[test]
    fn no_event_ends_anything() {
        let mut good = event("Pod", "mysql-0", 1, "BackOff");
        good["eventTime"] = json!("2026-01-01T00:00:00.000001Z");
        hostile::check(&hostile::damaged(json!([good, good, good])), |all| {
            let Ok(all) = serde_json::from_value::<Vec<Event>>(all) else { return };
            for told in about(&all, "Pod", "mysql-0") {
                hostile::assert_fit(&told.reason, ObjectEvent::MAX_REASON);
                hostile::assert_fit(&told.message, ObjectEvent::MAX_MESSAGE);
            }
        });
    }
}
