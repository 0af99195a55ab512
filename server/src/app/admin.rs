//! The admin port: is the process alive, can it serve, what does it count.

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::gauges;
use crate::{
    mirror::{Mirror, Status},
    supervise::TaskError,
};

/// How often durations are counted up: until then each is kept, also where the metrics are never scraped.
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
        .route("/readyz/redis", get(readyz_redis))
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

/// Whether calls should be sent here. A replica that holds all stores stays ready while Redis is away: it answers stale
/// reads, keeps watches open and refuses all else with a reason. If every replica left the Service at once, clients would
/// find nothing at its address.
async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    match admin.not_serving() {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        None => (StatusCode::OK, admin.condition()),
    }
}

/// Whether writes and linearizable reads are answered, too.
async fn readyz_redis(State(admin): State<Admin>) -> (StatusCode, String) {
    match (admin.not_serving(), admin.mirror.status().borrow().clone()) {
        (Some(why), _) => (StatusCode::SERVICE_UNAVAILABLE, why),
        (None, Status::Live) => (StatusCode::OK, admin.condition()),
        (None, _) => (StatusCode::SERVICE_UNAVAILABLE, admin.condition()),
    }
}

// === impl Admin ===

impl Admin {
    /// Why nothing can be answered, if so.
    fn not_serving(&self) -> Option<String> {
        if self.phases.stopping.is_cancelled() {
            return Some("draining\n".to_owned());
        }
        if *self.mirror.status().borrow() == Status::Loading {
            return Some("reading the stores from Redis\n".to_owned());
        }
        (!self.phases.serving.is_cancelled()).then(|| "comparing Redis with the cluster\n".to_owned())
    }

    /// What is not answered, or "ok".
    fn condition(&self) -> String {
        if let Status::Stale(why) = &*self.mirror.status().borrow() {
            return format!("stale reads only: {why}\n");
        }
        let (doubt, elsewhere) = (self.mirror.doubt(), self.mirror.elsewhere());
        let doubted = doubt.borrow().as_ref().map(|doubt| doubt.why.clone());
        match doubted.or_else(|| elsewhere.borrow().clone()) {
            Some(why) => format!("read-only: {why}\n"),
            None => "ok\n".to_owned(),
        }
    }
}

async fn render(State(admin): State<Admin>) -> String {
    gauges::read(&admin.mirror);
    admin.metrics.run_upkeep();
    admin.metrics.render()
}
