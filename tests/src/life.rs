//! The life of a store on a cluster, awaited from outside.

use futures::StreamExt;
use sendstores_client::{Client, Error, Event, v1 as wire};

use crate::{cluster::Cluster, wait::until};

/// The steps from intent to a working store.
pub const STEPS: [&str; 7] =
    ["namespace", "credentials", "release", "database", "application", "bootstrap", "storefront"];

/// Follows the store until `step` is under way.
pub async fn reach(client: &Client, id: &str, step: &str) {
    let filter = wire::StoreFilter { ids: vec![id.to_owned()], ..Default::default() };
    let mut watch = client.watch(filter).await.expect("watch");
    while let Some(event) = watch.next().await {
        let (Event::Snapshot(store) | Event::Changed(store)) = event.expect("an event").event else { continue };
        let running = |shown: &&wire::Step| shown.name == step && shown.state() == wire::step::State::Running;
        if store.steps.iter().any(|shown| running(&shown)) || store.state() == wire::store::State::Ready {
            return;
        }
    }
}

/// Waits until the store is READY.
pub async fn ready(client: &Client, id: &str) -> wire::Store {
    until(&format!("{id} to be READY"), async || {
        client.get(id).await.ok().filter(|store| store.state() == wire::store::State::Ready)
    })
    .await
}

/// Waits until the store is not there any more, and sees that the cluster has nothing of it.
pub async fn gone(cluster: &Cluster, client: &Client, id: &str) {
    until(&format!("{id} to be gone"), async || matches!(client.get(id).await, Err(Error::NotFound(_))).then_some(()))
        .await;
    assert_eq!(cluster.leftovers(id), Vec::<String>::new());
}
