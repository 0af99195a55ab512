//! `sendstores delete`.

use std::{
    io::{IsTerminal, Write, stderr, stdin},
    time::{Duration, SystemTime},
};

use sendstores_client::{Client, DeleteStore, Error, Store, v1::DeleteResponse};

use crate::{
    args::{DeleteArgs, Global},
    failure::{Exit, Failure},
    output,
    progress::Progress,
    text, view,
    wait::Wait,
};

use super::{command, connect};

pub(super) async fn run(global: &Global, args: DeleteArgs) -> Result<(), Failure> {
    if !args.yes && !args.validate_only && stdin().is_terminal() && stderr().is_terminal() {
        confirm(global, &args).await?;
    }
    // A new connection: the other one may have died while a human was thinking.
    let client = connect(global).await?;
    let DeleteArgs { id, yes: _, wait, limit, etag, force, allow_missing, request_id, validate_only } = args;
    let mut request = DeleteStore::new(&id).allow_missing(allow_missing).validate_only(validate_only).force(force);
    if let Some(etag) = etag {
        request = request.etag(etag);
    }
    if let Some(request_id) = request_id {
        request = request.request_id(request_id);
    }
    let Some(store) = client.delete(request).await? else {
        return told(global, None, &format!("there is no {}", text::line(&id)));
    };
    if validate_only {
        return told(global, Some(store), &format!("{} could be deleted", text::line(&id)));
    }
    if store.purge_time.is_some() {
        return kept(global, &client, store, wait.then_some(limit.wait_timeout)).await;
    }
    if !wait {
        let watch = command(global, &format!("watch {id}"));
        return told(global, Some(store), &format!("{id} is being deleted\nNext:\n  {watch}"));
    }
    gone(global, &client, &store, limit.wait_timeout).await
}

/// Asks the human, who sees what would be lost.
async fn confirm(global: &Global, args: &DeleteArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let store = match client.get(&args.id).await {
        Err(Error::NotFound(_)) if args.allow_missing => return Ok(()),
        other => other?,
    };
    let rehearsal = DeleteStore::new(&args.id).validate_only(true).allow_missing(true).force(args.force);
    let purge_time = client.delete(rehearsal).await?.and_then(|store| store.purge_time);
    let way_back = match purge_time {
        Some(_) => format!("It is kept until {}.", text::time(purge_time)),
        None => "There is no way back.".to_owned(),
    };
    let title =
        store.spec.as_ref().and_then(|spec| spec.shop.as_ref()).map(|shop| shop.title.as_str()).unwrap_or_default();
    let age = text::age(store.create_time, SystemTime::now());
    let what = format!("{} ({title}, {}, {age} old)", store.id, view::state(&store));
    let mut answer = String::new();
    write!(stderr(), "Delete {} with its database, files and address? {way_back} [y/N] ", text::line(&what))?;
    stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was deleted")),
    }
}

/// A deleted store that can still be brought back.
async fn kept(global: &Global, client: &Client, store: Store, wait: Option<Duration>) -> Result<(), Failure> {
    let (id, until) = (text::line(&store.id), text::time(store.purge_time));
    let next = ["undelete", "delete --force"].map(|verb| command(global, &format!("{verb} {id}")));
    let next = format!("Next:\n  {}\n  {}", next[0], next[1]);
    let Some(limit) = wait else {
        return told(global, Some(store), &format!("{id} is being closed, and kept until {until}\n{next}"));
    };
    let again = command(global, &format!("watch {id}"));
    let progress = Progress::new(global.json);
    let store = Wait { client, id: &store.id, limit, progress: &progress, again: &again }.until_retained().await?;
    if global.json {
        return if progress.shown() { Ok(()) } else { output::json_line(&store) };
    }
    output::print(&format!("{id} is closed, and kept until {until}\n{next}"))
}

async fn gone(global: &Global, client: &Client, store: &Store, limit: Duration) -> Result<(), Failure> {
    let again = command(global, &format!("delete {} --wait --allow-missing --yes", store.id));
    let progress = Progress::new(global.json);
    Wait { client, id: &store.id, limit, progress: &progress, again: &again }.until_deleted().await?;
    if global.json {
        // So fast that the watch saw nothing: the line of the deletion is still due.
        return if progress.shown() { Ok(()) } else { output::json_line(store) };
    }
    output::print(&format!("{} is gone, with everything it owned", store.id))
}

fn told(global: &Global, store: Option<Store>, text: &str) -> Result<(), Failure> {
    if global.json { output::document(&DeleteResponse { store }) } else { output::print(text) }
}
