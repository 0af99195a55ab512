//! Tools that watch for a while.

use std::time::Duration;

use futures::StreamExt;
use rmcp::model::{JsonObject, ProgressNotificationParam};
use sendstores_client::{
    Error, Event, State, Store, StoreFilter, WatchEvent,
    v1::{ListRequest, StoreView, step},
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{Answer, Call, Effect, Facts, Trouble};
use crate::{
    arguments::{self, Until, parse},
    fit::{self, size_of},
    render, schema,
};

/// How long a wait takes at most: clients give a call about a minute.
const LONGEST_WAIT: u8 = 45;
/// How long the first change is waited for, and each one after it.
const FIRST: Duration = Duration::from_secs(5);
const NEXT: Duration = Duration::from_millis(300);
/// Changes in one result.
const MOST: usize = 50;

pub(super) const WAIT_FOR_STORE: Facts = Facts {
    name: "wait_for_store",
    title: "Wait for a store",
    description: "Waits until a store is READY (or with until=deleted until it is gone), at most 45 s. Ends early when the store \
                  cannot get there. Call it again to go on waiting.",
    needs: &["stores.read", "stores.watch"],
    effect: Effect::Read,
    input: schema::wait,
    result: &["id", "outcome"],
};

pub(super) const CHANGES_SINCE: Facts = Facts {
    name: "changes_since",
    title: "Changes since",
    description: "Returns the changes of stores after a cursor: at most 50, waiting at most 5 s for the first. Without a cursor \
                  it returns a cursor for now. No change is left out between two calls.",
    needs: &["stores.read", "stores.watch"],
    effect: Effect::Read,
    input: schema::changes,
    result: &["changes", "cursor"],
};

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Reached,
    /// Somebody must act before it can be reached.
    Failed,
    Deleted,
    /// Deleted, and its data is kept for a time.
    Kept,
    TimedOut,
}

pub(super) async fn wait_for_store(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Wait { id, until, timeout_seconds } = parse(arguments)?;
    let seconds = timeout_seconds.unwrap_or(LONGEST_WAIT);
    if !(1..=LONGEST_WAIT).contains(&seconds) {
        return Err(Trouble::Arguments(format!("timeout_seconds: must be 1 to {LONGEST_WAIT}")));
    }
    let deadline = Instant::now() + Duration::from_secs(seconds.into());
    let mut last = match call.client.get(&id).await {
        Err(Error::NotFound(_)) if until == Until::Deleted => return Ok(waited(&id, None, Ended::Reached)),
        store => store?,
    };
    let uid = last.uid.clone();
    if let Some(ended) = ended(&last, until) {
        return Ok(waited(&id, Some(&last), ended));
    }
    let filter = StoreFilter { ids: vec![id.clone()], ..StoreFilter::default() };
    let mut watch = call.client.watch(filter).await?;
    loop {
        let next = tokio::select! {
            next = timeout_at(deadline, watch.next()) => next,
            () = call.cancelled() => return Err(Trouble::refused("the call was cancelled")),
        };
        let Ok(next) = next else { return Ok(waited(&id, Some(&last), Ended::TimedOut)) };
        let event = next.transpose()?;
        match event.map(|event| event.event) {
            Some(Event::Snapshot(store) | Event::Changed(store)) if store.uid == uid => last = *store,
            // Another store with its id: the one that is meant is gone.
            Some(Event::Snapshot(_) | Event::Changed(_) | Event::Removed { .. }) => {
                return Ok(waited(&id, None, gone(until)));
            }
            // It was deleted between the read and the watch.
            Some(Event::Synced { stores: 0 }) => return Ok(waited(&id, None, gone(until))),
            Some(_) => continue,
            None => return Ok(waited(&id, Some(&last), Ended::TimedOut)),
        }
        report(call, &last).await;
        if let Some(ended) = ended(&last, until) {
            return Ok(waited(&id, Some(&last), ended));
        }
    }
}

fn gone(until: Until) -> Ended {
    if until == Until::Deleted { Ended::Reached } else { Ended::Deleted }
}

fn ended(store: &Store, until: Until) -> Option<Ended> {
    match (store.state(), until) {
        (State::Ready, Until::Ready) | (State::Deleted, Until::Deleted) => Some(Ended::Reached),
        (State::Deleted | State::Deleting | State::Retaining | State::Retained, Until::Ready) => Some(Ended::Deleted),
        (State::Retained, Until::Deleted) => Some(Ended::Kept),
        (State::Failed, Until::Ready) => Some(Ended::Failed),
        _ => None,
    }
}

fn waited(id: &str, store: Option<&Store>, ended: Ended) -> Answer {
    let (outcome, said) = match ended {
        Ended::Reached => ("reached", format!("{id} is there.")),
        Ended::Failed => ("failed", format!("{id} is FAILED: explain_store says why.")),
        Ended::Deleted => ("deleted", format!("{id} is deleted, or is being deleted.")),
        Ended::Kept => ("kept", format!("{id} is deleted, and its data is kept until its purge_time.")),
        Ended::TimedOut => ("timeout", format!("{id} is not there yet. Call wait_for_store again to go on.")),
    };
    let mut answer = Answer::new(said, Map::new()).with("id", id).with("outcome", outcome);
    if let Some(store) = store {
        let running = store.steps.iter().find(|step| step.state() == step::State::Running);
        answer = answer.with("state", render::state(store)).with("url", store.url.clone());
        answer = answer.with("running_step", running.map_or(Value::Null, |step| step.name.clone().into()));
        answer = answer.with("reason", store.failure.as_ref().map_or(Value::Null, |why| render::reason(why).into()));
    }
    answer
}

/// Reports progress to a client that asked for it.
async fn report(call: &Call<'_>, store: &Store) {
    let Some(context) = call.context else { return };
    let Some(token) = context.meta.get_progress_token() else { return };
    let done = store.steps.iter().filter(|step| step.state() == step::State::Succeeded).count();
    let running = store.steps.iter().find(|step| step.state() == step::State::Running);
    let at = running.map_or(String::new(), |step| format!(" at {}", step.name));
    let [done, all] = [done, store.steps.len()].map(|steps| f64::from(u32::try_from(steps).unwrap_or(u32::MAX)));
    let mut progress = ProgressNotificationParam::new(token, done).with_total(all);
    progress.message = Some(format!("{} is {}{at}", store.id, render::state(store)));
    // A client that does not listen any more has ended the call, too.
    let _ = context.peer.notify_progress(progress).await;
}

pub(super) async fn changes_since(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments::Changes { cursor } = parse(arguments)?;
    if cursor.is_empty() {
        let request = ListRequest { page_size: 1, view: StoreView::Basic.into(), ..ListRequest::default() };
        let now = call.client.list_page(request).await?.resume_token;
        let answer = Answer::new("Changes from now on have this cursor.", Map::new());
        return Ok(answer.with("changes", Vec::<Value>::new()).with("cursor", now));
    }
    let mut watch = call.client.watch_from(StoreFilter::default(), cursor.clone().into()).await?;
    let (mut changes, mut reached) = (Vec::new(), cursor);
    let mut deadline = Instant::now() + FIRST;
    let mut size = 0;
    while changes.len() < MOST && size < fit::MOST - 1_200 {
        let next = tokio::select! {
            next = timeout_at(deadline, watch.next()) => next,
            () = call.cancelled() => return Err(Trouble::refused("the call was cancelled")),
        };
        let Ok(Some(event)) = next else { break };
        let WatchEvent { event, resume_token, .. } = event?;
        if let Event::Reset = event {
            let said = "The changes after this cursor are not kept any more. List the stores again, then begin without a cursor.";
            let answer = Answer::new(said, Map::new()).with("changes", Vec::<Value>::new()).with("cursor", "");
            return Ok(answer.with("history_lost", true));
        }
        if let Some(token) = resume_token {
            reached = token.as_str().to_owned();
        }
        let change = match event {
            Event::Changed(store) => render::line(&store),
            Event::Removed { id, .. } => json!({"id": id, "state": "DELETED"}),
            _ => continue,
        };
        size += size_of(&change) + 1;
        changes.push(change);
        deadline = Instant::now() + NEXT;
    }
    let said = format!("{} changes, the oldest first.", changes.len());
    let is_full = changes.len() == MOST || size >= fit::MOST - 1_200;
    let mut answer = Answer::new(said, Map::new()).with("changes", changes).with("cursor", reached);
    answer.more = is_full.then(|| "Call changes_since again with this cursor.".to_owned());
    Ok(answer)
}
