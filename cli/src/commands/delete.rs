//! `sendstores delete`.

use std::{
    io::{IsTerminal, Write, stderr, stdin},
    time::SystemTime,
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
    let DeleteArgs { id, yes: _, wait, limit, etag, allow_missing, request_id, validate_only } = args;
    let mut request = DeleteStore::new(&id).allow_missing(allow_missing).validate_only(validate_only);
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
    if !wait {
        let watch = command(global, &format!("watch {id}"));
        return told(global, Some(store), &format!("{id} is being deleted\nNext:\n  {watch}"));
    }
    gone(global, &client, &store, limit.wait_timeout).await
}

/// Asks the human, who sees what would be lost.
async fn confirm(global: &Global, args: &DeleteArgs) -> Result<(), Failure> {
    let store = match connect(global).await?.get(&args.id).await {
        Err(Error::NotFound(_)) if args.allow_missing => return Ok(()),
        other => other?,
    };
    let title =
        store.spec.as_ref().and_then(|spec| spec.shop.as_ref()).map(|shop| shop.title.as_str()).unwrap_or_default();
    let age = text::age(store.create_time, SystemTime::now());
    let what = format!("{} ({title}, {}, {age} old)", store.id, view::state(&store));
    let mut answer = String::new();
    write!(
        stderr(),
        "Delete {} with its database, files and address? There is no way back. [y/N] ",
        text::line(&what)
    )?;
    stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was deleted")),
    }
}

async fn gone(global: &Global, client: &Client, store: &Store, limit: std::time::Duration) -> Result<(), Failure> {
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
