//! Removing everything of a store, and seeing that it is gone.

mod held;
#[cfg(test)]
mod tests;
mod volumes;

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Namespace, PersistentVolumeClaim, Pod, ResourceQuota},
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};
use sendstores_core::{
    Store,
    failure::FailureReason,
    observed::{Remains, Seen},
    provisioner::StepError,
};
use serde::de::DeserializeOwned;

use super::{
    namespace::marks,
    ownership::{self, Owner},
};
use crate::provision::{Context, errors::CallError, names};
pub(in crate::provision) use held::Holder;
pub(super) use held::{broken_api, conditions, holders};
pub(crate) use volumes::{KnownVolumes, left as volumes};

/// How many seconds a pod has to end. Its own time is for visitors who are still on their way to it; of those there are none.
const POD_GRACE: u32 = 2;

pub(crate) async fn observe(context: &Context, store: &Store) -> Result<Seen<Remains>, StepError> {
    let api = context.cluster.all::<Namespace>();
    let live = context.cluster.call(api.get_opt(store.id.as_str())).await?;
    match (ownership::of(live.clone(), store), live) {
        (Owner::This { going: false, .. }, _) => Ok(Seen::Known(Remains::Untouched)),
        (Owner::This { namespace, going: true }, _) => Ok(Seen::Known(held::left_in(&namespace))),
        (Owner::EarlierGoing | Owner::Foreign, Some(namespace)) => observe_foreign(context, store, &namespace).await,
        (Owner::Free | Owner::EarlierGoing | Owner::Foreign, _) => match volumes(context, store).await?.as_slice() {
            [] => Ok(Seen::Absent),
            left => Ok(Seen::Known(Remains::Going(format!("volumes are being removed: {}", left.join(", "))))),
        },
    }
}

/// A namespace whose labels say that it is not this store's. It may be so by a change of its labels alone, while the
/// store runs on in it: an object cannot move to another namespace, so one of ours in it shows that.
async fn observe_foreign(context: &Context, store: &Store, namespace: &Namespace) -> Result<Seen<Remains>, StepError> {
    let own_uid = namespace.labels().get(names::UID).is_some_and(|uid| uid == store.uid.as_str());
    if !own_uid && !holds_ours(context, store).await? {
        return Ok(Seen::Absent);
    }
    if namespace.metadata.deletion_timestamp.is_some() {
        return Ok(Seen::Known(held::left_in(namespace)));
    }
    let live = namespace.labels();
    let changed = marks(store).into_iter().filter(|(key, value)| live.get(key) != Some(value));
    let labels: Vec<String> = changed.map(|(key, value)| format!("{key}={value}")).collect();
    let message = format!(
        "namespace {} holds this store and no longer has the labels {}: it is left alone until they are put back \
         (kubectl label namespace {} --overwrite {}) or the namespace is removed by hand",
        store.id,
        labels.join(", "),
        store.id,
        labels.join(" "),
    );
    Err(StepError::retryable(FailureReason::RemovalBlocked, message))
}

/// Whether an object in the namespace carries the store's uid: those that each store has, and those that hold its data.
async fn holds_ours(context: &Context, store: &Store) -> Result<bool, StepError> {
    let (quotas, claims, sets, deployments) = tokio::try_join!(
        any_of::<ResourceQuota>(context, store),
        any_of::<PersistentVolumeClaim>(context, store),
        any_of::<StatefulSet>(context, store),
        any_of::<Deployment>(context, store),
    )?;
    Ok(quotas || claims || sets || deployments)
}

async fn any_of<K>(context: &Context, store: &Store) -> Result<bool, CallError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = context.cluster.in_store(store);
    let found = context.cluster.call(api.list_metadata(&ours(store).limit(1))).await?;
    Ok(!found.items.is_empty())
}

pub(crate) async fn remove(context: &Context, store: &Store) -> Result<(), StepError> {
    let Owner::This { namespace, .. } = ownership::observe(context, store).await? else { return Ok(()) };
    let cluster = &context.cluster;
    volumes::note(context, store).await?;
    let same = Preconditions { uid: namespace.metadata.uid.clone(), resource_version: None };
    let how = DeleteParams::background().preconditions(same);
    let namespaces: Api<Namespace> = cluster.all();
    match cluster.call(namespaces.delete(store.id.as_str(), &how)).await {
        Ok(_) => {}
        // It is gone, or another took its place: what stands there now is not ours to empty.
        Err(error) if error.is_not_found() || error.is_conflict() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    // The namespace's own clean-up begins after 5 s, and comes again 10 s later if it then finds anything left. What is
    // deleted now is gone by its first observation.
    let how = DeleteParams::background();
    let at_once = DeleteParams { grace_period_seconds: Some(POD_GRACE), ..DeleteParams::default() };
    let (deployments, sets, claims, pods) = tokio::join!(
        clear::<Deployment>(context, store, &how),
        clear::<StatefulSet>(context, store, &how),
        clear::<PersistentVolumeClaim>(context, store, &how),
        clear::<Pod>(context, store, &at_once),
    );
    if let Err(error) = pods {
        // An account of the chart of before may not. They go with what they belong to, in their own time.
        tracing::debug!(store = %store.id, %error, "the pods were not asked to end sooner");
    }
    Ok(deployments.and(sets).and(claims)?)
}

async fn clear<K>(context: &Context, store: &Store, how: &DeleteParams) -> Result<(), CallError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = context.cluster.in_store(store);
    match context.cluster.call(api.delete_collection(how, &ours(store))).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

/// What carries this store's uid, and not that of another store that took its namespace's name.
pub(crate) fn ours(store: &Store) -> ListParams {
    ListParams::default().labels(&format!("{}={}", names::UID, store.uid))
}
