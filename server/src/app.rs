//! The composition root: the only module that imports all others.

mod admin;
mod adopt;
mod bindings;
mod build;
mod callers;
mod gauges;
mod reload;
mod signal;
mod token;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use futures::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;
use sendstores_core::text::with_causes;

use crate::{
    args::{Args, AuthCommand, CheckArgs, Command, Config, Problems},
    supervise::TaskError,
    telemetry,
};

/// Exit code of a configuration that cannot be used.
const EXIT_CONFIG: u8 = 2;
/// How long the end waits for tasks to be dropped.
const CLEANUP: Duration = Duration::from_millis(500);

/// Everything `main` does.
pub fn main() -> ExitCode {
    // Both rustls providers may be compiled in by a dependency one day; then a choice must have been made.
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    let mut args = Args::parse();
    if let Some(Command::Auth(AuthCommand::Check(check))) =
        args.command.take_if(|command| matches!(command, Command::Auth(_)))
    {
        return explain(check);
    }
    let (print_only, command) = (args.print_config, args.command);
    match (Args { command: None, ..args }).check() {
        Ok(config) if print_only => {
            print!("{}", config.print());
            ExitCode::SUCCESS
        }
        Ok(config) => run(config, command),
        Err(problems) => refuse(&problems),
    }
}

/// Says what the bindings decide: without the rest of the configuration, which is not there where a file is written.
fn explain(check: CheckArgs) -> ExitCode {
    match bindings::check(check) {
        Ok(verdict) => {
            print!("{}", verdict.text);
            if verdict.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn refuse(problems: &Problems) -> ExitCode {
    eprint!("{problems}");
    eprintln!("For more information, try '--help'.");
    ExitCode::from(EXIT_CONFIG)
}

fn run(config: Config, command: Option<Command>) -> ExitCode {
    let result = (|| {
        let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(&config.log);
        telemetry::init_logs(config.log_format, filter)?;
        telemetry::log_panics();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match command {
            None => {
                let metrics = telemetry::init_metrics()?;
                let served = runtime.block_on(serve_until_told_twice(config, metrics));
                // Tasks are dropped, and with them the programs they have started. A name that is being resolved is not waited for.
                runtime.shutdown_timeout(CLEANUP);
                served
            }
            Some(Command::Adopt { dry_run, force, this_cluster }) => {
                runtime.block_on(adopt::adopt(&config, adopt::How { dry_run, force, this_cluster }))
            }
            // It was answered before.
            Some(Command::Auth(_)) => Ok(()),
            Some(Command::Token(command)) => runtime.block_on(token::run(&config, command)),
        }
    })();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = with_causes(error.as_ref()), "this is the end");
            ExitCode::FAILURE
        }
    }
}

/// Stops in order at the first signal, and at once at the second.
async fn serve_until_told_twice(config: Config, metrics: PrometheusHandle) -> Result<(), TaskError> {
    let (first, second) = signal::listen()?;
    tokio::select! {
        served = Box::pin(build::serve(config, metrics, first.boxed())) => served,
        () = second => Err("stopped at once, by a second signal".into()),
    }
}
