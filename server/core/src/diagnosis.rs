//! What stands in a store's way, as the cluster showed it when a step failed, and what to do about it.

use crate::{
    failure::{Failure, FailureReason},
    id::StoreId,
    time::Timestamp,
};

/// What was found around the object that blocks. Empty fields: nothing was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Kind and name, such as `Pod mysql-0`.
    pub object: String,
    /// What the cluster last told of the object, the newest last. At most [`Diagnosis::MAX_EVENTS`].
    pub events: Vec<ObjectEvent>,
    /// The last lines of the log of what does not work, without secrets. At most [`Diagnosis::MAX_LOG`] characters.
    pub log_tail: String,
}

/// One thing that the cluster told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// When it was last so.
    pub time: Option<Timestamp>,
    /// The cluster's own word, such as `FailedMount`. At most [`ObjectEvent::MAX_REASON`] characters.
    pub reason: String,
    /// One sentence without secrets. At most [`ObjectEvent::MAX_MESSAGE`] characters.
    pub message: String,
}

// === impl Diagnosis ===

impl Diagnosis {
    pub const MAX_EVENTS: usize = 5;
    pub const MAX_LOG: usize = 2_000;

    pub fn is_empty(&self) -> bool {
        self.object.is_empty() && self.events.is_empty() && self.log_tail.is_empty()
    }
}

impl ObjectEvent {
    pub const MAX_REASON: usize = 64;
    pub const MAX_MESSAGE: usize = 256;
}

/// One thing to do about a store's failure: what to change, or where to look first.
pub fn suggestion(id: &StoreId, failure: &Failure) -> String {
    if failure.message.contains("OOMKilled") {
        return "Give the container more memory in the values file of this environment (resources)".to_owned();
    }
    let object = failure.diagnosis.as_ref().map_or("", |found| found.object.as_str());
    usual(id, failure.reason, object)
}

/// By the reason alone. `object` is the one that blocks, or empty.
fn usual(id: &StoreId, reason: FailureReason, object: &str) -> String {
    let look = |fallback: &str| {
        let target = if object.is_empty() { fallback.to_owned() } else { object.to_lowercase() };
        format!("kubectl -n {id} describe {target}")
    };
    match reason {
        FailureReason::ClusterUnavailable => {
            "See whether the API server answers the control plane: kubectl get --raw /readyz".to_owned()
        }
        FailureReason::NamespaceConflict => conflict(id),
        FailureReason::NamespaceMissing => missing(id),
        FailureReason::ObjectRefused => refused(&look("quota")),
        FailureReason::QuotaExceeded => {
            format!(
                "Ask for less in the values file of this environment (storage, resources): kubectl -n {id} describe quota shows what is used and allowed"
            )
        }
        FailureReason::ReleaseFailed => format!("Read what helm said in the message: helm -n {id} history store"),
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
        FailureReason::DatabaseUnavailable => {
            format!("Read the database's log: kubectl -n {id} logs statefulset/mysql")
        }
        FailureReason::ApplicationUnavailable | FailureReason::BootstrapFailed => {
            format!("Read the application's log: kubectl -n {id} logs deployment/wordpress")
        }
        FailureReason::DataMissing => {
            "Put the database back from a backup of its volume; the store is looked at again by itself. Or delete the store"
                .to_owned()
        }
        FailureReason::PluginMissing => format!(
            "Use a store image that ships WooCommerce, or restart the pod so that its volume is seeded: kubectl -n {id} rollout restart deployment/wordpress"
        ),
        FailureReason::PhpFatalError => format!(
            "Switch off the plugin or theme that the log names: kubectl -n {id} exec deployment/wordpress -c wordpress -- wp plugin deactivate NAME --skip-plugins --skip-themes"
        ),
        FailureReason::StorefrontUnavailable => {
            format!("Open the shop, and look at what the evidence found: kubectl -n {id} logs deployment/wordpress")
        }
        FailureReason::WebhookUnavailable => webhook(),
        FailureReason::NodeUnavailable => "See what is wrong with the node: kubectl get nodes -o wide".to_owned(),
        FailureReason::RemovalBlocked => removal(id, object),
        FailureReason::Internal => "Report it with the server's log lines of this store".to_owned(),
        FailureReason::Unknown(reason) => format!("Ask a server of the newer version that wrote the reason {reason}"),
    }
}

fn conflict(id: &StoreId) -> String {
    format!(
        "Delete this store and choose another id; or, if nobody needs the namespace {id}, remove it yourself, then delete this store and create it again"
    )
}

fn refused(look: &str) -> String {
    format!("See which rule refuses it (admission policy, or a right that the control plane lacks): {look}")
}

fn webhook() -> String {
    "Repair the service of the webhook that the message names: \
     kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
        .to_owned()
}

fn missing(id: &StoreId) -> String {
    format!(
        "Put the namespace {id} back from a backup of the cluster, with its labels, annotations and volumes, and run sendstores-server adopt; or delete the store"
    )
}

fn removal(id: &StoreId, object: &str) -> String {
    if object.is_empty() {
        return format!("See what is left: kubectl get namespace {id} -o yaml");
    }
    let edit = format!("kubectl -n {id} edit {}", object.to_lowercase());
    format!("Have whoever set its finalizer finish, or remove the finalizer by hand: {edit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_thing_to_do() {
        let id: StoreId = "store-a".parse().expect("valid");
        for reason in FailureReason::ALL {
            for object in ["", "Pod mysql-0"] {
                let text = usual(&id, reason, object);
                assert!((20..=512).contains(&text.len()) && !text.contains("  "), "{reason}: {text}");
            }
        }
        let text = usual(&id, FailureReason::ImageUnavailable, "Pod mysql-0");
        assert!(text.ends_with("kubectl -n store-a describe pod mysql-0"), "{text}");
    }

    #[test]
    fn what_is_known_of_a_failure_makes_the_suggestion_better() {
        let id: StoreId = "store-a".parse().expect("valid");
        let diagnosis = Diagnosis { object: "Service held".to_owned(), ..Diagnosis::default() };
        let mut failure = Failure {
            reason: FailureReason::RemovalBlocked,
            message: "services. has 1 resource instances".to_owned(),
            step: None,
            attempt: 1,
            retry_time: None,
            diagnosis: Some(Box::new(diagnosis)),
        };
        assert!(suggestion(&id, &failure).ends_with("kubectl -n store-a edit service held"));
        failure.diagnosis = None;
        assert!(suggestion(&id, &failure).contains("kubectl get namespace store-a"));
        failure.message = "the container keeps ending: OOMKilled, exit code 137".to_owned();
        assert!(suggestion(&id, &failure).contains("more memory"));
    }
}
