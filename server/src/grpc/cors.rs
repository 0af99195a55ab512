//! Which web pages of other origins may call (CORS). No page may, unless its origin is named.
//!
//! A page that may call sends a token that its user gave it. Credentials that a browser adds by itself, such as a client
//! certificate, are not allowed: a page could use them without being given anything.

use std::{convert::Infallible, future::ready, str::FromStr, time::Duration};

use http::{
    HeaderName, HeaderValue, Method, Request, Response, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN},
};
use tonic::body::Body;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

use super::observe::REQUEST_ID;

/// How long a browser may keep the answer; longer is more than browsers keep.
const KEPT: Duration = Duration::from_secs(3600);
/// What a client of gRPC-Web sends.
const SENT: [HeaderName; 6] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static(REQUEST_ID),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
];
/// What it reads of an answer that has no body.
const READ: [HeaderName; 4] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    HeaderName::from_static(REQUEST_ID),
];

/// The origin of a web page, such as `https://dashboard.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

/// Answers browsers that ask whether a page of another origin may call.
pub(super) struct Cors(CorsLayer);

// === impl WebOrigin ===

/// As a browser sends it: a scheme, a host in lower case, and the port if it is not that of the scheme.
impl FromStr for WebOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no origin such as https://dashboard.example.com");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(wrong)?;
        let default = matches!((scheme, authority.port_u16()), ("https", Some(443)) | ("http", Some(80)));
        let as_sent = format!("{scheme}://{authority}").to_ascii_lowercase();
        if as_sent != text || default || !matches!(scheme, "http" | "https") || text.contains('@') {
            return Err(wrong());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| wrong())
    }
}

impl std::fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

// === impl Cors ===

impl Cors {
    /// For pages of these origins. `None`: there are none.
    pub(super) fn of(origins: Vec<WebOrigin>) -> Option<Self> {
        let origins: Vec<_> = origins.into_iter().map(|origin| origin.0).collect();
        let layer =
            CorsLayer::new().allow_methods([Method::POST]).allow_headers(SENT).expose_headers(READ).max_age(KEPT);
        (!origins.is_empty()).then(|| Self(layer.allow_origin(origins)))
    }

    /// What of a request decides, if it is that of a web page, or of a browser that asks about one.
    pub(super) fn head<B>(request: &Request<B>) -> Option<Request<()>> {
        if !request.headers().contains_key(ORIGIN) {
            return None;
        }
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.headers_mut() = request.headers().clone();
        Some(head)
    }

    /// Adds to the response of a call who may read it. The question of a browser is answered in the place of the response.
    pub(super) async fn finish(&self, head: Request<()>, response: Response<Body>) -> Response<Body> {
        let mut response = Some(response);
        let call = service_fn(move |_| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
        self.0.layer(call).oneshot(head).await.unwrap_or_else(|never| match never {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for good in
            ["https://dashboard.example.com", "http://localhost:5173", "https://a.example:8443", "http://[::1]:81"]
        {
            assert_eq!(good.parse::<WebOrigin>().expect(good).to_string(), good);
        }
        for bad in [
            "",
            "*",
            "null",
            "dashboard.example.com",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://A.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://u@a.example",
            "file:///a",
            "https://a.example,https://b.example",
            "ftp://a.example",
        ] {
            assert!(bad.parse::<WebOrigin>().is_err(), "{bad}");
        }
    }
}
