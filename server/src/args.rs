//! Configuration: every flag is an environment variable too, and all invalid ones are reported at once.

mod access;
mod auth;
mod backups;
mod bindings;
mod charts;
mod check;
mod oidc;
mod redis;
mod tenants;
mod tls;
mod token;
mod url_template;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};

pub use access::Access;
pub use auth::Auth;
pub use bindings::{AuthCommand, CheckArgs};
pub use check::Problems;
pub use redis::Redis;
pub use tls::Listen;
pub use token::{NewToken, TokenCommand};
pub use url_template::UrlTemplate;

use crate::{
    provision::{BackupSettings, Charts, Deadlines, ProbeVia, Quota},
    telemetry::LogFormat,
};

/// The SendStores control plane: creates, maintains and removes isolated e-commerce stores on Kubernetes, over gRPC.
///
/// State is in Redis. Stores run in the cluster of the kubeconfig, or of the pod's service account. Every flag can also be
/// set by the environment variable shown beside it.
#[derive(Debug, Parser)]
#[command(name = "sendstores-server", version, max_term_width = 120)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub listen: tls::TlsArgs,
    /// Address of the admin port: /livez, /readyz, /metrics.
    #[arg(long, env = "SENDSTORES_ADMIN_LISTEN", default_value = "127.0.0.1:7444")]
    pub admin_listen: String,
    /// Address of the default backend, such as 0.0.0.0:7445: a page for visitors of shops that are closed, and of addresses that
    /// no shop has. An Ingress with a wildcard host leads there. Default: none.
    #[arg(long, env = "SENDSTORES_DEFAULT_BACKEND_LISTEN", value_name = "ADDRESS")]
    pub default_backend_listen: Option<String>,
    #[command(flatten)]
    pub redis: redis::RedisArgs,
    /// Name of this control plane, a label of its namespaces. Two control planes on one cluster need different names: the
    /// server takes a namespace with this name whose store is not in Redis as a sign that Redis has lost data.
    #[arg(long, env = "SENDSTORES_INSTANCE", default_value = "sendstores")]
    pub instance: String,
    /// Context of the kubeconfig. Default: the current context, or the pod's service account.
    #[arg(long, env = "SENDSTORES_KUBE_CONTEXT")]
    pub kube_context: Option<String>,
    /// Path of the helm program, version 3 or 4.
    #[arg(long, env = "SENDSTORES_HELM", default_value = "helm")]
    pub helm: PathBuf,
    #[command(flatten)]
    pub charts: charts::ChartArgs,
    /// Public URL of a store. {id} is replaced by the store's id, which has up to 40 characters; a label of a host name has 63
    /// at most.
    #[arg(long, env = "SENDSTORES_STORE_URL", default_value = "http://{id}.localhost")]
    pub store_url: String,
    /// Number of acts at once, such as a run of helm or an installation inside a pod: so many for stores that are created,
    /// as many for those that are repaired, and as many for those that are removed. A store that waits for its pods does
    /// not count. Tenants take turns.
    #[arg(long, env = "SENDSTORES_CONCURRENCY", default_value = "10")]
    pub concurrency: String,
    /// Duration of a claim on a store. If a replica does not renew it in time, another replica takes the store over.
    #[arg(long, env = "SENDSTORES_LEASE", default_value = "5s")]
    pub lease: String,
    /// Average interval between two probes of a READY store. 0s: never.
    #[arg(long, env = "SENDSTORES_PROBE_INTERVAL", default_value = "120s")]
    pub probe_interval: String,
    /// Number of requests to shops at once: so many to READY stores, and as many each to stores that are created and that
    /// are repaired. A probe takes about 0.5 s. Tenants take turns.
    #[arg(long, env = "SENDSTORES_PROBE_CONCURRENCY", default_value = "32")]
    pub probe_concurrency: String,
    /// Path of a probe's requests: "api-server" (the API server's service proxy; works from anywhere) or "pod-network"
    /// (the store's Service; for a server that runs in the cluster, and needs network.controlPlane in the values).
    #[arg(long, env = "SENDSTORES_PROBE_VIA", default_value = "api-server")]
    pub probe_via: String,
    /// Average interval at which the server triggers the scheduled jobs (WP-Cron) of each open shop. 0s: never; then
    /// something else must trigger them.
    #[arg(long, env = "SENDSTORES_CRON_INTERVAL", default_value = "60s")]
    pub cron_interval: String,
    /// How long a deleted store is kept before it is removed for good, such as 7d: until then `sendstores undelete` brings it
    /// back. It runs nothing meanwhile, and its volumes stay. 0s: a deleted store is removed at once.
    #[arg(long, env = "SENDSTORES_DELETION_WINDOW", default_value = "0s")]
    pub deletion_window: String,
    /// Limit of a store's ResourceQuota, as NAME=AMOUNT. May be repeated. Defaults: requests.cpu=2,
    /// requests.memory=4Gi, limits.cpu=8, limits.memory=8Gi, requests.storage=50Gi, pods=8, persistentvolumeclaims=4,
    /// services=4. A changed limit applies to a store when it is created or repaired.
    #[arg(long = "quota", env = "SENDSTORES_QUOTA", value_name = "NAME=AMOUNT", value_delimiter = ',')]
    pub quota: Vec<String>,
    /// Time limit of a part of a step, as NAME=DURATION. May be repeated. Defaults: call=10s, helm=2m,
    /// helm-grace=5s, wait=5m, start=1m, trouble=20s, state=15s, restore=2m, install=1m, activate=2m, configure=2m, probe=15s,
    /// cron=15s, storefront=1m, update=10m, removal=30s. docs/operations.md, "Deadlines", explains each.
    #[arg(long = "deadline", env = "SENDSTORES_DEADLINE", value_name = "NAME=DURATION", value_delimiter = ',')]
    pub deadlines: Vec<String>,
    /// Time limit of a shutdown. Streams get a last token and open calls end; after this time, everything is cut.
    #[arg(long, env = "SENDSTORES_DRAIN_TIMEOUT", default_value = "8s")]
    pub drain_timeout: String,
    #[command(flatten)]
    pub backups: backups::BackupArgs,
    #[command(flatten)]
    pub auth: auth::AuthArgs,
    #[command(flatten)]
    pub access: access::AccessArgs,
    /// Format of log lines: auto (text on a terminal, else JSON), text or json.
    #[arg(long, env = "SENDSTORES_LOG_FORMAT", default_value = "auto")]
    pub log_format: String,
    /// Filter of log lines, such as "info" or "info,sendstores_server=debug".
    #[arg(long, env = "SENDSTORES_LOG", default_value = "info")]
    pub log: String,
    /// Print the resulting configuration without secrets, and exit.
    #[arg(long)]
    pub print_config: bool,
}

/// Commands that run instead of the server.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the records of stores that are in the cluster and not in Redis. For use when a server returns READ_ONLY.
    ///
    /// Compares Redis with the namespaces of this instance, prints the differences, writes the missing records and starts a
    /// new log. Deletes nothing, neither in Redis nor in the cluster. Running servers continue by themselves; their watches
    /// end with HISTORY_COMPACTED and must start again. Use the same flags or environment as the servers.
    Adopt {
        /// Print what would be done, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Continue even if most of the complete stores in Redis have no namespace. Those stores become FAILED.
        #[arg(long)]
        force: bool,
        /// Confirm that the stores of this Redis are now in this cluster, whichever cluster they were in before.
        #[arg(long)]
        this_cluster: bool,
    },
    /// Explain who may do what by the bindings of --auth-config. Needs no other flag.
    #[command(subcommand)]
    Auth(AuthCommand),
    /// Make, list and revoke the tokens that callers of the API need. Use the same flags or environment as the servers.
    #[command(subcommand)]
    Token(TokenCommand),
}

/// [`Args`], checked.
#[derive(Debug)]
pub struct Config {
    pub listen: Listen,
    pub admin_listen: SocketAddr,
    pub default_backend_listen: Option<SocketAddr>,
    pub redis: Redis,
    pub instance: String,
    pub kube_context: Option<String>,
    pub helm: PathBuf,
    pub charts: Charts,
    pub store_url: UrlTemplate,
    pub concurrency: usize,
    pub lease: Duration,
    pub probe_interval: Option<Duration>,
    pub probe_concurrency: usize,
    pub probe_via: ProbeVia,
    pub cron_interval: Option<Duration>,
    pub deletion_window: Duration,
    pub quota: Quota,
    pub deadlines: Deadlines,
    pub drain_timeout: Duration,
    /// `None`: there is no repository for backups.
    pub backups: Option<BackupSettings>,
    pub auth: Auth,
    pub access: Access,
    pub log_format: LogFormat,
    pub log: String,
}

// === impl Config ===

impl Config {
    /// The configuration as `name = value` lines, one a flag, without secrets.
    pub fn print(&self) -> String {
        let settings = self.listen.print().into_iter().chain(self.redis.print()).chain(self.settings());
        let settings =
            settings.chain(self.auth.print()).chain(oidc::print(self.auth.oidc.as_ref())).chain(self.access.print());
        settings.map(|(name, value)| format!("{name} = {value}\n")).collect()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let Self {
            listen: _,
            admin_listen,
            default_backend_listen,
            redis: _,
            instance,
            kube_context,
            helm,
            charts,
            store_url,
            concurrency,
            lease,
            probe_interval,
            probe_concurrency,
            probe_via,
            cron_interval,
            deletion_window,
            quota,
            deadlines,
            drain_timeout,
            backups,
            auth: _,
            access: _,
            log_format,
            log,
        } = self;
        let [chart, values, releases] = charts::print(charts);
        let settings = vec![
            ("admin-listen", admin_listen.to_string()),
            ("default-backend-listen", default_backend_listen.map_or_else(|| "[none]".to_owned(), |at| at.to_string())),
            ("instance", instance.clone()),
            ("kube-context", kube_context.clone().unwrap_or_else(|| "[current]".to_owned())),
            ("helm", helm.display().to_string()),
            chart,
            values,
            releases,
            ("store-url", store_url.to_string()),
            ("concurrency", concurrency.to_string()),
            ("lease", humantime::format_duration(*lease).to_string()),
            ("probe-interval", humantime::format_duration(probe_interval.unwrap_or_default()).to_string()),
            ("probe-concurrency", probe_concurrency.to_string()),
            ("probe-via", check::probe_via_name(*probe_via).to_owned()),
            ("cron-interval", humantime::format_duration(cron_interval.unwrap_or_default()).to_string()),
            ("deletion-window", humantime::format_duration(*deletion_window).to_string()),
            ("quota", quota.to_string()),
            ("deadline", deadlines.to_string()),
            ("drain-timeout", humantime::format_duration(*drain_timeout).to_string()),
            ("log-format", format!("{log_format:?}").to_lowercase()),
            ("log", log.clone()),
        ];
        settings.into_iter().chain(backups::print(backups.as_ref())).collect()
    }
}
