//! Why a step does not come to its end: the object that blocks, what the cluster told of it, and what it logged.
//!
//! It is read once a step has failed, never on the way, and nothing depends on it: what cannot be read is left out.

mod events;
mod log;
mod remains;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{Api, ResourceExt, api::ListParams};
use sendstores_core::{Diagnosis, Store, failure::FailureReason, provisioner::StepError, step::StepName};

use self::log::{Source, Tail};
use super::workload::{self, Sight, Workload};
use crate::provision::{Context, engines::Watches, names};

/// All of it takes no longer.
const LIMIT: Duration = Duration::from_secs(5);
/// How many events of a namespace are looked through.
const EVENTS: u32 = 500;

/// The object that blocks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Culprit {
    kind: &'static str,
    name: String,
    /// Where its log is, if it has one.
    log: Option<Source>,
}

/// What was found, and the reason that it names; that of the failure, where it names no better one.
pub(crate) async fn diagnose(
    context: &Context,
    store: &Store,
    step: StepName,
    reason: FailureReason,
) -> (FailureReason, Diagnosis) {
    match tokio::time::timeout(LIMIT, look(context, store, step, reason)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::debug!(store = %store.id, %step, %error, "what blocks the step could not be read");
            (reason, Diagnosis::default())
        }
        Err(_) => (reason, Diagnosis::default()),
    }
}

async fn look(
    context: &Context,
    store: &Store,
    step: StepName,
    reason: FailureReason,
) -> Result<(FailureReason, Diagnosis), StepError> {
    if step == StepName::REMOVAL {
        return Ok((reason, remains::look(context, store).await?));
    }
    let culprit = match (super::find(context, store, step)?.watches, reason) {
        // An API that does not answer will not say more now.
        (_, FailureReason::ClusterUnavailable) => return Ok((reason, Diagnosis::default())),
        (Watches::Namespace | Watches::Nothing, FailureReason::QuotaExceeded) => {
            Culprit::new("ResourceQuota", names::LIMITS)
        }
        (Watches::Namespace, _) => Culprit::new("Namespace", store.id.as_str()),
        (Watches::Nothing, _) => return Ok((reason, Diagnosis::default())),
        (Watches::Workload(workload) | Watches::Inside(workload), _) => {
            culprit(&workload::sight(context, store, workload).await?, workload, reason)
        }
    };
    let (events, log) = tokio::join!(events_of(context, store, &culprit), log_of(context, store, &culprit));
    let log = log?;
    let reason = if log.is_fatal { FailureReason::PhpFatalError } else { reason };
    Ok((reason, Diagnosis { object: culprit.to_string(), events: events?, log_tail: log.text }))
}

/// The one of a workload's objects that the others wait for.
fn culprit(sight: &Sight, workload: Workload, reason: FailureReason) -> Culprit {
    let Workload { kind, name } = workload;
    let Some(pod) = sight.newest_pod() else { return Culprit::new(kind.as_str(), name) };
    let placed = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    match sight.pending_claim().filter(|_| !placed && reason != FailureReason::PodUnschedulable) {
        Some(claim) => Culprit::new("PersistentVolumeClaim", claim),
        None => Culprit { log: source(pod, name), ..Culprit::new("Pod", pod.name_any()) },
    }
}

/// The log of the container that runs, or of the one before it where that has ended and none runs.
fn source(pod: &Pod, container: &'static str) -> Option<Source> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let status = statuses.iter().find(|status| status.name == container)?;
    let state = status.state.clone().unwrap_or_default();
    let begun = state.running.is_some() || state.terminated.is_some();
    (begun || status.restart_count > 0).then(|| Source { pod: pod.name_any(), container, previous: !begun })
}

async fn events_of(
    context: &Context,
    store: &Store,
    culprit: &Culprit,
) -> Result<Vec<sendstores_core::diagnosis::ObjectEvent>, StepError> {
    let api: Api<Event> = context.cluster.in_store(store);
    let found = context.cluster.call(api.list(&ListParams::default().limit(EVENTS))).await?;
    Ok(events::about(&found.items, culprit.kind, &culprit.name))
}

async fn log_of(context: &Context, store: &Store, culprit: &Culprit) -> Result<Tail, StepError> {
    match &culprit.log {
        Some(source) => log::read(context, store, source).await,
        None => Ok(Tail::default()),
    }
}

// === impl Culprit ===

impl Culprit {
    fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), log: None }
    }
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provision::engines::woocommerce::DATABASE;

    fn found(pods: Value, claims: Value) -> Culprit {
        let (pods, claims) = (serde_json::from_value(pods).unwrap(), serde_json::from_value(claims).unwrap());
        let sight = Sight { workload: Some(DATABASE), pods, claims, warnings: Vec::new() };
        culprit(&sight, DATABASE, FailureReason::DatabaseUnavailable)
    }

    fn pod(spec: Value, state: Value, restarts: u32) -> Value {
        json!([{"metadata": {"name": "mysql-0"}, "spec": spec, "status": {"containerStatuses": [
            {"name": "mysql", "image": "i", "imageID": "", "ready": false, "restartCount": restarts, "state": state}]}}])
    }

    #[test]
    fn the_object_that_the_others_wait_for_is_named() {
        assert_eq!(found(json!([]), json!([])).to_string(), "StatefulSet mysql");
        let pending = json!([{"metadata": {"name": "data-mysql-0"}, "status": {"phase": "Pending"}}]);
        let unplaced = pod(json!({"containers": []}), json!({}), 0);
        assert_eq!(found(unplaced.clone(), pending.clone()).to_string(), "PersistentVolumeClaim data-mysql-0");
        assert_eq!(found(unplaced, json!([])).to_string(), "Pod mysql-0");
        let placed = pod(json!({"containers": [], "nodeName": "n"}), json!({}), 0);
        assert_eq!(found(placed, pending).to_string(), "Pod mysql-0");
    }

    #[test]
    fn the_log_is_that_of_whoever_ran_last() {
        let log = |state: Value, restarts| found(pod(json!({"containers": []}), state, restarts), json!([])).log;
        let previous = |log: Option<Source>| log.map(|source| source.previous);
        assert_eq!(previous(log(json!({"running": {}}), 0)), Some(false));
        assert_eq!(previous(log(json!({"terminated": {"exitCode": 1}}), 0)), Some(false));
        assert_eq!(previous(log(json!({"waiting": {"reason": "CrashLoopBackOff"}}), 3)), Some(true));
        assert_eq!(previous(log(json!({"waiting": {"reason": "ImagePullBackOff"}}), 0)), None);
    }
}
