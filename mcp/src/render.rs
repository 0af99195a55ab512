//! Messages of the contract as an assistant reads them: what the server knows apart from what others wrote.

use std::time::SystemTime;

use sendstores_client::{
    Engine, Store, Timestamp,
    v1::{self, AuditEntry, Failure, GetSummaryResponse, Principal, audit_entry::Decision},
};
use serde_json::{Map, Value, json};

use crate::{arguments::Section, untrusted::clean};

/// As many characters of a name that others chose are in a list.
const NAME: usize = 128;

/// `READY` of STATE_READY; `UNKNOWN` for a state of a newer server.
pub(crate) fn state(store: &Store) -> String {
    named(store.state().as_str_name(), "STATE_")
}

pub(crate) fn reason(failure: &Failure) -> String {
    named(failure.reason().as_str_name(), "REASON_")
}

fn named(name: &str, prefix: &str) -> String {
    match name.trim_start_matches(prefix) {
        "UNSPECIFIED" => "UNKNOWN".to_owned(),
        word => word.to_owned(),
    }
}

pub(crate) fn time(at: Option<Timestamp>) -> Value {
    let time = at.filter(|at| (0..253_402_300_800).contains(&at.seconds)).and_then(|at| SystemTime::try_from(at).ok());
    time.map_or(Value::Null, |at| humantime::format_rfc3339_seconds(at).to_string().into())
}

/// How long ago, in the largest unit: `5s`, `3m`, `2h`, `9d`.
pub(crate) fn age(since: Option<Timestamp>) -> Value {
    let Some(then) = since.and_then(|at| SystemTime::try_from(at).ok()) else { return Value::Null };
    let seconds = SystemTime::now().duration_since(then).unwrap_or_default().as_secs();
    let age = match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    };
    age.into()
}

/// One line of a list.
pub(crate) fn line(store: &Store) -> Value {
    let mut line = json!({"id": store.id, "state": state(store), "age": age(store.create_time), "url": store.url});
    if let Some(failure) = &store.failure {
        line["reason"] = reason(failure).into();
    }
    line
}

/// The parts of a store that are asked for: what the server knows, and what others wrote.
pub(crate) fn store(store: &Store, sections: &[Section]) -> (Map<String, Value>, Map<String, Value>) {
    let (mut known, mut written) = (Map::new(), Map::new());
    known.insert("id".to_owned(), store.id.clone().into());
    for section in sections {
        match section {
            Section::Status => status(store, &mut known, &mut written),
            Section::Steps => {
                let step = |step: &v1::Step| {
                    json!({
                        "name": step.name, "state": named(step.state().as_str_name(), "STATE_"), "attempt": step.attempt,
                        "start_time": time(step.start_time), "end_time": time(step.end_time)
                    })
                };
                known.insert("steps".to_owned(), store.steps.iter().map(step).collect());
                let detailed = store.steps.iter().filter(|step| !step.detail.is_empty());
                let details: Map<_, _> = detailed.map(|step| (step.name.clone(), clean(&step.detail).into())).collect();
                written.insert("step_details".to_owned(), details.into());
            }
            Section::Evidence => {
                let check = |one: &v1::Evidence| {
                    json!({
                        "check": one.check, "passed": one.passed, "check_time": time(one.check_time)
                    })
                };
                known.insert("evidence".to_owned(), store.evidence.iter().map(check).collect());
                let findings: Map<_, _> =
                    store.evidence.iter().map(|one| (one.check.clone(), clean(&one.finding).into())).collect();
                written.insert("findings".to_owned(), findings.into());
            }
            Section::Diagnosis => diagnosis(store, &mut known, &mut written),
            Section::Spec => spec(store, &mut known, &mut written),
            Section::History => {
                let entry = |entry: &v1::HistoryEntry| {
                    json!({
                        "time": time(entry.time), "event": named(entry.event().as_str_name(), "EVENT_"),
                        "principal": short(&entry.principal)
                    })
                };
                known.insert("history".to_owned(), store.history.iter().map(entry).collect());
            }
        }
    }
    (known, written)
}

fn status(store: &Store, known: &mut Map<String, Value>, written: &mut Map<String, Value>) {
    let parts = [
        ("state", state(store).into()),
        ("tenant", store.tenant.clone().into()),
        ("url", store.url.clone().into()),
        ("etag", store.etag.clone().into()),
        ("age", age(store.create_time)),
        ("create_time", time(store.create_time)),
        ("update_time", time(store.update_time)),
        ("ready_time", time(store.ready_time)),
    ];
    known.extend(parts.map(|(name, value)| (name.to_owned(), value)));
    if let Some(failure) = &store.failure {
        known.insert("failure".to_owned(), self::failure(failure));
        written.insert("message".to_owned(), clean(&failure.message).into());
    }
    written.insert("title".to_owned(), clean(title(store)).into());
    let labels: Map<_, _> = store.labels.iter().map(|(key, value)| (clean(key), clean(value).into())).collect();
    written.insert("labels".to_owned(), labels.into());
}

/// The name of the shop, as its merchant wrote it.
pub(crate) fn title(store: &Store) -> &str {
    store.spec.as_ref().and_then(|spec| spec.shop.as_ref()).map_or("", |shop| &shop.title)
}

fn failure(failure: &Failure) -> Value {
    json!({
        "reason": reason(failure), "step": failure.step, "attempt": failure.attempt, "retry_time": time(failure.retry_time)
    })
}

/// Why a store does not advance, and what an operator can do.
pub(crate) fn diagnosis(store: &Store, known: &mut Map<String, Value>, written: &mut Map<String, Value>) {
    let Some(why) = &store.failure else {
        known.insert("failure".to_owned(), Value::Null);
        return;
    };
    known.insert("failure".to_owned(), failure(why));
    let mut found = Map::new();
    // The advice names what was found, such as the folder of a plug-in, which a merchant chose.
    for (name, text) in [("message", &why.message), ("suggestion", &why.suggestion)] {
        found.insert(name.to_owned(), clean(text).into());
    }
    if let Some(diagnosis) = &why.diagnosis {
        let event = |event: &v1::diagnosis::Event| {
            json!({
                "time": time(event.time), "reason": clean(&event.reason), "message": clean(&event.message)
            })
        };
        found.insert("object".to_owned(), clean(&diagnosis.object).into());
        found.insert("events".to_owned(), diagnosis.events.iter().map(event).collect());
        found.insert("log_tail".to_owned(), clean(&diagnosis.log_tail).into());
    }
    written.extend(found);
}

fn spec(store: &Store, known: &mut Map<String, Value>, written: &mut Map<String, Value>) {
    let spec = store.spec.clone().unwrap_or_default();
    let shop = spec.shop.clone().unwrap_or_default();
    let payments = shop.payment_methods().map(|method| named(method.as_str_name(), "PAYMENT_METHOD_"));
    let settings = json!({
        "country": shop.country, "currency": shop.currency, "locale": shop.locale, "timezone": shop.timezone,
        "taxes": shop.taxes, "tax_rate": shop.tax_rate, "prices_include_tax": shop.prices_include_tax,
        "weight_unit": shop.weight_unit, "dimension_unit": shop.dimension_unit, "flat_rate": shop.flat_rate,
        "payment_methods": payments.collect::<Vec<_>>(), "catalogue": named(shop.catalogue().as_str_name(), "CATALOGUE_"),
    });
    known.insert("spec".to_owned(), json!({"engine": engine(spec.engine()), "shop": settings}));
    for (name, text) in [("title", &shop.title), ("admin_email", &shop.admin_email), ("admin_user", &shop.admin_user)] {
        written.insert(name.to_owned(), clean(text).into());
    }
}

fn engine(engine: Engine) -> String {
    named(engine.as_str_name(), "ENGINE_").to_lowercase()
}

pub(crate) fn principal(principal: &Principal) -> Map<String, Value> {
    let kind = named(principal.kind().as_str_name(), "KIND_").to_lowercase();
    let parts = [
        ("name", short(&principal.name)),
        ("kind", kind.into()),
        ("role", short(&principal.role)),
        ("permissions", principal.permissions.clone().into()),
        ("tenants", principal.tenants.clone().into()),
        ("expire_time", time(principal.expire_time)),
    ];
    parts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

pub(crate) fn summary(summary: &GetSummaryResponse) -> Map<String, Value> {
    let states: Map<_, _> =
        summary.states.iter().map(|one| (named(one.state().as_str_name(), "STATE_"), one.stores.into())).collect();
    let reasons: Map<_, _> = summary
        .failure_reasons
        .iter()
        .map(|one| (named(one.reason().as_str_name(), "REASON_"), one.stores.into()))
        .collect();
    let tenants = summary.tenants.iter().take(50);
    let tenants = tenants.map(|one| json!({"tenant": one.tenant, "stores": one.stores, "ready": one.ready}));
    let oldest = summary.oldest_not_ready.as_ref().map_or(Value::Null, |store| {
        let mut line = line(store);
        line["not_ready_for"] = age(summary.oldest_not_ready_since);
        line
    });
    let hour = summary.last_hour.unwrap_or_default();
    let parts = [
        ("stores", json!(summary.total_size)),
        ("states", states.into()),
        ("failure_reasons", reasons.into()),
        ("tenants", tenants.collect()),
        ("tenants_total", json!(summary.tenants_total)),
        ("oldest_not_ready", oldest),
        (
            "last_hour",
            json!({
                "created": hour.created, "became_ready": hour.became_ready, "deleted": hour.deleted, "changed": hour.changed
            }),
        ),
    ];
    parts.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// An entry without the address and the program of the caller, which it chose itself.
pub(crate) fn audit(entry: &AuditEntry) -> Value {
    let decision = match entry.decision() {
        Decision::Unspecified => "UNKNOWN".to_owned(),
        decision => named(decision.as_str_name(), "DECISION_"),
    };
    let mut line = json!({
        "time": time(entry.time), "principal": short(&entry.principal), "decision": decision,
        "method": short(entry.method.rsplit('.').next().unwrap_or_default()), "resource": short(&entry.resource)
    });
    if !entry.reason.is_empty() {
        line["reason"] = short(&entry.reason);
    }
    if entry.count > 1 {
        line["count"] = entry.count.into();
    }
    line
}

/// A name, without what cannot be seen.
fn short(text: &str) -> Value {
    clean(text).replace(['\n', '\t'], " ").chars().take(NAME).collect::<String>().into()
}
