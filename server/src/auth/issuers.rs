//! Issuers of OpenID Connect as the bindings file has them: each with its own audiences, claims and required values.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::{OidcConfig, oidc::IssuerConfig, reviews::AUDIENCE};

/// One of `issuers` of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    url: String,
    #[serde(default)]
    discovery: Option<String>,
    #[serde(default = "audiences")]
    audiences: Vec<String>,
    #[serde(default)]
    ca: Option<PathBuf>,
    #[serde(default = "username_claim")]
    username_claim: String,
    #[serde(default = "groups_claim")]
    groups_claim: String,
    #[serde(default)]
    require: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

fn audiences() -> Vec<String> {
    vec![AUDIENCE.to_owned()]
}

fn username_claim() -> String {
    "sub".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

// === impl Row ===

impl Row {
    /// # Errors
    /// Says what is wrong.
    pub(super) fn parse(self) -> Result<IssuerConfig, String> {
        let Self { url, discovery, audiences, ca, username_claim, groups_claim, require } = self;
        OidcConfig::check_issuer(&url)?;
        discovery.as_deref().map_or(Ok(()), OidcConfig::check_issuer)?;
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err("audiences must name some".to_owned());
        }
        let require: BTreeMap<_, _> = require.into_iter().map(|(name, values)| (name, values.list())).collect();
        if let Some((name, _)) = require.iter().find(|(_, values)| values.is_empty()) {
            return Err(format!("require: {name} must have a value"));
        }
        Ok(IssuerConfig { url, discovery, audiences, ca, username_claim, groups_claim, require })
    }
}

// === impl Values ===

impl Values {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}
