//! `sendstores list`.

use std::time::SystemTime;

use sendstores_client::{
    Client,
    v1::{Consistency, ListRequest, ListResponse},
};

use crate::{
    args::{Format, Global, ListArgs},
    columns::{self, Column},
    failure::Failure,
    output, view,
};

use super::{command, connect};

/// The most a server gives.
const PAGE_SIZE: usize = 500;

/// What a table lacks, which is said beside it.
struct Cut {
    /// What changed since.
    stale: bool,
    /// Stores beyond the limit.
    more: bool,
}

pub(super) async fn run(global: &Global, args: ListArgs) -> Result<(), Failure> {
    let ListArgs { filter, stale, limit, output: format, columns, sort, reverse } = args;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let consistency = if stale { Consistency::Stale } else { Consistency::Unspecified };
    let filter = Some(filter.into_filter(Vec::new()));
    let request = ListRequest { filter, consistency: consistency.into(), ..ListRequest::default() };
    let client = connect(global).await?;
    // In another order, the first ones are known once all are.
    let wanted = if sort.is_some() { usize::MAX } else { limit };
    let mut list = read(&client, request, wanted).await?;
    let more = list.stores.len() > limit || !list.next_page_token.is_empty();
    if let Some(column) = sort {
        columns::sort(&mut list.stores, column, reverse);
        list.stores.truncate(limit);
    }
    let columns = match (format, columns.is_empty()) {
        (_, false) => columns,
        (Format::Wide, true) => columns::WIDE.to_vec(),
        (_, true) => columns::USUAL.to_vec(),
    };
    match format {
        _ if global.json => output::document(&list),
        Format::Json => output::document(&list),
        Format::Yaml => output::yaml(&list),
        Format::Name => names(&list),
        Format::Table | Format::Wide => table(global, &list, &columns, Cut { stale, more }),
    }
}

fn names(list: &ListResponse) -> Result<(), Failure> {
    match list.stores.as_slice() {
        // Nothing is no line.
        [] => Ok(()),
        stores => output::print(&stores.iter().map(|store| store.id.as_str()).collect::<Vec<_>>().join("\n")),
    }
}

fn table(global: &Global, list: &ListResponse, columns: &[Column], cut: Cut) -> Result<(), Failure> {
    if cut.stale {
        output::note(&view::as_of(list.fresh_time, SystemTime::now()));
    }
    if list.stores.is_empty() {
        output::note(&format!("no stores; `{}` makes one", command(global, "create")));
        return Ok(());
    }
    output::print(&columns::table(&list.stores, columns, SystemTime::now()))?;
    if cut.more {
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
