//! What can be said on the command line.

mod create;
mod filter;

use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};
use clap_complete::Shell;

pub(crate) use create::CreateArgs;
pub(crate) use filter::FilterArgs;

pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7443";
pub(crate) const SERVER_VARIABLE: &str = "SENDSTORES_SERVER";

const EXAMPLES: &str = "\
Examples:
  sendstores create --title 'Tea & Cake' --wait   make a shop and see each step
  sendstores list --state ready                   which shops are open
  sendstores credentials store-ab12cd34           how the merchant logs in
  sendstores watch                                what happens to all of them
  sendstores delete store-ab12cd34 --wait         remove one with everything it owns
  sendstores list --json | jq -r '.stores[].url'  for scripts

Exit codes:
  0    done
  1    the call failed, or the wait took too long
  2    the command line is wrong
  3    there is no such store
  4    the wait ended because the store is FAILED, or was deleted meanwhile
  130  interrupted; a store that was asked for goes on";

/// Creates, shows, watches and deletes isolated e-commerce stores.
#[derive(Debug, Parser)]
#[command(name = "sendstores", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

impl Cli {
    /// Reads the command line. Who types nothing is taught, also where the environment names a server, which clap takes for
    /// an argument.
    pub(crate) fn read() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            if error.kind() == ErrorKind::MissingSubcommand {
                eprint!("{}", Self::command().render_help());
                std::process::exit(error.exit_code());
            }
            error.exit()
        })
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Address of the server.
    #[arg(long, global = true, env = SERVER_VARIABLE, hide_env_values = true, default_value = DEFAULT_SERVER, value_name = "URL")]
    pub(crate) server: String,
    /// How long one call may take, such as 10s.
    #[arg(long, global = true, default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    /// Print JSON as the contract defines it: one document, or one line for each change. Errors are JSON, too.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask for a new store.
    Create(Box<CreateArgs>),
    /// Show one store.
    Get(GetArgs),
    /// Show how the merchant of a store logs in: address, user and password.
    Credentials(CredentialsArgs),
    /// List stores.
    List(ListArgs),
    /// Remove a store with everything it owns.
    Delete(DeleteArgs),
    /// Follow what happens to stores.
    Watch(WatchArgs),
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores get store-ab12cd34
  sendstores get store-ab12cd34 --wait               go on waiting for it
  sendstores get store-ab12cd34 --json | jq .state
  sendstores get store-ab12cd34 --stale              while Redis is away: as it was last seen")]
pub(crate) struct GetArgs {
    /// Id of the store.
    pub(crate) id: String,
    /// Show what the server has in memory, without asking Redis: it may be old.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) stale: bool,
    /// Wait until it is READY, and show each step.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The password is shown here and nowhere else. It logs in once the store is READY, until the
merchant changes it. Each call is recorded in the store's history.

Examples:
  sendstores credentials store-ab12cd34
  sendstores credentials store-ab12cd34 --json | jq -r .password
  sendstores get store-ab12cd34                      shows the history: who asked, and when")]
pub(crate) struct CredentialsArgs {
    /// Id of the store.
    pub(crate) id: String,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores list
  sendstores list --state failed,degraded --label team=a
  sendstores list --json | jq -r '.stores[] | .id + \" \" + .url'")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Show what the server has in memory, without asking Redis: it may be old.
    #[arg(long)]
    pub(crate) stale: bool,
    /// At most this many. Default: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores delete store-ab12cd34           asks first when on a terminal
  sendstores delete store-ab12cd34 --yes --wait
  sendstores delete store-ab12cd34 --etag \"$(sendstores get store-ab12cd34 --json | jq -r .etag)\"")]
pub(crate) struct DeleteArgs {
    /// Id of the store.
    pub(crate) id: String,
    /// Do not ask. Off a terminal nothing is asked anyway.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Wait until it is gone.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
    /// Only if it still has this etag.
    #[arg(long)]
    pub(crate) etag: Option<String>,
    /// Succeed when there is no such store.
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Name of this request; a repetition under the same name has no second effect.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Check only, change nothing.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) validate_only: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores watch                           all stores, until Ctrl-C
  sendstores watch store-ab12cd34
  sendstores watch --json | jq -c '.changed | select(.) | [.id, .state]'
  sendstores watch --from TOKEN              go on right behind the message that carried the token")]
pub(crate) struct WatchArgs {
    /// Only these stores.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Resume token of the last message that was seen.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) from: Option<String>,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct WaitLimit {
    /// How long to wait at most.
    #[arg(long, value_name = "TIME", default_value = "10m", requires = "wait", value_parser = humantime::parse_duration)]
    pub(crate) wait_timeout: Duration,
}

#[cfg(test)]
mod tests;
