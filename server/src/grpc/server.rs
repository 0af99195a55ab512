//! The gRPC port: the service, health, reflection and gRPC-Web on one listener.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use sendstores_core::ledger::Ledger;
use sendstores_mcp::Tools;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use super::{
    StoreApi,
    codec::MessageSizes,
    connection::{self, Accepted},
    cors::WebOrigin,
    gate::Gate,
    health::Health,
    hosts::AllowedHosts,
    peers::{Peer, Peers},
    port::Port,
    status::Refusal,
    streams::StreamLimits,
};
use crate::{
    auth::{Authenticator, ReflectionAccess},
    dashboard::Dashboard,
    supervise::Group,
    tls::Tls,
};

/// The largest request there is: a Create with every field at its limit has less than 8 KiB.
const MAX_REQUEST: usize = 64 * 1024;
/// The largest response: a page of 500 stores of at most 16 KiB each.
const MAX_RESPONSE: usize = 8 * 1024 * 1024;
/// Connections at once.
const MAX_CONNECTIONS: usize = 20_000;
/// How many connections of peers that have too many are answered at once, so that their clients learn why, and for how
/// long. Further ones are closed without a word.
const REFUSED_CONNECTIONS: usize = 64;
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// How long to wait when the process has no file descriptor left for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one server answers at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unary calls.
    pub calls: usize,
    /// WatchStatus streams.
    pub streams: StreamLimits,
    /// How long one unary call may take.
    pub deadline: Duration,
}

/// Why the gRPC port could not be made.
#[derive(Debug, thiserror::Error)]
#[error("reflection cannot be built from the descriptor set")]
pub struct ServerError(#[from] tonic_reflection::server::Error);

/// The gRPC port, ready to serve.
pub struct Server<L: Ledger> {
    port: Port<L>,
    connections: Peers,
    /// Whether tokens are taken that others can read on the way.
    plaintext: bool,
}

// === impl Limits ===

impl Limits {
    /// Calls at once; more wait for nothing but memory.
    pub const CALLS: usize = 1024;
    /// A unary call needs milliseconds; this is for a Redis that hangs.
    pub const DEADLINE: Duration = Duration::from_secs(10);
}

// === impl Server ===

impl<L: Ledger> Server<L> {
    /// The port for `api` and the callers that `auth` knows, and the reporter that says whether it is well. Health begins
    /// with NOT_SERVING.
    pub async fn new(api: StoreApi<L>, auth: Authenticator) -> Result<(Self, HealthReporter), ServerError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        super::health::report(&reporter, Health::NotServing).await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(sendstores_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        let routes =
            Routes::new(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
        let rest = routes.into_axum_router().layer(tonic_web::GrpcWebLayer::new());
        let sizes = MessageSizes { request: MAX_REQUEST, response: MAX_RESPONSE };
        Ok((
            Self {
                port: Port::new(api, sizes, rest, Gate::new(auth)),
                connections: Peers::new(None),
                plaintext: false,
            },
            reporter,
        ))
    }

    /// The same, with at most so many connections of one peer, and for browsers that come by one of these names.
    #[must_use]
    pub fn allow(self, connections_per_peer: Option<NonZeroUsize>, hosts: AllowedHosts) -> Self {
        Self { port: self.port.for_hosts(hosts), connections: Peers::new(connections_per_peer), ..self }
    }

    /// The same, with reflection for these callers.
    #[must_use]
    pub fn reflection(self, reflection: ReflectionAccess) -> Self {
        Self { port: self.port.with_reflection(reflection), ..self }
    }

    /// The same, also for web pages of these origins.
    #[must_use]
    pub fn origins(self, origins: Vec<WebOrigin>) -> Self {
        Self { port: self.port.for_origins(origins), ..self }
    }

    /// The same, also with the dashboard, or without it.
    #[must_use]
    pub fn dashboard(self, dashboard: Option<Dashboard>) -> Self {
        Self { port: self.port.with_dashboard(dashboard), ..self }
    }

    /// The same, taking tokens also over connections without TLS of peers that are not this machine. The default is to refuse
    /// them.
    #[must_use]
    pub fn plaintext(self, allowed: bool) -> Self {
        Self { plaintext: allowed, ..self }
    }

    /// The same, with tools for assistants at `/mcp`.
    #[must_use]
    pub fn tools(self, tools: Option<Tools>) -> Self {
        Self { port: self.port.with_tools(tools), ..self }
    }

    /// The same, over TLS if there is one. It has to be kept up to date by [`Tls::keep`].
    #[must_use]
    pub fn tls(self, tls: Option<Tls>) -> Self {
        Self { port: self.port.with_tls(tls), ..self }
    }

    /// Serves until `stop`, then lets open calls end. Dropped, it cuts every connection.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let group = Group::default();
        let (port, refusals) = (Arc::new(self.port), Arc::new(Semaphore::new(REFUSED_CONNECTIONS)));
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot,
                () = stop.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection ended before it began");
                continue;
            }
            let exposed = Some(peer.ip().to_canonical()).filter(|ip| !self.plaintext && !ip.is_loopback());
            let (peer, spawner) = (Peer::from(peer), group.spawner());
            let place = self.connections.admit(peer);
            let refusal = place.is_none().then(|| Refusal::TooManyConnections { most: self.connections.most() });
            let refused = refusal.as_ref().map(|_| refusals.clone().try_acquire_owned());
            if let Some(Err(_)) = refused {
                continue;
            }
            let accepted = Accepted { stream, peer, exposed, refusal };
            let served = connection::serve(accepted, port.clone(), group.spawner(), stop.clone());
            spawner.spawn(async move {
                if refused.is_some() {
                    let _cut = tokio::time::timeout(REFUSED_FOR, served).await;
                } else {
                    served.await;
                }
                drop((slot, place, refused));
            });
        }
        drop(listener);
        // Every connection holds a slot until it has ended.
        let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
        let _ended = slots.acquire_many(all).await;
    }
}
