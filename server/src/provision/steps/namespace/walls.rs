//! What keeps a store within its bounds: how much it may use, and who may talk to it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec},
        networking::v1::{NetworkPolicy, NetworkPolicySpec},
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
    },
};
use sendstores_core::Store;

use super::marks;
use crate::provision::{config::Quota, names};

pub(super) fn quota(store: &Store, quota: &Quota) -> ResourceQuota {
    // A store is reached through the Ingress alone.
    let closed = [("services.nodeports", "0"), ("services.loadbalancers", "0")];
    let hard = quota.amounts().chain(closed);
    let hard = hard.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).collect();
    let spec = ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() };
    ResourceQuota { metadata: named(store, names::LIMITS), spec: Some(spec), status: None }
}

/// For containers that say nothing themselves: the quota would refuse them.
pub(super) fn limits(store: &Store) -> LimitRange {
    let container = LimitRangeItem {
        type_: "Container".to_owned(),
        default: Some(quantities([("cpu", "500m"), ("memory", "256Mi")])),
        default_request: Some(quantities([("cpu", "50m"), ("memory", "64Mi")])),
        ..LimitRangeItem::default()
    };
    LimitRange { metadata: named(store, names::LIMITS), spec: Some(LimitRangeSpec { limits: vec![container] }) }
}

/// No pod talks to anybody unless another policy opens a way; the chart brings those.
pub(super) fn default_deny(store: &Store) -> NetworkPolicy {
    let spec = NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ..NetworkPolicySpec::default()
    };
    NetworkPolicy { metadata: named(store, names::DEFAULT_DENY), spec: Some(spec) }
}

fn named(store: &Store, name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), labels: Some(marks(store)), ..ObjectMeta::default() }
}

fn quantities<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, Quantity> {
    pairs.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into()
}
