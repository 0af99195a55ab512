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
use crate::provision::{config::Quota, names, quantity::thousandths};

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

/// No pod has a connection unless another policy allows it; the chart brings those.
pub(super) fn default_deny(store: &Store) -> NetworkPolicy {
    let spec = NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ..NetworkPolicySpec::default()
    };
    NetworkPolicy { metadata: named(store, names::DEFAULT_DENY), spec: Some(spec) }
}

/// Whether a quota bounds the store as `wanted` does. More bounds, as an admission policy may add, are no less; a scope is: it
/// leaves out pods.
pub(super) fn is_bound_by(live: &ResourceQuota, wanted: &ResourceQuota) -> bool {
    let (Some(live), Some(wanted)) = (&live.spec, &wanted.spec) else { return false };
    let whole = live.scopes.as_ref().is_none_or(Vec::is_empty) && live.scope_selector.is_none();
    whole && contains(live.hard.as_ref(), wanted.hard.as_ref())
}

/// Whether a limit range gives containers the defaults of `wanted`, whatever else it says.
pub(super) fn has_defaults(live: &LimitRange, wanted: &LimitRange) -> bool {
    let items = |range: &LimitRange| range.spec.as_ref().map(|spec| spec.limits.clone()).unwrap_or_default();
    let live = items(live);
    items(wanted).iter().all(|wanted| {
        live.iter().filter(|item| item.type_ == wanted.type_).any(|item| {
            contains(item.default.as_ref(), wanted.default.as_ref())
                && contains(item.default_request.as_ref(), wanted.default_request.as_ref())
        })
    })
}

/// Whether a policy closes every pod in both directions: each rule in it would be an opening.
pub(super) fn denies_all(live: &NetworkPolicy) -> bool {
    let Some(spec) = &live.spec else { return false };
    let none = |rules: Option<usize>| rules.unwrap_or(0) == 0;
    let both = |types: &Vec<String>| ["Ingress", "Egress"].iter().all(|kind| types.iter().any(|has| has == kind));
    spec.pod_selector.as_ref().is_none_or(|selector| *selector == LabelSelector::default())
        && spec.policy_types.as_ref().is_some_and(both)
        && none(spec.ingress.as_ref().map(Vec::len))
        && none(spec.egress.as_ref().map(Vec::len))
}

type Amounts = BTreeMap<String, Quantity>;

/// Whether each amount of `wanted` is in `live`, in whatever words.
fn contains(live: Option<&Amounts>, wanted: Option<&Amounts>) -> bool {
    let same = |name: &String, amount: &Quantity| {
        let live = live.and_then(|live| live.get(name)).and_then(|live| thousandths(&live.0));
        live.is_some() && live == thousandths(&amount.0)
    };
    wanted.into_iter().flatten().all(|(name, amount)| same(name, amount))
}

fn named(store: &Store, name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), labels: Some(marks(store)), ..ObjectMeta::default() }
}

fn quantities<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, Quantity> {
    pairs.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into()
}

#[cfg(test)]
mod tests {
    use serde::{Serialize, de::DeserializeOwned};
    use serde_json::{Value, json};

    use super::*;
    use crate::provision::steps::fixtures;

    fn changed<K: Serialize + DeserializeOwned>(object: &K, change: impl FnOnce(&mut Value)) -> K {
        let mut value = serde_json::to_value(object).unwrap();
        change(&mut value["spec"]);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_a_policy_adds_to_the_quota_is_fine_and_what_it_takes_away_is_not() {
        let wanted = quota(&fixtures::store(), &Quota::default());
        let holds = |change: &dyn Fn(&mut Value)| is_bound_by(&changed(&wanted, change), &wanted);
        assert!(holds(&|_| ()));
        assert!(holds(&|spec| spec["hard"]["count/jobs.batch"] = json!("0")));
        assert!(holds(&|spec| spec["hard"]["requests.memory"] = json!("4096Mi")), "the same amount in other words");
        assert!(!holds(&|spec| spec["hard"]["requests.memory"] = json!("8Gi")));
        assert!(!holds(&|spec| drop(spec["hard"].as_object_mut().unwrap().remove("services.nodeports"))));
        assert!(!holds(&|spec| spec["scopes"] = json!(["BestEffort"])));
        assert!(!is_bound_by(&ResourceQuota::default(), &wanted));
    }

    #[test]
    fn what_a_policy_adds_to_the_limit_range_is_fine_and_what_it_takes_away_is_not() {
        let wanted = limits(&fixtures::store());
        let holds = |change: &dyn Fn(&mut Value)| has_defaults(&changed(&wanted, change), &wanted);
        assert!(holds(&|_| ()));
        assert!(holds(&|spec| spec["limits"][0]["maxLimitRequestRatio"] = json!({"cpu": "20"})));
        assert!(holds(&|spec| spec["limits"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": "Pod", "max": {"cpu": "8"}}))));
        assert!(!holds(&|spec| spec["limits"][0]["default"]["memory"] = json!("8Gi")));
        assert!(!holds(&|spec| spec["limits"] = json!([])));
        assert!(!has_defaults(&LimitRange::default(), &wanted));
    }

    #[test]
    fn every_rule_in_the_default_policy_is_an_opening() {
        let wanted = default_deny(&fixtures::store());
        let holds = |change: &dyn Fn(&mut Value)| denies_all(&changed(&wanted, change));
        assert!(holds(&|_| ()));
        assert!(holds(&|spec| spec["ingress"] = json!([])));
        assert!(!holds(&|spec| spec["ingress"] = json!([{}])));
        assert!(!holds(&|spec| spec["egress"] = json!([{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}])));
        assert!(!holds(&|spec| spec["policyTypes"] = json!(["Ingress"])));
        assert!(!holds(&|spec| spec["podSelector"] = json!({"matchLabels": {"a": "b"}})));
        assert!(!denies_all(&NetworkPolicy::default()));
    }
}
