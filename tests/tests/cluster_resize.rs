//! The volumes of a store grow on a real API server. Its simulated nodes have no driver that expands volumes: the test is that driver,
//! as far as claims show what it does.

use std::{path::PathBuf, process::Output};

use sendstores_client::{ChangeStore, CreateStore, UpdateStore, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    life::{ended, gone, ready},
    redis::RedisServer,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use wire::{
    operation::{Kind, State as Done},
    store::State,
};

/// A class that lets volumes grow, beside that of the cluster, which does not.
const CLASS: &str = r#"{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "growing"},
    "provisioner": "sendstores.dev/directory", "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": true}"#;
const CLAIMS: [&str; 2] = ["data-mysql-0", "wp-content"];

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn claim(cluster: &Cluster, id: &str, name: &str) -> Value {
    cluster.get(&["-n", id, "persistentvolumeclaim", name])
}

fn asked(cluster: &Cluster, id: &str) -> [String; 2] {
    CLAIMS.map(|name| {
        claim(cluster, id, name)["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or("").to_owned()
    })
}

/// As a driver does once the volume and its file system are larger.
fn expand(cluster: &Cluster, id: &str, name: &str, size: &str) {
    let patch = json!({"status": {"capacity": {"storage": size}, "conditions": []}}).to_string();
    let target =
        ["-n", id, "patch", "persistentvolumeclaim", name, "--subresource=status", "--type=merge", "-p", &patch];
    succeeded(&cluster.kubectl(&target));
}

#[tokio::test]
async fn volumes_grow_while_the_shop_sells_and_stay_as_large_when_helm_comes_again() {
    let (cluster, redis, folder) = (Cluster::light(), RedisServer::start().await, TempDir::new().expect("a folder"));
    succeeded(&cluster.kubectl(&["apply", "-f", file(&folder, "class.json", CLASS).to_str().expect("a path")]));
    let values = file(&folder, "growing.yaml", "storage: {className: growing}");
    let growing = cluster.clone().with_values(values);
    let server = growing.server(&redis.url()).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-resize";
    client.create(CreateStore::new().id(id).content_gib(2)).await.expect("create");
    ready(&client, id).await;
    let before = asked(&cluster, id);
    assert_eq!(before[1], "2Gi", "as asked for at Create");

    let larger = || UpdateStore::new(id).database_gib(5).content_gib(3);
    let rehearsed = UpdateStore::new(ChangeStore::new(id).validate_only(true)).database_gib(5);
    assert_eq!(client.update(rehearsed).await.expect("possible").state(), State::Updating);
    let smaller = client.update(UpdateStore::new(id).content_gib(1)).await.expect_err("no volume shrinks");
    assert_eq!(smaller.reason(), Some("INVALID_FIELD"));
    let huge = client.update(UpdateStore::new(id).content_gib(1000)).await.expect_err("more than the quota");
    assert_eq!(huge.reason(), Some("CANNOT_EXPAND"));
    assert_eq!(asked(&cluster, id), before, "nothing was changed");

    client.update(larger()).await.expect("accepted");
    for (name, size) in CLAIMS.iter().zip(["5Gi", "3Gi"]) {
        until(name, async || {
            let asks = claim(&cluster, id, name)["spec"]["resources"]["requests"]["storage"] == size;
            asks.then_some(())
        })
        .await;
        let store = client.get(id).await.expect("a store");
        let operation = store.operation.as_ref().expect("an operation");
        assert_eq!((operation.kind(), operation.state()), (Kind::Resize, Done::Running), "it waits for the volume");
        expand(&cluster, id, name, size);
    }
    let done = ended(&client, id, Done::Succeeded).await;
    assert_eq!(done.operation.as_ref().map(wire::Operation::kind), Some(Kind::Resize));
    assert_eq!(client.update(larger()).await.expect("it is so").generation, done.generation);

    // helm takes part in both, and asks for no smaller volume.
    client.suspend(id).await.expect("accepted");
    until("the suspension", async || {
        let store = client.get(id).await.ok()?;
        (store.state() == State::Suspended).then_some(())
    })
    .await;
    let refused = client.update(UpdateStore::new(id).content_gib(4)).await.expect_err("no pod uses them");
    assert_eq!(refused.reason(), Some("STATE_FORBIDS"));
    client.resume(id).await.expect("accepted");
    ready(&client, id).await;
    assert_eq!(asked(&cluster, id), ["5Gi", "3Gi"]);
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn a_class_that_does_not_let_volumes_grow_is_said_and_nothing_is_changed() {
    let (cluster, redis) = (Cluster::light(), RedisServer::start().await);
    let server = cluster.server(&redis.url()).start_ready().await;
    let client = server.client().await;
    let id = "store-resize-fixed";
    client.create(CreateStore::new().id(id)).await.expect("create");
    let store = ready(&client, id).await;
    let refused = client.update(UpdateStore::new(id).database_gib(5)).await.expect_err("its class does not");
    assert_eq!(refused.reason(), Some("CANNOT_EXPAND"));
    let metadata = refused.cause().and_then(|cause| cause.metadata()).expect("metadata");
    assert_eq!((metadata["volume"].as_str(), metadata["storage_class"].as_str()), ("database", "standard"));
    assert_eq!(client.get(id).await.expect("a store").generation, store.generation);
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}
