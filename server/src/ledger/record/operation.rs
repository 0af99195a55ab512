//! The stored form of an operation, in the record of its store.

use sendstores_core::{Operation, OperationId, OperationKind, OperationState, ReleaseName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{kept, parse, store::FailureRecord, text::Text};

#[derive(Serialize, Deserialize)]
pub(super) struct OperationRecord<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    kind: Text<'a>,
    state: Text<'a>,
    generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    grows: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Box<FailureRecord<'a>>>,
    create_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollback_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
}

// === impl OperationRecord ===

impl<'a> From<&'a Operation> for OperationRecord<'a> {
    fn from(operation: &'a Operation) -> Self {
        let Operation {
            id,
            kind,
            state,
            generation,
            request_id,
            from,
            to,
            grows,
            failure,
            create_time,
            start_time,
            rollback_time,
            end_time,
        } = operation;
        Self {
            id: id.as_str().into(),
            kind: kind.as_str().into(),
            state: state.as_str().into(),
            generation: *generation,
            request_id: request_id.as_ref().map(|id| id.as_str().into()),
            from: from.as_ref().map(|name| name.as_str().into()),
            to: to.as_ref().map(|name| name.as_str().into()),
            grows: *grows,
            failure: failure.as_deref().map(|failure| Box::new(failure.into())),
            create_time: create_time.as_micros(),
            start_time: start_time.map(Timestamp::as_micros),
            rollback_time: rollback_time.map(Timestamp::as_micros),
            end_time: end_time.map(Timestamp::as_micros),
        }
    }
}

impl TryFrom<OperationRecord<'_>> for Operation {
    type Error = String;

    fn try_from(record: OperationRecord<'_>) -> Result<Self, String> {
        let name = |name: Option<Text<'_>>| name.map(|name| ReleaseName::recorded(&name));
        Ok(Self {
            id: parse::<OperationId>("operation.id", &record.id)?,
            kind: kept("operation.kind", &record.kind, OperationKind::kept)?,
            state: kept("operation.state", &record.state, OperationState::kept)?,
            generation: record.generation,
            request_id: record.request_id.map(|id| parse("operation.request_id", &id)).transpose()?,
            from: name(record.from),
            to: name(record.to),
            grows: record.grows,
            failure: record.failure.map(|failure| (*failure).try_into().map(Box::new)).transpose()?,
            create_time: Timestamp::from_micros(record.create_time),
            start_time: record.start_time.map(Timestamp::from_micros),
            rollback_time: record.rollback_time.map(Timestamp::from_micros),
            end_time: record.end_time.map(Timestamp::from_micros),
        })
    }
}
