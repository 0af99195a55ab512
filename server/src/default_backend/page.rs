//! What is said to the visitor. Nothing of the request is repeated in it.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use sendstores_core::State;

/// A page with a text for the head, a title and one sentence.
macro_rules! page {
    ($head:literal, $title:literal, $text:literal) => {
        concat!(
            r#"<!doctype html><html lang="en"><head><meta charset="utf-8">"#,
            r#"<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">"#,
            $head,
            "<title>",
            $title,
            "</title><style>:root{color-scheme:light dark}body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;",
            "margin:20vh auto;padding:0 1.5rem}h1{font-size:1.75rem}</style></head><body><main><h1>",
            $title,
            "</h1><p>",
            $text,
            "</p></main></body></html>\n"
        )
    };
}

/// The pages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The shop is suspended.
    Closed,
    /// The shop is being made, changed or started, or does not answer at this moment. The page loads itself again.
    Soon,
    /// No shop has this address.
    Unknown,
}

// === impl Page ===

impl Page {
    /// A store whose deletion was asked for is nothing that a visitor should wait for.
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Suspending | State::Suspended => Self::Closed,
            State::Retaining | State::Retained | State::Deleting | State::Deleted => Self::Unknown,
            State::Provisioning
            | State::Ready
            | State::Degraded
            | State::Updating
            | State::Resuming
            | State::Failed
            | State::Unknown(_) => Self::Soon,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            // Search engines keep what they know of an address that answers so.
            Self::Closed | Self::Soon => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown => StatusCode::NOT_FOUND,
        }
    }

    fn retry_after(self) -> Option<HeaderValue> {
        match self {
            Self::Closed => Some(HeaderValue::from_static("3600")),
            Self::Soon => Some(HeaderValue::from_static("5")),
            Self::Unknown => None,
        }
    }

    fn html(self) -> &'static str {
        match self {
            Self::Closed => page!("", "This shop is closed", "It is closed at the moment. Please come back later."),
            Self::Soon => page!(
                r#"<meta http-equiv="refresh" content="5">"#,
                "This shop is not ready yet",
                "It will open in a moment. This page loads again by itself."
            ),
            Self::Unknown => page!("", "There is no shop here", "No shop has this address. Please check it."),
        }
    }

    /// The response to a request with `method`.
    pub(super) fn response(self, method: &Method) -> Response<Full<Bytes>> {
        let html = Bytes::from_static(self.html().as_bytes());
        let body = if *method == Method::HEAD { Bytes::new() } else { html };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.extend(self.retry_after().map(|seconds| (RETRY_AFTER, seconds)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_shop_is_not_an_unknown_one() {
        for (state, page, status) in [
            (State::Suspended, Page::Closed, 503),
            (State::Provisioning, Page::Soon, 503),
            (State::Retained, Page::Unknown, 404),
            (State::kept("RESTORING").expect("a word"), Page::Soon, 503),
        ] {
            assert_eq!(Page::of(state), page, "{state}");
            assert_eq!(page.response(&Method::GET).status(), status, "{state}");
        }
    }

    #[test]
    fn a_page_that_will_change_says_when_to_come_again() {
        assert_eq!(Page::Closed.response(&Method::GET).headers()[RETRY_AFTER], "3600");
        assert_eq!(Page::Soon.response(&Method::GET).headers()[RETRY_AFTER], "5");
        assert!(!Page::Unknown.response(&Method::GET).headers().contains_key(RETRY_AFTER));
    }
}
