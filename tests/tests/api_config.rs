//! The server's flags, from outside.

use sendstores_client::ListStores;
use sendstores_tests::{
    helm_shim::{Deed, HelmShim},
    http,
    redis::RedisServer,
    server::{self, ServerOptions},
    wait::until,
};

#[test]
fn every_problem_is_named_at_once_with_exit_code_2() {
    let options = ServerOptions::without_cluster("redis://127.0.0.1:1").flag("--lease=never").flag("--concurrency=0");
    let output = options.env("SENDSTORES_STORE_URL", "no-scheme").command().output().expect("run");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    for flag in ["--lease", "--concurrency", "--store-url"] {
        assert!(text.contains(flag), "{flag} is missing in {text}");
    }
}

#[test]
fn an_unknown_flag_is_exit_code_2_too() {
    let output = ServerOptions::without_cluster("redis://127.0.0.1:1").flag("--frobnicate").command().output();
    assert_eq!(output.expect("run").status.code(), Some(2));
}

#[test]
fn the_configuration_is_printed_without_secrets() {
    let options = ServerOptions::without_cluster("redis://user:hunter2@127.0.0.1:1").flag("--print-config");
    let output = options.env("SENDSTORES_LEASE", "7s").command().output().expect("run");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("lease = 7s"), "{text}");
    assert!(text.contains("redis-url = [hidden]") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn sighup_has_the_chart_and_the_values_read_again() {
    let redis = RedisServer::start().await;
    let shim = HelmShim::new(Deed::Work);
    let values = shim.path("environment.yaml");
    std::fs::write(&values, "storage: {content: 1Gi}").expect("written");
    let options = ServerOptions::without_cluster(&redis.url())
        .flag(format!("--values={}", values.display()))
        .flag(format!("--helm={}", shim.program().display()));
    let server = options.start_ready().await;
    for (content, outcome) in
        [("storage: {content: 2Gi}", "changed"), ("storage: {content: 2Gi}", "unchanged"), ("refused: true", "refused")]
    {
        std::fs::write(&values, content).expect("written");
        server::signal(server.pid(), "HUP");
        let counted = format!("sendstores_file_reloads_total{{outcome=\"{outcome}\"}} 1");
        until("the reload to be counted", async || {
            let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
            metrics.contains(&counted).then_some(())
        })
        .await;
    }
    server.client().await.list(ListStores::default()).await.expect("it serves on");
}

#[test]
fn quota_and_deadlines_are_settings_of_the_environment_too() {
    let options =
        ServerOptions::without_cluster("redis://127.0.0.1:1").flag("--print-config").flag("--deadline=wait=10m");
    let output = options.env("SENDSTORES_QUOTA", "requests.storage=100Gi,pods=12").command().output().expect("run");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["requests.storage=100Gi", "pods=12", "wait=10m", "trouble=20s"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let options = ServerOptions::without_cluster("redis://127.0.0.1:1").flag("--quota=requests.storage=1Gi");
    let output = options.flag("--deadline=nap=1s").command().output().expect("run");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("--deadline: \"nap=1s\"") && text.contains("storage.database"), "{text}");
}

#[test]
fn help_hides_the_redis_password() {
    let options = ServerOptions::without_cluster("redis://127.0.0.1:1").flag("--help");
    let output = options.env("SENDSTORES_REDIS_URL", "redis://:hunter2@127.0.0.1:1").command().output().expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("SENDSTORES_REDIS_URL") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("an address").to_string();
    let options = ServerOptions::without_cluster("redis://127.0.0.1:1");
    let output = options.env("SENDSTORES_LOG_FORMAT", "text").command_with_listen(&address).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("--listen") && text.contains(&address), "{text}");
}
