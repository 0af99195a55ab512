//! What is known of a call that failed.

use std::{collections::HashMap, error::Error as _, fmt, time::Duration};

use tonic::{ConnectError, Status, TimeoutExpired};
use tonic_types::{ErrorDetails, StatusExt};

/// What tonic says of an answer that ended before its status. A proxy that gives a call up does that, with
/// RST_STREAM(NO_ERROR), which hyper takes for the end of the body; nothing but the text is left of it.
const CUT_SHORT: [&str; 3] =
    ["protocol error: missing grpc-status trailer", "Missing response message.", "Unexpected EOF decoding stream."];
/// What tonic says of an answer that is no gRPC, before the HTTP status: of one without a body, and of one with a page.
const HTTP_STATUS: [&str; 2] =
    ["grpc-status header missing, mapped from HTTP status code ", "while receiving response with status: "];

/// What is known of a call that failed: the message and the details the server sent, or the fault of the connection.
#[derive(Clone)]
pub struct Cause(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: Status,
    details: ErrorDetails,
}

// === impl Cause ===

impl Cause {
    pub(crate) fn new(status: Status) -> Self {
        let details = status.get_error_details();
        Self(Box::new(Inner { status, details }))
    }

    /// One sentence for a human.
    pub fn message(&self) -> &str {
        self.0.status.message()
    }

    /// The server's stable reason, such as `STORE_NOT_FOUND`.
    pub fn reason(&self) -> Option<&str> {
        self.0.details.error_info().map(|info| info.reason.as_str())
    }

    /// What the server says about its reason, by name.
    pub fn metadata(&self) -> Option<&HashMap<String, String>> {
        self.0.details.error_info().map(|info| &info.metadata)
    }

    /// The gRPC status. Its type is tonic's: a new major version of tonic changes it.
    pub fn status(&self) -> &Status {
        &self.0.status
    }

    pub(crate) fn details(&self) -> &ErrorDetails {
        &self.0.details
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.details.retry_info().and_then(|info| info.retry_delay)
    }

    /// Whether the status was made on this side, because the connection failed: what a server sends has no source.
    pub(crate) fn is_local(&self) -> bool {
        self.0.status.source().is_some()
    }

    /// Whether something between server and client cut the answer short.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_of_no_server() && CUT_SHORT.iter().any(|text| self.message().starts_with(text))
    }

    /// Whether a proxy answered that the server does not, or not in time.
    pub(crate) fn is_proxy_without_server(&self) -> bool {
        let status = HTTP_STATUS.iter().find_map(|text| self.message().split_once(text)).map(|(_, status)| status);
        let status = status.and_then(|status| status.split(' ').next()).and_then(|status| status.parse::<u16>().ok());
        let is_passing = |status| matches!(status, 408 | 429 | 499 | 502..=504 | 520..=527 | 530);
        self.is_of_no_server() && status.is_some_and(is_passing)
    }

    /// A server of ours gives each error a reason.
    fn is_of_no_server(&self) -> bool {
        self.reason().is_none() && self.0.status.details().is_empty()
    }

    /// Whether this side gave up waiting.
    pub(crate) fn is_timeout(&self) -> bool {
        self.sources().any(|source| source.is::<TimeoutExpired>())
    }

    /// Whether the call certainly did nothing: it was never sent, or the server refused all calls.
    pub(crate) fn had_no_effect(&self) -> bool {
        self.sources().any(|source| source.is::<ConnectError>())
            || matches!(self.reason(), Some("STARTING" | "DRAINING"))
    }

    fn sources(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        std::iter::successors(self.0.status.source(), |source: &&(dyn std::error::Error + 'static)| (*source).source())
    }
}

/// The message, the reason, and every source that says something new.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = match self.message() {
            "" => format!("{:?}", self.0.status.code()),
            message => message.to_owned(),
        };
        for source in self.sources() {
            let source = source.to_string();
            if !text.contains(&source) {
                text = format!("{text}: {source}");
            }
        }
        f.write_str(&text)?;
        match self.reason() {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        f.debug_struct("Cause")
            .field("code", &self.0.status.code())
            .field("reason", &reason)
            .field("text", &self.to_string())
            .finish()
    }
}
