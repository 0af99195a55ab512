//! What each verb does.

mod ask;
mod audit;
mod backup;
mod completions;
mod context;
mod create;
mod credentials;
mod delete;
mod doctor;
mod get;
mod list;
mod login;
mod mcp;
mod operation;
mod releases;
mod report;
mod suspend;
mod tenant;
mod token;
mod update;
mod watch;
mod whoami;

use std::path::Path;

use clap::CommandFactory;
use sendstores_client::{Client, RetryPolicy};

use crate::{
    args::{Cli, Command, Global},
    config::ConfigFile,
    failure::{Exit, Failure},
    notices::Notices,
    target::{Environment, Target},
};

pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Create(args) => create::run(&global, *args).await,
        Command::Get(args) => get::run(&global, args).await,
        Command::Credentials(args) => credentials::run(&global, args).await,
        Command::List(args) => list::run(&global, args).await,
        Command::Releases => releases::run(&global).await,
        Command::Report(args) => report::run(&global, args).await,
        Command::Suspend(args) => suspend::suspend(&global, args).await,
        Command::Resume(args) => suspend::resume(&global, args).await,
        Command::Update(args) => update::run(&global, args).await,
        Command::Retry(args) => operation::retry(&global, args).await,
        Command::Cancel(args) => operation::cancel(&global, args).await,
        Command::Delete(args) => delete::run(&global, args).await,
        Command::Undelete(args) => suspend::undelete(&global, args).await,
        Command::Backup(args) => backup::run(&global, *args).await,
        Command::Backups(args) => backup::list(&global, args).await,
        Command::Watch(args) => watch::run(&global, args).await,
        Command::Token(command) => token::run(&global, command).await,
        Command::Tenant(command) => tenant::run(&global, command).await,
        Command::Audit(args) => audit::run(&global, args).await,
        Command::Whoami => whoami::run(&global).await,
        Command::Mcp(args) => Box::pin(mcp::run(&global, args)).await,
        Command::Ask(args) => Box::pin(ask::ask(&global, *args)).await,
        Command::Chat(args) => Box::pin(ask::chat(&global, *args)).await,
        Command::Doctor => doctor::run(&global).await,
        Command::Login(args) => login::run(&global, args).await,
        Command::Context(command) => context::run(&global, command),
        Command::Completions { shell } => completions::script(shell),
        Command::Complete { what, words } => completions::values(what, &words).await,
        Command::ManPages { folder } => man_pages(&folder),
    }
}

/// The server that is meant.
fn target(global: &Global) -> Result<Target, Failure> {
    Target::find(global, Environment::read(), &ConfigFile::of_user())
}

async fn connect(global: &Global) -> Result<Client, Failure> {
    connect_to(global, &target(global)?).await
}

async fn connect_to(global: &Global, target: &Target) -> Result<Client, Failure> {
    // Who calls from a terminal or a script learns within the time of a call that the server does not answer.
    let retry = RetryPolicy::default().call_budget(global.timeout);
    let builder = target.builder()?.timeout(global.timeout).retry(retry);
    let client = builder.connect(&target.server).await?;
    let notices = Notices::plain(global.json);
    Ok(client.on_interruption(move |interruption| notices.show(&interruption)))
}

/// A command that can be pasted: it finds the server that this one found.
fn command(global: &Global, rest: &str) -> String {
    match (&global.server, &global.context) {
        (Some(server), _) => format!("sendstores --server {server} {rest}"),
        (None, Some(context)) => format!("sendstores --context {context} {rest}"),
        (None, None) => format!("sendstores {rest}"),
    }
}

/// Writes the manual pages: `sendstores.1`, `sendstores-create.1` and so on.
fn man_pages(folder: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Cli::command(), folder)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot write into {}: {error}", folder.display())))
}
