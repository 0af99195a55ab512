//! The object that blocks.

use std::{borrow::Cow, fmt};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use sendstores_core::failure::FailureReason;

use super::{
    super::workload::{Observation, Workload},
    log::Source,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Culprit {
    pub(super) kind: Cow<'static, str>,
    pub(super) name: String,
    /// Where its log is, if it has one.
    pub(super) log: Option<Source>,
}

/// The one of a workload's objects that the others wait for.
pub(super) fn of(observation: &Observation, workload: Workload, reason: FailureReason) -> Culprit {
    let Workload { kind, name } = workload;
    let Some(pod) = observation.newest_pod() else { return Culprit::new(kind.as_str(), name) };
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    match (observation.pending_claim(), node) {
        (_, Some(node)) if reason == FailureReason::NodeUnavailable => Culprit::new("Node", node),
        (Some(claim), None) if reason != FailureReason::PodUnschedulable => {
            Culprit::new("PersistentVolumeClaim", claim)
        }
        _ => Culprit { log: source(pod, name), ..Culprit::new("Pod", pod.name_any()) },
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

// === impl Culprit ===

impl Culprit {
    pub(super) fn new(kind: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into(), log: None }
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provision::engines::woocommerce::DATABASE;

    fn found_for(pods: Value, claims: Value, reason: FailureReason) -> Culprit {
        let (pods, claims) = (serde_json::from_value(pods).unwrap(), serde_json::from_value(claims).unwrap());
        of(&Observation { workload: Some(DATABASE), pods, claims, warnings: Vec::new() }, DATABASE, reason)
    }

    fn found(pods: Value, claims: Value) -> Culprit {
        found_for(pods, claims, FailureReason::DatabaseUnavailable)
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
        assert_eq!(found(placed.clone(), pending.clone()).to_string(), "Pod mysql-0");
        assert_eq!(found_for(placed, pending, FailureReason::NodeUnavailable).to_string(), "Node n");
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
