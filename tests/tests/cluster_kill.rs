//! `kill -9` of the server in every step: a restart finishes the work, with no human help.
//!
//! On simulated nodes, one store at a time: a simulated pod cannot tell whose program it runs.

use std::time::Instant;

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, Event, v1 as wire};
use sendstores_tests::{cluster::Cluster, redis::RedisServer, server::Server, wait::until};

const STEPS: [&str; 7] = ["namespace", "credentials", "release", "database", "application", "bootstrap", "storefront"];

/// Follows the store until `step` is under way.
async fn reach(client: &Client, id: &str, step: &str) {
    let filter = wire::StoreFilter { ids: vec![id.to_owned()], ..Default::default() };
    let mut watch = client.watch(filter).await.expect("watch");
    while let Some(event) = watch.next().await {
        let (Event::Snapshot(store) | Event::Changed(store)) = event.expect("an event").event else { continue };
        let running = |shown: &&wire::Step| shown.name == step && shown.state() == wire::step::State::Running;
        if store.steps.iter().find(running).is_some() || store.state() == wire::store::State::Ready {
            return;
        }
    }
}

async fn settle(client: &Client, id: &str) -> wire::Store {
    until("the store to be READY", async || {
        let store = client.get(id).await.ok()?;
        (store.state() == wire::store::State::Ready).then_some(store)
    })
    .await
}

async fn vanish(cluster: &Cluster, client: &Client, id: &str) {
    until("the store to be gone", async || {
        matches!(client.get(id).await, Err(sendstores_client::Error::NotFound(_))).then_some(())
    })
    .await;
    assert_eq!(cluster.leftovers(id), Vec::<String>::new());
}

async fn restart(cluster: &Cluster, redis: &RedisServer, server: Server) -> (Server, Client) {
    server.kill9();
    let server = cluster.server(&redis.url()).start_ready().await;
    let client = server.client().await;
    (server, client)
}

#[tokio::test]
async fn a_server_killed_in_any_step_of_provisioning_finishes_it_after_a_restart() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let mut server = cluster.server(&redis.url()).start_ready().await;
    let mut client = server.client().await;
    for step in STEPS {
        let id = format!("store-kill-{step}");
        let begun = Instant::now();
        client.create(CreateStore::new().id(&id)).await.expect("create");
        reach(&client, &id, step).await;
        (server, client) = restart(&cluster, &redis, server).await;
        let store = settle(&client, &id).await;
        // On simulated nodes no Ingress passes anything on.
        let sells = store.evidence.iter().all(|evidence| evidence.passed != (evidence.check == "ingress"));
        assert!(store.failure.is_none() && sells, "{store:?}");
        eprintln!("killed in {step}: READY {:?} after Create", begun.elapsed());
        client.delete(id.as_str()).await.expect("delete");
        vanish(&cluster, &client, &id).await;
    }
}

#[tokio::test]
async fn a_server_killed_at_any_moment_of_a_deletion_finishes_it_after_a_restart() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let mut server = cluster.server(&redis.url()).start_ready().await;
    let mut client = server.client().await;
    for (i, moment) in ["acknowledged", "removal", "namespace going"].into_iter().enumerate() {
        let id = format!("store-unkill-{i}");
        client.create(CreateStore::new().id(&id)).await.expect("create");
        // A deletion in the middle of a creation, each time at another step.
        reach(&client, &id, STEPS[2 * i]).await;
        client.delete(id.as_str()).await.expect("delete");
        match moment {
            "acknowledged" => {}
            "removal" => reach(&client, &id, "removal").await,
            _ => {
                until("the namespace to be going", async || {
                    let space = cluster.kubectl(&["get", "namespace", &id, "-o", "jsonpath={.status.phase}"]);
                    (space.stdout != b"Active").then_some(())
                })
                .await;
            }
        }
        (server, client) = restart(&cluster, &redis, server).await;
        vanish(&cluster, &client, &id).await;
        // Only now is the id free again.
        client.create(CreateStore::new().id(&id)).await.expect("create anew");
        client.delete(id.as_str()).await.expect("delete anew");
        vanish(&cluster, &client, &id).await;
    }
}

#[tokio::test]
async fn a_namespace_that_is_not_ours_is_never_touched() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).start_ready().await;
    let client = server.client().await;
    let created = cluster.kubectl(&["create", "namespace", "store-foreign"]);
    assert!(created.status.success(), "{created:?}");
    client.create(CreateStore::new().id("store-foreign")).await.expect("create");
    let store = until("the conflict to show", async || {
        client.get("store-foreign").await.ok().filter(|store| store.state() == wire::store::State::Failed)
    })
    .await;
    assert_eq!(store.failure.expect("a failure").reason(), wire::failure::Reason::NamespaceConflict);
    client.delete("store-foreign").await.expect("delete");
    until("the record to be gone", async || client.get("store-foreign").await.err().map(drop)).await;
    let space = cluster.get(&["namespace", "store-foreign"]);
    assert_eq!(space["status"]["phase"], "Active");
    assert!(cluster.kubectl(&["delete", "namespace", "store-foreign"]).status.success());
}
