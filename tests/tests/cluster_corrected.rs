//! The server corrects mistakes in the values and changes by hand once the values are right. An operator changes nothing in the
//! cluster.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use sendstores_core::{
    Store,
    observed::{Outlook, Progress, Seen},
    provisioner::Provisioner,
};
use sendstores_server::provision::KubeProvisioner;
use sendstores_tests::{
    provisioning::{Helm, Rig, complete, fresh_store, remove, simulated_images},
    steps,
    wait::until,
};
use serde_json::json;

/// Up to the release, which makes the pods.
async fn release(provisioner: &KubeProvisioner, store: &Store) {
    for step in [steps::NAMESPACE, steps::CREDENTIALS, steps::RELEASE] {
        complete(provisioner, store, step).await;
    }
}

#[tokio::test]
async fn pods_that_never_became_ready_are_replaced_once_the_values_are_right() {
    let rig = Rig::light().await;
    for helm in [Helm::Three, Helm::Four] {
        let nowhere = rig.values("nowhere.yaml", "nodeSelector: {disk: none}");
        let mistaken = rig.provisioner(helm, &[&simulated_images(), &nowhere]);
        let right = rig.provisioner(helm, &[&simulated_images()]);
        let store = fresh_store();
        release(&mistaken, &store).await;
        let stuck = async || match mistaken.observe(&store, steps::DATABASE).await.expect("observed") {
            Seen::Known(Progress::Waiting(waiting)) => (waiting.outlook == Outlook::Stuck).then_some(waiting.detail),
            _ => None,
        };
        let why = until("the database to be stuck", stuck).await;
        assert!(why.contains("no node can take the pod"), "{helm:?}: {why}");
        let pods: Api<Pod> = Api::namespaced(rig.client.clone(), store.id.as_str());
        let before = pods.get("mysql-0").await.expect("its pod").uid();

        for step in [steps::RELEASE, steps::DATABASE, steps::APPLICATION] {
            complete(&right, &store, step).await;
        }
        assert_ne!(pods.get("mysql-0").await.expect("its pod").uid(), before, "{helm:?}");
        remove(&right, &store).await;
    }
}

#[tokio::test]
async fn fields_that_somebody_changed_by_hand_are_taken_back_by_a_repair() {
    let rig = Rig::light().await;
    for helm in [Helm::Three, Helm::Four] {
        let provisioner = rig.provisioner(helm, &[&simulated_images()]);
        let store = fresh_store();
        release(&provisioner, &store).await;
        complete(&provisioner, &store, steps::APPLICATION).await;
        let api: Api<Deployment> = Api::namespaced(rig.client.clone(), store.id.as_str());
        let limit = async || {
            let spec = api.get("wordpress").await.expect("the application").spec.expect("a spec");
            let containers = spec.template.spec.expect("a pod").containers;
            let limits = containers[0].resources.as_ref().and_then(|resources| resources.limits.clone());
            limits.expect("limits")["memory"].0.clone()
        };
        let before = limit().await;
        // As `kubectl edit` does, and as a policy engine does that owns what it has changed.
        for force in [false, true] {
            let resources = json!({"limits": {"memory": if force { "555Mi" } else { "444Mi" }}});
            let change = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec":
                {"containers": [{"name": "wordpress", "resources": resources}]}}}});
            let params = PatchParams { force, ..PatchParams::apply("kubectl-edit") };
            let patch = if force { Patch::Apply(&change) } else { Patch::Strategic(&change) };
            api.patch("wordpress", &params, &patch).await.expect("changed");
            assert_ne!(limit().await, before);
            provisioner.ensure(&store, steps::RELEASE).await.expect("repaired");
            assert_eq!(limit().await, before, "{helm:?}");
        }
        complete(&provisioner, &store, steps::APPLICATION).await;
        remove(&provisioner, &store).await;
    }
}
