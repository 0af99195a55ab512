//! The selection of entries of the audit.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use sendstores_client::v1::{AuditFilter, audit_entry};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores audit                                 the newest entries
  sendstores audit --since 1d --decision denied    what was refused since yesterday
  sendstores audit --resource store-ab12cd34       what was done to a store")]
pub(crate) struct AuditArgs {
    /// Only of this caller, such as token:ci#4fKq0ZpL2x, or the id of its token.
    #[arg(long)]
    principal: Option<String>,
    /// Only of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only about this store, token or tenant.
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Only calls of this method, such as Create.
    #[arg(long)]
    method: Option<String>,
    /// Only with this decision.
    #[arg(long)]
    decision: Option<Decision>,
    /// Only since this time ago, such as 1h or 7d.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// Show at most this many entries.
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decision {
    Allowed,
    Denied,
    Limited,
}

// === impl AuditArgs ===

impl AuditArgs {
    pub(crate) fn into_filter(self, now: SystemTime) -> AuditFilter {
        let Self { principal, tenant, resource, method, decision, since, limit: _ } = self;
        let decision = match decision {
            None => audit_entry::Decision::Unspecified,
            Some(Decision::Allowed) => audit_entry::Decision::Allowed,
            Some(Decision::Denied) => audit_entry::Decision::Denied,
            Some(Decision::Limited) => audit_entry::Decision::Limited,
        };
        AuditFilter {
            start_time: since.and_then(|since| now.checked_sub(since)).map(Into::into),
            end_time: None,
            principal: principal.unwrap_or_default(),
            tenant: tenant.unwrap_or_default(),
            resource: resource.unwrap_or_default(),
            method: method.unwrap_or_default(),
            decision: decision.into(),
        }
    }
}
