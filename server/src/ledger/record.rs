//! The stored form of a store: one JSON object, apart from the domain and from the API so that each can change alone.
//!
//! The revision is not in it: the ledger that writes the record sets it, and keeps it beside.

mod diagnosis;
mod release;
mod shop;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, str::FromStr};

use sendstores_core::{
    Engine, Evidence, Failure, FailureReason, Happening, HistoryEntry, Labels, Revision, State, Step, StepName,
    StepState, Store, StoreSpec, Timestamp,
    evidence::Check,
    ledger::{Before, LedgerError},
};
use serde::{Deserialize, Serialize};

use diagnosis::DiagnosisRecord;
use release::ReleaseRecord;
use shop::ShopRecord;

/// Raised when an older program could misread a record. Fields may be added without raising it, because a reader
/// passes over what it does not know.
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
    shop: ShopRecord,
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

/// Only the version, of a record that the version may have changed beyond reading.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The record of `store` as text.
pub(super) fn encode(store: &Store) -> Result<String, LedgerError> {
    serde_json::to_string(&StoreRecord::from(store)).map_err(|error| LedgerError::Corrupt(error.to_string()))
}

/// The store that `text` is the record of, at `revision`.
pub(super) fn decode(text: &[u8], revision: Revision) -> Result<Store, LedgerError> {
    let unreadable = |error: serde_json::Error| LedgerError::Corrupt(format!("at revision {revision}: {error}"));
    let read: Result<StoreRecord, _> = serde_json::from_slice(text);
    let version = match &read {
        Ok(record) => record.version,
        Err(_) => serde_json::from_slice(text).map(|Versioned { version }| version).map_err(unreadable)?,
    };
    if version > VERSION {
        let why = format!("at revision {revision}: its version is {version}, and this program knows {VERSION} at most");
        return Err(LedgerError::Corrupt(why));
    }
    read.map_err(unreadable)?
        .into_store(revision)
        .map_err(|why| LedgerError::Corrupt(format!("at revision {revision}: {why}")))
}

/// The stored form of what a store was before a change: its state, or nothing.
pub(super) fn before(text: &str) -> Result<Before, LedgerError> {
    if text.is_empty() {
        return Ok(Before::Nothing);
    }
    named("before", text, &State::ALL, State::as_str).map(Before::State).map_err(LedgerError::Corrupt)
}

/// Parses the text of `field`.
fn parse<T: FromStr>(field: &str, text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("{field} {error}"))
}

/// Finds the one of `all` that is called `text`.
fn named<T: Copy>(field: &str, text: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    all.iter().copied().find(|&one| name(one) == text).ok_or_else(|| format!("{field} {text:?} is not known"))
}

fn step_name(field: &str, text: &str) -> Result<StepName, String> {
    StepName::parse(text).ok_or_else(|| format!("{field} {text:?} is no name of a step"))
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
        let engine =
            Engine::parse(&self.engine).ok_or_else(|| format!("engine {:?} is no name of an engine", self.engine))?;
        Ok(Store {
            id: parse("id", &self.id)?,
            uid: parse("uid", &self.uid)?,
            tenant: self.tenant.map(|tenant| parse("tenant", &tenant)).transpose()?,
            labels: Labels::parse(self.labels).map_err(|error| format!("labels: {error}"))?,
            spec: StoreSpec { engine, shop: self.shop.try_into()? },
            url: self.url,
            state: named("state", &self.state, &State::ALL, State::as_str)?,
            failure: self.failure.map(TryInto::try_into).transpose()?,
            steps: self.steps.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            evidence: self.evidence.into_iter().filter_map(EvidenceRecord::read).collect(),
            history: self.history.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            generation: self.generation,
            observed_generation: self.observed_generation,
            revision,
            create_time: Timestamp::from_micros(self.create_time),
            update_time: Timestamp::from_micros(self.update_time),
            ready_time: self.ready_time.map(Timestamp::from_micros),
            delete_time: self.delete_time.map(Timestamp::from_micros),
            made_from: self.made_from.map(|release| Box::new((*release).into())),
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
            reason: named("failure.reason", &record.reason, &FailureReason::ALL, FailureReason::as_str)?,
            message: record.message,
            step: record.step.map(|step| step_name("failure.step", &step)).transpose()?,
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
            name: step_name("steps.name", &record.name)?,
            state: named("steps.state", &record.state, &StepState::ALL, StepState::as_str)?,
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

impl EvidenceRecord {
    /// None for what a newer server looked at: this one cannot look at it again, and the next look is a newer one's or its own.
    fn read(self) -> Option<Evidence> {
        let Self { check, passed, finding, check_time, first_pass_time } = self;
        let check = Check::ALL.into_iter().find(|known| known.as_str() == check)?;
        // An older server wrote no first time; what passed then has passed at the latest then.
        let first_pass_time = first_pass_time.or_else(|| passed.then_some(check_time)).map(Timestamp::from_micros);
        Some(Evidence { check, passed, finding, check_time: Timestamp::from_micros(check_time), first_pass_time })
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
            what: named("history.what", &record.what, &Happening::ALL, Happening::as_str)?,
            call: record.call.map(|call| parse("history.call", &call)).transpose()?,
        })
    }
}
