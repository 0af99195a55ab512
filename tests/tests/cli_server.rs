//! The real program against the real server program on a real Redis, with no cluster in reach.

mod cli_rig;

use cli_rig::{run, start};
use sendstores_tests::{redis::RedisServer, server::ServerOptions};

#[tokio::test]
async fn a_store_that_cannot_advance_says_why_and_survives_its_server() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url());
    let server = options.start_ready().await;
    let mut wait = start(&server.url(), "create store-a --title Tea --wait");
    wait.says("store-a is accepted").await;
    wait.says("CLUSTER_UNAVAILABLE at namespace, attempt 1, tried again at ").await;
    let address = server.grpc.to_string();
    server.kill9();
    wait.says("connection lost, trying again: ").await;
    let server = options.start_at(&address).await;
    wait.says("connected again after ").await;
    wait.interrupt();
    let ended = wait.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (130, ""), "{ended:?}");
    assert_eq!(ended.stderr.matches("connection lost").count(), 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the server continues; to wait again: `sendstores get store-a --wait`"),
        "{}",
        ended.stderr
    );

    server.ready().await;
    let shown = run(&server.url(), "get store-a").await;
    assert!(shown.code == 0 && shown.stdout.contains("title      Tea"), "{shown:?}");
    let deleted = run(&server.url(), "delete store-a").await;
    assert!(deleted.code == 0 && deleted.stdout.contains("store-a is being deleted"), "{deleted:?}");
}

#[tokio::test]
async fn who_types_nothing_is_taught_wherever_the_server_is() {
    let ended = run("http://127.0.0.1:1", "").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    assert!(ended.stderr.contains("Usage: sendstores") && ended.stderr.contains("watch"), "{ended:?}");
}

#[tokio::test]
async fn a_watch_goes_on_from_its_token_at_a_server_that_has_just_started() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url());
    let server = options.start_ready().await;
    run(&server.url(), "create store-a --title Tea").await;
    let mut watch = start(&server.url(), "watch --state deleting --json");
    let synced: serde_json::Value = serde_json::from_str(&watch.line().await).expect("JSON");
    let token = synced["resumeToken"].as_str().expect("a token").to_owned();
    let deleted = run(&server.url(), "delete store-a").await;
    assert_eq!(deleted.code, 0, "{deleted:?}");
    server.kill9();

    let server = options.start_ready().await;
    let mut watch = start(&server.url(), &format!("watch --state deleting --from {token}"));
    let line = watch.line().await;
    assert!(line.contains("changed   store-a  DELETING"), "{line}");
}
