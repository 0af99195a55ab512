//! `sendstores-server token`: what is asked for, and what may be.

use std::{collections::BTreeSet, time::Duration};

use clap::{Args, Subcommand};
use sendstores_core::{Invalid, Permission, PrincipalName, Role, Scope, TenantId, TokenId, token::LONGEST_LIFE};

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it. It is printed once and kept nowhere: Redis has its digest only.
    Create(CreateArgs),
    /// List the tokens in Redis: those of the credentials file are not among them.
    List,
    /// Revoke a token. Every server refuses it from then on.
    Revoke {
        /// The id of the token: the 10 letters and digits after "sst_".
        #[arg(value_parser = parse::<TokenId>)]
        id: TokenId,
    },
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The name of who will use it, for logs and the history of stores: letters, digits, '-', '_', '.' and '@'.
    #[arg(long, value_parser = parse::<PrincipalName>)]
    pub name: PrincipalName,
    /// What it may do: admin (everything), operator (everything with all stores), tenant (everything with the stores of its
    /// tenants), reader (read, but no credentials), agent (read the stores of its tenants, and its abilities).
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// A tenant whose stores it is for. May be repeated. Required for the roles tenant and agent, and allowed for reader.
    #[arg(long = "tenant", value_parser = parse::<TenantId>)]
    pub tenants: Vec<TenantId>,
    /// Narrow the role to this permission, such as stores.read. May be repeated. An agent creates, updates and deletes
    /// stores only where that is named here.
    #[arg(long = "ability", value_parser = permission)]
    pub abilities: Vec<Permission>,
    /// How long it is valid, at most 366 days, such as 90d or 8h. "never": it has no end, for the role admin only.
    #[arg(long, default_value = "90d")]
    pub expires: String,
    /// Write nothing to Redis, and print after the token the entry for a credentials file (--credentials).
    #[arg(long)]
    pub for_file: bool,
}

/// A token to make.
#[derive(Debug)]
pub struct NewToken {
    pub name: PrincipalName,
    pub role: Role,
    pub scope: Scope,
    pub abilities: Option<BTreeSet<Permission>>,
    /// `None`: it has no end.
    pub life: Option<Duration>,
}

// === impl CreateArgs ===

impl CreateArgs {
    /// The token to make.
    ///
    /// # Errors
    /// The role does not fit the tenants, or the life is too long.
    pub fn check(self) -> Result<NewToken, Invalid> {
        let Self { name, role, tenants, abilities, expires, for_file: _ } = self;
        let abilities = (!abilities.is_empty()).then(|| abilities.into_iter().collect());
        Ok(NewToken { name, role, scope: Scope::of_role(role, tenants)?, abilities, life: life(&expires, role)? })
    }
}

fn life(text: &str, role: Role) -> Result<Option<Duration>, Invalid> {
    if text == "never" {
        return match role {
            Role::Admin => Ok(None),
            _ => Err(Invalid::new("--expires never is for the role admin only")),
        };
    }
    let life = humantime::parse_duration(text).ok().filter(|life| !life.is_zero() && *life <= LONGEST_LIFE);
    life.map(Some).ok_or_else(|| Invalid::new("--expires must be a duration such as 90d or 8h, at most 366d, or never"))
}

fn parse<T: std::str::FromStr<Err = Invalid>>(text: &str) -> Result<T, Invalid> {
    text.parse()
}

fn role(text: &str) -> Result<Role, Invalid> {
    let all = || Role::ALL.map(Role::as_str).join(", ");
    Role::parse(text).ok_or_else(|| Invalid::new(format_args!("must be one of {}", all())))
}

fn permission(text: &str) -> Result<Permission, Invalid> {
    let all = || Permission::ALL.map(Permission::as_str).join(", ");
    Permission::parse(text).ok_or_else(|| Invalid::new(format_args!("must be one of {}", all())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_administrator_has_a_token_without_an_end() {
        assert_eq!(life("never", Role::Admin), Ok(None));
        assert!(life("never", Role::Reader).is_err());
        assert_eq!(life("8h", Role::Tenant), Ok(Some(Duration::from_secs(8 * 3600))));
        for bad in ["", "0s", "367d", "soon", "-1d"] {
            assert!(life(bad, Role::Admin).is_err(), "{bad:?}");
        }
    }
}
