//! A bare health service of tonic: the least that a gRPC server of this stack costs. Each line on standard input turns its
//! health over, and the end of the input ends it.

use std::{io::stdin, net::SocketAddr};

use clap::Parser;
use sendstores_server::grpc::{HEADER_LIST, KEEPALIVE, PENDING_RESETS, STREAMS_PER_CONNECTION};
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};

#[derive(Parser)]
struct Args {
    #[arg(long)]
    listen: SocketAddr,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (reporter, health) = tonic_health::server::health_reporter();
    runtime.spawn(
        Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .http2_max_header_list_size(HEADER_LIST)
            .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
            .add_service(health)
            .serve(args.listen),
    );
    for (turn, line) in stdin().lines().enumerate() {
        line?;
        runtime.block_on(turn_over(&reporter, turn));
    }
    Ok(())
}

async fn turn_over(reporter: &HealthReporter, turn: usize) {
    let status = if turn.is_multiple_of(2) { ServingStatus::NotServing } else { ServingStatus::Serving };
    reporter.set_service_status("", status).await;
}
