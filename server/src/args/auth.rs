//! By what callers are recognised.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{
    check::{Problems, file},
    oidc::OidcArgs,
};
use crate::auth::{OidcConfig, ReflectionAccess};

/// The flags.
#[derive(Debug, Args)]
pub struct AuthArgs {
    /// YAML file with tokens beside those in Redis, such as a mounted Secret. Read again when it changes. `sendstores-server
    /// token create --for-file` prints an entry; docs/security.md, "Tokens", explains it.
    #[arg(long, env = "SENDSTORES_CREDENTIALS")]
    pub credentials: Option<PathBuf>,
    /// YAML file that binds callers whom others vouch for, such as by a client certificate, to roles and tenants. Read again
    /// when it changes. docs/security.md, "Bindings", explains it.
    #[arg(long, env = "SENDSTORES_AUTH_CONFIG")]
    pub auth_config: Option<PathBuf>,
    /// Take tokens of service accounts of the cluster that are for the audience "sendstores". The bindings of --auth-config say
    /// which role an account has. The server needs the right to create TokenReviews.
    #[arg(long, env = "SENDSTORES_KUBERNETES_TOKENS")]
    pub kubernetes_tokens: bool,
    #[command(flatten)]
    pub oidc: OidcArgs,
    /// Take every caller for an administrator, without a token. Only with a loopback --listen.
    #[arg(long, env = "SENDSTORES_INSECURE_NO_AUTH")]
    pub insecure_no_auth: bool,
    /// Who may use gRPC reflection: authenticated (callers with a token), public or off.
    #[arg(long, env = "SENDSTORES_REFLECTION", default_value = "authenticated")]
    pub reflection: String,
}

/// The same, checked.
#[derive(Debug)]
pub struct Auth {
    pub credentials: Option<PathBuf>,
    pub bindings: Option<PathBuf>,
    /// Tokens of service accounts are taken.
    pub kubernetes_tokens: bool,
    pub oidc: Option<OidcConfig>,
    /// Nothing is checked.
    pub insecure: bool,
    pub reflection: ReflectionAccess,
}

// === impl AuthArgs ===

impl AuthArgs {
    pub(super) fn check(self, listen: Option<SocketAddr>, problems: &mut Problems) -> Option<Auth> {
        let kubernetes_tokens =
            problems.take("kubernetes-tokens", bound(self.kubernetes_tokens, self.auth_config.is_some()));
        let oidc = self.oidc.check(self.auth_config.is_some(), problems);
        let with_files = self.credentials.is_some() || self.auth_config.is_some();
        let insecure = problems.take("insecure-no-auth", insecure(self.insecure_no_auth, listen, with_files));
        let bindings = problems.take("auth-config", self.auth_config.map(file).transpose());
        let credentials = problems.take("credentials", self.credentials.map(file).transpose());
        let reflection = problems.take("reflection", reflection(&self.reflection));
        Some(Auth {
            credentials: credentials?,
            bindings: bindings?,
            kubernetes_tokens: kubernetes_tokens?,
            oidc: oidc?,
            insecure: insecure?,
            reflection: reflection?,
        })
    }
}

/// Callers whom others vouch for may do nothing without bindings.
fn bound(wanted: bool, with_bindings: bool) -> Result<bool, String> {
    if wanted && !with_bindings {
        return Err("needs --auth-config, whose bindings say what an account may do".to_owned());
    }
    Ok(wanted)
}

fn insecure(wanted: bool, listen: Option<SocketAddr>, with_files: bool) -> Result<bool, String> {
    if wanted && with_files {
        return Err("no caller would be asked who it is by --credentials or --auth-config: leave one out".to_owned());
    }
    let reached = listen.is_some_and(|listen| !listen.ip().is_loopback());
    if wanted && reached {
        return Err("--listen is not loopback: everybody who reaches it would own every store".to_owned());
    }
    Ok(wanted)
}

fn reflection(text: &str) -> Result<ReflectionAccess, String> {
    match text {
        "authenticated" => Ok(ReflectionAccess::Authenticated),
        "public" => Ok(ReflectionAccess::Public),
        "off" => Ok(ReflectionAccess::Off),
        _ => Err(format!("{text:?} is none of authenticated, public, off")),
    }
}

// === impl Auth ===

impl Auth {
    /// As `name = value`, one a flag.
    pub(super) fn print(&self) -> [(&'static str, String); 5] {
        let file = |path: &Option<PathBuf>| {
            path.as_ref().map_or_else(|| "[none]".to_owned(), |path| path.display().to_string())
        };
        [
            ("credentials", file(&self.credentials)),
            ("auth-config", file(&self.bindings)),
            ("kubernetes-tokens", self.kubernetes_tokens.to_string()),
            ("insecure-no-auth", self.insecure.to_string()),
            ("reflection", format!("{:?}", self.reflection).to_lowercase()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_others_reach_asks_for_tokens() {
        let at = |listen: &str| Some(listen.parse().expect("an address"));
        for loopback in ["127.0.0.1:7443", "[::1]:7443"] {
            assert_eq!(insecure(true, at(loopback), false), Ok(true));
            assert!(insecure(true, at(loopback), true).is_err());
        }
        for reached in ["0.0.0.0:7443", "192.0.2.1:7443", "[::]:7443"] {
            assert!(insecure(true, at(reached), false).is_err(), "{reached}");
            assert_eq!(insecure(false, at(reached), true), Ok(false));
        }
    }
}
