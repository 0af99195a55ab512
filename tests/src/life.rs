//! The life of a store on a cluster, awaited from outside.

use futures::StreamExt;
use sendstores_client::{Client, Error, Event, v1 as wire};

use crate::{
    cluster::Cluster,
    redis::RedisServer,
    server::Server,
    wait::{until, within},
};

/// The steps from intent to a working store.
pub const STEPS: [&str; 7] =
    ["namespace", "credentials", "release", "database", "application", "bootstrap", "storefront"];

/// Follows the store until `step` is under way.
pub async fn reach(client: &Client, id: &str, step: &str) {
    let filter = wire::StoreFilter { ids: vec![id.to_owned()], ..Default::default() };
    let mut watch = client.watch(filter).await.expect("watch");
    let reached = async {
        while let Some(event) = watch.next().await {
            let (Event::Snapshot(store) | Event::Changed(store)) = event.expect("an event").event else { continue };
            let running = |shown: &&wire::Step| shown.name == step && shown.state() == wire::step::State::Running;
            if store.steps.iter().any(|shown| running(&shown)) || store.state() == wire::store::State::Ready {
                return;
            }
        }
    };
    within(&format!("{step} of {id}"), reached).await;
}

/// Waits until the store is READY and its operation has ended in `state`.
pub async fn ended(client: &Client, id: &str, state: wire::operation::State) -> wire::Store {
    until(state.as_str_name(), async || {
        let store = client.get(id).await.ok()?;
        let operation = store.operation.as_ref()?;
        (operation.state() == state && store.state() == wire::store::State::Ready).then_some(store)
    })
    .await
}

/// A Redis, a server on it that provisions into the cluster, and a client.
pub async fn served(cluster: &Cluster) -> (RedisServer, Server, Client) {
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).start_ready().await;
    let client = server.client().await;
    (redis, server, client)
}

/// Waits until the store is in this state.
pub async fn reached(client: &Client, id: &str, state: wire::store::State) -> wire::Store {
    let what = format!("{id} to be {}", state.as_str_name());
    until(&what, async || client.get(id).await.ok().filter(|store| store.state() == state)).await
}

/// Waits until the store is READY.
pub async fn ready(client: &Client, id: &str) -> wire::Store {
    reached(client, id, wire::store::State::Ready).await
}

/// Waits until the store is not there any more, and sees that the cluster has nothing of it.
pub async fn gone(cluster: &Cluster, client: &Client, id: &str) {
    until(&format!("{id} to be gone"), async || matches!(client.get(id).await, Err(Error::NotFound(_))).then_some(()))
        .await;
    assert_eq!(cluster.leftovers(id), Vec::<String>::new());
}
