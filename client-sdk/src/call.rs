//! How a call is made: its token, its deadline, its repetitions.

use std::pin::Pin;

use sendstores_proto::access::READ_ONLY;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataValue, transport::Channel};

use crate::{
    client::{Client, stores},
    connections::Place,
    error::Error,
    interruption::Interruption,
    retry::Repetition,
    token::Bearer,
    v1::{self as wire, store_service_client::StoreServiceClient},
    watch::{ResumeToken, Watch},
};

/// A stream of changes that the server has accepted.
pub(crate) struct Opened {
    pub(crate) messages: Streaming<wire::WatchStatusResponse>,
    /// The token that it was opened with.
    pub(crate) bearer: Option<Bearer>,
    /// Its place on a connection.
    pub(crate) place: Place,
}

// === impl Client ===

impl Client {
    pub(crate) async fn open_watch(
        &self,
        filter: wire::StoreFilter,
        token: Option<ResumeToken>,
    ) -> Result<Watch, Error> {
        let open = || self.open_stream(filter.clone(), token.clone());
        match self.repeated(Repetition::Harmless, open).await {
            Err(Error::HistoryCompacted(_)) if token.is_some() && !self.settings.retry.is_none() => {
                let opened = self.repeated(Repetition::Harmless, || self.open_stream(filter.clone(), None)).await?;
                Ok(Watch::reset(self.clone(), filter, opened))
            }
            opened => Ok(Watch::new(self.clone(), filter, opened?, token)),
        }
    }

    /// Opens a stream, once.
    pub(crate) async fn open_stream(
        &self,
        filter: wire::StoreFilter,
        token: Option<ResumeToken>,
    ) -> Result<Opened, Error> {
        let resume_token = token.as_ref().map(ResumeToken::to_string).unwrap_or_default();
        let request = wire::WatchStatusRequest { filter: Some(filter), resume_token };
        let open = |bearer: Option<Bearer>| {
            let (channel, place) = self.connections.for_watch();
            let mut grpc = stores(channel);
            // The deadline is for the stream to open; sent to the server, it would end the stream.
            let request = self.signed(request.clone(), bearer.as_ref());
            async move {
                let open = Box::pin(async move { grpc.watch_status(request).await });
                Ok(Opened { messages: self.within(open).await?, bearer, place })
            }
        };
        self.with_token(open).await
    }

    /// The token as it is now.
    pub(crate) async fn bearer(&self) -> Result<Option<Bearer>, Error> {
        self.settings.tokens.current(self.settings.timeout).await
    }

    /// One call with its repetitions. Each try has its deadline, which the server is sent, too.
    pub(crate) async fn unary<Q, A, F, R>(&self, repetition: Repetition, request: Q, call: F) -> Result<A, Error>
    where
        Q: Clone,
        F: Fn(StoreServiceClient<Channel>, Request<Q>) -> R,
        R: Future<Output = Result<Response<A>, Status>>,
    {
        self.call(repetition, request, |_, request| call(self.grpc.clone(), request)).await
    }

    /// The same of any service, whose client is made with the channel.
    pub(crate) async fn call<Q, A, F, R>(&self, repetition: Repetition, request: Q, call: F) -> Result<A, Error>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<A>, Status>>,
    {
        let once = |bearer: Option<Bearer>| {
            let mut request = self.signed(request.clone(), bearer.as_ref());
            request.set_timeout(self.settings.timeout);
            self.within(Box::pin(call(self.connections.for_calls(), request)))
        };
        self.repeated(repetition, || self.with_token(&once)).await
    }

    /// One try with the token of now. A server that refuses it has done nothing, so the call is made again at once if there
    /// is another by now.
    async fn with_token<A, R>(&self, once: impl Fn(Option<Bearer>) -> R) -> Result<A, Error>
    where
        R: Future<Output = Result<A, Error>>,
    {
        let bearer = self.bearer().await?;
        let refused = match once(bearer.clone()).await {
            Err(error @ Error::Unauthenticated(_)) if self.may_renew() => error,
            other => return other,
        };
        let next = self.bearer().await?;
        if next == bearer { Err(refused) } else { once(next).await }
    }

    /// Whether a refused token may be replaced by another.
    pub(crate) fn may_renew(&self) -> bool {
        self.settings.tokens.can_change() && !self.settings.retry.is_none()
    }

    /// The one place where a call is repeated.
    async fn repeated<A, R>(&self, repetition: Repetition, once: impl Fn() -> R) -> Result<A, Error>
    where
        R: Future<Output = Result<A, Error>>,
    {
        let mut tries = self.settings.retry.tries();
        loop {
            let first = !tries.any_failed();
            let error = match Box::pin(once()).await {
                Ok(answer) => {
                    if !first {
                        self.observer.observe(Interruption::Ended { after: tries.elapsed() });
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let Some(delay) = tries.call(&error, repetition) else { return Err(error) };
            if first {
                self.observer.observe(Interruption::Began { error: &error });
            }
            tokio::time::sleep(delay).await;
        }
    }

    // `call` is boxed, because tonic's futures have kilobytes, and every future that awaits a call would have them, too.
    async fn within<A>(&self, call: Pin<Box<impl Future<Output = Result<Response<A>, Status>>>>) -> Result<A, Error> {
        match tokio::time::timeout(self.settings.timeout, call).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Status::deadline_exceeded(format!("no answer within {:?}", self.settings.timeout)).into()),
        }
    }

    /// The request with what each has: its token, if there is one, and what the caller forbids it.
    fn signed<Q>(&self, request: Q, bearer: Option<&Bearer>) -> Request<Q> {
        let mut request = Request::new(request);
        if let Some(bearer) = bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        if self.settings.read_only {
            request.metadata_mut().insert(READ_ONLY, MetadataValue::from_static("true"));
        }
        request
    }
}
