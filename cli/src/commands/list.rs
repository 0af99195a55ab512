//! `sendstores list`.

use std::time::SystemTime;

use sendstores_client::{
    Client,
    v1::{Consistency, ListRequest, ListResponse},
};

use crate::{
    args::{Global, ListArgs},
    failure::Failure,
    output, view,
};

use super::{command, connect};

/// The most a server gives.
const PAGE_SIZE: usize = 500;

pub(super) async fn run(global: &Global, args: ListArgs) -> Result<(), Failure> {
    let ListArgs { filter, stale, limit } = args;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let consistency = if stale { Consistency::Stale } else { Consistency::Unspecified };
    let filter = Some(filter.into_filter(Vec::new()));
    let request = ListRequest { filter, consistency: consistency.into(), ..ListRequest::default() };
    let list = read(&connect(global).await?, request, limit).await?;
    if global.json {
        return output::document(&list);
    }
    if stale {
        output::note(&view::as_of(list.fresh_time, SystemTime::now()));
    }
    if list.stores.is_empty() {
        output::note(&format!("no stores; `{}` makes one", command(global, "create")));
        return Ok(());
    }
    output::print(&view::table(&list.stores, SystemTime::now()))?;
    if !list.next_page_token.is_empty() {
        output::note(&format!("and more: these are the first {}", list.stores.len()));
    }
    Ok(())
}

/// Reads pages until `limit` as one answer. Its revision, resume token and time are those of the first page: no later one
/// is older, and a watch from there misses nothing that a later page did not show yet.
async fn read(client: &Client, mut request: ListRequest, limit: usize) -> Result<ListResponse, Failure> {
    let mut list: Option<ListResponse> = None;
    loop {
        let left = limit - list.as_ref().map_or(0, |list| list.stores.len());
        request.page_size = i32::try_from(left.min(PAGE_SIZE)).unwrap_or(i32::MAX);
        let page = client.list_page(request.clone()).await?;
        request.page_token.clone_from(&page.next_page_token);
        let list = match &mut list {
            Some(list) => {
                list.stores.extend(page.stores);
                list.next_page_token = page.next_page_token;
                list
            }
            None => list.insert(page),
        };
        if request.page_token.is_empty() || list.stores.len() >= limit {
            return Ok(std::mem::take(list));
        }
    }
}
