//! Waiting until an observation of the cluster differs from the last one.

use std::time::Duration;

use sendstores_core::{
    Evidence, Store,
    failure::FailureReason,
    observed::{Activity, Outlook, Progress, Remains, Seen, Waiting},
    provisioner::StepError,
    step::StepName,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Context,
    engines::{StepDef, Watches},
    informer::Kind,
    steps::{self, Workload},
};

/// What runs inside a container cannot be watched: it is observed again after waits that double between these.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// How long the charts give a pod to end its requests: a pod that takes this long is not stuck.
const POD_ENDS: Duration = Duration::from_secs(45);

/// Waits until the observation of a step differs from `last`.
pub(crate) async fn step(
    context: &Context,
    store: &Store,
    name: StepName,
    last: &Progress,
) -> Result<Seen<Progress>, StepError> {
    let StepDef { facts, watches, .. } = *steps::find(context, store, name)?;
    let deadline = Instant::now() + patience(context, store, last);
    // Before the first observation, so that no change between the two is missed.
    let changes = context.informers.subscribe(watched(store, watches));
    let mut look = FIRST_LOOK;
    loop {
        let seen = steps::observe(context, store, name).await?;
        if !matches!(&seen, Seen::Known(seen) if same(seen, last)) {
            return Ok(seen);
        }
        let next = async {
            tokio::select! {
                () = changes.changed() => {}
                () = pause(watches, look) => {}
            }
        };
        if timeout_at(deadline, next).await.is_err() {
            // A change may not have been reported: it is seen now.
            return match steps::observe(context, store, name).await? {
                Seen::Known(seen) if same(&seen, last) => {
                    Err(late(facts.usual_reason, &seen, patience(context, store, last)))
                }
                other => Ok(other),
            };
        }
        look = (look * 2).min(LAST_LOOK);
    }
}

/// Waits until the observation of what is left of a deleted store differs from `last`.
pub(crate) async fn removal(context: &Context, store: &Store, last: &Remains) -> Result<Seen<Remains>, StepError> {
    let patience = match last {
        // Nothing comes of waiting for it.
        Remains::Held(_) => context.deadlines.trouble.min(context.deadlines.removal),
        Remains::Untouched | Remains::Going(_) => context.deadlines.removal,
    };
    let deadline = Instant::now() + patience;
    let volumes = context.volumes.of(store).unwrap_or_default().into_iter().map(|name| (Kind::Volumes, name));
    let to = [(Kind::Namespaces, store.id.to_string())].into_iter().chain(volumes);
    let changes = context.informers.subscribe(to);
    loop {
        let seen = steps::removal::observe(context, store).await?;
        if seen != Seen::Known(last.clone()) {
            return Ok(seen);
        }
        if timeout_at(deadline, changes.changed()).await.is_err() {
            let seen = steps::removal::observe(context, store).await?;
            if seen != Seen::Known(last.clone()) {
                return Ok(seen);
            }
            return Err(blocked(last, patience));
        }
    }
}

/// Waits until the observation of what runs of a store that is to be suspended differs from `last`.
pub(crate) async fn stop(context: &Context, store: &Store, last: &Activity) -> Result<Seen<Activity>, StepError> {
    let patience = context.deadlines.removal + POD_ENDS;
    let deadline = Instant::now() + patience;
    let kinds = [Kind::Namespaces, Kind::StatefulSets, Kind::Deployments, Kind::Pods];
    let changes = context.informers.subscribe(kinds.map(|kind| (kind, store.id.to_string())));
    loop {
        let seen = steps::suspension::observe(context, store).await?;
        if seen != Seen::Known(last.clone()) {
            return Ok(seen);
        }
        if timeout_at(deadline, changes.changed()).await.is_err() {
            let seen = steps::suspension::observe(context, store).await?;
            if seen != Seen::Known(last.clone()) {
                return Ok(seen);
            }
            let what = match last {
                Activity::Running(what) | Activity::Stopping(what) => what,
                Activity::Resting => "nothing changed",
            };
            let message = format!("no progress for {patience:?}: {what}");
            return Err(StepError::retryable(FailureReason::SuspensionBlocked, message));
        }
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

/// What brings a step on, as informers have it.
fn watched(store: &Store, watches: Watches) -> Vec<(Kind, String)> {
    let kinds: &[Kind] = match watches {
        Watches::Nothing => &[],
        Watches::Namespace => &[Kind::Namespaces, Kind::Quotas],
        Watches::Workload(Workload { kind: steps::Kind::StatefulSet, .. }) => {
            &[Kind::StatefulSets, Kind::Pods, Kind::Claims, Kind::Warnings]
        }
        Watches::Workload(Workload { kind: steps::Kind::Deployment, .. }) => {
            &[Kind::Deployments, Kind::Pods, Kind::Claims, Kind::Warnings]
        }
        Watches::Inside(_) => &[Kind::Pods],
    };
    kinds.iter().map(|kind| (*kind, store.id.to_string())).collect()
}

/// Whether two observations count as the same. Two different failures do: otherwise each new one would restart the
/// deadline, and the wait would never end.
fn same(seen: &Progress, last: &Progress) -> bool {
    match (seen, last) {
        (Progress::Done(_), Progress::Done(_)) | (Progress::Failing(_), Progress::Failing(_)) => true,
        (seen, last) => seen == last,
    }
}

/// How long `last` may stay as it is.
fn patience(context: &Context, store: &Store, last: &Progress) -> Duration {
    match last {
        // Visitors are sent to what does not sell, and there is something to go back to.
        Progress::Failing(_) if store.is_moving() => context.deadlines.storefront.min(context.deadlines.trouble),
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
        Progress::Failing(evidence) => (usual, Evidence::failures(evidence)),
        Progress::Done(_) => (usual, "nothing changed".to_owned()),
    };
    StepError::retryable(reason, format!("{what} (no change for {waited:?})"))
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
