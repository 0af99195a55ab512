//! What the control plane may do is what it does: its rights, compared with what the API server wrote down of it. And
//! what a store's own account may do: nothing.

use std::{collections::BTreeSet, fmt::Debug};

use ::http::Request;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview},
        core::v1::{ConfigMap, LimitRange, Namespace, PersistentVolume, ResourceQuota, Secret, Service},
        networking::v1::Ingress,
    },
};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use sendstores_client::{
    Client, CreateStore, UpdateStore,
    v1::{StoreFilter, failure::Reason, store::State},
};
use sendstores_tests::{
    cluster::Cluster,
    exposition,
    helm_records::{HelmRecords, helm_status},
    http,
    identity::Identity,
    life::{gone, reached},
    provisioning::{Helm, Rig, complete, fresh_store, remove, simulated_images},
    redis::RedisServer,
    server::{Server, ServerOptions},
    steps,
    wait::until,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const INSTANCE: &str = "rights";
const ID: &str = "store-rights";

/// A control plane with an identity of its own, and an administrator who does it harm.
struct World {
    cluster: Cluster,
    identity: Identity,
    redis: RedisServer,
    admin: Rig,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let cluster = Cluster::light();
        let namespace = format!("plane-{}", std::process::id());
        let identity = Identity::install(&cluster, &namespace).await;
        Self { cluster, identity, redis: RedisServer::start().await, admin: Rig::light().await }
    }

    fn server_in(&self, cluster: &Cluster) -> ServerOptions {
        let server = cluster.server_of(INSTANCE, &self.redis.url()).env("KUBECONFIG", self.identity.kubeconfig());
        server.flag("--probe-interval=1s").flag("--cron-interval=1s")
    }

    /// A server whose environment has this, too.
    async fn serve(&self, values: &str) -> (Server, Client) {
        let file = self.admin.values("more.yaml", values);
        let server = self.server_in(&self.cluster.clone().with_values(file)).start_ready().await;
        let client = server.client().await;
        (server, client)
    }

    fn in_store<K>(&self, id: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.admin.client.clone(), id)
    }

    fn all<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.admin.client.clone())
    }

    /// Waits until the API server has written down that this right was used.
    async fn used(&self, right: &str) {
        until(right, async || self.identity.seen().used.contains(right).then_some(())).await;
    }

    /// Creates a store and waits until helm is at work on its release.
    async fn create_up_to_helm(&self, client: &Client, id: &str) {
        let records = HelmRecords::now(&self.admin.client, id).await;
        client.create(CreateStore::new().id(id)).await.expect("create");
        records.reach("pending-install").await;
    }
}

async fn patch<K>(api: &Api<K>, name: &str, change: Value)
where
    K: Clone + Debug + DeserializeOwned,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(&change)).await.expect("patched");
}

/// One store whose values the chart refuses, and one that waits for an earlier store's namespace to go.
async fn what_never_begins(world: &World) {
    let earlier = "store-rights-earlier";
    let namespaces: Api<Namespace> = world.all();
    let namespace = json!({"metadata": {"name": earlier, "finalizers": ["sendstores.dev/test"], "labels": {
        "app.kubernetes.io/managed-by": "sendstores", "sendstores.dev/store": earlier,
        "sendstores.dev/uid": "0193b0a0-7c3e-7000-8000-0000000000ff"}}});
    let namespace = serde_json::from_value(namespace).expect("a namespace");
    namespaces.create(&PostParams::default(), &namespace).await.expect("an earlier store's");
    namespaces.delete(earlier, &DeleteParams::default()).await.expect("it is going");

    let (_server, client) = world.serve("resources: {mysql: {limits: {cpu: lots}}}").await;
    client.create(CreateStore::new().id("store-rights-bad")).await.expect("create");
    client.create(CreateStore::new().id(earlier)).await.expect("create");
    reached(&client, "store-rights-bad", State::Failed).await;
    world.used("resourcequotas: watch").await;
    patch(&namespaces, earlier, json!({"metadata": {"finalizers": null}})).await;
    hold(world, true).await;
    for id in ["store-rights-bad", earlier] {
        client.delete(id).await.expect("delete");
    }
}

/// Something in the namespace of the bad store is held back from its end, or no longer.
async fn hold(world: &World, held: bool) {
    let maps: Api<ConfigMap> = world.in_store("store-rights-bad");
    until("the cluster to put its certificate there", async || maps.get_opt("kube-root-ca.crt").await.ok()?).await;
    let finalizers = if held { json!(["sendstores.dev/test"]) } else { Value::Null };
    patch(&maps, "kube-root-ca.crt", json!({"metadata": {"finalizers": finalizers}})).await;
}

/// Kills a server in the middle of its helm's first installation; helm may be done before, and then it is made anew.
async fn killed_in_helm(world: &World) {
    for _ in 0..10 {
        let (server, client) = world.serve("disruptionBudget: {enabled: true}").await;
        world.create_up_to_helm(&client, ID).await;
        server.kill9();
        if helm_status(&world.admin.client, ID).await.as_deref() == Some("pending-install") {
            return;
        }
        let (_server, client) = world.serve("disruptionBudget: {enabled: true}").await;
        client.delete(ID).await.expect("delete");
        gone(&world.cluster, &client, ID).await;
    }
    panic!("helm was done before the kill ten times");
}

/// A server that is killed in the middle of helm; what it had made is damaged, and its successor has other values.
async fn killed_and_damaged(world: &World) {
    killed_in_helm(world).await;
    patch(&world.in_store::<Secret>(ID), "store-credentials", json!({"data": {"nonce-salt": null}})).await;
    let quotas: Api<ResourceQuota> = world.in_store(ID);
    let quota = quotas.list(&ListParams::default()).await.expect("a list").items.remove(0).metadata.name;
    patch(&quotas, &quota.expect("its name"), json!({"spec": {"hard": {"pods": "99"}}})).await;
    let limits = json!({"metadata": {"name": "too-small"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "1500m"}}]}});
    let limits = serde_json::from_value(limits).expect("limits");
    world
        .in_store::<LimitRange>(ID)
        .create(&PostParams::default(), &limits)
        .await
        .expect("too small for the application");
}

/// The successor finishes it, with an application that is kept from starting for a while, and looks after it.
async fn looked_after(world: &World, server: &Server, client: &Client) {
    world.used("deployments.apps: watch").await;
    world.in_store::<LimitRange>(ID).delete("too-small", &DeleteParams::default()).await.expect("there is room again");
    reached(client, ID, State::Ready).await;
    client.credentials(ID).await.expect("credentials");
    let larger = client.update(UpdateStore::new(ID).content_gib(2)).await.expect_err("its class does not let it grow");
    assert_eq!(larger.reason(), Some("CANNOT_EXPAND"));
    until("the shop to be asked", async || {
        let (_, metrics) = http::get(server.admin, "/metrics").await.ok()?;
        let called = exposition::value(&metrics, r#"sendstores_cron_calls_total{outcome="ok"}"#)?;
        (called > 0.0).then_some(())
    })
    .await;
}

/// The way to a shop that runs is lost, so that its log is looked at; then the database and the way in are.
async fn mended(world: &World, client: &Client) {
    let (sets, lost): (Api<StatefulSet>, _) = (world.in_store(ID), DeleteParams::default());
    world.in_store::<Service>(ID).delete("wordpress", &lost).await.expect("the Service is lost");
    world.used("pods/log: get").await;
    sets.delete("mysql", &lost).await.expect("the database is lost");
    world.in_store::<Ingress>(ID).delete("wordpress", &lost).await.expect("the Ingress is lost");
    reached(client, ID, State::Degraded).await;
    reached(client, ID, State::Ready).await;
    assert!(sets.get_opt("mysql").await.expect("an answer").is_some());
}

/// A backup is tried twice: the pods of simulated nodes end without an answer.
async fn backed_up(world: &World) {
    let image = "backup: {image: {repository: registry.invalid/backup, tag: '1'}}";
    let key = world.admin.values("key", "0123456789abcdef0123456789abcdef");
    let keys = ["access-key-id", "secret-access-key"].map(|name| world.admin.values(name, "none"));
    let values = world.admin.values("more.yaml", image);
    let server = world
        .server_in(&world.cluster.clone().with_values(values))
        .flag("--backup-repository=s3:http://127.0.0.1:1/bucket/{uid}")
        .flag(format!("--backup-key-file={}", key.display()))
        .flag(format!("--backup-s3-credentials={}", keys[0].parent().expect("a folder").display()));
    let server = server.start_ready().await;
    let client = server.client().await;
    let backup = client.create_backup(ID).await.expect("accepted");
    world.used("jobs.batch: watch").await;
    let ended = client.wait_until_backed_up(&backup.id, |_| ()).await.expect("it ends");
    assert_eq!(ended.failure.map(|failure| failure.reason()), Some(Reason::BackupJobLost));
    world.used("jobs.batch: delete").await;
}

/// Redis is lost, and the store is taken back.
async fn adopted(world: &World, values: &str) -> (Server, Client) {
    world.redis.cli(["FLUSHALL"]).await;
    let (server, client) = world.serve(values).await;
    let output = world.server_in(&world.cluster).command().arg("adopt").output().expect("run it");
    assert!(String::from_utf8_lossy(&output.stdout).contains("store-rights: adopted"), "{output:?}");
    reached(&client, ID, State::Ready).await;
    (server, client)
}

/// A volume that stays a while is waited for.
async fn removed_with_a_slow_volume(world: &World, client: &Client) {
    let volumes: Api<PersistentVolume> = world.all();
    let ours = |volume: &PersistentVolume| {
        let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        claim.and_then(|claim| claim.namespace.as_deref()) == Some(ID)
    };
    let found = volumes.list(&ListParams::default()).await.expect("volumes").items;
    let volume = found.into_iter().find(ours).and_then(|volume| volume.metadata.name).expect("a volume");
    patch(&volumes, &volume, json!({"metadata": {"finalizers": ["sendstores.dev/test"]}})).await;
    client.delete(ID).await.expect("delete");
    world.used("persistentvolumes: watch").await;
    patch(&volumes, &volume, json!({"metadata": {"finalizers": null}})).await;
    gone(&world.cluster, client, ID).await;
}

/// A deletion in the middle of helm.
async fn cut_short(world: &World, client: &Client) {
    let id = "store-rights-cut";
    world.create_up_to_helm(client, id).await;
    client.delete(id).await.expect("delete");
}

/// The other helm asks differently for the same things. Its server also ends what others began.
async fn with_helm_3(world: &World) {
    let server = world.server_in(&world.cluster.clone().with_helm(Helm::Three.program())).start_ready().await;
    let (client, id) = (server.client().await, "store-rights-three");
    client.create(CreateStore::new().id(id)).await.expect("create");
    reached(&client, id, State::Ready).await;
    client.delete(id).await.expect("delete");
    // What blocks the deletion of the bad store is looked for in the end.
    world.used("services: list").await;
    hold(world, false).await;
    until("all stores to be gone", async || {
        let stores = client.list(StoreFilter::default()).await.ok()?.stores;
        stores.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_control_plane_has_the_rights_that_it_uses_and_no_other() {
    let world = World::new().await;
    what_never_begins(&world).await;
    killed_and_damaged(&world).await;
    let values = "{disruptionBudget: {enabled: true}, resources: {mysql: {limits: {cpu: '1'}}}}";
    let (server, client) = world.serve(values).await;
    looked_after(&world, &server, &client).await;
    mended(&world, &client).await;
    drop(server);
    backed_up(&world).await;
    let (server, client) = adopted(&world, values).await;
    removed_with_a_slow_volume(&world, &client).await;
    cut_short(&world, &client).await;
    drop(server);
    with_helm_3(&world).await;

    let (granted, seen) = (world.identity.granted(), world.identity.seen());
    assert_eq!(seen.refused, Vec::<String>::new(), "what it was refused");
    let difference =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(difference(&granted, &seen.used), Vec::<String>::new(), "granted and not used");
    assert_eq!(difference(&seen.used, &granted), Vec::<String>::new(), "used and not granted");
    eprintln!("{} rights, each used", granted.len());
}

/// The account of a test namespace has these rights alone, and tries something until that is what it is told.
async fn tries(cluster: &Cluster, namespace: &str, rights: [&str; 2], words: &[&str], told: &str) {
    let in_it = |words: &[&str]| cluster.kubectl(&[&["-n", namespace][..], words].concat());
    let account = format!("{namespace}:default");
    in_it(&["delete", "role,rolebinding", "--all"]);
    in_it(&["create", "role", "tried", rights[0], rights[1]]);
    in_it(&["create", "rolebinding", "tried", "--role=tried", &format!("--serviceaccount={account}")]);
    let as_it = format!("--as=system:serviceaccount:{account}");
    until(told, async || {
        let output = in_it(&[&[as_it.as_str()][..], words].concat());
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).contains(told).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_requests_need_a_right_that_the_log_does_not_name() {
    let cluster = Cluster::light();
    let namespace = format!("rights-{}", std::process::id());
    assert!(cluster.kubectl(&["create", "namespace", &namespace]).status.success());
    let image = ["-n", &namespace, "run", "pod", "--image=localhost/none"];
    until("the pod to be made", async || cluster.kubectl(&image).status.success().then_some(())).await;
    let rig = Rig::light().await;
    let service = rig.values(
        "service.yaml",
        r#"{"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "tried"}, "spec": {"ports": [{"port": 80}]}}"#,
    );
    let service = service.to_str().expect("a plain path");

    let apply = ["apply", "--server-side", "--validate=false", "-f", service];
    let refused = r#"cannot create resource "services""#;
    tries(&cluster, &namespace, ["--verb=get,patch", "--resource=services"], &apply, refused).await;
    tries(&cluster, &namespace, ["--verb=get,patch,create", "--resource=services"], &apply, "serverside-applied").await;

    let ready = cluster.kubectl(&["-n", &namespace, "wait", "--for=condition=Ready", "pod/pod", "--timeout=60s"]);
    assert!(ready.status.success(), "{ready:?}");
    let (exec, refused) = (["exec", "pod", "--", "true"], r#"cannot create resource "pods/exec""#);
    tries(&cluster, &namespace, ["--verb=get", "--resource=pods,pods/exec"], &exec, refused).await;
    // A simulated pod has no such program: it was asked.
    tries(&cluster, &namespace, ["--verb=get,create", "--resource=pods,pods/exec"], &exec, "no such program").await;
    assert!(cluster.kubectl(&["delete", "namespace", &namespace, "--wait=false"]).status.success());
}

#[tokio::test]
async fn the_fence_keeps_a_stolen_identity_among_stores() {
    let cluster = Cluster::light();
    let namespace = format!("fence-{}", std::process::id());
    let identity = Identity::install(&cluster, &namespace).await;
    let rig = Rig::at(identity.kubeconfig().into()).await;
    let namespaces: Api<Namespace> = Api::all(rig.client.clone());
    let named = |name: &str, labels: Value| -> Namespace {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).expect("a namespace")
    };
    let locked =
        json!({"app.kubernetes.io/managed-by": "sendstores", "pod-security.kubernetes.io/enforce": "restricted"});
    let open = json!({"app.kubernetes.io/managed-by": "sendstores"});
    let refused = |what: &str, outcome: kube::Result<()>| {
        let error = outcome.expect_err(what).to_string();
        assert!(error.contains("ValidatingAdmissionPolicy"), "{what}: {error}");
    };
    let how = PostParams { dry_run: true, ..PostParams::default() };
    let apply = PatchParams::default();
    let create =
        async |name: &str, labels: &Value| namespaces.create(&how, &named(name, labels.clone())).await.map(drop);
    // The API server takes a policy up a moment after it was made.
    until("the fence to stand", async || {
        let error = create("fence", &locked).await.err()?;
        error.to_string().contains("ValidatingAdmissionPolicy").then_some(())
    })
    .await;
    refused("a namespace of another name", create("fence", &locked).await);
    create("store-fence", &locked).await.expect("a store's namespace");
    refused("one without Pod Security", create("store-fence", &open).await);
    let own = Patch::Merge(json!({"metadata": {"labels": locked}}));
    refused("somebody else's namespace", namespaces.patch("default", &apply, &own).await.map(drop));

    let mut secret = Secret::default();
    secret.metadata.name = Some("fence".to_owned());
    let secrets: Api<Secret> = Api::namespaced(rig.client.clone(), "kube-system");
    refused("a Secret elsewhere", secrets.create(&how, &secret).await.map(drop));
    let stranger = format!("store-fence-{}", std::process::id());
    assert!(cluster.kubectl(&["create", "namespace", &stranger]).status.success());
    let secrets: Api<Secret> = Api::namespaced(rig.client.clone(), &stranger);
    refused("a Secret in a stranger's namespace", secrets.create(&how, &secret).await.map(drop));
    refused("its removal", namespaces.delete(&stranger, &DeleteParams::default()).await.map(drop));
    assert!(cluster.kubectl(&["delete", "namespace", &stranger, "--wait=false"]).status.success());
    for elsewhere in ["kube-system/pods/any/exec?command=true&stdout=true", "default/services/kubernetes/proxy/"] {
        let request = http_request(&format!("/api/v1/namespaces/{elsewhere}"));
        refused(elsewhere, rig.client.request_text(request).await.map(drop));
    }
}

fn http_request(path: &str) -> Request<Vec<u8>> {
    Request::get(path).body(Vec::new()).expect("a request")
}

/// Everything that the API grants this user in a namespace, one line a verb.
async fn rules(rig: &Rig, namespace: &str) -> BTreeSet<String> {
    let review = serde_json::from_value(json!({"spec": {"namespace": namespace}})).expect("a review");
    let api: Api<SelfSubjectRulesReview> = Api::all(rig.client.clone());
    let status = api.create(&PostParams::default(), &review).await.expect("an answer").status.expect("its rules");
    assert!(!status.incomplete, "{status:?}");
    let objects = status.resource_rules.iter().flat_map(|rule| {
        let what = format!("{:?} {:?} {:?}", rule.api_groups, rule.resources, rule.resource_names);
        rule.verbs.iter().map(move |verb| format!("{verb} {what}"))
    });
    let addresses = status.non_resource_rules.iter().flat_map(|rule| {
        let all = rule.non_resource_urls.iter().flatten();
        all.flat_map(|address| rule.verbs.iter().map(move |verb| format!("{verb} {address}")))
    });
    objects.chain(addresses).collect()
}

async fn may(rig: &Rig, namespace: &str, verb: &str, group: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({"spec": {"resourceAttributes": {
        "namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource}}});
    let api: Api<SelfSubjectAccessReview> = Api::all(rig.client.clone());
    let review = serde_json::from_value(review).expect("a review");
    api.create(&PostParams::default(), &review).await.expect("an answer").status.expect("a verdict").allowed
}

#[tokio::test]
async fn a_store_s_own_account_may_do_nothing() {
    let (admin, cluster) = (Rig::light().await, Cluster::light());
    let (provisioner, store) = (admin.provisioner(Helm::Four, &[&simulated_images()]), fresh_store());
    for step in [steps::NAMESPACE, steps::CREDENTIALS, steps::RELEASE] {
        complete(&provisioner, &store, step).await;
    }
    let anybody = cluster.kubeconfig_of(|user| user["as"] = json!("anybody"));
    let anybody = Rig::at(anybody.path().into()).await;
    for account in ["store", "default"] {
        let kubeconfig = cluster.kubeconfig_of_account(store.id.as_str(), account);
        let own = Rig::at(kubeconfig.path().into()).await;
        for namespace in [store.id.as_str(), "default", "kube-system"] {
            let more: Vec<String> =
                rules(&own, namespace).await.difference(&rules(&anybody, namespace).await).cloned().collect();
            // How others check its token, were there one: public keys.
            assert_eq!(
                more,
                [
                    "get /.well-known/openid-configuration",
                    "get /.well-known/openid-configuration/",
                    "get /openid/v1/jwks",
                    "get /openid/v1/jwks/"
                ],
                "{account} in {namespace}"
            );
            for verb in ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"] {
                for (group, resource) in [
                    ("", "secrets"),
                    ("", "pods"),
                    ("", "pods/exec"),
                    ("", "services"),
                    ("", "services/proxy"),
                    ("", "configmaps"),
                    ("", "namespaces"),
                    ("", "nodes"),
                    ("", "nodes/proxy"),
                    ("", "persistentvolumeclaims"),
                    ("", "serviceaccounts/token"),
                    ("apps", "deployments"),
                    ("networking.k8s.io", "networkpolicies"),
                    ("rbac.authorization.k8s.io", "rolebindings"),
                ] {
                    assert!(
                        !may(&own, namespace, verb, group, resource).await,
                        "{account} may {verb} {resource} in {namespace}"
                    );
                }
            }
        }
    }
    let bindings = cluster.get(&["-n", store.id.as_str(), "roles,rolebindings"]);
    assert_eq!(bindings["items"], json!([]));
    remove(&provisioner, &store).await;
}
