//! What an operator has decided about all calls.

use std::time::Duration;

use sendstores_core::{admission::Quota, ledger::Ledger};

use super::StoreApi;

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    /// The same, for tenants that may have no more than this. A second quota is not taken.
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        if self.0.quota.set(quota).is_err() {
            tracing::error!("the service had a quota already");
        }
        self
    }

    /// The same, with deleted stores kept for this time. A second time is not taken.
    #[must_use]
    pub fn with_deletion_window(self, window: Duration) -> Self {
        if self.0.deletion_window.set(window).is_err() {
            tracing::error!("the service had a deletion window already");
        }
        self
    }

    /// The same, with or without a repository for backups. A second answer is not taken.
    #[must_use]
    pub fn with_repository(self, repository: bool) -> Self {
        if self.0.repository.set(repository).is_err() {
            tracing::error!("whether the service has a repository was said already");
        }
        self
    }

    /// Whether there is a repository for backups.
    pub(in crate::grpc) fn has_repository(&self) -> bool {
        self.0.repository.get().copied().unwrap_or_default()
    }

    /// Zero: a deleted store is removed at once.
    pub(in crate::grpc) fn deletion_window(&self) -> Duration {
        self.0.deletion_window.get().copied().unwrap_or_default()
    }

    pub(in crate::grpc) fn quota(&self) -> Quota {
        self.0.quota.get().copied().unwrap_or_default()
    }
}
