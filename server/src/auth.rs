//! Who a call is from: tokens of the ledger and of the credentials file, and callers that others vouch for, by the bindings.

mod bindings;
mod certificate;
mod file;
mod flaw;
mod issuers;
mod jwt;
mod oidc;
mod proof;
mod reviews;
mod standing;
mod subject;

use std::{sync::Arc, time::SystemTime};

use rand::RngExt;
use sendstores_core::{
    Principal, Timestamp, TokenId,
    token::{TokenDigest, TokenRefusal, TokenText},
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

pub use bindings::{Binding, Bindings};
pub use certificate::ClientCertificate;
pub use file::CredentialsFile;
pub use flaw::Flaw;
pub use oidc::{BrowserClient, Issuers, OidcConfig};
pub use proof::Credentials;
pub use reviews::{AUDIENCE, Reviewer, TokenReviews};
pub use standing::{Lapse, Standing};
pub use subject::Subject;

use crate::{mirror::Mirror, tls::Tls};
use proof::{Bearer, Proof};

/// Why a credential is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// There is no token, and no client certificate.
    Missing,
    /// It is no token, or one that was never made.
    Invalid,
    /// It is whole, and not what is accepted here.
    Flawed(Flaw),
    /// This server does not know it. The ledger may, if the token is newer than what was read.
    Unknown,
    Expired,
    Revoked,
    /// The client certificate was good when the connection began, and is not any more.
    Certificate,
    /// It proves who the caller is, and no binding names that.
    Unbound(Subject),
    /// The token and the client certificate are of different tenants.
    Mismatch,
    /// Who could say is not to be reached.
    Unavailable,
}

/// What callers are recognised by.
pub struct Sources {
    pub mirror: Mirror,
    pub file: Option<CredentialsFile>,
    /// Without them, nobody is recognised that others vouch for.
    pub bindings: Option<Bindings>,
    /// What client certificates are checked with again when its files have changed.
    pub tls: Option<Tls>,
    /// Of service accounts of Kubernetes, if they are taken.
    pub reviews: Option<TokenReviews>,
    /// Of OpenID Connect, beside those that the bindings file has.
    pub issuers: Option<Issuers>,
}

/// Says who a call is from; clones share what they know.
#[derive(Clone)]
pub struct Authenticator(Arc<Mode>);

enum Mode {
    /// Nothing is checked.
    Off(Arc<Principal>),
    On {
        sources: Sources,
        tokens: watch::Receiver<u64>,
    },
}

/// A caller, and how long that is certain.
#[derive(Clone, Debug)]
pub struct Recognised {
    pub principal: Arc<Principal>,
    /// From then on the caller has to be recognised again. `None`: not before its credential expires.
    pub recheck: Option<Timestamp>,
}

/// Who may use reflection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReflectionAccess {
    /// Callers with a valid token.
    Authenticated,
    /// All callers.
    Public,
    /// There is none.
    Off,
}

/// Grows with each change of what callers are recognised by: who was recognised before must be again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthEpoch(u64);

// === impl AuthError ===

impl AuthError {
    /// Whether a token was shown that may be a guess.
    pub fn is_guess(&self) -> bool {
        match self {
            Self::Invalid | Self::Flawed(_) | Self::Unknown => true,
            // These are proven, and not good any more or for nothing here.
            Self::Expired | Self::Revoked | Self::Unbound(_) | Self::Certificate | Self::Mismatch => false,
            Self::Missing | Self::Unavailable => false,
        }
    }
}

// === impl Authenticator ===

impl Authenticator {
    /// Takes every caller for an administrator.
    pub fn insecure() -> Self {
        Self(Arc::new(Mode::Off(Arc::new(Principal::anonymous()))))
    }

    /// By the tokens in the mirror, and those of the file.
    pub fn new(mirror: Mirror, file: Option<CredentialsFile>) -> Self {
        Self::of(Sources { mirror, file, bindings: None, tls: None, reviews: None, issuers: None })
    }

    /// By all of these.
    pub fn of(sources: Sources) -> Self {
        let tokens = sources.mirror.token_changes();
        Self(Arc::new(Mode::On { sources, tokens }))
    }

    pub fn epoch(&self) -> AuthEpoch {
        let Mode::On { sources: Sources { file, bindings, tls, .. }, tokens } = &*self.0 else { return AuthEpoch(0) };
        let file = file.as_ref().map_or(0, CredentialsFile::epoch);
        let bindings = bindings.as_ref().map_or(0, Bindings::epoch);
        // Each of them only grows, and so the sum changes whenever one of them does.
        AuthEpoch(*tokens.borrow() + file + bindings + tls.as_ref().map_or(0, Tls::epoch))
    }

    /// The principal that needs no proof, if nothing is checked.
    pub fn unchecked(&self) -> Option<Arc<Principal>> {
        match &*self.0 {
            Mode::Off(principal) => Some(principal.clone()),
            Mode::On { .. } => None,
        }
    }

    /// Whom these credentials prove.
    ///
    /// # Errors
    /// Says why they are refused. [`AuthError::Unknown`] may be asked again after the mirror has caught up.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Recognised, AuthError> {
        match &*self.0 {
            Mode::Off(principal) => Ok(principal.clone().into()),
            Mode::On { sources, .. } => sources.recognise(&Proof::of(credentials)?).await,
        }
    }

    /// How long the caller with these credentials, which was authenticated as `principal`, stays that. `None`: for ever.
    pub fn standing(&self, credentials: Credentials<'_>, principal: Arc<Principal>) -> Option<Standing> {
        match &*self.0 {
            Mode::Off(_) => None,
            Mode::On { .. } => Some(Standing::new(self.clone(), Proof::of(credentials).ok()?, principal)),
        }
    }

    /// Whom a proof proves now.
    async fn recognise(&self, proof: &Proof) -> Result<Recognised, AuthError> {
        match &*self.0 {
            Mode::Off(principal) => Ok(principal.clone().into()),
            Mode::On { sources, .. } => sources.recognise(proof).await,
        }
    }

    /// What says that whom a proof proves may be another now. Only what concerns the proof: a change of a token in the ledger
    /// would have all streams of others check their signatures again.
    fn changes(&self, proof: &Proof) -> Vec<watch::Receiver<u64>> {
        let Mode::On { sources: Sources { file, bindings, tls, .. }, tokens } = &*self.0 else { return Vec::new() };
        let (mut changes, shows_certificate) = (Vec::new(), proof.certificate.is_some());
        if matches!(proof.bearer, Some(Bearer::Token { .. })) {
            changes.push(tokens.clone());
            changes.extend(file.as_ref().map(CredentialsFile::changes));
        }
        if shows_certificate || matches!(proof.bearer, Some(Bearer::Jwt(_))) {
            changes.extend(bindings.as_ref().map(Bindings::changes));
        }
        if shows_certificate {
            changes.extend(tls.as_ref().map(Tls::changes));
        }
        changes
    }
}

// === impl Sources ===

impl Sources {
    async fn recognise(&self, proof: &Proof) -> Result<Recognised, AuthError> {
        let of_bearer = match &proof.bearer {
            None => None,
            Some(Bearer::Token { id, digest }) => Some(self.of_token(id, digest)?.into()),
            Some(Bearer::Jwt(jwt)) => Some(self.of_jwt(jwt).await?),
        };
        let of_certificate = proof.certificate.as_ref().map(|certificate| self.of_certificate(certificate));
        match (of_bearer, of_certificate) {
            (None, None) => Err(AuthError::Missing),
            (Some(bearer), None | Some(Err(AuthError::Unbound(_) | AuthError::Missing))) => Ok(bearer),
            (None, Some(certificate)) => Ok(certificate?.into()),
            (Some(bearer), Some(certificate)) => narrower(bearer, certificate?),
        }
    }

    fn of_token(&self, id: &TokenId, digest: &TokenDigest) -> Result<Arc<Principal>, AuthError> {
        let now = SystemTime::now().into();
        if let Some(principal) = self.file.as_ref().and_then(|file| file.principal(digest)) {
            let expired = principal.expires.is_some_and(|end| end <= now);
            return if expired { Err(AuthError::Expired) } else { Ok(principal) };
        }
        let known = self.mirror.token(id).ok_or(AuthError::Unknown)?;
        if !known.digest.matches(digest) {
            return Err(AuthError::Invalid);
        }
        known.principal(now).map(Arc::new).map_err(AuthError::from)
    }

    async fn of_jwt(&self, jwt: &jwt::Jwt) -> Result<Recognised, AuthError> {
        let of_file = self.bindings.as_ref().map(Bindings::issuers);
        if let Some(issuers) = self.issuers.iter().chain(&of_file).find(|issuers| issuers.has(jwt)) {
            let oidc::Accepted { subjects, expiry } = issuers.check(jwt).await?;
            return Ok(self.bound(&subjects, Some(expiry))?.into());
        }
        let reviews = self.reviews.as_ref().ok_or(AuthError::Flawed(Flaw::Issuer))?;
        let reviews::Accepted { subject, expiry, believed } = reviews.check(jwt).await?;
        let principal = self.bound(&[subject], Some(expiry))?;
        Ok(Recognised { principal, recheck: Some(Timestamp::from(SystemTime::now()).after(believed)) })
    }

    /// The handshake has checked the certificate. Time has passed since, and the files may have changed.
    fn of_certificate(&self, certificate: &ClientCertificate) -> Result<Arc<Principal>, AuthError> {
        let now = SystemTime::now().into();
        if !self.tls.as_ref().is_some_and(|tls| certificate.is_good(tls, now)) {
            return Err(AuthError::Certificate);
        }
        // Without a name it says nothing of who the caller is.
        let subject = certificate.subject().ok_or(AuthError::Missing)?;
        self.bound(std::slice::from_ref(subject), certificate.expiry())
    }

    /// Who a caller with these names is. The first of them is its own.
    fn bound(&self, subjects: &[Subject], expires: Option<Timestamp>) -> Result<Arc<Principal>, AuthError> {
        let unbound = || subjects.first().cloned().map_or(AuthError::Invalid, AuthError::Unbound);
        let bindings = self.bindings.as_ref().ok_or_else(unbound)?;
        let (_, binding) = bindings.find(subjects).ok_or_else(unbound)?;
        let own = subjects.first().ok_or(AuthError::Invalid)?;
        binding.principal(own, expires).map(Arc::new).map_err(|_| AuthError::Invalid)
    }
}

/// Of a bearer and a certificate, that which sees fewer tenants, if the other sees them, too. If both see the same, the bearer,
/// because it was chosen for this call.
fn narrower(bearer: Recognised, certificate: Arc<Principal>) -> Result<Recognised, AuthError> {
    let Recognised { principal, recheck } = bearer;
    if certificate.scope.includes(&principal.scope) {
        // Both have to stay good.
        let expires = [principal.expires, certificate.expires].into_iter().flatten().min();
        let principal = Arc::new(Principal { expires, ..Principal::clone(&principal) });
        return Ok(Recognised { principal, recheck });
    }
    if principal.scope.includes(&certificate.scope) {
        let expires = [principal.expires, certificate.expires].into_iter().flatten().min();
        let principal = Arc::new(Principal { expires, ..Principal::clone(&certificate) });
        return Ok(Recognised { principal, recheck });
    }
    Err(AuthError::Mismatch)
}

/// A new token.
pub fn generate() -> TokenText {
    let mut random = rand::rng();
    TokenText::generate(|| random.random_range(0..62))
}

/// What is kept of a token: it has 190 random bits, so that a fast digest is as good as a slow one.
pub fn digest(token: &TokenText) -> TokenDigest {
    TokenDigest::new(Sha256::digest(token.expose()).into())
}

// === impl Recognised ===

impl From<Arc<Principal>> for Recognised {
    fn from(principal: Arc<Principal>) -> Self {
        Self { principal, recheck: None }
    }
}

// === impl AuthError ===

impl From<TokenRefusal> for AuthError {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Expired => Self::Expired,
            TokenRefusal::Revoked => Self::Revoked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(auth: &Authenticator, header: Option<&[u8]>) -> Result<Recognised, AuthError> {
        auth.authenticate(Credentials { header, certificate: None }).await
    }

    #[tokio::test]
    async fn only_a_bearer_with_a_whole_token_is_looked_up() {
        let auth = Authenticator::new(Mirror::new(8), None);
        let token = generate();
        let said = async |header: Option<&str>| said(&auth, header.map(str::as_bytes)).await.expect_err("nobody");
        assert_eq!(said(None).await, AuthError::Missing);
        for bad in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", token.expose()] {
            assert_eq!(said(Some(bad)).await, AuthError::Invalid, "{bad:?}");
        }
        let of_nobody = said(Some("Bearer eyJhbGciOiJub25lIn0.e30.")).await;
        assert_eq!(of_nobody, AuthError::Flawed(Flaw::Issuer), "no issuer is known here");
        let cut = &token.expose()[..52];
        assert_eq!(said(Some(&format!("Bearer {cut}0"))).await, AuthError::Invalid, "a damaged one");
        let garbage = super::tests::said(&auth, Some(&[0xff, 0xfe])).await;
        assert_eq!(garbage.expect_err("nobody"), AuthError::Invalid);
        for scheme in ["Bearer", "bearer"] {
            assert_eq!(said(Some(&format!("{scheme} {}", token.expose()))).await, AuthError::Unknown);
        }
    }

    #[test]
    fn tokens_differ() {
        let (one, two) = (generate(), generate());
        assert_ne!(one.id(), two.id());
        assert!(!digest(&one).matches(&digest(&two)));
    }

    #[tokio::test]
    async fn without_a_check_everybody_is_the_same() {
        let recognised = said(&Authenticator::insecure(), None).await.expect("a principal");
        assert_eq!(recognised.principal.to_string(), "anonymous:anonymous");
    }
}
