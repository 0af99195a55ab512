//! Issuers of OpenID Connect whose tokens are taken.

use std::path::PathBuf;

use clap::Args;

use super::check::{Problems, file};
use crate::auth::OidcConfig;

/// The flags.
#[derive(Debug, Args)]
pub struct OidcArgs {
    /// URL of an OpenID Connect issuer whose tokens (JWT) are taken, exactly as their claim "iss" has it. May be repeated. The
    /// bindings of --auth-config say which role its users and groups have. Its keys are found by its discovery document.
    #[arg(long = "oidc-issuer", env = "SENDSTORES_OIDC_ISSUERS", value_name = "URL", value_delimiter = ',')]
    pub oidc_issuers: Vec<String>,
    /// Audience that a token of an issuer must be for. May be repeated: one of them.
    #[arg(
        long = "oidc-audience",
        env = "SENDSTORES_OIDC_AUDIENCES",
        value_name = "AUDIENCE",
        value_delimiter = ',',
        default_value = "sendstores"
    )]
    pub oidc_audiences: Vec<String>,
    /// PEM file of the authorities that may have signed the certificates of issuers. Default: those that the system trusts.
    #[arg(long, env = "SENDSTORES_OIDC_CA")]
    pub oidc_ca: Option<PathBuf>,
    /// Claim with the name of the user. A token whose "email_verified" is false has no "email".
    #[arg(long, env = "SENDSTORES_OIDC_USERNAME_CLAIM", value_name = "CLAIM", default_value = "sub")]
    pub oidc_username_claim: String,
    /// Claim with the names of the user's groups.
    #[arg(long, env = "SENDSTORES_OIDC_GROUPS_CLAIM", value_name = "CLAIM", default_value = "groups")]
    pub oidc_groups_claim: String,
}

// === impl OidcArgs ===

impl OidcArgs {
    /// `Some(None)`: there is no issuer.
    pub(super) fn check(self, with_bindings: bool, problems: &mut Problems) -> Option<Option<OidcConfig>> {
        let Self { oidc_issuers: issuers, oidc_audiences: audiences, oidc_ca, .. } = self;
        let ca = problems.take("oidc-ca", oidc_ca.map(file).transpose())?;
        let wrong: Vec<_> = issuers.iter().filter_map(|url| OidcConfig::check_issuer(url).err()).collect();
        problems.take("oidc-issuer", if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) })?;
        if issuers.is_empty() {
            return Some(None);
        }
        let bound = with_bindings.then_some(());
        let bound = bound.ok_or_else(|| "needs --auth-config, whose bindings say what a user may do".to_owned());
        problems.take("oidc-issuer", bound)?;
        let (username_claim, groups_claim) = (self.oidc_username_claim, self.oidc_groups_claim);
        Some(Some(OidcConfig { issuers, audiences, ca, username_claim, groups_claim }))
    }
}

/// As `name = value`, one a flag.
pub(super) fn print(config: Option<&OidcConfig>) -> [(&'static str, String); 5] {
    let of = |value: fn(&OidcConfig) -> String| config.map_or_else(|| "[none]".to_owned(), value);
    let ca = |config: &OidcConfig| {
        config.ca.as_ref().map_or_else(|| "[system]".to_owned(), |path| path.display().to_string())
    };
    [
        ("oidc-issuer", of(|config| config.issuers.join(","))),
        ("oidc-audience", of(|config| config.audiences.join(","))),
        ("oidc-ca", of(ca)),
        ("oidc-username-claim", of(|config| config.username_claim.clone())),
        ("oidc-groups-claim", of(|config| config.groups_claim.clone())),
    ]
}
