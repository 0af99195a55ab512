//! A real Chromium through the whole story on the real cluster: log in, create, watch it become READY, buy in the shop, read why it
//! does not sell any more, delete. The story itself: `dashboard/tests/story/story.spec.ts`.

use std::process::Stdio;

use sendstores_tests::{cluster::Cluster, redis::RedisServer, server::workspace, tokens::make_token};
use tokio::process::Command;

#[tokio::test]
async fn a_browser_goes_through_the_whole_story() {
    let cluster = Cluster::full();
    let redis = RedisServer::start().await;
    let options = cluster.server(&redis.url()).with_auth().flag("--cron-interval=2s").flag("--probe-interval=2s");
    let server = options.start_ready().await;
    let token = make_token(&options, "--role admin");

    let mut command = Command::new(workspace().join("scripts/dashboard"));
    command.args(["story"]).stdin(Stdio::null()).kill_on_drop(true);
    command.env("STORY_SERVER", server.url()).env("STORY_TOKEN", &token);
    command.env("STORY_KUBECTL", cluster.program("kubectl")).env("STORY_KUBECONFIG", cluster.kubeconfig());
    // The browser has its own deadlines.
    let status = command.status().await.expect("run scripts/dashboard");
    assert!(status.success(), "the story ends otherwise; its steps are above");
}
