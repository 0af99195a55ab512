//! Pages of stores, and all of them.

use std::collections::VecDeque;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    client::Client,
    error::Error,
    get::consistency,
    v1::{ListRequest, ListResponse, Store, StoreFilter, StoreView},
};

/// The most a server gives.
const PAGE_SIZE: i32 = 500;

/// Which stores shall be listed. A filter alone will do: `client.list(StoreFilter::default())`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct ListStores {
    request: ListRequest,
}

/// Where the turning of pages is.
struct Pages {
    client: Client,
    request: ListRequest,
    stores: VecDeque<Store>,
    last: bool,
}

// === impl ListStores ===

impl ListStores {
    /// The stores that `filter` means, each page never older than any answer given before.
    pub fn new(filter: StoreFilter) -> Self {
        Self { request: ListRequest { filter: Some(filter), ..ListRequest::default() } }
    }

    /// Orders the stores: `id`, `create_time` or `update_time`, and after it nothing, ` asc` or ` desc`, as in
    /// `ListRequest.order_by`. Without it they are ordered by id.
    pub fn order_by(mut self, order: impl Into<String>) -> Self {
        self.request.order_by = order.into();
        self
    }

    /// Only stores whose id, title, URL or one of whose labels contains this text, whatever its case. See
    /// `ListRequest.query`.
    pub fn query(mut self, text: impl Into<String>) -> Self {
        self.request.query = text.into();
        self
    }

    /// How much of each store the answer has. The default is everything.
    pub fn view(mut self, view: StoreView) -> Self {
        self.request.set_view(view);
        self
    }

    /// Whatever the server has in memory will do: it answers at once, and also while Redis is away. The answer's
    /// `fresh_time` bounds how old it is.
    pub fn stale(mut self, stale: bool) -> Self {
        self.request.set_consistency(consistency(stale));
        self
    }
}

impl From<StoreFilter> for ListStores {
    fn from(filter: StoreFilter) -> Self {
        Self::new(filter)
    }
}

// === impl Client ===

impl Client {
    /// Returns the first stores that are meant, 50 at most, in the order of their ids or another; `next_page_token` is
    /// empty when these are all. See [`Self::list_page`] and [`Self::list_all`] for more.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter is wrong.
    pub async fn list(&self, stores: impl Into<ListStores>) -> Result<ListResponse, Error> {
        self.list_page(stores.into().request).await
    }

    /// All stores that are meant, in the order of their ids or another, read a page at a time as the stream is polled. The
    /// stream ends with the first error.
    pub fn list_all(&self, stores: impl Into<ListStores>) -> BoxStream<'static, Result<Store, Error>> {
        let request = ListRequest { page_size: PAGE_SIZE, ..stores.into().request };
        let pages = Pages { client: self.clone(), request, stores: VecDeque::new(), last: false };
        stream::try_unfold(pages, Pages::next).boxed()
    }
}

// === impl Pages ===

impl Pages {
    async fn next(mut self) -> Result<Option<(Store, Self)>, Error> {
        loop {
            if let Some(store) = self.stores.pop_front() {
                return Ok(Some((store, self)));
            }
            if self.last {
                return Ok(None);
            }
            let page = self.client.list_page(self.request.clone()).await?;
            self.last = page.next_page_token.is_empty();
            self.request.page_token = page.next_page_token;
            self.stores = page.stores.into();
        }
    }
}
