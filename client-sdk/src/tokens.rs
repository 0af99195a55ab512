//! Tokens of callers: made, listed, revoked.

use std::time::Duration;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use uuid::Uuid;

use crate::{
    cause::Cause,
    client::Client,
    error::Error,
    retry::Repetition,
    v1::{self as wire, token_service_client::TokenServiceClient},
};

/// The most a server gives.
const PAGE_SIZE: i32 = 500;

/// Which token shall be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct CreateToken {
    request: wire::TokenServiceCreateRequest,
}

// === impl CreateToken ===

impl CreateToken {
    /// A token for the user `name`, with the role "admin", "operator", "tenant", "reader" or "agent", for 90 days.
    pub fn new(name: impl Into<String>, role: impl Into<String>) -> Self {
        let (name, role) = (name.into(), role.into());
        Self { request: wire::TokenServiceCreateRequest { name, role, ..Default::default() } }
    }

    /// For the stores of this tenant, and of the others that are named so. Default: of all, or of all tenants of the caller.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.request.tenants.push(tenant.into());
        self
    }

    /// Narrows the role to this permission, such as "stores.read", and the others that are named so.
    pub fn ability(mut self, permission: impl Into<String>) -> Self {
        self.request.abilities.push(permission.into());
        self
    }

    /// How long it is valid; at most 366 days.
    pub fn life(mut self, life: Duration) -> Self {
        self.request.life = prost_types::Duration::try_from(life).ok();
        self
    }

    /// It has no end: for the role "admin" only.
    pub fn never_expires(mut self, never: bool) -> Self {
        self.request.never_expires = never;
        self
    }

    /// Makes a repetition harmless: it makes no second token, and returns the first one without its text.
    /// Default: a new UUID for every call.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request.request_id = request_id.into();
        self
    }

    fn into_request(self) -> wire::TokenServiceCreateRequest {
        let mut request = self.request;
        if request.request_id.is_empty() {
            request.request_id = Uuid::new_v4().to_string();
        }
        request
    }
}

// === impl Client ===

impl Client {
    /// Makes a token. Its text is in this response alone, so the client repeats the call only where the first try certainly
    /// had no effect.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] names every wrong field; [`Error::PermissionDenied`] when the token would allow more than
    /// the caller's.
    pub async fn create_token(&self, token: CreateToken) -> Result<wire::TokenServiceCreateResponse, Error> {
        let call = |channel, request| {
            let mut tokens = TokenServiceClient::new(channel);
            async move { tokens.create(request).await }
        };
        self.call(Repetition::Effective, token.into_request(), call).await
    }

    /// One page of tokens.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the size or the page token is wrong.
    pub async fn list_tokens_page(
        &self,
        request: wire::TokenServiceListRequest,
    ) -> Result<wire::TokenServiceListResponse, Error> {
        let call = |channel, request| {
            let mut tokens = TokenServiceClient::new(channel);
            async move { tokens.list(request).await }
        };
        self.call(Repetition::Harmless, request, call).await
    }

    /// All tokens that the caller may see, in the order of their ids, read a page at a time as the stream is polled. The
    /// stream ends with the first error.
    pub fn list_tokens(&self) -> BoxStream<'static, Result<wire::Token, Error>> {
        let first = Some(wire::TokenServiceListRequest { page_size: PAGE_SIZE, ..Default::default() });
        let pages = stream::try_unfold((self.clone(), first), |(client, request)| async move {
            let Some(mut request) = request else { return Ok::<_, Error>(None) };
            let page = client.list_tokens_page(request.clone()).await?;
            request.page_token.clone_from(&page.next_page_token);
            let next = (!page.next_page_token.is_empty()).then_some(request);
            Ok(Some((stream::iter(page.tokens.into_iter().map(Ok)), (client, next))))
        });
        futures::TryStreamExt::try_flatten(pages).boxed()
    }

    /// Revokes a token: its next call is refused, and its watches end. One that was revoked before stays so.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller can see none of this id.
    pub async fn revoke_token(&self, id: impl Into<String>) -> Result<wire::Token, Error> {
        let call = |channel, request| {
            let mut tokens = TokenServiceClient::new(channel);
            async move { tokens.revoke(request).await }
        };
        let answer = self.call(Repetition::Harmless, wire::TokenServiceRevokeRequest { id: id.into() }, call).await?;
        answer.token.ok_or_else(|| Error::Other(Cause::new(tonic::Status::internal("the response has no token"))))
    }
}
