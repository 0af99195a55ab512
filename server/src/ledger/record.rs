//! The stored form of a store: one JSON object, apart from the domain and from the API so that each can change alone.
//!
//! The revision is not in it: the ledger that writes the record sets it, and keeps it beside.
//!
//! Replicas of two versions share the records. Words and fields that this version does not know are kept, and written
//! back with the record.

mod diagnosis;
mod release;
#[cfg(test)]
mod tests;
mod unknown;

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use sendstores_core::{
    Engine, Evidence, Failure, FailureReason, Happening, HistoryEntry, Labels, Revision, State, Step, StepName,
    StepState, Store, StoreSpec, Timestamp,
    evidence::Check,
    ledger::{Before, LedgerError, Unreadable},
};
use serde::{Deserialize, Serialize};

use diagnosis::DiagnosisRecord;
use release::ReleaseRecord;

use crate::shop::StoredShop;

/// Raised when an older program could misread a record, which then sets that store aside. Words and fields may be added
/// without raising it, because a reader keeps what it does not know.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(super) struct StoreRecord {
    version: u32,
    id: String,
    uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    engine: String,
    shop: StoredShop,
    url: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<EvidenceRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<HistoryRecord>,
    generation: u64,
    observed_generation: u64,
    create_time: i64,
    update_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_from: Option<Box<ReleaseRecord>>,
}

#[derive(Serialize, Deserialize)]
struct FailureRecord {
    reason: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diagnosis: Option<Box<DiagnosisRecord>>,
}

#[derive(Serialize, Deserialize)]
struct StepRecord {
    name: String,
    state: String,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
}

#[derive(Serialize, Deserialize)]
struct EvidenceRecord {
    check: String,
    passed: bool,
    finding: String,
    check_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_pass_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct HistoryRecord {
    time: i64,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
}

/// What is read first of a record that cannot be read as a whole.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    id: Option<String>,
}

/// The record of `store` as text.
pub(super) fn encode(store: &Store) -> Result<String, LedgerError> {
    let record = StoreRecord::from(store);
    let text = match &store.unknown {
        None => serde_json::to_string(&record),
        Some(unknown) => unknown::put_back(&record, unknown),
    };
    text.map_err(|error| LedgerError::Corrupt(error.to_string()))
}

/// The store that `text` is the record of, at `revision`.
pub(super) fn decode(text: &[u8], revision: Revision) -> Result<Store, Unreadable> {
    understood(text, revision).map_err(|why| {
        let head = serde_json::from_slice(text).unwrap_or(Head { version: None, id: None });
        let why = match head.version {
            Some(version) if version > VERSION => {
                format!("its version is {version}, and this program knows {VERSION} at most")
            }
            _ => why,
        };
        Unreadable { id: head.id.and_then(|id| id.parse().ok()), revision, why }
    })
}

fn understood(text: &[u8], revision: Revision) -> Result<Store, String> {
    let mut complete = true;
    let mut json = serde_json::Deserializer::from_slice(text);
    let record: Result<StoreRecord, _> = serde_ignored::deserialize(&mut json, |_| complete = false);
    let record = record.and_then(|record| json.end().map(|()| record)).map_err(|error| error.to_string())?;
    if record.version > VERSION {
        return Err(format!("its version is {}", record.version));
    }
    let mut store = record.into_store(revision)?;
    if !complete {
        let unknown = unknown::beside(text, &StoreRecord::from(&store)).map_err(|error| error.to_string())?;
        store.unknown = unknown.map(Arc::new);
    }
    Ok(store)
}

/// The stored form of what a store was before a change: its state, or nothing.
pub(super) fn before(text: &str) -> Before {
    if text.is_empty() { Before::Nothing } else { State::kept(text).map_or(Before::Unknown, Before::State) }
}

/// Parses the text of `field`.
fn parse<T: FromStr>(field: &str, text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("{field} {error}"))
}

/// What the text of `field` names, known or not.
fn kept<T>(field: &str, text: &str, kept: fn(&str) -> Option<T>) -> Result<T, String> {
    kept(text).ok_or_else(|| format!("{field} {text:?} is no word, or one too many that is not known"))
}

// === impl StoreRecord ===

impl From<&Store> for StoreRecord {
    fn from(store: &Store) -> Self {
        let Store {
            id,
            uid,
            tenant,
            labels,
            spec: StoreSpec { engine, shop },
            url,
            state,
            failure,
            steps,
            evidence,
            history,
            generation,
            observed_generation,
            revision: _,
            create_time,
            update_time,
            ready_time,
            delete_time,
            made_from,
            unknown: _,
        } = store;
        Self {
            version: VERSION,
            id: id.to_string(),
            uid: uid.to_string(),
            tenant: tenant.as_ref().map(ToString::to_string),
            labels: labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            engine: engine.as_str().to_owned(),
            shop: shop.into(),
            url: url.clone(),
            state: state.as_str().to_owned(),
            failure: failure.as_ref().map(Into::into),
            steps: steps.iter().map(Into::into).collect(),
            evidence: evidence.iter().map(Into::into).collect(),
            history: history.entries().iter().map(Into::into).collect(),
            generation: *generation,
            observed_generation: *observed_generation,
            create_time: create_time.as_micros(),
            update_time: update_time.as_micros(),
            ready_time: ready_time.map(Timestamp::as_micros),
            delete_time: delete_time.map(Timestamp::as_micros),
            made_from: made_from.as_deref().map(|release| Box::new(release.into())),
        }
    }
}

impl StoreRecord {
    fn into_store(self, revision: Revision) -> Result<Store, String> {
        let engine = kept("engine", &self.engine, Engine::parse)?;
        Ok(Store {
            id: parse("id", &self.id)?,
            uid: parse("uid", &self.uid)?,
            tenant: self.tenant.map(|tenant| parse("tenant", &tenant)).transpose()?,
            labels: Labels::parse(self.labels).map_err(|error| format!("labels: {error}"))?,
            spec: StoreSpec { engine, shop: self.shop.try_into()? },
            url: self.url,
            state: kept("state", &self.state, State::kept)?,
            failure: self.failure.map(TryInto::try_into).transpose()?,
            steps: self.steps.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            evidence: self.evidence.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            history: self.history.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            generation: self.generation,
            observed_generation: self.observed_generation,
            revision,
            create_time: Timestamp::from_micros(self.create_time),
            update_time: Timestamp::from_micros(self.update_time),
            ready_time: self.ready_time.map(Timestamp::from_micros),
            delete_time: self.delete_time.map(Timestamp::from_micros),
            made_from: self.made_from.map(|release| Box::new((*release).into())),
            unknown: None,
        })
    }
}

// === impl FailureRecord ===

impl From<&Failure> for FailureRecord {
    fn from(failure: &Failure) -> Self {
        let Failure { reason, message, step, attempt, retry_time, diagnosis } = failure;
        Self {
            reason: reason.as_str().to_owned(),
            message: message.clone(),
            step: step.map(|step| step.as_str().to_owned()),
            attempt: *attempt,
            retry_time: retry_time.map(Timestamp::as_micros),
            diagnosis: diagnosis.as_deref().map(|diagnosis| Box::new(diagnosis.into())),
        }
    }
}

impl TryFrom<FailureRecord> for Failure {
    type Error = String;

    fn try_from(record: FailureRecord) -> Result<Self, String> {
        Ok(Self {
            reason: kept("failure.reason", &record.reason, FailureReason::kept)?,
            message: record.message,
            step: record.step.map(|step| kept("failure.step", &step, StepName::parse)).transpose()?,
            attempt: record.attempt,
            retry_time: record.retry_time.map(Timestamp::from_micros),
            diagnosis: record.diagnosis.map(|diagnosis| Box::new((*diagnosis).into())),
        })
    }
}

// === impl StepRecord ===

impl From<&Step> for StepRecord {
    fn from(step: &Step) -> Self {
        let Step { name, state, attempt, start_time, end_time, detail } = step;
        Self {
            name: name.as_str().to_owned(),
            state: state.as_str().to_owned(),
            attempt: *attempt,
            start_time: start_time.map(Timestamp::as_micros),
            end_time: end_time.map(Timestamp::as_micros),
            detail: detail.clone(),
        }
    }
}

impl TryFrom<StepRecord> for Step {
    type Error = String;

    fn try_from(record: StepRecord) -> Result<Self, String> {
        Ok(Self {
            name: kept("steps.name", &record.name, StepName::parse)?,
            state: kept("steps.state", &record.state, StepState::kept)?,
            attempt: record.attempt,
            start_time: record.start_time.map(Timestamp::from_micros),
            end_time: record.end_time.map(Timestamp::from_micros),
            detail: record.detail,
        })
    }
}

// === impl EvidenceRecord ===

impl From<&Evidence> for EvidenceRecord {
    fn from(evidence: &Evidence) -> Self {
        let Evidence { check, passed, finding, check_time, first_pass_time } = evidence;
        Self {
            check: check.as_str().to_owned(),
            passed: *passed,
            finding: finding.clone(),
            check_time: check_time.as_micros(),
            first_pass_time: first_pass_time.map(Timestamp::as_micros),
        }
    }
}

impl TryFrom<EvidenceRecord> for Evidence {
    type Error = String;

    fn try_from(record: EvidenceRecord) -> Result<Self, String> {
        let EvidenceRecord { check, passed, finding, check_time, first_pass_time } = record;
        let check = kept("evidence.check", &check, Check::kept)?;
        // An older server wrote no first time; what passed then has passed at the latest then.
        let first_pass_time = first_pass_time.or_else(|| passed.then_some(check_time)).map(Timestamp::from_micros);
        Ok(Self { check, passed, finding, check_time: Timestamp::from_micros(check_time), first_pass_time })
    }
}

// === impl HistoryRecord ===

impl From<&HistoryEntry> for HistoryRecord {
    fn from(entry: &HistoryEntry) -> Self {
        let HistoryEntry { time, what, call } = entry;
        Self { time: time.as_micros(), what: what.as_str().to_owned(), call: call.as_ref().map(ToString::to_string) }
    }
}

impl TryFrom<HistoryRecord> for HistoryEntry {
    type Error = String;

    fn try_from(record: HistoryRecord) -> Result<Self, String> {
        Ok(Self {
            time: Timestamp::from_micros(record.time),
            what: kept("history.what", &record.what, Happening::kept)?,
            call: record.call.map(|call| parse("history.call", &call)).transpose()?,
        })
    }
}
