//! `sendstores retry` and `sendstores cancel`, and what is said of an operation that was waited for.

use std::time::Duration;

use sendstores_client::{
    Client, Store,
    v1::{CancelOperationResponse, Operation, RetryOperationResponse, operation},
};

use crate::{
    args::{ChangeArgs, Global},
    failure::{Exit, Failure},
    output,
    progress::Progress,
    text, view,
    wait::Wait,
};

use super::{command, connect, suspend};

pub(super) async fn retry(global: &Global, args: ChangeArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let (wait, validate_only) = (args.wait.then_some(args.limit.wait_timeout), args.validate_only);
    let store = client.retry_operation(suspend::request(args)).await?;
    match (wait, &store.operation) {
        (Some(limit), Some(operation)) => return until_done(global, &client, &store, operation, limit).await,
        // Its creation has no operation.
        (Some(limit), None) => return suspend::back(global, &client, &store.id, limit).await,
        (None, _) => {}
    }
    if global.json {
        return output::document(&RetryOperationResponse { store: Some(store) });
    }
    suspend::said(global, &store, validate_only, "tried again", "is tried again")
}

pub(super) async fn cancel(global: &Global, args: ChangeArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let (wait, validate_only) = (args.wait.then_some(args.limit.wait_timeout), args.validate_only);
    // Whichever is under way.
    let store = client.cancel_operation(suspend::request(args), "").await?;
    if let (Some(limit), Some(operation)) = (wait, &store.operation) {
        return until_done(global, &client, &store, operation, limit).await;
    }
    if global.json {
        return output::document(&CancelOperationResponse { store: Some(store) });
    }
    suspend::said(
        global,
        &store,
        validate_only,
        "brought back to what it ran before",
        "is brought back to what it ran before",
    )
}

/// Waits until the operation has ended. It is a failure of the command that it has not succeeded, unless it was to be cancelled.
pub(super) async fn until_done(
    global: &Global,
    client: &Client,
    store: &Store,
    operation: &Operation,
    limit: Duration,
) -> Result<(), Failure> {
    let progress = Progress::new(global.json);
    let again = command(global, &format!("watch {}", store.id));
    let wait = Wait { client, id: &store.id, limit, progress: &progress, again: &again };
    let store = wait.until_done(operation).await?;
    let id = text::line(&store.id);
    let ended = store.operation.clone().unwrap_or_default();
    let done = match ended.state() {
        operation::State::Succeeded if ended.to_release.is_empty() => format!("{id} is {}", view::state(&store)),
        operation::State::Succeeded => format!("{id} runs {}", text::line(&ended.to_release)),
        operation::State::Cancelled => format!("{id} is as it was before; the operation was cancelled"),
        _ => return Err(not_done(global, &store, &ended)),
    };
    suspend::arrived(global, &progress, &store, &done)
}

fn not_done(global: &Global, store: &Store, operation: &Operation) -> Failure {
    let how = view::operation_state(operation);
    let why = operation.failure.as_ref().map(|failure| format!(": {}", view::failure(failure))).unwrap_or_default();
    let message = format!("{} is {}, and its operation {} is {how}{why}", store.id, view::state(store), operation.id);
    let hint = format!("try it again with `{}`", command(global, &format!("retry {} --wait", store.id)));
    Failure::new(Exit::Failed, text::line(&message)).hint(hint)
}
