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
    StepFacts, StepName, Store,
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
use crate::provision::{
    Context,
    engines::{CredentialsDef, StepDef, Watches},
    errors::CallError,
    names,
};

pub(crate) const NAME: StepName = StepName::new("credentials");

pub const STEP: StepDef = StepDef {
    facts: StepFacts {
        name: NAME,
        creates_namespace: false,
        proves_ready: false,
        usual_reason: FailureReason::ObjectRefused,
    },
    observe: |context, store, _| Box::pin(observe(context, store)),
    ensure: |context, store| Box::pin(ensure(context, store)),
    watches: Watches::Nothing,
};

/// Names and lengths of the generated values.
type Keys = [(&'static str, usize)];

async fn observe(context: &Context, store: &Store) -> Result<Seen<Progress>, StepError> {
    let keys = context.engine(store)?.credentials.keys;
    Ok(match read(context, store).await? {
        None => Seen::Absent,
        Some(secret) => match missing(&secret, keys).as_slice() {
            [] => done(),
            keys => partial(format!("without {}", names_of(keys).join(", "))),
        },
    })
}

async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    let keys = context.engine(store)?.credentials.keys;
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(names::CREDENTIALS.to_owned()),
            labels: Some(marks(store)),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(generate(keys)),
        ..Secret::default()
    };
    let how = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
    match context.cluster.call(api.create(&how, &secret)).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => complete(context, store, keys).await,
        Err(error) => Err(error.into()),
    }
}

/// Adds what is missing to a Secret that is there, and nothing else.
async fn complete(context: &Context, store: &Store, keys: &Keys) -> Result<(), StepError> {
    let Some(secret) = read(context, store).await? else {
        return Err(StepError::retryable(
            FailureReason::ObjectRefused,
            "the credentials vanished while they were made",
        ));
    };
    let missing = missing(&secret, keys);
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
pub(crate) async fn admin_password(context: &Context, store: &Store) -> Result<SecretString, StepError> {
    let key = context.engine(store)?.credentials.password;
    let password = read(context, store).await?.and_then(|secret| value_of(secret, key));
    password.ok_or_else(|| StepError::retryable(FailureReason::ObjectRefused, "the credentials hold no admin password"))
}

/// The merchant's way in, if this very store's namespace holds it. What stands there for an earlier store of the id, or
/// was put there by another client, is not handed out.
pub(crate) async fn handed_out(context: &Context, store: &Store) -> Result<Option<Credentials>, StepError> {
    let Owner::This { going: false, .. } = ownership::observe(context, store).await? else { return Ok(None) };
    // The namespace may have been replaced since, so the Secret has to say whose it is, too.
    let secret = read(context, store).await?.filter(|secret| is_marked(secret, store));
    let CredentialsDef { password, login_path, user, .. } = context.engine(store)?.credentials;
    Ok(secret.and_then(|secret| value_of(secret, password)).map(|password| Credentials {
        admin_url: format!("{}{login_path}", store.url.trim_end_matches('/')),
        user: user(store),
        password: Password::new(password.expose_secret()),
    }))
}

fn is_marked(secret: &Secret, store: &Store) -> bool {
    let labels = secret.metadata.labels.as_ref();
    marks(store).iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn value_of(secret: Secret, key: &str) -> Option<SecretString> {
    let ByteString(bytes) = secret.data?.remove(key)?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(SecretString::from)
}

/// All generated values, so that they can be taken out of what is shown.
pub(crate) async fn values(context: &Context, store: &Store) -> Result<Vec<String>, StepError> {
    let data = read(context, store).await?.and_then(|secret| secret.data).unwrap_or_default();
    Ok(data.into_values().filter_map(|ByteString(bytes)| String::from_utf8(bytes).ok()).collect())
}

async fn read(context: &Context, store: &Store) -> Result<Option<Secret>, CallError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    context.cluster.call(api.get_opt(names::CREDENTIALS)).await
}

fn missing(secret: &Secret, keys: &Keys) -> Vec<(&'static str, usize)> {
    let there =
        |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).is_some_and(|value| !value.0.is_empty());
    keys.iter().copied().filter(|(key, _)| !there(key)).collect()
}

fn names_of(keys: &Keys) -> Vec<&'static str> {
    keys.iter().map(|(key, _)| *key).collect()
}

fn generate(keys: &Keys) -> BTreeMap<String, ByteString> {
    let value = |length| ByteString(random(length).expose_secret().as_bytes().to_vec());
    keys.iter().map(|(key, length)| ((*key).to_owned(), value(*length))).collect()
}

/// From the operating system's generator, reseeded: `rand`'s thread generator is one for secrets.
fn random(length: usize) -> SecretString {
    Alphanumeric.sample_string(&mut rand::rng(), length).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::{engines::woocommerce, steps::fixtures};

    const KEYS: &Keys = woocommerce::ENGINE.credentials.keys;
    const PASSWORD: &str = woocommerce::ENGINE.credentials.password;

    #[test]
    fn generated_values_have_their_length_and_alphabet_and_differ() {
        let (one, two) = (generate(KEYS), generate(KEYS));
        for (key, length) in KEYS.iter().copied() {
            let value = &one[key].0;
            assert_eq!(value.len(), length, "{key}");
            assert!(value.iter().all(u8::is_ascii_alphanumeric), "{key}");
            assert_ne!(value, &two[key].0, "{key}");
        }
    }

    #[test]
    fn only_a_secret_of_this_very_store_is_handed_out() {
        let store = fixtures::store();
        let mut secret = Secret { data: Some(generate(&[(PASSWORD, 32)])), ..Secret::default() };
        assert!(!is_marked(&secret, &store));
        secret.metadata.labels = Some(marks(&store));
        assert!(is_marked(&secret, &store));
        let earlier = "0193b0a0-7c3e-7000-8000-0000000000ff".to_owned();
        secret.metadata.labels.as_mut().unwrap().insert(names::UID.to_owned(), earlier);
        assert!(!is_marked(&secret, &store));
        assert_eq!(value_of(secret, PASSWORD).unwrap().expose_secret().len(), 32);
        assert!(value_of(Secret::default(), PASSWORD).is_none());
    }

    #[test]
    fn only_missing_keys_are_made() {
        let mut secret = Secret { data: Some(generate(KEYS)), ..Secret::default() };
        assert!(missing(&secret, KEYS).is_empty());
        secret.data.as_mut().unwrap().remove("nonce-salt");
        secret.data.as_mut().unwrap().insert("auth-key".to_owned(), ByteString(Vec::new()));
        assert_eq!(names_of(&missing(&secret, KEYS)), ["auth-key", "nonce-salt"]);
        assert_eq!(generate(&missing(&secret, KEYS)).len(), 2);
    }
}
