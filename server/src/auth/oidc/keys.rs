//! The keys of an issuer (JWKS), by their ids.

use std::collections::HashMap;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::crypto;

/// More than any issuer has at once.
const MOST: usize = 100;

/// One key, and what it may be used with.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) key: DecodingKey,
    pub(super) algorithms: Vec<Algorithm>,
}

/// What an issuer signs with now.
#[derive(Clone, Default)]
pub(super) struct Keys {
    named: HashMap<String, Key>,
    unnamed: Vec<Key>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

// === impl Keys ===

impl Keys {
    /// Those of a JWKS that can be used; others are left out.
    ///
    /// # Errors
    /// It is no JWKS, or none of its keys can be used, or it has too many.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(body).map_err(|_| "it is no JWKS".to_owned())?;
        if document.keys.len() > MOST {
            return Err(format!("it has more than {MOST} keys"));
        }
        let mut keys = Self::default();
        for (id, key) in document.keys.into_iter().filter_map(usable) {
            match id {
                Some(id) => drop(keys.named.insert(id, key)),
                None => keys.unnamed.push(key),
            }
        }
        if keys.named.is_empty() && keys.unnamed.is_empty() {
            return Err("it has no key for signatures that are accepted here".to_owned());
        }
        Ok(keys)
    }

    /// The key that a header names. Without a name there must be no doubt which one it is.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        if let Some(id) = id {
            return self.named.get(id).filter(fits);
        }
        let mut fitting = self.named.values().chain(&self.unnamed).filter(fits);
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether there is a key of this name, whatever it is used with.
    pub(super) fn has(&self, id: &str) -> bool {
        self.named.contains_key(id)
    }
}

fn usable(value: Value) -> Option<(Option<String>, Key)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_for_signatures)?;
    let mut algorithms = crypto::of_family(key.family());
    if let Some(only) = jwk.common.key_algorithm {
        let only: Option<Algorithm> = only.to_string().parse().ok();
        algorithms.retain(|algorithm| Some(*algorithm) == only);
    }
    (!algorithms.is_empty()).then_some((jwk.common.key_id, Key { key, algorithms }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hostile;

    fn rsa(more: Value) -> Value {
        let mut key = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        key
    }

    fn keys(keys: &[Value]) -> Result<Keys, String> {
        Keys::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_found_by_its_id_and_its_algorithm() {
        let some = [rsa(json!({"kid": "a"})), rsa(json!({"kid": "b", "alg": "RS512", "use": "sig"}))];
        let keys = keys(&some).expect("keys");
        assert!(keys.find(Some("a"), Algorithm::PS256).is_some() && keys.find(Some("b"), Algorithm::RS512).is_some());
        for (id, algorithm) in
            [("a", Algorithm::ES256), ("a", Algorithm::HS256), ("b", Algorithm::RS256), ("../a", Algorithm::RS256)]
        {
            assert!(keys.find(Some(id), algorithm).is_none(), "{id} {algorithm:?}");
        }
        assert!(keys.find(None, Algorithm::RS256).is_some(), "only one is for it");
        assert!(keys.find(None, Algorithm::RS512).is_none(), "two are");
    }

    #[test]
    fn what_cannot_be_used_is_left_out() {
        let useless = [
            json!({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}),
            rsa(json!({"kid": "enc", "use": "enc"})),
            rsa(json!({"kid": "hmac", "alg": "HS256"})),
            rsa(json!({"kid": "oaep", "alg": "RSA-OAEP"})),
            json!({"kty": "new", "kid": "new"}),
            json!(7),
        ];
        assert!(keys(&useless).is_err());
        let keys = keys(&[&useless[..], &[rsa(json!({"kid": "good"}))]].concat()).expect("keys");
        assert_eq!((keys.named.len(), keys.unnamed.len()), (1, 0));
        for bad in ["", "[]", "{}", "{\"keys\": 7}"] {
            assert!(Keys::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let many: Vec<_> = (0..=MOST).map(|number| rsa(json!({"kid": number.to_string()}))).collect();
        assert!(super::tests::keys(&many).is_err());
    }

    #[test]
    fn whatever_an_issuer_sends_as_its_keys_is_bounded_or_refused() {
        let elliptic = json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB", "kid": "e", "alg": "ES256"});
        let some =
            [rsa(json!({"kid": "a", "alg": "RS512", "use": "sig"})), rsa(json!({})), elliptic, json!({"kty": "oct"})];
        hostile::check(&hostile::body(json!({ "keys": some })), |body| match Keys::parse(&body) {
            Ok(keys) => {
                assert!((1..=MOST).contains(&(keys.named.len() + keys.unnamed.len())));
                for id in [None, Some("a"), Some("e")] {
                    assert!(keys.find(id, Algorithm::HS256).is_none(), "a shared secret is no key of an issuer");
                }
            }
            Err(why) => hostile::assert_fit(&why, 100),
        });
        hostile::huge().iter().for_each(|body| assert!(Keys::parse(body).is_err()));
    }
}
