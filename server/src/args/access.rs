//! Limits on callers, and the host names that browsers may use.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
};

use clap::{ArgAction, Args};

use sendstores_core::admission::Quota;
use sendstores_mcp::Settings;

use super::{
    check::{Problems, number},
    tenants::{self, TenantArgs},
};
use crate::grpc::WebOrigin;

/// The flags.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// Limit of open WatchStatus streams.
    #[arg(long, env = "SENDSTORES_MAX_STREAMS", default_value = "20000")]
    pub max_streams: String,
    /// Limit of open streams of one caller, from wherever it calls. 0: no limit.
    #[arg(long, env = "SENDSTORES_MAX_STREAMS_PER_PRINCIPAL", default_value = "10000")]
    pub max_streams_per_principal: String,
    /// Limit of open streams of one peer where callers are not asked who they are: an IPv4 address or an IPv6 /64 network. 0: no
    /// limit.
    #[arg(long, env = "SENDSTORES_MAX_STREAMS_PER_PEER", default_value = "10000")]
    pub max_streams_per_peer: String,
    /// Limit of open connections of one peer, out of 20,000. 0: no limit. A proxy is one peer.
    #[arg(long, env = "SENDSTORES_MAX_CONNECTIONS_PER_PEER", default_value = "10000")]
    pub max_connections_per_peer: String,
    /// Host name that a browser may use for a call (gRPC-Web, HTTP/1). May be repeated. "*": any. IP addresses and localhost
    /// are always allowed. Default: none if --listen is loopback, else any.
    #[arg(long = "allowed-host", env = "SENDSTORES_ALLOWED_HOSTS", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// Number of entries that the audit keeps, and a tenth as many refusals.
    #[arg(long, env = "SENDSTORES_AUDIT_HISTORY", default_value = "100000")]
    pub audit_history: String,
    #[command(flatten)]
    pub tenants: TenantArgs,
    /// Origin of web pages that may call (CORS), such as `https://dashboard.example.com`. May be repeated. Default: none.
    #[arg(long = "cors-origin", env = "SENDSTORES_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// Whether the port has the dashboard, too: web pages for browsers, at "/".
    #[arg(
        long,
        env = "SENDSTORES_DASHBOARD",
        default_value_t = true,
        action = ArgAction::Set,
        hide_possible_values = true,
        value_name = "true|false"
    )]
    pub dashboard: bool,
    /// Tools for assistants (Model Context Protocol) at /mcp: off, read-only, or on (also create and delete stores).
    #[arg(long, env = "SENDSTORES_MCP", default_value = "off")]
    pub mcp: String,
}

/// The same, checked.
#[derive(Debug)]
pub struct Access {
    pub max_streams: usize,
    pub max_streams_per_principal: Option<NonZeroUsize>,
    pub max_streams_per_peer: Option<NonZeroUsize>,
    pub max_connections_per_peer: Option<NonZeroUsize>,
    /// `None`: any.
    pub allowed_hosts: Option<Vec<String>>,
    pub audit_history: NonZeroU32,
    pub tenants: Quota,
    pub cors_origins: Vec<WebOrigin>,
    pub dashboard: bool,
    /// `None`: no tools for assistants.
    pub mcp: Option<Settings>,
}

// === impl AccessArgs ===

impl AccessArgs {
    pub(super) fn check(self, listen: Option<SocketAddr>, problems: &mut Problems) -> Option<Access> {
        let max_streams = problems.take("max-streams", number(&self.max_streams, 1..=1_000_000));
        let of_principal =
            problems.take("max-streams-per-principal", number(&self.max_streams_per_principal, 0..=1_000_000));
        let streams = problems.take("max-streams-per-peer", number(&self.max_streams_per_peer, 0..=1_000_000));
        let connections =
            problems.take("max-connections-per-peer", number(&self.max_connections_per_peer, 0..=1_000_000));
        let audit_history = problems.take("audit-history", number(&self.audit_history, 1_000..=10_000_000));
        let tenants = self.tenants.check(problems);
        let parsed: Result<Vec<_>, _> = self.cors_origins.iter().map(|origin| origin.parse()).collect();
        let cors_origins = problems.take("cors-origin", parsed);
        let mcp = problems.take("mcp", mcp(&self.mcp));
        Some(Access {
            max_streams: usize::try_from(max_streams?).ok()?,
            max_streams_per_principal: bound(of_principal?),
            max_streams_per_peer: bound(streams?),
            max_connections_per_peer: bound(connections?),
            allowed_hosts: allowed_hosts(listen?, &self.allowed_hosts),
            audit_history: NonZeroU32::new(u32::try_from(audit_history?).ok()?)?,
            tenants: tenants?,
            cors_origins: cors_origins?,
            dashboard: self.dashboard,
            mcp: mcp?,
        })
    }
}

fn mcp(text: &str) -> Result<Option<Settings>, String> {
    match text {
        "off" => Ok(None),
        "read-only" => Ok(Some(Settings::default())),
        "on" => Ok(Some(Settings { write: true, ..Settings::default() })),
        _ => Err("must be off, read-only or on".to_owned()),
    }
}

/// 0 says none.
fn bound(most: u64) -> Option<NonZeroUsize> {
    NonZeroUsize::new(usize::try_from(most).unwrap_or(usize::MAX))
}

/// `None`: any. A port that is not loopback is for clients and proxies, which call it by names that only the operator knows.
fn allowed_hosts(listen: SocketAddr, given: &[String]) -> Option<Vec<String>> {
    let any = given.iter().any(|host| host == "*") || (given.is_empty() && !listen.ip().is_loopback());
    (!any).then(|| given.iter().map(|host| host.to_ascii_lowercase()).collect())
}

// === impl Access ===

impl Access {
    /// As `name = value`, one a flag.
    pub(super) fn print(&self) -> [(&'static str, String); 11] {
        let most = |bound: Option<NonZeroUsize>| bound.map_or(0, NonZeroUsize::get).to_string();
        let hosts = self.allowed_hosts.as_ref().map_or_else(|| "*".to_owned(), |names| names.join(","));
        let [tenants, limits] = tenants::print(&self.tenants);
        [
            ("max-streams", self.max_streams.to_string()),
            ("max-streams-per-principal", most(self.max_streams_per_principal)),
            ("max-streams-per-peer", most(self.max_streams_per_peer)),
            ("max-connections-per-peer", most(self.max_connections_per_peer)),
            ("allowed-host", hosts),
            ("audit-history", self.audit_history.to_string()),
            tenants,
            limits,
            ("mcp", self.mcp.map_or("off", |mcp| if mcp.write { "on" } else { "read-only" }).to_owned()),
            ("cors-origin", self.cors_origins.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            ("dashboard", self.dashboard.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_port_has_a_list_of_hosts_unless_one_is_given() {
        let hosts = |listen: &str, given: &[&str]| {
            let given: Vec<_> = given.iter().map(|host| (*host).to_owned()).collect();
            allowed_hosts(listen.parse().expect("an address"), &given)
        };
        assert_eq!(hosts("127.0.0.1:7443", &[]), Some(Vec::new()));
        assert_eq!(hosts("[::1]:7443", &["Admin.Example"]), Some(vec!["admin.example".to_owned()]));
        assert_eq!(hosts("127.0.0.1:7443", &["*"]), None);
        assert_eq!(hosts("0.0.0.0:7443", &[]), None);
        assert_eq!(hosts("0.0.0.0:7443", &["a.example"]), Some(vec!["a.example".to_owned()]));
    }
}
