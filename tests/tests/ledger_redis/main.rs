//! The ledger on a Redis to which things happen.

#![allow(clippy::panic)] // the way a test fails

mod access;
mod answers;
mod audits;
mod batches;
mod counts;
mod deliveries;
mod keys;
mod outages;
mod room;
mod safety;
mod table;

use std::time::Duration;

use sendstores_server::ledger::{RedisConfig, RedisLedger};

/// Short, so that what is not answered is given up soon.
const TIMEOUT: Duration = Duration::from_millis(500);

async fn connect(url: String) -> RedisLedger {
    RedisLedger::connect(RedisConfig::new(url)).await.expect("a ledger")
}

/// For where answers are lost.
fn impatient(url: String) -> RedisConfig {
    RedisConfig { command_timeout: TIMEOUT, ..RedisConfig::new(url) }
}

async fn connect_impatient(url: String) -> RedisLedger {
    RedisLedger::connect(impatient(url)).await.expect("a ledger")
}
