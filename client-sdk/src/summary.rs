//! The stores by number.

use crate::{
    client::Client,
    error::Error,
    get::consistency,
    retry::Repetition,
    v1::{GetSummaryRequest, GetSummaryResponse, StoreFilter},
};

/// Which stores shall be counted. A filter alone will do: `client.summary(StoreFilter::default())`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct CountStores {
    request: GetSummaryRequest,
}

// === impl CountStores ===

impl CountStores {
    /// The stores that `filter` means, never older than any answer given before.
    pub fn new(filter: StoreFilter) -> Self {
        Self { request: GetSummaryRequest { filter: Some(filter), ..GetSummaryRequest::default() } }
    }

    /// Whatever the server has in memory will do: it answers at once, and also while Redis is away. The answer's
    /// `fresh_time` bounds how old it is.
    pub fn stale(mut self, stale: bool) -> Self {
        self.request.set_consistency(consistency(stale));
        self
    }
}

impl From<StoreFilter> for CountStores {
    fn from(filter: StoreFilter) -> Self {
        Self::new(filter)
    }
}

// === impl Client ===

impl Client {
    /// Counts the stores that are meant: by state, by reason of failure, by tenant and by engine. Names the one that has not
    /// been READY for the longest time, and counts what happened in the last hour.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter is wrong.
    pub async fn summary(&self, stores: impl Into<CountStores>) -> Result<GetSummaryResponse, Error> {
        let request = stores.into().request;
        self.unary(Repetition::Harmless, request, |mut grpc, request| async move { grpc.get_summary(request).await })
            .await
    }
}
