//! A server in this process, for the tests of programs that use this crate.

mod audit;
mod backups;
mod change;
mod list;
mod memory;
mod pages;
mod parse;
mod refusal;
mod registry;
mod release;
mod service;
mod tenants;
mod tokens;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::{Server, server::TcpIncoming};

use crate::{
    Client, RetryPolicy,
    testing::{memory::Memory, service::Service},
    v1::{
        Backup, Failure, Step, Store, account_service_server::AccountServiceServer,
        audit_service_server::AuditServiceServer, backup, backup_service_server::BackupServiceServer, failure::Reason,
        operation, step, store_service_server::StoreServiceServer, tenant_service_server::TenantServiceServer,
        token_service_server::TokenServiceServer,
    },
};

/// A SendStores server in this process that keeps its stores in memory. It listens on a free loopback port until it is
/// dropped.
///
/// Calls and watches answer as those of the real server do; the same tests of the contract run on both. Nothing happens to a
/// store by itself: the test says what the cluster would do.
///
/// ```
/// use sendstores_client::{CreateStore, State, testing::FakeServer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = FakeServer::start().await?;
/// let client = server.client();
/// client.create(CreateStore::new().id("store-a")).await?;
/// server.ready("store-a");
/// assert_eq!(client.wait_until_ready("store-a", |_| {}).await?.state(), State::Ready);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeServer {
    address: SocketAddr,
    memory: Arc<Memory>,
    serving: JoinHandle<()>,
}

// === impl FakeServer ===

impl FakeServer {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// That of the system, if there is no free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let memory = Arc::new(Memory::default());
        let service = Service::new(memory.clone());
        let server = Server::builder()
            .add_service(StoreServiceServer::new(service.clone()))
            .add_service(AccountServiceServer::new(service.clone()))
            .add_service(TokenServiceServer::new(service.clone()))
            .add_service(TenantServiceServer::new(service.clone()))
            .add_service(BackupServiceServer::new(service.clone()))
            .add_service(AuditServiceServer::new(service))
            .serve_with_incoming(TcpIncoming::from(listener));
        // It ends with the value. An error of accepting has no reader.
        let serving = tokio::spawn(async move { drop(server.await) });
        Ok(Self { address, memory, serving })
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that repeats nothing, so that a test sees each answer.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn client(&self) -> Client {
        let builder = Client::builder().retry(RetryPolicy::none());
        builder.channel(tonic::transport::Endpoint::from(self.uri()).connect_lazy())
    }

    fn uri(&self) -> tonic::transport::Uri {
        let address = self.address.to_string();
        let uri = tonic::transport::Uri::builder().scheme("http").authority(address).path_and_query("/");
        uri.build().unwrap_or_default()
    }

    /// From now on calls need this token, one that TokenService has made here, or none. What a token may do is not checked. Watches that were opened with another end with TOKEN_EXPIRED.
    pub fn set_token(&self, token: Option<&str>) {
        self.memory.set_token(token.map(|token| format!("Bearer {token}")));
    }

    /// Changes a store as a cluster would, and reports it to all who watch. Its revision, etag and times are set. Returns
    /// the store after that; `None` if there is no such store.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Store)) -> Option<Store> {
        self.memory.update(id, change)
    }

    /// The store is at this step, and all steps that were named before are done.
    pub fn at_step(&self, id: &str, name: &str, detail: &str) -> Option<Store> {
        self.update(id, |store| {
            for step in &mut store.steps {
                step.set_state(step::State::Succeeded);
                step.end_time = store.update_time;
            }
            store.steps.retain(|step| step.name != name);
            let mut step = Step { name: name.to_owned(), detail: detail.to_owned(), attempt: 1, ..Step::default() };
            step.start_time = store.update_time;
            step.set_state(step::State::Running);
            store.steps.push(step);
        })
    }

    /// The store is READY.
    pub fn ready(&self, id: &str) -> Option<Store> {
        self.update(id, |store| {
            for step in &mut store.steps {
                step.set_state(step::State::Succeeded);
            }
            store.failure = None;
            store.ready_time = store.update_time;
            store.set_state(crate::State::Ready);
            change::end(store, operation::State::Succeeded);
        })
    }

    /// The store is FAILED, with this reason and message.
    pub fn fail(&self, id: &str, reason: Reason, message: &str) -> Option<Store> {
        self.update(id, |store| {
            let mut failure = Failure { message: message.to_owned(), attempt: 1, ..Failure::default() };
            failure.set_reason(reason);
            store.failure = Some(failure);
            store.set_state(crate::State::Failed);
            change::end(store, operation::State::Failed);
        })
    }

    /// The suspension of a store is complete: it is SUSPENDED.
    pub fn suspended(&self, id: &str) -> Option<Store> {
        self.update(id, |store| {
            for step in &mut store.steps {
                step.set_state(step::State::Succeeded);
            }
            store.set_state(crate::State::Suspended);
            change::end(store, operation::State::Succeeded);
        })
    }

    /// Deleted stores that were READY once are kept for this time, as by the server's `--deletion-window`. Default: not at all. No
    /// store is removed by itself when its time has come.
    pub fn set_deletion_window(&self, window: Duration) {
        self.memory.set_deletion_window(window);
    }

    /// The deleted store is kept, and nothing of it runs: it is RETAINED.
    pub fn retained(&self, id: &str) -> Option<Store> {
        self.update(id, |store| {
            for step in &mut store.steps {
                step.set_state(step::State::Succeeded);
            }
            store.set_state(crate::State::Retained);
            change::end(store, operation::State::Succeeded);
        })
    }

    /// The removal of a store is complete: it is DELETED.
    pub fn removed(&self, id: &str) -> Option<Store> {
        self.update(id, |store| {
            store.delete_time = store.update_time;
            store.set_state(crate::State::Deleted);
        })
    }

    /// The backup has succeeded: it has a snapshot.
    pub fn backed_up(&self, id: &str) -> Option<Backup> {
        backups::change(&mut self.memory.registry.open(), id, |backup| {
            let now = Some(std::time::SystemTime::now().into());
            backup.set_state(backup::State::Succeeded);
            backup.snapshot = "5f".repeat(32);
            (backup.start_time, backup.end_time, backup.consistent_time) = (backup.start_time.or(now), now, now);
        })
    }

    /// The backup has failed, with this reason and message.
    pub fn fail_backup(&self, id: &str, reason: Reason, message: &str) -> Option<Backup> {
        backups::change(&mut self.memory.registry.open(), id, |backup| {
            let now = Some(std::time::SystemTime::now().into());
            let mut failure = Failure { message: message.to_owned(), ..Failure::default() };
            failure.set_reason(reason);
            backup.failure = Some(failure);
            backup.set_state(backup::State::Failed);
            (backup.start_time, backup.end_time) = (backup.start_time.or(now), now);
        })
    }

    /// The removal of a backup is complete: it is gone. `false` if there was none.
    pub fn backup_removed(&self, id: &str) -> bool {
        self.memory.registry.open().backups.remove(id).is_some()
    }

    /// Forgets the changes so far: a token from before leads nowhere, and a watch that has not read them ends with
    /// HISTORY_COMPACTED.
    pub fn compact(&self) {
        self.memory.compact();
    }

    /// Ends every open watch as a server does that stops: a last heartbeat, then UNAVAILABLE with DRAINING.
    pub fn drain_watches(&self) {
        self.memory.drain();
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.serving.abort();
        self.memory.drain();
    }
}
