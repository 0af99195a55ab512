//! Shops are asked to do what they have scheduled, through a real API server's service proxy.

use sendstores_client::{Client, CreateStore, v1 as wire};
use sendstores_tests::{
    cluster::Cluster,
    exposition, http,
    life::{gone, reached, ready},
    redis::RedisServer,
    server::Server,
    wait::until,
};

/// What the pod of the store says of itself.
fn told(cluster: &Cluster, id: &str, path: &str) -> String {
    let path = format!("/api/v1/namespaces/{id}/services/http:wordpress:80/proxy/standin/{path}");
    let output = cluster.kubectl(&["get", "--raw", &path]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// How often the pod was asked.
fn asked(cluster: &Cluster, id: &str) -> Option<u64> {
    told(cluster, id, "cron").parse().ok()
}

/// The finding of `cron` and whether it is as it should be.
fn scheduled(store: &wire::Store) -> Option<(bool, &str)> {
    let evidence = store.evidence.iter().find(|evidence| evidence.check == "cron")?;
    Some((evidence.passed, &evidence.finding))
}

/// A READY store of a server with these flags.
async fn opened(cluster: &Cluster, flags: &[&str], id: &str) -> (RedisServer, Server, Client, wire::Store) {
    let redis = RedisServer::start().await;
    let server = flags.iter().fold(cluster.server(&redis.url()), |server, flag| server.flag(*flag)).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id(id)).await.expect("create");
    let store = ready(&client, id).await;
    (redis, server, client, store)
}

#[tokio::test]
async fn an_open_shop_is_asked_again_and_again() {
    let cluster = Cluster::light();
    let id = "store-cron-light";
    let (_redis, server, client, store) = opened(&cluster, &["--cron-interval=1s"], id).await;
    assert!(scheduled(&store).is_some_and(|(passed, _)| passed), "{store:?}");
    assert!(asked(&cluster, id) >= Some(1), "no shop is READY that never did what it has scheduled");
    let before = asked(&cluster, id).unwrap_or_default();
    until("the shop to be asked", async || asked(&cluster, id).filter(|count| *count >= before + 3)).await;
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    let calls =
        |outcome: &str| exposition::value(&metrics, &format!("sendstores_cron_calls_total{{outcome=\"{outcome}\"}}"));
    assert!(calls("ok") >= Some(1.0) && calls("failed") == Some(0.0), "{metrics}");
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn a_shop_whose_runs_do_not_end_is_degraded_until_they_do() {
    let cluster = Cluster::light();
    let id = "store-cron-hangs";
    let flags = ["--cron-interval=1s", "--probe-interval=1s"];
    let (_redis, _server, client, _) = opened(&cluster, &flags, id).await;
    told(&cluster, id, "cron/hang");
    let degraded = reached(&client, id, wire::store::State::Degraded).await;
    let why = "what is scheduled is not done: wp-cron.php answers, but no run came to its end for more than 2s";
    assert_eq!(scheduled(&degraded), Some((false, why)));
    let failure = degraded.failure.as_ref().expect("failure");
    assert!(failure.message.contains(why), "{failure:?}");
    told(&cluster, id, "cron/go");
    let store = ready(&client, id).await;
    assert!(scheduled(&store).is_some_and(|(passed, _)| passed), "{store:?}");
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}

#[tokio::test]
async fn nobody_is_asked_where_something_else_does_that() {
    let cluster = Cluster::light();
    let id = "store-cron-off";
    let (_redis, _server, client, store) = opened(&cluster, &["--cron-interval=0s"], id).await;
    assert_eq!(scheduled(&store), None);
    let log = std::fs::read_to_string(cluster.audit_log()).expect("the audit log");
    let of_shop = |path: &str| log.contains(&format!("/namespaces/{id}/services/http:wordpress:80/proxy/{path}"));
    assert!(of_shop("shop/") && !of_shop("cronz.php") && !of_shop("wp-cron.php"));
    client.delete(id).await.expect("delete");
    gone(&cluster, &client, id).await;
}
