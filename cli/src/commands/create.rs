//! `sendstores create`.

use sendstores_client::{Error, Store};

use crate::{
    args::{CreateArgs, Global},
    failure::Failure,
    output,
    progress::Progress,
    text, view,
    wait::Wait,
};

use super::{command, connect};

pub(super) async fn run(global: &Global, args: CreateArgs) -> Result<(), Failure> {
    let (wait, limit, validate_only) = (args.wait, args.limit, args.validate_only);
    let client = connect(global).await?;
    let mut request = args.into_request();
    let request_id = request.ensure_request_id().to_owned();
    let store = client.create(request).await.map_err(|error| unsure(error, &request_id))?;
    if !wait {
        return match global.json {
            true => output::document(&store),
            false => output::print(&accepted(global, &store, validate_only)),
        };
    }
    let again = command(global, &format!("get {} --wait", store.id));
    if !global.json {
        output::note(&format!("{} is accepted; Ctrl-C ends the wait, not the store", store.id));
    }
    let progress = Progress::new(global.json);
    let wait = Wait { client: &client, id: &store.id, limit: limit.wait_timeout, progress: &progress, again: &again };
    let store = wait.until_ready().await?;
    if global.json { Ok(()) } else { output::print(&ready(global, &store)) }
}

/// A call without an answer may have had its effect; repeated as it was, it has no second one.
fn unsure(error: Error, request_id: &str) -> Failure {
    match error {
        Error::Transport(_) | Error::DeadlineExceeded(_) | Error::Unavailable(_) => Failure::from(error).hint(format!(
            "it may have been accepted all the same; repeat it with --request-id {request_id} and there is one store"
        )),
        other => other.into(),
    }
}

fn accepted(global: &Global, store: &Store, validate_only: bool) -> String {
    if validate_only {
        return format!("nothing is wrong with it; it would be {}", view::state(store));
    }
    format!(
        "{} is accepted and {}\nNext:\n  {}\n  {}",
        store.id,
        view::state(store),
        command(global, &format!("get {} --wait", store.id)),
        command(global, &format!("watch {}", store.id)),
    )
}

/// The end of a wait: where the shop is, how long it took, and how to go on.
pub(super) fn ready(global: &Global, store: &Store) -> String {
    let took = text::between(store.create_time, store.ready_time).map(text::duration);
    let after = took.map(|took| format!(" after {took}")).unwrap_or_default();
    let shop = store.spec.as_ref().and_then(|spec| spec.shop.as_ref());
    let user = shop.map(|shop| text::line(&shop.admin_user)).unwrap_or_default();
    let (id, url) = (&store.id, text::line(&store.url));
    [
        format!("{id} is {}{after}", view::state(store)),
        format!("  shop      {url}/shop/"),
        format!("  admin     {url}/wp-admin/ as {user}"),
        "Next:".to_owned(),
        format!("  {}", command(global, &format!("credentials {id}"))),
        format!("  {}", command(global, &format!("get {id}"))),
        format!("  {}", command(global, &format!("watch {id}"))),
        format!("  {}", command(global, &format!("delete {id}"))),
    ]
    .join("\n")
}
