//! A store is updated from one release to another on a real API server: forward, back from a bad one, and on again after a server was
//! killed or Redis was lost in the middle.

use std::{fs, path::Path, process::Output};

use sendstores_client::{Client, CreateStore, UpdateStore, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    life::{ended, gone, reach, ready},
    redis::RedisServer,
    server::ServerOptions,
    wait::until,
};
use tempfile::TempDir;
use wire::operation::State as Done;

const OLD: &str = "old";
const NEW: &str = "new";
const BAD: &str = "bad";
const BAD_VALUES: &str = "images: {woocommerce: {tag: bad}}\nresources: {wordpress: {limits: {memory: 64Gi}}}\n";

/// A folder with these releases: their pods have another image each, and the application of one asks for more than its store may have.
fn releases() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let release = |name: &str, values: &str, default: bool| {
        let at = folder.path().join(name);
        fs::create_dir(&at).expect("a folder");
        fs::write(at.join("release.yaml"), format!("default: {default}\n")).expect("write");
        fs::write(at.join("values.yaml"), values).expect("write");
    };
    release(OLD, "images: {woocommerce: {tag: old}}\n", true);
    release(NEW, "images: {woocommerce: {tag: new}}\n", false);
    release(BAD, BAD_VALUES, false);
    folder
}

fn options(cluster: &Cluster, url: &str, releases: &Path) -> ServerOptions {
    cluster.server_of("updates", url).flag(format!("--releases={}", releases.display())).flag("--probe-interval=1s")
}

/// The image of the application, as its Deployment has it.
fn image(cluster: &Cluster, id: &str) -> String {
    let deployment = cluster.get(&["-n", id, "deployment/wordpress"]);
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default().to_owned()
}

fn runs(cluster: &Cluster, id: &str, release: &str) -> bool {
    image(cluster, id).ends_with(&format!(":{release}"))
}

/// What must be the same afterwards: the volumes.
fn volumes(cluster: &Cluster, id: &str) -> Vec<String> {
    let claims = cluster.get(&["-n", id, "persistentvolumeclaims"]);
    claims["items"].as_array().expect("a list").iter().map(|claim| claim["metadata"]["uid"].to_string()).collect()
}

async fn update(client: &Client, id: &str, release: &str) {
    client.update(UpdateStore::new(id).release(release)).await.expect("accepted");
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_store_moves_to_a_new_release_and_back_from_a_bad_one() {
    let (cluster, redis, releases) = (Cluster::light(), RedisServer::start().await, releases());
    let server = options(&cluster, &redis.url(), releases.path()).flag("--deadline=trouble=2s").start_ready().await;
    let client = server.client().await;
    let id = "store-update";
    client.create(CreateStore::new().id(id)).await.expect("create");
    ready(&client, id).await;
    let kept = volumes(&cluster, id);
    assert!(runs(&cluster, id, OLD), "{}", image(&cluster, id));

    update(&client, id, NEW).await;
    ended(&client, id, Done::Succeeded).await;
    assert!(runs(&cluster, id, NEW), "{}", image(&cluster, id));

    update(&client, id, BAD).await;
    let store = ended(&client, id, Done::RolledBack).await;
    let failure = store.operation.and_then(|operation| operation.failure).expect("a failure");
    use wire::failure::Reason::{ObjectRefused, QuotaExceeded};
    assert!([ObjectRefused, QuotaExceeded].contains(&failure.reason()), "{failure:?}");
    assert!(runs(&cluster, id, NEW), "{}", image(&cluster, id));
    assert_eq!(volumes(&cluster, id), kept);
    let annotations = &cluster.get(&["namespace", id])["metadata"]["annotations"];
    assert!(annotations["sendstores.dev/operation"].is_null(), "{annotations}");
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_of_an_update_or_of_its_way_back_is_gone_on_from() {
    let (cluster, redis, releases) = (Cluster::light(), RedisServer::start().await, releases());
    let start = || options(&cluster, &redis.url(), releases.path()).flag("--deadline=trouble=2s");
    let mut server = start().start_ready().await;
    let id = "store-update-kill";
    let client = server.client().await;
    client.create(CreateStore::new().id(id)).await.expect("create");
    ready(&client, id).await;

    update(&client, id, NEW).await;
    reach(&client, id, "release").await;
    server.kill9();
    server = start().start_ready().await;
    ended(&server.client().await, id, Done::Succeeded).await;
    assert!(runs(&cluster, id, NEW), "{}", image(&cluster, id));

    let client = server.client().await;
    update(&client, id, BAD).await;
    until("the way back", async || {
        let operation = client.get(id).await.ok()?.operation?;
        matches!(operation.state(), Done::RollingBack | Done::RolledBack).then_some(())
    })
    .await;
    server.kill9();
    server = start().start_ready().await;
    let client = server.client().await;
    ended(&client, id, Done::RolledBack).await;
    assert!(runs(&cluster, id, NEW), "{}", image(&cluster, id));
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn an_update_goes_on_after_redis_was_lost() {
    let (cluster, redis, releases) = (Cluster::light(), RedisServer::start().await, releases());
    let url = format!("{}/0", redis.url());
    let start = || options(&cluster, &url, releases.path()).flag("--deadline=trouble=30s");
    let server = start().start_ready().await;
    let client = server.client().await;
    let id = "store-update-lost";
    client.create(CreateStore::new().id(id)).await.expect("create");
    let before = ready(&client, id).await;
    update(&client, id, BAD).await;
    until("the bad release", async || runs(&cluster, id, BAD).then_some(())).await;
    server.kill9();
    redis.cli(["FLUSHALL"]).await;
    let server = start().start_ready().await;
    succeeded(&start().command().arg("adopt").output().expect("run it"));
    let client = server.client().await;
    let store = ended(&client, id, Done::RolledBack).await;
    assert_eq!((store.uid, store.ready_time), (before.uid, before.ready_time));
    assert!(runs(&cluster, id, OLD), "{}", image(&cluster, id));
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}
