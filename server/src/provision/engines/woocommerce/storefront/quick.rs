//! The usual probe of a shop that sells: its catalogue, one page, and when it last did what it has scheduled. It costs the
//! shop less than half of the full probe, which is made one time in ten, and at once when a quick one does not find
//! everything well.

use rand::RngExt;
use sendstores_core::{Evidence, Store, evidence::Check, lifecycle::Expect, provisioner::StepError};

use super::{super::checks, STORE_API, cron, evidence, get, ingress, judge, offer, shop_page};
use crate::provision::Context;

/// How many probes are whole ones.
const WHOLE: f64 = 0.1;

/// The evidence with what was seen renewed, if all is well; `None`: a full probe is due.
pub(super) async fn probe(
    context: &Context,
    store: &Store,
    expect: Expect,
) -> Result<Option<Vec<Evidence>>, StepError> {
    if !expect.allows_quick_probe()
        || !is_well(store, context.cron_interval.is_some())
        || rand::rng().random::<f64>() < WHOLE
    {
        return Ok(None);
    }
    let catalogue = judge::catalogue(&get(context, store, &judge::products_path(STORE_API, false)).await?, false);
    if catalogue.is_err() {
        return Ok(None);
    }
    let mut seen = vec![evidence(checks::STORE_API, offer(&catalogue))];
    match cron::quick_probe(context, store).await? {
        Some(Err(_)) => return Ok(None),
        finding => seen.extend(finding.map(|finding| evidence(checks::CRON, finding))),
    }
    super::remark(context, store, &mut seen);
    // One page is enough, and best by the public address: so the way to it is probed, too.
    let public = ingress::probe(context, store, expect, None, true).await;
    if ingress::counts(store, &public) {
        return Ok(None);
    }
    let led = matches!(public, ingress::Seen::Shop(_));
    let public = ingress::evidence(store, public);
    if !led {
        let page = shop_page(context, store, None).await?;
        if page.is_err() || public.passed != passed(store, Check::INGRESS) {
            return Ok(None);
        }
        seen.push(evidence(checks::SHOP_PAGE, page));
    }
    seen.push(public);
    Ok(Some(renewed(&store.evidence, &seen)))
}

/// Whether the storefront was seen to be well in all that keeps the store READY.
fn is_well(store: &Store, scheduled: bool) -> bool {
    let scheduled = scheduled.then_some(checks::CRON);
    let mut required = [checks::SHOP_PAGE, checks::STORE_API, checks::CART].into_iter().chain(scheduled);
    required.all(|check| passed(store, check))
}

fn passed(store: &Store, check: Check) -> bool {
    store.evidence.iter().any(|evidence| evidence.check == check && evidence.passed)
}

fn renewed(before: &[Evidence], seen: &[Evidence]) -> Vec<Evidence> {
    let newest = |old: &Evidence| seen.iter().find(|new| new.check == old.check).unwrap_or(old).clone();
    before.iter().map(newest).collect()
}

#[cfg(test)]
mod tests {
    use sendstores_core::Timestamp;

    use super::*;
    use crate::provision::steps::fixtures;

    fn found(check: Check, passed: bool, second: i64) -> Evidence {
        let found = if passed { Ok(String::new()) } else { Err(String::new()) };
        Evidence::new(check, found, Timestamp::from_micros(second))
    }

    #[test]
    fn a_quick_probe_needs_a_full_one_that_found_all_well() {
        let with = |evidence: Vec<Evidence>| Store { evidence, ..fixtures::store() };
        let all = [checks::SHOP_PAGE, checks::STORE_API, checks::CART].map(|check| found(check, true, 0)).to_vec();
        assert!(is_well(&with(all.clone()), false));
        assert!(!is_well(&with(all.clone()), true), "READY by a server that did not look at it");
        assert!(!is_well(&with(Vec::new()), false));
        let mut bad = all.clone();
        bad[2].passed = false;
        assert!(!is_well(&with(bad), false) && !is_well(&with(all[..2].to_vec()), false));
    }

    #[test]
    fn what_was_not_looked_at_keeps_its_time() {
        let before =
            [checks::SHOP_PAGE, checks::STORE_API, checks::CART, Check::INGRESS].map(|check| found(check, true, 1));
        let now = renewed(&before, &[found(checks::STORE_API, true, 2), found(Check::INGRESS, true, 2)]);
        let times: Vec<i64> = now.iter().map(|evidence| evidence.check_time.as_micros()).collect();
        assert_eq!(times, [1, 2, 1, 2]);
    }
}
