//! `sendstores report`.

use std::time::SystemTime;

use sendstores_client::{
    CountStores, State, StoreFilter,
    v1::{Consistency, ListRequest},
};

use crate::{
    args::{Global, ReportArgs, ReportFormat},
    failure::{Exit, Failure},
    output,
    report::{self, Report},
};

use super::{command, connect};

/// As many stores that do not sell are read, to name some of each reason.
const READ: i32 = 200;

/// The states in which a store should sell, or be gone, and is not.
const STUCK: [State; 6] =
    [State::Provisioning, State::Degraded, State::Updating, State::Resuming, State::Failed, State::Deleting];

pub(super) async fn run(global: &Global, args: ReportArgs) -> Result<(), Failure> {
    let ReportArgs { filter, stale, output: format } = args;
    let filter = filter.into_filter(Vec::new());
    let client = connect(global).await?;
    let summary = client.summary(CountStores::new(filter.clone()).stale(stale)).await?;
    let asked = |state: &State| filter.states.is_empty() || filter.states.contains(&(*state).into());
    let states: Vec<i32> = STUCK.iter().filter(|state| asked(state)).map(|state| (*state).into()).collect();
    let stuck = if states.is_empty() || summary.failure_reasons.is_empty() {
        Vec::new()
    } else {
        let consistency = if stale { Consistency::Stale } else { Consistency::Unspecified };
        let request = ListRequest {
            filter: Some(StoreFilter { states, ..filter }),
            page_size: READ,
            order_by: "create_time".to_owned(),
            consistency: consistency.into(),
            ..ListRequest::default()
        };
        client.list_page(request).await?.stores
    };
    let report = Report::new(&summary, &stuck, SystemTime::now(), |rest| command(global, rest));
    match format {
        _ if global.json => json(&report),
        ReportFormat::Json => json(&report),
        ReportFormat::Markdown => output::print(&report::markdown(&report)),
        ReportFormat::Text => output::print(&report::plain(&report)),
    }
}

fn json(report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|why| Failure::new(Exit::Failed, format!("cannot print the report: {why}")))?;
    output::print(&text)
}
