//! The official conformance tests of MCP on `/mcp`, for both revisions. Need npm and, once, its registry.

use std::process::Stdio;

use sendstores_client::{Client, CreateStore};
use sendstores_tests::{
    redis::RedisServer,
    server::{ServerOptions, workspace},
    wait::within,
};
use tokio::process::Command;

const REVISIONS: [&str; 2] = ["2026-07-28", "2025-11-25"];

/// The tests send no token: this server asks for none. Tokens are tried in `mcp_http.rs`.
#[tokio::test]
async fn nothing_fails_in_either_revision_but_what_is_listed() {
    let installed = Command::new(workspace().join("scripts/tool")).arg("mcp-conformance").output().await.expect("run");
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));

    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).flag("--mcp=on").start_ready().await;
    let client = Client::connect(&server.url()).await.expect("connect");
    client.create(CreateStore::new().id("store-a")).await.expect("created");

    // They write what they found into the folder where they are started.
    let folder = tempfile::tempdir().expect("a folder");
    for revision in REVISIONS {
        let mut command = Command::new(workspace().join("tests/mcp/conformance"));
        command.arg(format!("{}/mcp", server.url())).arg(revision).current_dir(folder.path());
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let ended = within("the conformance tests", command.output()).await.expect("run");
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{revision}: {}", said.split("=== SUMMARY ===").last().unwrap_or(&said));
    }
}
