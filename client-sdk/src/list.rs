//! Pages of stores, and all of them.

use std::collections::VecDeque;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    client::Client,
    error::Error,
    v1::{ListRequest, ListResponse, Store, StoreFilter},
};

/// The most a server gives.
const PAGE_SIZE: i32 = 500;

/// Where the turning of pages is.
struct Pages {
    client: Client,
    request: ListRequest,
    stores: VecDeque<Store>,
    last: bool,
}

// === impl Client ===

impl Client {
    /// Returns the first stores that `filter` means, 50 at most, in the order of their ids; `next_page_token` is
    /// empty when these are all. See [`Self::list_page`] and [`Self::list_all`] for more.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter is wrong.
    pub async fn list(&self, filter: StoreFilter) -> Result<ListResponse, Error> {
        self.list_page(ListRequest { filter: Some(filter), ..ListRequest::default() }).await
    }

    /// All stores that `filter` means, in the order of their ids, read a page at a time as the stream is polled. The
    /// stream ends with the first error.
    pub fn list_all(&self, filter: StoreFilter) -> BoxStream<'static, Result<Store, Error>> {
        let request = ListRequest { filter: Some(filter), page_size: PAGE_SIZE, page_token: String::new() };
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
