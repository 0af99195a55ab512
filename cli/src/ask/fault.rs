//! What goes wrong with an endpoint, and what to do about it.

use std::time::Duration;

use http::StatusCode;

use crate::{
    failure::{Exit, Failure},
    text,
};

/// Characters of what an endpoint says that are shown.
const SAID: usize = 300;

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Fault {
    /// No connection, or it broke.
    Unreachable(String),
    /// An answer that is no success.
    Status { status: StatusCode, said: String, retry_after: Option<Duration> },
    /// Nothing in time.
    TimedOut(Duration),
    /// More bytes than are read.
    TooLarge(usize),
    /// A success that is no reply in the format.
    Malformed(String),
}

// === impl Fault ===

impl Fault {
    /// How long to wait before the same request is sent again; `None` if it would fail again. `retries` were made before.
    pub(super) fn retry_after(&self, retries: u32) -> Option<Duration> {
        let usual = Duration::from_secs(1) * 2_u32.saturating_pow(retries);
        match self {
            Self::Unreachable(_) => Some(usual),
            Self::Status { status, retry_after, .. } => {
                let is_passing = *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                is_passing.then(|| retry_after.unwrap_or(usual))
            }
            // The time is over, or the endpoint does the same again.
            Self::TimedOut(_) | Self::TooLarge(_) | Self::Malformed(_) => None,
        }
    }

    /// In words, without the key, which some endpoints repeat.
    pub(super) fn into_failure(self, address: &str, model: &str, key: Option<&str>) -> Failure {
        let message = match &self {
            Self::Unreachable(why) => format!("the model's endpoint {address} cannot be reached: {why}"),
            Self::Status { status, said, .. } if said.is_empty() => format!("the model's endpoint answers {status}"),
            Self::Status { status, said, .. } => format!("the model's endpoint answers {status}: {said}"),
            Self::TimedOut(limit) => format!("the model's endpoint did not answer within {}", text::duration(*limit)),
            Self::TooLarge(most) => format!("the answer of the model's endpoint has more than {} KiB", most / 1024),
            Self::Malformed(why) => format!("the model's endpoint does not speak this format: {why}"),
        };
        let message = key.map_or_else(|| message.clone(), |key| message.replace(key, "[key]"));
        Failure::new(Exit::Failed, shown(&message)).hint(self.hint(model))
    }

    fn hint(&self, model: &str) -> String {
        match self {
            Self::Unreachable(_) => "is --ai-url its address, and does it run? HTTPS_PROXY is not used".to_owned(),
            Self::TimedOut(_) => "--turn-timeout TIME gives it more time".to_owned(),
            Self::TooLarge(_) => "ask for a shorter answer".to_owned(),
            Self::Malformed(_) => {
                "--ai-api openai or anthropic is the format; --ai-url is the address that the format begins at, often with /v1".to_owned()
            }
            Self::Status { status, retry_after, .. } => match status.as_u16() {
                401 | 403 => "--ai-key-file PATH or SENDSTORES_AI_KEY_FILE names the file that has the key".to_owned(),
                404 => format!("is there a model {model:?} (--ai-model), and does --ai-url end where the format begins, often with /v1?"),
                413 => "ask a narrower question".to_owned(),
                429 => match retry_after {
                    Some(delay) => format!("too many requests, or no credit left: try again in {}", text::duration(*delay)),
                    None => "too many requests, or no credit left: try again later".to_owned(),
                },
                300..=399 => "it sends requests elsewhere, which is not followed: set --ai-url to the final address".to_owned(),
                400 | 422 => format!("does the model {model:?} take tools, in this format (--ai-api)?"),
                500..=599 => "the fault is at the endpoint: try again later".to_owned(),
                _ => "--ai-url, --ai-api and --ai-model say which endpoint is meant".to_owned(),
            },
        }
    }
}

/// One line that a terminal can show.
fn shown(message: &str) -> String {
    let visible = sendstores_mcp::visible(message);
    let line: String = text::line(&visible).chars().take(SAID).collect();
    if line.chars().count() < visible.chars().count() { line + "…" } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, said: &str, retry_after: Option<u64>) -> Fault {
        let status = StatusCode::from_u16(code).expect("a status");
        Fault::Status { status, said: said.to_owned(), retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        for code in [429, 500, 502, 503, 504, 529] {
            assert!(status(code, "", None).retry_after(0).is_some(), "{code}");
        }
        for code in [301, 400, 401, 403, 404, 413, 422] {
            assert_eq!(status(code, "", Some(1)).retry_after(0), None, "{code}");
        }
        assert_eq!(status(429, "", Some(7)).retry_after(0), Some(Duration::from_secs(7)));
        assert_eq!(status(500, "", None).retry_after(1), Some(Duration::from_secs(2)));
        assert_eq!(Fault::TimedOut(Duration::ZERO).retry_after(0), None);
        assert!(Fault::Unreachable(String::new()).retry_after(0).is_some());
    }

    #[test]
    fn each_fault_says_what_to_do_and_none_the_key() {
        let faults = [
            status(401, "wrong key sk-secret\u{1b}[2J", None),
            status(404, "", None),
            status(429, "slow", Some(30)),
            status(302, "", None),
            status(500, "oops", None),
            status(418, "", None),
            Fault::Unreachable("refused".to_owned()),
            Fault::TimedOut(Duration::from_secs(60)),
            Fault::TooLarge(1024 * 1024),
            Fault::Malformed("x".repeat(5_000)),
        ];
        for fault in faults {
            let (message, hint) = fault.into_failure("http://a", "m", Some("sk-secret")).parts();
            assert!(!message.contains("sk-secret") && !message.contains('\u{1b}'), "{message}");
            assert!(message.chars().count() <= SAID + 1 && !hint.is_empty(), "{message}: {hint}");
        }
    }
}
