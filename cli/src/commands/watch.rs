//! `sendstores watch`.

use std::time::SystemTime;

use futures::TryStreamExt;
use sendstores_client::{Event, ResumeToken, Store, Watch, WatchEvent, v1::WatchStatusResponse};

use crate::{
    args::{Global, WatchArgs},
    failure::{Exit, Failure},
    output, view,
};

use super::connect;

pub(super) async fn run(global: &Global, args: WatchArgs) -> Result<(), Failure> {
    let WatchArgs { ids, filter, from } = args;
    let client = connect(global).await?;
    let filter = filter.into_filter(ids);
    let mut watch = match from {
        Some(token) => client.watch_from(filter, ResumeToken::from(token)).await?,
        None => client.watch(filter).await?,
    };
    let failure = tokio::select! {
        // First, so that Ctrl-C is heard from the first line on.
        biased;
        _ = tokio::signal::ctrl_c() => Failure::new(Exit::Interrupted, "interrupted"),
        failure = Box::pin(follow(global, &mut watch)) => failure,
    };
    Err(match watch.resume_token() {
        Some(token) => failure.hint(format!("go on without a gap: the same command with --from {token}")),
        None => failure,
    })
}

/// Prints events until there are no more, which is a failure: a watch has no end of its own.
async fn follow(global: &Global, watch: &mut Watch) -> Failure {
    loop {
        let printed = match watch.try_next().await {
            Ok(Some(event)) => print(global, event),
            Ok(None) => return Failure::new(Exit::Failed, "the server ended the stream"),
            Err(error) => return error.into(),
        };
        if let Err(failure) = printed {
            return failure;
        }
    }
}

fn print(global: &Global, event: WatchEvent) -> Result<(), Failure> {
    if global.json {
        // Not in the contract, because the client makes it.
        if event.event == Event::Reset {
            return output::print(r#"{"reset":{}}"#);
        }
        return output::json_line(&WatchStatusResponse::from(event));
    }
    match line(&event) {
        Some(line) => output::print(&format!("{}  {line}", humantime::format_rfc3339_seconds(SystemTime::now()))),
        None => Ok(()),
    }
}

/// One line for people; a heartbeat is none.
fn line(event: &WatchEvent) -> Option<String> {
    let store = |what, store: &Store| {
        let detail = Some(view::progress(store)).filter(|progress| !progress.is_empty());
        let detail = detail.unwrap_or_else(|| view::news(store));
        format!("{what:<8}  {}  {:<12}  {detail}", store.id, view::state(store))
    };
    match &event.event {
        Event::Snapshot(shown) => Some(store("is", shown).trim_end().to_owned()),
        Event::Changed(shown) => Some(store("changed", shown).trim_end().to_owned()),
        Event::Reset => Some("reset     changes are missing; all stores follow".to_owned()),
        Event::Synced { stores: 1 } => Some("synced    1 store; changes follow".to_owned()),
        Event::Synced { stores } => Some(format!("synced    {stores} stores; changes follow")),
        Event::Removed { id, .. } => Some(format!("left      {id}  it is gone, or the filter no longer means it")),
        _ => None,
    }
}
