//! The endpoint of a model, over HTTP/1.1.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use sendstores_mcp::Offered;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    conversation::{Conversation, Reply},
    fault::Fault,
    format::{self, Format},
    settings::Settings,
};
use crate::failure::{Exit, Failure};

/// Bytes of an answer.
const LARGEST: usize = 1024 * 1024;
/// How often a request is sent again.
const RETRIES: u32 = 2;

/// The longest text that is shown of an answer that is none.
const SAID: usize = 1_000;

/// Follows no redirects, so that the key goes to no other address than the one that was named.
pub(crate) struct Endpoint {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    format: &'static dyn Format,
    settings: Settings,
}

// === impl Endpoint ===

impl Endpoint {
    pub(crate) fn new(settings: Settings) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|why| Failure::new(Exit::Failed, format!("TLS cannot be used: {why}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, format: format::of(settings.api), settings })
    }

    /// The reply to what was said. A request that may succeed later is sent again, as long as there is time.
    pub(super) async fn reply(&self, conversation: &Conversation, tools: &[Offered]) -> Result<Reply, Failure> {
        let Settings { model, key, limit, address, .. } = &self.settings;
        let body = Bytes::from(self.format.request(model, conversation, tools).to_string());
        let end = Instant::now() + *limit;
        let mut retries = 0;
        loop {
            let tried = timeout_at(end, Box::pin(self.exchange(body.clone()))).await;
            let fault = match tried.unwrap_or(Err(Fault::TimedOut(*limit))) {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            match fault.retry_after(retries) {
                Some(delay) if retries < RETRIES && Instant::now() + delay < end => sleep(delay).await,
                _ => {
                    return Err(fault.into_failure(
                        &address.to_string(),
                        model,
                        key.as_ref().map(|key| key.0.as_str()),
                    ));
                }
            }
            retries += 1;
        }
    }

    async fn exchange(&self, body: Bytes) -> Result<Reply, Fault> {
        let request = self.request(body)?;
        let response = self.client.request(request).await.map_err(|error| Fault::Unreachable(with_causes(&error)))?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, LARGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Fault::TooLarge(LARGEST)),
            Err(error) => return Err(Fault::Unreachable(with_causes(error.as_ref()))),
        };
        self.read(&Response::from_parts(head, body))
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, Fault> {
        let cannot = |why: http::Error| Fault::Malformed(why.to_string());
        let mut request = Request::post(&self.settings.address)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("sendstores/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(cannot)?;
        for (name, value) in self.format.headers(self.settings.key.as_ref().map(|key| key.0.as_str())) {
            let mut value = HeaderValue::try_from(value).map_err(|why| cannot(why.into()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<Reply, Fault> {
        let body: Result<Value, _> = serde_json::from_slice(response.body());
        let said = body.as_ref().ok().and_then(format::error_text).map(str::to_owned);
        if !response.status().is_success() {
            let said = said.unwrap_or_else(|| beginning(response.body()));
            return Err(Fault::Status {
                status: response.status(),
                said,
                retry_after: retry_after(response.headers()),
            });
        }
        match (body, said) {
            // Some proxies answer so.
            (_, Some(said)) => Err(Fault::Status { status: StatusCode::BAD_GATEWAY, said, retry_after: None }),
            (Ok(body), None) => self.format.reply(&body).map_err(|why| Fault::Malformed(format!("the answer: {why}"))),
            (Err(_), None) => Err(Fault::Malformed(format!("the answer is no JSON: {}", beginning(response.body())))),
        }
    }
}

/// The beginning of a text, or nothing of a page for people.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SAID)]).trim().to_owned();
    if text.starts_with('<') { "(a page of HTML)".to_owned() } else { text }
}

/// In seconds; a date counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// An error with what caused it: hyper's own text says little.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
