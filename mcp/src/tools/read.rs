//! Tools that read.

use rmcp::model::JsonObject;
use sendstores_client::{
    State, Store, StoreFilter, StoreView,
    v1::{AuditFilter, AuditServiceListRequest, ListRequest},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::{Answer, Call, Effect, Facts, Trouble};
use crate::{
    arguments::{self, Section, parse},
    docs,
    fit::{self, size_of},
    render, schema,
};

/// Stores or entries of a list, if no number is given, and at most.
const USUAL: u8 = 20;
const MOST: u8 = 50;

pub(super) const WHOAMI: Facts = Facts {
    name: "whoami",
    title: "Who am I",
    description: "Shows who the caller is to the server: its role, its permissions and the tenants whose stores it may see.",
    needs: &[],
    effect: Effect::Read,
    input: schema::nothing,
    result: &["role", "permissions", "tenants"],
};

pub(super) const SUMMARIZE_STORES: Facts = Facts {
    name: "summarize_stores",
    title: "Summarize stores",
    description: "Counts the stores by state, by reason of failure and by tenant, names the store that has not been READY for \
                  the longest time, and counts what happened in the last hour. Begin here to learn how all stores are.",
    needs: &["stores.read"],
    effect: Effect::Read,
    input: schema::summarize,
    result: &["stores", "states", "failure_reasons"],
};

pub(super) const LIST_STORES: Facts = Facts {
    name: "list_stores",
    title: "List stores",
    description: "Lists stores, a page at a time: id, state, reason of failure, age and URL of each. get_store shows one in full.",
    needs: &["stores.read"],
    effect: Effect::Read,
    input: schema::list,
    result: &["stores", "total"],
};

pub(super) const GET_STORE: Facts = Facts {
    name: "get_store",
    title: "Get a store",
    description: "Shows one store. Sections: status (state, URL, etag, failure), steps, evidence (the probes of the shop), \
                  diagnosis (object, events and log of a failure), spec (the settings that were asked for), history.",
    needs: &["stores.read"],
    effect: Effect::Read,
    input: schema::get,
    result: &["id"],
};

pub(super) const EXPLAIN_STORE: Facts = Facts {
    name: "explain_store",
    title: "Explain a store",
    description: "Says why a store does not advance or does not sell: the reason of its failure with its explanation, the \
                  object that blocks it, its log, and what an operator can do.",
    needs: &["stores.read"],
    effect: Effect::Read,
    input: schema::one,
    result: &["id", "state"],
};

pub(super) const EXPLAIN_REASON: Facts = Facts {
    name: "explain_reason",
    title: "Explain a reason",
    description: "Explains a reason of a failure or of an error, and what to do about it.",
    needs: &[],
    effect: Effect::Read,
    input: schema::reason,
    result: &["reason", "explanation"],
};

pub(super) const LIST_AUDIT: Facts = Facts {
    name: "list_audit",
    title: "List the audit",
    description: "Lists who did what to which store, token or tenant, and what was refused, the newest first. An agent sees its \
                  own calls.",
    needs: &["audit.read"],
    effect: Effect::Read,
    input: schema::audit,
    result: &["entries"],
};

pub(super) async fn whoami(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Nothing {} = parse(arguments)?;
    let principal = call.client.principal().await?;
    Ok(Answer::new("The caller, and what it may do.", render::principal(&principal)))
}

pub(super) async fn summarize_stores(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Summarize { states, labels, tenant } = parse(arguments)?;
    let summary = call.client.summary(filter(&states, labels, tenant)?).await?;
    let ready: i32 = summary.states.iter().filter(|one| one.state() == State::Ready).map(|one| one.stores).sum();
    let said = format!("{ready} of {} stores are READY.", summary.total_size);
    Ok(Answer::new(said, render::summary(&summary)))
}

pub(super) async fn list_stores(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::List { states, labels, tenant, query, order_by, limit, cursor } = parse(arguments)?;
    let mut request = ListRequest {
        filter: Some(filter(&states, labels, tenant)?),
        page_size: limit_of(limit)?.into(),
        page_token: cursor,
        order_by,
        query,
        view: StoreView::Basic.into(),
        ..ListRequest::default()
    };
    loop {
        let page = call.client.list_page(request.clone()).await?;
        let stores: Vec<Value> = page.stores.iter().map(render::line).collect();
        // What is cut here would be missing on every page: a smaller page has the right cursor.
        if stores.len() > 1 && size_of(&Value::from(stores.clone())) > fit::MOST - 700 {
            request.page_size = i32::try_from(stores.len() / 2).unwrap_or(1);
            continue;
        }
        let said = format!("{} of {} stores.", stores.len(), page.total_size);
        let mut answer = Answer::new(said, Map::new()).with("stores", stores).with("total", page.total_size);
        if !page.next_page_token.is_empty() {
            answer = answer.with("cursor", page.next_page_token);
            answer.more = Some("Call list_stores again with this cursor and the same arguments.".to_owned());
        }
        return Ok(answer);
    }
}

pub(super) async fn get_store(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Get { id, sections } = parse(arguments)?;
    let store = call.client.get(id).await?;
    let sections = if sections.is_empty() { vec![Section::Status] } else { sections };
    let (known, written) = render::store(&store, &sections);
    let said = format!("{} is {}.", store.id, render::state(&store));
    Ok(Answer { said, known, written, more: None })
}

/// What get_store shows of the store, as text.
pub(crate) async fn store_as_text(call: &Call<'_>, id: &str) -> Result<String, Trouble> {
    let arguments = JsonObject::from_iter([("id".to_owned(), id.into())]);
    Ok(get_store(call, Some(arguments)).await?.into_text())
}

pub(super) async fn explain_store(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Id { id } = parse(arguments)?;
    let store = call.client.get(id).await?;
    Ok(explained(&store))
}

fn explained(store: &Store) -> Answer {
    let (mut known, mut written) = (Map::new(), Map::new());
    known.insert("id".to_owned(), store.id.clone().into());
    known.insert("state".to_owned(), render::state(store).into());
    render::diagnosis(store, &mut known, &mut written);
    let state = render::state(store);
    let said = match &store.failure {
        None => {
            let running = store.steps.iter().find(|step| step.state() == sendstores_client::v1::step::State::Running);
            known.insert("running_step".to_owned(), running.map_or(Value::Null, |step| step.name.clone().into()));
            match running {
                Some(step) => format!("{} is {state} and has no failure; the step {} is running.", store.id, step.name),
                None => format!("{} is {state} and has no failure.", store.id),
            }
        }
        Some(failure) => {
            let reason = render::reason(failure);
            known.insert("explanation".to_owned(), docs::section(&reason).into());
            let again = if failure.retry_time.is_some() {
                "the server tries again by itself"
            } else {
                "nothing happens by itself"
            };
            format!("{} is {state} because of {reason}; {again}.", store.id)
        }
    };
    Answer { said, known, written, more: None }
}

pub(super) fn explain_reason(arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Reason { reason } = parse(arguments)?;
    let name = reason.trim().trim_start_matches("REASON_").to_uppercase();
    let Some(explanation) = docs::section(&name) else {
        let all: Vec<_> = docs::reasons().collect();
        return Err(Trouble::Arguments(format!("there is no such reason; these are there: {}", all.join(", "))));
    };
    Ok(Answer::new(format!("What {name} means."), Map::new()).with("reason", name).with("explanation", explanation))
}

pub(super) async fn list_audit(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Audit { resource, principal, method, tenant, limit, cursor } = parse(arguments)?;
    let filter = AuditFilter { resource, principal, method, tenant, ..AuditFilter::default() };
    let mut request =
        AuditServiceListRequest { filter: Some(filter), page_size: limit_of(limit)?.into(), page_token: cursor };
    loop {
        let page = call.client.list_audit_page(request.clone()).await?;
        let entries: Vec<Value> = page.entries.iter().map(render::audit).collect();
        if entries.len() > 1 && size_of(&Value::from(entries.clone())) > fit::MOST - 700 {
            request.page_size = i32::try_from(entries.len() / 2).unwrap_or(1);
            continue;
        }
        let said = format!("{} entries, the newest first.", entries.len());
        let mut answer = Answer::new(said, Map::new()).with("entries", entries);
        if !page.next_page_token.is_empty() {
            answer = answer.with("cursor", page.next_page_token);
            answer.more = Some("Call list_audit again with this cursor and the same arguments.".to_owned());
        }
        return Ok(answer);
    }
}

fn filter(states: &[String], labels: BTreeMap<String, String>, tenant: String) -> Result<StoreFilter, Trouble> {
    let state = |name: &String| {
        let known = State::from_str_name(&format!("STATE_{}", name.to_uppercase()))
            .filter(|state| *state != State::Unspecified);
        known.map(i32::from).ok_or_else(|| Trouble::Arguments("states: there is no such state".to_owned()))
    };
    let states = states.iter().map(state).collect::<Result<_, _>>()?;
    Ok(StoreFilter { states, labels, tenant, ..StoreFilter::default() })
}

fn limit_of(limit: Option<u8>) -> Result<u8, Trouble> {
    match limit.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Trouble::Arguments(format!("limit: must be 1 to {MOST}"))),
    }
}
