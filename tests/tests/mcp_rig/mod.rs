//! A client of MCP that sends what a test says, to the real `sendstores mcp`.
#![allow(dead_code)] // each test file uses its part

use sendstores_tests::wait::within;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};

use crate::cli_rig::command;

/// One conversation.
pub(crate) struct Assistant {
    _program: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    /// What each request says of the client; nothing before 2026-07-28.
    meta: Option<Value>,
    requests: u64,
    pub(crate) notifications: Vec<Value>,
}

// === impl Assistant ===

impl Assistant {
    /// A client of the revision 2026-07-28 with these capabilities.
    pub(crate) async fn new(url: &str, flags: &str, token: &str, capabilities: Value) -> Self {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        let mut assistant = Self::start(url, flags, token, Some(meta));
        let found = assistant.request("server/discover", json!({})).await;
        assert!(
            found["result"]["supportedVersions"].as_array().expect("versions").contains(&json!("2026-07-28")),
            "{found}"
        );
        assistant
    }

    /// A client of 2025-11-25, which begins with `initialize`.
    pub(crate) async fn legacy(url: &str, flags: &str, token: &str) -> Self {
        let mut assistant = Self::start(url, flags, token, None);
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}
        });
        let answer = assistant.request("initialize", hello).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        assistant.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assistant
    }

    fn start(url: &str, flags: &str, token: &str, meta: Option<Value>) -> Self {
        let mut command = command(url, &format!("mcp {flags}"));
        if !token.is_empty() {
            command.env("SENDSTORES_TOKEN", token);
        }
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut program = command.spawn().expect("start");
        let stdin = program.stdin.take().expect("stdin");
        let stdout = BufReader::new(program.stdout.take().expect("stdout")).lines();
        Self { _program: program, stdin, stdout, meta, requests: 0, notifications: Vec::new() }
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.stdin.write_all(format!("{message}\n").as_bytes()).await.expect("the program reads");
    }

    /// The answer to a request; what else comes is kept.
    pub(crate) async fn request(&mut self, method: &str, mut params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        if let Some(meta) = &self.meta {
            let mut meta = meta.clone();
            meta["progressToken"] = json!(id);
            params["_meta"] = meta;
        }
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        within("an answer", async {
            loop {
                let line = self.stdout.next_line().await.expect("stdout").expect("the program goes on");
                let message: Value = serde_json::from_str(&line).expect("a line of JSON");
                if message["id"] == id {
                    return message;
                }
                self.notifications.push(message);
            }
        })
        .await
    }

    pub(crate) async fn tools(&mut self) -> Vec<Value> {
        let answer = self.request("tools/list", json!({})).await;
        answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("no list: {answer}")).clone()
    }

    /// The names of the tools.
    pub(crate) async fn names(&mut self) -> String {
        let tools = self.tools().await;
        tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect::<Vec<_>>().join(" ")
    }

    /// The result of a call.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments})).await;
        let size = answer["result"].to_string().len();
        assert!(size <= 16 * 1024, "a result of {size} bytes");
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// The structured result of a call that goes well.
    pub(crate) async fn done(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], false, "{result}");
        result["structuredContent"].clone()
    }

    /// The text of a call that does not.
    pub(crate) async fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        text(&result)
    }
}

/// The text of a result.
pub(crate) fn text(result: &Value) -> String {
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}
