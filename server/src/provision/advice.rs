//! What to do about a failure, where that is the same for all engines: a sentence, and mostly a command that works when it is
//! pasted. An engine answers for its own reasons and hands the rest on to [`usual`].

use sendstores_core::{Diagnosis, Failure, FailureReason, StoreId};

use super::{
    answers::{Cause, Kind},
    names, redact,
    steps::removal::Holder,
};

/// Lists the webhooks of the cluster, each with its configuration.
const WEBHOOKS: &str = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations \
                        -o 'custom-columns=KIND:.kind,NAME:.metadata.name,WEBHOOKS:.webhooks[*].name'";
/// Lists the policies of the cluster.
const POLICIES: &str = "kubectl get validatingadmissionpolicies";

/// One thing to do about the failure of a store of any engine.
pub fn usual(id: &StoreId, failure: &Failure) -> String {
    if failure.message.contains("OOMKilled") {
        return "Give the container more memory in the values file of this environment (resources)".to_owned();
    }
    let object = object(failure);
    let look = |fallback: &str| describe(id, object.unwrap_or(fallback));
    match failure.reason {
        FailureReason::ClusterUnavailable => {
            "See whether the API server answers the control plane: kubectl get --raw /readyz".to_owned()
        }
        FailureReason::NamespaceConflict => conflict(id),
        FailureReason::NamespaceMissing => missing(id),
        FailureReason::ObjectRefused => {
            let look = object.map_or_else(|| POLICIES.to_owned(), |object| describe(id, object));
            format!("See which rule refuses it (admission policy, or a right that the control plane lacks): {look}")
        }
        FailureReason::QuotaExceeded => format!(
            "Ask for less in the values file of this environment (storage, resources); what is used and allowed: \
             kubectl -n {id} describe resourcequota,limitrange"
        ),
        FailureReason::ReleaseFailed => {
            format!("Read what helm said in the message: helm -n {id} history {}", names::RELEASE)
        }
        FailureReason::ValuesRefused => {
            "Correct the values files that the server was started with (--values), and create the store again"
                .to_owned()
        }
        FailureReason::ImageUnavailable => {
            format!("Check the image's name, the registry and the pull secret in the values file: {}", look("pods"))
        }
        FailureReason::VolumeUnavailable => {
            format!("Check the storage class in the values file and its provisioner: {}", look("pvc"))
        }
        FailureReason::PodUnschedulable => {
            format!("Give the cluster room, or ask for less in the values file: {}", look("pods"))
        }
        FailureReason::RollbackFailed => rollback(id),
        FailureReason::UpdateNeedsDecision => decision(&look("pods")),
        FailureReason::DatabaseUnavailable
        | FailureReason::ApplicationUnavailable
        | FailureReason::BootstrapFailed
        | FailureReason::StorefrontUnavailable => log_of(id, failure, "pods"),
        FailureReason::DataMissing => {
            "Put the data back from a backup of its volume; the store is observed again by itself. Or delete the store"
                .to_owned()
        }
        FailureReason::WebhookUnavailable => {
            format!("Repair the service of the webhook that the message names: {WEBHOOKS}")
        }
        FailureReason::NodeUnavailable => node(object),
        FailureReason::RemovalBlocked => removal(id, object),
        FailureReason::SuspensionBlocked => format!("See what keeps its pods from stopping: {}", look("pods")),
        FailureReason::Internal => "Report it with the server's log lines of this store".to_owned(),
        FailureReason::Open(reason) => format!("Ask a server of the newer version that wrote the reason {reason}"),
    }
}

fn rollback(id: &StoreId) -> String {
    format!(
        "Read both causes in the message, mend what keeps the store from what it ran before, and try again: sendstores retry {id}"
    )
}

fn decision(look: &str) -> String {
    format!(
        "See why what it ran before does not sell ({look}); update it to a release that does, or put its data back from a backup"
    )
}

fn conflict(id: &StoreId) -> String {
    format!(
        "Delete this store and choose another id; or, if nobody needs the namespace, remove it, then delete this store \
         and create it again: kubectl get namespace {id} --show-labels"
    )
}

fn missing(id: &StoreId) -> String {
    format!(
        "Put the namespace {id} back from a backup of the cluster, with its labels, annotations and volumes, and run \
         sendstores-server adopt; or delete the store"
    )
}

fn node(object: Option<&str>) -> String {
    match object.filter(|object| object.starts_with("Node ")) {
        Some(node) => format!(
            "See what is wrong with the node, and whether the API server reaches its port 10250: kubectl describe {}",
            argument(node)
        ),
        None => "See what is wrong with the node: kubectl get nodes -o wide".to_owned(),
    }
}

/// The log of the pod that blocks, where it has one; a description of it, or of `fallback`, where it has none.
pub(crate) fn log_of(id: &StoreId, failure: &Failure, fallback: &str) -> String {
    let found = failure.diagnosis.as_deref();
    match found.and_then(|found| found.object.strip_prefix("Pod ").filter(|_| !found.log_tail.is_empty())) {
        Some(pod) => format!("Read its log: kubectl -n {id} logs {pod} --all-containers --tail=50"),
        None => format!("See what it waits for: {}", describe(id, object(failure).unwrap_or(fallback))),
    }
}

/// The object that blocks, as the diagnosis names it.
fn object(failure: &Failure) -> Option<&str> {
    failure.diagnosis.as_deref().map(|found| found.object.as_str()).filter(|object| !object.is_empty())
}

fn describe(id: &StoreId, object: &str) -> String {
    format!("kubectl -n {id} describe {}", argument(object))
}

/// `Pod mysql-0` as kubectl takes it.
fn argument(object: &str) -> String {
    match object.split_once(' ') {
        Some((kind, name)) => format!("{} {name}", kind.to_ascii_lowercase()),
        None => object.to_owned(),
    }
}

fn removal(id: &StoreId, object: Option<&str>) -> String {
    match object {
        None => format!("See what is left: kubectl get namespace {id} -o yaml"),
        Some(object) => format!(
            "Have the controller that set its finalizer finish, or remove the finalizer by hand: kubectl -n {id} edit {}",
            argument(object)
        ),
    }
}

/// What to do about an object that `holders` keep from being removed; empty where there are none.
pub(crate) fn held(id: &StoreId, object: &str, holders: &[Holder]) -> String {
    let Some(holder) = holders.first() else { return String::new() };
    let space = if object.starts_with("Namespace ") { String::new() } else { format!("-n {id} ") };
    let text = format!(
        "{}: have the controller that set it finish, or remove it by hand: kubectl {space}edit {}",
        holder.describe(),
        argument(object)
    );
    redact::short(&text, Diagnosis::MAX_SUGGESTION)
}

/// What to do about a workload that was scaled to nothing.
pub(crate) fn scaled_down(id: &StoreId, kind: &str, name: &str) -> String {
    format!(
        "Scale it up again, unless it was stopped on purpose: kubectl -n {id} scale {}/{name} --replicas=1",
        kind.to_ascii_lowercase()
    )
}

/// The object outside of the store that `cause` names, and what to do about it. `None`: the cause lies within the store.
pub(crate) fn outside(cause: &Cause) -> Option<(String, String)> {
    let name = cause.name.as_deref();
    let object = |kind: &str| name.map(|name| format!("{kind} {name}")).unwrap_or_default();
    Some(match cause.kind {
        Kind::WebhookUnavailable => {
            (object("Webhook"), format!("Repair the service of the webhook, or delete its configuration: {WEBHOOKS}"))
        }
        Kind::WebhookRefused => (
            object("Webhook"),
            format!("Change the policy of the webhook, or have it leave out the namespaces of stores: {WEBHOOKS}"),
        ),
        Kind::PolicyRefused => (
            object("ValidatingAdmissionPolicy"),
            match name {
                Some(name) => format!(
                    "Change the policy, or what its binding selects: kubectl get validatingadmissionpolicy {name} -o yaml"
                ),
                None => format!("Change the policy, or what its binding selects: {POLICIES}"),
            },
        ),
        Kind::NotPermitted => (
            String::new(),
            "Install the chart of the control plane again: its account lacks the right that the message names: \
             kubectl get clusterroles -l app.kubernetes.io/name=sendstores"
                .to_owned(),
        ),
        Kind::ApiServiceUnavailable => {
            let name = name?;
            (
                format!("APIService {name}"),
                format!(
                    "Repair the service behind the APIService {name}, or delete the APIService if nothing needs it: kubectl describe apiservice {name}"
                ),
            )
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::engines::ENGINES;

    fn failure(reason: FailureReason, object: &str) -> Failure {
        let diagnosis = Diagnosis { object: object.to_owned(), ..Diagnosis::default() };
        let diagnosis = (!diagnosis.is_empty()).then(|| Box::new(diagnosis));
        Failure { reason, message: "it failed".to_owned(), step: None, attempt: 1, retry_time: None, diagnosis }
    }

    #[test]
    fn every_reason_has_one_thing_to_do() {
        let id: StoreId = "store-a".parse().unwrap();
        let advisers = ENGINES.engines.iter().map(|engine| engine.facts.advise).chain([usual as fn(&_, &_) -> _]);
        for advise in advisers {
            for reason in FailureReason::ALL {
                for object in ["", "Pod mysql-0"] {
                    let text = advise(&id, &failure(reason, object));
                    let fits = (20..=Diagnosis::MAX_SUGGESTION).contains(&text.len());
                    assert!(fits && !text.contains("  "), "{reason}: {text}");
                }
            }
        }
        let text = usual(&id, &failure(FailureReason::ImageUnavailable, "Pod mysql-0"));
        assert!(text.ends_with("kubectl -n store-a describe pod mysql-0"), "{text}");
    }

    #[test]
    fn what_is_known_of_a_failure_makes_the_advice_better() {
        let id: StoreId = "store-a".parse().unwrap();
        let mut held = failure(FailureReason::RemovalBlocked, "Service held");
        assert!(usual(&id, &held).ends_with("kubectl -n store-a edit service held"));
        held.diagnosis = None;
        assert!(usual(&id, &held).contains("kubectl get namespace store-a"));
        held.message = "the container keeps ending: OOMKilled, exit code 137".to_owned();
        assert!(usual(&id, &held).contains("more memory"));
        let mut ended = failure(FailureReason::DatabaseUnavailable, "Pod mysql-0");
        assert!(usual(&id, &ended).ends_with("kubectl -n store-a describe pod mysql-0"), "it has no log");
        ended.diagnosis.as_mut().unwrap().log_tail = "[ERROR] Aborting".to_owned();
        assert!(usual(&id, &ended).contains("kubectl -n store-a logs mysql-0"));
    }

    #[test]
    fn what_holds_an_object_is_named_with_who_set_it() {
        let id: StoreId = "store-a".parse().unwrap();
        let holder = Holder { finalizer: "example.com/hold".to_owned(), manager: Some("argocd".to_owned()) };
        let of_namespace = held(&id, "Namespace store-a", std::slice::from_ref(&holder));
        assert!(
            of_namespace.starts_with("the finalizer example.com/hold, set by argocd, holds it: "),
            "{of_namespace}"
        );
        assert!(of_namespace.ends_with(": kubectl edit namespace store-a"), "{of_namespace}");
        assert!(held(&id, "Service held", &[holder]).ends_with(": kubectl -n store-a edit service held"));
        assert_eq!(held(&id, "Service held", &[]), "");
    }

    #[test]
    fn what_lies_outside_of_the_store_is_named_with_what_to_do() {
        let cause = |kind, name: Option<&str>| Cause { kind, name: name.map(str::to_owned) };
        let (object, advice) = outside(&cause(Kind::ApiServiceUnavailable, Some("v1beta1.metrics.k8s.io"))).unwrap();
        assert_eq!(object, "APIService v1beta1.metrics.k8s.io");
        assert!(advice.contains("delete the APIService") && !advice.contains("finalizer"), "{advice}");
        let (object, advice) = outside(&cause(Kind::PolicyRefused, Some("max-replicas"))).unwrap();
        assert_eq!(object, "ValidatingAdmissionPolicy max-replicas");
        assert!(advice.ends_with("kubectl get validatingadmissionpolicy max-replicas -o yaml"), "{advice}");
        assert_eq!(outside(&cause(Kind::QuotaExceeded, None)), None);
    }
}
