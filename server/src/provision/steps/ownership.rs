//! Whose a namespace is. What is not this store's is never touched.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use sendstores_core::{Store, failure::FailureReason, provisioner::StepError};

use crate::provision::{Context, names};

/// What stands under the name of a store's namespace.
#[derive(Debug)]
pub(crate) enum Owner {
    Free,
    /// This store's. `going`: the cluster is removing it.
    This {
        namespace: Box<Namespace>,
        going: bool,
    },
    /// An earlier store's of the same id, and the cluster is removing it.
    EarlierGoing,
    /// Another owner's, or an earlier store's that is not being removed.
    Foreign,
}

pub(crate) async fn observe(context: &Context, store: &Store) -> Result<Owner, StepError> {
    let api = context.cluster.all::<Namespace>();
    Ok(of(context.cluster.call(api.get_opt(store.id.as_str())).await?, store))
}

pub(crate) fn conflict(store: &Store) -> StepError {
    let message = format!("namespace {} exists and does not belong to this store; it is left alone", store.id);
    StepError::terminal(FailureReason::NamespaceConflict, message)
}

pub(crate) fn of(namespace: Option<Namespace>, store: &Store) -> Owner {
    let Some(namespace) = namespace else { return Owner::Free };
    let label = |name: &str| namespace.labels().get(name).map(String::as_str);
    let going = namespace.metadata.deletion_timestamp.is_some();
    let managed = label(names::MANAGED_BY) == Some(names::MANAGER) && label(names::STORE) == Some(store.id.as_str());
    match label(names::UID) {
        Some(uid) if managed && uid == store.uid.as_str() => Owner::This { namespace: Box::new(namespace), going },
        Some(_) if managed && going => Owner::EarlierGoing,
        _ => Owner::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provision::steps::fixtures;

    fn owner(uid: &str, manager: &str, deleted: bool) -> Owner {
        let store = fixtures::store();
        let mut namespace = json!({"metadata": {"name": store.id.as_str(), "labels": {
            names::MANAGED_BY: manager, names::STORE: store.id.as_str(), names::UID: uid,
        }}});
        if deleted {
            namespace["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        of(Some(serde_json::from_value(namespace).unwrap()), &store)
    }

    #[test]
    fn only_our_manager_and_our_uid_make_it_ours() {
        let uid = fixtures::store().uid;
        let earlier = "0193b0a0-7c3e-7000-8000-0000000000ff";
        assert!(matches!(owner(uid.as_str(), "sendstores", false), Owner::This { going: false, .. }));
        assert!(matches!(owner(uid.as_str(), "sendstores", true), Owner::This { going: true, .. }));
        assert!(matches!(owner(uid.as_str(), "somebody", false), Owner::Foreign));
        assert!(matches!(owner(earlier, "sendstores", true), Owner::EarlierGoing));
        assert!(matches!(owner(earlier, "sendstores", false), Owner::Foreign));
        assert!(matches!(owner(earlier, "somebody", true), Owner::Foreign));
        assert!(matches!(of(Some(Namespace::default()), &fixtures::store()), Owner::Foreign));
        assert!(matches!(of(None, &fixtures::store()), Owner::Free));
    }
}
