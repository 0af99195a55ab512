//! What a helm that did not succeed means. It has no codes, so its words have to do.

use std::time::Duration;

use sendstores_core::{failure::FailureReason, provisioner::StepError};

use crate::provision::{errors, process::End, redact};

/// The chart or its schema refused the values: the same again gives the same.
const VALUES_REFUSED: [&str; 3] =
    ["don't meet the specifications of the schema", "execution error at (", "cannot be imported"];

const OBJECT_REFUSED: [&str; 5] =
    ["exceeded quota", " is forbidden", "violates PodSecurity", "admission webhook", " is invalid: "];

const CLUSTER_UNAVAILABLE: [&str; 10] = [
    "Kubernetes cluster unreachable",
    "connection refused",
    "connection reset",
    "no such host",
    "i/o timeout",
    "TLS handshake timeout",
    "context deadline exceeded",
    "etcdserver",
    "the server is currently unable",
    "too many requests",
];

/// Kubernetes changes these fields of no object in place: a claim's class or size, a StatefulSet's templates, a selector.
const UNCHANGEABLE: [&str; 4] = [
    "is immutable",
    "updates to statefulset spec for fields other than",
    "field can not be less than",
    "only dynamically provisioned pvc can be resized",
];

/// Whether helm failed because an object would have to be made anew.
pub(crate) fn is_unchangeable(error: &StepError) -> bool {
    UNCHANGEABLE.iter().any(|words| error.message.contains(words))
}

pub(super) fn classify(end: End, stderr: &str, deadline: Duration) -> StepError {
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let tail = redact::message(stderr);
    match end {
        End::TimedOut => {
            let message = format!("helm did not end within {deadline:?}: {tail}");
            StepError::retryable(FailureReason::ReleaseFailed, message)
        }
        _ if has(&VALUES_REFUSED) => StepError::terminal(FailureReason::ValuesRefused, tail),
        _ if has(&CLUSTER_UNAVAILABLE) => StepError::retryable(FailureReason::ClusterUnavailable, tail),
        _ if has(&OBJECT_REFUSED) => StepError::retryable(errors::refusal(stderr), tail),
        End::Killed => StepError::retryable(FailureReason::ReleaseFailed, format!("helm was killed: {tail}")),
        End::Exited(code) => {
            StepError::retryable(FailureReason::ReleaseFailed, format!("helm ended with {code}: {tail}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::hostile;

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
    fn what_helm_quotes_of_a_secret_is_not_shown() {
        let words = VALUES_REFUSED.iter().chain(&OBJECT_REFUSED).chain(&CLUSTER_UNAVAILABLE).chain(&["anything else"]);
        for word in words {
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
