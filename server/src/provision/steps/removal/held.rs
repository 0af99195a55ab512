//! What keeps a namespace that is being removed: objects in it, a finalizer of its own, or an API that does not answer.

use k8s_openapi::{
    api::core::v1::{Namespace, NamespaceCondition},
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta},
};
use sendstores_core::observed::Remains;

use crate::provision::{
    answers::{self, Cause, Kind},
    redact,
};

/// A finalizer, and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provision) struct Holder {
    pub(in crate::provision) finalizer: String,
    /// The program that set it, by the name that it gave to the API server.
    pub(in crate::provision) manager: Option<String>,
}

/// What the cluster says of a namespace that is going.
pub(super) fn left_in(namespace: &Namespace) -> Remains {
    let told: Vec<&str> = conditions(namespace).filter_map(|condition| condition.message.as_deref()).collect();
    let holders = holders(&namespace.metadata);
    let held = broken_api(namespace).is_some() || (told.is_empty() && !holders.is_empty());
    let said = told.iter().map(|text| (*text).to_owned()).chain(holders.iter().map(Holder::describe));
    let said = said.collect::<Vec<_>>().join("; ");
    let text = match said.as_str() {
        "" => "the namespace is being removed".to_owned(),
        said => redact::message(&format!("the namespace is being removed: {said}")),
    };
    if held { Remains::Held(text) } else { Remains::Going(text) }
}

/// What is so of the namespace, and stands in its way.
pub(in crate::provision) fn conditions(namespace: &Namespace) -> impl Iterator<Item = &NamespaceCondition> {
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter(|condition| condition.status == "True")
}

/// The API whose objects cannot be listed. While that is so, no namespace of the cluster can be removed.
pub(in crate::provision) fn broken_api(namespace: &Namespace) -> Option<Cause> {
    let mut causes = conditions(namespace).filter_map(|condition| answers::cause(condition.message.as_deref()?));
    causes.find(|cause| cause.kind == Kind::ApiServiceUnavailable && cause.name.is_some())
}

/// The finalizers that keep an object.
pub(in crate::provision) fn holders(object: &ObjectMeta) -> Vec<Holder> {
    let finalizers = object.finalizers.iter().flatten();
    let managed = object.managed_fields.as_deref().unwrap_or_default();
    finalizers.map(|finalizer| Holder { finalizer: finalizer.clone(), manager: manager(managed, finalizer) }).collect()
}

fn manager(managed: &[ManagedFieldsEntry], finalizer: &str) -> Option<String> {
    let key = format!("v:\"{finalizer}\"");
    let owns = |entry: &&ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0["f:metadata"]["f:finalizers"]);
        fields.is_some_and(|fields| fields.get(&key).is_some())
    };
    managed.iter().find(owns)?.manager.clone()
}

// === impl Holder ===

impl Holder {
    pub(in crate::provision) fn describe(&self) -> String {
        match &self.manager {
            Some(manager) => format!("the finalizer {}, set by {manager}, holds it", self.finalizer),
            None => format!("the finalizer {} holds it", self.finalizer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::hostile;

    fn namespace(finalizers: Value, conditions: Value) -> Value {
        json!({"metadata": {"name": "store-a", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": finalizers,
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}, "v:\"example.com/hold\"": {}}}}}]},
            "status": {"phase": "Terminating", "conditions": conditions}})
    }

    fn left(namespace: Value) -> Remains {
        left_in(&serde_json::from_value(namespace).unwrap())
    }

    #[test]
    fn a_finalizer_of_the_namespace_itself_is_named_with_who_set_it() {
        let Remains::Held(text) = left(namespace(json!(["example.com/hold"]), json!([]))) else { panic!("held") };
        assert!(text.ends_with("the finalizer example.com/hold, set by kubectl-edit, holds it"), "{text}");
        let unknown = left(namespace(json!(["other.io/x"]), json!([])));
        assert!(
            matches!(&unknown, Remains::Held(text) if text.ends_with("the finalizer other.io/x holds it")),
            "{unknown:?}"
        );
        let empty = left(namespace(json!([]), json!([])));
        assert_eq!(empty, Remains::Going("the namespace is being removed".to_owned()));
    }

    #[test]
    fn an_api_that_does_not_answer_holds_a_namespace() {
        let failed = json!([{"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "reason": "DiscoveryFailed",
            "message": "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: \
                        metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1"}]);
        let namespace = namespace(json!([]), failed);
        assert!(matches!(left(namespace.clone()), Remains::Held(_)));
        let cause = broken_api(&serde_json::from_value(namespace).unwrap()).unwrap();
        assert_eq!(cause.name.as_deref(), Some("v1beta1.metrics.k8s.io"));
    }

    #[test]
    fn objects_that_are_left_are_waited_for() {
        let content = json!([{"type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain",
            "message": "Some resources are remaining: pods. has 2 resource instances"}]);
        assert!(matches!(left(namespace(json!(["example.com/hold"]), content)), Remains::Going(_)));
    }

    #[test]
    fn no_namespace_ends_anything() {
        let condition = json!([{"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 2"}]);
        hostile::check(&hostile::damaged(namespace(json!(["example.com/hold"]), condition)), |namespace| {
            let Ok(namespace) = serde_json::from_value::<Namespace>(namespace) else { return };
            let (Remains::Going(text) | Remains::Held(text)) = left_in(&namespace) else { return };
            hostile::assert_fit(&text, redact::LONGEST);
        });
    }
}
