//! What a JWT says of itself, before anything of it is proved: it decides who is asked, and nothing else.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sendstores_core::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The text of a JWT, and what it says of itself.
#[derive(Clone)]
pub(super) struct Jwt {
    text: Arc<str>,
    digest: [u8; 32],
    claims: Arc<Claims>,
    header: Arc<Header>,
}

/// Looked at before the signature is: an algorithm that is not known has no name in the library that checks it.
#[derive(Default, Deserialize)]
struct Header {
    #[serde(default)]
    alg: String,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    aud: Audience,
    exp: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

// === impl Jwt ===

impl Jwt {
    /// `None`: it is no JWT.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|header| serde_json::from_slice(&header).ok());
        let header: Arc<Header> = Arc::new(header.unwrap_or_default());
        Some(Self { text: text.into(), digest: Sha256::digest(text).into(), claims: Arc::new(claims), header })
    }

    /// The secret itself.
    pub(super) fn expose(&self) -> &Arc<str> {
        &self.text
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The algorithm that the header names; empty if it names none.
    pub(super) fn algorithm(&self) -> &str {
        &self.header.alg
    }

    /// Whether the header has an extension that must be understood.
    pub(super) fn is_critical(&self) -> bool {
        self.header.crit.is_some()
    }

    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    pub(super) fn is_for(&self, audience: &str) -> bool {
        match &self.claims.aud {
            Audience::None => false,
            Audience::One(one) => one == audience,
            Audience::Many(many) => many.iter().any(|one| one == audience),
        }
    }

    /// When it expires. `None`: it does not say, or says something absurd.
    pub(super) fn expiry(&self) -> Option<Timestamp> {
        let seconds = self.claims.exp.filter(|seconds| (0.0..1e12).contains(seconds))?;
        Some(Timestamp::from_micros(seconds as i64 * 1_000_000))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::hostile;

    /// A JWT with these claims, unsigned.
    pub(in crate::auth) fn unsigned(claims: &serde_json::Value) -> String {
        let part = |value: &str| URL_SAFE_NO_PAD.encode(value);
        format!("{}.{}.{}", part("{\"alg\":\"RS256\"}"), part(&claims.to_string()), part("signature"))
    }

    #[test]
    fn claims_are_read_in_their_usual_forms() {
        let jwt = |claims: serde_json::Value| Jwt::parse(&unsigned(&claims)).expect("a JWT");
        let one = jwt(serde_json::json!({"iss": "https://i", "aud": "sendstores", "exp": 1_800_000_000}));
        assert_eq!(one.issuer(), "https://i");
        assert!(one.is_for("sendstores") && !one.is_for("other"));
        assert_eq!(one.expiry(), Some(Timestamp::from_micros(1_800_000_000_000_000)));
        let many = jwt(serde_json::json!({"aud": ["a", "sendstores"], "exp": 1.5, "more": {"x": 1}}));
        assert!(many.is_for("sendstores"));
        let none = jwt(serde_json::json!({"exp": 1e300}));
        assert!(!none.is_for("") && none.expiry().is_none());
    }

    #[test]
    fn what_is_no_jwt_is_not_looked_at() {
        let good = unsigned(&serde_json::json!({}));
        for bad in
            ["", ".", "..", "a.b.c", &format!("{good}.x"), "sst_a", &good.replace('.', ","), "a.e30", "e30.W10.x"]
        {
            assert!(Jwt::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn whatever_is_sent_as_a_token_is_a_jwt_or_none() {
        use proptest::prelude::*;

        let claims = serde_json::json!({"iss": "https://issuer", "aud": ["a", "b"], "exp": 1_700_000_000});
        let sealed = (hostile::text(), hostile::body(claims), hostile::text())
            .prop_map(|(header, body, end)| format!("{header}.{}.{end}", URL_SAFE_NO_PAD.encode(body)));
        hostile::check(&prop_oneof![1 => hostile::text(), 4 => sealed], |text| {
            let Some(jwt) = Jwt::parse(&text) else { return };
            assert!(!jwt.is_for("nobody of them"));
            let most = Timestamp::from_micros(1_000_000_000_000_000_000);
            assert!(jwt.expiry().is_none_or(|at| at >= Timestamp::from_micros(0) && at < most), "{:?}", jwt.expiry());
            assert_eq!(&**jwt.expose(), text);
        });
    }
}
