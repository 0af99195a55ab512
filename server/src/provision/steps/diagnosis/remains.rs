//! What keeps a store from being gone: mostly an object with a finalizer that no controller takes off.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Namespace, PersistentVolumeClaim, Pod, Secret, Service},
        networking::v1::Ingress,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt, api::ListParams};
use sendstores_core::{Diagnosis, Store, Timestamp, diagnosis::ObjectEvent, provisioner::StepError};
use serde::de::DeserializeOwned;

use super::{Culprit, Found, events_of};
use crate::provision::{
    Context, advice, redact,
    steps::{
        ownership::{self, Owner},
        removal::{self, Holder},
    },
};

pub(super) async fn diagnose(context: &Context, store: &Store) -> Result<Found, StepError> {
    let namespace = match ownership::observe(context, store).await? {
        Owner::This { namespace, .. } => namespace,
        Owner::Free => return volume(context, store).await,
        // The failure's message says whose namespace it is now.
        Owner::EarlierGoing | Owner::Foreign => return Ok(Found::default()),
    };
    let mut events = told_by(&namespace);
    // While an API cannot be listed, no object is known to be the last one: finalizers are left alone.
    if let Some((object, suggestion)) = removal::broken_api(&namespace).as_ref().and_then(advice::outside) {
        return Ok(found(Diagnosis { object, events, suggestion, ..Diagnosis::default() }));
    }
    let (culprit, holders) = match held(context, store).await? {
        Some(held) => held,
        None => (Culprit::new("Namespace", store.id.as_str()), removal::holders(&namespace.metadata)),
    };
    events.extend(events_of(context, store, &culprit).await?);
    let newest = events.len().saturating_sub(Diagnosis::MAX_EVENTS);
    let object = culprit.to_string();
    let suggestion = advice::held(&store.id, &object, &holders);
    Ok(found(Diagnosis { object, events: events.split_off(newest), log_tail: String::new(), suggestion }))
}

fn found(diagnosis: Diagnosis) -> Found {
    Found { diagnosis, ..Found::default() }
}

/// The first object that is to go and that a finalizer holds, of the kinds that mostly are. Others are in the conditions of the namespace.
async fn held(context: &Context, store: &Store) -> Result<Option<(Culprit, Vec<Holder>)>, StepError> {
    let found = [
        first::<PersistentVolumeClaim>(context, store).await?,
        first::<Pod>(context, store).await?,
        first::<Service>(context, store).await?,
        first::<Ingress>(context, store).await?,
        first::<StatefulSet>(context, store).await?,
        first::<Deployment>(context, store).await?,
        first::<Secret>(context, store).await?,
    ];
    Ok(found.into_iter().flatten().next())
}

async fn first<K>(context: &Context, store: &Store) -> Result<Option<(Culprit, Vec<Holder>)>, StepError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api = context.cluster.in_store::<K>(store);
    let all = context.cluster.call(api.list_metadata(&ListParams::default())).await?;
    let kind = match K::kind(&()) {
        std::borrow::Cow::Borrowed(kind) => kind,
        std::borrow::Cow::Owned(_) => "Object",
    };
    let held = all.items.iter().find(|object| is_held(&object.metadata));
    Ok(held.map(|object| (Culprit::new(kind, object.name_any()), removal::holders(&object.metadata))))
}

fn is_held(object: &ObjectMeta) -> bool {
    object.deletion_timestamp.is_some() && object.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
}

/// What the namespace itself reports of what is left in it.
fn told_by(namespace: &Namespace) -> Vec<ObjectEvent> {
    let told = removal::conditions(namespace).map(|condition| ObjectEvent {
        time: condition.last_transition_time.as_ref().map(|time| Timestamp::from_micros(time.0.as_microsecond())),
        reason: redact::short(&condition.type_, ObjectEvent::MAX_REASON),
        message: redact::short(condition.message.as_deref().unwrap_or_default(), ObjectEvent::MAX_MESSAGE),
    });
    told.collect()
}

/// A volume that outlives its namespace.
async fn volume(context: &Context, store: &Store) -> Result<Found, StepError> {
    let left = removal::volumes(context, store).await?;
    let object = left.first().map(|name| format!("PersistentVolume {name}")).unwrap_or_default();
    Ok(found(Diagnosis { object, ..Diagnosis::default() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_to_go_and_has_a_finalizer_is_held() {
        let object = |text| serde_json::from_value::<ObjectMeta>(text).unwrap();
        assert!(is_held(&object(json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}))));
        assert!(!is_held(&object(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}))));
        assert!(!is_held(&object(json!({"finalizers": ["kubernetes.io/pvc-protection"]}))));
    }
}
