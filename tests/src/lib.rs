//! What the tests share: real servers started and stopped, and conditions awaited with a deadline.

pub mod api_proxy;
pub mod cluster;
pub mod counters;
pub mod cycles;
pub mod grpc_web;
pub mod helm_records;
pub mod helm_shim;
pub mod http;
pub mod identity;
pub mod interposed;
pub mod ledger;
pub mod life;
pub mod logs;
pub mod oracle;
pub mod outside;
pub mod plane;
pub mod provisioning;
pub mod redis;
pub mod samples;
pub mod scripted;
pub mod server;
pub mod shop;
pub mod silent_cluster;
pub mod steps;
pub mod swallow;
pub mod wait;
