//! `sendstores update`.

use sendstores_client::{ChangeStore, Client, Error, Store, UpdateStore, v1::UpdateResponse};

use crate::{
    args::{Global, UpdateArgs},
    failure::Failure,
    output, text,
};

use super::{command, connect, operation};

/// How often labels are written of a store that changes between the reading and the writing.
const ATTEMPTS: usize = 10;

pub(super) async fn run(global: &Global, args: UpdateArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let store = match changes_labels(&args) {
        true => relabel(&client, &args).await?,
        false => client.update(request(&args, args.etag.as_ref())).await?,
    };
    let begun = store.operation.as_ref().filter(|operation| operation.end_time.is_none());
    if let (true, Some(operation)) = (args.wait, begun) {
        return operation::until_done(global, &client, &store, operation, args.limit.wait_timeout).await;
    }
    if global.json {
        return output::document(&UpdateResponse { store: Some(store) });
    }
    let mut lines = Vec::new();
    if args.deletion_protection.is_some() {
        lines.push(protection(&store, args.validate_only));
    }
    if changes_labels(&args) {
        lines.push(labelled(&store, args.validate_only));
    }
    if args.database_gib.is_some() || args.content_gib.is_some() {
        lines.push(resized(&store, args.validate_only));
    }
    if let Some(release) = &args.release {
        lines.extend(update(global, &store, release, args.validate_only));
    }
    output::print(&lines.join("\n"))
}

/// What is asked for, apart from labels.
fn request(args: &UpdateArgs, etag: Option<&String>) -> UpdateStore {
    let mut store = ChangeStore::new(&args.id).validate_only(args.validate_only);
    if let Some(etag) = etag {
        store = store.etag(etag);
    }
    if let Some(request_id) = &args.request_id {
        store = store.request_id(request_id);
    }
    let mut request = UpdateStore::new(store);
    if let Some(protected) = args.deletion_protection {
        request = request.deletion_protection(protected);
    }
    if let Some(release) = &args.release {
        request = request.release(release);
    }
    if let Some(size) = args.database_gib {
        request = request.database_gib(size);
    }
    if let Some(size) = args.content_gib {
        request = request.content_gib(size);
    }
    request
}

fn changes_labels(args: &UpdateArgs) -> bool {
    !(args.labels.is_empty() && args.removed_labels.is_empty())
}

/// Labels are replaced as a whole, so those that stay are read first. A change of the store meanwhile is noticed by its etag.
async fn relabel(client: &Client, args: &UpdateArgs) -> Result<Store, Error> {
    let mut attempt = 1;
    loop {
        let Store { mut labels, etag, .. } = client.get(&args.id).await?;
        labels.retain(|key, _| !args.removed_labels.contains(key));
        labels.extend(args.labels.iter().cloned());
        let request = request(args, Some(args.etag.as_ref().unwrap_or(&etag))).labels(labels);
        match client.update(request).await {
            Err(Error::Conflict(_)) if args.etag.is_none() && attempt < ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

fn labelled(store: &Store, validate_only: bool) -> String {
    let has = if validate_only { "would have" } else { "has" };
    let labels: Vec<_> = store.labels.iter().map(|(key, value)| text::line(&format!("{key}={value}"))).collect();
    let labels = if labels.is_empty() { "no labels".to_owned() } else { format!("the labels {}", labels.join(", ")) };
    format!("{} {has} {labels}", text::line(&store.id))
}

fn protection(store: &Store, validate_only: bool) -> String {
    let protected = store.spec.as_ref().is_some_and(|spec| spec.deletion_protection);
    let is = if validate_only { "would be" } else { "is" };
    let how = if protected { "protected from deletion" } else { "no longer protected from deletion" };
    format!("{} {is} {how}", text::line(&store.id))
}

fn resized(store: &Store, validate_only: bool) -> String {
    let id = text::line(&store.id);
    match store.operation.as_ref().filter(|operation| operation.end_time.is_none()) {
        _ if validate_only => format!("the volumes of {id} can have these sizes"),
        Some(_) => format!("the volumes of {id} grow; its shop sells meanwhile"),
        None => format!("the volumes of {id} have these sizes already"),
    }
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
