//! Why a workload is not ready: a pure reading of what the cluster shows.
//!
//! Texts stay the same while nothing changes: they hold no counters and no times, since each different text is a
//! change that callers see.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ContainerState, ContainerStatus, Event, PersistentVolumeClaim, Pod},
};
use kube::ResourceExt;
use sendstores_core::{
    failure::FailureReason,
    observed::{Outlook, Waiting},
};

use super::Workload;
use crate::provision::{errors, redact};

/// After a run of this length the kubelet restarts a container at once.
const LONG_RUN_SECONDS: i64 = 600;

/// Whether the cluster has brought about what the workload's object asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    Complete,
    UnderWay,
    /// It asks for no pods.
    ScaledDown,
}

/// What the cluster shows of a workload that is not ready.
#[derive(Default)]
pub(in crate::provision::steps) struct Observation {
    pub(in crate::provision::steps) workload: Option<Workload>,
    pub(in crate::provision::steps) pods: Vec<Pod>,
    pub(in crate::provision::steps) claims: Vec<PersistentVolumeClaim>,
    /// Warnings of the whole namespace.
    pub(in crate::provision::steps) warnings: Vec<Event>,
}

// === impl Observation ===

impl Observation {
    /// The name of the workload's object.
    pub(in crate::provision::steps) fn name(&self) -> &'static str {
        self.workload.map_or("", |workload| workload.name)
    }

    /// The pod that is to stay.
    pub(in crate::provision::steps) fn newest_pod(&self) -> Option<&Pod> {
        let created = |pod: &&Pod| pod.creation_timestamp().map(|time| time.0);
        let staying = self.pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        staying.max_by(|a, b| created(a).cmp(&created(b)))
    }

    /// A claim that has no volume yet.
    pub(in crate::provision::steps) fn pending_claim(&self) -> Option<String> {
        let phase = |claim: &PersistentVolumeClaim| claim.status.as_ref().and_then(|status| status.phase.clone());
        self.claims.iter().find(|claim| phase(claim).as_deref() != Some("Bound")).map(ResourceExt::name_any)
    }
}

pub(super) fn stateful_set(set: &StatefulSet) -> Rollout {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    if wanted == 0 {
        return Rollout::ScaledDown;
    }
    let Some(status) = &set.status else { return Rollout::UnderWay };
    let seen = status.observed_generation >= set.metadata.generation;
    let current = status.update_revision.is_none() || status.current_revision == status.update_revision;
    complete(seen && current && status.ready_replicas.unwrap_or(0) >= wanted)
}

pub(super) fn deployment(deployment: &Deployment) -> Rollout {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    if wanted == 0 {
        return Rollout::ScaledDown;
    }
    let Some(status) = &deployment.status else { return Rollout::UnderWay };
    let seen = status.observed_generation >= deployment.metadata.generation;
    let updated = status.updated_replicas.unwrap_or(0) >= wanted && status.replicas.unwrap_or(0) <= wanted;
    complete(seen && updated && status.ready_replicas.unwrap_or(0) >= wanted)
}

fn complete(yes: bool) -> Rollout {
    if yes { Rollout::Complete } else { Rollout::UnderWay }
}

/// The one most telling thing. `usual` is the reason while nothing looks wrong.
pub(super) fn judge(observation: &Observation, usual: FailureReason) -> Waiting {
    let Verdict(outlook, reason, detail) = match observation.newest_pod() {
        Some(pod) => match refused_since(observation, pod) {
            Some(why) => stuck(errors::refusal(&why), why),
            None => judge_pod(observation, pod, usual),
        },
        None if !observation.pods.is_empty() => going(usual, "the pod before is stopping"),
        None => match latest(observation, &["FailedCreate"], observation.name()) {
            Some(why) => stuck(errors::refusal(&why), why),
            None => going(usual, "the pod is not there yet"),
        },
    };
    Waiting { reason, detail: redact::message(&detail), outlook }
}

/// What is to be expected, the reason if it does not come, and what is seen.
struct Verdict(Outlook, FailureReason, String);

fn going(usual: FailureReason, detail: impl Into<String>) -> Verdict {
    Verdict(Outlook::Going, usual, detail.into())
}

fn stuck(reason: FailureReason, detail: impl Into<String>) -> Verdict {
    Verdict(Outlook::Stuck, reason, detail.into())
}

fn judge_pod(observation: &Observation, pod: &Pod, usual: FailureReason) -> Verdict {
    let status = pod.status.clone().unwrap_or_default();
    if status.phase.as_deref() == Some("Failed") {
        let why = status.message.or(status.reason).unwrap_or_default();
        return stuck(usual, format!("the pod has failed: {why}"));
    }
    let unscheduled = status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    if let Some(condition) = unscheduled {
        return judge_unscheduled(observation, condition.message.as_deref().unwrap_or_default(), usual);
    }
    let containers = status.container_statuses.unwrap_or_default();
    match containers.iter().find(|container| !container.ready) {
        Some(container) => judge_container(observation, pod, container, usual),
        None if containers.is_empty() => going(usual, "the pod is being started"),
        // The kubelet does not report any more: the cluster itself has taken the pod out of service.
        None if is_not_ready(pod) => {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
            stuck(FailureReason::NodeUnavailable, format!("node {node} does not report that the pod runs"))
        }
        None => going(usual, "the pod answers; its controller has yet to notice"),
    }
}

/// Why the pod that is to take the place of this one, which works, is not made.
fn refused_since(observation: &Observation, pod: &Pod) -> Option<String> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut containers = statuses.peekable();
    if containers.peek().is_none() || !containers.all(|container| container.ready) || is_not_ready(pod) {
        return None;
    }
    let made = pod.creation_timestamp()?.0;
    let since = |event: &&Event| event.last_timestamp.as_ref().is_some_and(|time| time.0 > made);
    newest(observation, &["FailedCreate"], observation.name()).filter(since).and_then(|event| event.message.clone())
}

/// Whether the cluster says that the pod is not to be used.
fn is_not_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "False")
}

fn judge_unscheduled(observation: &Observation, message: &str, usual: FailureReason) -> Verdict {
    let claim = observation.pending_claim();
    if let Some(name) = &claim
        && let Some(why) = latest(observation, &["ProvisioningFailed", "FailedBinding"], name)
    {
        return stuck(FailureReason::VolumeUnavailable, format!("volume {name}: {why}"));
    }
    // A volume may also wait for the pod to have a node.
    match (claim, message) {
        (None, "") => going(usual, "a node is being chosen"),
        (Some(name), why) if why.is_empty() || why.contains("unbound") => {
            going(usual, format!("volume {name} is being made"))
        }
        (_, why) => stuck(FailureReason::PodUnschedulable, format!("no node can take the pod: {why}")),
    }
}

fn judge_container(observation: &Observation, pod: &Pod, container: &ContainerStatus, usual: FailureReason) -> Verdict {
    let state = container.state.clone().unwrap_or_default();
    let ended = exit(&state).or_else(|| container.last_state.as_ref().and_then(exit));
    let waiting = state.waiting.clone().unwrap_or_default();
    let (why, message) = (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default());
    match (why.as_str(), ended) {
        ("ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable", _) => {
            stuck(FailureReason::ImageUnavailable, format!("image {} cannot be pulled", container.image))
        }
        ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError", _) => {
            stuck(FailureReason::ObjectRefused, format!("the container cannot be made: {message}"))
        }
        ("", Some(how)) if state.running.is_some() && !keeps_ending(container) => {
            let detail = format!("the container has ended ({how}), was started again and does not answer yet");
            Verdict(Outlook::Starting, usual, detail)
        }
        (_, Some(how)) => stuck(usual, format!("the container keeps ending: {how}")),
        ("", None) => Verdict(Outlook::Starting, usual, "the container runs and does not answer yet".to_owned()),
        (_, None) => match latest(observation, &["FailedMount", "FailedAttachVolume"], &pod.name_any()) {
            Some(why) => stuck(FailureReason::VolumeUnavailable, why),
            None => going(usual, "image and container are being prepared"),
        },
    }
}

/// Whether a container that runs again is one that ends again and again: not after its first restart, and not after a run
/// so long that the kubelet, too, begins its back-off anew.
fn keeps_ending(container: &ContainerStatus) -> bool {
    let before = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let lasted = before.and_then(|run| {
        let (begun, ended) = (run.started_at.as_ref()?, run.finished_at.as_ref()?);
        Some(ended.0.as_second().saturating_sub(begun.0.as_second()))
    });
    container.restart_count > 1 && lasted.is_none_or(|seconds| seconds < LONG_RUN_SECONDS)
}

/// How a container ended, if it did.
fn exit(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    let reason = ended.reason.as_deref().unwrap_or("Error");
    Some(format!("{reason}, exit code {}", ended.exit_code))
}

/// The last warning with one of `reasons` about an object of this name, or one whose name begins so.
fn latest(observation: &Observation, reasons: &[&str], name: &str) -> Option<String> {
    newest(observation, reasons, name).and_then(|event| event.message.clone())
}

fn newest<'a>(observation: &'a Observation, reasons: &[&str], name: &str) -> Option<&'a Event> {
    let about = |event: &&Event| {
        let object = event.involved_object.name.as_deref().unwrap_or_default();
        object.starts_with(name) && event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason))
    };
    let time = |event: &&Event| event.last_timestamp.clone().map(|time| time.0);
    observation.warnings.iter().filter(about).max_by(|a, b| time(a).cmp(&time(b)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{hostile, provision::engines::woocommerce::DATABASE};

    fn observation(pods: Value, claims: Value, warnings: Value) -> Observation {
        Observation {
            workload: Some(DATABASE),
            pods: serde_json::from_value(pods).unwrap(),
            claims: serde_json::from_value(claims).unwrap(),
            warnings: serde_json::from_value(warnings).unwrap(),
        }
    }

    fn verdict(observation: &Observation) -> (FailureReason, String) {
        let waiting = judge(observation, FailureReason::DatabaseUnavailable);
        (waiting.reason, waiting.detail)
    }

    fn pod(container_state: Value) -> Value {
        json!([{"metadata": {"name": "mysql-0"}, "status": {"phase": "Pending", "containerStatuses": [
            {"name": "mysql", "image": "localhost/a/mysql:1", "imageID": "", "ready": false, "restartCount": 0,
             "state": container_state},
        ]}}])
    }

    #[test]
    fn images_that_cannot_be_pulled_are_named() {
        for reason in ["ErrImagePull", "ImagePullBackOff"] {
            let (why, detail) =
                verdict(&observation(pod(json!({"waiting": {"reason": reason}})), json!([]), json!([])));
            assert_eq!(
                (why, detail.as_str()),
                (FailureReason::ImageUnavailable, "image localhost/a/mysql:1 cannot be pulled")
            );
        }
    }

    #[test]
    fn a_crash_loop_is_told_with_its_exit_code() {
        let mut pods = pod(json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}));
        pods[0]["status"]["containerStatuses"][0]["lastState"] =
            json!({"terminated": {"exitCode": 2, "reason": "Error"}});
        let seen = judge(&observation(pods, json!([]), json!([])), FailureReason::DatabaseUnavailable);
        assert_eq!(
            (seen.detail.as_str(), seen.outlook),
            ("the container keeps ending: Error, exit code 2", Outlook::Stuck)
        );
        let running =
            judge(&observation(pod(json!({"running": {}})), json!([]), json!([])), FailureReason::DatabaseUnavailable);
        assert_eq!(running.outlook, Outlook::Starting);
    }

    #[test]
    fn one_restart_is_no_crash_loop() {
        let seen = |restarts: u32, finished: &str| {
            let mut pods = pod(json!({"running": {"startedAt": "2026-01-02T00:00:00Z"}}));
            let status = &mut pods[0]["status"]["containerStatuses"][0];
            status["restartCount"] = json!(restarts);
            status["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled",
                "startedAt": "2026-01-01T00:00:00Z", "finishedAt": finished}});
            judge(&observation(pods, json!([]), json!([])), FailureReason::DatabaseUnavailable)
        };
        let (soon, late) = ("2026-01-01T00:00:30Z", "2026-01-01T20:00:00Z");
        for (restarts, finished) in [(1, soon), (1, late), (7, late)] {
            let seen = seen(restarts, finished);
            assert_eq!(seen.outlook, Outlook::Starting, "{restarts} {finished}");
            assert!(seen.detail.contains("OOMKilled, exit code 137"), "{}", seen.detail);
        }
        assert_eq!(seen(2, soon).outlook, Outlook::Stuck);
        assert!(seen(2, soon).detail.starts_with("the container keeps ending"));
    }

    #[test]
    fn a_refused_pod_is_told_by_its_owners_warning() {
        let warnings = json!([{"metadata": {}, "reason": "FailedCreate", "message": "exceeded quota",
            "involvedObject": {"kind": "StatefulSet", "name": "mysql"}}]);
        assert_eq!(
            verdict(&observation(json!([]), json!([]), warnings)),
            (FailureReason::QuotaExceeded, "exceeded quota".to_owned())
        );
        assert_eq!(verdict(&observation(json!([]), json!([]), json!([]))).0, FailureReason::DatabaseUnavailable);
    }

    #[test]
    fn a_pod_that_is_refused_beside_one_that_works_is_told_by_its_owners_warning() {
        let warning = |time: &str| {
            json!([{"metadata": {}, "reason": "FailedCreate", "message": "exceeded quota",
            "lastTimestamp": time, "involvedObject": {"kind": "ReplicaSet", "name": "mysql-6d5f"}}])
        };
        let mut pods = pod(json!({"running": {}}));
        pods[0]["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        pods[0]["status"]["containerStatuses"][0]["ready"] = json!(true);
        let seen = |pods: &Value, time: &str| verdict(&observation(pods.clone(), json!([]), warning(time)));
        let (before, after) = ("2025-12-31T00:00:00Z", "2026-01-02T00:00:00Z");
        assert_eq!(seen(&pods, after), (FailureReason::QuotaExceeded, "exceeded quota".to_owned()));
        assert_eq!(seen(&pods, before).0, FailureReason::DatabaseUnavailable, "of an earlier pod");
        pods[0]["status"]["containerStatuses"][0]["ready"] = json!(false);
        assert_eq!(seen(&pods, after).0, FailureReason::DatabaseUnavailable, "what is wrong with the pod comes first");
    }

    #[test]
    fn volumes_are_waited_for_until_they_fail() {
        let pods = json!([{"metadata": {"name": "mysql-0"}, "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "unbound volume"}]}}]);
        let claims = json!([{"metadata": {"name": "data-mysql-0"}, "status": {"phase": "Pending"}}]);
        let quiet = verdict(&observation(pods.clone(), claims.clone(), json!([])));
        assert_eq!(quiet, (FailureReason::DatabaseUnavailable, "volume data-mysql-0 is being made".to_owned()));
        let mut full = pods.clone();
        full[0]["status"]["conditions"][0]["message"] = json!("0/1 nodes are available: 1 Insufficient cpu");
        assert_eq!(verdict(&observation(full, claims.clone(), json!([]))).0, FailureReason::PodUnschedulable);
        let warnings = json!([{"metadata": {}, "reason": "ProvisioningFailed", "message": "disk full",
            "involvedObject": {"kind": "PersistentVolumeClaim", "name": "data-mysql-0"}}]);
        let loud = verdict(&observation(pods.clone(), claims, warnings));
        assert_eq!(loud, (FailureReason::VolumeUnavailable, "volume data-mysql-0: disk full".to_owned()));
        let bound = json!([{"metadata": {"name": "data-mysql-0"}, "status": {"phase": "Bound"}}]);
        let unplaced = (FailureReason::PodUnschedulable, "no node can take the pod: unbound volume".to_owned());
        assert_eq!(verdict(&observation(pods, bound, json!([]))), unplaced);
    }

    #[test]
    fn a_rollout_is_complete_when_the_newest_revision_is_ready() {
        let set = |status: Value| {
            let text = json!({"metadata": {"generation": 2}, "spec": {"replicas": 1, "selector": {}, "template": {}}, "status": status});
            stateful_set(&serde_json::from_value(text).unwrap())
        };
        let good = json!({"observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "currentRevision": "b", "updateRevision": "b"});
        assert_eq!(set(good), Rollout::Complete);
        for bad in [
            json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "currentRevision": "b", "updateRevision": "b"}),
            json!({"observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "currentRevision": "a", "updateRevision": "b"}),
            json!({"observedGeneration": 2, "replicas": 1}),
        ] {
            assert_eq!(set(bad), Rollout::UnderWay);
        }
        let deployed = |status: Value| {
            let text = json!({"metadata": {"generation": 1}, "spec": {"replicas": 1, "selector": {}, "template": {}}, "status": status});
            deployment(&serde_json::from_value(text).unwrap())
        };
        assert_eq!(
            deployed(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1})),
            Rollout::Complete
        );
        assert_eq!(deployed(json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": 1})), Rollout::UnderWay);
    }

    #[test]
    fn a_workload_that_asks_for_no_pods_is_not_complete() {
        let text = json!({"metadata": {"generation": 2}, "spec": {"replicas": 0, "selector": {}, "template": {}},
            "status": {"observedGeneration": 2, "replicas": 0}});
        assert_eq!(deployment(&serde_json::from_value(text.clone()).unwrap()), Rollout::ScaledDown);
        assert_eq!(stateful_set(&serde_json::from_value(text).unwrap()), Rollout::ScaledDown);
    }

    #[test]
    fn a_pod_whose_node_is_silent_is_told_by_its_node() {
        let mut pods = pod(json!({"running": {}}));
        pods[0]["spec"] = json!({"containers": [], "nodeName": "node-7"});
        pods[0]["status"]["containerStatuses"][0]["ready"] = json!(true);
        assert_eq!(verdict(&observation(pods.clone(), json!([]), json!([]))).0, FailureReason::DatabaseUnavailable);
        pods[0]["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        let (reason, detail) = verdict(&observation(pods, json!([]), json!([])));
        assert_eq!(reason, FailureReason::NodeUnavailable);
        assert!(detail.contains("node-7"), "{detail}");
    }

    #[test]
    fn nothing_that_a_cluster_shows_ends_anything() {
        let event = json!({"metadata": {}, "reason": "ProvisioningFailed", "message": "disk full",
            "involvedObject": {"kind": "PersistentVolumeClaim", "name": "data-mysql-0"}});
        let mut pods = pod(json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}));
        pods[0]["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False", "message": "unbound"}]);
        let claims = json!([{"metadata": {"name": "data-mysql-0"}, "status": {"phase": "Pending"}}]);
        let shown = (hostile::damaged(pods), hostile::damaged(claims), hostile::damaged(json!([event])));
        hostile::check(&shown, |(pods, claims, warnings)| {
            let observation = Observation {
                workload: Some(DATABASE),
                pods: serde_json::from_value(pods).unwrap_or_default(),
                claims: serde_json::from_value(claims).unwrap_or_default(),
                warnings: serde_json::from_value(warnings).unwrap_or_default(),
            };
            hostile::assert_fit(&judge(&observation, FailureReason::DatabaseUnavailable).detail, redact::LONGEST);
        });
    }
}
