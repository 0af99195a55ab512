//! The cluster is another one than that of the stores, or is asked under a wrong name: nothing is done there, nothing is
//! taken for lost. Real servers, a real Redis, and a Kubernetes API that has namespaces and nothing else.

use std::process::Output;

use sendstores_client::{Client, CreateStore, v1::store::State as WireState};
use sendstores_core::{Event, State, Store, ledger::Ledger};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    http,
    ledger::{create, happen},
    namespaces::Namespaces,
    redis::RedisServer,
    samples::store_id,
    server::{Server, ServerOptions},
    wait::until,
};

const IDS: [&str; 3] = ["store-a", "store-b", "store-c"];
const OURS: &str = "0000aaaa-0000-4000-8000-000000000001";
const OTHER: &str = "0000bbbb-0000-4000-8000-000000000002";
const INSTANCE: &str = "here";

/// A Redis that knows three complete stores, and the cluster that has them.
struct World {
    redis: RedisServer,
    ledger: RedisLedger,
    cluster: Namespaces,
    stores: Vec<Store>,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let (redis, cluster) = (RedisServer::start().await, Namespaces::start(OURS).await);
        let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
        let mut stores = Vec::new();
        for id in IDS {
            create(&ledger, id, "acme").await;
            stores.push(happen(&ledger, id, Event::Converged).await);
            cluster.put_store(stores.last().expect("a store"), INSTANCE);
        }
        Self { redis, ledger, cluster, stores }
    }

    fn server(&self, cluster: &Namespaces) -> ServerOptions {
        ServerOptions::with_cluster(&self.redis.url(), cluster.kubeconfig())
            .flag(format!("--instance={INSTANCE}"))
            .flag("--probe-interval=0s")
            .flag("--cron-interval=0s")
    }

    fn adopt(&self, cluster: &Namespaces, args: &[&str]) -> Output {
        self.server(cluster).command().arg("adopt").args(args).output().expect("run it")
    }

    /// Everything in Redis.
    async fn digest(&self) -> String {
        self.redis.cli(["DEBUG", "DIGEST"]).await
    }

    /// Which cluster Redis keeps.
    async fn kept(&self) -> String {
        self.redis.cli(["HGET", "{sendstores}:meta", "cluster"]).await
    }

    /// A server has once asked which cluster has the stores.
    async fn settled(self) -> Self {
        let server = self.server(&self.cluster).start_ready().await;
        until("the cluster to be kept", async || (self.kept().await == OURS).then_some(())).await;
        drop(server);
        self
    }

    /// What Redis has, also where another history has begun.
    async fn states(&self) -> Vec<State> {
        let ledger = RedisLedger::connect(RedisConfig::new(self.redis.url())).await.expect("a ledger");
        let mut states = Vec::new();
        for id in IDS {
            states.push(ledger.load(&store_id(id)).await.expect("the ledger").expect("a record").state);
        }
        states
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn readyz(server: &Server, wanted: &str) -> String {
    until(wanted, async || {
        let (code, body) = http::get(server.admin, "/readyz").await.ok()?;
        (code == 200 && body.starts_with(wanted)).then_some(body)
    })
    .await
}

/// Waits until the server says that it reaches another cluster; what it says.
async fn rests(server: &Server) -> String {
    let said = readyz(server, "read-only: ").await;
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    assert!(metrics.contains("sendstores_wrong_cluster 1"), "{metrics}");
    said
}

async fn assert_reads_only(client: &Client) {
    for refused in [
        client.create(CreateStore::new().id("store-new")).await.map(drop),
        client.delete(IDS[0]).await.map(drop),
        client.credentials(IDS[0]).await.map(drop),
    ] {
        let error = refused.expect_err("nothing is written");
        assert_eq!(error.reason(), Some("READ_ONLY"), "{error}");
        assert!(error.to_string().contains("cluster"), "{error}");
    }
    assert_eq!(client.get(IDS[0]).await.expect("it is read").state(), WireState::Ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_reaches_another_cluster_rests_and_no_store_is_lost() {
    let world = World::new().await.settled().await;
    let other = Namespaces::start(OTHER).await;
    // One store would be mended at once, and is seen to be gone, in a cluster that has no namespace of it.
    happen(&world.ledger, IDS[1], Event::ProbeFailed).await;
    let server = world.server(&other).start_ready().await;
    let why = rests(&server).await;
    assert!(why.contains(OURS) && why.contains(OTHER) && why.contains("--this-cluster"), "{why}");
    let client = server.client().await;
    assert_reads_only(&client).await;
    assert_eq!(
        client.get("store-no").await.expect_err("none").reason(),
        Some("STORE_NOT_FOUND"),
        "reads are as always"
    );
    // What would have been done is done by now: a server of the right cluster is at work, too.
    let right = world.server(&world.cluster).start_ready().await;
    until("the other server to work", async || (world.cluster.requests(IDS[1]) > 0).then_some(())).await;
    assert_eq!(IDS.map(|id| other.requests(id)), [0; 3], "nothing of a store was asked for");
    assert_eq!(world.states().await, [State::Ready, State::Degraded, State::Ready]);
    drop(right);

    // Its operator says that the stores stand there now, and it goes on by itself.
    for store in &world.stores {
        other.put_store(store, INSTANCE);
    }
    let refused = world.adopt(&other, &[]);
    assert!(!refused.status.success() && said(&refused).contains("--this-cluster"), "{refused:?}");
    assert_eq!(world.kept().await, OURS);
    let moved = world.adopt(&other, &["--this-cluster"]);
    assert!(moved.status.success(), "{moved:?}");
    assert_eq!(world.kept().await, OTHER);
    readyz(&server, "ok").await;
    client.create(CreateStore::new().id("store-new")).await.expect("it writes again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_has_none_of_the_stores_is_not_kept_as_theirs() {
    let world = World::new().await;
    let empty = Namespaces::start(OTHER).await;
    let server = world.server(&empty).start_ready().await;
    let why = rests(&server).await;
    assert!(why.contains("has none of them"), "{why}");
    assert_eq!(world.kept().await, "");
    drop(server);
    let server = world.server(&world.cluster).start_ready().await;
    readyz(&server, "ok").await;
    until("the cluster to be kept", async || (world.kept().await == OURS).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_does_not_say_which_it_is_is_worked_in() {
    let world = World::new().await.settled().await;
    let secretive = Namespaces::start(OTHER).await;
    secretive.keep_secret();
    let server = world.server(&secretive).start_ready().await;
    until("the server to say so", async || {
        server.log().iter().any(|line| line.contains("does not say which one it is")).then_some(())
    })
    .await;
    readyz(&server, "ok").await;
    server.client().await.create(CreateStore::new().id("store-new")).await.expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_asked_is_not_a_wrong_one() {
    let world = World::new().await.settled().await;
    let server = ServerOptions::without_cluster(&world.redis.url()).flag("--cron-interval=0s").start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-new")).await.expect("accepted");
    let shown = until("the failure to be shown", async || client.get("store-new").await.ok()?.failure).await;
    assert_eq!(shown.reason(), sendstores_client::v1::failure::Reason::ClusterUnavailable);
    readyz(&server, "ok").await;
    assert_eq!(world.states().await, [State::Ready; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopt_refuses_where_most_of_the_stores_have_no_namespace() {
    let world = World::new().await;
    let empty = Namespaces::start(OTHER).await;
    let before = world.digest().await;
    let refused = world.adopt(&empty, &[]);
    let why = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{why}");
    assert!(why.contains("0 namespaces found, 3 stores known"), "{why}");
    assert!(why.contains("--instance (here)") && why.contains("--force"), "{why}");
    assert_eq!(world.digest().await, before, "nothing was written");
    let forced = world.adopt(&empty, &["--force"]);
    assert!(forced.status.success(), "{forced:?}");
    assert_eq!(world.states().await, [State::Failed; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopt_under_another_name_is_refused_and_takes_no_store_for_lost() {
    let world = World::new().await;
    let options = ServerOptions::with_cluster(&world.redis.url(), world.cluster.kubeconfig()).flag("--instance=other");
    let adopt = |args: &[&str]| options.command().arg("adopt").args(args).output().expect("run it");
    let refused = adopt(&[]);
    assert!(!refused.status.success() && said(&refused).contains("--instance (other)"), "{refused:?}");
    let forced = adopt(&["--force"]);
    assert!(forced.status.success() && said(&forced).contains("nothing to do"), "{forced:?}");
    assert_eq!(world.states().await, [State::Ready; 3]);
    // Of an empty Redis it would make one that is believed, without any store.
    world.redis.cli(["FLUSHALL"]).await;
    RedisLedger::connect(RedisConfig::new(world.redis.url()))
        .await
        .expect("a ledger")
        .cast_doubt("empty")
        .await
        .expect("cast");
    let refused = adopt(&[]);
    assert!(!refused.status.success() && said(&refused).contains("0 namespaces found, 0 stores known"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_whose_labels_were_changed_is_not_taken_for_lost() {
    let world = World::new().await;
    world.ledger.cast_doubt("a test says so").await.expect("cast");
    world.cluster.put_store(&world.stores[0], "another");
    world.cluster.put(serde_json::json!({"metadata": {"name": IDS[1], "labels": {}}}));
    let adopted = world.adopt(&world.cluster, &["--force"]);
    assert!(adopted.status.success(), "{adopted:?}");
    let printed = said(&adopted);
    assert!(printed.contains("store-b: left alone") && printed.contains("sendstores.dev/uid="), "{printed}");
    assert!(!printed.contains("store-a") && printed.contains("0 records were written"), "{printed}");
    assert_eq!(world.states().await, [State::Ready; 3]);
}
