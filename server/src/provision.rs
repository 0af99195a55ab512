//! Makes and removes stores in Kubernetes: helm for the release, kube exec for the bootstrap, the API for the rest.
//!
//! What an engine's stores are made of is under `engines`, a folder each; the steps that all engines share are under
//! `steps`. Every verb is safe to repeat: it reads the cluster, never a memory of what it
//! did before.

mod advice;
mod answers;
mod backups;
mod cluster;
mod config;
mod engines;
mod errors;
mod exec;
#[cfg(test)]
mod fake_api;
mod helm;
mod informer;
mod inventory;
mod names;
mod origin;
mod process;
mod proxy;
mod public_client;
mod quantity;
mod reach;
mod redact;
mod releases;
mod reviews;
mod settings;
mod steps;
mod volumes;
mod wait;

use std::{sync::Arc, time::Duration};

use sendstores_core::{
    Engine, Engines, Failure, FailureReason, Release, Store, StoreId,
    adoption::{Found, Inventory, ListNamespaces},
    backup::{
        JobUid,
        job::{JobSeen, RunJobs, Task},
    },
    cluster::{Identify, Identity},
    credentials::{ReadCredentials, Reading},
    cron::RunCron,
    observed::{Activity, Progress, Remains, Seen},
    offer::{OfferReleases, Offers},
    provisioner::{Provisioner, StepError},
    step::StepName,
    volumes::{CheckVolumes, Checking, VolumeSizes},
};

use self::{
    cluster::Cluster,
    engines::{EngineDef, Registry},
    helm::Helm,
    informer::Informers,
    public_client::{PublicClient, Visit},
};
use crate::permits::ClassPermits;
pub use backups::derived_key;
pub use cluster::Clients;
pub use config::{
    BackupSettings, ChartFiles, Charts, Config, Deadlines, EngineDeadline, HelmConfig, ProbeVia, Quota, RepositoryUrl,
};

/// What an engine is made of, also for one that is not in this crate: the types of its table, the steps that all engines
/// share, and what its own steps work with.
pub mod kit {
    pub use super::{
        Context,
        advice::usual as usual_advice,
        config::EngineDeadline,
        engines::{
            BackupDef, CredentialsDef, DiagnosisDef, Doing, ENGINES, EngineDef, Finding, LogDef, Registry, StepDef,
            VolumeDef, Watches, facts,
        },
        proxy::{Answer, Question, Reply},
        steps::{
            Kind, Workload, credentials::STEP as CREDENTIALS, diagnosis::without_values, done,
            namespace::STEP as NAMESPACE, partial, release, waiting, workload,
        },
    };
}

/// The engines of this server, as far as the domain knows them.
pub const ENGINES: Engines = engines::ENGINES.facts;

/// Whether the volumes of a store of `engine`, whose chart has `files`, fit into `quota`.
///
/// # Errors
/// They do not: what is too small, for an operator.
pub fn fits(quota: &Quota, engine: Engine, files: &ChartFiles) -> Result<(), String> {
    let sizes = engines::ENGINES.find(engine).map(EngineDef::volume_sizes).unwrap_or_default();
    quota.holds_volumes(&sizes, &files.values_in_order())
}

/// Provisions stores into one cluster. Clones share everything.
#[derive(Clone)]
pub struct KubeProvisioner {
    context: Arc<Context>,
}

/// What every step works with.
pub struct Context {
    registry: Registry,
    cluster: Arc<Cluster>,
    /// What wakes those who wait for the cluster.
    informers: Informers,
    helm: Helm,
    public_client: PublicClient,
    deadlines: Deadlines,
    cron_interval: Option<Duration>,
    quota: Quota,
    instance: String,
    /// For requests to shops, and for the programs that read inside of them. What a step makes is counted by its caller.
    requests: ClassPermits,
    /// Those of stores that are being removed.
    volumes: steps::removal::KnownVolumes,
    reach: reach::Reach,
    /// `None`: there is no repository for backups.
    backups: Option<BackupSettings>,
}

// === impl KubeProvisioner ===

impl KubeProvisioner {
    /// Touches nothing yet: a helm or a chart that is missing shows in the first release step.
    pub fn new(config: Config, clients: impl Into<Clients>) -> Self {
        Self::with_engines(config, clients, engines::ENGINES)
    }

    /// The same, with other engines than this server's.
    pub fn with_engines(config: Config, clients: impl Into<Clients>, registry: Registry) -> Self {
        let Config { helm, deadlines, cron_interval, quota, probe_via, requests, instance, backups } = config;
        let cluster = Arc::new(Cluster::new(clients.into(), deadlines.call, probe_via));
        let informers = Informers::new(cluster.clone());
        let helm = Helm::new(helm, registry.facts, deadlines.helm, deadlines.helm_grace);
        let public_client = PublicClient::default();
        let (requests, volumes, reach) = (ClassPermits::for_requests(requests), Default::default(), Default::default());
        Self {
            context: Arc::new(Context {
                registry,
                cluster,
                informers,
                helm,
                public_client,
                deadlines,
                cron_interval,
                quota,
                instance,
                requests,
                volumes,
                reach,
                backups,
            }),
        }
    }

    /// Reads charts, values files and releases anew: stores that are made from now on are made from these. What helm makes nothing of is
    /// refused, and the files of before stay in use. Returns whether anything is different.
    ///
    /// # Errors
    /// A file cannot be read, helm refuses the chart with these values, or the volumes do not fit into the quota.
    pub async fn reload_files(&self) -> Result<bool, StepError> {
        self.context.helm.reload(self.context.registry, &self.context.quota).await
    }

    /// Reads chart and values files now, and not only when the first store needs them: what is edited later has no effect before
    /// [`reload_files`](Self::reload_files).
    ///
    /// # Errors
    /// A file cannot be read, or not copied; the folder of releases could not be reloaded either.
    pub async fn load_files(&self) -> Result<(), StepError> {
        self.context.helm.load(self.context.registry, &self.context.quota).await
    }
}

impl Context {
    /// Asks the application in the store as a visitor would, within the time that a probe may take. Fails only when nothing
    /// can be said of the store, since the Kubernetes API itself does not work.
    pub async fn ask(&self, store: &Store, question: proxy::Question<'_>) -> Result<proxy::Reply, StepError> {
        let _permit = self.requests.acquire(store).await;
        reach::ask(self, store, question, self.deadlines.probe).await
    }

    /// One GET at the store's public address, in the same time.
    async fn visit(&self, store: &Store, path: &str) -> Visit {
        let _permit = self.requests.acquire(store).await;
        self.public_client.get(&store.url, path, self.deadlines.probe).await
    }

    /// The engine that `store` is made of.
    fn engine(&self, store: &Store) -> Result<&'static EngineDef, StepError> {
        let engine = store.spec.engine;
        self.registry.find(engine).ok_or_else(|| {
            let message = format!("this server does not have the engine {engine}");
            StepError::retryable(FailureReason::Internal, message)
        })
    }
}

impl Provisioner for KubeProvisioner {
    fn engines(&self) -> Engines {
        self.context.registry.facts
    }

    async fn observe(&self, store: &Store, step: StepName) -> Result<Seen<Progress>, StepError> {
        steps::observe(&self.context, store, step).await
    }

    async fn ensure(&self, store: &Store, step: StepName) -> Result<(), StepError> {
        steps::ensure(&self.context, store, step).await
    }

    async fn wait(&self, store: &Store, step: StepName, last: &Progress) -> Result<Seen<Progress>, StepError> {
        Box::pin(wait::step(&self.context, store, step, last)).await
    }

    async fn made_from(&self, store: &Store) -> Result<Option<Release>, StepError> {
        origin::of(&self.context, store).await
    }

    async fn remember(&self, store: &Store) -> Result<(), StepError> {
        steps::namespace::remember(&self.context, store).await
    }

    async fn observe_remains(&self, store: &Store) -> Result<Seen<Remains>, StepError> {
        steps::removal::observe(&self.context, store).await
    }

    async fn remove(&self, store: &Store) -> Result<(), StepError> {
        steps::removal::remove(&self.context, store).await
    }

    async fn diagnose(&self, store: &Store, failure: Failure) -> Failure {
        Box::pin(steps::diagnosis::diagnose(&self.context, store, failure)).await
    }

    async fn observe_activity(&self, store: &Store) -> Result<Seen<Activity>, StepError> {
        steps::suspension::observe(&self.context, store).await
    }

    async fn stop(&self, store: &Store) -> Result<(), StepError> {
        Box::pin(steps::suspension::stop(&self.context, store)).await
    }

    async fn wait_stop(&self, store: &Store, last: &Activity) -> Result<Seen<Activity>, StepError> {
        Box::pin(wait::stop(&self.context, store, last)).await
    }

    async fn wait_removal(&self, store: &Store, last: &Remains) -> Result<Seen<Remains>, StepError> {
        Box::pin(wait::removal(&self.context, store, last)).await
    }
}

impl ReadCredentials for KubeProvisioner {
    fn read_credentials<'a>(&'a self, store: &'a Store) -> Reading<'a> {
        Box::pin(steps::credentials::handed_out(&self.context, store))
    }
}

impl OfferReleases for KubeProvisioner {
    fn offers(&self) -> Arc<Offers> {
        self.context.helm.offers()
    }
}

impl CheckVolumes for KubeProvisioner {
    fn check_volumes<'a>(&'a self, store: &'a Store, wanted: VolumeSizes) -> Checking<'a> {
        Box::pin(volumes::check(&self.context, store, wanted))
    }
}

impl ListNamespaces for KubeProvisioner {
    async fn list(&self) -> Result<Vec<Found>, StepError> {
        inventory::list(&self.context).await
    }

    async fn find(&self, ids: &[StoreId]) -> Result<Inventory, StepError> {
        inventory::find(&self.context, ids).await
    }

    async fn recall(&self, found: Vec<Found>) -> Result<Vec<Found>, StepError> {
        inventory::recall(&self.context, found).await
    }
}

impl Identify for KubeProvisioner {
    async fn identify(&self) -> Result<Identity, StepError> {
        inventory::identify(&self.context).await
    }
}

impl RunJobs for KubeProvisioner {
    async fn look(&self, task: Task<'_>) -> Result<JobSeen, StepError> {
        backups::look(&self.context, task).await
    }

    async fn make(&self, task: Task<'_>) -> Result<JobUid, StepError> {
        Box::pin(backups::make(&self.context, task)).await
    }

    async fn wait(&self, task: Task<'_>, last: &JobSeen) -> Result<JobSeen, StepError> {
        Box::pin(backups::wait(&self.context, task, last)).await
    }

    async fn clear(&self, task: Task<'_>) -> Result<(), StepError> {
        backups::clear(&self.context, task).await
    }
}

impl RunCron for KubeProvisioner {
    async fn run_cron(&self, store: &Store) -> Result<(), StepError> {
        (self.context.engine(store)?.run_jobs)(&self.context, store).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use sendstores_core::observed::{Outlook, Waiting};
    use serde_json::json;

    use super::{
        engines::woocommerce::DATABASE_STEP,
        fake_api::{self, list},
        proxy::Question,
        steps::fixtures,
        *,
    };

    #[tokio::test(start_paused = true)]
    async fn a_request_to_a_shop_needs_a_permit_and_a_wait_for_pods_does_not() {
        let (context, _) = fake_api::context(|line| match line {
            line if line.contains("/statefulsets/mysql") => {
                let status = json!({"replicas": 1, "readyReplicas": 1});
                (200, json!({"metadata": {"name": "mysql"}, "spec": {"replicas": 1}, "status": status}))
            }
            _ => list(&[]),
        });
        let store = fixtures::store();
        let mut held = Vec::new();
        while let Some(permit) = context.requests.acquire(&store).now_or_never() {
            held.push(permit);
        }
        let mut asking = Box::pin(context.ask(&store, Question::get("wordpress", "/")));
        let mut visiting = Box::pin(context.visit(&store, "/"));
        let last = Progress::Waiting(Waiting {
            reason: FailureReason::DatabaseUnavailable,
            detail: "the pod is not there yet".to_owned(),
            outlook: Outlook::Going,
        });
        let seen = Box::pin(wait::step(&context, &store, DATABASE_STEP, &last)).await.unwrap();
        assert_eq!(seen, Seen::Known(Progress::Done(Vec::new())));
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, &mut asking).await.is_err(), "the shop is asked without a permit");
        assert!(tokio::time::timeout(second, &mut visiting).await.is_err(), "the shop is visited without a permit");
        held.clear();
        assert!(asking.await.is_ok());
        let _visit = visiting.await;
    }
}
