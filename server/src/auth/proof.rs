//! What a caller proves itself with, in the form in which it is looked up.

use std::sync::Arc;

use sendstores_core::{
    TokenId,
    token::{TokenDigest, TokenText},
};

use super::{AuthError, ClientCertificate, digest, jwt::Jwt};

/// What a call comes with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The text of the `authorization` header.
    pub header: Option<&'a [u8]>,
    /// What the connection was opened with.
    pub certificate: Option<&'a Arc<ClientCertificate>>,
}

/// The same, parsed. It has one of the two at least.
#[derive(Clone)]
pub(super) struct Proof {
    pub(super) bearer: Option<Bearer>,
    pub(super) certificate: Option<Arc<ClientCertificate>>,
}

#[derive(Clone)]
pub(super) enum Bearer {
    /// One of ours: what is looked up of it.
    Token { id: TokenId, digest: TokenDigest },
    /// One of somebody else.
    Jwt(Jwt),
}

// === impl Proof ===

impl Proof {
    pub(super) fn of(credentials: Credentials<'_>) -> Result<Self, AuthError> {
        let Credentials { header, certificate } = credentials;
        let bearer = header.map(Bearer::of).transpose()?;
        if bearer.is_none() && certificate.is_none() {
            return Err(AuthError::Missing);
        }
        Ok(Self { bearer, certificate: certificate.cloned() })
    }
}

// === impl Bearer ===

impl Bearer {
    fn of(header: &[u8]) -> Result<Self, AuthError> {
        let text = bearer(header)?;
        if let Some(token) = TokenText::parse(text) {
            return Ok(Self::Token { id: token.id(), digest: digest(&token) });
        }
        Jwt::parse(text).map(Self::Jwt).ok_or(AuthError::Invalid)
    }
}

/// The token of `Bearer <token>`. The scheme may be in any case (RFC 9110, 11.1).
fn bearer(header: &[u8]) -> Result<&str, AuthError> {
    let text = std::str::from_utf8(header).map_err(|_| AuthError::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(AuthError::Invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(AuthError::Invalid) }
}
