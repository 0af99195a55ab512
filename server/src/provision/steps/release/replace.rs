//! Replacing a StatefulSet that an upgrade cannot change.
//!
//! The chart's database has `podManagementPolicy: Parallel`, and Kubernetes makes that field immutable. A store whose
//! StatefulSet was made without it keeps its pod and its volume: only the StatefulSet is deleted, and the next helm makes it
//! again around them.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};
use sendstores_core::{Store, failure::FailureReason, provisioner::StepError};
use tokio::time::{Instant, timeout_at};

use crate::provision::{Context, informer::Kind};

/// How the API refuses to change such a field.
const REFUSED: &str = "updates to statefulset spec for fields other than";

/// Whether helm failed because of the StatefulSet, and that is now gone without its pod: then helm may be run again.
pub(super) async fn after(context: &Context, store: &Store, error: &StepError) -> Result<bool, StepError> {
    if !error.message.contains(REFUSED) {
        return Ok(false);
    }
    let Some(name) = context.engine(store)?.stateful_set() else { return Ok(false) };
    let api: Api<StatefulSet> = context.cluster.in_store(store);
    let Some(live) = context.cluster.call(api.get_opt(name)).await? else { return Ok(true) };
    let policy = live.spec.as_ref().and_then(|spec| spec.pod_management_policy.as_deref());
    if policy == Some("Parallel") {
        // Something else cannot be changed, such as the size of the volume. That is for the operator to decide.
        return Ok(false);
    }
    let this = Preconditions { uid: live.metadata.uid.clone(), resource_version: None };
    match context.cluster.call(api.delete(name, &DeleteParams::orphan().preconditions(this))).await {
        Ok(_) => tracing::info!(store = %store.id, "the database's StatefulSet is replaced; its pod stays"),
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(error.into()),
    }
    until_gone(context, store, &api, &live).await?;
    Ok(true)
}

/// The pod is first released from its owner; helm would otherwise change an object that is about to go.
async fn until_gone(
    context: &Context,
    store: &Store,
    api: &Api<StatefulSet>,
    before: &StatefulSet,
) -> Result<(), StepError> {
    let deadline = Instant::now() + context.deadlines.trouble;
    let name = before.metadata.name.as_deref().unwrap_or_default();
    let changes = context.informers.subscribe([(Kind::StatefulSets, store.id.to_string())]);
    loop {
        let live = context.cluster.call(api.get_metadata_opt(name)).await?;
        if live.is_none_or(|live| live.metadata.uid != before.metadata.uid) {
            return Ok(());
        }
        if timeout_at(deadline, changes.changed()).await.is_err() {
            let message = "the database's StatefulSet is to be replaced and is still there";
            return Err(StepError::retryable(FailureReason::ReleaseFailed, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use serde_json::{Value, json};

    use super::*;
    use crate::provision::{
        fake_api::{self, Requests, list, refused},
        steps::fixtures,
    };

    const SAID: &str = "Error: UPGRADE FAILED: cannot patch \"mysql\" with kind StatefulSet: StatefulSet.apps \"mysql\" is \
                        invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden";

    async fn after_error(message: &str, policy: &Value) -> (bool, Requests) {
        let set = json!({"metadata": {"name": "mysql", "uid": "set-1"}, "spec": {"podManagementPolicy": policy}});
        let gone = AtomicBool::new(false);
        let (context, requests) = fake_api::context(move |line| {
            if line.starts_with("DELETE") {
                gone.store(true, Ordering::Relaxed);
            }
            match line {
                line if line.contains("limit=1") => list(&[]),
                _ if gone.load(Ordering::Relaxed) && line.starts_with("GET") => refused(404, "NotFound"),
                _ => (200, set.clone()),
            }
        });
        let error = StepError::retryable(FailureReason::ObjectRefused, message);
        (after(&context, &fixtures::store(), &error).await.unwrap(), requests)
    }

    #[tokio::test]
    async fn a_statefulset_of_an_earlier_chart_makes_room_and_leaves_its_pod() {
        let (again, requests) = after_error(SAID, &json!("OrderedReady")).await;
        assert!(again);
        let all = requests.all();
        let deletion = all.iter().find(|line| line.starts_with("DELETE")).expect("a deletion");
        assert!(deletion.contains(r#""propagationPolicy":"Orphan""#) && deletion.contains("set-1"), "{deletion}");
    }

    #[tokio::test]
    async fn no_other_failure_replaces_it() {
        for (message, policy) in [(SAID, json!("Parallel")), ("exceeded quota", json!("OrderedReady"))] {
            let (again, requests) = after_error(message, &policy).await;
            assert!(!again && requests.count("DELETE") == 0, "{message}: {:#?}", requests.all());
        }
    }
}
