//! What is wrong with a token of an issuer, as far as its sender may know: none of it helps to make a better forgery.

/// Why a whole JWT is refused. One that is damaged, or whose signature is wrong, has no flaw of these: it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It is signed by an algorithm that is not accepted, or not at all.
    Algorithm,
    /// Its header has an extension that must be understood (`crit`).
    Critical,
    /// It names a key that its issuer does not publish, or not any more.
    Key,
    /// It is of an issuer that is not known here.
    Issuer,
    /// It is for others.
    Audience,
    /// It is not valid yet.
    Early,
    /// It has another value than is required in a claim.
    Claim,
    /// It is longer than any token needs to be.
    Length,
}

// === impl Flaw ===

impl Flaw {
    pub const ALL: [Self; 8] = [
        Self::Algorithm,
        Self::Critical,
        Self::Key,
        Self::Issuer,
        Self::Audience,
        Self::Early,
        Self::Claim,
        Self::Length,
    ];

    /// As callers get it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Algorithm => "TOKEN_ALGORITHM",
            Self::Critical => "TOKEN_CRITICAL_HEADER",
            Self::Key => "TOKEN_KEY_UNKNOWN",
            Self::Issuer => "TOKEN_ISSUER_UNKNOWN",
            Self::Audience => "TOKEN_AUDIENCE",
            Self::Early => "TOKEN_NOT_YET_VALID",
            Self::Claim => "TOKEN_CLAIM",
            Self::Length => "TOKEN_TOO_LONG",
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::Algorithm => "the token is signed by an algorithm that this server does not accept, or not signed",
            Self::Critical => "the header of the token has an extension (crit) that this server does not understand",
            Self::Key => {
                "the token is signed by a key that its issuer does not publish, or not any more; ask for a new one"
            }
            Self::Issuer => {
                "the token is of an issuer that this server does not know (--oidc-issuer, --kubernetes-tokens)"
            }
            Self::Audience => "the token is for another audience; ask its issuer for one that is for this server",
            Self::Early => "the token is not valid yet (nbf); compare the clocks",
            Self::Claim => "a claim of the token has another value than this server requires of its issuer",
            Self::Length => "the token is longer than 16 KiB; ask for one with fewer claims",
        }
    }
}
