//! A token: by what a caller proves who it is. The ledger keeps the digest of its text, never the text.

mod text;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

pub use text::TokenText;

use crate::{
    access::{Permission, Principal, PrincipalKind, PrincipalName, Role, Scope},
    id::TokenId,
    resource::UnknownFields,
    revision::Revision,
    text::Invalid,
    time::Timestamp,
};

/// The longest life of a token that has an end.
pub const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The life of a token of which nothing else is said.
pub const USUAL_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The SHA-256 of the whole text of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

/// One token, as the ledger keeps it. A revoked one is a tombstone: it is known for a while as what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: PrincipalName,
    pub digest: TokenDigest,
    pub role: Role,
    pub scope: Scope,
    /// Narrows the role to these. `None`: the role as it is.
    pub abilities: Option<BTreeSet<Permission>>,
    /// Who made it, as [`Principal`] is shown.
    pub creator: String,
    /// Set by the ledger; [`Revision::ZERO`] until it was written.
    pub revision: Revision,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    /// `None`: never.
    pub expire_time: Option<Timestamp>,
    pub revoke_time: Option<Timestamp>,
    /// What the record has beside all this; nearly always nothing.
    pub unknown: Option<Arc<UnknownFields>>,
}

/// What a new token is made from.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub id: TokenId,
    pub name: PrincipalName,
    pub digest: TokenDigest,
    pub role: Role,
    pub scope: Scope,
    pub abilities: Option<BTreeSet<Permission>>,
    pub creator: String,
    pub expire_time: Option<Timestamp>,
}

/// Why a token is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    Expired,
    Revoked,
}

// === impl Token ===

impl Token {
    pub fn new(new: NewToken, now: Timestamp) -> Self {
        let NewToken { id, name, digest, role, scope, abilities, creator, expire_time } = new;
        Self {
            id,
            name,
            digest,
            role,
            scope,
            abilities,
            creator,
            revision: Revision::ZERO,
            create_time: now,
            update_time: now,
            expire_time,
            revoke_time: None,
            unknown: None,
        }
    }

    /// The token after its end. One that was revoked before is as it was.
    #[must_use]
    pub fn revoked(&self, now: Timestamp) -> Self {
        match self.revoke_time {
            Some(_) => self.clone(),
            None => Self { revoke_time: Some(now), update_time: now, ..self.clone() },
        }
    }

    /// Whether it has ended.
    pub fn is_deleted(&self) -> bool {
        self.revoke_time.is_some()
    }

    /// Whom it proves now.
    pub fn principal(&self, now: Timestamp) -> Result<Principal, TokenRefusal> {
        if self.revoke_time.is_some() {
            return Err(TokenRefusal::Revoked);
        }
        if self.expire_time.is_some_and(|end| end <= now) {
            return Err(TokenRefusal::Expired);
        }
        Ok(Principal {
            kind: PrincipalKind::Token,
            name: self.name.clone(),
            id: self.id.as_str().to_owned(),
            role: self.role,
            scope: self.scope.clone(),
            abilities: self.abilities.clone(),
            expires: self.expire_time,
        })
    }
}

// === impl TokenDigest ===

impl TokenDigest {
    pub fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Takes as long whether the first byte differs or the last.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differ, (one, two)| differ | (one ^ two)) == 0
    }

    /// In hex, as `sha256sum` prints it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::new("must be a SHA-256 in hex: 64 of 0-9 and a-f");
        let digits: Vec<u8> = text.chars().map_while(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
        if text.len() != 64 || digits.len() != 64 {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digits.chunks(2)).for_each(|(byte, pair)| *byte = pair[0] << 4 | pair[1]);
        Ok(Self(bytes))
    }
}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn token(expire_time: Option<Timestamp>) -> Token {
        let new = NewToken {
            id: "4fKq0ZpL2x".parse().expect("an id"),
            name: "ci".parse().expect("a name"),
            digest: TokenDigest::new([7; 32]),
            role: Role::Tenant,
            scope: Scope::of_tenants(["acme".parse().expect("a tenant")]).expect("a scope"),
            abilities: None,
            creator: "cli".to_owned(),
            expire_time,
        };
        Token::new(new, at(1))
    }

    #[test]
    fn a_token_proves_who_it_is_until_it_ends() {
        let forever = token(None);
        assert_eq!(
            forever.principal(at(9)).map(|principal| principal.to_string()),
            Ok("token:ci#4fKq0ZpL2x".to_owned())
        );
        let brief = token(Some(at(5)));
        assert!(brief.principal(at(4)).is_ok());
        assert_eq!(brief.principal(at(5)), Err(TokenRefusal::Expired));
        let revoked = brief.revoked(at(3));
        assert_eq!(revoked.principal(at(4)), Err(TokenRefusal::Revoked));
        assert_eq!(revoked.principal(at(9)), Err(TokenRefusal::Revoked));
        assert_eq!(revoked.revoked(at(8)), revoked, "its end is its first");
        assert_eq!((forever.is_deleted(), revoked.is_deleted()), (false, true));
    }

    #[test]
    fn a_digest_is_written_in_hex() {
        let text = "00ff".to_owned() + &"a5".repeat(30);
        let digest = TokenDigest::parse(&text).expect("a digest");
        assert_eq!(digest.to_string(), text);
        assert!(digest.matches(&TokenDigest::parse(&text).expect("a digest")));
        assert!(!digest.matches(&TokenDigest::new([0; 32])));
        for bad in ["", "00", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert!(TokenDigest::parse(bad).is_err(), "{bad:?}");
        }
    }
}
