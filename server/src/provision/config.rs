//! What the operator decides about provisioning.

mod backups;
mod charts;
mod deadlines;
mod quota;

use std::{path::PathBuf, time::Duration};

pub use self::{
    backups::{BackupSettings, RepositoryUrl},
    charts::{ChartFiles, Charts},
    deadlines::{Deadlines, EngineDeadline},
    quota::Quota,
};

/// The settings of [`KubeProvisioner`](super::KubeProvisioner).
#[derive(Clone, Debug)]
pub struct Config {
    pub helm: HelmConfig,
    pub deadlines: Deadlines,
    /// How often each open shop is asked to do what it has scheduled; `None`: something else asks them.
    pub cron_interval: Option<Duration>,
    pub quota: Quota,
    pub probe_via: ProbeVia,
    /// How many requests to shops there are at once, in each priority class.
    pub requests: usize,
    /// Tells the namespaces of this control plane from those of others on the same cluster; a label's value.
    pub instance: String,
    /// Where backups go. `None`: there are none.
    pub backups: Option<BackupSettings>,
}

/// How requests get to a shop that is probed or does what it has scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeVia {
    /// Through the API server's service proxy, from wherever the API is reached.
    #[default]
    ApiServer,
    /// Straight to the store's Service, from inside the cluster.
    PodNetwork,
}

/// Where helm is and what it installs.
#[derive(Clone, Debug)]
pub struct HelmConfig {
    /// The helm program, version 3 or 4.
    pub program: PathBuf,
    pub charts: Charts,
    /// A folder of ours for helm's caches; made when missing. `None`: a temporary one for this process alone, which goes with
    /// it.
    pub cache: Option<PathBuf>,
    /// The kubeconfig; `None` leaves it to helm's own rules (environment, then in-cluster).
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None` is the current one.
    pub kube_context: Option<String>,
}
