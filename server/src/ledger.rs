//! Where intent and state are kept: the ledger on Redis, and in memory with the same guarantees. The port that both implement,
//! and what it promises, is `server/core/src/ledger.rs`.

mod memory;
mod record;
mod redis;

pub use memory::{MemoryCopy, MemoryLedger};
pub use redis::{Durability, Identity, RedisConfig, RedisLedger, WRITE_SCRIPT};
