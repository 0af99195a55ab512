//! `sendstores mcp`.

use sendstores_client::RetryPolicy;
use sendstores_mcp::{Mcp, Settings};

use crate::{
    args::{Global, McpArgs},
    failure::{Exit, Failure},
};

use super::target;

pub(super) async fn run(global: &Global, args: McpArgs) -> Result<(), Failure> {
    let McpArgs { allow_write, allow_unattended_delete } = args;
    let target = target(global)?;
    let retry = RetryPolicy::default().call_budget(global.timeout).stream_budget(Some(global.timeout));
    // Without a connection: the assistant starts this once, and the server may come later.
    let builder = target.builder()?.program(concat!("sendstores-mcp/", env!("CARGO_PKG_VERSION")));
    let client = builder.timeout(global.timeout).retry(retry).connect_lazy(&target.server)?;
    let settings = Settings { write: allow_write, unattended_delete: allow_unattended_delete };
    let served = Mcp::new(client, settings).serve_stdio().await;
    served.map_err(|why| Failure::new(Exit::Failed, format!("the client does not speak MCP: {why}")))
}
