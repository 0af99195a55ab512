//! Issuers of OpenID Connect whose tokens are taken.

use std::path::PathBuf;

use clap::Args;

use super::check::{Problems, file};
use crate::auth::{BrowserClient, OidcConfig};

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
    /// Id of the public client as which people log in from the dashboard, at the first --oidc-issuer. It must be one of the
    /// audiences. Default: the dashboard takes tokens only.
    #[arg(long, env = "SENDSTORES_DASHBOARD_OIDC_CLIENT_ID", value_name = "ID")]
    pub dashboard_oidc_client_id: Option<String>,
    /// Scopes that the dashboard asks for, separated by spaces.
    #[arg(long, env = "SENDSTORES_DASHBOARD_OIDC_SCOPES", value_name = "SCOPES", default_value = "openid")]
    pub dashboard_oidc_scopes: String,
}

// === impl OidcArgs ===

impl OidcArgs {
    /// `Some(None)`: there is no issuer.
    pub(super) fn check(self, with_bindings: bool, problems: &mut Problems) -> Option<Option<OidcConfig>> {
        let Self { oidc_issuers: issuers, oidc_audiences: audiences, oidc_ca, .. } = self;
        let ca = problems.take("oidc-ca", oidc_ca.map(file).transpose())?;
        let wrong: Vec<_> = issuers.iter().filter_map(|url| OidcConfig::check_issuer(url).err()).collect();
        problems.take("oidc-issuer", if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) })?;
        let scopes = self.dashboard_oidc_scopes;
        let browser = self.dashboard_oidc_client_id.map(|client_id| browser(client_id, scopes, &issuers, &audiences));
        let browser = problems.take("dashboard-oidc-client-id", browser.transpose())?;
        if issuers.is_empty() {
            return Some(None);
        }
        let bound = with_bindings.then_some(());
        let bound = bound.ok_or_else(|| "needs --auth-config, whose bindings say what a user may do".to_owned());
        problems.take("oidc-issuer", bound)?;
        let (username_claim, groups_claim) = (self.oidc_username_claim, self.oidc_groups_claim);
        Some(Some(OidcConfig { issuers, audiences, ca, username_claim, groups_claim, browser }))
    }
}

/// An ID token is for its client: if the server did not take that audience, every login would be refused.
fn browser(
    client_id: String,
    scopes: String,
    issuers: &[String],
    audiences: &[String],
) -> Result<BrowserClient, String> {
    if issuers.is_empty() {
        return Err("needs --oidc-issuer, where people log in".to_owned());
    }
    if !audiences.contains(&client_id) {
        return Err(format!("{client_id:?} is no --oidc-audience: the tokens of this client would be refused"));
    }
    if !scopes.split_whitespace().any(|scope| scope == "openid") {
        return Err("--dashboard-oidc-scopes has no \"openid\"".to_owned());
    }
    Ok(BrowserClient { client_id, scopes })
}

/// As `name = value`, one a flag.
pub(super) fn print(config: Option<&OidcConfig>) -> [(&'static str, String); 7] {
    let of = |value: fn(&OidcConfig) -> String| config.map_or_else(|| "[none]".to_owned(), value);
    let browser = |value: fn(&BrowserClient) -> String| {
        let browser = config.and_then(|config| config.browser.as_ref());
        browser.map_or_else(|| "[none]".to_owned(), value)
    };
    let ca = |config: &OidcConfig| {
        config.ca.as_ref().map_or_else(|| "[system]".to_owned(), |path| path.display().to_string())
    };
    [
        ("oidc-issuer", of(|config| config.issuers.join(","))),
        ("oidc-audience", of(|config| config.audiences.join(","))),
        ("oidc-ca", of(ca)),
        ("oidc-username-claim", of(|config| config.username_claim.clone())),
        ("oidc-groups-claim", of(|config| config.groups_claim.clone())),
        ("dashboard-oidc-client-id", browser(|browser| browser.client_id.clone())),
        ("dashboard-oidc-scopes", browser(|browser| browser.scopes.clone())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_for_browsers_needs_an_issuer_its_own_audience_and_the_scope_openid() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let checked = |scopes: &str, issuers: &[&str], audiences: &[&str]| {
            browser("page".to_owned(), scopes.to_owned(), &texts(issuers), &texts(audiences))
                .map_err(|why| why.len() > 20)
        };
        let client = BrowserClient { client_id: "page".to_owned(), scopes: "profile openid".to_owned() };
        assert_eq!(checked("profile openid", &["https://id.example.com"], &["sendstores", "page"]), Ok(client));
        assert_eq!(checked("openid", &[], &["page"]), Err(true));
        assert_eq!(checked("openid", &["https://id.example.com"], &["sendstores"]), Err(true));
        assert_eq!(checked("profile", &["https://id.example.com"], &["page"]), Err(true));
    }
}
