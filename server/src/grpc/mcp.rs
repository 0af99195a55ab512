//! `/mcp`: the tools for assistants on this port.
//!
//! A tool is a call on a connection of its own inside this process, to this port, with the token and the certificate of its
//! caller. So it goes through the same gate, limits and audit as a call from outside.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use sendstores_core::ledger::Ledger;
use sendstores_mcp::Tools;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};

use super::{
    connection::{self, Caller},
    port::Port,
};
use crate::supervise::Spawner;

/// Bytes in transit between a tool and the port.
const IN_TRANSIT: usize = 64 * 1024;

/// What a connection inside of this process needs.
pub(super) struct Inside<L: Ledger> {
    pub(super) port: Arc<Port<L>>,
    pub(super) spawner: Spawner,
    pub(super) stop: CancellationToken,
}

/// Answers one request of an assistant.
pub(super) async fn answer<L: Ledger>(
    tools: Tools,
    inside: Inside<L>,
    caller: Caller,
    request: Request<Incoming>,
) -> Response<Body> {
    if let Err(refusal) = inside.port.check(&request) {
        return refused(StatusCode::FORBIDDEN, Status::from(refusal).message());
    }
    if let Some(metadata) = tools.metadata(&request) {
        return metadata.map(Body::new);
    }
    let Some(_place) = tools.place() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "this server answers too many requests for tools; try again");
    };
    let Inside { port, spawner, stop } = inside;
    let (near, far) = tokio::io::duplex(IN_TRANSIT);
    spawner.spawn(connection::serve_inside(far, caller, port, spawner.clone(), stop));
    tools.answer(near, request).await.map(Body::new)
}

/// Without gRPC, whose statuses such a client does not read.
fn refused(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(Body::new(format!("{why}\n")));
    *response.status_mut() = status;
    response
}
