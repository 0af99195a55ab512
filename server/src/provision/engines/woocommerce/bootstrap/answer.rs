//! What the programs inside a store answer: one JSON line, the last. An exit code alone is not believed.

use std::time::Duration;

use sendstores_core::{failure::FailureReason, provisioner::StepError};
use serde::Deserialize;

use super::super::{PHP_FATAL_ERROR, PLUGIN_MISSING};
use crate::provision::{exec::Output, redact};

/// What `timeout` exits with when it had to stop the program, by asking or by force.
const TIMED_OUT: [i32; 2] = [124, 137];

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    detail: String,
}

/// `secrets` are taken out of whatever is shown.
pub(super) fn judge(program: &str, output: &Output, limit: Duration, secrets: &[&str]) -> Result<(), StepError> {
    let failed = |reason, text: &str| StepError::retryable(reason, redact::message_without(text, secrets));
    let last = output.stdout.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match (serde_json::from_str::<Answer>(last), output.code) {
        (Ok(Answer { ok: true, .. }), 0) => Ok(()),
        (Ok(Answer { ok: false, reason, detail }), _) => {
            let text = format!("{program}: {reason}: {detail}");
            match reason.as_str() {
                // The same request would be refused the same way.
                "BAD_REQUEST" | "LOCALE_MISSING" | "INVALID_SETTING" => {
                    let message = redact::message_without(&text, secrets);
                    Err(StepError::terminal(FailureReason::BootstrapFailed, message))
                }
                "PLUGIN_MISSING" => Err(failed(PLUGIN_MISSING, &text)),
                "PHP_FATAL" => Err(failed(PHP_FATAL_ERROR, &text)),
                "DATABASE_UNAVAILABLE" => Err(failed(FailureReason::DatabaseUnavailable, &text)),
                _ => Err(failed(FailureReason::BootstrapFailed, &text)),
            }
        }
        (_, code) if TIMED_OUT.contains(&code) => {
            Err(failed(FailureReason::BootstrapFailed, &format!("{program} did not end within {limit:?}")))
        }
        (_, code) => {
            let text = format!("{program} ended with {code} and no answer: {} {}", output.stdout, output.stderr);
            Err(failed(FailureReason::BootstrapFailed, &text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile;

    fn judged(code: i32, stdout: &str) -> Result<(), StepError> {
        let output = Output { code, stdout: stdout.to_owned(), stderr: "PHP Fatal: pw S3cret".to_owned() };
        judge("install", &output, Duration::from_secs(60), &["S3cret"])
    }

    #[test]
    fn only_a_stated_success_with_exit_code_zero_is_one() {
        assert_eq!(judged(0, "noise\n{\"ok\":true,\"changed\":false}\n\n"), Ok(()));
        for (code, stdout) in [(1, "{\"ok\":true}"), (0, ""), (0, "Success: installed"), (0, "{\"ok\":false}")] {
            assert!(judged(code, stdout).is_err(), "{code} {stdout}");
        }
    }

    #[test]
    fn refused_requests_are_final_and_the_rest_is_tried_again() {
        let refused = judged(1, "{\"ok\":false,\"reason\":\"LOCALE_MISSING\",\"detail\":\"no xx_YY\"}").unwrap_err();
        assert!(refused.terminal && refused.message.ends_with("LOCALE_MISSING: no xx_YY"), "{refused}");
        let busy = judged(75, "{\"ok\":false,\"reason\":\"BUSY\",\"detail\":\"x\"}").unwrap_err();
        assert!(!busy.terminal);
        let away = judged(75, "{\"ok\":false,\"reason\":\"DATABASE_UNAVAILABLE\",\"detail\":\"x\"}").unwrap_err();
        assert_eq!(away.reason, FailureReason::DatabaseUnavailable);
        assert!(judged(124, "").unwrap_err().message.contains("did not end within 60s"));
    }

    #[test]
    fn the_password_is_never_told() {
        assert!(!judged(255, "Admin S3cret").unwrap_err().message.contains("S3cret"));
    }

    #[test]
    fn no_output_ends_anything_or_shows_a_secret() {
        let good = serde_json::json!({"ok": false, "reason": "PHP_FATAL", "detail": "pw S3cretCanary"});
        let lines = (hostile::body(good), hostile::text_with_secret());
        hostile::check(&lines, |(stdout, stderr)| {
            let output = Output { code: 1, stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr };
            let refused = judge("install", &output, Duration::from_secs(60), &[hostile::KNOWN]).unwrap_err();
            hostile::assert_fit(&refused.message, redact::LONGEST);
            assert!(!refused.message.contains(hostile::KNOWN), "{refused}");
        });
    }
}
