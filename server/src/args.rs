//! Configuration: every flag is an environment variable too, and every problem is named at once.

mod access;
mod check;
mod url_template;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use secrecy::SecretString;

pub use access::Access;
pub use check::Problems;
pub use url_template::UrlTemplate;

use crate::{
    ledger::Durability,
    provision::{Deadlines, ProbeVia, Quota},
    telemetry::LogFormat,
};

/// The SendStores control plane: creates, keeps and removes isolated e-commerce stores on Kubernetes, over gRPC.
///
/// State lives in Redis, stores in the cluster that the kubeconfig (or the pod's service account) names. Every flag can
/// be given as the environment variable shown beside it.
#[derive(Debug, Parser)]
#[command(name = "sendstores-server", version, max_term_width = 120)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address of the gRPC port.
    #[arg(long, env = "SENDSTORES_LISTEN", default_value = "127.0.0.1:7443")]
    pub listen: String,
    /// Serve without TLS on an address that is not loopback: everybody who reaches it owns every store.
    #[arg(long, env = "SENDSTORES_ALLOW_PLAINTEXT")]
    pub allow_plaintext: bool,
    /// Address of the admin port: /livez, /readyz, /metrics.
    #[arg(long, env = "SENDSTORES_ADMIN_LISTEN", default_value = "127.0.0.1:7444")]
    pub admin_listen: String,
    /// URL of Redis: redis://, rediss:// (TLS), redis-sentinel:// with user and password as needed.
    #[arg(long, env = "SENDSTORES_REDIS_URL", default_value = "redis://127.0.0.1:6379", hide_env_values = true)]
    pub redis_url: SecretString,
    /// PEM file of the CA that has signed the certificate of Redis (rediss://); default: the CAs that the system trusts.
    #[arg(long, env = "SENDSTORES_REDIS_CA")]
    pub redis_ca: Option<PathBuf>,
    /// What every key in Redis begins with.
    #[arg(long, env = "SENDSTORES_REDIS_PREFIX", default_value = "sendstores")]
    pub redis_prefix: String,
    /// What Redis must promise: "always" (every change is on disk before it is acknowledged), "everysec" (a power loss
    /// can lose the last second), "unchecked" (its settings cannot be read; the operator vouches for them), "dev" (none).
    #[arg(long, env = "SENDSTORES_REDIS_DURABILITY", default_value = "always")]
    pub redis_durability: String,
    /// How many replicas of Redis must have a change before it is acknowledged: a failover then loses nothing that was.
    #[arg(long, env = "SENDSTORES_REDIS_REPLICAS_ACKNOWLEDGE", default_value = "0")]
    pub redis_replicas_acknowledge: String,
    /// How many changes the log keeps in Redis. The last 8,192 of them are kept in memory for watchers that come back.
    #[arg(long, env = "SENDSTORES_HISTORY", default_value = "100000")]
    pub history: String,
    /// Name of this control plane, a label of its namespaces. Two on one cluster need two names: stores that carry this
    /// name and are not in Redis mean that Redis has lost something.
    #[arg(long, env = "SENDSTORES_INSTANCE", default_value = "sendstores")]
    pub instance: String,
    /// Context of the kubeconfig; default: its current one, or the pod's service account.
    #[arg(long, env = "SENDSTORES_KUBE_CONTEXT")]
    pub kube_context: Option<String>,
    /// Path of the helm program, version 3 or 4.
    #[arg(long, env = "SENDSTORES_HELM", default_value = "helm")]
    pub helm: PathBuf,
    /// Folder of the store's chart.
    #[arg(long, env = "SENDSTORES_CHART", default_value = "charts/woocommerce")]
    pub chart: PathBuf,
    /// Values file of this environment; may be repeated, later ones win.
    #[arg(long = "values", env = "SENDSTORES_VALUES", value_delimiter = ',')]
    pub values: Vec<PathBuf>,
    /// Public address of a store; {id} stands for its id.
    #[arg(long, env = "SENDSTORES_STORE_URL", default_value = "http://{id}.localhost")]
    pub store_url: String,
    /// How many stores are worked on at once, of each kind: made, repaired, removed.
    #[arg(long, env = "SENDSTORES_CONCURRENCY", default_value = "10")]
    pub concurrency: String,
    /// How long a claim on a store lasts unless renewed: another replica takes over behind it.
    #[arg(long, env = "SENDSTORES_LEASE", default_value = "5s")]
    pub lease: String,
    /// How often a READY store is probed, on average; 0s: never.
    #[arg(long, env = "SENDSTORES_PROBE_INTERVAL", default_value = "120s")]
    pub probe_interval: String,
    /// How many READY stores this server probes at once. A probe takes about half a second of waiting for the store.
    #[arg(long, env = "SENDSTORES_PROBE_CONCURRENCY", default_value = "32")]
    pub probe_concurrency: String,
    /// How requests get to shops that are probed: "api-server" (through its service proxy, from anywhere) or "pod-network"
    /// (straight to the store's Service; for a server that runs in the cluster, and needs network.controlPlane in the values).
    #[arg(long, env = "SENDSTORES_PROBE_VIA", default_value = "api-server")]
    pub probe_via: String,
    /// How often each open shop is asked to do what it has scheduled (WP-Cron), on average; 0s: never, then something else
    /// must.
    #[arg(long, env = "SENDSTORES_CRON_INTERVAL", default_value = "60s")]
    pub cron_interval: String,
    /// What one store may use, as NAME=AMOUNT of its ResourceQuota; may be repeated. Defaults: requests.cpu=2,
    /// requests.memory=4Gi, limits.cpu=8, limits.memory=8Gi, requests.storage=50Gi, pods=8, persistentvolumeclaims=4,
    /// services=4. A store takes up another quota when it is made or mended.
    #[arg(long = "quota", env = "SENDSTORES_QUOTA", value_name = "NAME=AMOUNT", value_delimiter = ',')]
    pub quota: Vec<String>,
    /// How long a step may take without progress, as NAME=DURATION; may be repeated. Defaults: call=10s, helm=2m,
    /// helm-grace=5s, wait=5m, start=1m, trouble=20s, state=15s, restore=2m, install=1m, activate=2m, configure=2m, probe=15s,
    /// cron=15s, storefront=1m, removal=30s. What each is: docs/operations.md, "Deadlines".
    #[arg(long = "deadline", env = "SENDSTORES_DEADLINE", value_name = "NAME=DURATION", value_delimiter = ',')]
    pub deadlines: Vec<String>,
    /// How long stopping may take: open calls end, streams are told to go on elsewhere, then everything is cut.
    #[arg(long, env = "SENDSTORES_DRAIN_TIMEOUT", default_value = "8s")]
    pub drain_timeout: String,
    #[command(flatten)]
    pub access: access::AccessArgs,
    /// How log lines look: auto (text on a terminal, JSON elsewhere), text or json.
    #[arg(long, env = "SENDSTORES_LOG_FORMAT", default_value = "auto")]
    pub log_format: String,
    /// Which log lines are written, such as "info" or "info,sendstores_server=debug".
    #[arg(long, env = "SENDSTORES_LOG", default_value = "info")]
    pub log: String,
    /// Print the configuration that would be used, without secrets, and stop.
    #[arg(long)]
    pub print_config: bool,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take back into Redis the stores that stand in the cluster: the way on when a server says READ_ONLY.
    ///
    /// Compares what Redis has with the namespaces of this instance, prints what differs, writes the missing records and
    /// begins a new history. Deletes nothing, neither in Redis nor in the cluster. Running servers go on by themselves;
    /// their watchers are told to begin anew. Give it the flags, or the environment, that the servers have.
    Adopt {
        /// Only print what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Go on where most of the complete stores that Redis knows have no namespace: they are shown as FAILED.
        #[arg(long)]
        force: bool,
        /// The stores of this Redis stand in this cluster from now on, whichever they stood in before.
        #[arg(long)]
        this_cluster: bool,
    },
}

/// [`Args`], checked.
#[derive(Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub redis_url: SecretString,
    pub redis_ca: Option<PathBuf>,
    pub redis_prefix: String,
    pub redis_durability: Durability,
    pub redis_replicas_acknowledge: u8,
    pub history: u64,
    pub instance: String,
    pub kube_context: Option<String>,
    pub helm: PathBuf,
    pub chart: PathBuf,
    pub values: Vec<PathBuf>,
    pub store_url: UrlTemplate,
    pub concurrency: usize,
    pub lease: Duration,
    pub probe_interval: Option<Duration>,
    pub probe_concurrency: usize,
    pub probe_via: ProbeVia,
    pub cron_interval: Option<Duration>,
    pub quota: Quota,
    pub deadlines: Deadlines,
    pub drain_timeout: Duration,
    pub access: Access,
    pub log_format: LogFormat,
    pub log: String,
}

// === impl Config ===

impl Config {
    /// The configuration as `name = value` lines, one a flag, without secrets.
    pub fn print(&self) -> String {
        let settings = self.settings().into_iter().chain(self.access.print());
        settings.map(|(name, value)| format!("{name} = {value}\n")).collect()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let Self {
            listen,
            admin_listen,
            redis_url: _,
            redis_ca,
            redis_prefix,
            redis_durability,
            redis_replicas_acknowledge,
            history,
            instance,
            kube_context,
            helm,
            chart,
            values,
            store_url,
            concurrency,
            lease,
            probe_interval,
            probe_concurrency,
            probe_via,
            cron_interval,
            quota,
            deadlines,
            drain_timeout,
            access: _,
            log_format,
            log,
        } = self;
        let values = values.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(",");
        vec![
            ("listen", listen.to_string()),
            ("admin-listen", admin_listen.to_string()),
            ("redis-url", "[hidden]".to_owned()),
            ("redis-ca", redis_ca.as_ref().map_or_else(|| "[system]".to_owned(), |path| path.display().to_string())),
            ("redis-prefix", redis_prefix.clone()),
            ("redis-durability", check::durability_name(*redis_durability).to_owned()),
            ("redis-replicas-acknowledge", redis_replicas_acknowledge.to_string()),
            ("history", history.to_string()),
            ("instance", instance.clone()),
            ("kube-context", kube_context.clone().unwrap_or_else(|| "[current]".to_owned())),
            ("helm", helm.display().to_string()),
            ("chart", chart.display().to_string()),
            ("values", values),
            ("store-url", store_url.to_string()),
            ("concurrency", concurrency.to_string()),
            ("lease", humantime::format_duration(*lease).to_string()),
            ("probe-interval", humantime::format_duration(probe_interval.unwrap_or_default()).to_string()),
            ("probe-concurrency", probe_concurrency.to_string()),
            ("probe-via", check::probe_via_name(*probe_via).to_owned()),
            ("cron-interval", humantime::format_duration(cron_interval.unwrap_or_default()).to_string()),
            ("quota", quota.to_string()),
            ("deadline", deadlines.to_string()),
            ("drain-timeout", humantime::format_duration(*drain_timeout).to_string()),
            ("log-format", format!("{log_format:?}").to_lowercase()),
            ("log", log.clone()),
        ]
    }
}
