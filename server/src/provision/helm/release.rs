//! What became of a release, read from the labels of helm's own records. The records' content is not needed: it is
//! large, and holds every rendered object.

use std::{cmp::Reverse, collections::BTreeMap};

use k8s_openapi::api::core::v1::Secret;
use kube::api::PartialObjectMeta;
use sendstores_core::Release;

use crate::provision::names;

/// Label on a record: which chart, environment and store it was made from.
const DIGEST: &str = "sendstores.dev/digest";
/// Label on a record: whether the Ingress is in it.
const EXPOSED: &str = "sendstores.dev/exposed";

/// Label on a record: what the release is called that it was made from.
const RELEASE: &str = "sendstores.dev/release";
/// The value with which helm takes a label away.
const NO_LABEL: &str = "null";

/// Selects the records of a store's release.
pub(crate) fn selector() -> String {
    format!("owner=helm,name={}", names::RELEASE)
}

/// The value of helm's `--labels`. Without a digest the revision keeps that of the one before it, if it has one; without the name of a
/// release it has none.
pub(super) fn labels(digest: Option<&str>, release: Option<&str>, exposed: bool) -> String {
    let digest = digest.map(|digest| format!("{DIGEST}={digest},")).unwrap_or_default();
    format!("{digest}{RELEASE}={},{EXPOSED}={exposed}", release.unwrap_or(NO_LABEL))
}

/// One revision of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Name of the Secret that holds it.
    pub(crate) secret: String,
    pub(crate) version: u32,
    pub(crate) status: Status,
    pub(crate) digest: Option<String>,
    /// What the release is called that it was made from.
    pub(crate) release: Option<String>,
    pub(crate) exposed: bool,
}

/// helm's own words for where a revision is, as far as they mean different things to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Deployed,
    Failed,
    /// Left by a helm that was killed while it installed for the first time.
    PendingInstall,
    /// Left by a helm that was killed while it changed what was there.
    PendingChange,
    Uninstalling,
    Superseded,
    /// Anything else, in helm's words.
    Other(String),
}

/// All revisions of a release, the newest first.
#[derive(Debug, Default)]
pub(crate) struct History(Vec<Record>);

// === impl History ===

impl History {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a PartialObjectMeta<Secret>>) -> Self {
        let mut records: Vec<Record> = secrets.into_iter().filter_map(record).collect();
        records.sort_by_key(|record| Reverse(record.version));
        Self(records)
    }

    pub(crate) fn newest(&self) -> Option<&Record> {
        self.0.first()
    }

    /// The revision whose objects the cluster has, as far as helm knows.
    pub(crate) fn in_force(&self) -> Option<&Record> {
        self.0.iter().find(|record| record.status == Status::Deployed)
    }

    /// The revision that says what the store is made from: the one in force, or else the last one that worked.
    pub(crate) fn last_good(&self) -> Option<&Record> {
        let worked = |record: &&Record| record.status == Status::Superseded;
        self.in_force().or_else(|| self.0.iter().find(worked))
    }

    /// The revision that `made_from` speaks of, or the newest that was made from the same.
    pub(crate) fn of(&self, made_from: &Release) -> Option<&Record> {
        let mut worked = self.0.iter().filter(|record| matches!(record.status, Status::Deployed | Status::Superseded));
        let exact = worked.clone().find(|record| record.version == made_from.revision);
        exact.or_else(|| worked.find(|record| record.digest.is_some() && record.digest == made_from.source))
    }

    /// Whether the last revision that ever worked had the Ingress in it.
    pub(crate) fn was_exposed(&self) -> bool {
        let worked = |record: &&Record| matches!(record.status, Status::Deployed | Status::Superseded);
        self.0.iter().find(worked).is_some_and(|record| record.exposed)
    }
}

fn record(secret: &PartialObjectMeta<Secret>) -> Option<Record> {
    let empty = BTreeMap::new();
    let labels = secret.metadata.labels.as_ref().unwrap_or(&empty);
    Some(Record {
        secret: secret.metadata.name.clone()?,
        version: labels.get("version")?.parse().ok()?,
        status: Status::of(labels.get("status").map_or("", String::as_str)),
        digest: labels.get(DIGEST).cloned(),
        release: labels.get(RELEASE).cloned(),
        exposed: labels.get(EXPOSED).is_some_and(|value| value == "true"),
    })
}

// === impl Status ===

impl Status {
    fn of(word: &str) -> Self {
        match word {
            "deployed" => Self::Deployed,
            "failed" => Self::Failed,
            "pending-install" => Self::PendingInstall,
            "pending-upgrade" | "pending-rollback" => Self::PendingChange,
            "uninstalling" => Self::Uninstalling,
            "superseded" => Self::Superseded,
            other => Self::Other(other.to_owned()),
        }
    }

    pub(crate) fn describe(&self) -> &str {
        match self {
            Self::Deployed => "deployed",
            Self::Failed => "failed",
            Self::PendingInstall => "an interrupted first installation",
            Self::PendingChange => "an interrupted upgrade",
            Self::Uninstalling => "an interrupted removal",
            Self::Superseded => "superseded by nothing",
            Self::Other(word) => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hostile;

    fn secret(version: u32, status: &str, extra: &[(&str, &str)]) -> PartialObjectMeta<Secret> {
        let version = version.to_string();
        let labels = [("owner", "helm"), ("name", "store"), ("status", status), ("version", version.as_str())];
        let labels = labels.iter().chain(extra).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut meta = PartialObjectMeta::<Secret>::default();
        meta.metadata.name = Some(format!("sh.helm.release.v1.store.v{version}"));
        meta.metadata.labels = Some(labels.collect());
        meta
    }

    #[test]
    fn the_newest_revision_is_the_highest_number() {
        let secrets = [
            secret(9, "superseded", &[(EXPOSED, "true")]),
            secret(10, "pending-upgrade", &[(DIGEST, "abc"), (EXPOSED, "false")]),
            secret(8, "superseded", &[]),
        ];
        let history = History::new(&secrets);
        let newest = history.newest().unwrap();
        assert_eq!((newest.version, &newest.status), (10, &Status::PendingChange));
        assert_eq!(newest.digest.as_deref(), Some("abc"));
        assert!(history.was_exposed(), "the last one that worked was");
        assert!(history.in_force().is_none(), "an interrupted one is not");
        assert!(!History::default().was_exposed());
    }

    #[test]
    fn what_failed_or_was_interrupted_leaves_the_one_before_in_force() {
        for status in ["failed", "pending-upgrade"] {
            let history =
                History::new(&[secret(4, status, &[]), secret(3, "deployed", &[]), secret(2, "superseded", &[])]);
            assert_eq!(history.in_force().map(|record| record.version), Some(3), "{status}");
            assert_eq!(history.last_good().map(|record| record.version), Some(3), "{status}");
        }
        let interrupted = History::new(&[secret(3, "pending-upgrade", &[]), secret(2, "superseded", &[])]);
        assert_eq!(interrupted.last_good().map(|record| record.version), Some(2));
        assert!(History::new(&[secret(1, "failed", &[])]).last_good().is_none());
    }

    #[test]
    fn what_a_store_was_made_from_is_found_again() {
        let made_from =
            |revision, source: &str| Release { revision, source: Some(source.to_owned()), ..Release::default() };
        let history = History::new(&[
            secret(5, "failed", &[(DIGEST, "old")]),
            secret(4, "deployed", &[(DIGEST, "new")]),
            secret(3, "superseded", &[(DIGEST, "old")]),
            secret(2, "superseded", &[(DIGEST, "old")]),
        ]);
        let found = |made_from: &Release| history.of(made_from).map(|record| record.version);
        assert_eq!(found(&made_from(2, "old")), Some(2), "the very one");
        assert_eq!(found(&made_from(1, "old")), Some(3), "helm keeps the last ten");
        assert_eq!(found(&made_from(5, "none")), None, "it never worked");
        assert_eq!(found(&Release { source: None, ..made_from(1, "") }), None);
    }

    #[test]
    fn foreign_records_are_left_out_and_foreign_words_kept() {
        let mut odd = secret(1, "deployed", &[]);
        odd.metadata.labels = None;
        assert!(History::new(&[odd]).newest().is_none());
        let history = History::new(&[secret(1, "unknown", &[])]);
        assert_eq!(history.newest().unwrap().status, Status::Other("unknown".to_owned()));
    }

    #[test]
    fn labels_are_what_is_read_back() {
        let text = labels(Some("0123"), Some("2026-11"), true);
        let pairs: Vec<(&str, &str)> = text.split(',').filter_map(|pair| pair.split_once('=')).collect();
        let history = History::new(&[secret(1, "deployed", &pairs)]);
        let newest = history.newest().unwrap();
        assert_eq!((newest.digest.as_deref(), newest.exposed), (Some("0123"), true));
        assert_eq!(newest.release.as_deref(), Some("2026-11"));
        assert_eq!(labels(None, None, false), "sendstores.dev/release=null,sendstores.dev/exposed=false");
    }

    #[test]
    fn no_record_ends_anything() {
        let good = json!([{"metadata": {"name": "sh.helm.release.v1.store.v1", "labels": {"owner": "helm", "name": "store",
            "status": "deployed", "version": "1", DIGEST: "abc", EXPOSED: "true"}}}]);
        hostile::check(&hostile::damaged(good), |records| {
            let Ok(records) = serde_json::from_value::<Vec<PartialObjectMeta<Secret>>>(records) else { return };
            let history = History::new(&records);
            let _found = (history.newest(), history.in_force(), history.was_exposed());
        });
        hostile::check(&hostile::text(), |word| {
            let _major = crate::provision::helm::flags::Major::of(&word);
        });
    }
}
