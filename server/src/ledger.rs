//! Where intent and state are kept: the ledger port on Redis, and its honest twin in memory.

mod memory;
mod record;
mod redis;

pub use memory::{MemoryCopy, MemoryLedger};
pub use redis::{Durability, Identity, RedisConfig, RedisLedger, WRITE_SCRIPT};
