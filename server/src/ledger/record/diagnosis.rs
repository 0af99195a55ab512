//! The stored form of what was found when a step failed.

use sendstores_core::{
    Timestamp,
    diagnosis::{Diagnosis, ObjectEvent},
};
use serde::{Deserialize, Serialize};

use super::text::Text;

#[derive(Serialize, Deserialize)]
pub(super) struct DiagnosisRecord<'a> {
    #[serde(borrow, default, skip_serializing_if = "Text::is_empty")]
    object: Text<'a>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventRecord<'a>>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    log_tail: Text<'a>,
    /// Older servers wrote none.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    suggestion: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct EventRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
    #[serde(borrow)]
    reason: Text<'a>,
    message: Text<'a>,
}

// === impl DiagnosisRecord ===

impl<'a> From<&'a Diagnosis> for DiagnosisRecord<'a> {
    fn from(diagnosis: &'a Diagnosis) -> Self {
        let Diagnosis { object, events, log_tail, suggestion } = diagnosis;
        let event = |ObjectEvent { time, reason, message }: &'a ObjectEvent| EventRecord {
            time: time.map(Timestamp::as_micros),
            reason: reason.into(),
            message: message.into(),
        };
        Self {
            object: object.into(),
            events: events.iter().map(event).collect(),
            log_tail: log_tail.into(),
            suggestion: suggestion.into(),
        }
    }
}

impl From<DiagnosisRecord<'_>> for Diagnosis {
    fn from(record: DiagnosisRecord<'_>) -> Self {
        let DiagnosisRecord { object, events, log_tail, suggestion } = record;
        let event = |EventRecord { time, reason, message }: EventRecord<'_>| ObjectEvent {
            time: time.map(Timestamp::from_micros),
            reason: reason.into_owned(),
            message: message.into_owned(),
        };
        let events = events.into_iter().map(event).collect();
        Self {
            object: object.into_owned(),
            events,
            log_tail: log_tail.into_owned(),
            suggestion: suggestion.into_owned(),
        }
    }
}
