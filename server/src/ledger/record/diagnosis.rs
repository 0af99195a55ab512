//! The stored form of what was found when a step failed.

use sendstores_core::{
    Timestamp,
    diagnosis::{Diagnosis, ObjectEvent},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct DiagnosisRecord {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    object: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventRecord>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    log_tail: String,
}

#[derive(Serialize, Deserialize)]
struct EventRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
    reason: String,
    message: String,
}

// === impl DiagnosisRecord ===

impl From<&Diagnosis> for DiagnosisRecord {
    fn from(diagnosis: &Diagnosis) -> Self {
        let Diagnosis { object, events, log_tail } = diagnosis;
        let event = |ObjectEvent { time, reason, message }: &ObjectEvent| EventRecord {
            time: time.map(Timestamp::as_micros),
            reason: reason.clone(),
            message: message.clone(),
        };
        Self { object: object.clone(), events: events.iter().map(event).collect(), log_tail: log_tail.clone() }
    }
}

impl From<DiagnosisRecord> for Diagnosis {
    fn from(record: DiagnosisRecord) -> Self {
        let DiagnosisRecord { object, events, log_tail } = record;
        let event = |EventRecord { time, reason, message }| ObjectEvent {
            time: time.map(Timestamp::from_micros),
            reason,
            message,
        };
        Self { object, events: events.into_iter().map(event).collect(), log_tail }
    }
}
