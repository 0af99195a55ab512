//! The verbs for tenants.

use clap::{Args, Subcommand};
use sendstores_client::v1::{TenantLimits, TenantServiceCreateRequest, TenantServiceUpdateRequest};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Declare a tenant, with its limits.
    Create(CreateTenantArgs),
    /// Show one tenant.
    Get {
        /// Id of the tenant.
        id: String,
    },
    /// List the declared tenants.
    List,
    /// Change the name or the limits of a tenant.
    Update(UpdateTenantArgs),
    /// Remove the declaration of a tenant that has no stores. Its tokens stay valid.
    Delete {
        /// Id of the tenant.
        id: String,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores tenant create acme --name 'Acme & Sons' --max-stores 20 --max-creates-per-minute 5")]
pub(crate) struct CreateTenantArgs {
    /// Id of the tenant, as stores and tokens name it.
    id: String,
    /// What people call it. Default: the id.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
A new set of limits replaces the old one: a limit that is not named is that of the server.

Examples:
  sendstores tenant update acme --max-stores 50
  sendstores tenant update acme --no-limits")]
pub(crate) struct UpdateTenantArgs {
    /// Id of the tenant.
    id: String,
    /// What people call it. Default: unchanged.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Take all of its own limits back: those of the server hold.
    #[arg(long, conflicts_with_all = [
        "max_stores",
        "max_creates_per_minute",
        "max_calls_per_second",
        "max_watches",
        "max_provisioning_at_once",
    ])]
    no_limits: bool,
    /// Id of this request. A retry with the same id has no second effect.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

#[derive(Args, Clone, Copy, Debug)]
struct LimitArgs {
    /// The most stores it may have that are not DELETED. Default: the server's.
    #[arg(long, value_name = "N")]
    max_stores: Option<i32>,
    /// The most stores it may create in a minute. Default: the server's.
    #[arg(long, value_name = "N")]
    max_creates_per_minute: Option<i32>,
    /// The most calls in a second of each of its callers, on each replica. Default: the server's.
    #[arg(long, value_name = "N")]
    max_calls_per_second: Option<i32>,
    /// The most open watches of its callers together, on each replica. Default: the server's.
    #[arg(long, value_name = "N")]
    max_watches: Option<i32>,
    /// The most of its stores that each replica makes at the same time; others wait. Default: the server's.
    #[arg(long, value_name = "N")]
    max_provisioning_at_once: Option<i32>,
}

// === impl LimitArgs ===

impl LimitArgs {
    /// `None`: no limit is named.
    fn named(self) -> Option<TenantLimits> {
        let Self {
            max_stores: stores,
            max_creates_per_minute: creates_per_minute,
            max_calls_per_second: calls_per_second,
            max_watches: watches,
            max_provisioning_at_once: provisioning_at_once,
        } = self;
        let limits = TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once };
        (limits != TenantLimits::default()).then_some(limits)
    }
}

// === impl CreateTenantArgs ===

impl CreateTenantArgs {
    pub(crate) fn into_request(self) -> TenantServiceCreateRequest {
        let Self { id, name, limits, request_id } = self;
        TenantServiceCreateRequest {
            request_id: request_id.unwrap_or_default(),
            id,
            display_name: name.unwrap_or_default(),
            limits: limits.named(),
        }
    }
}

// === impl UpdateTenantArgs ===

impl UpdateTenantArgs {
    pub(crate) fn into_request(self) -> TenantServiceUpdateRequest {
        let Self { id, name, limits, no_limits, request_id } = self;
        TenantServiceUpdateRequest {
            request_id: request_id.unwrap_or_default(),
            id,
            display_name: name.unwrap_or_default(),
            limits: if no_limits { Some(TenantLimits::default()) } else { limits.named() },
        }
    }
}
