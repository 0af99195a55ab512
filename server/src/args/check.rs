//! Turns arguments into a configuration, or names everything that is wrong with them.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use super::{Args, Config, Listen};
use crate::{
    provision::{self, Charts, Deadlines, ProbeVia, Quota},
    telemetry::LogFormat,
};

/// Everything that is wrong with the arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(Vec<String>);

// === impl Problems ===

impl Problems {
    pub(super) fn take<T>(&mut self, flag: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.0.push(format!("--{flag}: {why}"))).ok()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "error: {problem}"))
    }
}

impl std::error::Error for Problems {}

// === impl Args ===

impl Args {
    /// Checks everything before complaining.
    pub fn check(self) -> Result<Config, Problems> {
        let mut problems = Problems(Vec::new());
        let p = &mut problems;
        let listen = self.listen.check(p);
        let admin_listen = p.take("admin-listen", address(&self.admin_listen));
        let visitors = self.default_backend_listen.map(|text| p.take("default-backend-listen", address(&text)));
        let redis = self.redis.check(p);
        let instance = p.take("instance", instance(self.instance));
        let store_url = p.take("store-url", self.store_url.parse().map_err(|why| format!("{why}")));
        let concurrency = p.take("concurrency", number(&self.concurrency, 1..=1_000));
        let lease = p.take("lease", duration(&self.lease, 1..=300));
        let probe_interval = p.take("probe-interval", duration(&self.probe_interval, 0..=86_400));
        let probe_concurrency = p.take("probe-concurrency", number(&self.probe_concurrency, 1..=1_000));
        let probe_via = p.take("probe-via", probe_via(&self.probe_via));
        let cron_interval = p.take("cron-interval", duration(&self.cron_interval, 0..=86_400));
        let deletion_window = p.take("deletion-window", duration(&self.deletion_window, 0..=366 * 86_400));
        let drain_timeout = p.take("drain-timeout", duration(&self.drain_timeout, 1..=600));
        let backups = self.backups.check(p);
        let auth = self.auth.check(address_of(&listen), p);
        let access = self.access.check(address_of(&listen), p);
        let log_format = p.take("log-format", log_format(&self.log_format));
        let log = p.take("log", log_filter(&self.log));
        let charts = self.charts.check(p);
        let deadlines = deadlines(p, &self.deadlines);
        let quota = quota(p, &self.quota, charts.as_ref());

        let config = (|| {
            Some(Config {
                listen: listen?,
                admin_listen: admin_listen?,
                default_backend_listen: visitors.flatten(),
                redis: redis?,
                instance: instance?,
                kube_context: self.kube_context,
                helm: self.helm,
                charts: charts?,
                store_url: store_url?,
                concurrency: usize::try_from(concurrency?).ok()?,
                lease: lease?,
                probe_interval: unless_never(probe_interval?),
                probe_concurrency: usize::try_from(probe_concurrency?).ok()?,
                probe_via: probe_via?,
                cron_interval: unless_never(cron_interval?),
                deletion_window: deletion_window?,
                quota,
                deadlines,
                drain_timeout: drain_timeout?,
                backups: backups?,
                auth: auth?,
                access: access?,
                log_format: log_format?,
                log: log?,
            })
        })();
        config.filter(|_| problems.0.is_empty()).ok_or(problems)
    }
}

fn address_of(listen: &Option<Listen>) -> Option<SocketAddr> {
    listen.as_ref().map(|listen| listen.address)
}

fn deadlines(problems: &mut Problems, settings: &[String]) -> Deadlines {
    let mut deadlines = Deadlines::default();
    for setting in settings {
        problems.take("deadline", deadlines.set(setting));
    }
    deadlines
}

/// The quota that these settings make of the default, if the volumes of these charts and this environment fit into it.
fn quota(problems: &mut Problems, settings: &[String], charts: Option<&Charts>) -> Quota {
    let mut quota = Quota::default();
    for setting in settings {
        problems.take("quota", quota.set(setting));
    }
    for (engine, files) in charts.into_iter().flat_map(Charts::iter) {
        problems.take("quota", provision::fits(&quota, engine, files));
    }
    quota
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let refused = || format!("{text:?} is not an address such as 127.0.0.1:7443");
    text.to_socket_addrs().map_err(|_| refused())?.next().ok_or_else(refused)
}

/// What can be the value of a label.
fn instance(text: String) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits =
        (1..=63).contains(&text.len()) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-');
    fits.then_some(text).ok_or_else(|| "must be 1 to 63 of a-z, 0-9 and '-', not at the ends".to_owned())
}

/// The name as the flag has it.
pub(super) fn probe_via_name(via: ProbeVia) -> &'static str {
    match via {
        ProbeVia::ApiServer => "api-server",
        ProbeVia::PodNetwork => "pod-network",
    }
}

fn probe_via(text: &str) -> Result<ProbeVia, String> {
    let found = [ProbeVia::ApiServer, ProbeVia::PodNetwork].into_iter().find(|via| probe_via_name(*via) == text);
    found.ok_or_else(|| format!("{text:?} is none of api-server, pod-network"))
}

pub(super) fn number(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let refused = || format!("{text:?} is not a number from {} to {}", range.start(), range.end());
    u64::from_str(text).ok().filter(|number| range.contains(number)).ok_or_else(refused)
}

pub(super) fn duration(text: &str, seconds: RangeInclusive<u64>) -> Result<Duration, String> {
    let refused =
        || format!("{text:?} is not a duration from {}s to {}s, such as 15s or 2m", seconds.start(), seconds.end());
    let duration = humantime::parse_duration(text).map_err(|_| refused())?;
    let in_range = duration >= Duration::from_secs(*seconds.start()) && duration <= Duration::from_secs(*seconds.end());
    in_range.then_some(duration).ok_or_else(refused)
}

/// 0 says never.
fn unless_never(interval: Duration) -> Option<Duration> {
    (!interval.is_zero()).then_some(interval)
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is none of auto, text, json")),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
    parsed.map(|_| text.to_owned()).map_err(|error| format!("{text:?} is not a filter such as \"info\": {error}"))
}

pub(super) fn file(path: std::path::PathBuf) -> Result<std::path::PathBuf, String> {
    path.is_file().then(|| path.clone()).ok_or_else(|| format!("{} is not a file", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::ledger::Durability;

    fn check(flags: &[&str]) -> Result<Config, Problems> {
        let chart = format!("{}/../charts/woocommerce", env!("CARGO_MANIFEST_DIR"));
        let args = [&["sendstores-server", "--chart", &chart], flags].concat();
        Args::try_parse_from(args).expect("known flags").check()
    }

    #[test]
    fn the_defaults_are_a_configuration_on_loopback() {
        let config = check(&[]).expect("valid");
        assert!(config.listen.address.ip().is_loopback() && config.admin_listen.ip().is_loopback());
        assert_eq!(config.redis.durability, Durability::Always);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let problems =
            check(&["--listen=nowhere", "--lease=0s", "--history=5", "--store-url=http://x", "--values=/no"]);
        let text = problems.expect_err("problems").to_string();
        for flag in ["--listen", "--lease", "--history", "--store-url", "--values"] {
            assert!(text.contains(flag), "{flag} is missing in: {text}");
        }
    }

    #[test]
    fn a_plaintext_port_for_everybody_needs_the_flag_that_says_so() {
        let refused = check(&["--listen=0.0.0.0:7443"]).expect_err("refused").to_string();
        assert!(refused.contains("--allow-plaintext"), "{refused}");
        check(&["--listen=0.0.0.0:7443", "--allow-plaintext"]).expect("accepted");
    }

    #[test]
    fn intervals_of_nothing_mean_never() {
        let config = check(&["--probe-interval=0s", "--cron-interval=0s"]).expect("valid");
        assert_eq!((config.probe_interval, config.cron_interval), (None, None));
        assert!(config.print().contains("\ncron-interval = 0s\n"), "{}", config.print());
        let config = check(&["--cron-interval=2m"]).expect("valid");
        assert_eq!(config.cron_interval, Some(Duration::from_secs(120)));
        let refused = check(&["--probe-interval=2d", "--cron-interval=2d"]).expect_err("refused").to_string();
        assert!(refused.contains("--probe-interval") && refused.contains("--cron-interval"), "{refused}");
    }

    #[test]
    fn quota_and_deadlines_are_settings_and_a_bad_one_is_named() {
        let config = check(&["--quota=requests.storage=100Gi,pods=12", "--deadline=wait=10m"]).expect("valid");
        let printed = config.print();
        for part in ["requests.storage=100Gi", "pods=12", "wait=10m", "trouble=20s"] {
            assert!(printed.contains(part), "{part} is missing in: {printed}");
        }
        let problems =
            check(&["--quota=disks=1", "--quota=pods=few", "--deadline=nap=1s", "--quota=requests.storage=1Gi"]);
        let text = problems.expect_err("problems").to_string();
        for part in ["\"disks=1\"", "\"pods=few\"", "\"nap=1s\"", "storage.database"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    #[test]
    fn shops_are_probed_through_the_api_server_unless_the_pod_network_is_named() {
        assert_eq!(check(&[]).expect("valid").probe_via, ProbeVia::ApiServer);
        let config = check(&["--probe-via=pod-network"]).expect("valid");
        assert!(config.print().contains("\nprobe-via = pod-network\n"), "{}", config.print());
        assert!(check(&["--probe-via=internet"]).expect_err("refused").to_string().contains("--probe-via"));
    }

    #[test]
    fn the_password_of_redis_is_never_printed() {
        let config = check(&["--redis-url=redis://:hunter2@127.0.0.1:6379"]).expect("valid");
        assert!(!config.print().contains("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
