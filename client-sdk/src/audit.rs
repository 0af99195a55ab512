//! The audit: what callers did, and what they were refused.

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::{
    client::Client,
    error::Error,
    retry::Repetition,
    v1::{self as wire, audit_service_client::AuditServiceClient},
};

/// The most a server gives.
const PAGE_SIZE: i32 = 500;

// === impl Client ===

impl Client {
    /// One page of the audit, the newest entries first. A page may be empty before the last one.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the filter, the size or the page token is wrong.
    pub async fn list_audit_page(
        &self,
        request: wire::AuditServiceListRequest,
    ) -> Result<wire::AuditServiceListResponse, Error> {
        let call = |channel, request| {
            let mut audit = AuditServiceClient::new(channel);
            async move { audit.list(request).await }
        };
        self.call(Repetition::Harmless, request, call).await
    }

    /// The entries that match the filter, the newest first, read a page at a time as the stream is polled. The stream ends
    /// with the first error.
    pub fn list_audit(&self, filter: wire::AuditFilter) -> BoxStream<'static, Result<wire::AuditEntry, Error>> {
        let request =
            wire::AuditServiceListRequest { filter: Some(filter), page_size: PAGE_SIZE, ..Default::default() };
        let pages = stream::try_unfold((self.clone(), Some(request)), |(client, request)| async move {
            let Some(mut request) = request else { return Ok::<_, Error>(None) };
            let page = client.list_audit_page(request.clone()).await?;
            request.page_token.clone_from(&page.next_page_token);
            let next = (!page.next_page_token.is_empty()).then_some(request);
            Ok(Some((stream::iter(page.entries.into_iter().map(Ok)), (client, next))))
        });
        pages.try_flatten().boxed()
    }
}
