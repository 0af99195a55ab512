//! What a tenant may have. The ledger checks it in the same step as the write, so that it holds exactly over all replicas.

use std::{fmt, time::Duration};

use crate::audit::AuditEntry;

/// What one tenant may have. `None`: as much as it wants, or what the server says of all tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Stores that are not DELETED.
    pub stores: Option<u32>,
    /// New stores in any minute: so many at once, then one more in each part of a minute.
    pub creates_per_minute: Option<u32>,
    /// Calls of each of its callers in a second, on each replica: so many at once, then one more in each part of a second.
    pub calls_per_second: Option<u32>,
    /// Open watches of all its callers together, on each replica.
    pub watches: Option<u32>,
    /// Stores that each replica makes at the same time; further ones wait, in PROVISIONING.
    pub provisioning_at_once: Option<u32>,
}

/// The rules for new stores of all tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// The limits of tenants for which nothing else is declared.
    pub defaults: TenantLimits,
    /// Whether a tenant must be declared before it has a store.
    pub closed: bool,
}

/// Under which terms something is written. The default: whatever it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// For the write of a new store, and for that of a tenant's end: only a tenant without stores ends.
    pub quota: Option<Quota>,
    /// Entered into the audit with what is written, and with nothing else.
    pub audit: Option<AuditEntry>,
}

/// Why something is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The tenant is not declared.
    Undeclared,
    /// The tenant has as many stores as it may have.
    Stores { most: u32 },
    /// The tenant has created as many stores as it may in a minute. One more is admitted after this time.
    Rate { most: u32, retry_after: Duration },
    /// The tenant cannot end while it has stores.
    NotEmpty { stores: u64 },
}

/// The span for which [`TenantLimits::creates_per_minute`] counts.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

// === impl TenantLimits ===

impl TenantLimits {
    /// The highest number of stores, and of creates in a minute. With more of these, the parts of a minute would be too
    /// short to be counted exactly in microseconds.
    pub const MOST_STORES: u32 = 1_000_000;
    pub const MOST_CREATES: u32 = 6_000;
    pub const MOST_CALLS: u32 = 1_000_000;
    pub const MOST_WATCHES: u32 = 1_000_000;
    pub const MOST_AT_ONCE: u32 = 1_000;

    /// These limits, and where there is none, that of `defaults`.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            stores: self.stores.or(defaults.stores),
            creates_per_minute: self.creates_per_minute.or(defaults.creates_per_minute),
            calls_per_second: self.calls_per_second.or(defaults.calls_per_second),
            watches: self.watches.or(defaults.watches),
            provisioning_at_once: self.provisioning_at_once.or(defaults.provisioning_at_once),
        }
    }
}

// === impl Quota ===

impl Quota {
    pub fn terms(self) -> Terms {
        Terms { quota: Some(self), audit: None }
    }
}

// === impl Denial ===

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undeclared => f.write_str("the tenant is not declared"),
            Self::Stores { most } => write!(f, "the tenant has {most} stores, and may not have more"),
            Self::Rate { most, .. } => write!(f, "the tenant may create {most} stores in a minute"),
            Self::NotEmpty { stores } => write!(f, "the tenant has {stores} stores"),
        }
    }
}
