//! Contexts: the servers that a user knows.

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
#[command(after_help = "\
The token is read from the terminal, which does not show it, or from a pipe. It is tried before anything
is kept. With --token-file the path is kept, not the token. The file of contexts is readable by its owner
alone.

Examples:
  sendstores login --server https://stores.example.org
  sendstores login dev --server http://127.0.0.1:7443 < token
  sendstores login prod --server https://stores.example.org --ca ca.pem --token-file /run/sendstores/token")]
pub(crate) struct LoginArgs {
    /// Name of the context.
    #[arg(default_value = "default", value_parser = name)]
    pub(crate) name: String,
    /// Keep no token, for a server that asks for none or knows the client certificate.
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) no_token: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// List the contexts. The current one has a star.
    List,
    /// Use a context from now on.
    Use {
        /// Name of the context.
        name: String,
    },
    /// Remove a context with its token.
    Delete {
        /// Name of the context.
        name: String,
    },
}

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let good = !text.is_empty() && text.len() <= 63 && !text.starts_with('-') && text.chars().all(plain);
    if good { Ok(text.to_owned()) } else { Err("must be 1 to 63 letters, digits, '-', '_' and '.'".to_owned()) }
}
