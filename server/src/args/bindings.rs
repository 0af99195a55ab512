//! `sendstores-server auth`: what is asked about the bindings.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sendstores_core::TenantId;

use crate::auth::Subject;

/// What is done with bindings.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Say whether a caller may call a method, and which binding of the file decides. Asks neither Redis nor a server. The
    /// exit code is 0 if the call is allowed, 1 if it is not, and 2 if the file or a flag is wrong.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file, as for --auth-config.
    pub file: PathBuf,
    /// The caller: k8s:NAMESPACE/NAME, oidc:ISSUER#user:NAME, oidc:ISSUER#group:NAME, dns:NAME or the URI of a client
    /// certificate. May be repeated, for a user and the groups that it is in.
    #[arg(long = "as", value_name = "SUBJECT", required = true)]
    pub subjects: Vec<Subject>,
    /// The method, such as Delete or AccountService.GetPrincipal.
    #[arg(long)]
    pub method: String,
    /// The tenant of the store that the call is about. Default: the call is about no store yet, such as a List.
    #[arg(long)]
    pub tenant: Option<TenantId>,
}
