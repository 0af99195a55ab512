//! Why a shop does not sell though its pods run: what the state inside of it and the evidence of its probe say.

use std::time::Duration;

use sendstores_core::{Failure, FailureReason, Store, evidence::Check, provisioner::StepError};

use super::{
    APPLICATION, PORT,
    advice::{self, CONTENT},
    bootstrap::{self, ReadyPod},
};
use crate::provision::{
    Context,
    engines::Finding,
    proxy::{self, Question, Reply},
    reach,
};

/// What a merchant may put there and WordPress then runs before all else, in the order in which it does.
const DROP_INS: [(&str, &str); 3] = [
    ("advanced-cache.php", "/srv/wordpress/wp-content/advanced-cache.php"),
    ("db.php", "/srv/wordpress/wp-content/db.php"),
    ("object-cache.php", "/srv/wordpress/wp-content/object-cache.php"),
];
const LIMIT: Duration = Duration::from_secs(2);
/// A page of a few bytes that no PHP is run for.
const LIMIT_REACH: Duration = Duration::from_secs(2);

pub(super) async fn inside(context: &Context, store: &Store, failure: &Failure) -> Result<Option<Finding>, StepError> {
    if failure.reason == FailureReason::NodeUnavailable {
        // Nothing can be run in its pods.
        return Ok(None);
    }
    if let Some(found) = way(store) {
        return Ok(Some(found));
    }
    let Some(pod) = bootstrap::ready_pod(context, store).await? else { return Ok(None) };
    if let Some(found) = Box::pin(unreached(context, store)).await? {
        return Ok(Some(found));
    }
    Ok(Box::pin(drop_in(context, store, &pod)).await?.map(|name| Finding {
        message: format!("the shop runs the drop-in {name}"),
        suggestion: format!(
            "If the pages are not the shop's own, move its drop-in {name} away: {}",
            advice::inside(&store.id, &format!("mv {CONTENT}{name} {CONTENT}{name}.off"))
        ),
        ..Finding::default()
    }))
}

/// The pod is ready, as its kubelet says that asks it too, and is not reached from here.
async fn unreached(context: &Context, store: &Store) -> Result<Option<Finding>, StepError> {
    let permit = context.requests.acquire(store).await;
    let asked = proxy::ask(&context.cluster, store, Question::get(APPLICATION.name, "/healthz"), LIMIT_REACH).await?;
    drop(permit);
    let Reply::Unreachable(why) = asked else { return Ok(None) };
    let who = if context.cluster.direct().is_some() { "the control plane" } else { "the API server" };
    Ok(reach::is_of_the_way(&why).then(|| Finding {
        message: format!("the pod is ready, and {who} does not reach it on port {PORT} ({why})"),
        suggestion: format!(
            "Open the firewall between the API server and the nodes for port {PORT}, and see network.apiServer in the chart's \
             values; it is open when this answers: kubectl get --raw /api/v1/namespaces/{}/services/http:{}:80/proxy/healthz",
            store.id, APPLICATION.name
        ),
        ..Finding::default()
    }))
}

/// Where all is well but the public address, the way to the shop is broken, and not the shop.
fn way(store: &Store) -> Option<Finding> {
    let mut failed = store.evidence.iter().filter(|evidence| !evidence.passed).map(|evidence| evidence.check);
    let only_the_way = failed.next() == Some(Check::INGRESS) && failed.next().is_none();
    only_the_way.then(|| Finding {
        object: format!("Ingress {}", APPLICATION.name),
        suggestion: format!(
            "See what the Ingress controller makes of the address, and whether its name leads there: kubectl -n {} describe \
             ingress {}",
            store.id, APPLICATION.name
        ),
        ..Finding::default()
    })
}

/// The first drop-in that is there.
async fn drop_in(context: &Context, store: &Store, pod: &ReadyPod) -> Result<Option<&'static str>, StepError> {
    for (name, path) in DROP_INS {
        let permit = context.requests.acquire(store).await;
        let output = Box::pin(bootstrap::run(context, store, pod, &["test", "-e", path], None, LIMIT)).await?;
        drop(permit);
        if output.code == 0 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use sendstores_core::{Evidence, Timestamp};

    use super::*;
    use crate::provision::{engines::woocommerce::checks, steps::fixtures};

    #[test]
    fn a_shop_that_only_its_address_does_not_lead_to_is_told_by_its_ingress() {
        let with = |found: &[(Check, bool)]| {
            let seen = |passed: bool| if passed { Ok("seen".to_owned()) } else { Err("seen".to_owned()) };
            let evidence =
                found.iter().map(|(check, passed)| Evidence::new(*check, seen(*passed), Timestamp::from_micros(1)));
            way(&Store { evidence: evidence.collect(), ..fixtures::store() })
        };
        let found = with(&[(checks::SHOP_PAGE, true), (Check::INGRESS, false)]).expect("the way");
        assert_eq!(found.object, "Ingress wordpress");
        assert!(found.suggestion.ends_with("kubectl -n store-test0001 describe ingress wordpress"));
        assert_eq!(with(&[(checks::SHOP_PAGE, false), (Check::INGRESS, false)]), None);
        assert_eq!(with(&[(checks::SHOP_PAGE, true), (Check::INGRESS, true)]), None);
    }
}
