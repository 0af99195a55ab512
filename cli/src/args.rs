//! The command line.

mod ask;
mod audit;
mod backup;
mod context;
mod create;
mod filter;
mod list;
mod mcp;
mod report;
mod shop;
mod tenant;
mod token;

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};
use clap_complete::Shell;

pub(crate) use ask::{Api, AskArgs, ChatArgs, ModelArgs};
pub(crate) use audit::AuditArgs;
pub(crate) use backup::{BackupArgs, BackupCommand, BackupsArgs, CreateBackupArgs};
pub(crate) use context::{ContextCommand, LoginArgs};
pub(crate) use create::CreateArgs;
pub(crate) use filter::FilterArgs;
pub(crate) use list::{Format, ListArgs};
pub(crate) use mcp::McpArgs;
pub(crate) use report::{ReportArgs, ReportFormat};
pub(crate) use tenant::TenantCommand;
pub(crate) use token::{CreateTokenArgs, TokenCommand};

pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7443";
pub(crate) const SERVER_VARIABLE: &str = "SENDSTORES_SERVER";
/// No flag: other users of a machine can read the command lines of its programs.
pub(crate) const TOKEN_VARIABLE: &str = "SENDSTORES_TOKEN";
pub(crate) const TOKEN_FILE_VARIABLE: &str = "SENDSTORES_TOKEN_FILE";

const EXAMPLES: &str = "\
Examples:
  sendstores login --server https://stores.example.org   keep the address and the token
  sendstores create --title 'Tea & Cake' --wait   create a store and show each step
  sendstores list --state ready                   list the stores that are open
  sendstores credentials store-ab12cd34           show the merchant's login
  sendstores watch                                show every change of all stores
  sendstores delete store-ab12cd34 --wait         delete a store and wait until it is gone
  sendstores list --json | jq -r '.stores[].url'  print the URLs, for scripts

Environment, which comes before the context:
  SENDSTORES_SERVER       the URL of the server
  SENDSTORES_TOKEN        the token of the caller; `sendstores-server token create` makes the first
  SENDSTORES_TOKEN_FILE   a file that has it; read again for each call, so it may be replaced
  SENDSTORES_CONTEXT      the name of a context
  SENDSTORES_CONFIG       the file of contexts; default: ~/.config/sendstores/config.json

Exit codes:
  0    success
  1    the call failed, or the wait timed out
  2    the command line is invalid
  3    the store does not exist
  4    the wait ended because the store is FAILED or was deleted
  130  interrupted; the server continues with an accepted request";

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
    /// Reads the command line. Prints the help if there is no command, also if the environment names a certificate, which
    /// clap takes for an argument.
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

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// URL of the server. Default: SENDSTORES_SERVER, else that of the context, else http://127.0.0.1:7443.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Context to use, as `sendstores login` made it. Default: SENDSTORES_CONTEXT, else the current one.
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "server")]
    pub(crate) context: Option<String>,
    /// File that has the token. Default: SENDSTORES_TOKEN, else the file in SENDSTORES_TOKEN_FILE, else that of the context.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    /// Send the token also over http:// to another machine, where others on the way can read it.
    #[arg(long, global = true)]
    pub(crate) allow_plaintext_token: bool,
    #[command(flatten)]
    pub(crate) tls: TlsFiles,
    /// Time limit of one call, such as 10s. A call that finds no server is repeated for as long.
    #[arg(long, global = true, default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    /// Print JSON as the contract defines it: one document, or one line per change. Errors and interruptions are lines of
    /// JSON on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Files of certificates for https:// addresses, all PEM.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct TlsFiles {
    /// Authority that the server's certificate must come from. Default: those that this machine trusts.
    #[arg(long, global = true, env = "SENDSTORES_CA", hide_env_values = true, value_name = "PATH")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate to show to the server.
    #[arg(long, global = true, env = "SENDSTORES_CERT", hide_env_values = true, value_name = "PATH")]
    pub(crate) cert: Option<PathBuf>,
    /// Key of that certificate.
    #[arg(long, global = true, env = "SENDSTORES_KEY", hide_env_values = true, value_name = "PATH")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a store.
    Create(Box<CreateArgs>),
    /// Show one store.
    Get(GetArgs),
    /// Show the merchant's login of a store: address, user and password.
    Credentials(CredentialsArgs),
    /// List stores.
    List(ListArgs),
    /// List the releases that stores can be made from.
    Releases,
    /// Say what sells, what does not and why, and what to do first.
    Report(ReportArgs),
    /// Stop everything of a store, and keep its data and its address.
    #[command(after_help = SUSPEND_EXAMPLES)]
    Suspend(ChangeArgs),
    /// Bring a suspended store back.
    #[command(after_help = RESUME_EXAMPLES)]
    Resume(ChangeArgs),
    /// Change a store: update it to another release, or protect it from deletion.
    Update(UpdateArgs),
    /// Begin the last operation of a store again, which failed, was rolled back or was cancelled.
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(ChangeArgs),
    /// Call the update of a store off.
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(ChangeArgs),
    /// Delete a store with everything it owns.
    Delete(DeleteArgs),
    /// Take the deletion of a store back, while it is kept.
    #[command(after_help = UNDELETE_EXAMPLES)]
    Undelete(ChangeArgs),
    /// Back a store up, and show, change or remove a backup.
    Backup(Box<BackupArgs>),
    /// List backups.
    Backups(BackupsArgs),
    /// Show every change of stores as it happens.
    Watch(WatchArgs),
    /// Create, list and revoke tokens of callers.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Declare tenants, and limit what they may have.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Show what callers did, and what they were refused.
    Audit(AuditArgs),
    /// Show who you are to the server, and what you may do.
    Whoami,
    /// Serve tools for assistants (Model Context Protocol) on stdin and stdout.
    Mcp(McpArgs),
    /// Ask a model that you choose about your stores.
    Ask(Box<AskArgs>),
    /// Ask a model that you choose one question after another.
    Chat(Box<ChatArgs>),
    /// Find out what keeps this machine from using the server, and what to do about it.
    Doctor,
    /// Keep a server and its token as a context, and use it from now on.
    Login(LoginArgs),
    /// Show, choose and remove contexts.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Print the completion script of a shell.
    #[command(after_help = "\
Examples:
  source <(sendstores completions bash)
  sendstores completions zsh > ~/.zfunc/_sendstores
  sendstores completions fish > ~/.config/fish/completions/sendstores.fish

The scripts of bash, zsh and fish complete ids of stores and names of contexts, too.")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages, one for each command, into a folder.
    ManPages {
        /// The folder, which must exist.
        folder: PathBuf,
    },
    /// Print the values that a completion script asks for.
    #[command(hide = true)]
    Complete {
        /// What is asked for.
        what: Values,
        /// The words of the unfinished command line.
        #[arg(last = true)]
        words: Vec<String>,
    },
}

/// What completion scripts ask for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Values {
    Ids,
    Contexts,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores get store-ab12cd34
  sendstores get store-ab12cd34 --wait               wait until it is READY
  sendstores get store-ab12cd34 --watch              show it again after each change
  sendstores get store-ab12cd34 --json | jq .state
  sendstores get store-ab12cd34 --stale              read from memory while Redis is unreachable")]
pub(crate) struct GetArgs {
    /// Id of the store.
    pub(crate) id: String,
    /// Read from the server's memory, without Redis. The result may be out of date.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) stale: bool,
    /// Wait until the store is READY, and show each step.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Show the store again after each change, until it is gone or Ctrl-C.
    #[arg(long, conflicts_with_all = ["wait", "stale"])]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
}

#[derive(Args, Debug)]
#[command(after_help = "\
No other command shows the password. It works from the first READY of the store until the merchant
changes it. The store's history records each call.

Examples:
  sendstores credentials store-ab12cd34
  sendstores credentials store-ab12cd34 --json | jq -r .password
  sendstores get store-ab12cd34                      show the history: which call, and when")]
pub(crate) struct CredentialsArgs {
    /// Id of the store.
    pub(crate) id: String,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores delete store-ab12cd34           ask for confirmation if on a terminal
  sendstores delete store-ab12cd34 --yes --wait
  sendstores delete store-ab12cd34 --force   for good, also where deleted stores are kept for a time
  sendstores delete store-ab12cd34 --etag \"$(sendstores get store-ab12cd34 --json | jq -r .etag)\"")]
pub(crate) struct DeleteArgs {
    /// Id of the store.
    pub(crate) id: String,
    /// Do not ask for confirmation. Without a terminal the command never asks.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Wait until the store is DELETED, or RETAINED if the server keeps deleted stores.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
    /// Delete only if the store still has this etag.
    #[arg(long)]
    pub(crate) etag: Option<String>,
    /// Remove it now and for good, also where the server keeps deleted stores for a time.
    #[arg(long)]
    pub(crate) force: bool,
    /// Succeed if the store does not exist.
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Check the request without changing anything.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) validate_only: bool,
}

const SUSPEND_EXAMPLES: &str = "\
Examples:
  sendstores suspend store-ab12cd34 --wait
  sendstores list --state suspended
  sendstores resume store-ab12cd34 --wait    bring it back, with its orders, passwords and address

Visitors do not reach a suspended store, and no pod of it runs. Its volumes stay, and it counts against the quota of its tenant.";

const RESUME_EXAMPLES: &str = "\
Examples:
  sendstores resume store-ab12cd34 --wait    wait until shoppers can buy again";

const UNDELETE_EXAMPLES: &str = "\
Examples:
  sendstores list --state retained
  sendstores undelete store-ab12cd34 --wait  wait until shoppers can buy again";

const RETRY_EXAMPLES: &str = "\
Examples:
  sendstores get store-ab12cd34              its operation and its failure say what went wrong
  sendstores retry store-ab12cd34 --wait

A store that failed before it was ever READY is created again.";

const CANCEL_EXAMPLES: &str = "\
Examples:
  sendstores cancel store-ab12cd34 --wait    bring back what the store ran before the update

An update can be cancelled as long as visitors are not served by the new release.";

/// What an update is asked for at least one of.
const CHANGES: [&str; 6] =
    ["release", "deletion_protection", "labels", "removed_labels", "database_gib", "content_gib"];
/// What of it takes its time.
const OPERATIONS: [&str; 3] = ["release", "database_gib", "content_gib"];

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(CHANGES))]
#[command(group = ArgGroup::new("operation").multiple(true).args(OPERATIONS))]
#[command(after_help = "\
Examples:
  sendstores update store-ab12cd34 --release 2026-11 --wait
  sendstores update store-ab12cd34 --deletion-protection
  sendstores update store-ab12cd34 --deletion-protection=false
  sendstores update store-ab12cd34 --database-gib 20 --content-gib 50 --wait
  sendstores update store-ab12cd34 --label team=b --label tier=gold --remove-label trial

--label and --remove-label read the store, change its labels, and write them if the store has not changed meanwhile; else they
begin again, unless --etag is given.")]
pub(crate) struct UpdateArgs {
    /// Id of the store.
    pub(crate) id: String,
    /// Make the store from this release. Its shop sells meanwhile, and a release that fails is rolled back.
    #[arg(long, value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// Refuse to delete the store, or no longer.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) deletion_protection: Option<bool>,
    /// Set a label. Repeat it to set several; other labels stay.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = filter::label, conflicts_with = "request_id")]
    pub(crate) labels: Vec<(String, String)>,
    /// Remove a label. Repeat it to remove several.
    #[arg(long = "remove-label", value_name = "KEY", conflicts_with = "request_id")]
    pub(crate) removed_labels: Vec<String>,
    /// Let the volume of the database grow to so many GiB. The shop sells meanwhile; no volume shrinks.
    #[arg(long, value_name = "GIB")]
    pub(crate) database_gib: Option<u32>,
    /// Let the volume of what the merchant uploads grow to so many GiB.
    #[arg(long, value_name = "GIB")]
    pub(crate) content_gib: Option<u32>,
    /// Wait until the update has ended.
    #[arg(long, requires = "operation")]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
    /// Do it only if the store still has this etag.
    #[arg(long)]
    pub(crate) etag: Option<String>,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Check the request without changing anything.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) validate_only: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// Id of the store.
    pub(crate) id: String,
    /// Wait until the store is SUSPENDED (resume, undelete: READY).
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) limit: WaitLimit,
    /// Do it only if the store still has this etag.
    #[arg(long)]
    pub(crate) etag: Option<String>,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Check the request without changing anything.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) validate_only: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores watch                           all stores, until Ctrl-C
  sendstores watch store-ab12cd34
  sendstores watch --json | jq -c '.changed | select(.) | [.id, .state]'
  sendstores watch --from TOKEN              continue after the message that had the token

The watch reconnects after a restart of the server or a lost connection, and shows each change once.
If the server no longer has the missed changes, it shows what is different since: lines \"changed\" and \"left\".
With --from a line \"reset\" and all stores come instead.")]
pub(crate) struct WatchArgs {
    /// Only stores with these ids. Default: all.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Resume token of the last message received.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) from: Option<String>,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct WaitLimit {
    /// Time limit of the wait.
    #[arg(long, value_name = "TIME", default_value = "10m", requires = "wait", value_parser = humantime::parse_duration)]
    pub(crate) wait_timeout: Duration,
}

#[cfg(test)]
mod tests;
