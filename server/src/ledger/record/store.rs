//! The stored form of a store.

use std::collections::BTreeMap;

use sendstores_core::{
    Cause, Engine, Evidence, Failure, FailureReason, Happening, HistoryEntry, Labels, ReleaseName, Revision, State,
    Step, StepName, StepState, Store, StoreSpec, Timestamp, evidence::Check,
};
use serde::{Deserialize, Serialize};

use super::{
    Stored, check_version, diagnosis::DiagnosisRecord, kept, operation::OperationRecord, parse, release::ReleaseRecord,
    text::Text, volumes::VolumesRecord,
};
use crate::shop::StoredShop;

#[derive(Serialize, Deserialize)]
pub(super) struct StoreRecord<'a> {
    version: u32,
    #[serde(borrow)]
    id: Text<'a>,
    uid: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<Text<'a>, Text<'a>>,
    engine: Text<'a>,
    shop: StoredShop,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deletion_protection: bool,
    #[serde(default, skip_serializing_if = "VolumesRecord::is_open")]
    volumes: VolumesRecord,
    url: Text<'a>,
    state: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureRecord<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepRecord<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<EvidenceRecord<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<HistoryRecord<'a>>,
    generation: u64,
    observed_generation: u64,
    create_time: i64,
    update_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purge_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Box<OperationRecord<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_from: Option<Box<ReleaseRecord<'a>>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FailureRecord<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
    message: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Text<'a>>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diagnosis: Option<Box<DiagnosisRecord<'a>>>,
}

#[derive(Serialize, Deserialize)]
struct StepRecord<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    state: Text<'a>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    detail: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct EvidenceRecord<'a> {
    #[serde(borrow)]
    check: Text<'a>,
    passed: bool,
    finding: Text<'a>,
    check_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_pass_time: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct HistoryRecord<'a> {
    time: i64,
    #[serde(borrow)]
    what: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Text<'a>>,
}

// === impl Store ===

impl Stored for Store {
    type Form<'a> = StoreRecord<'a>;

    const VERSION: u32 = 1;

    fn form(&self) -> StoreRecord<'_> {
        let Store {
            id,
            uid,
            tenant,
            labels,
            spec: StoreSpec { engine, shop, release, deletion_protection, volumes },
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
            purge_time,
            operation,
            made_from,
            unknown: _,
        } = self;
        StoreRecord {
            version: Self::VERSION,
            id: id.as_str().into(),
            uid: uid.as_str().into(),
            tenant: tenant.as_ref().map(|tenant| tenant.as_str().into()),
            labels: labels.iter().map(|(key, value)| (key.into(), value.into())).collect(),
            engine: engine.as_str().into(),
            shop: shop.into(),
            release: release.as_ref().map(|release| release.as_str().into()),
            deletion_protection: *deletion_protection,
            volumes: (*volumes).into(),
            url: url.into(),
            state: state.as_str().into(),
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
            purge_time: purge_time.map(Timestamp::as_micros),
            operation: operation.as_deref().map(|operation| Box::new(operation.into())),
            made_from: made_from.as_deref().map(|release| Box::new(release.into())),
        }
    }

    fn of_form(form: StoreRecord<'_>, revision: Revision) -> Result<Self, String> {
        check_version(form.version, Self::VERSION)?;
        let engine = kept("engine", &form.engine, Engine::parse)?;
        let labels = form.labels.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned()));
        Ok(Self {
            id: parse("id", &form.id)?,
            uid: parse("uid", &form.uid)?,
            tenant: form.tenant.map(|tenant| parse("tenant", &tenant)).transpose()?,
            labels: Labels::parse(labels).map_err(|error| format!("labels: {error}"))?,
            spec: StoreSpec {
                engine,
                shop: form.shop.try_into()?,
                release: form.release.map(|release| ReleaseName::recorded(&release)),
                deletion_protection: form.deletion_protection,
                volumes: form.volumes.try_into()?,
            },
            url: form.url.into_owned(),
            state: kept("state", &form.state, State::kept)?,
            failure: form.failure.map(TryInto::try_into).transpose()?,
            steps: all(form.steps)?,
            evidence: all(form.evidence)?,
            history: form.history.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            generation: form.generation,
            observed_generation: form.observed_generation,
            revision,
            create_time: Timestamp::from_micros(form.create_time),
            update_time: Timestamp::from_micros(form.update_time),
            ready_time: form.ready_time.map(Timestamp::from_micros),
            delete_time: form.delete_time.map(Timestamp::from_micros),
            purge_time: form.purge_time.map(Timestamp::from_micros),
            operation: form.operation.map(|operation| (*operation).try_into().map(Box::new)).transpose()?,
            made_from: form.made_from.map(|release| Box::new((*release).into())),
            unknown: None,
        })
    }
}

/// Without room for more: the records of many stores are kept, and their forms took more room.
fn all<R: TryInto<T, Error = String>, T>(records: Vec<R>) -> Result<Vec<T>, String> {
    let mut all: Vec<T> = records.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    all.shrink_to_fit();
    Ok(all)
}

// === impl FailureRecord ===

impl<'a> From<&'a Failure> for FailureRecord<'a> {
    fn from(failure: &'a Failure) -> Self {
        let Failure { reason, message, step, attempt, retry_time, diagnosis } = failure;
        Self {
            reason: reason.as_str().into(),
            message: message.into(),
            step: step.map(|step| step.as_str().into()),
            attempt: *attempt,
            retry_time: retry_time.map(Timestamp::as_micros),
            diagnosis: diagnosis.as_deref().map(|diagnosis| Box::new(diagnosis.into())),
        }
    }
}

impl TryFrom<FailureRecord<'_>> for Failure {
    type Error = String;

    fn try_from(record: FailureRecord<'_>) -> Result<Self, String> {
        Ok(Self {
            reason: kept("failure.reason", &record.reason, FailureReason::kept)?,
            message: record.message.into_owned(),
            step: record.step.map(|step| kept("failure.step", &step, StepName::parse)).transpose()?,
            attempt: record.attempt,
            retry_time: record.retry_time.map(Timestamp::from_micros),
            diagnosis: record.diagnosis.map(|diagnosis| Box::new((*diagnosis).into())),
        })
    }
}

// === impl StepRecord ===

impl<'a> From<&'a Step> for StepRecord<'a> {
    fn from(step: &'a Step) -> Self {
        let Step { name, state, attempt, start_time, end_time, detail } = step;
        Self {
            name: name.as_str().into(),
            state: state.as_str().into(),
            attempt: *attempt,
            start_time: start_time.map(Timestamp::as_micros),
            end_time: end_time.map(Timestamp::as_micros),
            detail: detail.into(),
        }
    }
}

impl TryFrom<StepRecord<'_>> for Step {
    type Error = String;

    fn try_from(record: StepRecord<'_>) -> Result<Self, String> {
        Ok(Self {
            name: kept("steps.name", &record.name, StepName::parse)?,
            state: kept("steps.state", &record.state, StepState::kept)?,
            attempt: record.attempt,
            start_time: record.start_time.map(Timestamp::from_micros),
            end_time: record.end_time.map(Timestamp::from_micros),
            detail: record.detail.into_owned(),
        })
    }
}

// === impl EvidenceRecord ===

impl<'a> From<&'a Evidence> for EvidenceRecord<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        let Evidence { check, passed, finding, check_time, first_pass_time } = evidence;
        Self {
            check: check.as_str().into(),
            passed: *passed,
            finding: finding.into(),
            check_time: check_time.as_micros(),
            first_pass_time: first_pass_time.map(Timestamp::as_micros),
        }
    }
}

impl TryFrom<EvidenceRecord<'_>> for Evidence {
    type Error = String;

    fn try_from(record: EvidenceRecord<'_>) -> Result<Self, String> {
        let EvidenceRecord { check, passed, finding, check_time, first_pass_time } = record;
        let check = kept("evidence.check", &check, Check::parse)?;
        // An older server wrote no first time; what passed then has passed at the latest then.
        let first_pass_time = first_pass_time.or_else(|| passed.then_some(check_time)).map(Timestamp::from_micros);
        Ok(Self {
            check,
            passed,
            finding: finding.into_owned(),
            check_time: Timestamp::from_micros(check_time),
            first_pass_time,
        })
    }
}

// === impl HistoryRecord ===

impl<'a> From<&'a HistoryEntry> for HistoryRecord<'a> {
    fn from(entry: &'a HistoryEntry) -> Self {
        let HistoryEntry { time, what, cause: Cause { call, actor } } = entry;
        Self {
            time: time.as_micros(),
            what: what.as_str().into(),
            call: call.as_ref().map(|call| call.as_str().into()),
            actor: actor.as_ref().map(|actor| actor.as_str().into()),
        }
    }
}

impl TryFrom<HistoryRecord<'_>> for HistoryEntry {
    type Error = String;

    fn try_from(record: HistoryRecord<'_>) -> Result<Self, String> {
        Ok(Self {
            time: Timestamp::from_micros(record.time),
            what: kept("history.what", &record.what, Happening::kept)?,
            cause: Cause {
                call: record.call.map(|call| parse("history.call", &call)).transpose()?,
                actor: record.actor.map(|actor| parse("history.actor", &actor)).transpose()?,
            },
        })
    }
}
