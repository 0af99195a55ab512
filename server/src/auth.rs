//! Who a call is from: tokens of the ledger, and tokens of the credentials file.

mod file;
mod standing;

use std::{sync::Arc, time::SystemTime};

use rand::RngExt;
use sendstores_core::{
    Principal, TokenId,
    token::{TokenDigest, TokenRefusal, TokenText},
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

pub use file::CredentialsFile;
pub use standing::{Lapse, Standing};

use crate::mirror::Mirror;

/// Why a credential is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// There is no token.
    Missing,
    /// It is no token, or one that was never made.
    Invalid,
    /// This server does not know it. The ledger may, if the token is newer than what was read.
    Unknown,
    Expired,
    Revoked,
}

/// Says who a call is from; clones share what they know.
#[derive(Clone)]
pub struct Authenticator(Arc<Mode>);

enum Mode {
    /// Nothing is checked.
    Off(Arc<Principal>),
    On {
        mirror: Mirror,
        tokens: watch::Receiver<u64>,
        file: Option<CredentialsFile>,
    },
}

/// What is looked up of a token.
#[derive(Clone)]
struct Proof {
    id: TokenId,
    digest: TokenDigest,
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
pub struct AuthEpoch {
    ledger: u64,
    file: u64,
}

// === impl Authenticator ===

impl Authenticator {
    /// Takes every caller for an administrator.
    pub fn insecure() -> Self {
        Self(Arc::new(Mode::Off(Arc::new(Principal::anonymous()))))
    }

    /// By the tokens in the mirror, and those of the file.
    pub fn new(mirror: Mirror, file: Option<CredentialsFile>) -> Self {
        let tokens = mirror.token_changes();
        Self(Arc::new(Mode::On { mirror, tokens, file }))
    }

    pub fn epoch(&self) -> AuthEpoch {
        match &*self.0 {
            Mode::Off(_) => AuthEpoch { ledger: 0, file: 0 },
            Mode::On { tokens, file, .. } => {
                AuthEpoch { ledger: *tokens.borrow(), file: file.as_ref().map_or(0, CredentialsFile::epoch) }
            }
        }
    }

    /// The principal that needs no proof, if nothing is checked.
    pub fn unchecked(&self) -> Option<Arc<Principal>> {
        match &*self.0 {
            Mode::Off(principal) => Some(principal.clone()),
            Mode::On { .. } => None,
        }
    }

    /// Whom the text of an `authorization` header proves.
    ///
    /// # Errors
    /// Says why the credential is refused. [`AuthError::Unknown`] may be asked again after the mirror has caught up.
    pub fn authenticate(&self, header: Option<&[u8]>) -> Result<Arc<Principal>, AuthError> {
        match &*self.0 {
            Mode::Off(principal) => Ok(principal.clone()),
            Mode::On { .. } => self.principal(&Proof::of(header)?),
        }
    }

    /// How long the caller with this `authorization` header, which was authenticated as `principal`, stays that. `None`: for
    /// ever.
    pub fn standing(&self, header: Option<&[u8]>, principal: Arc<Principal>) -> Option<Standing> {
        match &*self.0 {
            Mode::Off(_) => None,
            Mode::On { .. } => Some(Standing::new(self.clone(), Proof::of(header).ok()?, principal)),
        }
    }

    /// Whom a proof proves now.
    fn principal(&self, proof: &Proof) -> Result<Arc<Principal>, AuthError> {
        let (mirror, file) = match &*self.0 {
            Mode::Off(principal) => return Ok(principal.clone()),
            Mode::On { mirror, tokens: _, file } => (mirror, file),
        };
        let now = SystemTime::now().into();
        if let Some(principal) = file.as_ref().and_then(|file| file.principal(&proof.digest)) {
            let expired = principal.expires.is_some_and(|end| end <= now);
            return if expired { Err(AuthError::Expired) } else { Ok(principal) };
        }
        let known = mirror.token(&proof.id).ok_or(AuthError::Unknown)?;
        if !known.digest.matches(&proof.digest) {
            return Err(AuthError::Invalid);
        }
        known.principal(now).map(Arc::new).map_err(AuthError::from)
    }

    /// What says that a principal may be another now: the tokens of the ledger, and the file.
    fn changes(&self) -> (Option<watch::Receiver<u64>>, Option<watch::Receiver<u64>>) {
        match &*self.0 {
            Mode::Off(_) => (None, None),
            Mode::On { mirror: _, tokens, file } => (Some(tokens.clone()), file.as_ref().map(CredentialsFile::changes)),
        }
    }
}

// === impl Proof ===

impl Proof {
    /// Of an `authorization` header.
    fn of(header: Option<&[u8]>) -> Result<Self, AuthError> {
        let token = TokenText::parse(bearer(header.ok_or(AuthError::Missing)?)?).ok_or(AuthError::Invalid)?;
        Ok(Self { id: token.id(), digest: digest(&token) })
    }
}

/// The token of `Bearer <token>`. The scheme may be in any case (RFC 9110, 11.1).
fn bearer(header: &[u8]) -> Result<&str, AuthError> {
    let text = std::str::from_utf8(header).map_err(|_| AuthError::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(AuthError::Invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(AuthError::Invalid) }
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

    #[test]
    fn only_a_bearer_with_a_whole_token_is_looked_up() {
        let auth = Authenticator::new(Mirror::new(8), None);
        let token = generate();
        let said = |header: Option<&str>| auth.authenticate(header.map(str::as_bytes)).expect_err("nobody");
        assert_eq!(said(None), AuthError::Missing);
        for bad in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", token.expose(), "Bearer eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(said(Some(bad)), AuthError::Invalid, "{bad:?}");
        }
        let cut = &token.expose()[..52];
        assert_eq!(said(Some(&format!("Bearer {cut}0"))), AuthError::Invalid, "a damaged one");
        assert_eq!(auth.authenticate(Some(&[0xff, 0xfe])).expect_err("nobody"), AuthError::Invalid);
        for scheme in ["Bearer", "bearer"] {
            assert_eq!(said(Some(&format!("{scheme} {}", token.expose()))), AuthError::Unknown);
        }
    }

    #[test]
    fn tokens_differ() {
        let (one, two) = (generate(), generate());
        assert_ne!(one.id(), two.id());
        assert!(!digest(&one).matches(&digest(&two)));
    }

    #[test]
    fn without_a_check_everybody_is_the_same() {
        let principal = Authenticator::insecure().authenticate(None).expect("a principal");
        assert_eq!(principal.to_string(), "anonymous:anonymous");
    }
}
