//! A whole control plane in this process, on real sockets and a real Redis: only the cluster is scripted.

use std::{sync::Arc, time::Duration};

use sendstores_client::{Client, RetryPolicy, Store, v1 as wire};
use sendstores_core::{Offers, StoreId, backoff::Backoff, ledger::Owner, operation::Patience};
use sendstores_server::{
    auth::Authenticator,
    grpc::{Backend, Limits, Server, StoreApi, StoreUrl, StreamLimits},
    ledger::{RedisConfig, RedisLedger},
    mirror::{Mirror, Status},
    permits::ClassPermits,
    provision::ENGINES,
    reconcile::{Members, Policy, Reconciler},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{redis::RedisServer, scripted::ScriptedProvisioner, wait::until};

/// A running control plane; ended when dropped.
pub struct Plane {
    pub url: String,
    pub client: Client,
    pub cluster: ScriptedProvisioner,
    pub ledger: RedisLedger,
    pub mirror: Mirror,
    _stop: DropGuard,
    _tasks: JoinSet<()>,
}

// === impl Plane ===

impl Plane {
    pub async fn start(redis: &RedisServer) -> Self {
        Self::offering(redis, Offers::default()).await
    }

    /// One whose operator has declared these releases.
    pub async fn offering(redis: &RedisServer, offers: Offers) -> Self {
        let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
        let (cluster, mirror, stop) = (ScriptedProvisioner::new(), Mirror::new(10_000), CancellationToken::new());
        let streams = StreamLimits { all: 100, per_peer: None, per_principal: None };
        let limits = Limits { calls: Limits::CALLS, streams, deadline: Limits::DEADLINE };
        let store_url: StoreUrl = Arc::new(|id: &StoreId| format!("http://{id}.localhost:8080"));
        let api = StoreApi::new(store_url, ENGINES, limits, stop.clone());
        let (credentials, volumes) = (Arc::new(cluster.clone()), Arc::new(cluster.clone()));
        let releases = Arc::new(Arc::new(offers));
        api.attach(Backend { ledger: ledger.clone(), mirror: mirror.clone(), credentials, releases, volumes });
        let (server, _health) = Server::new(api, Authenticator::insecure()).await.expect("the gRPC port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}", listener.local_addr().expect("an address"));

        let mut tasks = JoinSet::new();
        let reconciler = Reconciler {
            ledger: ledger.clone(),
            mirror: mirror.clone(),
            provisioner: cluster.clone(),
            owner: Owner("plane".to_owned()),
            permits: ClassPermits::for_acts(10),
            members: Members::default(),
            policy: policy(),
        };
        tasks.spawn({
            let (ledger, stop) = (ledger.clone(), stop.clone());
            let mirror = mirror.clone();
            // Ends with an error when a test takes its Redis away.
            async move { mirror.follow(ledger, stop).await }
        });
        tasks.spawn(server.serve(listener, stop.clone()));
        let reconciling = reconciler.run(stop.clone());
        tasks.spawn(async move { drop(reconciling.await) });
        mirror.status().wait_for(|status| *status == Status::Live).await.expect("the mirror is live");
        let client = Client::builder().retry(RetryPolicy::none()).connect(&url).await.expect("connect");
        Self { url, client, cluster, ledger, mirror, _stop: stop.drop_guard(), _tasks: tasks }
    }

    /// Waits until the store is in this state.
    pub async fn reach(&self, id: &str, state: wire::store::State) -> Store {
        until(state.as_str_name(), async || self.client.get(id).await.ok().filter(|store| store.state() == state)).await
    }
}

fn policy() -> Policy {
    Policy {
        runs: Policy::RUNS,
        lease: Duration::from_secs(2),
        backoff: Backoff { first: Duration::from_millis(5), most: Duration::from_millis(20) },
        patience: Patience { whole: Duration::from_secs(600), step: Patience::STEP },
        probe_interval: None,
        tenants: sendstores_core::admission::TenantLimits::default(),
    }
}
