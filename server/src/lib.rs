//! The SendStores control plane. Who may import whom is in docs/development.md, and a test holds us to it.

pub mod app;
pub mod args;
pub mod auth;
pub mod dashboard;
pub mod default_backend;
pub mod files;
pub mod grpc;
#[cfg(test)]
mod hostile;
pub mod ledger;
pub mod mirror;
pub mod permits;
pub mod provision;
pub mod reconcile;
mod shop;
pub mod supervise;
pub mod telemetry;
pub mod tls;
pub mod turns;
