//! What is measured: our server, and who it is compared with.

mod etcd;
mod health;
mod ours;
mod redis;

pub(crate) use etcd::Etcd;
pub(crate) use health::Health;
pub(crate) use ours::{Ours, Setup};
pub(crate) use redis::Redis;
