//! tonic's own health service: in a server of its own, and in ours.

use std::net::SocketAddr;

use prost::Message;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};

use super::ours::program;
use crate::{
    grpc::{Call, Connection},
    program::{Program, free_address, until},
};

/// The bare one.
pub(crate) struct Health {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

// === impl Health ===

impl Health {
    pub(crate) async fn start() -> Self {
        let address = free_address();
        let mut program = Program::start(&program("bench-health"), ["--listen", &address.to_string()], &[]);
        serving(&mut program, address).await;
        Self { program, address }
    }

    pub(crate) fn check(&self) -> Call {
        check(self.address)
    }

    pub(crate) fn watch(&self) -> Call {
        Call::new(self.address, "/grpc.health.v1.Health/Watch", &HealthCheckRequest::default())
    }
}

fn check(address: SocketAddr) -> Call {
    Call::new(address, "/grpc.health.v1.Health/Check", &HealthCheckRequest::default())
}

/// Waits until a program says that it serves.
pub(super) async fn serving(program: &mut Program, address: SocketAddr) {
    let call = check(address);
    until("a program to serve", async || {
        program.assert_runs("a program that is to serve");
        let answer = Connection::open(address).await.ok()?.unary(&call).await.ok()?;
        let status = HealthCheckResponse::decode(answer).ok()?.status();
        (status == ServingStatus::Serving).then_some(())
    })
    .await;
}
