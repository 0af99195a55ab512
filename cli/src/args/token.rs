//! The verbs for tokens.

use std::time::Duration;

use clap::{Args, Subcommand};
use sendstores_client::CreateToken;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print its text, which is shown once.
    Create(CreateTokenArgs),
    /// List the tokens in Redis that you may manage. Revoked ones are listed for 7 days.
    List,
    /// Revoke a token. Its next call is refused, and its watches end.
    Revoke {
        /// Id of the token: the 10 letters and digits after "sst_".
        id: String,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
The token never allows more than yours: no permission that you lack, no tenant that is not yours.
The text alone is on stdout.

Examples:
  sendstores token create --name ci --role tenant --tenant acme --expires 8h
  sendstores token create --name bot --role agent --tenant acme --ability stores.read --ability stores.create")]
pub(crate) struct CreateTokenArgs {
    /// Name of its user, for logs and the history of stores.
    #[arg(long)]
    name: String,
    /// Role: admin, operator, tenant, reader or agent.
    #[arg(long)]
    role: String,
    /// Tenant whose stores it is for. Repeat it for several. Default: all stores, or all tenants of your own token.
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Narrow the role to this permission, such as stores.read. Repeat it for several.
    #[arg(long = "ability", value_name = "PERMISSION")]
    abilities: Vec<String>,
    /// How long it is valid, such as 90d or 8h, at most 366d; \"never\" for the role admin only. Default: 90d.
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    expires: Option<Expiry>,
    /// Id of this request. A retry with the same id makes no second token.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Expiry {
    After(Duration),
    Never,
}

// === impl CreateTokenArgs ===

impl CreateTokenArgs {
    pub(crate) fn into_request(self) -> CreateToken {
        let Self { name, role, tenants, abilities, expires, request_id } = self;
        let token = tenants.into_iter().fold(CreateToken::new(name, role), CreateToken::tenant);
        let token = abilities.into_iter().fold(token, CreateToken::ability);
        let token = match expires {
            None => token,
            Some(Expiry::After(life)) => token.life(life),
            Some(Expiry::Never) => token.never_expires(true),
        };
        match request_id {
            Some(id) => token.request_id(id),
            None => token,
        }
    }
}

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    humantime::parse_duration(text).map(Expiry::After).map_err(|error| error.to_string())
}
