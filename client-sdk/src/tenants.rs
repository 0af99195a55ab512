//! Tenants: declared, shown, changed, removed.

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    cause::Cause,
    client::Client,
    error::Error,
    retry::Repetition,
    v1::{self as wire, tenant_service_client::TenantServiceClient},
};

/// The most a server gives.
const PAGE_SIZE: i32 = 500;

// === impl Client ===

impl Client {
    /// Declares a tenant. Without a `request_id` the client makes one for this call.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] names every wrong field; [`Error::AlreadyExists`] when the id is taken.
    pub async fn create_tenant(&self, mut request: wire::TenantServiceCreateRequest) -> Result<wire::Tenant, Error> {
        identify(&mut request.request_id);
        let call = |channel, request| {
            let mut tenants = TenantServiceClient::new(channel);
            async move { tenants.create(request).await }
        };
        present(self.call(Repetition::Harmless, request, call).await?.tenant)
    }

    /// Returns one tenant as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none of this id is declared.
    pub async fn get_tenant(&self, id: impl Into<String>) -> Result<wire::Tenant, Error> {
        let call = |channel, request| {
            let mut tenants = TenantServiceClient::new(channel);
            async move { tenants.get(request).await }
        };
        present(self.call(Repetition::Harmless, wire::TenantServiceGetRequest { id: id.into() }, call).await?.tenant)
    }

    /// One page of tenants.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the size or the page token is wrong.
    pub async fn list_tenants_page(
        &self,
        request: wire::TenantServiceListRequest,
    ) -> Result<wire::TenantServiceListResponse, Error> {
        let call = |channel, request| {
            let mut tenants = TenantServiceClient::new(channel);
            async move { tenants.list(request).await }
        };
        self.call(Repetition::Harmless, request, call).await
    }

    /// All declared tenants in the order of their ids, read a page at a time as the stream is polled. The stream ends with
    /// the first error.
    pub fn list_tenants(&self) -> BoxStream<'static, Result<wire::Tenant, Error>> {
        let first = Some(wire::TenantServiceListRequest { page_size: PAGE_SIZE, ..Default::default() });
        let pages = stream::try_unfold((self.clone(), first), |(client, request)| async move {
            let Some(mut request) = request else { return Ok::<_, Error>(None) };
            let page = client.list_tenants_page(request.clone()).await?;
            request.page_token.clone_from(&page.next_page_token);
            let next = (!page.next_page_token.is_empty()).then_some(request);
            Ok(Some((stream::iter(page.tenants.into_iter().map(Ok)), (client, next))))
        });
        pages.try_flatten().boxed()
    }

    /// Changes the name or the limits of a tenant. Without a `request_id` the client makes one for this call.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none of this id is declared; [`Error::InvalidArgument`] names every wrong field.
    pub async fn update_tenant(&self, mut request: wire::TenantServiceUpdateRequest) -> Result<wire::Tenant, Error> {
        identify(&mut request.request_id);
        let call = |channel, request| {
            let mut tenants = TenantServiceClient::new(channel);
            async move { tenants.update(request).await }
        };
        present(self.call(Repetition::Harmless, request, call).await?.tenant)
    }

    /// Removes the declaration of a tenant that has no stores.
    ///
    /// # Errors
    /// [`Error::NotFound`] when none of this id is declared; [`Error::FailedPrecondition`] while it has stores.
    pub async fn delete_tenant(&self, id: impl Into<String>) -> Result<(), Error> {
        let request = wire::TenantServiceDeleteRequest { request_id: Uuid::new_v4().to_string(), id: id.into() };
        let call = |channel, request| {
            let mut tenants = TenantServiceClient::new(channel);
            async move { tenants.delete(request).await }
        };
        self.call(Repetition::Harmless, request, call).await.map(drop)
    }
}

fn identify(request_id: &mut String) {
    if request_id.is_empty() {
        *request_id = Uuid::new_v4().to_string();
    }
}

fn present(tenant: Option<wire::Tenant>) -> Result<wire::Tenant, Error> {
    tenant.ok_or_else(|| Error::Other(Cause::new(Status::internal("the response has no tenant"))))
}
