//! What `sendstores report` says: what sells, what does not and why, and what to do first. Everything in it follows from two
//! responses of the server and the time.

mod markdown;
#[cfg(test)]
mod tests;
mod text;

use std::{cmp::Reverse, collections::BTreeMap, time::SystemTime};

use sendstores_client::{
    State, Store, Timestamp,
    v1::{GetSummaryResponse, failure::Reason},
};
use serde::Serialize;

use crate::{text as words, view};

pub(crate) use markdown::markdown;
pub(crate) use text::plain;

/// As many things to do are named.
const TO_DO: usize = 5;
/// As many stores are named of one reason.
const EXAMPLES: usize = 3;
/// A store without a failure that is not READY after this time is reported.
const PATIENCE: u64 = 15 * 60;

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// When the report was made, RFC 3339.
    time: String,
    /// Stores in all.
    stores: i32,
    /// Those in which a shopper can buy.
    selling: i32,
    /// By state, in the order of the lifecycle.
    states: Vec<Count>,
    /// By tenant.
    tenants: Vec<Tenant>,
    /// Tenants that `tenants` leaves out.
    more_tenants: i32,
    /// Why stores do not sell; what is urgent first.
    findings: Vec<Finding>,
    /// Stores that are neither READY, SUSPENDED nor RETAINED and have no failure: work is under way.
    under_way: i32,
    to_do: Vec<ToDo>,
    oldest: Option<Oldest>,
    last_hour: LastHour,
}

#[derive(Debug, Serialize)]
struct Count {
    name: String,
    stores: i32,
}

#[derive(Debug, Serialize)]
struct Tenant {
    name: String,
    stores: i32,
    selling: i32,
}

/// The stores that do not sell for one reason.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    reason: String,
    stores: i32,
    /// Some of them, the oldest first.
    examples: Vec<String>,
    /// What the server says of the first of them.
    message: String,
    suggestion: String,
    /// Whether one of them was READY before: its shoppers are gone.
    sold_before: bool,
    /// Whether the server tries again by itself.
    retried: bool,
}

#[derive(Debug, Serialize)]
struct ToDo {
    what: String,
    command: String,
}

#[derive(Debug, Serialize)]
struct Oldest {
    id: String,
    state: String,
    /// For how long at least, such as `3h`.
    age: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct LastHour {
    created: i32,
    became_ready: i32,
    deleted: i32,
    changed: i32,
}

// === impl Report ===

impl Report {
    /// `stuck` are stores that do not sell, as many as were read; `command` makes a command line of ours that reaches the same
    /// server.
    pub(crate) fn new(
        summary: &GetSummaryResponse,
        stuck: &[Store],
        now: SystemTime,
        command: impl Fn(&str) -> String,
    ) -> Self {
        let of_state = |wanted: State| summary.states.iter().filter(move |one| one.state() == wanted);
        let count = |wanted: State| of_state(wanted).map(|one| one.stores).sum::<i32>();
        let (stores, selling) = (summary.total_size, count(State::Ready));
        let failing: i32 = summary.failure_reasons.iter().map(|one| one.stores).sum();
        let findings = findings(summary, stuck);
        let resting = [State::Suspended, State::Retained, State::Unspecified].map(count).into_iter().sum::<i32>();
        let waiting = stores - selling - resting;
        let hour = summary.last_hour.unwrap_or_default();
        let tenants: Vec<_> = summary.tenants.iter().map(Tenant::of).collect();
        let named = i32::try_from(tenants.len()).unwrap_or(i32::MAX);
        Self {
            time: words::time(Some(Timestamp::from(now))),
            stores,
            selling,
            states: summary
                .states
                .iter()
                .map(|one| Count { name: state_name(one.state()), stores: one.stores })
                .collect(),
            tenants,
            more_tenants: summary.tenants_total.saturating_sub(named),
            to_do: to_do(&findings, summary, now, &command),
            findings,
            under_way: waiting.saturating_sub(failing).max(0),
            oldest: summary.oldest_not_ready.as_ref().map(|store| Oldest::of(store, summary, now)),
            last_hour: LastHour {
                created: hour.created,
                became_ready: hour.became_ready,
                deleted: hour.deleted,
                changed: hour.changed,
            },
        }
    }

    /// Why it ends the way it does: `12 of 14 stores sell`.
    fn headline(&self) -> String {
        match (self.stores, self.selling) {
            (0, _) => "no stores".to_owned(),
            (1, 1) => "1 store, which sells".to_owned(),
            (stores, selling) if stores == selling => format!("all {stores} stores sell"),
            (stores, selling) => format!("{selling} of {} sell", number(stores, "store")),
        }
    }

    fn hour(&self) -> String {
        let LastHour { created, became_ready, deleted, changed } = &self.last_hour;
        format!("{created} created, {became_ready} became READY, {deleted} deleted, {changed} changed")
    }
}

// === impl Finding ===

impl Finding {
    /// What is lost comes before what never was, and what waits for somebody before what the server works on.
    fn urgency(&self) -> (Reverse<bool>, bool, Reverse<i32>, String) {
        (Reverse(self.sold_before), self.retried, Reverse(self.stores), self.reason.clone())
    }

    fn stores(&self) -> String {
        let named = i32::try_from(self.examples.len()).unwrap_or(i32::MAX);
        let more = self.stores.saturating_sub(named);
        let list = self.examples.join(", ");
        match (list.is_empty(), more) {
            (true, _) => String::new(),
            (false, 1..) => format!("{list} and {more} more"),
            (false, _) => list,
        }
    }

    fn outlook(&self) -> &'static str {
        match (self.sold_before, self.retried) {
            (true, true) => "sold before; the server tries again by itself",
            (true, false) => "sold before; nothing happens by itself",
            (false, true) => "the server tries again by itself",
            (false, false) => "nothing happens by itself",
        }
    }
}

/// Of each reason, the stores that were read.
fn findings(summary: &GetSummaryResponse, stuck: &[Store]) -> Vec<Finding> {
    let mut read: BTreeMap<i32, Vec<&Store>> = BTreeMap::new();
    for store in stuck {
        if let Some(failure) = &store.failure {
            read.entry(failure.reason).or_default().push(store);
        }
    }
    let mut findings: Vec<_> = summary
        .failure_reasons
        .iter()
        .map(|one| {
            let stores = read.get(&one.reason).map_or(&[][..], Vec::as_slice);
            let failure = stores.first().and_then(|store| store.failure.as_ref());
            Finding {
                reason: reason_name(one.reason()),
                stores: one.stores,
                examples: stores.iter().take(EXAMPLES).map(|store| store.id.clone()).collect(),
                message: failure.map(|failure| words::line(&failure.message)).unwrap_or_default(),
                suggestion: failure.map(|failure| words::line(&failure.suggestion)).unwrap_or_default(),
                sold_before: stores.iter().any(|store| store.ready_time.is_some() && store.state() != State::Deleting),
                retried: stores.iter().all(|store| store.failure.as_ref().is_some_and(|why| why.retry_time.is_some())),
            }
        })
        .collect();
    findings.sort_by_key(Finding::urgency);
    findings
}

fn to_do(
    findings: &[Finding],
    summary: &GetSummaryResponse,
    now: SystemTime,
    command: &impl Fn(&str) -> String,
) -> Vec<ToDo> {
    let mut to_do: Vec<_> = findings
        .iter()
        .take(TO_DO)
        .map(|finding| {
            let what = match finding.suggestion.as_str() {
                "" => format!("{}: see its section in docs/errors.md", finding.reason),
                suggestion => format!("{}: {suggestion}", finding.reason),
            };
            let rest = match finding.examples.first() {
                Some(id) => format!("get {id}"),
                None => "list --columns id,state,reason,age".to_owned(),
            };
            ToDo { what, command: command(&rest) }
        })
        .collect();
    let slow = summary.oldest_not_ready.as_ref().filter(|store| store.failure.is_none());
    let since = summary.oldest_not_ready_since.and_then(words::system_time);
    if let Some((store, since)) = slow.zip(since)
        && now.duration_since(since).is_ok_and(|waited| waited.as_secs() >= PATIENCE)
    {
        let age = words::age(summary.oldest_not_ready_since, now);
        let what =
            format!("{} has been {} for {age} without a failure: see at which step", store.id, view::state(store));
        to_do.push(ToDo { what, command: command(&format!("get {}", store.id)) });
    }
    to_do
}

// === impl Tenant ===

impl Tenant {
    fn of(count: &sendstores_client::v1::get_summary_response::TenantCount) -> Self {
        let name = if count.tenant.is_empty() { "(none)".to_owned() } else { words::line(&count.tenant) };
        Self { name, stores: count.stores, selling: count.ready }
    }
}

// === impl Oldest ===

impl Oldest {
    fn of(store: &Store, summary: &GetSummaryResponse, now: SystemTime) -> Self {
        let age = words::age(summary.oldest_not_ready_since, now);
        Self { id: words::line(&store.id), state: view::state(store), age }
    }
}

fn state_name(state: State) -> String {
    match state {
        State::Unspecified => "UNKNOWN".to_owned(),
        state => state.as_str_name().trim_start_matches("STATE_").to_owned(),
    }
}

fn reason_name(reason: Reason) -> String {
    match reason {
        Reason::Unspecified => "UNKNOWN".to_owned(),
        reason => reason.as_str_name().trim_start_matches("REASON_").to_owned(),
    }
}

fn number(count: i32, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}
