//! What a store's namespace refuses, whoever asks: here it is the cluster's administrator.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, PostParams},
};
use sendstores_tests::{cluster::Cluster, provisioning::Rig, wait::until};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// One namespace, asked for more than it should give.
struct Space<'a> {
    cluster: &'a Cluster,
    admin: &'a Rig,
    store: &'a str,
}

/// All of it, in a store that is READY.
pub async fn hold(cluster: &Cluster, admin: &Rig, store: &str) {
    let space = Space { cluster, admin, store };
    space.pod_security().await;
    space.limits().await;
    space.quota_of_pods().await;
    space.quota_of_claims_and_services().await;
    space.no_token();
    space.walls_before_workloads();
}

/// A pod that Pod Security `restricted` lets through, and that no node takes.
fn harmless(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "nodeSelector": {"sendstores.dev/none": "here"},
        "securityContext": {"runAsNonRoot": true, "runAsUser": 33, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "image": "localhost/none", "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}})
}

/// The same with other fields of the container's security context.
fn container_with(fields: Value) -> Value {
    let mut pod = harmless("bad");
    let context = &mut pod["spec"]["containers"][0]["securityContext"];
    for (name, value) in fields.as_object().expect("fields") {
        context[name] = value.clone();
    }
    pod
}

/// The same with other fields of the pod.
fn pod_with(fields: Value) -> Value {
    let mut pod = harmless("bad");
    for (name, value) in fields.as_object().expect("fields") {
        pod["spec"][name] = value.clone();
    }
    pod
}

/// An object of a namespace that can be made.
trait Tried:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<K> Tried for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned
{
}

// === impl Space ===

impl Space<'_> {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.admin.client.clone(), self.store)
    }

    /// Asks without doing it.
    async fn ask<K: Tried>(&self, object: Value) -> Result<K, String> {
        let how = PostParams { dry_run: true, ..PostParams::default() };
        let object = serde_json::from_value(object).expect("an object");
        self.api::<K>().create(&how, &object).await.map_err(|error| error.to_string())
    }

    async fn refused<K: Tried>(&self, object: Value, why: &str) {
        let error = self.ask::<K>(object).await.expect_err(why);
        Self::because::<K>(&error, why);
    }

    /// Refused as soon as the quota has counted what was made before.
    ///
    /// Its controller counts again whenever something was deleted, from a list that can lag behind what was admitted, and
    /// then not before the next deletion or five minutes. So what it lets through is made and deleted, until it does not.
    async fn refused_once_counted<K: Tried>(&self, mut object: Value, why: &str) {
        object["metadata"] = json!({"generateName": "one-more-"});
        let object: K = serde_json::from_value(object).expect("an object");
        let api = self.api::<K>();
        let at_once = DeleteParams::default().grace_period(0);
        let refusal = async || match api.create(&PostParams::default(), &object).await {
            Ok(made) => {
                api.delete(&made.name_any(), &at_once).await.expect("deleted");
                None
            }
            Err(error) => Some(error.to_string()).filter(|error| error.contains(why)),
        };
        let error = until(&format!("a refusal: {why}"), refusal).await;
        Self::because::<K>(&error, why);
    }

    fn because<K>(error: &str, why: &str) {
        assert!(error.contains(why), "not for {why:?}: {error}");
        println!("| {} | refused: {why} |", std::any::type_name::<K>().rsplit("::").next().unwrap_or_default());
    }

    async fn pod_security(&self) {
        self.ask::<Pod>(harmless("good")).await.expect("what is harmless is let through");
        for (pod, why) in [
            (container_with(json!({"privileged": true, "allowPrivilegeEscalation": true})), "privileged"),
            (container_with(json!({"allowPrivilegeEscalation": true})), "allowPrivilegeEscalation != false"),
            (container_with(json!({"runAsUser": 0})), "runAsUser=0"),
            (container_with(json!({"runAsNonRoot": false})), "runAsNonRoot != true"),
            (container_with(json!({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}})), "capabilities"),
            (container_with(json!({"capabilities": {}})), "unrestricted capabilities"),
            (container_with(json!({"seccompProfile": {"type": "Unconfined"}})), "seccompProfile"),
            (container_with(json!({"procMount": "Unmasked"})), "procMount"),
            (pod_with(json!({"hostNetwork": true})), "host namespaces (hostNetwork=true)"),
            (pod_with(json!({"hostPID": true})), "host namespaces (hostPID=true)"),
            (pod_with(json!({"hostIPC": true})), "host namespaces (hostIPC=true)"),
            (pod_with(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})), "restricted volume types"),
        ] {
            self.refused::<Pod>(pod, why).await;
        }
    }

    /// A container that states nothing gets its share, and one that states too much is refused.
    async fn limits(&self) {
        let pod = self.ask::<Pod>(harmless("good")).await.expect("a pod");
        let resources = serde_json::to_value(&pod.spec.expect("its spec").containers[0].resources).expect("JSON");
        let wanted =
            json!({"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}});
        assert_eq!(resources, wanted);
        for (what, amount) in [("cpu", "9"), ("memory", "9Gi")] {
            let mut pod = harmless("bad");
            pod["spec"]["containers"][0]["resources"] = json!({"limits": {what: amount}, "requests": {what: "1"}});
            self.refused::<Pod>(pod, &format!("exceeded quota: store, requested: limits.{what}={amount}")).await;
        }
    }

    /// As many pods as the quota has room for beside the store's own two, and one more.
    async fn quota_of_pods(&self) {
        let pods: Api<Pod> = self.api();
        let names: Vec<String> = (0..6).map(|n| format!("more-{n}")).collect();
        for name in &names {
            let pod = serde_json::from_value(harmless(name)).expect("a pod");
            pods.create(&PostParams::default(), &pod).await.expect("there is room");
        }
        let why = "exceeded quota: store, requested: pods=1, used: pods=8, limited: pods=8";
        self.refused_once_counted::<Pod>(harmless("bad"), why).await;
        for name in &names {
            pods.delete(name, &DeleteParams::default().grace_period(0)).await.expect("deleted");
        }
    }

    async fn quota_of_claims_and_services(&self) {
        let claim = |size: &str| {
            json!({"metadata": {"name": "more"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}})
        };
        self.ask::<PersistentVolumeClaim>(claim("1Gi")).await.expect("there is room");
        self.refused::<PersistentVolumeClaim>(claim("49Gi"), "exceeded quota: store, requested: requests.storage=49Gi")
            .await;
        let claims: Api<PersistentVolumeClaim> = self.api();
        for name in ["more-1", "more-2"] {
            let mut one: PersistentVolumeClaim = serde_json::from_value(claim("1Gi")).expect("a claim");
            one.metadata.name = Some(name.to_owned());
            claims.create(&PostParams::default(), &one).await.expect("there is room");
        }
        let why = "exceeded quota: store, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=4";
        self.refused_once_counted::<PersistentVolumeClaim>(claim("1Gi"), why).await;
        for name in ["more-1", "more-2"] {
            claims.delete(name, &DeleteParams::default()).await.expect("deleted");
        }
        for (kind, why) in [("NodePort", "services.nodeports=1"), ("LoadBalancer", "services.loadbalancers=1")] {
            let service = json!({"metadata": {"name": "more"}, "spec": {"type": kind, "ports": [{"port": 80}]}});
            self.refused::<Service>(service, why).await;
        }
    }

    /// Neither pod has a token, nor would another pod of the same account.
    fn no_token(&self) {
        for (workload, container) in [("deployment/wordpress", "wordpress"), ("statefulset/mysql", "mysql")] {
            let look =
                ["-n", self.store, "exec", workload, "-c", container, "--", "ls", "/var/run/secrets/kubernetes.io"];
            let output = self.cluster.kubectl(&look);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("No such file or directory"), "{workload}: {said}");
        }
        let pods = self.cluster.get(&["-n", self.store, "pods", "-l", "app.kubernetes.io/part-of=sendstores"]);
        let pods = pods["items"].as_array().expect("pods");
        assert!(pods.len() == 2 && pods.iter().all(|pod| pod["spec"]["automountServiceAccountToken"] == false));
        let account = self.cluster.get(&["-n", self.store, "serviceaccount", "store"]);
        assert_eq!(account["automountServiceAccountToken"], false);
        assert_eq!(self.cluster.get(&["-n", self.store, "roles,rolebindings"])["items"], json!([]));
    }

    /// In the API server's own order: what shuts the namespace in is there before what makes pods.
    fn walls_before_workloads(&self) {
        let log = std::fs::read_to_string(self.cluster.audit_log()).expect("the audit log");
        let made = |resource: &str| {
            let position = log.lines().position(|line| {
                let entry: Value = serde_json::from_str(line).unwrap_or_default();
                let object = &entry["objectRef"];
                object["namespace"] == self.store
                    && object["resource"] == resource
                    && entry["responseStatus"]["code"] == 201
            });
            position.unwrap_or_else(|| panic!("nobody made {resource}"))
        };
        let walls = ["networkpolicies", "resourcequotas", "limitranges"].map(made);
        let first = ["deployments", "statefulsets"].map(made).into_iter().min().expect("two");
        assert!(walls.iter().all(|wall| *wall < first), "{walls:?} {first}");
    }
}
