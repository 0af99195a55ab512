//! The admin port: is the process alive, can it serve, what does it count.

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    mirror::{Mirror, Status},
    supervise::TaskError,
};

/// How often durations are counted up: until then each is kept, also where nobody ever asks for the metrics.
const UPKEEP: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Admin {
    mirror: Mirror,
    metrics: PrometheusHandle,
    phases: Phases,
}

/// Where the process is: each is cancelled when it begins.
#[derive(Clone)]
pub(super) struct Phases {
    /// Calls are answered.
    pub(super) serving: CancellationToken,
    /// The front drains.
    pub(super) stopping: CancellationToken,
}

/// Serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    mirror: Mirror,
    metrics: PrometheusHandle,
    phases: Phases,
    stop: CancellationToken,
) -> Result<(), TaskError> {
    let kept = metrics.clone();
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Admin { mirror, metrics, phases });
    let upkeep = async {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            kept.run_upkeep();
        }
    };
    // A scraper that keeps its connection must not hold the stop: the server is dropped, not drained.
    tokio::select! {
        result = axum::serve(listener, router) => Ok(result?),
        () = upkeep => Ok(()),
        () = stop.cancelled() => Ok(()),
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    if admin.phases.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let status = admin.mirror.status().borrow().clone();
    match status {
        Status::Live if !admin.phases.serving.is_cancelled() => {
            (StatusCode::SERVICE_UNAVAILABLE, "comparing Redis with the cluster\n".to_owned())
        }
        // It answers reads as well as any other replica would.
        Status::Live => match &*admin.mirror.doubt().borrow() {
            Some(doubt) => (StatusCode::OK, format!("read-only: {}\n", doubt.why)),
            None => match &*admin.mirror.elsewhere().borrow() {
                Some(why) => (StatusCode::OK, format!("read-only: {why}\n")),
                None => (StatusCode::OK, "ok\n".to_owned()),
            },
        },
        Status::Loading => (StatusCode::SERVICE_UNAVAILABLE, "reading the stores from Redis\n".to_owned()),
        Status::Stale(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn render(State(admin): State<Admin>) -> String {
    admin.metrics.run_upkeep();
    admin.metrics.render()
}
