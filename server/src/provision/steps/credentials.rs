//! The generated passwords and keys: made once, and never changed by us again.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use sendstores_core::{
    Store,
    credentials::{Credentials, Password},
    failure::FailureReason,
    observed::{Progress, Seen},
    provisioner::StepError,
};
use serde_json::json;

use super::{
    done,
    namespace::marks,
    ownership::{self, Owner},
    partial,
};
use crate::provision::{Context, errors::CallError, names};

const ADMIN_PASSWORD: &str = "admin-password";

/// Letters and digits only, since a quote or backslash in a WordPress password cannot log in: 32 of them hold 190 bits.
const KEYS: [(&str, usize); 11] = [
    ("db-root-password", 32),
    ("db-password", 32),
    (ADMIN_PASSWORD, 32),
    ("auth-key", 64),
    ("secure-auth-key", 64),
    ("logged-in-key", 64),
    ("nonce-key", 64),
    ("auth-salt", 64),
    ("secure-auth-salt", 64),
    ("logged-in-salt", 64),
    ("nonce-salt", 64),
];

pub(super) async fn observe(context: &Context, store: &Store) -> Result<Seen<Progress>, StepError> {
    Ok(match read(context, store).await? {
        None => Seen::Absent,
        Some(secret) => match missing(&secret).as_slice() {
            [] => done(),
            keys => partial(format!("without {}", keys.join(", "))),
        },
    })
}

pub(super) async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(names::CREDENTIALS.to_owned()),
            labels: Some(marks(store)),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(generate(&KEYS.map(|(key, _)| key))),
        ..Secret::default()
    };
    let how = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
    match context.cluster.call(api.create(&how, &secret)).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => complete(context, store).await,
        Err(error) => Err(error.into()),
    }
}

/// Adds what is missing to a Secret that is there, and nothing else.
async fn complete(context: &Context, store: &Store) -> Result<(), StepError> {
    let Some(secret) = read(context, store).await? else {
        return Err(StepError::retryable(
            FailureReason::ObjectRefused,
            "the credentials vanished while they were made",
        ));
    };
    let missing = missing(&secret);
    if missing.is_empty() {
        return Ok(());
    }
    // Bound to the version that was read: a key that appeared meanwhile is not overwritten.
    let patch = json!({
        "metadata": {"resourceVersion": secret.metadata.resource_version},
        "data": generate(&missing),
    });
    let how = PatchParams { field_manager: Some(names::MANAGER.to_owned()), ..PatchParams::default() };
    let api: Api<Secret> = context.cluster.in_store(store);
    context.cluster.call(api.patch(names::CREDENTIALS, &how, &Patch::Merge(&patch))).await?;
    Ok(())
}

/// The merchant's first password, for the installation.
pub(super) async fn admin_password(context: &Context, store: &Store) -> Result<SecretString, StepError> {
    let password = read(context, store).await?.and_then(password_in);
    password.ok_or_else(|| StepError::retryable(FailureReason::ObjectRefused, "the credentials hold no admin password"))
}

/// The merchant's way in, if this very store's namespace holds it. What stands there for an earlier store of the id, or
/// was put there by somebody else, is not handed out.
pub(super) async fn handed_out(context: &Context, store: &Store) -> Result<Option<Credentials>, StepError> {
    let Owner::This { going: false, .. } = ownership::look(context, store).await? else { return Ok(None) };
    // The namespace may have been replaced since, so the Secret has to say whose it is, too.
    let secret = read(context, store).await?.filter(|secret| is_marked(secret, store));
    Ok(secret.and_then(password_in).map(|password| Credentials {
        admin_url: format!("{}/wp-admin/", store.url.trim_end_matches('/')),
        user: store.spec.shop.admin_user.to_string(),
        password: Password::new(password.expose_secret()),
    }))
}

fn is_marked(secret: &Secret, store: &Store) -> bool {
    let labels = secret.metadata.labels.as_ref();
    marks(store).iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn password_in(secret: Secret) -> Option<SecretString> {
    let ByteString(bytes) = secret.data?.remove(ADMIN_PASSWORD)?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(SecretString::from)
}

/// All generated values, so that they can be taken out of what is shown.
pub(super) async fn values(context: &Context, store: &Store) -> Result<Vec<String>, StepError> {
    let data = read(context, store).await?.and_then(|secret| secret.data).unwrap_or_default();
    Ok(data.into_values().filter_map(|ByteString(bytes)| String::from_utf8(bytes).ok()).collect())
}

async fn read(context: &Context, store: &Store) -> Result<Option<Secret>, CallError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    context.cluster.call(api.get_opt(names::CREDENTIALS)).await
}

fn missing(secret: &Secret) -> Vec<&'static str> {
    let there =
        |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).is_some_and(|value| !value.0.is_empty());
    KEYS.into_iter().map(|(key, _)| key).filter(|key| !there(key)).collect()
}

fn generate(keys: &[&'static str]) -> BTreeMap<String, ByteString> {
    let wanted = KEYS.into_iter().filter(|(key, _)| keys.contains(key));
    wanted
        .map(|(key, length)| (key.to_owned(), ByteString(random(length).expose_secret().as_bytes().to_vec())))
        .collect()
}

/// From the operating system's generator, reseeded: `rand`'s thread generator is one for secrets.
fn random(length: usize) -> SecretString {
    Alphanumeric.sample_string(&mut rand::rng(), length).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn generated_values_have_their_length_and_alphabet_and_differ() {
        let keys = KEYS.map(|(key, _)| key);
        let (one, two) = (generate(&keys), generate(&keys));
        for (key, length) in KEYS {
            let value = &one[key].0;
            assert_eq!(value.len(), length, "{key}");
            assert!(value.iter().all(u8::is_ascii_alphanumeric), "{key}");
            assert_ne!(value, &two[key].0, "{key}");
        }
    }

    #[test]
    fn only_a_secret_of_this_very_store_is_handed_out() {
        let store = fixtures::store();
        let mut secret = Secret { data: Some(generate(&[ADMIN_PASSWORD])), ..Secret::default() };
        assert!(!is_marked(&secret, &store));
        secret.metadata.labels = Some(marks(&store));
        assert!(is_marked(&secret, &store));
        let earlier = "0193b0a0-7c3e-7000-8000-0000000000ff".to_owned();
        secret.metadata.labels.as_mut().unwrap().insert(names::UID.to_owned(), earlier);
        assert!(!is_marked(&secret, &store));
        assert_eq!(password_in(secret).unwrap().expose_secret().len(), 32);
        assert!(password_in(Secret::default()).is_none());
    }

    #[test]
    fn only_missing_keys_are_made() {
        let mut secret = Secret { data: Some(generate(&KEYS.map(|(key, _)| key))), ..Secret::default() };
        assert!(missing(&secret).is_empty());
        secret.data.as_mut().unwrap().remove("nonce-salt");
        secret.data.as_mut().unwrap().insert("auth-key".to_owned(), ByteString(Vec::new()));
        assert_eq!(missing(&secret), ["auth-key", "nonce-salt"]);
        assert_eq!(generate(&missing(&secret)).len(), 2);
    }
}
