//! Calls that change something in the cluster are lost on their way back, when they were carried out already: a quarter of
//! them in each run, and with `SENDSTORES_LOST_CALLS=all` each of them, on its way there, too. Each store becomes READY all the
//! same, once, and its deletion leaves nothing.

use std::time::Instant;

use futures::{StreamExt, stream};
use rand::RngExt;
use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_core::ledger::Ledger;
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    api_proxy::{ApiProxy, Loss},
    cluster::Cluster,
    oracle::{Filter, Kind, Recorder, Run, read_log},
    redis::RedisServer,
    wait::until,
};
use tokio::sync::Mutex;

/// Lives at once.
const AT_ONCE: usize = 10;

/// What every store shares.
struct World {
    cluster: Cluster,
    proxy: ApiProxy,
    client: Client,
    /// A simulated pod cannot tell whose program it runs, so that one store after the other comes to be.
    cradle: Mutex<()>,
}

/// Every how many-th call is lost in the usual run, which begins anywhere among them. One life takes seven seconds.
const STRIDE: usize = 4;

/// Which calls are lost, and how.
fn losses(calls: usize) -> Vec<(usize, Loss)> {
    if std::env::var_os("SENDSTORES_LOST_CALLS").is_some() {
        return (1..=calls).flat_map(|k| [(k, Loss::Answer), (k, Loss::Call)]).collect();
    }
    let first = rand::rng().random_range(1..=STRIDE);
    (first..=calls).step_by(STRIDE).map(|k| (k, Loss::Answer)).collect()
}

/// How a store of this loss is called.
fn named(k: usize, loss: Loss) -> String {
    format!("store-lost-{}-{k}", format!("{loss:?}").to_lowercase())
}

/// The helm releases in the namespace of a store that stand: name and version.
fn releases(cluster: &Cluster, id: &str) -> Vec<(String, String)> {
    let found = cluster.get(&["-n", id, "secrets", "-l", "owner=helm,status=deployed"]);
    let text = |label: &serde_json::Value| label.as_str().unwrap_or_default().to_owned();
    let release = |item: &serde_json::Value| {
        let labels = &item["metadata"]["labels"];
        (text(&labels["name"]), text(&labels["version"]))
    };
    found["items"].as_array().expect("a list").iter().map(release).collect()
}

/// A store from its creation to its end.
async fn live(world: &World, id: &str) {
    let World { cluster, proxy, client, cradle } = world;
    let alone = cradle.lock().await;
    client.create(CreateStore::new().id(id)).await.expect("create");
    let store = until(&format!("{id} to be READY"), async || {
        client.get(id).await.ok().filter(|store| store.state() == wire::store::State::Ready)
    })
    .await;
    assert!(store.failure.is_none(), "{store:?}");
    let deployed = releases(cluster, id);
    assert_eq!(deployed.len(), 1, "{id} has one release: {deployed:?}");
    drop(alone);
    client.delete(id).await.expect("delete");
    until(&format!("{id} to be gone"), async || {
        matches!(client.get(id).await, Err(sendstores_client::Error::NotFound(_))).then_some(())
    })
    .await;
    assert_eq!(cluster.leftovers(id), Vec::<String>::new(), "{:?}", proxy.calls(id));
}

/// Loses each of so many calls, each in the life of a store of its own: how it is called, and which call it was.
async fn lose_each(world: &World, calls: usize) -> Vec<(String, usize)> {
    let lives = losses(calls).into_iter().map(|(k, loss)| async move {
        let id = named(k, loss);
        world.proxy.lose(&id, k, loss);
        live(world, &id).await;
        (id, k)
    });
    stream::iter(lives).buffer_unordered(AT_ONCE).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_call_to_the_cluster_may_be_lost() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let proxy = ApiProxy::start(&cluster).await;
    let server = cluster.server(&redis.url()).env("KUBECONFIG", proxy.kubeconfig()).start_ready().await;
    let world = World { cluster, proxy, client: server.client().await, cradle: Mutex::default() };
    let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
    // From here on it is to be told of every change, once.
    let mut watcher = Recorder::new("all", Filter::default());
    watcher
        .watch(&world.client, |message| matches!(message.kind, Kind::Synced { .. }))
        .await
        .expect("an empty snapshot");

    let begun = Instant::now();
    world.proxy.note("store-whole");
    live(&world, "store-whole").await;
    let calls = world.proxy.calls("store-whole");
    eprintln!("a store's life is {} calls, in {:?}:\n  {}", calls.len(), begun.elapsed(), calls.join("\n  "));

    let begun = Instant::now();
    let lives = lose_each(&world, calls.len()).await;
    let lost = lives.iter().filter(|(id, _)| world.proxy.has_lost(id)).count();
    eprintln!("{lost} calls lost in {} lives, in {:?}: {lives:?}", lives.len(), begun.elapsed());
    assert!(lost > 0);
    // A life has fewer calls than the first if one look was enough where that one had to look twice.
    for (id, k) in lives {
        assert!(world.proxy.has_lost(&id) || world.proxy.calls(&id).len() < k, "{id} has the call that is lost");
    }

    let log = read_log(&ledger).await;
    watcher.watch_all(&world.client, &log).await.expect("everything is seen");
    let (epoch, watchers) = (ledger.epoch().to_string(), vec![watcher.finish()]);
    let run = Run { epoch, log, watchers, ..Run::default() };
    eprintln!("{}", run.summary());
    run.assert_faultless();
}
