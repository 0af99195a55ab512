//! What the operator decides about provisioning.

use std::{path::PathBuf, time::Duration};

/// Everything [`KubeProvisioner`](super::KubeProvisioner) is told.
#[derive(Clone, Debug)]
pub struct Config {
    pub helm: HelmConfig,
    pub deadlines: Deadlines,
    /// How often each open shop is asked to do what it has scheduled; `None`: something else asks them.
    pub cron_interval: Option<Duration>,
    pub quota: Quota,
    /// Tells the namespaces of this control plane from those of others on the same cluster; a label's value.
    pub instance: String,
}

/// Where helm is and what it installs.
#[derive(Clone, Debug)]
pub struct HelmConfig {
    /// The helm program, version 3 or 4.
    pub program: PathBuf,
    /// The chart of the WooCommerce engine.
    pub chart: PathBuf,
    /// The environment's values, in order; the store's own come behind them.
    pub values: Vec<PathBuf>,
    /// A folder of ours for helm's caches; made when missing.
    pub cache: PathBuf,
    /// The kubeconfig; `None` leaves it to helm's own rules (environment, then in-cluster).
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None` is the current one.
    pub kube_context: Option<String>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// One request to the Kubernetes API.
    pub call: Duration,
    /// One run of helm.
    pub helm: Duration,
    /// From asking helm to stop to killing it.
    pub helm_grace: Duration,
    /// From an observation of a pod, volume or namespace to a different one, while the cluster is at work.
    pub wait: Duration,
    /// The same, while a program was started and does not answer yet.
    pub start: Duration,
    /// The same, once something is wrong, such as an image that cannot be pulled.
    pub trouble: Duration,
    /// `state` inside the store.
    pub state: Duration,
    /// `restore` inside the store.
    pub restore: Duration,
    /// `install` inside the store.
    pub install: Duration,
    /// `activate` inside the store.
    pub activate: Duration,
    /// `configure` inside the store.
    pub configure: Duration,
    /// One request to the shop.
    pub probe: Duration,
    /// A shop's doing what it has scheduled, while somebody waits for it; it goes on behind that.
    pub cron: Duration,
    /// From a shop that does not sell to one that does, or fails otherwise.
    pub storefront: Duration,
    /// From one thing that is left of a deleted store to another.
    pub removal: Duration,
}

/// What one store may use; the values are Kubernetes quantities in canonical form.
#[derive(Clone, Debug)]
pub struct Quota {
    pub requests_cpu: String,
    pub requests_memory: String,
    pub limits_cpu: String,
    pub limits_memory: String,
    pub requests_storage: String,
    pub pods: u32,
    pub claims: u32,
    pub services: u32,
}

// === impl Deadlines ===

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(10),
            helm: Duration::from_secs(120),
            helm_grace: Duration::from_secs(5),
            wait: Duration::from_secs(300),
            start: Duration::from_secs(60),
            trouble: Duration::from_secs(20),
            state: Duration::from_secs(15),
            restore: Duration::from_secs(120),
            install: Duration::from_secs(60),
            activate: Duration::from_secs(120),
            configure: Duration::from_secs(120),
            probe: Duration::from_secs(15),
            cron: Duration::from_secs(15),
            storefront: Duration::from_secs(60),
            removal: Duration::from_secs(30),
        }
    }
}

// === impl Quota ===

impl Default for Quota {
    /// Room for the chart's production figures with one replacement pod each.
    fn default() -> Self {
        Self {
            requests_cpu: "2".to_owned(),
            requests_memory: "4Gi".to_owned(),
            limits_cpu: "8".to_owned(),
            limits_memory: "8Gi".to_owned(),
            requests_storage: "50Gi".to_owned(),
            pods: 8,
            claims: 4,
            services: 4,
        }
    }
}
