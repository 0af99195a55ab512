//! A real server on a real socket, over the ledger's twin in memory. The test plays reconcile: it writes to the ledger
//! what a cluster would have brought about.
#![allow(dead_code)] // each test file uses its part

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use sendstores_client::{Client, CreateStore, Error, RetryPolicy, Store};
use sendstores_core::{
    Event, Failure, FailureReason, Offers, StepName, StoreId, ledger::Ledger, provisioner::Provisioner,
};
use sendstores_server::provision::ENGINES;
use sendstores_server::{
    auth::Authenticator,
    grpc::{Backend, Limits, Server, StoreApi, StoreUrl, StreamLimits},
    ledger::MemoryLedger,
    mirror::Mirror,
};
use sendstores_tests::{ledger::change, scripted::ScriptedProvisioner, steps, wait::within};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) struct Rig {
    pub(crate) url: String,
    /// Repeats nothing, so that a test sees each answer of the server.
    pub(crate) client: Client,
    pub(crate) ledger: MemoryLedger,
    /// Asked for credentials alone.
    pub(crate) cluster: ScriptedProvisioner,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

// === impl Rig ===

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(MemoryLedger::default(), 10_000, "127.0.0.1:0".parse().expect("address")).await
    }

    /// A server that keeps `history` changes for watchers that come back.
    pub(crate) async fn with_history(history: usize) -> Self {
        Self::with(MemoryLedger::new(history), history, "127.0.0.1:0".parse().expect("address")).await
    }

    async fn with(ledger: MemoryLedger, ring: usize, address: SocketAddr) -> Self {
        let stop = CancellationToken::new();
        let streams = StreamLimits { all: 1000, per_peer: None, per_principal: None };
        let limits = Limits { calls: Limits::CALLS, streams, deadline: Limits::DEADLINE };
        let store_url: StoreUrl = Arc::new(|id: &StoreId| format!("http://{id}.localhost:8080"));
        let api = StoreApi::new(store_url, ENGINES, limits, stop.clone()).with_repository(true);
        let mirror = Mirror::new(ring);
        let cluster = ScriptedProvisioner::new();
        let (credentials, volumes) = (Arc::new(cluster.clone()), Arc::new(cluster.clone()));
        let releases = Arc::new(Arc::new(Offers::new(vec![sendstores_tests::samples::standing_in()])));
        api.attach(Backend { ledger: ledger.clone(), mirror: mirror.clone(), credentials, releases, volumes });
        let audit = api.clone();
        let (server, _health) = Server::new(api, Authenticator::insecure()).await.expect("the gRPC port");
        let listener = TcpListener::bind(address).await.expect("bind");
        let address = listener.local_addr().expect("address");

        let mut tasks = JoinSet::new();
        let mut live = mirror.status();
        let (follow, serve, following) = (stop.clone(), stop.clone(), ledger.clone());
        tasks.spawn(async move { mirror.follow(following, follow).await });
        tasks.spawn(server.serve(listener, serve));
        tasks.spawn(audit.keep_audit(stop.clone()));
        live.wait_for(|status| *status == sendstores_server::mirror::Status::Live).await.expect("the mirror is live");

        let url = format!("http://{address}");
        let client = Client::builder().retry(RetryPolicy::none()).connect(&url).await.expect("connect");
        Self { url, client, ledger, cluster, address, stop, tasks }
    }

    /// The server drains and ends, and another begins at the same address over the same ledger.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        let client = self.client.clone();
        *self = Self::with(self.ledger.reopen(), 10_000, self.address).await;
        self.client = client;
    }

    /// The server drains and ends.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = within("the server to end", self.tasks.join_next()).await {
            ended.expect("a task of the server");
        }
    }

    pub(crate) async fn create(&self, id: &str) -> Store {
        self.client.create(CreateStore::new().id(id)).await.expect("created")
    }

    /// The cluster makes the credentials of a store; the store as the ledger has it.
    pub(crate) async fn make_credentials(&self, id: &str) -> sendstores_core::Store {
        let id: StoreId = id.parse().expect("an id");
        let store = self.ledger.load(&id).await.expect("the ledger").expect("the store");
        self.cluster.ensure(&store, steps::CREDENTIALS).await.expect("made");
        store
    }

    /// Records an event, as reconcile does.
    pub(crate) async fn event(&self, id: &str, event: Event) {
        self.change(id, |store| store.after(event, SystemTime::now().into()).expect("possible")).await;
    }

    /// Records that a step is under way and all before it are done.
    pub(crate) async fn at_step(&self, id: &str, step: StepName, detail: &str) {
        self.change(id, |store| store.at_step(step, true, detail, SystemTime::now().into())).await;
    }

    /// Records that a step failed for good.
    pub(crate) async fn give_up(&self, id: &str, message: &str) {
        let failure = Failure {
            reason: FailureReason::ValuesRefused,
            message: message.to_owned(),
            step: Some(steps::RELEASE),
            attempt: 1,
            retry_time: None,
            diagnosis: None,
        };
        self.change(id, |store| {
            let now = SystemTime::now().into();
            store.failing(failure.clone(), now).after(Event::GaveUp, now).expect("possible")
        })
        .await;
    }

    async fn change(&self, id: &str, next: impl Fn(&sendstores_core::Store) -> sendstores_core::Store) {
        change(&self.ledger, id, next).await;
    }
}

/// What an answer that should not be was refused with.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> Error {
    answer.expect_err("this should be refused")
}
