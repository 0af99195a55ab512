//! Several connections that take turns.

use std::sync::atomic::{AtomicUsize, Ordering};

use fred::types::config::Server;
use futures::future::try_join_all;
use sendstores_core::ledger::LedgerError;
use tokio::sync::broadcast::Receiver;

use super::{config::RedisConfig, connection::Connection};

/// Connections to one Redis; any of them will do for a call.
pub(super) struct Pool {
    connections: Vec<Connection>,
    turns: AtomicUsize,
}

// === impl Pool ===

impl Pool {
    pub(super) async fn open(config: &RedisConfig, size: usize) -> Result<Self, LedgerError> {
        let connections = try_join_all((0..size).map(|_| Connection::open(config))).await?;
        Ok(Self { connections, turns: AtomicUsize::new(0) })
    }

    /// Whose turn it is. One that is lost is passed over while another stands.
    pub(super) fn next(&self) -> &Connection {
        let size = self.connections.len();
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) % size;
        let mut from_here = (turn..turn + size).map(|turn| &self.connections[turn % size]);
        from_here.find(|connection| connection.stands()).unwrap_or(&self.connections[turn])
    }

    /// Tells when one of the connections, which are lost together, was made anew.
    pub(super) fn reconnections(&self) -> Receiver<Server> {
        self.connections[0].reconnections()
    }

    /// Whether there is a connection now.
    pub(super) fn stands(&self) -> bool {
        self.connections.iter().any(Connection::stands)
    }
    /// Whether no connection stands, and a call has waited for one in vain.
    pub(super) fn is_given_up(&self) -> bool {
        // Each is asked, because each has itself made anew when it is.
        !self.stands() && self.connections.iter().filter(|connection| connection.is_given_up()).count() > 0
    }
}
