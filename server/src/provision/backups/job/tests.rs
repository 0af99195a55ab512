use std::time::Duration;

use sendstores_core::{
    Backup, Labels, Timestamp,
    backup::{BackupType, NewBackup},
};

use super::*;
use crate::provision::{engines::woocommerce, steps::fixtures};

fn settings() -> BackupSettings {
    BackupSettings {
        repository: "s3:http://10.0.0.1:7070/bucket/{uid}".parse().unwrap(),
        key_file: "/key".into(),
        s3_credentials: None,
        deadline: Duration::from_secs(1_800),
    }
}

fn backup(store: &Store) -> Backup {
    let new = NewBackup {
        id: format!("{}/20261130-174933-4fkq", store.uid).parse().unwrap(),
        store: store.id.clone(),
        tenant: None,
        labels: Labels::default(),
        of: BackupType::OnDemand,
        request_id: None,
        release: Some("2026-11".parse().unwrap()),
        expire_time: None,
    };
    Backup { snapshot: Some("5f".repeat(32).parse().unwrap()), ..Backup::new(new, Timestamp::from_micros(1)) }
}

fn values() -> Value {
    json!({
        "backup": {"image": {"repository": "registry.example.com/backup", "tag": "1", "digest": "sha256:aa"}},
        "storage": {"database": "7Gi"},
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "Exists"}]}],
        }}},
    })
}

fn made(purpose: Purpose, values: &Value) -> Result<Value, StepError> {
    let (settings, store) = (settings(), fixtures::store());
    let backup = backup(&store);
    let task = Task { purpose, backup: &backup, store: &store };
    let engine = &woocommerce::ENGINE;
    let def = engine.backup.as_ref().unwrap();
    Ok(serde_json::to_value(job(task, &Made { settings: &settings, engine, def, values })?).unwrap())
}

fn names_of(list: &Value, name: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one[name].as_str().map(str::to_owned)).collect()
}

#[test]
fn the_pod_of_a_backup_may_do_nothing_but_read_one_store() {
    let job = made(Purpose::Backup, &values()).unwrap();
    let pod = &job["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(job["metadata"]["name"], "backup-20261130-174933-4fkq");
    assert_eq!((&job["spec"]["backoffLimit"], &job["spec"]["activeDeadlineSeconds"]), (&json!(0), &json!(1_800)));
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsUser"], USER);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["image"], "registry.example.com/backup@sha256:aa");
    assert_eq!(container["command"], json!(["/usr/local/bin/backup"]));
    let mounts: Vec<_> = container["volumeMounts"].as_array().unwrap().iter().collect();
    let written =
        mounts.iter().filter(|mount| mount["readOnly"] != true).map(|mount| mount["mountPath"].as_str().unwrap());
    assert_eq!(written.collect::<Vec<_>>(), ["/scratch", "/tmp"]);
    let paths: Vec<_> = mounts.iter().filter_map(|mount| mount["mountPath"].as_str()).collect();
    for path in ["/source/wp-content", "/run/secrets/backup", "/run/secrets/database", "/run/secrets/salts"] {
        assert!(paths.contains(&path), "{path} is missing in {paths:?}");
    }
    let content = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == "content").unwrap();
    assert_eq!(content["persistentVolumeClaim"], json!({"claimName": "wp-content", "readOnly": true}));
    let near = &pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(near["labelSelector"]["matchLabels"][names::POD_NAME], "wordpress");
    assert_eq!(
        pod["affinity"]["nodeAffinity"],
        values()["affinity"]["nodeAffinity"],
        "what the environment says stays"
    );
}

#[test]
fn the_environment_of_a_pod_says_what_to_do_and_no_secret() {
    let job = made(Purpose::Backup, &values()).unwrap();
    let environment = &job["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(
        names_of(environment, "name"),
        ["RESTIC_REPOSITORY", "BACKUP_ID", "STORE_ID", "STORE_UID", "RELEASE", "DB_HOST", "DB_NAME", "DB_USER"]
    );
    let store = fixtures::store();
    let wanted = [format!("s3:http://10.0.0.1:7070/bucket/{}", store.uid), "20261130-174933-4fkq".to_owned()];
    assert_eq!(names_of(environment, "value")[..2], wanted);
}

#[test]
fn what_removes_a_snapshot_sees_nothing_of_the_store() {
    let job = made(Purpose::Forget, &values()).unwrap();
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(names_of(&pod["volumes"], "name"), ["backup", "scratch", "tmp"]);
    let environment = &pod["containers"][0]["env"];
    assert!(names_of(environment, "name").contains(&"SNAPSHOT".to_owned()));
    assert!(!job.to_string().contains("wordpress") && pod["affinity"].get("podAffinity").is_none());
}

#[test]
fn the_secret_goes_with_its_job() {
    let store = fixtures::store();
    let backup = backup(&store);
    let task = Task { purpose: Purpose::Backup, backup: &backup, store: &store };
    let secret =
        secret(task, &"c1".parse().unwrap(), BTreeMap::from([("repository-password".to_owned(), "k".to_owned())]));
    let owner = &secret.metadata.owner_references.unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.name.as_str(), owner.uid.as_str()), ("Job", task.name().as_str(), "c1"));
    assert_eq!(secret.metadata.name, Some(task.name()));
}

#[test]
fn an_environment_without_an_image_is_named() {
    for image in [json!({}), json!({"repository": "a"}), json!({"tag": "1"})] {
        let error = made(Purpose::Backup, &json!({"backup": {"image": image}})).unwrap_err();
        assert!(error.terminal && error.message.contains("backup.image.repository"), "{error}");
    }
    let tagged = json!({"backup": {"image": {"repository": "a", "tag": "1", "pullPolicy": "Never"}}});
    let container = &made(Purpose::Forget, &tagged).unwrap()["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["imagePullPolicy"]), (&json!("a:1"), &json!("Never")));
}
