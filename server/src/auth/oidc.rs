//! Tokens of OpenID Connect: JWTs of issuers that the configuration names, checked by the keys that these publish.

mod crypto;
mod fetch;
mod keys;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use sendstores_core::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{AuthError, Flaw, Subject, jwt::Jwt};
use fetch::Fetch;
use keys::Keys;

/// How far the clocks of issuer and server may be apart, in seconds.
const LEEWAY: u64 = 60;
/// Keys are asked for again at most so often, whatever tokens come.
const AT_MOST: Duration = Duration::from_secs(30);
/// How often to try while there are no keys at all.
const FIRST_KEYS: Duration = Duration::from_secs(1);
/// From then on keys are asked for again, so that one that the issuer has taken back is not believed for ever.
const OLD: Duration = Duration::from_secs(600);
/// The most groups of one caller that are read.
const GROUPS: usize = 200;

/// Which issuers there are, and what is believed of their tokens.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// URLs, exactly as the claim `iss` has them.
    pub issuers: Vec<String>,
    /// A token must be for one of these.
    pub audiences: Vec<String>,
    /// PEM file of the authorities that may have signed the certificates of issuers. `None`: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// The claim with the name of the user.
    pub username_claim: String,
    /// The claim with the names of groups.
    pub groups_claim: String,
    /// As what people log in at the first issuer from the dashboard. `None`: they paste a token.
    pub browser: Option<BrowserClient>,
}

/// A public client of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserClient {
    pub client_id: String,
    /// Separated by spaces.
    pub scopes: String,
}

/// One issuer, and what is believed of its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuerConfig {
    /// Exactly as the claim `iss` has it.
    pub(super) url: String,
    /// Where its discovery document is. `None`: below its own URL.
    pub(super) discovery: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) ca: Option<PathBuf>,
    pub(super) username_claim: String,
    pub(super) groups_claim: String,
    /// Claims that must have one of these values.
    pub(super) require: BTreeMap<String, Vec<String>>,
}

/// The issuers; clones share their keys.
#[derive(Clone, Default)]
pub struct Issuers(Arc<Vec<Arc<Issuer>>>);

struct Issuer {
    config: IssuerConfig,
    fetch: Fetch,
    current: RwLock<Option<Current>>,
    /// When keys were asked for last, and whether there were any.
    asked: Mutex<Option<(Instant, bool)>>,
}

/// The keys, and when they were fetched.
#[derive(Clone)]
struct Current {
    keys: Arc<Keys>,
    fetched: Instant,
}

/// A token that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The user, and after it its groups.
    pub(super) subjects: Vec<Subject>,
    /// From then on it is refused.
    pub(super) expiry: Timestamp,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

// === impl OidcConfig ===

impl OidcConfig {
    /// What is wrong with the URL of an issuer, if something is.
    ///
    /// # Errors
    /// It is no https URL, or has a query or a fragment.
    pub fn check_issuer(url: &str) -> Result<(), String> {
        if url.contains(['#', '?']) {
            return Err(format!("{url:?} has a query or a fragment"));
        }
        fetch::checked(url).map(drop)
    }
}

// === impl Issuers ===

impl Issuers {
    /// No issuer is asked before its first token comes.
    ///
    /// # Errors
    /// The file of authorities cannot be used.
    pub fn open(config: &OidcConfig) -> Result<Self, String> {
        let of = |url: &String| IssuerConfig {
            url: url.clone(),
            discovery: None,
            audiences: config.audiences.clone(),
            ca: config.ca.clone(),
            username_claim: config.username_claim.clone(),
            groups_claim: config.groups_claim.clone(),
            require: BTreeMap::new(),
        };
        Self::default().updated(config.issuers.iter().map(of).collect())
    }

    /// These issuers. One that is here and the same keeps its keys.
    ///
    /// # Errors
    /// A file of authorities cannot be used.
    pub(super) fn updated(&self, configs: Vec<IssuerConfig>) -> Result<Self, String> {
        let issuer = |config: IssuerConfig| match self.0.iter().find(|known| known.config == config) {
            Some(known) => Ok(known.clone()),
            None => Issuer::new(config).map(Arc::new),
        };
        configs.into_iter().map(issuer).collect::<Result<_, String>>().map(|issuers| Self(Arc::new(issuers)))
    }

    /// Whether a token says that it is of one of them.
    pub(super) fn has(&self, token: &Jwt) -> bool {
        self.0.iter().any(|issuer| issuer.config.url == token.issuer())
    }

    /// Whose token this is.
    pub(super) async fn check(&self, token: &Jwt) -> Result<Accepted, AuthError> {
        let issuer = self.0.iter().find(|issuer| issuer.config.url == token.issuer()).ok_or(AuthError::Invalid)?;
        Box::pin(issuer.check(token)).await
    }
}

// === impl Issuer ===

impl Issuer {
    fn new(config: IssuerConfig) -> Result<Self, String> {
        crypto::install();
        let fetch = Fetch::trusting(config.ca.as_deref())?;
        Ok(Self { config, fetch, current: RwLock::new(None), asked: Mutex::new(None) })
    }

    async fn check(&self, token: &Jwt) -> Result<Accepted, AuthError> {
        if token.is_critical() {
            return Err(AuthError::Flawed(Flaw::Critical));
        }
        let named = token.algorithm().parse::<Algorithm>().ok();
        if !named.is_some_and(|algorithm| crypto::ALGORITHMS.contains(&algorithm)) && !token.algorithm().is_empty() {
            return Err(AuthError::Flawed(Flaw::Algorithm));
        }
        let header = decode_header(&**token.expose()).map_err(|_| AuthError::Invalid)?;
        let keys = self.keys(header.kid.as_deref(), header.alg).await?;
        let key = keys.find(header.kid.as_deref(), header.alg).ok_or_else(|| {
            let is_known = header.kid.as_deref().is_some_and(|id| keys.has(id));
            AuthError::Flawed(if is_known { Flaw::Algorithm } else { Flaw::Key })
        })?;
        let validation = self.validation(header.alg);
        let claims = decode::<Value>(&**token.expose(), &key.key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => AuthError::Expired,
            ErrorKind::InvalidAudience => AuthError::Flawed(Flaw::Audience),
            ErrorKind::ImmatureSignature => AuthError::Flawed(Flaw::Early),
            _ => AuthError::Invalid,
        })?;
        self.accepted(token, &claims.claims)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_audience(&self.config.audiences);
        validation.set_issuer(&[&self.config.url]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }

    fn accepted(&self, token: &Jwt, claims: &Value) -> Result<Accepted, AuthError> {
        let IssuerConfig { url, username_claim, groups_claim, require, .. } = &self.config;
        if !require.iter().all(|(name, values)| has_one_of(claim(claims, name), values)) {
            return Err(AuthError::Flawed(Flaw::Claim));
        }
        let unverified = username_claim == "email" && claims["email_verified"] == Value::Bool(false);
        let name = claim(claims, username_claim).as_str().filter(|_| !unverified).ok_or(AuthError::Invalid)?;
        let user = Subject::of_issuer(url, "user", name).map_err(|_| AuthError::Invalid)?;
        let groups = match claim(claims, groups_claim) {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => many.iter().take(GROUPS).filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        // A group with a name that no binding can have is bound by none.
        let groups = groups.into_iter().filter_map(|name| Subject::of_issuer(url, "group", name).ok());
        let subjects = std::iter::once(user).chain(groups).collect();
        let expiry = token.expiry().ok_or(AuthError::Invalid)?.after(Duration::from_secs(LEEWAY));
        Ok(Accepted { subjects, expiry })
    }

    /// Keys among which is the named one, if the issuer has it.
    async fn keys(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<Keys>, AuthError> {
        let known = self.current();
        let has = |current: &Current| current.keys.find(id, algorithm).is_some();
        if let Some(current) = known.filter(has) {
            if current.fetched.elapsed() >= OLD
                && let Ok(mut asked) = self.asked.try_lock()
            {
                // One caller asks; the others go on with what is known.
                self.refresh(&mut asked).await;
            }
            return Ok(self.current().map_or(current.keys, |current| current.keys));
        }
        let mut asked = self.asked.lock().await;
        // Another call may have asked meanwhile.
        let reached = match self.current() {
            Some(current) if has(&current) => true,
            _ => self.refresh(&mut asked).await,
        };
        let current = self.current().ok_or(AuthError::Unavailable)?;
        // An issuer that does not answer may have the key.
        if reached || has(&current) { Ok(current.keys) } else { Err(AuthError::Unavailable) }
    }

    fn current(&self) -> Option<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the issuer for its keys, unless that was done a moment ago. Whether what is known now is what it has.
    async fn refresh(&self, asked: &mut Option<(Instant, bool)>) -> bool {
        let pause = if self.current().is_some() { AT_MOST } else { FIRST_KEYS };
        if let Some((_, reached)) = asked.filter(|(at, _)| at.elapsed() < pause) {
            return reached;
        }
        let fetched = Instant::now();
        let said = self.fetched().await;
        let reached = said.is_ok();
        *asked = Some((Instant::now(), reached));
        let outcome = if reached { "fetched" } else { "failed" };
        metrics::counter!("sendstores_oidc_key_fetches_total", "outcome" => outcome).increment(1);
        match said {
            Ok(keys) => {
                let current = Some(Current { keys: Arc::new(keys), fetched });
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
            }
            Err(why) => tracing::warn!(issuer = self.config.url, why, "the keys of an issuer are not to be had"),
        }
        reached
    }

    async fn fetched(&self) -> Result<Keys, String> {
        let base = self.config.discovery.as_ref().unwrap_or(&self.config.url);
        let address = format!("{}/.well-known/openid-configuration", base.trim_end_matches('/'));
        let body = self.fetch.get(&address).await?;
        let discovery: Discovery =
            serde_json::from_slice(&body).map_err(|_| format!("{address}: it is no discovery document"))?;
        if discovery.issuer != self.config.url {
            return Err(format!("{address}: it is of another issuer"));
        }
        let body = self.fetch.get(&discovery.jwks_uri).await?;
        Keys::parse(&body).map_err(|why| format!("{}: {why}", discovery.jwks_uri))
    }
}

/// The claim of this name; one that begins with a slash is a path (RFC 6901), such as `/kubernetes.io/namespace`.
fn claim<'a>(claims: &'a Value, name: &str) -> &'a Value {
    let found = if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) };
    found.unwrap_or(&Value::Null)
}

/// Whether a claim, or one of its list, is one of these values.
fn has_one_of(claim: &Value, values: &[String]) -> bool {
    match claim {
        Value::Array(many) => many.iter().any(|one| !one.is_array() && has_one_of(one, values)),
        Value::String(text) => values.contains(text),
        Value::Bool(_) | Value::Number(_) => values.contains(&claim.to_string()),
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_has_one_of_the_required_values_or_not() {
        let claims =
            json!({"repository": "acme/shop", "n": 7, "groups": ["a", ["b"]], "kubernetes.io": {"namespace": "ci"}});
        let has = |name: &str, values: &[&str]| {
            has_one_of(claim(&claims, name), &values.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(has("repository", &["acme/other", "acme/shop"]) && has("n", &["7"]) && has("groups", &["a"]));
        assert!(has("/kubernetes.io/namespace", &["ci"]));
        for (name, value) in
            [("repository", "acme"), ("groups", "b"), ("none", ""), ("none", "null"), ("kubernetes.io", "{}")]
        {
            assert!(!has(name, &[value]), "{name} {value}");
        }
    }
}
