//! The namespace with its isolation policies. They stand before anything can run inside.

mod isolation;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Api, ResourceExt, api::PostParams};
use sendstores_core::{
    StepFacts, StepName, Store,
    failure::FailureReason,
    observed::{Outlook, Progress, Seen},
    provisioner::StepError,
};
use serde_json::json;

use super::{
    done,
    ownership::{self, Owner},
    partial, waiting,
};
use crate::provision::{
    Context,
    engines::{StepDef, Watches},
    names, settings,
};

/// The strictest of the Pod Security Standards.
const POD_SECURITY: [(&str, &str); 3] = [
    ("pod-security.kubernetes.io/enforce", "restricted"),
    ("pod-security.kubernetes.io/audit", "restricted"),
    ("pod-security.kubernetes.io/warn", "restricted"),
];

pub(crate) const NAME: StepName = StepName::new("namespace");

const BEING_REMOVED: &str = "the namespace of this name is still being removed";

pub const STEP: StepDef = StepDef {
    facts: StepFacts {
        name: NAME,
        creates_namespace: true,
        proves_ready: false,
        usual_reason: FailureReason::NamespaceConflict,
    },
    observe: |context, store, _| Box::pin(observe(context, store)),
    ensure: |context, store| Box::pin(ensure(context, store)),
    watches: Watches::Namespace,
};

async fn observe(context: &Context, store: &Store) -> Result<Seen<Progress>, StepError> {
    match ownership::observe(context, store).await? {
        Owner::Free => Ok(Seen::Absent),
        Owner::Foreign => Err(ownership::conflict(store)),
        Owner::This { going: true, .. } | Owner::EarlierGoing => {
            Ok(waiting(Outlook::Going, FailureReason::NamespaceConflict, BEING_REMOVED))
        }
        Owner::This { namespace, .. } => observe_ours(context, store, &namespace).await,
    }
}

async fn observe_ours(context: &Context, store: &Store, namespace: &Namespace) -> Result<Seen<Progress>, StepError> {
    if !is_marked(namespace, &wanted(store, &context.instance)) {
        return Ok(partial("the namespace is not marked as it should be"));
    }
    let cluster = &context.cluster;
    let (quotas, limits, policies) = (cluster.in_store(store), cluster.in_store(store), cluster.in_store(store));
    let (quota, limits, policy): (Option<ResourceQuota>, Option<LimitRange>, Option<NetworkPolicy>) = tokio::try_join!(
        cluster.call(quotas.get_opt(names::LIMITS)),
        cluster.call(limits.get_opt(names::LIMITS)),
        cluster.call(policies.get_opt(names::DEFAULT_DENY)),
    )?;
    let counted = quota.as_ref().is_some_and(|quota| {
        quota.status.as_ref().is_some_and(|s| s.hard == quota.spec.as_ref().and_then(|s| s.hard.clone()))
    });
    let same = quota.is_some_and(|live| isolation::is_bound_by(&live, &isolation::quota(store, &context.quota)))
        && limits.is_some_and(|live| isolation::has_defaults(&live, &isolation::limits(store)))
        && policy.is_some_and(|live| isolation::denies_all(&live));
    Ok(match (same, counted) {
        (false, _) => partial("quota, limits or network policy are missing or changed"),
        // Until then the API refuses whatever the quota speaks of.
        (true, false) => {
            let detail = "the cluster has not taken up the quota yet";
            waiting(Outlook::Starting, FailureReason::ClusterUnavailable, detail)
        }
        (true, true) => done(),
    })
}

/// Whether the namespace has all labels and annotations of `wanted`.
fn is_marked(namespace: &Namespace, wanted: &Namespace) -> bool {
    let has = |live: &Option<BTreeMap<String, String>>, wanted: &Option<BTreeMap<String, String>>| {
        let mut pairs = wanted.iter().flatten();
        pairs.all(|(key, value)| live.as_ref().and_then(|live| live.get(key)) == Some(value))
    };
    let (live, want) = (&namespace.metadata, &wanted.metadata);
    let rest = |namespace: &Namespace| {
        [names::SUSPENDED, names::PURGE_TIME, names::OPERATION].map(|name| namespace.annotations().get(name).cloned())
    };
    has(&live.labels, &want.labels) && has(&live.annotations, &want.annotations) && rest(namespace) == rest(wanted)
}

/// Has the namespace remember what it takes to adopt the store, if it does not yet.
pub(crate) async fn remember(context: &Context, store: &Store) -> Result<(), StepError> {
    let Owner::This { namespace, going: false } = ownership::observe(context, store).await? else { return Ok(()) };
    match is_marked(&namespace, &wanted(store, &context.instance)) {
        true => Ok(()),
        false => mark(context, store, &namespace).await,
    }
}

/// Gives a namespace of this store its labels and annotations.
async fn mark(context: &Context, store: &Store, namespace: &Namespace) -> Result<(), StepError> {
    let mut wanted = wanted(store, &context.instance);
    // With its uid, so that a namespace that took its place meanwhile is not changed.
    wanted.metadata.uid = namespace.metadata.uid.clone();
    keep_past(&mut wanted, namespace);
    let api = context.cluster.all::<Namespace>();
    Ok(context.cluster.apply(&api, store.id.as_str(), &wanted).await?)
}

/// An old copy of the ledger may not know what became of the store since. The namespace does not forget it.
fn keep_past(wanted: &mut Namespace, live: &Namespace) {
    for name in [names::READY_TIME, names::MADE_FROM] {
        if let Some(value) = live.annotations().get(name) {
            wanted.annotations_mut().entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
}

async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    let cluster = &context.cluster;
    match ownership::observe(context, store).await? {
        Owner::Foreign => return Err(ownership::conflict(store)),
        Owner::This { going: true, .. } | Owner::EarlierGoing => {
            return Err(StepError::retryable(FailureReason::NamespaceConflict, BEING_REMOVED));
        }
        // Created, never applied: what appeared meanwhile has another owner.
        Owner::Free => {
            let api = cluster.all::<Namespace>();
            let how = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
            cluster.call(api.create(&how, &wanted(store, &context.instance))).await?;
        }
        Owner::This { namespace, .. } => mark(context, store, &namespace).await?,
    }
    let policies: Api<NetworkPolicy> = cluster.in_store(store);
    let (quotas, limits): (Api<ResourceQuota>, Api<LimitRange>) = (cluster.in_store(store), cluster.in_store(store));
    tokio::try_join!(
        cluster.put(&policies, isolation::default_deny(store)),
        cluster.put(&quotas, isolation::quota(store, &context.quota)),
        cluster.put(&limits, isolation::limits(store)),
    )?;
    Ok(())
}

/// The namespace as it should be. Its annotations are all it takes to adopt the store again.
pub(crate) fn wanted(store: &Store, instance: &str) -> Namespace {
    let spec = settings::spec(&store.spec);
    let labels: BTreeMap<&str, &str> = store.labels.iter().collect();
    let mut annotations = vec![
        (names::GENERATION, store.generation.to_string()),
        (names::SPEC_DIGEST, settings::digest(&spec)),
        (names::SPEC, spec.to_string()),
        (names::LABELS, json!(labels).to_string()),
        (names::URL, store.url.clone()),
    ];
    if let Some(tenant) = &store.tenant {
        annotations.push((names::TENANT, tenant.to_string()));
    }
    if let Some(time) = store.ready_time {
        annotations.push((names::READY_TIME, settings::time(time)));
    }
    if store.state.rests() {
        annotations.push((names::SUSPENDED, "true".to_owned()));
    }
    if let Some(time) = store.purge_time {
        annotations.push((names::PURGE_TIME, settings::time(time)));
    }
    if let Some(operation) = store.under_way().filter(|operation| operation.to.is_some() || operation.grows) {
        annotations.push((names::OPERATION, settings::operation(operation).to_string()));
    }
    if let Some(release) = &store.made_from {
        annotations.push((names::MADE_FROM, settings::release(release).to_string()));
    }
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(store.id.to_string());
    namespace.metadata.labels = Some(
        marks(store)
            .into_iter()
            .chain(POD_SECURITY.map(|(key, value)| (key.to_owned(), value.to_owned())))
            .chain([(names::INSTANCE.to_owned(), instance.to_owned())])
            .collect(),
    );
    namespace.metadata.annotations =
        Some(annotations.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    namespace
}

/// The labels that say whose an object is.
pub(crate) fn marks(store: &Store) -> BTreeMap<String, String> {
    [(names::MANAGED_BY, names::MANAGER), (names::STORE, store.id.as_str()), (names::UID, store.uid.as_str())]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[cfg(test)]
mod tests {
    use sendstores_core::Timestamp;

    use super::*;
    use crate::provision::steps::fixtures;

    #[test]
    fn a_namespace_does_not_forget_what_an_old_copy_of_the_ledger_does_not_know() {
        let never = fixtures::store();
        let mut once = never.clone();
        (once.ready_time, once.made_from) = (Some(Timestamp::from_micros(7)), Some(Box::new(fixtures::release())));
        let live = wanted(&once, "here");
        assert!(is_marked(&live, &wanted(&never, "here")) && !is_marked(&wanted(&never, "here"), &live));
        let mut marked = wanted(&never, "here");
        keep_past(&mut marked, &live);
        assert_eq!(marked.annotations(), live.annotations());
        once.ready_time = Some(Timestamp::from_micros(8));
        let mut newer = wanted(&once, "here");
        keep_past(&mut newer, &live);
        assert_ne!(
            newer.annotations()[names::READY_TIME],
            live.annotations()[names::READY_TIME],
            "the ledger's is newer"
        );
    }
}
