//! What the provisioning tests work with: a cluster, a helm, a provisioner, and fresh stores.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rand::RngExt;
use sendstores_core::{
    StepName, Store,
    observed::{Progress, Remains, Seen},
    provisioner::Provisioner,
};
use sendstores_server::provision::{
    self, ChartFiles, Charts, Clients, Deadlines, HelmConfig, KubeProvisioner, ProbeVia, Quota, kit,
};
use tempfile::TempDir;

use crate::{
    cluster::Cluster,
    samples::{self, parsed},
    server::workspace,
};

/// A cluster to provision into.
pub struct Rig {
    pub kubeconfig: PathBuf,
    pub client: Client,
    clients: Clients,
    /// Caches of helm, and values files.
    pub folder: TempDir,
}

/// Which helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helm {
    Three,
    Four,
}

// === impl Rig ===

impl Rig {
    /// The light cluster that `make test` has started.
    pub async fn light() -> Self {
        Self::at(Cluster::light().kubeconfig.into()).await
    }

    /// Whoever this kubeconfig is for, on whatever cluster.
    pub async fn at(kubeconfig: PathBuf) -> Self {
        let read = Kubeconfig::read_from(&kubeconfig).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.expect("a usable one");
        let clients = Clients::new(config.clone()).expect("clients");
        let client = Client::try_from(config).expect("a client");
        Self { kubeconfig, client, clients, folder: TempDir::new().expect("a folder") }
    }

    pub fn provisioner(&self, helm: Helm, values: &[&Path]) -> KubeProvisioner {
        self.provisioner_of(helm, woocommerce(values), kit::ENGINES)
    }

    /// One that makes stores of `engines` from their `charts`.
    pub fn provisioner_of(&self, helm: Helm, charts: Charts, engines: kit::Registry) -> KubeProvisioner {
        let helm = HelmConfig {
            program: helm.program(),
            charts,
            cache: Some(self.folder.path().join("helm")),
            kubeconfig: Some(self.kubeconfig.clone()),
            kube_context: None,
        };
        let deadlines = Deadlines { wait: Duration::from_secs(90), ..Deadlines::default() };
        KubeProvisioner::with_engines(
            provision::Config {
                helm,
                deadlines,
                cron_interval: Some(Duration::from_secs(60)),
                quota: Quota::default(),
                probe_via: ProbeVia::default(),
                requests: 32,
                instance: "test".to_owned(),
                backups: None,
            },
            self.clients.clone(),
            engines,
        )
    }

    /// A values file with this content.
    pub fn values(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("write values");
        path
    }
}

// === impl Helm ===

impl Helm {
    /// The program, fetched or built when missing.
    pub fn program(self) -> PathBuf {
        let script = match self {
            Self::Three => "tests/charts/helm3",
            Self::Four => "tests/charts/helm4",
        };
        let said = Command::new(workspace().join(script)).output().expect("run the script");
        assert!(said.status.success(), "{script}: {}", String::from_utf8_lossy(&said.stderr));
        PathBuf::from(String::from_utf8_lossy(&said.stdout).trim())
    }
}

/// The chart of the real engine, with the values of a local cluster and then these.
pub fn woocommerce(values: &[&Path]) -> Charts {
    let chart = workspace().join("charts/woocommerce");
    let local = chart.join("values-local.yaml");
    let values = [local].into_iter().chain(values.iter().map(|path| path.to_path_buf())).collect();
    Charts::default().with(kit::ENGINES.engines[0].facts.engine, ChartFiles { chart, values })
}

/// A store with an id and a uid that nobody had before.
pub fn fresh_store() -> Store {
    let mut store = samples::store("store-x");
    let letters: String = (0..8).map(|_| char::from(rand::rng().random_range(b'a'..=b'z'))).collect();
    store.id = parsed(&format!("store-{letters}"));
    store.uid = parsed(&uuid::Uuid::now_v7().to_string());
    store.url = format!("http://{}.localhost:8080", store.id);
    store.spec.shop.locale = parsed("en_US");
    store.spec.shop.taxes = false;
    store
}

/// Values for nodes that run no image.
pub fn simulated_images() -> PathBuf {
    workspace().join("tests/fixtures/values-light.yaml")
}

/// Brings one step to its end as reconcile does, and returns the details of what it saw on the way.
pub async fn complete(provisioner: &KubeProvisioner, store: &Store, step: StepName) -> Vec<String> {
    let mut told = Vec::new();
    let mut seen = provisioner.observe(store, step).await.expect("observed");
    for _ in 0..100 {
        seen = match seen {
            Seen::Known(Progress::Done(_)) => return told,
            Seen::Known(Progress::Partial(detail)) => {
                told.push(detail);
                provisioner.ensure(store, step).await.expect("ensured");
                provisioner.observe(store, step).await.expect("observed")
            }
            Seen::Absent => {
                provisioner.ensure(store, step).await.expect("ensured");
                provisioner.observe(store, step).await.expect("observed")
            }
            Seen::Known(last) => {
                if let Progress::Waiting(waiting) = &last {
                    told.push(waiting.detail.clone());
                }
                provisioner.wait(store, step, &last).await.expect("waited")
            }
            Seen::Unknown => panic!("{step}: unknown"),
        };
    }
    panic!("{step}: no end after {told:?}");
}

/// Removes a store, and returns the details of what was left on the way.
pub async fn remove(provisioner: &KubeProvisioner, store: &Store) -> Vec<String> {
    let mut told = Vec::new();
    provisioner.remove(store).await.expect("removed");
    let mut seen = provisioner.observe_remains(store).await.expect("observed");
    for _ in 0..100 {
        seen = match seen {
            Seen::Absent => return told,
            Seen::Known(last) => {
                if let Remains::Going(left) | Remains::Held(left) = &last {
                    told.push(left.clone());
                }
                provisioner.wait_removal(store, &last).await.expect("waited")
            }
            Seen::Unknown => panic!("unknown remains"),
        };
    }
    panic!("no end after {told:?}");
}
