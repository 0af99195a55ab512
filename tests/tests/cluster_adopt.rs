//! Redis is lost, and a real API server has the stores: a server that starts behind the loss finds out, deletes nothing,
//! and takes every store back.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    time::Duration,
};

use sendstores_client::{
    Client, CreateStore, Error,
    v1::{self as wire, StoreFilter, store::State},
};
use sendstores_tests::{
    cluster::Cluster,
    http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::until,
};
use tempfile::NamedTempFile;

/// What is theirs, and what this test calls its own.
const INSTANCE: &str = "adopt";

/// One control plane with its Redis.
struct World {
    cluster: Cluster,
    redis: RedisServer,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        Self { cluster: Cluster::light(), redis: RedisServer::start().await }
    }

    /// A server on the database `database` of the Redis.
    fn server_on(&self, database: u8) -> ServerOptions {
        self.cluster.server_of(INSTANCE, &format!("{}/{database}", self.redis.url()))
    }

    async fn serve(&self) -> (Server, Client) {
        let server = self.server_on(0).start_ready().await;
        let client = server.client().await;
        (server, client)
    }

    /// The store, once it is READY.
    async fn make(&self, client: &Client, id: &str) -> wire::Store {
        let create = CreateStore::new().id(id).tenant("acme").label("team", id).title("Käse & \"Brot\"");
        client.create(create).await.expect("create");
        reach(client, id, State::Ready).await
    }

    /// `sendstores-server adopt`.
    fn adopt(&self, args: &[&str]) -> Output {
        let mut command: Command = self.server_on(0).command();
        command.arg("adopt").args(args).output().expect("run it")
    }

    /// The namespaces of this test, with the uid that the cluster gave each.
    fn namespaces(&self) -> BTreeMap<String, String> {
        let list = self.cluster.get(&["namespaces", "-l", &format!("sendstores.dev/instance={INSTANCE}")]);
        let named = |item: &serde_json::Value| {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
            (text("name"), text("uid"))
        };
        list["items"].as_array().expect("a list").iter().map(named).collect()
    }

    async fn end(&self, client: &Client, ids: &[&str]) {
        for id in ids {
            client.delete(*id).await.expect("delete");
        }
        for id in ids {
            until("the store to be gone", async || {
                matches!(client.get(*id).await, Err(Error::NotFound(_))).then_some(())
            })
            .await;
            assert_eq!(self.cluster.leftovers(id), Vec::<String>::new());
        }
    }
}

async fn reach(client: &Client, id: &str, state: State) -> wire::Store {
    until(state.as_str_name(), async || client.get(id).await.ok().filter(|store| store.state() == state)).await
}

/// The server waits for its first look at the cluster only for a moment; what the look finds counts also when it is late.
async fn assert_read_only(server: &Server, client: &Client, said: &str) {
    until(&format!("to be read-only because of {said}"), async || {
        let (code, body) = http::get(server.admin, "/readyz").await.ok()?;
        (code == 200 && body.starts_with("read-only: ") && body.contains(said)).then_some(())
    })
    .await;
    let error = client.create(CreateStore::new()).await.expect_err("read-only");
    assert_eq!(error.reason(), Some("READ_ONLY"), "{error}");
}

/// What a caller asked for, and whose it is: what must come back as it was.
fn intent(store: &wire::Store) -> impl PartialEq + std::fmt::Debug {
    let wire::Store { id, uid, tenant, labels, spec, url, generation, .. } = store.clone();
    (id, uid, tenant, labels, spec, url, generation)
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn an_empty_redis_and_a_wrong_database_are_noticed_at_the_start_and_every_store_is_taken_back() {
    let world = World::new().await;
    let ids = ["store-adopt-a", "store-adopt-b", "store-adopt-c"];
    let (server, client) = world.serve().await;
    let mut made = Vec::new();
    for id in ids {
        made.push(world.make(&client, id).await);
    }
    let token = client.list(StoreFilter::default()).await.expect("list").resume_token;
    let namespaces = world.namespaces();
    server.kill9();

    // The wrong database of the right Redis: nothing is read that is true, and nothing is written.
    let lost = world.server_on(1).start_ready().await;
    assert_read_only(&lost, &lost.client().await, ids[0]).await;
    drop(lost);

    world.redis.cli(["FLUSHALL"]).await;
    let (server, client) = world.serve().await;
    assert_read_only(&server, &client, ids[0]).await;
    assert_eq!(client.get(ids[0]).await.expect_err("not denied").reason(), Some("READ_ONLY"));
    let planned = text(&world.adopt(&["--dry-run"]));
    for id in ids {
        assert!(planned.contains(&format!("{id}: adopted")), "{planned}");
    }
    assert_read_only(&server, &client, ids[0]).await;

    text(&world.adopt(&[]));
    for before in &made {
        let store = reach(&client, &before.id, State::Ready).await;
        assert_eq!(intent(&store), intent(before));
        let told: Vec<_> = store.history.iter().map(wire::HistoryEntry::event).collect();
        use wire::history_entry::Event;
        assert_eq!(told, [Event::Created, Event::Adopted], "it was READY before, and is not made again");
        assert_eq!(store.ready_time, before.ready_time);
    }
    assert_eq!(world.namespaces(), namespaces, "no namespace was removed or made");
    let token = sendstores_client::ResumeToken::from(token);
    let resumed = client.watch_from(StoreFilter::default(), token).await.map(drop);
    assert!(matches!(resumed, Err(Error::HistoryCompacted(_))), "{resumed:?}");
    let again = text(&world.adopt(&[]));
    assert!(again.contains("nothing to do"), "{again}");
    world.end(&client, &ids).await;
    let ended = tokio::task::spawn_blocking(move || server.terminate(Duration::from_secs(60)).0);
    assert!(ended.await.expect("its end").success());
}

/// What must not change in a store: its workloads, its images, and helm's revisions.
fn untouched(world: &World, id: &str) -> Vec<serde_json::Value> {
    let workloads = world.cluster.get(&["-n", id, "deployments,statefulsets"]);
    let made = |item: &serde_json::Value| {
        let template = &item["spec"]["template"]["spec"]["containers"][0]["image"];
        serde_json::json!([item["metadata"]["uid"], item["metadata"]["generation"], template])
    };
    let records = world.cluster.get(&["-n", id, "secrets", "-l", "owner=helm"]);
    let name = |item: &serde_json::Value| item["metadata"]["name"].clone();
    let of = |list: &serde_json::Value| list["items"].as_array().cloned().unwrap_or_default();
    of(&workloads).iter().map(made).chain(of(&records).iter().map(name)).collect()
}

/// Removes the annotations that an earlier version did not write.
fn made_by_an_earlier_version(world: &World, id: &str) {
    let annotations = ["sendstores.dev/ready-time-", "sendstores.dev/made-from-"];
    let output = world.cluster.kubectl(&[&["annotate", "namespace", id], &annotations[..]].concat());
    assert!(output.status.success(), "{output:?}");
}

/// Has the stand-in of the store's pod sell nothing (`empty`), or the `sample` product again.
fn sell(world: &World, id: &str, what: &str) {
    let path = format!("/api/v1/namespaces/{id}/services/http:wordpress:80/proxy/standin/catalogue/{what}");
    assert!(world.cluster.kubectl(&["get", "--raw", &path]).status.success());
}

#[tokio::test]
async fn a_server_with_newer_images_takes_shops_back_as_they_are() {
    let mut world = World::new().await;
    let ids = ["store-adopt-kept", "store-adopt-early"];
    let (server, client) = world.serve().await;
    for id in ids {
        world.make(&client, id).await;
        // The merchant has removed the sample product.
        sell(&world, id, "empty");
    }
    let annotations = world.cluster.get(&["namespace", ids[0]])["metadata"]["annotations"].clone();
    assert!(annotations["sendstores.dev/ready-time"].is_string(), "{annotations}");
    let made_from = annotations["sendstores.dev/made-from"].as_str().unwrap_or_default();
    assert!(made_from.contains("tag") || made_from.contains("simulated"), "its images: {made_from}");
    server.kill9();
    made_by_an_earlier_version(&world, ids[1]);
    let before = ids.map(|id| untouched(&world, id));

    let newer = NamedTempFile::new().expect("a file");
    let values = "{images: {woocommerce: {tag: newer}, mysql: {tag: newer}}, storage: {database: 20Gi}}";
    std::fs::write(newer.path(), values).expect("write");
    world.cluster = world.cluster.clone().with_values(newer.path().into());
    world.redis.cli(["FLUSHALL"]).await;
    let (server, client) = world.serve().await;
    assert_read_only(&server, &client, ids[1]).await;
    text(&world.adopt(&[]));
    for id in ids {
        reach(&client, id, State::Ready).await;
    }
    assert_eq!(ids.map(|id| untouched(&world, id)), before, "nothing was made again");

    // Also when it has to be mended, which Kubernetes would refuse with the newer values.
    drop(server);
    let server = world.server_on(0).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    for (id, before) in ids.iter().zip(&before) {
        let deleted = world.cluster.kubectl(&["-n", id, "delete", "ingress/wordpress"]);
        assert!(deleted.status.success(), "{deleted:?}");
        until("the Ingress to be made again", async || {
            world.cluster.kubectl(&["-n", id, "get", "ingress/wordpress"]).status.success().then_some(())
        })
        .await;
        reach(&client, id, State::Ready).await;
        assert_eq!(untouched(&world, id)[..2], before[..2], "the workloads are as they were");
    }
    // Another store's pod may get the same address, by which the stand-in tells pods apart.
    ids.iter().for_each(|id| sell(&world, id, "sample"));
    world.end(&client, &ids).await;
}

#[tokio::test]
async fn under_a_wrong_name_nothing_is_taken_for_lost() {
    let world = World::new().await;
    let (_server, client) = world.serve().await;
    let id = "store-adopt-named";
    world.make(&client, id).await;
    let wrong = world.cluster.server_of("another", &format!("{}/0", world.redis.url()));
    let adopt = |args: &[&str]| wrong.command().arg("adopt").args(args).output().expect("run it");
    let refused = adopt(&[]);
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && why.contains("0 namespaces found, 1 stores known"), "{refused:?}");
    assert!(text(&adopt(&["--force"])).contains("nothing to do"), "it is found by its own name");
    assert_eq!(client.get(id).await.expect("it is there").state(), State::Ready);
    world.end(&client, &[id]).await;
}

#[tokio::test]
async fn a_namespace_deleted_by_hand_is_told_and_taken_up_again_once_it_is_back() {
    let world = World::new().await;
    let server = world.server_on(0).flag("--probe-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-adopt-lost";
    world.make(&client, id).await;
    let namespace = world.cluster.get(&["namespace", id]);
    let deleted = world.cluster.kubectl(&["delete", "namespace", id]);
    assert!(deleted.status.success(), "{deleted:?}");

    let lost = reach(&client, id, State::Failed).await;
    let failure = lost.failure.expect("a failure");
    assert_eq!((failure.reason(), failure.retry_time), (wire::failure::Reason::NamespaceMissing, None));
    assert!(failure.suggestion.contains("adopt"), "{}", failure.suggestion);
    assert_eq!(world.namespaces(), BTreeMap::new(), "nothing is made in its place");
    let planned = text(&world.adopt(&["--dry-run"]));
    assert!(!planned.contains(id), "it is told already: {planned}");

    let (labels, annotations) = (&namespace["metadata"]["labels"], &namespace["metadata"]["annotations"]);
    let copy = serde_json::json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": id, "labels": labels, "annotations": annotations}});
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), copy.to_string()).expect("write");
    let made = world.cluster.kubectl(&["create", "-f", &file.path().to_string_lossy()]);
    assert!(made.status.success(), "{made:?}");
    let done = text(&world.adopt(&[]));
    assert!(done.contains(&format!("{id}: its namespace is back")), "{done}");
    let store = reach(&client, id, State::Ready).await;
    assert_eq!((store.generation, store.ready_time), (lost.generation, lost.ready_time));
    world.end(&client, &[id]).await;
}

#[tokio::test]
async fn an_old_copy_is_noticed_at_the_start_and_what_came_and_went_since_is_told_apart() {
    let mut world = World::new().await;
    let (server, client) = world.serve().await;
    world.make(&client, "store-old-kept").await;
    world.make(&client, "store-old-gone").await;
    drop(server);
    let copy = world.redis.backup().await;
    let (server, client) = world.serve().await;
    world.end(&client, &["store-old-gone"]).await;
    let newer = world.make(&client, "store-old-new").await;
    drop(server);
    let namespaces = world.namespaces();

    world.redis.restore(&copy).await;
    let (_server, client) = world.serve().await;
    assert_read_only(&_server, &client, "store-old-new").await;
    let done = text(&world.adopt(&[]));
    assert!(done.contains("store-old-new: adopted") && !done.contains("store-old-kept"), "{done}");
    let store = reach(&client, "store-old-new", State::Ready).await;
    assert_eq!(intent(&store), intent(&newer));
    reach(&client, "store-old-kept", State::Ready).await;
    // It was deleted after the copy was made, and must not come back as an empty shop.
    let gone = reach(&client, "store-old-gone", State::Failed).await;
    assert_eq!(gone.failure.expect("a failure").reason(), wire::failure::Reason::NamespaceMissing);
    assert_eq!(world.namespaces(), namespaces, "no namespace was removed or made");
    world.end(&client, &["store-old-kept", "store-old-new", "store-old-gone"]).await;
}
