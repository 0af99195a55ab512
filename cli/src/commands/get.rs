//! `sendstores get`.

use std::time::SystemTime;

use futures::TryStreamExt;
use sendstores_client::{Client, Event, GetStore, State, Store, StoreFilter};

use crate::{
    args::{GetArgs, Global},
    failure::{Exit, Failure},
    output,
    progress::Progress,
    view,
    wait::Wait,
};

use super::{command, connect, create};

pub(super) async fn run(global: &Global, args: GetArgs) -> Result<(), Failure> {
    let GetArgs { id, stale, wait, watch, limit } = args;
    let client = connect(global).await?;
    if watch {
        return tokio::select! {
            // First, so that Ctrl-C is heard from the first line on.
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted")),
            ended = Box::pin(follow(global, &client, &id)) => ended,
        };
    }
    if wait {
        let again = command(global, &format!("get {id} --wait"));
        let progress = Progress::new(global.json);
        let wait = Wait { client: &client, id: &id, limit: limit.wait_timeout, progress: &progress, again: &again };
        let store = wait.until_ready().await?;
        return if global.json { Ok(()) } else { output::print(&create::ready(global, &store)) };
    }
    let answer = client.get_answer(GetStore::new(id).stale(stale)).await?;
    let store = answer.store.unwrap_or_default();
    if global.json {
        return output::document(&store);
    }
    output::print(&view::store(&store, SystemTime::now()))?;
    if stale {
        output::note(&view::as_of(answer.fresh_time, SystemTime::now()));
    }
    Ok(())
}

/// Shows the store as it is, and again after each change. Its end is a good one.
async fn follow(global: &Global, client: &Client, id: &str) -> Result<(), Failure> {
    let filter = StoreFilter { ids: vec![id.to_owned()], ..StoreFilter::default() };
    let (mut watch, mut seen) = (client.watch(filter).await?, false);
    while let Some(event) = watch.try_next().await? {
        match event.event {
            Event::Snapshot(store) | Event::Changed(store) => {
                show(global, &store, seen)?;
                seen = true;
                if store.state() == State::Deleted {
                    return Ok(());
                }
            }
            Event::Removed { .. } => {
                output::note("the store is gone");
                return Ok(());
            }
            // Asked rather than made up: the server words the error, and a store made this moment is no error.
            Event::Synced { .. } if !seen => drop(client.get(id).await?),
            _ => {}
        }
    }
    Err(Failure::new(Exit::Failed, "the server ended the stream"))
}

fn show(global: &Global, store: &Store, again: bool) -> Result<(), Failure> {
    if global.json {
        return output::json_line(store);
    }
    let now = SystemTime::now();
    let blank = if again { "\n" } else { "" };
    output::print(&format!("{blank}{}\n{}", humantime::format_rfc3339_seconds(now), view::store(store, now)))
}
