//! What a failed request to the Kubernetes API means for a store.

use std::time::Duration;

use sendstores_core::{failure::FailureReason, provisioner::StepError, text::with_causes};

use super::{answers, redact};

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the Kubernetes API did not answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

// === impl CallError ===

impl CallError {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Kube(kube::Error::Api(status)) if status.is_not_found())
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Kube(kube::Error::Api(status)) if status.code == 403)
    }

    /// Kubernetes does not take what it was sent, and will not take it again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Kube(kube::Error::Api(status)) if matches!(status.code, 403 | 422))
    }

    /// Another client was faster: the object is there already, or is not what it was.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists())
    }
}

impl From<CallError> for StepError {
    fn from(error: CallError) -> Self {
        use kube::Error;
        let (reason, message) = match &error {
            CallError::TimedOut(_) => (FailureReason::ClusterUnavailable, error.to_string()),
            CallError::Kube(Error::Api(status)) => {
                let cause = answers::cause_of_status(status.code, &status.message);
                (cause.reason(), cause.explained(&format!("Kubernetes answered {}: {}", status.code, status.message)))
            }
            CallError::Kube(Error::SerdeError(_) | Error::BuildRequest(_) | Error::HttpError(_)) => {
                (FailureReason::Internal, with_causes(&error))
            }
            CallError::Kube(_) => (FailureReason::ClusterUnavailable, with_causes(&error)),
        };
        StepError::retryable(reason, redact::message(&message))
    }
}

/// The reason of an object that Kubernetes refused in these words.
pub(crate) fn refusal(words: &str) -> FailureReason {
    answers::cause(words).map_or(FailureReason::ObjectRefused, |cause| cause.reason())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile;

    fn api(code: u16) -> StepError {
        let status = kube::core::Status::failure("refused", "Because").with_code(code);
        CallError::Kube(kube::Error::Api(status.boxed())).into()
    }

    #[test]
    fn refusals_and_outages_have_different_reasons() {
        for code in [400, 403, 404, 409, 413, 422] {
            assert_eq!(api(code).reason, FailureReason::ObjectRefused, "{code}");
        }
        for code in [401, 429, 500, 502, 503, 504] {
            assert_eq!(api(code).reason, FailureReason::ClusterUnavailable, "{code}");
        }
        assert!(!api(403).terminal);
        assert_eq!(api(403).message, "Kubernetes answered 403: refused");
    }

    #[test]
    fn what_kubernetes_quotes_of_a_secret_is_not_shown() {
        for quoted in ["env DB_PASSWORD=S3cretCanary", "https://root:S3cretCanary@registry/x", "token: S3cretCanary"] {
            let status = kube::core::Status::failure(quoted, "Invalid").with_code(422);
            let refused = StepError::from(CallError::Kube(kube::Error::Api(status.boxed())));
            let lost = std::io::Error::other(quoted);
            let lost = StepError::from(CallError::Kube(kube::Error::Service(lost.into())));
            for error in [refused, lost] {
                assert!(!error.message.contains("S3cretCanary") && error.message.contains("[redacted]"), "{error}");
            }
        }
    }

    #[test]
    fn a_broken_connection_says_why_once() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = StepError::from(CallError::Kube(kube::Error::Service(refused.into())));
        assert_eq!(error.reason, FailureReason::ClusterUnavailable);
        assert_eq!(error.message.matches("connection refused").count(), 1, "{}", error.message);
    }

    #[test]
    fn no_answer_of_kubernetes_ends_anything() {
        hostile::check(&hostile::text(), |text| {
            let status = kube::core::Status::failure(&text, &text).with_code(422);
            let error = StepError::from(CallError::Kube(kube::Error::Api(status.boxed())));
            hostile::assert_fit(&error.message, redact::LONGEST);
        });
    }
}
