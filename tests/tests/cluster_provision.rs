//! The steps that need no running pod, on a real Kubernetes API: each taken twice, interrupted, and taken back.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota, Secret},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use sendstores_core::{
    FailureReason, Store,
    credentials::ReadCredentials,
    observed::{Progress, Remains, Seen},
    provisioner::Provisioner,
};
use sendstores_server::provision::KubeProvisioner;
use sendstores_tests::{
    helm_records::HelmRecords,
    provisioning::{Helm, Rig, complete, fresh_store, remove, simulated_images},
    steps,
    wait::{until, within},
};
use serde_json::json;

async fn first_steps(provisioner: &KubeProvisioner, store: &Store) {
    for step in [steps::NAMESPACE, steps::CREDENTIALS] {
        complete(provisioner, store, step).await;
    }
}

async fn secret(rig: &Rig, store: &Store) -> Secret {
    let api: Api<Secret> = Api::namespaced(rig.client.clone(), store.id.as_str());
    api.get("store-credentials").await.expect("the credentials")
}

#[tokio::test]
async fn every_step_can_be_taken_again() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[&simulated_images()]);
    let store = fresh_store();
    for step in [steps::NAMESPACE, steps::CREDENTIALS, steps::RELEASE] {
        assert_eq!(provisioner.observe(&store, step).await, Ok(Seen::Absent), "{step}");
        complete(&provisioner, &store, step).await;
        let before = if step == steps::CREDENTIALS { secret(&rig, &store).await.data } else { None };
        provisioner.ensure(&store, step).await.expect("again");
        let done = Seen::Known(Progress::Done(Vec::new()));
        assert_eq!(provisioner.observe(&store, step).await, Ok(done), "{step}");
        if step == steps::CREDENTIALS {
            assert_eq!(secret(&rig, &store).await.data, before, "passwords never change");
        }
    }
    assert_eq!(provisioner.observe_remains(&store).await, Ok(Seen::Known(Remains::Untouched)));
    remove(&provisioner, &store).await;
    remove(&provisioner, &store).await;
    assert_eq!(provisioner.observe(&store, steps::NAMESPACE).await, Ok(Seen::Absent));
}

/// Makes the database's StatefulSet as charts before `podManagementPolicy: Parallel` made it.
async fn make_ordered(rig: &Rig, store: &Store) {
    let api: Api<StatefulSet> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let mut ordered = api.get("mysql").await.expect("the database");
    api.delete("mysql", &DeleteParams::orphan()).await.expect("deleted");
    until("the StatefulSet to go", async || api.get_opt("mysql").await.expect("an answer").is_none().then_some(()))
        .await;
    ordered.metadata.uid = None;
    ordered.metadata.resource_version = None;
    ordered.status = None;
    ordered.spec.as_mut().expect("a spec").pod_management_policy = Some("OrderedReady".to_owned());
    api.create(&PostParams::default(), &ordered).await.expect("made as before");
}

#[tokio::test]
async fn a_statefulset_of_an_earlier_chart_is_replaced_around_its_pod() {
    for helm in [Helm::Three, Helm::Four] {
        let rig = Rig::light().await;
        let provisioner = rig.provisioner(helm, &[&simulated_images()]);
        let store = fresh_store();
        first_steps(&provisioner, &store).await;
        for step in [steps::RELEASE, steps::DATABASE] {
            complete(&provisioner, &store, step).await;
        }
        let pods: Api<Pod> = Api::namespaced(rig.client.clone(), store.id.as_str());
        let pod = pods.get("mysql-0").await.expect("its pod").uid();
        make_ordered(&rig, &store).await;
        provisioner.ensure(&store, steps::RELEASE).await.expect("upgraded");
        complete(&provisioner, &store, steps::DATABASE).await;
        let api: Api<StatefulSet> = Api::namespaced(rig.client.clone(), store.id.as_str());
        let spec = api.get("mysql").await.expect("the database").spec.expect("a spec");
        assert_eq!(spec.pod_management_policy.as_deref(), Some("Parallel"), "{helm:?}");
        assert_eq!(pods.get("mysql-0").await.expect("its pod").uid(), pod, "{helm:?}: the pod stays");
        remove(&provisioner, &store).await;
    }
}

#[tokio::test]
async fn files_are_read_again_when_helm_accepts_them() {
    let rig = Rig::light().await;
    for helm in [Helm::Three, Helm::Four] {
        let environment = rig.values("environment.yaml", "storage: {content: 1Gi}");
        let provisioner = rig.provisioner(helm, &[&simulated_images(), &environment]);
        provisioner.load_files().await.expect("read");
        rig.values("environment.yaml", "storage: {content: 2Gi}");
        assert_eq!(provisioner.reload_files().await, Ok(true), "{helm:?}");
        rig.values("environment.yaml", "storage: {contents: 3Gi}");
        let error = provisioner.reload_files().await.expect_err("the schema knows no such value");
        assert!(error.message.contains("contents"), "{helm:?}: {error}");
        rig.values("environment.yaml", "storage: {content: 2Gi}");
        assert_eq!(provisioner.reload_files().await, Ok(false), "{helm:?}");
    }
}

#[tokio::test]
async fn the_walls_stand_before_anything_else_and_are_put_up_again() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[]);
    let store = fresh_store();
    complete(&provisioner, &store, steps::NAMESPACE).await;
    let namespace: Namespace = Api::all(rig.client.clone()).get(store.id.as_str()).await.expect("the namespace");
    assert_eq!(namespace.labels()["pod-security.kubernetes.io/enforce"], "restricted");
    assert_eq!(namespace.labels()["sendstores.dev/uid"], store.uid.as_str());
    assert!(namespace.annotations()["sendstores.dev/spec"].contains("Käse & Brot"));
    let policies: Api<NetworkPolicy> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let quotas: Api<ResourceQuota> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let limits: Api<LimitRange> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let hole = json!({"spec": {"ingress": [{}]}});
    policies.patch("default-deny", &PatchParams::default(), &Patch::Merge(&hole)).await.expect("a hole");
    quotas.delete("store", &DeleteParams::default()).await.expect("no quota");
    limits.delete("store", &DeleteParams::default()).await.expect("no limits");
    let seen = provisioner.observe(&store, steps::NAMESPACE).await.expect("seen");
    assert!(matches!(seen, Seen::Known(Progress::Partial(_))), "{seen:?}");
    complete(&provisioner, &store, steps::NAMESPACE).await;
    let deny = policies.get("default-deny").await.expect("the policy").spec.expect("a spec");
    assert_eq!(deny.ingress.unwrap_or_default(), []);
    // A new intent shows in the marks.
    let mut next = store.clone();
    next.generation = 2;
    let seen = provisioner.observe(&next, steps::NAMESPACE).await.expect("seen");
    assert!(matches!(seen, Seen::Known(Progress::Partial(_))), "{seen:?}");
    complete(&provisioner, &next, steps::NAMESPACE).await;
    remove(&provisioner, &store).await;
}

/// Class and size of each volume.
async fn volumes(rig: &Rig, store: &Store) -> Vec<(Option<String>, Option<String>)> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let claims = api.list(&ListParams::default()).await.expect("the claims").items;
    let volume = |claim: PersistentVolumeClaim| {
        let spec = claim.spec.expect("a spec");
        let size = spec.resources.and_then(|resources| resources.requests?.get("storage").map(|size| size.0.clone()));
        (spec.storage_class_name, size)
    };
    claims.into_iter().map(volume).collect()
}

#[tokio::test]
async fn only_a_store_that_was_never_ready_takes_other_volumes() {
    let rig = Rig::light().await;
    let mistaken = rig.values("mistaken.yaml", "storage: {className: none, database: 5Gi, content: 5Gi}");
    let before = rig.provisioner(Helm::Four, &[&simulated_images(), &mistaken]);
    let after = rig.provisioner(Helm::Four, &[&simulated_images()]);
    let store = fresh_store();
    first_steps(&before, &store).await;
    complete(&before, &store, steps::RELEASE).await;
    let mistaken = (Some("none".to_owned()), Some("5Gi".to_owned()));
    let two = async || {
        let volumes = volumes(&rig, &store).await;
        (volumes.len() == 2).then_some(volumes)
    };
    assert_eq!(until("both volumes", two).await, [mistaken.clone(), mistaken.clone()]);

    // Had it been READY, it would be mended with what it was made from.
    let ready = Store { ready_time: Some(store.create_time), ..store.clone() };
    let done = Seen::Known(Progress::Done(Vec::new()));
    assert_eq!(after.observe(&ready, steps::RELEASE).await, Ok(done));
    after.ensure(&ready, steps::RELEASE).await.expect("mended");
    assert_eq!(volumes(&rig, &store).await, [mistaken.clone(), mistaken]);
    let made_from = after.made_from(&ready).await.expect("an answer").expect("what it is made from");
    assert_eq!(made_from.volumes["wp-content"].size, "5Gi");
    assert_eq!(made_from.images["wordpress"], "localhost/sendstores/woocommerce:simulated");

    until("the store to be made anew", async || match after.ensure(&store, steps::RELEASE).await {
        Ok(()) => Some(()),
        Err(error) => {
            assert!(!error.terminal && error.message.contains("made anew"), "{error}");
            None
        }
    })
    .await;
    for (class, size) in until("both volumes", two).await {
        assert_ne!(class.as_deref(), Some("none"));
        assert_eq!(size.as_deref(), Some("1Gi"));
    }
    remove(&after, &store).await;
}

#[tokio::test]
async fn a_strangers_namespace_is_left_alone() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[]);
    let (store, mut stranger) = (fresh_store(), fresh_store());
    stranger.id = store.id.clone();
    complete(&provisioner, &stranger, steps::NAMESPACE).await;
    for outcome in [
        provisioner.observe(&store, steps::NAMESPACE).await.map(drop),
        provisioner.ensure(&store, steps::NAMESPACE).await,
    ] {
        let error = outcome.expect_err("a conflict");
        assert_eq!((error.reason, error.terminal), (FailureReason::NamespaceConflict, true));
    }
    assert_eq!(provisioner.observe_remains(&store).await, Ok(Seen::Absent));
    provisioner.remove(&store).await.expect("nothing of this store");
    let namespaces: Api<Namespace> = Api::all(rig.client.clone());
    let still: Namespace = namespaces.get(stranger.id.as_str()).await.expect("still there");
    assert!(still.metadata.deletion_timestamp.is_none());
    assert_eq!(still.labels()["sendstores.dev/uid"], stranger.uid.as_str());
    remove(&provisioner, &stranger).await;
}

#[tokio::test]
async fn an_id_can_be_used_again_behind_its_removal() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[]);
    let (earlier, mut later) = (fresh_store(), fresh_store());
    later.id = earlier.id.clone();
    first_steps(&provisioner, &earlier).await;
    provisioner.remove(&earlier).await.expect("removed");
    // While the cluster still removes the one, the other waits for it, and then begins.
    let told = complete(&provisioner, &later, steps::NAMESPACE).await;
    assert!(told.iter().any(|detail| detail.contains("still being removed")), "{told:?}");
    assert_eq!(provisioner.observe_remains(&earlier).await, Ok(Seen::Absent));
    complete(&provisioner, &later, steps::CREDENTIALS).await;
    remove(&provisioner, &later).await;
}

#[tokio::test]
async fn lost_keys_are_made_again_and_no_other_is_touched() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[]);
    let store = fresh_store();
    first_steps(&provisioner, &store).await;
    let before = secret(&rig, &store).await.data.expect("keys");
    let api: Api<Secret> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let loss = json!({"data": {"nonce-salt": null}});
    api.patch("store-credentials", &PatchParams::default(), &Patch::Merge(&loss)).await.expect("a loss");
    let told = complete(&provisioner, &store, steps::CREDENTIALS).await;
    assert_eq!(told, ["without nonce-salt"]);
    let after = secret(&rig, &store).await.data.expect("keys");
    for (key, value) in &before {
        assert_eq!(after[key] == *value, key != "nonce-salt", "{key}");
    }
    remove(&provisioner, &store).await;
}

#[tokio::test]
async fn credentials_are_handed_out_for_this_very_store_alone() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[]);
    let store = fresh_store();
    let read = async |store: &Store| provisioner.read_credentials(store).await.expect("an answer");
    assert_eq!(read(&store).await, None);
    complete(&provisioner, &store, steps::NAMESPACE).await;
    assert_eq!(read(&store).await, None);
    complete(&provisioner, &store, steps::CREDENTIALS).await;
    let found = read(&store).await.expect("credentials");
    let data = secret(&rig, &store).await.data.expect("keys");
    assert_eq!(found.password.expose().as_bytes(), data["admin-password"].0);
    assert_eq!((found.user.as_str(), found.admin_url), ("merchant", format!("{}/wp-admin/", store.url)));

    // Another store of the same id, earlier or later: neither its namespace nor its Secret is this one's.
    let mut other = fresh_store();
    other.id = store.id.clone();
    assert_eq!(read(&other).await, None);
    let api: Api<Secret> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let strange = json!({"metadata": {"labels": {"sendstores.dev/uid": other.uid.as_str()}}});
    api.patch("store-credentials", &PatchParams::default(), &Patch::Merge(&strange)).await.expect("a strange Secret");
    assert_eq!(read(&store).await, None);
    assert_eq!(read(&other).await, None);
    remove(&provisioner, &store).await;
}

/// Takes the release step and kills it as soon as helm has written a record of this status.
async fn interrupt_at(rig: &Rig, provisioner: &KubeProvisioner, store: &Store, status: &str) {
    let records = HelmRecords::now(&rig.client, store.id.as_str()).await;
    tokio::select! {
        biased;
        () = records.reach(status) => {}
        outcome = provisioner.ensure(store, steps::RELEASE) => panic!("it ended: {outcome:?}"),
    }
}

async fn pod_template_of_database(rig: &Rig, store: &Store) -> Option<(String, i64)> {
    let api: Api<StatefulSet> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let set = api.get_opt("mysql").await.expect("an answer")?;
    Some((set.uid()?, set.metadata.generation?))
}

async fn killed_helms_are_healed(helm: Helm) {
    let rig = Rig::light().await;
    let images = simulated_images();
    let provisioner = rig.provisioner(helm, &[&images]);
    let store = fresh_store();
    first_steps(&provisioner, &store).await;
    // Three times in its first installation, the last of another environment.
    interrupt_at(&rig, &provisioner, &store, "pending-install").await;
    interrupt_at(&rig, &provisioner, &store, "pending-install").await;
    let other = rig.values("other.yaml", "storage: {database: 2Gi}");
    let changed = rig.provisioner(helm, &[&images, &other]);
    interrupt_at(&rig, &changed, &store, "pending-install").await;
    let told = complete(&provisioner, &store, steps::RELEASE).await;
    assert_eq!(told, ["the last revision of the release is an interrupted first installation"]);
    let (uid, generation) = pod_template_of_database(&rig, &store).await.expect("a database");
    // And in an upgrade, whose repetition changes nothing that runs.
    let other = rig.values("other.yaml", "storage: {content: 1Gi}");
    let changed = rig.provisioner(helm, &[&images, &other]);
    interrupt_at(&rig, &changed, &store, "pending-upgrade").await;
    let told = complete(&changed, &store, steps::RELEASE).await;
    assert_eq!(told, ["the last revision of the release is an interrupted upgrade"]);
    assert_eq!(pod_template_of_database(&rig, &store).await, Some((uid, generation)));
    remove(&provisioner, &store).await;
}

#[tokio::test]
async fn a_killed_helm_4_is_healed() {
    killed_helms_are_healed(Helm::Four).await;
}

#[tokio::test]
async fn a_killed_helm_3_is_healed() {
    killed_helms_are_healed(Helm::Three).await;
}

#[tokio::test]
async fn a_lost_workload_is_made_again() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[&simulated_images()]);
    let store = fresh_store();
    first_steps(&provisioner, &store).await;
    complete(&provisioner, &store, steps::RELEASE).await;
    let api: Api<StatefulSet> = Api::namespaced(rig.client.clone(), store.id.as_str());
    api.delete("mysql", &DeleteParams::default()).await.expect("lost");
    until("it did not go", async || api.get_opt("mysql").await.expect("an answer").is_none().then_some(())).await;
    assert_eq!(provisioner.observe(&store, steps::DATABASE).await, Ok(Seen::Absent));
    provisioner.ensure(&store, steps::DATABASE).await.expect("made again");
    assert_ne!(provisioner.observe(&store, steps::DATABASE).await, Ok(Seen::Absent));
    remove(&provisioner, &store).await;
}

#[tokio::test]
async fn values_that_the_chart_refuses_are_final_with_both_helms() {
    let rig = Rig::light().await;
    let store = fresh_store();
    let good = simulated_images();
    let by_schema = rig.values("schema.yaml", "resources: {mysql: {limits: {cpu: lots}}}");
    let by_chart = rig.values("chart.yaml", "network: {dns: {namespace: '', podLabels: {}, cidrs: []}}");
    first_steps(&rig.provisioner(Helm::Four, &[]), &store).await;
    for helm in [Helm::Four, Helm::Three] {
        for bad in [&by_schema, &by_chart] {
            let provisioner = rig.provisioner(helm, &[&good, bad]);
            let error = provisioner.ensure(&store, steps::RELEASE).await.expect_err("refused");
            assert_eq!((error.reason, error.terminal), (FailureReason::ValuesRefused, true), "{helm:?}: {error}");
        }
    }
    remove(&rig.provisioner(Helm::Four, &[]), &store).await;
}

#[tokio::test]
async fn an_object_that_the_quota_refuses_is_told() {
    let rig = Rig::light().await;
    let provisioner =
        rig.provisioner(Helm::Four, &[&simulated_images(), &rig.values("big.yaml", "storage: {database: 500Gi}")]);
    let store = fresh_store();
    first_steps(&provisioner, &store).await;
    complete(&provisioner, &store, steps::RELEASE).await;
    // The claim comes from the StatefulSet, which can only tell by an event.
    let mut seen = provisioner.observe(&store, steps::DATABASE).await.expect("seen");
    let refused = async {
        loop {
            match seen {
                Seen::Known(Progress::Waiting(waiting)) if waiting.reason == FailureReason::QuotaExceeded => {
                    return waiting;
                }
                Seen::Known(last) => seen = provisioner.wait(&store, steps::DATABASE, &last).await.expect("waited"),
                other => panic!("{other:?}"),
            }
        }
    };
    let waiting = within("the refusal", refused).await;
    assert!(waiting.detail.contains("exceeded quota"), "{}", waiting.detail);
    remove(&provisioner, &store).await;
}

#[tokio::test]
async fn a_namespace_that_appears_meanwhile_is_not_taken_over() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner(Helm::Four, &[]);
    let store = fresh_store();
    let namespaces: Api<Namespace> = Api::all(rig.client.clone());
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(store.id.to_string());
    namespaces.create(&PostParams::default(), &namespace).await.expect("a stranger");
    let error = provisioner.ensure(&store, steps::NAMESPACE).await.expect_err("a conflict");
    assert_eq!(error.reason, FailureReason::NamespaceConflict);
    let still = namespaces.get(store.id.as_str()).await.expect("still there");
    assert!(!still.labels().contains_key("sendstores.dev/store"));
    namespaces.delete(store.id.as_str(), &DeleteParams::default()).await.expect("away");
}
