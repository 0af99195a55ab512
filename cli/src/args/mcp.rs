//! `sendstores mcp`.

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "\
An assistant starts this command and talks to it over stdin and stdout. Its client is configured with:
  \"command\": \"sendstores\", \"args\": [\"mcp\"], \"env\": {\"SENDSTORES_TOKEN_FILE\": \"/path\"}

Each tool is a call with the rights of the token, and no more. Make a token for it alone:
  sendstores token create --name assistant --role agent --tenant acme

No tool shows a password. docs/agents.md has the rest.

Examples:
  sendstores mcp                       tools that read
  sendstores mcp --allow-write         also create_store, and delete_store after the human typed the id")]
pub(crate) struct McpArgs {
    /// Offer also the tools that create and delete stores. Default: only those that read.
    #[arg(long)]
    pub(crate) allow_write: bool,
    /// Delete without asking a human. An assistant that is misled by a text it reads can then delete stores.
    #[arg(long, requires = "allow_write")]
    pub(crate) allow_unattended_delete: bool,
}
