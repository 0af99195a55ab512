//! A store is suspended on a real API server: nothing of it runs, and everything that it keeps comes back with it.

use std::process::Output;

use sendstores_client::{Client, CreateStore, DeleteStore, UpdateStore, v1::store::State};
use sendstores_tests::{
    cluster::Cluster,
    life::{gone, reached, ready},
    redis::RedisServer,
    server::Server,
    wait::until,
};

/// What must be the same afterwards: the volumes and the credentials.
fn kept(cluster: &Cluster, id: &str) -> Vec<String> {
    let uid = |item: &serde_json::Value| item["metadata"]["uid"].to_string();
    let list = cluster.get(&["-n", id, "persistentvolumeclaims,services"]);
    let items = list["items"].as_array().expect("a list");
    items.iter().map(uid).chain([uid(&cluster.get(&["-n", id, "secret/store-credentials"]))]).collect()
}

/// How many pods the store asks for, and how many are there.
fn pods(cluster: &Cluster, id: &str) -> (i64, usize) {
    let workloads = cluster.get(&["-n", id, "deployments,statefulsets"]);
    let asked = |item: &serde_json::Value| item["spec"]["replicas"].as_i64().expect("a number");
    let asked = workloads["items"].as_array().expect("a list").iter().map(asked).sum();
    (asked, cluster.get(&["-n", id, "pods"])["items"].as_array().expect("a list").len())
}

fn has_ingress(cluster: &Cluster, id: &str) -> bool {
    !cluster.get(&["-n", id, "ingresses"])["items"].as_array().expect("a list").is_empty()
}

async fn make(client: &Client, id: &str) {
    client.create(CreateStore::new().id(id)).await.expect("create");
    ready(client, id).await;
}

fn done(output: &Output) -> &Output {
    assert!(output.status.success(), "{output:?}");
    output
}

#[tokio::test]
async fn a_suspended_store_runs_nothing_and_comes_back_with_what_it_had() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-suspend";
    make(&client, id).await;
    let before = kept(&cluster, id);
    assert_eq!((pods(&cluster, id), has_ingress(&cluster, id)), ((2, 2), true));

    client.suspend(id).await.expect("accepted");
    let suspended = reached(&client, id, State::Suspended).await;
    assert_eq!((pods(&cluster, id), has_ingress(&cluster, id)), ((0, 0), false));
    assert_eq!((kept(&cluster, id), suspended.failure), (before.clone(), None));
    client.credentials(id).await.expect("its login is kept");

    client.resume(id).await.expect("accepted");
    let back = ready(&client, id).await;
    assert_eq!((pods(&cluster, id), has_ingress(&cluster, id)), ((2, 2), true));
    assert_eq!((kept(&cluster, id), back.url), (before, suspended.url));
    let annotations = &cluster.get(&["namespace", id])["metadata"]["annotations"];
    assert!(annotations["sendstores.dev/suspended"].is_null(), "{annotations}");

    client.suspend(id).await.expect("accepted");
    reached(&client, id, State::Suspended).await;
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

/// A server that is killed and another that goes on, until the store has arrived.
async fn killed_on_the_way(cluster: &Cluster, redis: &RedisServer, server: Server, id: &str, wanted: State) -> Server {
    server.kill9();
    let server = cluster.server(&redis.url()).start_ready().await;
    reached(&server.client().await, id, wanted).await;
    server
}

#[tokio::test]
async fn a_server_that_is_killed_on_the_way_is_gone_on_from() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let mut server = cluster.server(&redis.url()).start_ready().await;
    let id = "store-suspend-kill";
    make(&server.client().await, id).await;
    let before = kept(&cluster, id);
    for _ in 0..2 {
        server.client().await.suspend(id).await.expect("accepted");
        server = killed_on_the_way(&cluster, &redis, server, id, State::Suspended).await;
        assert_eq!(pods(&cluster, id), (0, 0));
        server.client().await.resume(id).await.expect("accepted");
        server = killed_on_the_way(&cluster, &redis, server, id, State::Ready).await;
        assert_eq!(kept(&cluster, id), before);
    }
    let client = server.client().await;
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn a_deleted_store_is_kept_comes_back_and_is_removed_in_the_end() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--deletion-window=1h").start_ready().await;
    let client = server.client().await;
    let id = "store-retain";
    make(&client, id).await;
    let before = kept(&cluster, id);
    let deleted = client.delete(id).await.expect("accepted").expect("a store");
    assert!(deleted.state() == State::Retaining && deleted.purge_time.is_some(), "{deleted:?}");
    reached(&client, id, State::Retained).await;
    assert_eq!((pods(&cluster, id), has_ingress(&cluster, id)), ((0, 0), false));
    let refused = client.credentials(id).await.expect_err("given up");
    assert_eq!(refused.reason(), Some("STORE_DELETING"));
    let taken = client.create(CreateStore::new().id(id)).await.expect_err("its id is taken");
    assert_eq!(taken.reason(), Some("STORE_EXISTS"));

    client.undelete(id).await.expect("accepted");
    ready(&client, id).await;
    assert_eq!((kept(&cluster, id), pods(&cluster, id)), (before, (2, 2)));

    // Protected, also as far as the cluster remembers it.
    client.update(UpdateStore::new(id).deletion_protection(true)).await.expect("accepted");
    until("the namespace to know it", async || {
        let spec = cluster.get(&["namespace", id])["metadata"]["annotations"]["sendstores.dev/spec"].to_string();
        spec.contains("deletion_protection").then_some(())
    })
    .await;
    let refused = client.delete(DeleteStore::new(id).force(true)).await.expect_err("protected");
    assert_eq!(refused.reason(), Some("DELETION_PROTECTED"));
    client.update(UpdateStore::new(id).deletion_protection(false)).await.expect("accepted");

    client.delete(id).await.expect("accepted");
    reached(&client, id, State::Retained).await;
    drop(server);
    // Its time has come, and what has to be stopped first is stopped.
    let server = cluster.server(&redis.url()).flag("--deletion-window=1s").start_ready().await;
    let client = server.client().await;
    client.undelete(id).await.expect("accepted");
    ready(&client, id).await;
    client.delete(id).await.expect("accepted");
    gone(&cluster, &client, id).await;
    // One that was never READY has nothing to keep.
    client.create(CreateStore::new().id(id)).await.expect("create");
    let deleted = client.delete(id).await.expect("accepted").expect("a store");
    assert_eq!((deleted.state(), deleted.purge_time), (State::Deleting, None));
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn a_suspended_store_rests_also_after_redis_was_lost() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let url = format!("{}/0", redis.url());
    let options = || cluster.server_of("suspended", &url);
    let server = options().start_ready().await;
    let client = server.client().await;
    let id = "store-suspend-lost";
    make(&client, id).await;
    client.suspend(id).await.expect("accepted");
    reached(&client, id, State::Suspended).await;
    client.update(UpdateStore::new(id).labels([("team", "b")])).await.expect("accepted");
    let before = until("the namespace to know it", async || {
        let store = client.get(id).await.ok()?;
        (store.observed_generation == store.generation).then_some(store)
    })
    .await;
    server.kill9();
    redis.cli(["FLUSHALL"]).await;
    let server = options().start_ready().await;
    done(&options().command().arg("adopt").output().expect("run it"));
    let client = server.client().await;
    let taken_back = reached(&client, id, State::Suspended).await;
    assert_eq!((taken_back.uid, taken_back.ready_time), (before.uid, before.ready_time));
    assert_eq!(taken_back.labels, [("team".to_owned(), "b".to_owned())].into(), "the newest");
    assert_eq!(pods(&cluster, id), (0, 0));
    client.resume(id).await.expect("accepted");
    ready(&client, id).await;
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}
