//! Whether the service is well, as `grpc.health.v1` reports it.

use sendstores_core::ledger::Ledger;
use sendstores_proto::v1::{
    account_service_server::AccountServiceServer, audit_service_server::AuditServiceServer,
    backup_service_server::BackupServiceServer, store_service_server::StoreServiceServer,
    tenant_service_server::TenantServiceServer, token_service_server::TokenServiceServer,
};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::StoreApi;
use crate::mirror::{Mirror, Status};

/// What the server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Nothing yet, or nothing any more.
    NotServing,
    /// Redis is away: stale reads and open watches.
    StaleOnly,
    Serving,
}

/// Reports it under two names. The empty one stands for the whole server and decides who is sent calls at all (a probe of
/// Kubernetes); that of the service is for clients who choose among replicas.
pub(super) async fn report(reporter: &HealthReporter, health: Health) {
    let status = |serving| if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", status(health != Health::NotServing)).await;
    for name in [service_name(), audit_name(), backups_name(), tenants_name(), tokens_name()] {
        reporter.set_service_status(name, status(health == Health::Serving)).await;
    }
    reporter.set_service_status(accounts_name(), status(health != Health::NotServing)).await;
}

fn accounts_name() -> &'static str {
    use tonic::server::NamedService;
    <AccountServiceServer<()> as NamedService>::NAME
}

fn audit_name() -> &'static str {
    use tonic::server::NamedService;
    <AuditServiceServer<()> as NamedService>::NAME
}

fn backups_name() -> &'static str {
    use tonic::server::NamedService;
    <BackupServiceServer<()> as NamedService>::NAME
}

fn tenants_name() -> &'static str {
    use tonic::server::NamedService;
    <TenantServiceServer<()> as NamedService>::NAME
}

fn tokens_name() -> &'static str {
    use tonic::server::NamedService;
    <TokenServiceServer<()> as NamedService>::NAME
}

fn service_name() -> &'static str {
    use tonic::server::NamedService;
    <StoreServiceServer<()> as NamedService>::NAME
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    /// Keeps health true. The service is SERVING while the mirror follows the log; the whole server also while Redis is
    /// away. Both are NOT_SERVING while everything is read, and once the server drains.
    pub async fn keep_health(reporter: HealthReporter, mirror: Mirror, stop: CancellationToken) {
        let mut status = mirror.status();
        loop {
            let health = match *status.borrow_and_update() {
                Status::Loading => Health::NotServing,
                Status::Stale(_) => Health::StaleOnly,
                Status::Live => Health::Serving,
            };
            report(&reporter, health).await;
            tracing::info!(?health, "health");
            tokio::select! {
                changed = status.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
            }
        }
        report(&reporter, Health::NotServing).await;
    }
}
