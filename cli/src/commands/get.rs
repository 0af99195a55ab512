//! `sendstores get`.

use std::time::SystemTime;

use sendstores_client::GetStore;

use crate::{
    args::{GetArgs, Global},
    failure::Failure,
    output,
    progress::Progress,
    view,
    wait::Wait,
};

use super::{command, connect, create};

pub(super) async fn run(global: &Global, args: GetArgs) -> Result<(), Failure> {
    let GetArgs { id, stale, wait, limit } = args;
    let client = connect(global).await?;
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
