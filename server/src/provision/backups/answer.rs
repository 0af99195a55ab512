//! What a Job said when it ended.

use std::{collections::BTreeMap, time::SystemTime};

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerStateTerminated, Pod},
};
use sendstores_core::{
    FailureReason, Timestamp,
    backup::{
        Content, Manifest,
        job::{Answer, Purpose, TIMED_OUT},
    },
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::provision::redact;

/// The reasons that the programs of the image give. docs/errors.md has a section for each.
const REASONS: [&str; 7] = [
    "DATABASE_UNAVAILABLE",
    "DUMP_INCOMPLETE",
    "DISK_FULL",
    "REPOSITORY_UNAVAILABLE",
    "REPOSITORY_KEY_WRONG",
    "SNAPSHOT_INCOMPLETE",
    "INTERNAL",
];
/// What the name of a version ends with.
const VERSION: &str = "_version";
/// The most versions of a manifest, and the longest one.
const MOST_VERSIONS: usize = 16;
const LONGEST_VERSION: usize = 64;

/// The termination message.
#[derive(Deserialize)]
struct Said {
    ok: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    snapshot: String,
    #[serde(default)]
    consistent_time: String,
    #[serde(default)]
    added_bytes: u64,
    #[serde(default)]
    total_bytes: u64,
    #[serde(default)]
    manifest: Map<String, Value>,
}

/// How a Job ended. `None`: it has not.
pub(super) fn of(job: &Job, pods: &[&Pod], purpose: Purpose) -> Option<Answer> {
    if let Some(ended) = pods.iter().find_map(|pod| ended(pod)) {
        return Some(said(ended, purpose));
    }
    let condition = |kind: &str| {
        let mut all = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        all.find(|condition| condition.type_ == kind && condition.status == "True")
    };
    if let Some(failed) = condition("Failed") {
        let why = redact::message(failed.message.as_deref().unwrap_or_default());
        return Some(match failed.reason.as_deref() {
            Some("DeadlineExceeded") => Answer::Failed(TIMED_OUT, "the Job did not end in its time".to_owned()),
            reason => Answer::None(format!("its pod is gone: {} {why}", reason.unwrap_or_default())),
        });
    }
    condition("Complete").map(|_| Answer::None("the Job has ended, and its pod is gone".to_owned()))
}

/// What the pod waits for, or does, for a human.
pub(super) fn detail(pods: &[&Pod]) -> String {
    let Some(pod) = pods.first() else { return "the pod is not there yet".to_owned() };
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_ref());
    let state = containers.and_then(|all| all.first()).and_then(|container| container.state.as_ref());
    if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
        return format!("the pod waits: {}", redact::short(waiting.reason.as_deref().unwrap_or_default(), 64));
    }
    match state.and_then(|state| state.running.as_ref()) {
        Some(_) => "the pod runs".to_owned(),
        None => "the pod is not scheduled yet".to_owned(),
    }
}

fn ended(pod: &Pod) -> Option<&ContainerStateTerminated> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.iter().find_map(|container| container.state.as_ref()?.terminated.as_ref())
}

fn said(ended: &ContainerStateTerminated, purpose: Purpose) -> Answer {
    let message = ended.message.as_deref().unwrap_or_default();
    let said = serde_json::from_str::<Said>(message.trim());
    let silent = |what: &str| {
        let reason = redact::short(ended.reason.as_deref().unwrap_or_default(), 64);
        Answer::None(format!("the container ended with exit code {} ({reason}) and {what}", ended.exit_code))
    };
    match (said, purpose) {
        (Err(_), _) => silent("without an answer"),
        (Ok(Said { ok: false, reason, message, .. }), _) => {
            let known = REASONS.contains(&reason.as_str()).then(|| FailureReason::kept(&reason)).flatten();
            let message = redact::message(&message);
            match known {
                Some(reason) => Answer::Failed(reason, message),
                None => Answer::Failed(FailureReason::Internal, redact::message(&format!("{reason}: {message}"))),
            }
        }
        // The exit code has the last word.
        (Ok(_), _) if ended.exit_code != 0 => silent("after it had said that it succeeded"),
        (Ok(_), Purpose::Forget) => Answer::Forgotten,
        (Ok(said), Purpose::Backup) => {
            snapshot(said).unwrap_or_else(|| silent("with an answer that names no snapshot"))
        }
    }
}

fn snapshot(said: Said) -> Option<Answer> {
    let Said { snapshot, consistent_time, added_bytes, total_bytes, manifest, .. } = said;
    let number = |name: &str| manifest.get(name).and_then(Value::as_u64).unwrap_or_default();
    let text = |name: &str| manifest.get(name).and_then(Value::as_str).unwrap_or_default();
    let content = Content {
        consistent_time: time(&consistent_time)?,
        added_bytes,
        total_bytes,
        manifest: Manifest {
            tables: number("tables"),
            rows: number("rows"),
            orders: number("orders"),
            newest_order_time: time(text("newest_order_time")),
            files: number("files"),
            file_bytes: number("file_bytes"),
            database_bytes: number("database_bytes"),
            versions: versions(&manifest),
        },
    };
    Some(Answer::Snapshot(snapshot.parse().ok()?, Box::new(content)))
}

fn versions(manifest: &Map<String, Value>) -> BTreeMap<String, String> {
    let named = manifest.iter().filter_map(|(name, version)| {
        let (name, version) = (name.strip_suffix(VERSION)?, version.as_str()?);
        let fits = name.len() <= LONGEST_VERSION && !version.is_empty();
        fits.then(|| (name.to_owned(), redact::short(version, LONGEST_VERSION)))
    });
    named.take(MOST_VERSIONS).collect()
}

/// A moment in the form of RFC 3339, of a time in which there are backups.
fn time(text: &str) -> Option<Timestamp> {
    let time: prost_types::Timestamp = text.parse().ok()?;
    let time = Timestamp::from(SystemTime::try_from(time).ok()?);
    (time.as_micros() >= 0).then_some(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hostile;

    fn pod(code: i32, message: &str) -> Pod {
        let terminated = json!({"exitCode": code, "reason": "Error", "message": message});
        serde_json::from_value(json!({"status": {"containerStatuses": [
            {"name": "backup", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated}}
        ]}}))
        .unwrap()
    }

    fn answer(code: i32, message: &str, purpose: Purpose) -> Answer {
        of(&Job::default(), &[&pod(code, message)], purpose).expect("ended")
    }

    fn whole() -> Value {
        json!({
            "ok": true, "snapshot": "5f".repeat(32), "consistent_time": "2026-11-30T17:49:33Z", "added_bytes": 7, "total_bytes": 9,
            "manifest": {"tables": 3, "rows": 4, "orders": 1, "newest_order_time": "", "files": 5, "file_bytes": 6,
                "database_bytes": 8, "wordpress_version": "7.0", "woocommerce_db_version": "11.0.1", "woocommerce_version": ""},
        })
    }

    #[test]
    fn a_whole_snapshot_is_what_its_json_says() {
        let Answer::Snapshot(snapshot, content) = answer(0, &whole().to_string(), Purpose::Backup) else {
            panic!("none")
        };
        assert_eq!(snapshot.as_str(), "5f".repeat(32));
        assert_eq!(content.consistent_time, Timestamp::from_micros(1_796_060_973_000_000));
        let versions: Vec<_> =
            content.manifest.versions.iter().map(|(name, of)| (name.as_str(), of.as_str())).collect();
        assert_eq!(versions, [("woocommerce_db", "11.0.1"), ("wordpress", "7.0")]);
        assert_eq!((content.manifest.tables, content.manifest.newest_order_time), (3, None));
        assert_eq!(answer(0, "{\"ok\":true}", Purpose::Forget), Answer::Forgotten);
    }

    #[test]
    fn nothing_but_a_whole_snapshot_with_exit_code_0_is_success() {
        let mut without = whole();
        without["snapshot"] = json!("5f");
        let mut timeless = whole();
        timeless["consistent_time"] = json!("yesterday");
        for (code, message) in [
            (1, whole().to_string()),
            (137, String::new()),
            (0, String::new()),
            (0, "{\"ok\":true}".to_owned()),
            (0, without.to_string()),
            (0, timeless.to_string()),
            (0, whole().to_string()[1..].to_owned()),
        ] {
            assert!(matches!(answer(code, &message, Purpose::Backup), Answer::None(_)), "{code} {message}");
        }
        let said = "{\"ok\":false,\"reason\":\"DISK_FULL\",\"message\":\"no space\"}";
        for code in [0, 1] {
            let expected = Answer::Failed(FailureReason::open("DISK_FULL"), "no space".to_owned());
            assert_eq!(answer(code, said, Purpose::Backup), expected);
        }
        let said = "{\"ok\":false,\"reason\":\"BORED\",\"message\":\"no\"}";
        assert_eq!(
            answer(1, said, Purpose::Backup),
            Answer::Failed(FailureReason::Internal, "BORED: no".to_owned()),
            "no word of a pod becomes a reason"
        );
    }

    #[test]
    fn a_job_without_a_pod_says_why() {
        let job = |kind: &str, reason: &str| -> Job {
            let condition = json!({"type": kind, "status": "True", "reason": reason, "message": "m"});
            serde_json::from_value(json!({"status": {"conditions": [condition]}})).unwrap()
        };
        assert_eq!(of(&Job::default(), &[], Purpose::Backup), None);
        let late = of(&job("Failed", "DeadlineExceeded"), &[], Purpose::Backup);
        assert!(matches!(late, Some(Answer::Failed(TIMED_OUT, _))), "{late:?}");
        let lost = of(&job("Failed", "BackoffLimitExceeded"), &[], Purpose::Backup);
        assert!(matches!(lost, Some(Answer::None(_))), "{lost:?}");
        assert!(matches!(of(&job("Complete", ""), &[], Purpose::Backup), Some(Answer::None(_))));
    }

    #[test]
    fn whatever_a_container_says_is_an_answer() {
        hostile::check(&hostile::body(whole()), |body| {
            let message = String::from_utf8_lossy(&body).into_owned();
            if let Answer::Snapshot(snapshot, content) = answer(0, &message, Purpose::Backup) {
                assert_eq!(snapshot.as_str().len(), 64);
                assert!(content.manifest.versions.len() <= MOST_VERSIONS);
            }
        });
    }
}
