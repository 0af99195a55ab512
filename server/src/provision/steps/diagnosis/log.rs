//! The end of a container's log, fit to be shown: no secret of the store, no visitor, no mail address, and of the
//! application only what its engine knows to say nothing of shoppers.

pub(super) mod values;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};
use sendstores_core::{Diagnosis, FailureReason, Store, provisioner::StepError};

use crate::provision::{Context, redact, steps::credentials};

/// Many of these are visits, which are left out.
const LINES: i64 = 200;
const BYTES: i64 = 256 * 1024;
const SHOWN: usize = 20;
/// What is older is not shown.
const SECONDS: i64 = 600;
/// An end of the application's code that is older is not the cause of a failure of now.
const FRESH_SECONDS: i64 = 30;

/// Where a log is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) pod: String,
    pub(super) container: &'static str,
    /// Of the container before, which has ended.
    pub(super) previous: bool,
}

/// The end of a log.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) text: String,
    /// The first line of the whole log that reports an error: those after it mostly report what follows from it.
    pub(super) telling: Option<String>,
    /// The application's own code ended with an error just now.
    pub(super) is_fatal: bool,
}

/// What an engine knows of the log of its application.
pub struct LogDef {
    /// The parts of a line that may be shown; mostly one or none. Whatever a shopper may be known by is cut.
    pub shown: fn(&str) -> Vec<String>,
    /// The words with which the application's own code ends.
    pub fatal: &'static [&'static str],
    /// The reason to give where it has ended so.
    pub fatal_reason: FailureReason,
}

pub(super) async fn read(context: &Context, store: &Store, source: &Source) -> Result<Tail, StepError> {
    // A node that cannot be asked for a log is no reason to show nothing of the rest.
    let text = lines(context, store, source, SECONDS).await.unwrap_or_default();
    // Without knowing the secrets, nothing is shown that may hold them.
    let secrets = credentials::values(context, store).await?;
    let engine = context.engine(store)?;
    let of_application = (source.container == engine.application.name).then_some(&engine.diagnosis.log);
    let is_fatal = |text: &str| of_application.is_some_and(|log| log.fatal.iter().any(|word| text.contains(word)));
    let is_fatal = is_fatal(&text) && is_fatal(&lines(context, store, source, FRESH_SECONDS).await.unwrap_or_default());
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let (text, shown) = (whole_lines(&text), of_application.map(|log| log.shown));
    Ok(Tail { text: tail(text, shown, &secrets), telling: telling(text, shown, &secrets), is_fatal })
}

async fn lines(context: &Context, store: &Store, source: &Source, seconds: i64) -> Result<String, StepError> {
    let how = LogParams {
        container: Some(source.container.to_owned()),
        previous: source.previous,
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        since_seconds: (!source.previous).then_some(seconds),
        ..LogParams::default()
    };
    let api: Api<Pod> = context.cluster.in_store(store);
    Ok(context.cluster.call(api.logs(&source.pod, &how)).await?)
}

/// A log that was cut at its limit ends within a line, and maybe within a secret, which is not known by its half.
fn whole_lines(text: &str) -> &str {
    let is_cut = i64::try_from(text.len()).is_ok_and(|length| length >= BYTES);
    let end = if is_cut { text.rfind('\n').unwrap_or(0) } else { text.len() };
    text.get(..end).unwrap_or_default()
}

type Shown = fn(&str) -> Vec<String>;

/// The first line that reports an error.
fn telling(text: &str, shown: Option<Shown>, secrets: &[&str]) -> Option<String> {
    const ERRORS: [&str; 4] = ["[error]", "fatal", "panic", "error:"];
    let tells = |line: &&str| {
        let lower = line.to_ascii_lowercase();
        ERRORS.iter().any(|word| lower.contains(word))
    };
    text.lines().filter(tells).find_map(|line| parts(line, shown, secrets).into_iter().next())
}

/// The last lines that are no visits. Those of the application lose what they may say of shoppers: only `shown` of them is.
fn tail(text: &str, shown: Option<Shown>, secrets: &[&str]) -> String {
    let told = text.lines().rev().flat_map(|line| {
        let mut parts = parts(line, shown, secrets);
        parts.reverse();
        parts
    });
    let (mut lines, mut length) = (Vec::new(), 0);
    for line in told.take(SHOWN) {
        length += line.chars().count() + 1;
        if length > Diagnosis::MAX_LOG {
            break;
        }
        lines.push(line);
    }
    lines.reverse();
    lines.join("\n")
}

/// What is shown of one line.
fn parts(line: &str, shown: Option<Shown>, secrets: &[&str]) -> Vec<String> {
    if line.trim().is_empty() || is_visit(line) {
        return Vec::new();
    }
    let parts = shown.map_or_else(|| vec![line.to_owned()], |shown| shown(line));
    parts.iter().map(|part| without_mail(&redact::message_without(part, secrets))).collect()
}

/// A line of the web server's log of requests: an address, a time, and the request in quotes.
fn is_visit(line: &str) -> bool {
    let mut words = line.splitn(3, ' ').skip(1);
    let time = words.next().is_some_and(|word| word.len() == 20 && word.ends_with('Z') && word.contains('T'));
    time && words.next().is_some_and(|rest| rest.starts_with('"'))
}

fn without_mail(line: &str) -> String {
    let is_mail = |word: &str| word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    line.split(' ').map(|word| if is_mail(word) { "[redacted]" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hostile, provision::engines::woocommerce};

    #[test]
    fn visits_secrets_and_addresses_are_left_out() {
        let text = "10.244.0.1 2026-11-26T20:00:00Z \"GET /my-account/?key=abc HTTP/1.1\" 200 5 9\n\n\
            [php:error] PHP Fatal error:  Uncaught Error: db S3cret in /srv/x.php:3\n\
            Mail to jane@example.com failed\n";
        let shown = tail(text, None, &["S3cret"]);
        assert_eq!(
            shown,
            "[php:error] PHP Fatal error: Uncaught Error: db [redacted] in /srv/x.php:3\nMail to [redacted] failed"
        );
    }

    #[test]
    fn only_the_end_is_shown_and_it_is_not_too_long() {
        let many: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let shown = tail(&many, None, &[]);
        assert!(shown.starts_with("line 80\n") && shown.ends_with("line 99"), "{shown}");
        let long = format!("{}\nthe end", "x".repeat(5_000));
        assert!(tail(&long.repeat(9), None, &[]).chars().count() <= Diagnosis::MAX_LOG);
    }

    #[test]
    fn of_the_application_only_errors_of_known_shapes_are_shown() {
        let text = "[php:error] [client 198.51.100.7:1] PHP Fatal error:  Uncaught Error: Undefined constant S3cret in /srv/x.php:3\\n#0 {main}\n\
            [php:notice] [client 198.51.100.7:1] order of Jane Doe, Main Street 12\n";
        assert_eq!(
            tail(text, Some(woocommerce::ENGINE.diagnosis.log.shown), &["S3cret"]),
            "[php:error] PHP Fatal error: Uncaught Error: Undefined constant [redacted] in /srv/x.php:3\n#0 {main}"
        );
    }

    #[test]
    fn the_first_error_of_a_log_is_the_telling_one() {
        let log = "2026-11-29 11:00:00 0 [Note] Starting MariaDB 10.11.14\n\
            2026-11-29 11:00:30 0 [ERROR] mariadbd: Can't lock aria control file '/var/lib/mysql/aria_log_control'\n"
            .to_owned()
            + &"2026-11-29 11:00:30 0 [ERROR] Aborting\n".repeat(50);
        assert!(!tail(&log, None, &[]).contains("aria_log_control"), "it is beyond the last lines");
        assert!(telling(&log, None, &[]).is_some_and(|line| line.contains("aria_log_control")));
        assert_eq!(telling("2026-11-29 11:00:00 0 [Note] Starting MariaDB 10.11.14", None, &[]), None);
        let secret = telling("[ERROR] password S3cret", None, &["S3cret"]).unwrap();
        assert!(!secret.contains("S3cret"), "{secret}");
    }

    #[test]
    fn a_line_that_was_cut_is_not_shown() {
        let limit = usize::try_from(BYTES).expect("small");
        let cut = format!("{}\n{}", "a".repeat(100), "S3cret".repeat(limit));
        assert_eq!(whole_lines(&cut[..limit]), "a".repeat(100));
        assert_eq!(whole_lines("short\nS3cret"), "short\nS3cret");
    }

    #[test]
    fn no_log_ends_anything_or_shows_a_secret() {
        hostile::check(&hostile::text_with_secret(), |text| {
            for shown in [Some(woocommerce::ENGINE.diagnosis.log.shown), None] {
                let shown = tail(&text, shown, &[hostile::KNOWN]);
                assert!(!shown.contains(hostile::KNOWN), "{shown:?}");
                shown.lines().for_each(|line| hostile::assert_fit(line, Diagnosis::MAX_LOG));
                assert!(shown.chars().count() <= Diagnosis::MAX_LOG);
            }
        });
        for huge in hostile::huge() {
            assert!(
                tail(&String::from_utf8_lossy(&huge), Some(woocommerce::ENGINE.diagnosis.log.shown), &[])
                    .chars()
                    .count()
                    <= Diagnosis::MAX_LOG
            );
        }
    }
}
