//! Removing everything of a store, and seeing that it is gone.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim},
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};
use sendstores_core::{
    Store,
    observed::{Remains, Seen},
    provisioner::StepError,
};
use serde::de::DeserializeOwned;

use super::ownership::{self, Owner};
use crate::provision::{Context, errors::CallError, redact};

/// How many volumes are asked for at a time.
const PAGE: u32 = 500;

pub(crate) async fn observe(context: &Context, store: &Store) -> Result<Seen<Remains>, StepError> {
    match ownership::look(context, store).await? {
        Owner::This { going: false, .. } => Ok(Seen::Known(Remains::Untouched)),
        Owner::This { namespace, going: true } => Ok(Seen::Known(Remains::Going(left_in(&namespace)))),
        // A stranger under the name is none of our business; its volumes carry the same namespace as ours did.
        Owner::EarlierGoing | Owner::Foreign => Ok(Seen::Absent),
        Owner::Nobody => match volumes(context, store).await?.as_slice() {
            [] => Ok(Seen::Absent),
            left => Ok(Seen::Known(Remains::Going(format!("volumes are being removed: {}", left.join(", "))))),
        },
    }
}

pub(crate) async fn remove(context: &Context, store: &Store) -> Result<(), StepError> {
    let Owner::This { namespace, .. } = ownership::look(context, store).await? else { return Ok(()) };
    let cluster = &context.cluster;
    let same = Preconditions { uid: namespace.metadata.uid.clone(), resource_version: None };
    let how = DeleteParams::background().preconditions(same);
    let namespaces: Api<Namespace> = cluster.all();
    gone_is_well(cluster.call(namespaces.delete(store.id.as_str(), &how)).await)?;
    // The namespace's own clean-up begins after 5 s, and comes again 10 s later if it then finds anything left. What is
    // deleted now is gone by its first look.
    let (deployments, sets, claims) = tokio::join!(
        clear::<Deployment>(context, store),
        clear::<StatefulSet>(context, store),
        clear::<PersistentVolumeClaim>(context, store),
    );
    deployments.and(sets).and(claims)
}

async fn clear<K>(context: &Context, store: &Store) -> Result<(), StepError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = context.cluster.in_store(store);
    let (how, all) = (DeleteParams::background(), ListParams::default());
    gone_is_well(context.cluster.call(api.delete_collection(&how, &all)).await)
}

/// Not found is what was wanted; a conflict means that another took its place, which is not ours to remove.
fn gone_is_well<T>(outcome: Result<T, CallError>) -> Result<(), StepError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The volumes that were this store's and that the cluster will remove. One that an administrator told it to keep is
/// not counted: it stays by decision.
pub(crate) async fn volumes(context: &Context, store: &Store) -> Result<Vec<String>, CallError> {
    let api: Api<PersistentVolume> = context.cluster.all();
    let mut page = ListParams::default().limit(PAGE);
    let mut left = Vec::new();
    loop {
        let volumes = context.cluster.call(api.list(&page)).await?;
        left.extend(volumes.items.iter().filter(|volume| is_ours(volume, store)).map(ResourceExt::name_any));
        match volumes.metadata.continue_ {
            Some(token) if !token.is_empty() => page = page.continue_token(&token),
            _ => return Ok(left),
        }
    }
}

fn is_ours(volume: &PersistentVolume, store: &Store) -> bool {
    let Some(spec) = &volume.spec else { return false };
    let claimed_by = spec.claim_ref.as_ref().and_then(|claim| claim.namespace.as_deref());
    claimed_by == Some(store.id.as_str()) && spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete")
}

/// What the cluster itself says is left in a namespace that is going.
fn left_in(namespace: &Namespace) -> String {
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let told = conditions.filter(|condition| condition.status == "True").filter_map(|c| c.message.as_deref());
    let told: Vec<&str> = told.collect();
    match told.as_slice() {
        [] => "the namespace is being removed".to_owned(),
        told => redact::message(&format!("the namespace is being removed: {}", told.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn only_volumes_of_this_namespace_that_will_go_are_waited_for() {
        let store = fixtures::store();
        let ours = |namespace: &str, policy: &str| {
            let volume = json!({"metadata": {"name": "pv"}, "spec": {
                "claimRef": {"namespace": namespace, "name": "data"}, "persistentVolumeReclaimPolicy": policy}});
            is_ours(&serde_json::from_value(volume).unwrap(), &store)
        };
        assert!(ours(store.id.as_str(), "Delete"));
        assert!(!ours(store.id.as_str(), "Retain"));
        assert!(!ours("store-other", "Delete"));
        assert!(!is_ours(&PersistentVolume::default(), &store));
    }

    #[test]
    fn the_clusters_own_words_are_told() {
        let namespace: Namespace = serde_json::from_value(json!({"status": {"conditions": [
            {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"},
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "fine"},
        ]}}))
        .unwrap();
        assert_eq!(left_in(&namespace), "the namespace is being removed: pods. has 1 resource instances");
    }
}
