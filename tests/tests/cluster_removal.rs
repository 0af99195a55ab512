//! Deletions that are not left in peace: at every step of a creation, twice, while helm runs, with an object that is held,
//! and with an API server that is away for a minute.

use std::time::{Duration, Instant};

use sendstores_client::{Client, CreateStore, DeleteStore, v1 as wire};
use sendstores_tests::{
    api_proxy::ApiProxy,
    cluster::Cluster,
    life::{STEPS, gone, reach, served},
    redis::RedisServer,
    wait::until,
};
use wire::{failure::Reason, store::State};

const AWAY: Duration = Duration::from_secs(60);

async fn failure(client: &Client, id: &str, reason: Reason) -> wire::Failure {
    until(&format!("{id} to show {reason:?}"), async || {
        let store = client.get(id).await.expect("get");
        assert_eq!(store.state(), State::Deleting, "{store:?}");
        store.failure.filter(|failure| failure.reason() == reason)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_at_any_step_and_again_leaves_nothing() {
    let cluster = Cluster::light();
    let (_redis, server, client) = served(&cluster).await;
    let ids = STEPS.map(|step| format!("store-removed-at-{step}"));
    for (step, id) in STEPS.iter().zip(&ids) {
        client.create(CreateStore::new().id(id)).await.expect("create");
        reach(&client, id, step).await;
        let first = client.delete(id.as_str()).await.expect("delete").expect("a store");
        let again = client.delete(DeleteStore::new(id).allow_missing(true)).await.expect("delete again");
        // The second finds a deletion under way, and is no newer intent; or nothing any more, where little was made.
        let Some(again) = again else { continue };
        assert_eq!((first.generation, first.delete_time), (again.generation, again.delete_time), "{step}");
        assert_eq!(again.state(), State::Deleting, "{step}");
    }
    for id in &ids {
        gone(&cluster, &client, id).await;
    }
    assert_eq!(server.children(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helm_under_way_is_stopped_by_a_deletion() {
    let cluster = Cluster::light();
    let (_redis, server, client) = served(&cluster).await;
    let id = "store-removed-helm";
    client.create(CreateStore::new().id(id)).await.expect("create");
    let helm = || server.children().iter().any(|child| child.contains("helm"));
    until("helm to run", async || helm().then_some(())).await;
    client.delete(id).await.expect("delete");
    until("helm to be stopped", async || (!helm()).then_some(())).await;
    gone(&cluster, &client, id).await;
}

async fn held(cluster: &Cluster) {
    let (_redis, _server, client) = served(cluster).await;
    let id = "store-removed-held";
    client.create(CreateStore::new().id(id)).await.expect("create");
    reach(&client, id, "release").await;
    let made = cluster.kubectl(&["-n", id, "create", "service", "clusterip", "held", "--tcp=80"]);
    assert!(made.status.success(), "{made:?}");
    let finalizers = |list: &str| {
        let patch = format!("{{\"metadata\":{{\"finalizers\":{list}}}}}");
        let patched = cluster.kubectl(&["-n", id, "patch", "service", "held", "--type=merge", "-p", &patch]);
        assert!(patched.status.success(), "{patched:?}");
    };
    finalizers("[\"example.com/hold\"]");
    client.delete(id).await.expect("delete");
    let told = failure(&client, id, Reason::RemovalBlocked).await;
    let found = told.diagnosis.clone().unwrap_or_default();
    assert_eq!(found.object, "Service held", "{told:?}");
    let told_of = |word: &str| found.events.iter().any(|event| event.message.contains(word));
    assert!(told_of("services") && told_of("example.com/hold"), "{told:?}");
    assert!(told.retry_time.is_some() && told.suggestion.contains("edit service held"), "{told:?}");
    finalizers("[]");
    gone(cluster, &client, id).await;
}

/// Another tool takes the namespace over by its labels. The store is not reported as gone while it is there.
async fn relabelled(cluster: &Cluster) {
    let (_redis, _server, client) = served(cluster).await;
    let id = "store-removed-relabelled";
    client.create(CreateStore::new().id(id)).await.expect("create");
    reach(&client, id, "release").await;
    let label = |labels: &[&str]| {
        let labelled = cluster.kubectl(&[&["label", "namespace", id, "--overwrite"], labels].concat());
        assert!(labelled.status.success(), "{labelled:?}");
    };
    let uid = client.get(id).await.expect("get").uid;
    label(&["app.kubernetes.io/managed-by=argo", "sendstores.dev/uid=other"]);
    client.delete(id).await.expect("delete");
    let shown = failure(&client, id, Reason::RemovalBlocked).await;
    let uid_label = format!("sendstores.dev/uid={uid}");
    assert!(shown.message.contains("app.kubernetes.io/managed-by=sendstores"), "{shown:?}");
    assert!(shown.message.contains(&uid_label) && shown.retry_time.is_some(), "{shown:?}");
    label(&["app.kubernetes.io/managed-by=sendstores", &uid_label]);
    gone(cluster, &client, id).await;
}

async fn away(cluster: &Cluster) {
    let redis = RedisServer::start().await;
    let proxy = ApiProxy::start(cluster).await;
    let server = cluster.server(&redis.url()).env("KUBECONFIG", proxy.kubeconfig()).start_ready().await;
    let client = server.client().await;
    let id = "store-removed-away";
    client.create(CreateStore::new().id(id)).await.expect("create");
    reach(&client, id, "database").await;
    proxy.set_away(true);
    let begun = Instant::now();
    let deleting = client.delete(id).await.expect("a deletion is taken without the cluster").expect("a store");
    assert_eq!(deleting.state(), State::Deleting);
    let told = failure(&client, id, Reason::ClusterUnavailable).await;
    assert!(told.retry_time.is_some(), "{told:?}");
    until("a minute to pass", async || (begun.elapsed() >= AWAY).then_some(())).await;
    failure(&client, id, Reason::ClusterUnavailable).await;
    proxy.set_away(false);
    gone(cluster, &client, id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_held_or_cannot_reach_the_cluster_tells_so_and_ends() {
    let cluster = Cluster::light();
    tokio::join!(held(&cluster), relabelled(&cluster), away(&cluster));
}
