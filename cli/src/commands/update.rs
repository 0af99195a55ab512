//! `sendstores update`.

use sendstores_client::{ChangeStore, Store, UpdateStore, v1::UpdateResponse};

use crate::{
    args::{Global, UpdateArgs},
    failure::Failure,
    output, text,
};

use super::{command, connect, operation};

pub(super) async fn run(global: &Global, args: UpdateArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let UpdateArgs { id, release, deletion_protection, wait, limit, etag, request_id, validate_only } = args;
    let mut store = ChangeStore::new(id).validate_only(validate_only);
    if let Some(etag) = etag {
        store = store.etag(etag);
    }
    if let Some(request_id) = request_id {
        store = store.request_id(request_id);
    }
    let mut request = UpdateStore::new(store);
    if let Some(protected) = deletion_protection {
        request = request.deletion_protection(protected);
    }
    if let Some(release) = &release {
        request = request.release(release);
    }
    let store = client.update(request).await?;
    let begun = store.operation.as_ref().filter(|operation| operation.end_time.is_none());
    if let (true, Some(operation)) = (wait, begun) {
        return operation::until_done(global, &client, &store, operation, limit.wait_timeout).await;
    }
    if global.json {
        return output::document(&UpdateResponse { store: Some(store) });
    }
    let mut lines = Vec::new();
    if deletion_protection.is_some() {
        lines.push(protection(&store, validate_only));
    }
    if let Some(release) = release {
        lines.extend(update(global, &store, &release, validate_only));
    }
    output::print(&lines.join("\n"))
}

fn protection(store: &Store, validate_only: bool) -> String {
    let protected = store.spec.as_ref().is_some_and(|spec| spec.deletion_protection);
    let is = if validate_only { "would be" } else { "is" };
    let how = if protected { "protected from deletion" } else { "no longer protected from deletion" };
    format!("{} {is} {how}", text::line(&store.id))
}

fn update(global: &Global, store: &Store, release: &str, validate_only: bool) -> Vec<String> {
    let (id, release) = (text::line(&store.id), text::line(release));
    let operation = store.operation.as_ref().filter(|operation| operation.end_time.is_none());
    match operation {
        _ if validate_only => vec![format!("{id} could be updated to {release}")],
        None => vec![format!("{id} runs {release} already")],
        Some(queued) if queued.start_time.is_none() => vec![format!("{id} is updated to {release} when it is resumed")],
        Some(_) => {
            let next = command(global, &format!("watch {id}"));
            vec![format!("{id} is being updated to {release}"), "Next:".to_owned(), format!("  {next}")]
        }
    }
}
