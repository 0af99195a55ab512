//! The wire edge: parses requests, submits events, answers, and nothing else.

mod connection;
mod convert;
mod create;
mod credentials;
mod deadline;
mod delete;
mod encoded;
mod health;
mod hosts;
mod ids;
mod list;
mod meters;
mod observe;
mod parse;
mod peers;
mod port;
mod server;
mod service;
mod shown;
mod status;
mod streams;
mod token;
mod turn;
mod watch;

pub use connection::{HEADER_LIST, KEEPALIVE, PENDING_RESETS, STREAMS_PER_CONNECTION};
pub use hosts::AllowedHosts;
pub use server::{Limits, Server, ServerError};
pub use service::{Backend, StoreApi, StoreUrl};
pub use streams::StreamLimits;
