//! What a helm that did not succeed means.

use std::time::Duration;

use sendstores_core::{failure::FailureReason, provisioner::StepError};

use crate::provision::{
    answers::{self, Kind},
    process::End,
    redact,
};

/// Whether helm failed because an object would have to be made anew.
pub(crate) fn is_unchangeable(error: &StepError) -> bool {
    answers::cause(&error.message).is_some_and(|cause| cause.kind == Kind::Unchangeable)
}

pub(super) fn classify(end: End, stderr: &str, deadline: Duration) -> StepError {
    let tail = redact::message(stderr);
    if end == End::TimedOut {
        let message = format!("helm did not end within {deadline:?}: {tail}");
        return StepError::retryable(FailureReason::ReleaseFailed, message);
    }
    match (answers::cause(stderr), end) {
        (Some(cause), _) if cause.kind == Kind::ValuesRefused => StepError::terminal(cause.reason(), tail),
        (Some(cause), _) => StepError::retryable(cause.reason(), cause.explained(&tail)),
        (None, End::Exited(code)) => {
            StepError::retryable(FailureReason::ReleaseFailed, format!("helm ended with {code}: {tail}"))
        }
        (None, _) => StepError::retryable(FailureReason::ReleaseFailed, format!("helm was killed: {tail}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile;

    #[test]
    fn the_words_of_helm_are_understood() {
        let schema = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nwoocommerce:\n- at '/store': missing property 'id'";
        let cases = [
            (schema, FailureReason::ValuesRefused, true),
            (
                "Error: execution error at (woocommerce/templates/checks.yaml:2:4): the release must be",
                FailureReason::ValuesRefused,
                true,
            ),
            (
                "Error: kubernetes cluster unreachable: dial tcp 127.0.0.1:1: connect: connection refused",
                FailureReason::ClusterUnavailable,
                false,
            ),
            ("Error: pods \"x\" is forbidden: exceeded quota: store", FailureReason::QuotaExceeded, false),
            ("Error: pods \"x\" is forbidden: no right", FailureReason::ObjectRefused, false),
            ("Error: something new", FailureReason::ReleaseFailed, false),
        ];
        for (stderr, reason, terminal) in cases {
            let error = classify(End::Exited(1), stderr, Duration::from_secs(1));
            assert_eq!((error.reason, error.terminal), (reason, terminal), "{stderr}");
        }
        let larger = "Error: cannot patch \"mysql\" with kind StatefulSet: StatefulSet.apps \"mysql\" is invalid: spec: Forbidden: \
            updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template' are forbidden";
        let classed = "Error: cannot patch \"wp-content\": PersistentVolumeClaim \"wp-content\" is invalid: spec: Forbidden: spec \
            is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        for (stderr, unchangeable) in [(larger, true), (classed, true), (schema, false)] {
            let error = classify(End::Exited(1), stderr, Duration::from_secs(1));
            assert_eq!(is_unchangeable(&error), unchangeable, "{stderr}");
        }
        let late = classify(End::TimedOut, schema, Duration::from_secs(9));
        assert_eq!((late.reason, late.terminal), (FailureReason::ReleaseFailed, false));
    }

    #[test]
    fn a_webhook_that_is_away_is_named_first() {
        let stderr =
            "Error: failed calling webhook \"a.example.com\": dial tcp 10.0.0.1:443: connect: connection refused";
        let error = classify(End::Exited(1), stderr, Duration::from_secs(1));
        assert_eq!(error.reason, FailureReason::WebhookUnavailable);
        assert!(error.message.starts_with("the webhook a.example.com does not answer: "), "{error}");
    }

    #[test]
    fn what_helm_quotes_of_a_secret_is_not_shown() {
        for word in ["execution error at (", "connection refused", "exceeded quota", "is immutable", "anything else"] {
            let stderr = format!("Error: {word}: value password=S3cretCanary at https://u:S3cretCanary@host/");
            for end in [End::Exited(1), End::Killed, End::TimedOut] {
                let error = classify(end, &stderr, Duration::from_secs(1));
                assert!(!error.message.contains("S3cretCanary") && error.message.contains("[redacted]"), "{error}");
            }
        }
    }

    #[test]
    fn no_output_ends_anything() {
        hostile::check(&hostile::text(), |stderr| {
            for end in [End::Exited(1), End::Killed, End::TimedOut] {
                let error = classify(end, &stderr, Duration::from_secs(1));
                hostile::assert_fit(&error.message, redact::LONGEST + 40);
            }
        });
    }
}
