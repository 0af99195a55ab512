//! Logs and metrics.

pub mod families;

use std::{backtrace::Backtrace, io::IsTerminal, panic::PanicHookInfo};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use families::{Family, Kind};

/// The commit that this program was built from, where the build says it.
const COMMIT: &str = match option_env!("SENDSTORES_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Text,
    Json,
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("logging was already set up")]
    Logging(#[from] tracing_subscriber::util::TryInitError),
    #[error("metrics were already set up")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Sends log lines to standard error.
pub fn init_logs(format: LogFormat, filter: EnvFilter) -> Result<(), TelemetryError> {
    let json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let layer = fmt::layer().with_writer(std::io::stderr);
    let layer = if json {
        layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        layer.boxed()
    };
    tracing_subscriber::registry().with(filter).with(layer).try_init()?;
    Ok(())
}

/// Sends panics where log lines go, instead of as plain text to standard error.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let formatted = || payload.downcast_ref::<String>().map(String::as_str);
        let message = without_quotes(payload.downcast_ref::<&str>().copied().or_else(formatted).unwrap_or_default());
        // Empty unless RUST_BACKTRACE asks for it.
        let backtrace = Backtrace::capture();
        tracing::error!(place, message, %backtrace, "a panic: please report this line");
    }));
}

/// What a panic says, up to the first thing that it quotes: that may be a text of a shop, or a secret.
fn without_quotes(message: &str) -> &str {
    message.split(['`', '"', '\'', ':', '\n']).next().unwrap_or_default().trim_end()
}

/// Collects metrics for `/metrics`.
pub fn init_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let mut builder = PrometheusBuilder::new();
    for Family { name, kind, .. } in families::ALL {
        if let Kind::Histogram(buckets) = kind {
            builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets)?;
        }
    }
    let metrics = builder.install_recorder()?;
    families::ALL.iter().for_each(Family::register);
    metrics::gauge!("sendstores_build_info", "version" => env!("CARGO_PKG_VERSION"), "commit" => COMMIT).set(1.0);
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_quotes_is_not_logged() {
        let slice = "byte index 3 is not a char boundary; it is inside '\u{20ac}' (bytes 1..4) of `5\u{20ac} S3cret`";
        assert_eq!(without_quotes(slice), "byte index 3 is not a char boundary; it is inside");
        let unwrap = "called `Result::unwrap()` on an `Err` value: \"S3cret\"";
        assert_eq!(without_quotes(unwrap), "called");
        assert_eq!(without_quotes("attempt to add with overflow"), "attempt to add with overflow");
    }
}
