//! Around every call: a request id in and out, one log line, metrics, and an `ErrorInfo` where the transport gave none.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use sendstores_core::CallId;
use tonic::{Status, body::Body};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    ids,
    meters::Called,
    status::{self, Refusal},
};
use crate::supervise;

pub(super) const REQUEST_ID: &str = "x-request-id";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Has a call answered. What a stream ends with is in its trailers and is not seen here.
pub(super) async fn observe<B>(
    mut request: Request<B>,
    answer: impl AsyncFnOnce(Called, Request<B>) -> Response<Body>,
) -> Response<Body> {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = Called::of(request.uri().path());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let span = span(&id, method);
    let mut response = supervise::caught("call", answer(method, request).instrument(span.clone()))
        .await
        .unwrap_or_else(|_| Status::from(Refusal::Internal).into_http::<Body>());
    explain(response.headers_mut());
    let code = grpc_status(response.headers());
    method.count(code, begun.elapsed());
    // A read that did not go well is worth a line after all.
    let span = if span.is_disabled() && code != 0 { named(&id, method) } else { span };
    span.in_scope(|| note(method, code, begun.elapsed()));
    response.headers_mut().insert(REQUEST_ID, passing(id));
    response
}

/// The id as a header that HTTP/2 does not keep: it never comes again, and would push out of the connection's table of
/// headers what does.
fn passing(mut id: HeaderValue) -> HeaderValue {
    id.set_sensitive(true);
    id
}

/// Reads that go well are many and leave no line; what is made for a line costs as much as a quarter of the answer.
fn span(id: &HeaderValue, method: Called) -> tracing::Span {
    if method.is_frequent() {
        return tracing::debug_span!("call", request_id = id.to_str().unwrap_or_default(), method = method.name());
    }
    named(id, method)
}

/// What names the call in every line of it.
fn named(id: &HeaderValue, method: Called) -> tracing::Span {
    tracing::info_span!("call", request_id = id.to_str().unwrap_or_default(), method = method.name())
}

/// The caller's id if it is short and visible, so that it can neither flood nor forge a log; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers
        .get(REQUEST_ID)
        .filter(|id| (1..=CallId::MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic));
    given.cloned().unwrap_or_else(new_id)
}

fn new_id() -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let id = ids::uuid().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// The status in the head of a response: 0 when it is only in the trailers, or when all is well.
fn grpc_status(headers: &HeaderMap) -> i32 {
    headers.get(STATUS).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Gives a status that the transport made the details that every status of ours has.
fn explain(headers: &mut HeaderMap) {
    let code = grpc_status(headers);
    if headers.contains_key(DETAILS) {
        return;
    }
    let message = headers.get(MESSAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(details) = status::transport_details(code, message) else { return };
    if let Ok(value) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(details)) {
        headers.insert(DETAILS, value);
    }
}

fn note(method: Called, code: i32, took: Duration) {
    let name = status::code_name(code);
    let ms = took.as_secs_f64() * 1e3;
    if status::is_our_fault(code) {
        tracing::error!(code = name, ms, "call failed");
    } else if method.is_beside() || (code == 0 && method.is_frequent()) {
        tracing::debug!(code = name, ms, "call");
    } else {
        tracing::info!(code = name, ms, "call");
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use tonic_types::pb;

    use super::*;

    #[test]
    fn a_request_id_that_could_forge_a_log_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc-1"));
        assert_eq!(request_id(&headers), "abc-1");
        for bad in ["a b", "", &"x".repeat(129)] {
            headers.insert(REQUEST_ID, HeaderValue::from_str(bad).expect("a header"));
            assert_ne!(request_id(&headers), bad);
        }
    }

    #[test]
    fn a_status_of_the_transport_gets_a_reason_and_ours_keeps_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert(STATUS, HeaderValue::from_static("11"));
        headers.insert(MESSAGE, HeaderValue::from_static("too large"));
        explain(&mut headers);
        let details = STANDARD_NO_PAD.decode(headers.get(DETAILS).expect("details")).expect("base64");
        let status = pb::Status::decode(details.as_slice()).expect("a Status");
        assert_eq!((status.code, status.message.as_str(), status.details.len()), (11, "too large", 1));

        let ours = HeaderValue::from_static("ours");
        headers.insert(DETAILS, ours.clone());
        explain(&mut headers);
        assert_eq!(headers.get(DETAILS), Some(&ours));
    }
}
