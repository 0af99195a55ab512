//! Waiting until a look at the cluster shows something else.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Event, Namespace, PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota},
    },
};
use kube::Resource;
use sendstores_core::{
    Store,
    failure::FailureReason,
    observed::{Outlook, Progress, Remains, Seen, Waiting},
    provisioner::StepError,
    step::StepName,
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Context,
    engines::{StepDef, Watches},
    errors::CallError,
    steps::{self, Kind, Workload},
    watch::Changes,
};

/// A watch that ends sooner than this did not work at all.
const SOON: Duration = Duration::from_secs(1);

/// What runs inside a container cannot be watched: it is looked at again after waits that double between these.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Waits for a step to look different from `last`.
pub(crate) async fn step(
    context: &Context,
    store: &Store,
    name: StepName,
    last: &Progress,
) -> Result<Seen<Progress>, StepError> {
    let StepDef { facts, watches, .. } = *steps::find(context, store, name)?;
    let deadline = Instant::now() + patience(context, last);
    let mut look = FIRST_LOOK;
    loop {
        let begun = Instant::now();
        let mut changes = step_changes(context, store, watches).await?;
        loop {
            match steps::observe(context, store, name).await? {
                Seen::Known(seen) if same(&seen, last) => {}
                other => return Ok(other),
            }
            let next = async {
                tokio::select! {
                    open = changes.next() => open,
                    () = pause(watches, look) => true,
                }
            };
            match timeout_at(deadline, next).await {
                Ok(true) => look = (look * 2).min(LAST_LOOK),
                Ok(false) => break,
                // A watch may have ended without a word, so that what it should have told is still to be seen.
                Err(_) => match steps::observe(context, store, name).await? {
                    Seen::Known(seen) if same(&seen, last) => {
                        return Err(late(facts.usual_reason, &seen, patience(context, last)));
                    }
                    other => return Ok(other),
                },
            }
        }
        not_at_once(begun)?;
    }
}

/// Waits for what is left of a deleted store to look different from `last`.
pub(crate) async fn removal(context: &Context, store: &Store, last: &Remains) -> Result<Seen<Remains>, StepError> {
    let patience = match last {
        // Nothing comes of waiting for it.
        Remains::Held(_) => context.deadlines.trouble.min(context.deadlines.removal),
        Remains::Untouched | Remains::Going(_) => context.deadlines.removal,
    };
    let deadline = Instant::now() + patience;
    loop {
        let begun = Instant::now();
        let mut changes = removal_changes(context, store).await?;
        loop {
            let seen = steps::removal::observe(context, store).await?;
            if seen != Seen::Known(last.clone()) {
                return Ok(seen);
            }
            match timeout_at(deadline, changes.next()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    let seen = steps::removal::observe(context, store).await?;
                    if seen != Seen::Known(last.clone()) {
                        return Ok(seen);
                    }
                    return Err(blocked(last, patience));
                }
            }
        }
        not_at_once(begun)?;
    }
}

/// Ends when it is time to observe again what cannot be watched; never for what can.
async fn pause(watches: Watches, interval: Duration) {
    match watches {
        Watches::Inside(_) => sleep(interval).await,
        Watches::Nothing | Watches::Namespace | Watches::Workload(_) => std::future::pending().await,
    }
}

fn blocked(last: &Remains, waited: Duration) -> StepError {
    let left = match last {
        Remains::Untouched => "the removal was not begun",
        Remains::Going(left) | Remains::Held(left) => left,
    };
    StepError::retryable(FailureReason::RemovalBlocked, format!("no progress for {waited:?}: {left}"))
}

async fn step_changes(context: &Context, store: &Store, watches: Watches) -> Result<Changes, CallError> {
    let cluster = &context.cluster;
    match watches {
        Watches::Namespace => {
            let this = format!("metadata.name={}", store.id);
            let namespace = Changes::open(cluster, cluster.all::<Namespace>(), Some(&this)).await?;
            let quota = Changes::open(cluster, cluster.in_store::<ResourceQuota>(store), None).await?;
            Ok(Changes::merged([namespace, quota]))
        }
        Watches::Workload(Workload { kind: Kind::StatefulSet, .. }) => {
            workload_changes::<StatefulSet>(context, store).await
        }
        Watches::Workload(Workload { kind: Kind::Deployment, .. }) => {
            workload_changes::<Deployment>(context, store).await
        }
        Watches::Inside(_) => Changes::open(cluster, cluster.in_store::<Pod>(store), None).await,
        Watches::Nothing => Ok(Changes::none()),
    }
}

async fn workload_changes<W>(context: &Context, store: &Store) -> Result<Changes, CallError>
where
    W: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let cluster = &context.cluster;
    let (workload, pods, claims, warnings) = tokio::try_join!(
        Changes::open(cluster, cluster.in_store::<W>(store), None),
        Changes::open(cluster, cluster.in_store::<Pod>(store), None),
        Changes::open(cluster, cluster.in_store::<PersistentVolumeClaim>(store), None),
        Changes::open(cluster, cluster.in_store::<Event>(store), Some("type=Warning")),
    )?;
    Ok(Changes::merged([workload, pods, claims, warnings]))
}

/// The namespace while it is there, then each volume that is left.
async fn removal_changes(context: &Context, store: &Store) -> Result<Changes, StepError> {
    let cluster = &context.cluster;
    let this = format!("metadata.name={}", store.id);
    let mut all = vec![Changes::open(cluster, cluster.all::<Namespace>(), Some(&this)).await?];
    for volume in context.volumes.of(store).unwrap_or_default() {
        let this = format!("metadata.name={volume}");
        all.push(Changes::open(cluster, cluster.all::<PersistentVolume>(), Some(&this)).await?);
    }
    Ok(Changes::merged(all))
}

/// Whether two looks saw the same. A shop that fails now in this and now in that way is no further for it: otherwise its
/// wait would begin anew each time, and never end.
fn same(seen: &Progress, last: &Progress) -> bool {
    match (seen, last) {
        (Progress::Done(_), Progress::Done(_)) | (Progress::Failing(_), Progress::Failing(_)) => true,
        (seen, last) => seen == last,
    }
}

/// How long `last` may stay as it is.
fn patience(context: &Context, last: &Progress) -> Duration {
    match last {
        Progress::Failing(_) => context.deadlines.storefront,
        Progress::Waiting(Waiting { outlook: Outlook::Stuck, .. }) => context.deadlines.trouble,
        Progress::Waiting(Waiting { outlook: Outlook::Starting, .. }) => context.deadlines.start,
        Progress::Waiting(_) | Progress::Done(_) | Progress::Partial(_) => context.deadlines.wait,
    }
}

fn late(usual: FailureReason, last: &Progress, waited: Duration) -> StepError {
    let (reason, what) = match last {
        Progress::Waiting(waiting) => (waiting.reason, waiting.detail.clone()),
        Progress::Partial(detail) => (usual, detail.clone()),
        Progress::Failing(evidence) => {
            let failed = evidence.iter().filter(|evidence| !evidence.passed);
            let findings: Vec<String> = failed.map(|e| format!("{}: {}", e.check.as_str(), e.finding)).collect();
            (usual, findings.join("; "))
        }
        Progress::Done(_) => (usual, "nothing changed".to_owned()),
    };
    StepError::retryable(reason, format!("{what} (no change for {waited:?})"))
}

/// Keeps a watch that breaks at once, again and again, from turning into a storm of requests.
fn not_at_once(begun: Instant) -> Result<(), StepError> {
    if begun.elapsed() < SOON {
        return Err(StepError::retryable(
            FailureReason::ClusterUnavailable,
            "the Kubernetes API ended a watch at once",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::provision::engines::woocommerce::DATABASE_STEP;
    use crate::provision::{
        fake_api::{self, list},
        steps::fixtures,
    };

    /// The watches are silent, as those are whose connection was dropped on the way.
    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_ready_is_not_reported_as_unavailable_at_the_deadline() {
        let looks = AtomicUsize::new(0);
        let (context, _) = fake_api::context(move |line| match line {
            line if line.contains("/statefulsets/mysql") => {
                let ready = looks.fetch_add(1, Ordering::Relaxed);
                let status = json!({"replicas": 1, "readyReplicas": ready.min(1)});
                (200, json!({"metadata": {"name": "mysql"}, "spec": {"replicas": 1}, "status": status}))
            }
            _ => list(&[]),
        });
        let last = Progress::Waiting(Waiting {
            reason: FailureReason::DatabaseUnavailable,
            detail: "the pod is not there yet".to_owned(),
            outlook: Outlook::Going,
        });
        let seen = Box::pin(step(&context, &fixtures::store(), DATABASE_STEP, &last)).await.unwrap();
        assert_eq!(seen, Seen::Known(Progress::Done(Vec::new())));
    }
}
