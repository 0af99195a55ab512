//! Whether the service is well, as `grpc.health.v1` and `/readyz` tell it.

use sendstores_core::ledger::Ledger;
use sendstores_proto::v1::store_service_server::StoreServiceServer;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::StoreApi;
use crate::mirror::{Mirror, Status};

/// Says how it is: the empty name stands for the whole server.
pub(super) async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", status).await;
    reporter.set_service_status(service_name(), status).await;
}

fn service_name() -> &'static str {
    use tonic::server::NamedService;
    <StoreServiceServer<()> as NamedService>::NAME
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    /// Keeps health true: SERVING while the mirror follows the log, NOT_SERVING while it does not and once the server
    /// drains.
    pub async fn keep_health(reporter: HealthReporter, mirror: Mirror, stop: CancellationToken) {
        let mut status = mirror.status();
        loop {
            let serving = *status.borrow_and_update() == Status::Live;
            report(&reporter, serving).await;
            tracing::info!(serving, "health");
            tokio::select! {
                changed = status.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
            }
        }
        report(&reporter, false).await;
    }
}
