//! Shops are asked to do what they have scheduled, through a real API server's service proxy.

use sendstores_client::{CreateStore, Error, v1 as wire};
use sendstores_tests::{cluster::Cluster, http, redis::RedisServer, wait::until};

/// How often the pod of the store was asked, as it says itself.
fn asked(cluster: &Cluster, id: &str) -> Option<u64> {
    let path = format!("/api/v1/namespaces/{id}/services/http:wordpress:80/proxy/standin/cron");
    let output = cluster.kubectl(&["get", "--raw", &path]);
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

#[tokio::test]
async fn an_open_shop_is_asked_again_and_again() {
    let cluster = Cluster::light();
    let redis = RedisServer::start().await;
    let server = cluster.server(&redis.url()).flag("--cron-interval=1s").start_ready().await;
    let client = server.client().await;
    let id = "store-cron-light";
    client.create(CreateStore::new().id(id)).await.expect("create");
    until("the store to be READY", async || {
        client.get(id).await.ok().filter(|store| store.state() == wire::store::State::Ready)
    })
    .await;
    let before = asked(&cluster, id).unwrap_or_default();
    until("the shop to be asked", async || asked(&cluster, id).filter(|count| *count >= before + 3)).await;
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    assert!(metrics.contains(r#"sendstores_cron_calls_total{outcome="ok"}"#), "{metrics}");
    assert!(!metrics.contains(r#"outcome="failed""#), "{metrics}");
    client.delete(id).await.expect("delete");
    until("the store to be gone", async || matches!(client.get(id).await, Err(Error::NotFound(_))).then_some(())).await;
}
