//! The `sendstores` command.

mod args;
mod ask;
mod columns;
mod commands;
mod config;
mod failure;
mod json;
mod notices;
mod output;
mod progress;
mod report;
mod target;
mod text;
mod view;
mod wait;

use std::process::ExitCode;

// One thread is enough for a command that waits, and starts faster.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = args::Cli::read();
    let json = cli.global.json;
    match Box::pin(commands::run(cli)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
