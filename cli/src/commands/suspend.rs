//! `sendstores suspend`, `sendstores resume` and `sendstores undelete`.

use std::time::Duration;

use sendstores_client::{
    ChangeStore, Client, Store,
    v1::{ResumeResponse, SuspendResponse, UndeleteResponse},
};

use crate::{
    args::{ChangeArgs, Global},
    failure::Failure,
    output,
    progress::Progress,
    text,
    wait::Wait,
};

use super::{command, connect};

pub(super) async fn suspend(global: &Global, args: ChangeArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let (id, wait, limit, validate_only) = (args.id.clone(), args.wait, args.limit.wait_timeout, args.validate_only);
    let store = client.suspend(request(args)).await?;
    if wait {
        let progress = Progress::new(global.json);
        let again = command(global, &format!("suspend {id} --wait"));
        let store =
            Wait { client: &client, id: &id, limit, progress: &progress, again: &again }.until_suspended().await?;
        return arrived(global, &progress, &store, &format!("{id} is suspended; its data and its address are kept"));
    }
    if global.json {
        return output::document(&SuspendResponse { store: Some(store) });
    }
    said(global, &store, validate_only, "suspended", "is being suspended")
}

pub(super) async fn resume(global: &Global, args: ChangeArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let (wait, validate_only) = (args.wait.then_some(args.limit.wait_timeout), args.validate_only);
    let store = client.resume(request(args)).await?;
    if let Some(limit) = wait {
        return back(global, &client, &store.id, limit).await;
    }
    if global.json {
        return output::document(&ResumeResponse { store: Some(store) });
    }
    said(global, &store, validate_only, "resumed", "is being resumed")
}

pub(super) async fn undelete(global: &Global, args: ChangeArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let (wait, validate_only) = (args.wait.then_some(args.limit.wait_timeout), args.validate_only);
    let store = client.undelete(request(args)).await?;
    if let Some(limit) = wait {
        return back(global, &client, &store.id, limit).await;
    }
    if global.json {
        return output::document(&UndeleteResponse { store: Some(store) });
    }
    said(global, &store, validate_only, "undeleted", "is being brought back")
}

/// Waits until the store sells again.
pub(super) async fn back(global: &Global, client: &Client, id: &str, limit: Duration) -> Result<(), Failure> {
    let progress = Progress::new(global.json);
    let again = command(global, &format!("get {id} --wait"));
    let store = Wait { client, id, limit, progress: &progress, again: &again }.until_ready().await?;
    arrived(global, &progress, &store, &format!("{id} sells again at {}", text::line(&store.url)))
}

pub(super) fn request(args: ChangeArgs) -> ChangeStore {
    let ChangeArgs { id, wait: _, limit: _, etag, request_id, validate_only } = args;
    let mut request = ChangeStore::new(id).validate_only(validate_only);
    if let Some(etag) = etag {
        request = request.etag(etag);
    }
    if let Some(request_id) = request_id {
        request = request.request_id(request_id);
    }
    request
}

/// With `--json`, a store that was so already is due as the only line.
pub(super) fn arrived(global: &Global, progress: &Progress, store: &Store, text: &str) -> Result<(), Failure> {
    match global.json {
        true if progress.shown() => Ok(()),
        true => output::json_line(store),
        false => output::print(text),
    }
}

pub(super) fn said(
    global: &Global,
    store: &Store,
    validate_only: bool,
    done: &str,
    begun: &str,
) -> Result<(), Failure> {
    let id = text::line(&store.id);
    if validate_only {
        return output::print(&format!("{id} could be {done}"));
    }
    output::print(&format!("{id} {begun}\nNext:\n  {}", command(global, &format!("watch {id}"))))
}
