//! `sendstores list`.

use std::time::SystemTime;

use sendstores_client::{
    Client,
    v1::{Consistency, ListRequest, ListResponse, StoreView},
};

use crate::{
    args::{Format, Global, ListArgs},
    columns::{self, Column},
    failure::{Exit, Failure},
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
    let ListArgs { filter, stale, query, limit, output: format, columns, sort, reverse } = args;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let consistency = if stale { Consistency::Stale } else { Consistency::Unspecified };
    // Programs get all there is; people see what a table shows.
    let whole = global.json || matches!(format, Format::Json | Format::Yaml);
    let view = if whole { StoreView::Full } else { StoreView::Basic };
    let filter = Some(filter.into_filter(Vec::new()));
    let query = query.unwrap_or_default();
    let request =
        ListRequest { filter, query, consistency: consistency.into(), view: view.into(), ..ListRequest::default() };
    let client = connect(global).await?;
    let mut list = read(&client, request, Wanted { limit, sort, reverse }).await?;
    let more = list.stores.len() > limit || !list.next_page_token.is_empty();
    list.stores.truncate(limit);
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
        let all = if is_of_older_server(list) { String::new() } else { format!(" of {}", list.total_size) };
        output::note(&format!("and more: these are the first {}{all}", list.stores.len()));
    }
    Ok(())
}

/// Which stores of a list are read, and in which order.
#[derive(Clone, Copy)]
struct Wanted {
    limit: usize,
    sort: Option<Column>,
    reverse: bool,
}

/// Reads at least the first stores in the order that is wanted. The server orders where it can; in another order, the first
/// ones are known once all are read.
async fn read(client: &Client, request: ListRequest, wanted: Wanted) -> Result<ListResponse, Failure> {
    let Wanted { limit, sort, reverse } = wanted;
    let order_by = sort.map_or(Some(String::new()), |column| column.order_by(reverse));
    let most = if order_by.is_some() { limit } else { usize::MAX };
    let ordered = ListRequest { order_by: order_by.clone().unwrap_or_default(), ..request.clone() };
    let mut list = read_pages(client, ordered, most).await?;
    let is_older = is_of_older_server(&list);
    if is_older && !request.query.is_empty() {
        let why = "the server is older than this command and cannot search (--query): update it, or leave --query out";
        return Err(Failure::new(Exit::Failed, why));
    }
    let Some(column) = sort.filter(|_| order_by.is_none() || is_older) else { return Ok(list) };
    if !list.next_page_token.is_empty() {
        list = read_pages(client, request, usize::MAX).await?;
    }
    columns::sort(&mut list.stores, column, reverse);
    Ok(list)
}

/// A server before there were orders and searches does not count the stores, either.
fn is_of_older_server(list: &ListResponse) -> bool {
    list.total_size == 0 && !list.stores.is_empty()
}

/// Reads pages until `limit` as one answer. Its revision, resume token and time are those of the first page: no later one
/// is older, and a watch from there misses nothing that a later page did not show yet.
async fn read_pages(client: &Client, mut request: ListRequest, limit: usize) -> Result<ListResponse, Failure> {
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
