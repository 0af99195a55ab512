//! Requests to the running shop: through the API server's service proxy, which works from wherever the API does, or over the
//! pod network.

mod direct;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use sendstores_core::{Store, failure::FailureReason, provisioner::StepError};
use serde::Deserialize;
use serde_json::Value;

use super::{cluster::Cluster, errors::CallError, redact};
pub(crate) use direct::Direct;

/// More than any page of a shop, less than what could hurt us.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// What is asked of the shop.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The Service to ask.
    pub service: &'a str,
    pub method: Method,
    /// From the root of the shop, with its query.
    pub path: &'a str,
    pub headers: Vec<(&'static str, &'a str)>,
    pub body: Option<Value>,
}

/// What the API server answers by itself. Read as a type, since a shop's long list would take much memory as a value.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiStatus {
    kind: String,
    api_version: String,
    message: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The shop's own answer.
    Shop(Answer),
    /// The API server could not reach the shop; why.
    Unreachable(String),
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

// === impl Question ===

impl<'a> Question<'a> {
    pub fn get(service: &'a str, path: &'a str) -> Self {
        Self { service, method: Method::GET, path, headers: Vec::new(), body: None }
    }
}

/// Asks the shop. Fails only when nothing can be said of it, since the Kubernetes API itself does not work for us.
pub(crate) async fn ask(
    cluster: &Cluster,
    store: &Store,
    question: Question<'_>,
    limit: Duration,
) -> Result<Reply, StepError> {
    if let Some(direct) = cluster.direct() {
        return direct.ask(store, question, limit).await;
    }
    let request = request(store, question)?;
    let exchange = async {
        let response = cluster.shops().send(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await;
        Ok::<_, kube::Error>((head, body.map(|body| body.to_bytes())))
    };
    let (head, body) = match tokio::time::timeout(limit, exchange).await {
        Err(_) => return Ok(Reply::Unreachable(format!("no answer within {limit:?}"))),
        Ok(Err(error)) => return Err(CallError::from(error).into()),
        Ok(Ok((_, Err(error)))) => return Ok(Reply::Unreachable(format!("the answer broke off: {error}"))),
        Ok(Ok((head, Ok(body)))) => (head, body),
    };
    match api_status(&head.headers, &body) {
        Some(message) => unreachable(head.status.as_u16(), &message),
        None => Ok(Reply::Shop(Answer { status: head.status.as_u16(), headers: head.headers, body })),
    }
}

fn request(store: &Store, question: Question<'_>) -> Result<Request<Body>, StepError> {
    let base = format!("/api/v1/namespaces/{}/services/http:{}:80/proxy", store.id, question.service);
    let (request, body) = with_headers(Request::builder().uri(format!("{base}{}", question.path)), store, question);
    request.body(Body::from(body)).map_err(|error| unbuilt(&error))
}

/// What a request says apart from its address, and its body.
fn with_headers(
    mut request: http::request::Builder,
    store: &Store,
    question: Question<'_>,
) -> (http::request::Builder, Vec<u8>) {
    let scheme = store.url.split_once("://").map_or("http", |(scheme, _)| scheme);
    // A shop may redirect a request that did not come by its own address.
    request = request.method(question.method).header("x-forwarded-proto", scheme);
    for (name, value) in question.headers {
        request = request.header(name, value);
    }
    match question.body {
        Some(json) => (request.header(header::CONTENT_TYPE, "application/json"), json.to_string().into_bytes()),
        None => (request, Vec::new()),
    }
}

fn unbuilt(error: &http::Error) -> StepError {
    StepError::retryable(FailureReason::Internal, error.to_string())
}

/// The message of an answer that is the API server's own, not the shop's.
fn api_status(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let plain = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if plain.starts_with("application/json") {
        let status: ApiStatus = serde_json::from_slice(body).ok()?;
        let ours = status.kind == "Status" && status.api_version == "v1";
        return ours.then(|| status.message.unwrap_or_default());
    }
    // How the proxy reports that it could not connect.
    let text = std::str::from_utf8(body.get(..512.min(body.len()))?).ok()?;
    text.starts_with("error trying to reach service").then(|| text.to_owned())
}

fn unreachable(status: u16, message: &str) -> Result<Reply, StepError> {
    let text = redact::message(&format!("Kubernetes answered {status}: {message}"));
    match status {
        // The API server's own state, of which the shop knows nothing.
        401 | 408 | 429 | 500 => Err(StepError::retryable(FailureReason::ClusterUnavailable, text)),
        403 => Err(StepError::retryable(FailureReason::ObjectRefused, text)),
        _ => Ok(Reply::Unreachable(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hostile, provision::steps::fixtures};

    #[test]
    fn the_shop_sees_its_own_scheme() {
        let mut store = fixtures::store();
        store.url = "https://shop.example.com".to_owned();
        let request = request(&store, Question::get("wordpress", "/shop/?a=b")).unwrap();
        assert_eq!(request.headers()["x-forwarded-proto"], "https");
        let wanted = "/api/v1/namespaces/store-test0001/services/http:wordpress:80/proxy/shop/?a=b";
        assert_eq!(request.uri().to_string(), wanted);
    }

    #[test]
    fn answers_of_the_api_server_are_not_the_shops() {
        let mut json = HeaderMap::new();
        json.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let refusal = br#"{"kind":"Status","apiVersion":"v1","message":"no endpoints available"}"#;
        assert_eq!(api_status(&json, refusal).as_deref(), Some("no endpoints available"));
        assert_eq!(api_status(&json, br#"[{"id":1}]"#), None);
        assert!(api_status(&HeaderMap::new(), b"error trying to reach service: dial tcp").is_some());
        assert!(api_status(&HeaderMap::new(), b"<html>").is_none());
        assert!(matches!(unreachable(503, "x"), Ok(Reply::Unreachable(_))));
        assert!(unreachable(403, "x").is_err());
    }

    #[test]
    fn no_answer_ends_anything() {
        let good = serde_json::json!({"kind": "Status", "apiVersion": "v1", "message": "no endpoints"});
        for content_type in ["application/json", "text/plain"] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
            hostile::check(&hostile::body(good.clone()), |body| {
                let said = api_status(&headers, &body).map(|message| unreachable(503, &message));
                if let Some(Ok(Reply::Unreachable(why))) = said {
                    hostile::assert_fit(&why, redact::LONGEST);
                }
            });
            hostile::huge().iter().for_each(|body| drop(api_status(&headers, body)));
        }
    }
}
