//! `sendstores list`.

use std::time::SystemTime;

use sendstores_client::{
    Client, StoreFilter,
    v1::{ListRequest, ListResponse},
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
    let ListArgs { filter, limit } = args;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let list = read(&connect(global).await?, filter.into_filter(Vec::new()), limit).await?;
    if global.json {
        return output::document(&list);
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

/// Reads pages until `limit` as one answer. Its revision and resume token are those of the first page, so that a watch
/// from there misses nothing that a later page did not show yet.
async fn read(client: &Client, filter: StoreFilter, limit: usize) -> Result<ListResponse, Failure> {
    let mut page_token = String::new();
    let mut list: Option<ListResponse> = None;
    loop {
        let left = limit - list.as_ref().map_or(0, |list| list.stores.len());
        let page_size = i32::try_from(left.min(PAGE_SIZE)).unwrap_or(i32::MAX);
        let page = client.list_page(ListRequest { filter: Some(filter.clone()), page_size, page_token }).await?;
        page_token = page.next_page_token.clone();
        let list = match &mut list {
            Some(list) => {
                list.stores.extend(page.stores);
                list.next_page_token = page.next_page_token;
                list
            }
            None => list.insert(page),
        };
        if page_token.is_empty() || list.stores.len() >= limit {
            return Ok(std::mem::take(list));
        }
    }
}
