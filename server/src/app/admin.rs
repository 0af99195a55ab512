//! The admin port: is the process alive, can it serve, what does it count.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    mirror::{Mirror, Status},
    supervise::TaskError,
};

#[derive(Clone)]
struct Admin {
    mirror: Mirror,
    metrics: PrometheusHandle,
    stopping: CancellationToken,
}

/// Serves until `stop`; `stopping` says that the front is draining already.
pub(super) async fn serve(
    listener: TcpListener,
    mirror: Mirror,
    metrics: PrometheusHandle,
    stopping: CancellationToken,
    stop: CancellationToken,
) -> Result<(), TaskError> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Admin { mirror, metrics, stopping });
    // A scraper that keeps its connection must not hold the stop: the server is dropped, not drained.
    tokio::select! {
        result = axum::serve(listener, router) => Ok(result?),
        () = stop.cancelled() => Ok(()),
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    if admin.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let status = admin.mirror.status().borrow().clone();
    match status {
        Status::Live => (StatusCode::OK, "ok\n".to_owned()),
        Status::Loading => (StatusCode::SERVICE_UNAVAILABLE, "reading the stores from Redis\n".to_owned()),
        Status::Stale(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn render(State(admin): State<Admin>) -> String {
    admin.metrics.run_upkeep();
    admin.metrics.render()
}
