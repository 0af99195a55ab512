//! The Job of a backup and its Secret, as they are made.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::{batch::v1::Job, core::v1::Secret},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use sendstores_core::{
    FailureReason, Store,
    backup::{
        JobUid,
        job::{Purpose, Task},
    },
    provisioner::StepError,
};
use serde_json::{Map, Value, json};

use crate::provision::{
    config::BackupSettings,
    engines::{BackupDef, EngineDef},
    names,
    steps::namespace::marks,
};

/// The value of the label [`names::POD_NAME`] of these pods: the network policies of the chart select it.
pub(super) const POD_NAME: &str = "backup";

/// The user of the image.
const USER: i64 = 10_001;
/// The group that owns the files of a store's volume.
const GROUP: i64 = 33;
/// How long an ended Job stays whose server has ended, too, in seconds.
const KEPT: i64 = 3_600;
/// What is written beside the dump.
const TEMPORARY: &str = "64Mi";

/// What a Job is made from.
pub(super) struct Made<'a> {
    pub(super) settings: &'a BackupSettings,
    pub(super) engine: &'a EngineDef,
    pub(super) def: &'a BackupDef,
    /// Those of the chart, with those of the environment over them.
    pub(super) values: &'a Value,
}

pub(super) fn job(task: Task<'_>, made: &Made<'_>) -> Result<Job, StepError> {
    let image = image(made.values)?;
    let labels = labels(task.store);
    let job = json!({
        "metadata": {"name": task.name(), "labels": &labels},
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": made.settings.deadline.as_secs(),
            "ttlSecondsAfterFinished": KEPT,
            "template": {
                "metadata": {"labels": &labels},
                "spec": pod(task, made, container(task, made, image)),
            },
        },
    });
    serde_json::from_value(job).map_err(|error| internal(&format!("the Job cannot be made: {error}")))
}

/// Goes with the Job.
pub(super) fn secret(task: Task<'_>, job: &JobUid, files: BTreeMap<String, String>) -> Secret {
    let owner = OwnerReference {
        api_version: "batch/v1".to_owned(),
        kind: "Job".to_owned(),
        name: task.name(),
        uid: job.as_str().to_owned(),
        ..OwnerReference::default()
    };
    Secret {
        metadata: ObjectMeta {
            name: Some(task.name()),
            labels: Some(marks(task.store)),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(files.into_iter().map(|(name, text)| (name, ByteString(text.into_bytes()))).collect()),
        ..Secret::default()
    }
}

fn labels(store: &Store) -> BTreeMap<String, String> {
    let more = [(names::POD_NAME, POD_NAME), ("app.kubernetes.io/instance", names::RELEASE)];
    let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
    marks(store).into_iter().chain(more).collect()
}

fn pod(task: Task<'_>, made: &Made<'_>, container: Value) -> Value {
    let Made { engine, values, .. } = made;
    let mut pod = json!({
        "restartPolicy": "Never",
        "serviceAccountName": "store",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": GROUP,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes(task, made),
    });
    for name in ["imagePullSecrets", "priorityClassName", "nodeSelector", "tolerations", "affinity"] {
        if let Some(value) = values.get(name).filter(|value| !is_empty(value)) {
            pod[name] = value.clone();
        }
    }
    // The volume is attached to one node: that of the application's pod.
    if task.purpose == Purpose::Backup {
        let labels = json!({names::POD_NAME: engine.application.name, "app.kubernetes.io/instance": names::RELEASE});
        let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}});
        let mut affinity = pod.get("affinity").cloned().unwrap_or_else(|| json!({}));
        affinity["podAffinity"] = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
        pod["affinity"] = affinity;
    }
    pod
}

fn container(task: Task<'_>, made: &Made<'_>, image: (String, String)) -> Value {
    let Made { settings, def, .. } = made;
    let (backup, store) = (task.backup, task.store);
    let release = backup.release.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut environment = vec![
        ("RESTIC_REPOSITORY", settings.repository.of(&store.uid)),
        ("BACKUP_ID", backup.id.of_store().to_owned()),
        ("STORE_ID", store.id.to_string()),
        ("STORE_UID", store.uid.to_string()),
        ("RELEASE", release),
    ];
    environment.extend(match (task.purpose, &backup.snapshot) {
        (Purpose::Backup, _) => def.environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        (Purpose::Forget, Some(snapshot)) => vec![("SNAPSHOT", snapshot.to_string())],
        (Purpose::Forget, None) => Vec::new(),
    });
    let environment: Vec<_> = environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let mounts: Vec<_> = volumes(task, made)
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|volume| volume["name"].as_str())
        .map(|name| json!({"name": name, "mountPath": path(name, def), "readOnly": !is_written(name)}))
        .collect();
    json!({
        "name": POD_NAME,
        "image": image.0,
        "imagePullPolicy": image.1,
        "command": [format!("/usr/local/bin/{}", task.purpose.as_str())],
        "env": environment,
        "volumeMounts": mounts,
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
    })
}

fn is_written(volume: &str) -> bool {
    matches!(volume, "scratch" | "tmp")
}

fn path(volume: &str, def: &BackupDef) -> String {
    match volume {
        "content" => def.content.1.to_owned(),
        "scratch" | "tmp" => format!("/{volume}"),
        secret => format!("/run/secrets/{secret}"),
    }
}

/// A Job that removes a snapshot sees nothing of the store.
fn volumes(task: Task<'_>, made: &Made<'_>) -> Value {
    let Made { def, values, .. } = made;
    let scratch =
        values.pointer(&format!("/{}", def.scratch.replace('.', "/"))).cloned().unwrap_or_else(|| json!("5Gi"));
    let mut volumes = vec![
        json!({"name": "backup", "secret": {"secretName": task.name(), "defaultMode": 0o440}}),
        json!({"name": "scratch", "emptyDir": {"sizeLimit": scratch}}),
        json!({"name": "tmp", "emptyDir": {"sizeLimit": TEMPORARY}}),
    ];
    if task.purpose == Purpose::Backup {
        let credentials =
            |items: Vec<Value>| json!({"secretName": names::CREDENTIALS, "defaultMode": 0o440, "items": items});
        let password = json!({"key": def.database_password, "path": "password"});
        let keys = def.keys.iter().map(|key| json!({"key": key, "path": key})).collect();
        volumes.push(json!({"name": "database", "secret": credentials(vec![password])}));
        volumes.push(json!({"name": "salts", "secret": credentials(keys)}));
        let claim = json!({"claimName": def.content.0, "readOnly": true});
        volumes.push(json!({"name": "content", "persistentVolumeClaim": claim}));
    }
    Value::Array(volumes)
}

/// The image of backups as the values name it, and when it is pulled. A digest wins over a tag, which can be moved.
fn image(values: &Value) -> Result<(String, String), StepError> {
    let image = values.pointer("/backup/image").and_then(Value::as_object).cloned().unwrap_or_default();
    let text = |name: &str| text(&image, name);
    let policy = text("pullPolicy").unwrap_or_else(|| "IfNotPresent".to_owned());
    let reference = match (text("repository"), text("digest"), text("tag")) {
        (Some(repository), Some(digest), _) => Some(format!("{repository}@{digest}")),
        (Some(repository), None, Some(tag)) => Some(format!("{repository}:{tag}")),
        _ => None,
    };
    let reference = reference.ok_or_else(|| {
        let why = "the values name no image for backups (backup.image.repository, and a tag or a digest)";
        StepError::terminal(FailureReason::ValuesRefused, why)
    })?;
    Ok((reference, policy))
}

fn text(image: &Map<String, Value>, name: &str) -> Option<String> {
    image.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn internal(why: &str) -> StepError {
    StepError::retryable(FailureReason::Internal, why)
}

#[cfg(test)]
mod tests;
