//! Writes that replicas have before they are acknowledged.
//!
//! WAIT covers only writes that were sent on the same connection. After a failover, WAIT on a new connection succeeds at once
//! and proves nothing, so it is sent in one piece with the script. It also delays the commands that follow it on its
//! connection, so there are several connections, and reads use none of them. A script that finds its effect already there
//! is waited for, too: Redis waits for the position of its history at the last command of the connection, whether that
//! command wrote or not.

use std::time::Duration;

use fred::types::{Value, scripts::Script};
use sendstores_core::ledger::LedgerError;

use super::{
    config::RedisConfig,
    connection::Repeat,
    pool::Pool,
    reply::unexpected,
    scripts::{self, Wait},
};

/// How many writes are waited for at once; the rest waits after them.
const CONNECTIONS: usize = 8;

/// The connections for writes that replicas must have.
pub(super) struct Replicas {
    wait: Wait,
    connections: Pool,
}

// === impl Replicas ===

impl Replicas {
    /// None where an acknowledgement needs no replica.
    pub(super) async fn open(config: &RedisConfig) -> Result<Option<Self>, LedgerError> {
        if config.replicas == 0 {
            return Ok(None);
        }
        let connections = Pool::open(config, CONNECTIONS).await?;
        // A connection that says nothing for half of the timeout is taken for dead.
        let patience = config.command_timeout / 4;
        let wait = Wait { replicas: config.replicas.into(), patience };
        Ok(Some(Self { wait, connections }))
    }

    /// Runs a script that may be repeated, and waits until enough replicas have what it did.
    pub(super) async fn run(&self, script: &Script, keys: &[String], args: &[Value]) -> Result<Value, LedgerError> {
        let call = self
            .connections
            .next()
            .call(Repeat::Safe, Duration::ZERO, |client| scripts::run_and_wait(client, script, keys, args, self.wait));
        let (answer, have) = call.await?;
        let have = have.as_u64().ok_or_else(|| unexpected("no number of replicas"))?;
        if have < self.wait.replicas {
            let why =
                format!("{have} replicas have the change and {} must; it may be there or not", self.wait.replicas);
            return Err(LedgerError::Unavailable(why));
        }
        Ok(answer)
    }
}
