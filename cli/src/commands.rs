//! What each verb does.

mod create;
mod credentials;
mod delete;
mod get;
mod list;
mod token;
mod watch;
mod whoami;

use std::path::PathBuf;

use clap::CommandFactory;
use sendstores_client::{Builder, Client, RetryPolicy};

use crate::{
    args::{Cli, Command, DEFAULT_SERVER, Global, SERVER_VARIABLE, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, TlsFiles},
    failure::{Exit, Failure},
    notices::Notices,
    output,
};

pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Create(args) => create::run(&global, *args).await,
        Command::Get(args) => get::run(&global, args).await,
        Command::Credentials(args) => credentials::run(&global, args).await,
        Command::List(args) => list::run(&global, args).await,
        Command::Delete(args) => delete::run(&global, args).await,
        Command::Watch(args) => watch::run(&global, args).await,
        Command::Token(command) => token::run(&global, command).await,
        Command::Whoami => whoami::run(&global).await,
        Command::Completions { shell } => completions(shell),
    }
}

async fn connect(global: &Global) -> Result<Client, Failure> {
    // Who calls from a terminal or a script learns within the time of a call that the server does not answer.
    let retry = RetryPolicy::default().call_budget(global.timeout);
    let mut builder = Client::builder().timeout(global.timeout).retry(retry);
    if let Some(path) = &global.token_file {
        builder = builder.token_file(path);
    } else if let Some(token) = variable(TOKEN_VARIABLE) {
        builder = builder.token(token);
    } else if let Some(path) = variable(TOKEN_FILE_VARIABLE) {
        builder = builder.token_file(path);
    }
    builder = with_tls(builder, &global.tls)?;
    if global.allow_plaintext_token {
        builder = builder.allow_plaintext_token();
    }
    let client = builder.connect(&global.server).await?;
    let notices = Notices::plain(global.json);
    Ok(client.on_interruption(move |interruption| notices.show(&interruption)))
}

fn with_tls(mut builder: Builder, files: &TlsFiles) -> Result<Builder, Failure> {
    let read = |path: &PathBuf| {
        std::fs::read(path)
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot read {}: {error}", path.display())))
    };
    if let Some(path) = &files.ca {
        builder = builder.tls_ca(read(path)?);
    }
    match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => Ok(builder.tls_identity(read(cert)?, read(key)?)),
        (None, None) => Ok(builder),
        (Some(_), None) | (None, Some(_)) => {
            Err(Failure::new(Exit::Failed, "a client certificate needs both --cert and --key"))
        }
    }
}

/// A variable of the environment; an empty one counts as none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A command that can be pasted: it finds the server that this one found.
fn command(global: &Global, rest: &str) -> String {
    let from_environment = std::env::var(SERVER_VARIABLE).is_ok_and(|url| url == global.server);
    if global.server == DEFAULT_SERVER || from_environment {
        format!("sendstores {rest}")
    } else {
        format!("sendstores --server {} {rest}", global.server)
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    // By way of memory: the generator panics when a pipe closes.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sendstores", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
