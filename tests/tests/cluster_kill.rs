//! `kill -9` of the server in every step: a restart finishes the work, with no human help.
//!
//! On simulated nodes, one store at a time: a simulated pod cannot tell whose program it runs.

use std::time::Instant;

use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    life::{STEPS, gone, reach, ready},
    redis::RedisServer,
    server::Server,
    wait::until,
};

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
        let store = ready(&client, &id).await;
        // On simulated nodes no Ingress passes anything on.
        let sells = store.evidence.iter().all(|evidence| evidence.passed != (evidence.check == "ingress"));
        assert!(store.failure.is_none() && sells, "{store:?}");
        eprintln!("killed in {step}: READY {:?} after Create", begun.elapsed());
        client.delete(id.as_str()).await.expect("delete");
        gone(&cluster, &client, &id).await;
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
        gone(&cluster, &client, &id).await;
        // Only now is the id free again.
        client.create(CreateStore::new().id(&id)).await.expect("create anew");
        client.delete(id.as_str()).await.expect("delete anew");
        gone(&cluster, &client, &id).await;
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
