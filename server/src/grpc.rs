//! The wire edge: parses requests, submits events, answers, and nothing else.

mod account;
mod cached;
mod coalesce;
mod codec;
mod connection;
mod convert;
mod create;
mod credentials;
mod deadline;
mod delete;
mod gate;
mod health;
mod hosts;
mod ids;
mod list;
mod meters;
mod needs;
mod observe;
mod parse;
mod peers;
mod port;
mod server;
mod service;
mod shop;
mod status;
mod streams;
mod token;
mod tokens;
mod violations;
mod watch;

pub use connection::{HEADER_LIST, KEEPALIVE, PENDING_RESETS, STREAMS_PER_CONNECTION};
pub use hosts::AllowedHosts;
pub use needs::{Needs, needs};
pub use server::{Limits, Server, ServerError};
pub use service::{Backend, StoreApi, StoreUrl};
pub use streams::StreamLimits;
