//! Callers that other systems vouch for, by the names that the bindings have for them.

use std::{fmt, str::FromStr};

use sendstores_core::{Invalid, PrincipalName, access::PrincipalKind};

/// One name of a caller. A caller may have several, such as the groups that it is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `k8s:NAMESPACE/NAME`, a service account of the cluster.
    ServiceAccount(String),
    /// `oidc:ISSUER#user:NAME` or `oidc:ISSUER#group:NAME`, from a token of that issuer.
    Oidc(String),
    /// A URI, such as `spiffe://example.org/ns/ci/sa/agent`, from a client certificate.
    Uri(String),
    /// `dns:NAME`, from a client certificate.
    Dns(String),
}

// === impl Subject ===

impl Subject {
    /// A service account by the user name that Kubernetes has for it.
    ///
    /// # Errors
    /// It is another user, or the name is too long.
    pub fn of_kubernetes_user(user: &str) -> Result<Self, Invalid> {
        let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        let (namespace, name) = account.ok_or_else(|| Invalid::new("is no service account"))?;
        Ok(Self::ServiceAccount(account_name(&format!("{namespace}/{name}"))?))
    }

    /// A user (`kind` is `user`) or a group (`group`) of an issuer.
    ///
    /// # Errors
    /// It has characters that a name cannot have, or too many.
    pub fn of_issuer(issuer: &str, kind: &str, name: &str) -> Result<Self, Invalid> {
        Ok(Self::Oidc(oidc_name(&format!("{issuer}#{kind}:{name}"))?))
    }

    /// A URI of a certificate.
    ///
    /// # Errors
    /// It is no URI with `://`, or has characters that a name cannot have, or too many.
    pub fn of_uri(uri: &str) -> Result<Self, Invalid> {
        Ok(Self::Uri(uri_name(uri)?))
    }

    /// A DNS name of a certificate.
    ///
    /// # Errors
    /// It has characters that a name cannot have, or too many.
    pub fn of_dns(name: &str) -> Result<Self, Invalid> {
        Ok(Self::Dns(printable(&name.to_ascii_lowercase())?))
    }

    /// How who has this name proved it.
    pub fn kind(&self) -> PrincipalKind {
        match self {
            Self::ServiceAccount(_) => PrincipalKind::ServiceAccount,
            Self::Oidc(_) => PrincipalKind::Oidc,
            Self::Uri(_) | Self::Dns(_) => PrincipalKind::Certificate,
        }
    }

    /// The name without its prefix.
    pub fn name(&self) -> &str {
        match self {
            Self::ServiceAccount(name) | Self::Oidc(name) | Self::Uri(name) | Self::Dns(name) => name,
        }
    }
}

/// As a file has it. The prefix decides what kind it is: a certificate with the URI `k8s:a/b` is no service account.
impl FromStr for Subject {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(name) = text.strip_prefix("k8s:") {
            return Ok(Self::ServiceAccount(account_name(name)?));
        }
        if let Some(name) = text.strip_prefix("oidc:") {
            return Ok(Self::Oidc(oidc_name(name)?));
        }
        if let Some(name) = text.strip_prefix("dns:") {
            return Self::of_dns(name);
        }
        Self::of_uri(text)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self {
            Self::ServiceAccount(_) => "k8s:",
            Self::Oidc(_) => "oidc:",
            Self::Dns(_) => "dns:",
            Self::Uri(_) => "",
        };
        write!(f, "{prefix}{}", self.name())
    }
}

/// What can stand in a log and in a history as one word.
fn printable(text: &str) -> Result<String, Invalid> {
    PrincipalName::of_subject(text).map(|name| name.as_str().to_owned())
}

fn account_name(text: &str) -> Result<String, Invalid> {
    let label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    let fits = text.split_once('/').is_some_and(|(namespace, name)| label(namespace) && label(name));
    if fits { printable(text) } else { Err(Invalid::new("must be k8s:NAMESPACE/NAME")) }
}

fn oidc_name(text: &str) -> Result<String, Invalid> {
    let claim = text.split_once('#').map(|(issuer, claim)| (issuer, claim.split_once(':')));
    match claim {
        Some((issuer, Some(("user" | "group", name)))) if !issuer.is_empty() && !name.is_empty() => printable(text),
        _ => Err(Invalid::new("must be oidc:ISSUER#user:NAME or oidc:ISSUER#group:NAME")),
    }
}

fn uri_name(text: &str) -> Result<String, Invalid> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let named = scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()));
    if named { printable(text) } else { Err(Invalid::new("must begin with k8s:, oidc:, dns: or be a URI with ://")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        for text in [
            "k8s:shop-platform/provisioner",
            "oidc:https://id.example.com#group:store-ops",
            "oidc:https://id.example.com#user:alice@example.com",
            "spiffe://example.org/ns/ci/sa/agent",
            "dns:agent.example.org",
        ] {
            assert_eq!(text.parse::<Subject>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("spiffe://{}", "x".repeat(PrincipalName::LONGEST_SUBJECT));
        for text in [
            "",
            "alice",
            "k8s:",
            "k8s:a",
            "k8s:a/",
            "k8s:/b",
            "k8s:a/b/c",
            "k8s:A/b",
            "k8s:a/b c",
            "oidc:",
            "oidc:#user:a",
            "oidc:https://i",
            "oidc:https://i#role:a",
            "oidc:https://i#user:",
            "dns:",
            "dns:a b",
            "://x",
            "a b://x",
            "spiffe://a\nb",
            "spiffe://\u{fc}",
            &long,
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn no_kind_can_take_the_name_of_another() {
        for uri in ["k8s:a/b", "oidc:https://i#group:ops", "dns:a"] {
            assert_ne!(Subject::of_uri(uri).ok(), Some(uri.parse().expect("a subject")), "{uri}");
        }
        for user in ["system:serviceaccount:a:b/c", "system:serviceaccount:a", "admin", "system:node:a:b", ""] {
            assert!(Subject::of_kubernetes_user(user).is_err(), "{user}");
        }
        let account = Subject::of_kubernetes_user("system:serviceaccount:a:b").expect("an account");
        assert_eq!(account, "k8s:a/b".parse().expect("a subject"));
    }
}
