//! Puts the modules together: bind first, then reach the ledger, then serve from it.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngExt;
use sendstores_core::{
    backoff::Backoff,
    ledger::{Ledger, LedgerError, Owner},
    operation::Patience,
};
use sendstores_mcp::Tools;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;
use uuid::Uuid;

use super::{admin, callers::Callers, reload, signal};
use crate::{
    args::Config,
    dashboard::{Dashboard, Login},
    default_backend::DefaultBackend,
    grpc::{AllowedHosts, Backend, Limits, Server, StoreApi, StreamLimits},
    ledger::{RedisConfig, RedisLedger},
    mirror::Mirror,
    permits::ClassPermits,
    provision::{self, KubeProvisioner},
    reconcile::{
        BackupDriver, BackupPolicy, ClusterGuard, CronDriver, CronPolicy, Guarded, InventoryCheck, Members, Policy,
        Reconciler,
    },
    supervise::{Phase, TaskError, Tasks},
};

/// Recent changes kept in memory for watchers; see the arithmetic in the mirror's index.
const RING: usize = 8_192;
/// How long one call to Redis may take in all.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the start waits for the cluster.
const FIRST_LOOK: Duration = Duration::from_millis(500);
/// How long a backup waits for a cluster that does not take its Job.
const BACKUP_PATIENCE: Duration = Duration::from_secs(600);
/// How long to wait before Redis is tried again at the start. A Redis that has too many clients gets no storm of new ones.
const LEDGER_PAUSES: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(5) };

/// Serves until `stop`, or until a task ends that should not.
pub(super) async fn serve(
    config: Config,
    metrics: PrometheusHandle,
    mut stop: BoxFuture<'static, ()>,
) -> Result<(), TaskError> {
    let grpc = bind("--listen", config.listen.address).await?;
    let admin = bind("--admin-listen", config.admin_listen).await?;
    let mut tasks = Tasks::new();
    let stopping = tasks.stopping();
    let mirror = Mirror::new(RING);
    let serving = CancellationToken::new();

    spawn_default_backend(&mut tasks, &config, &mirror).await?;
    let api = service(&config, stopping.clone());
    let callers = Callers::open(&mut tasks, &config, &mirror)?;
    let (server, reporter) = port(&config, &callers, api.clone()).await?;
    tracing::info!(listen = %grpc.local_addr()?, admin = %admin.local_addr()?, "listening");
    tasks.spawn("admin", Phase::Back, {
        let mirror = mirror.clone();
        let (serving, stopping) = (serving.clone(), stopping.clone());
        |stop| admin::serve(admin, mirror, metrics, admin::Phases { serving, stopping }, stop)
    });
    tasks.spawn("grpc", Phase::Front, |stop| async {
        server.serve(grpc, stop).await;
        Ok(())
    });

    let ledger = tokio::select! {
        ledger = reach_ledger(&config) => ledger?,
        () = &mut stop => return Ok(tasks.run(std::future::ready(()), config.drain_timeout).await?),
    };
    let provisioner = provisioner(&config).await?;
    callers.ask(&provisioner);
    provisioner.load_files().await.map_err(|error| format!("--chart, --values and --releases: {error}"))?;
    tasks.spawn("reload", Phase::Front, {
        let (provisioner, asked) = (provisioner.clone(), signal::reloads()?);
        |stop| reload::run(provisioner, asked, stop)
    });
    spawn_safety(&mut tasks, ledger.clone());
    tasks.spawn("mirror", Phase::Back, {
        let (mirror, ledger) = (mirror.clone(), ledger.clone());
        |stop| mirror.follow(ledger, stop).map(Ok)
    });
    let check = InventoryCheck { ledger: ledger.clone(), mirror: mirror.clone(), cluster: provisioner.clone() };
    let mut cluster_guard = ClusterGuard::new(check);
    first_look(&mut cluster_guard).await;
    let guarded = cluster_guard.guard(provisioner.clone());
    tasks.spawn("cluster", Phase::Front, |stop| cluster_guard.run(stop));
    let credentials = Arc::new(provisioner.clone());
    let volumes = credentials.clone();
    let releases = Arc::new(provisioner.clone());
    api.attach(Backend { ledger: ledger.clone(), mirror: mirror.clone(), credentials, releases, volumes });
    serving.cancel();
    spawn_keepers(&mut tasks, &api);
    spawn_health(&mut tasks, reporter, mirror.clone());
    spawn_workers(&mut tasks, &config, ledger, mirror, guarded);

    Ok(tasks.run(stop, config.drain_timeout).await?)
}

/// Starts to answer the visitors of shops that do not, if that is configured.
async fn spawn_default_backend(tasks: &mut Tasks, config: &Config, mirror: &Mirror) -> Result<(), TaskError> {
    let Some(address) = config.default_backend_listen else { return Ok(()) };
    let listener = bind("--default-backend-listen", address).await?;
    tracing::info!(listen = %listener.local_addr()?, "listening for visitors of shops that do not answer");
    let store_url = config.store_url.clone();
    let backend = DefaultBackend::new(mirror.clone(), move |host| store_url.id_of(host));
    tasks.spawn("default backend", Phase::Front, |stop| backend.serve(listener, stop));
    Ok(())
}

/// The gRPC port as it is configured, and the reporter of its health.
async fn port(
    config: &Config,
    callers: &Callers,
    api: StoreApi<RedisLedger>,
) -> Result<(Server<RedisLedger>, HealthReporter), TaskError> {
    let (server, reporter) = Server::new(api, callers.auth.clone()).await?;
    let hosts = config.access.allowed_hosts.clone().map_or(AllowedHosts::Any, AllowedHosts::Named);
    let server = server.allow(config.access.max_connections_per_peer, hosts).reflection(config.auth.reflection);
    let server = server.origins(config.access.cors_origins.clone()).dashboard(dashboard(config));
    let tools = config.access.mcp.map(Tools::new).map(|tools| match &config.auth.oidc {
        Some(oidc) => tools.for_issuers(oidc.issuers.clone(), &oidc.audiences),
        None => tools,
    });
    let server = server.tools(tools);
    Ok((server.tls(callers.tls.clone()).plaintext(config.listen.allow_plaintext), reporter))
}

/// The dashboard, unless the port has none. People log in at the first issuer if it has a client for them.
fn dashboard(config: &Config) -> Option<Dashboard> {
    let login = config.auth.oidc.as_ref().and_then(|oidc| {
        let (client, issuer) = (oidc.browser.clone()?, oidc.issuers.first()?.clone());
        Some(Login { issuer, client_id: client.client_id, scopes: client.scopes })
    });
    config.access.dashboard.then(|| Dashboard::new(login.as_ref()))
}

/// Before anything is written: is this the cluster that the stores stand in, and the Redis that knows them? A cluster that
/// does not answer is asked again later, and nothing else waits for it.
async fn first_look<L: Ledger>(cluster_guard: &mut ClusterGuard<L, KubeProvisioner>) {
    match tokio::time::timeout(FIRST_LOOK, cluster_guard.check()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the cluster cannot be compared with Redis yet"),
        Err(_) => tracing::warn!("the cluster cannot be compared with Redis yet: no answer"),
    }
}

/// Starts the task that checks the settings of Redis again.
fn spawn_safety(tasks: &mut Tasks, ledger: RedisLedger) {
    tasks.spawn("redis-safety", Phase::Front, |stop| async move {
        stop.run_until_cancelled(ledger.watch_safety()).await;
        Ok(())
    });
}

/// Starts what reports whether calls are answered.
fn spawn_health(tasks: &mut Tasks, reporter: HealthReporter, mirror: Mirror) {
    tasks.spawn("health", Phase::Front, |stop| async {
        StoreApi::<RedisLedger>::keep_health(reporter, mirror, stop).await;
        Ok(())
    });
}

/// Has refusals entered into the audit, and the uses of tokens written, also while calls end.
fn spawn_keepers(tasks: &mut Tasks, api: &StoreApi<RedisLedger>) {
    let (of_audit, of_uses) = (api.clone(), api.clone());
    tasks.spawn("audit", Phase::Back, |stop| async {
        of_audit.keep_audit(stop).await;
        Ok(())
    });
    tasks.spawn("uses", Phase::Back, |stop| async {
        of_uses.keep_uses(stop).await;
        Ok(())
    });
}

/// Starts what works on the stores.
fn spawn_workers<L: Ledger>(
    tasks: &mut Tasks,
    config: &Config,
    ledger: L,
    mirror: Mirror,
    provisioner: Guarded<KubeProvisioner>,
) {
    let (owner, members) = (owner(), Members::default());
    tasks.spawn("counts", Phase::Front, {
        let (mirror, ledger) = (mirror.clone(), ledger.clone());
        |stop| async {
            mirror.keep_counts(ledger, stop).await;
            Ok(())
        }
    });
    if config.cron_interval.is_some() && config.probe_interval.is_none() {
        let (ledger, mirror, owner) = (ledger.clone(), mirror.clone(), owner.clone());
        let (members, lease) = (members.clone(), config.lease);
        tasks.spawn("members", Phase::Front, move |stop| async move {
            members.follow(&ledger, &mirror, &owner, lease, &stop).await;
            Ok(())
        });
    }
    if let Some(interval) = config.cron_interval {
        let (policy, members) = (CronPolicy { interval }, members.clone());
        let (mirror, shops, owner) = (mirror.clone(), provisioner.clone(), owner.clone());
        tasks.spawn("cron", Phase::Front, |stop| CronDriver { mirror, shops, owner, members, policy }.run(stop));
    }
    tasks.spawn("backups", Phase::Front, {
        let (ledger, mirror, jobs, owner) = (ledger.clone(), mirror.clone(), provisioner.clone(), owner.clone());
        let policy = backup_policy(config);
        move |stop| BackupDriver { ledger, mirror, jobs, owner, policy }.run(stop)
    });
    let permits = ClassPermits::for_acts(config.concurrency);
    let reconciler = Reconciler { ledger, mirror, provisioner, owner, permits, members, policy: policy(config) };
    tasks.spawn("reconcile", Phase::Front, |stop| reconciler.run(stop));
}

fn service(config: &Config, stopping: CancellationToken) -> StoreApi<RedisLedger> {
    let template = config.store_url.clone();
    let api = StoreApi::new(Arc::new(move |id| template.url(id)), provision::ENGINES, limits(config), stopping);
    let api = api.with_quota(config.access.tenants).with_deletion_window(config.deletion_window);
    api.with_repository(config.backups.is_some())
}

fn limits(config: &Config) -> Limits {
    let access = &config.access;
    let streams = StreamLimits {
        all: access.max_streams,
        per_peer: access.max_streams_per_peer,
        per_principal: access.max_streams_per_principal,
    };
    Limits { calls: Limits::CALLS, streams, deadline: Limits::DEADLINE }
}

async fn bind(flag: &str, address: std::net::SocketAddr) -> Result<TcpListener, TaskError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("{flag}: {address} cannot be listened on: {error}").into())
}

/// Waits for a Redis that is not there yet, but not for one that is set up unsafely.
async fn reach_ledger(config: &Config) -> Result<RedisLedger, LedgerError> {
    let redis = redis(config);
    let mut attempt = 0;
    loop {
        match RedisLedger::connect(redis.clone()).await {
            Err(error) if error.retryable() => {
                attempt += 1;
                let pause = LEDGER_PAUSES.wait(attempt, rand::rng().random());
                tracing::warn!(%error, ?pause, "waiting for Redis");
                tokio::time::sleep(pause).await;
            }
            result => return result,
        }
    }
}

pub(super) fn redis(config: &Config) -> RedisConfig {
    let redis = &config.redis;
    RedisConfig {
        ca: redis.ca.clone(),
        identity: redis.identity.clone(),
        allow_plaintext: redis.allow_plaintext,
        prefix: redis.prefix.clone(),
        history: NonZeroU32::new(u32::try_from(redis.history).unwrap_or(u32::MAX))
            .unwrap_or(RedisConfig::DEFAULT_HISTORY),
        audit: config.access.audit_history,
        command_timeout: LEDGER_TIMEOUT,
        durability: redis.durability,
        replicas: redis.replicas_acknowledge,
        ..RedisConfig::new(redis.url.clone())
    }
}

pub(super) async fn provisioner(config: &Config) -> Result<KubeProvisioner, TaskError> {
    let clients = provision::Clients::read(config.kube_context.clone()).await.map_err(|error| no_cluster(&error))?;
    let helm = provision::HelmConfig {
        program: config.helm.clone(),
        charts: config.charts.clone(),
        cache: None,
        kubeconfig: None,
        kube_context: config.kube_context.clone(),
    };
    let config = provision::Config {
        helm,
        deadlines: config.deadlines.clone(),
        cron_interval: config.cron_interval,
        quota: config.quota.clone(),
        probe_via: config.probe_via,
        requests: config.probe_concurrency,
        instance: config.instance.clone(),
        backups: config.backups.clone(),
    };
    Ok(KubeProvisioner::new(config, clients))
}

fn no_cluster(error: &dyn std::fmt::Display) -> TaskError {
    format!("no cluster: set KUBECONFIG or --kube-context, or run inside one: {error}").into()
}

fn owner() -> Owner {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "server".to_owned());
    Owner(format!("{host}-{}", Uuid::new_v4()))
}

/// A backup has the time of its Job twice, and some more to be scheduled.
fn backup_policy(config: &Config) -> BackupPolicy {
    let deadline = config.backups.as_ref().map_or(BACKUP_PATIENCE, |backups| backups.deadline);
    BackupPolicy { lease: config.lease, patience: deadline * 2 + BACKUP_PATIENCE }
}

fn policy(config: &Config) -> Policy {
    let patience = Patience { whole: config.deadlines.update, step: Patience::STEP };
    let (lease, probe_interval, tenants) = (config.lease, config.probe_interval, config.access.tenants.defaults);
    Policy { runs: Policy::RUNS, lease, backoff: Policy::BACKOFF, patience, probe_interval, tenants }
}
