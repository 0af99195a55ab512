//! The official client of MCP (Python) on the real `sendstores mcp` and on `/mcp`. Needs Python 3.10 and, once, its package index.

use std::process::Stdio;

use sendstores_client::{Client, CreateStore};
use sendstores_tests::{
    programs::program,
    redis::RedisServer,
    server::{ServerOptions, workspace},
    tokens::make_token,
    wait::within,
};
use serde_json::{Value, json};
use tokio::process::Command;

const READS: [&str; 10] = [
    "whoami",
    "summarize_stores",
    "list_stores",
    "get_store",
    "explain_store",
    "wait_for_store",
    "changes_since",
    "explain_reason",
    "list_audit",
    "check_store",
];

/// What the client found, of the tools on stdin and stdout, or by HTTP with those that write.
async fn conversed(by_http: bool) -> Value {
    let python =
        Command::new(workspace().join("tests/mcp/python")).stderr(Stdio::inherit()).output().await.expect("run");
    assert!(
        python.status.success(),
        "tests/mcp/python makes no interpreter with the packages of tests/mcp/requirements.txt"
    );
    let python = String::from_utf8(python.stdout).expect("a path");

    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth().flag("--mcp=on");
    let server = options.start_ready().await;
    let token = make_token(&options, "--role operator");
    let client = Client::builder().token(&token).connect(&server.url()).await.expect("connect");
    client.create(CreateStore::new().id("store-a")).await.expect("created");

    let mut command = Command::new(python.trim());
    command.arg("-B").arg(workspace().join("tests/mcp/converse.py"));
    if by_http {
        command.arg("http");
    } else {
        command.arg(program("sendstores"));
    }
    command.arg(server.url()).arg(&token).arg("store-a").stderr(Stdio::inherit()).kill_on_drop(true);
    let ended = within("the conversation", command.output()).await.expect("run");
    assert!(ended.status.success(), "the conversation failed");
    serde_json::from_slice(&ended.stdout).expect("a line of JSON")
}

fn assert_said(said: &Value, tools: &[&str]) {
    assert_eq!(said["modern"], json!({"protocol": "2026-07-28", "tools": tools}));
    assert_eq!(said["legacy"], json!({"protocol": "2025-11-25", "tools": tools}));
    let text = |name: &str| said[name].as_str().expect("a text");
    assert!(text("other_id").contains("typed another id"), "{said}");
    assert!(text("old_client").contains("sendstores delete store-a --etag"), "{said}");
    assert!(text("deleted").contains("store-a is DELETING"), "{said}");
}

#[tokio::test]
async fn the_official_client_reads_waits_and_deletes_after_its_human_typed_the_id() {
    assert_said(&conversed(false).await, &READS);
}

#[tokio::test]
async fn the_official_client_does_the_same_by_http() {
    let tools = [&READS[..], &["create_store", "delete_store"]].concat();
    assert_said(&conversed(true).await, &tools);
}
