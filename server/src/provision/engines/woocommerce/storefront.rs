//! The shop, exposed and seen to sell.

mod cron;
mod ingress;
mod judge;
mod quick;
pub(super) mod words;

use std::time::SystemTime;

use http::Method;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use sendstores_core::{
    Evidence, State, Store, Timestamp,
    evidence::Check,
    lifecycle::Expect,
    observed::{Progress, Seen},
    provisioner::StepError,
    shop::Catalogue,
};
use serde_json::json;

use self::judge::{Finding, Product};
use super::{APPLICATION, DATABASE, bootstrap, checks};
use crate::provision::{
    Context,
    proxy::{Question, Reply},
    redact,
    steps::{partial, release, workload},
};

const STORE_API: &str = "/wp-json/wc/store/v1";
/// The finding of a Store API that works, in a shop with an empty catalogue.
const NOTHING_FOR_SALE: &str = "answers; no product is for sale yet";

pub(super) async fn observe(context: &Context, store: &Store, expect: Expect) -> Result<Seen<Progress>, StepError> {
    let ingresses: Api<Ingress> = context.cluster.in_store(store);
    let there = async {
        let ingress = context.cluster.call(ingresses.get_metadata_opt(APPLICATION.name)).await?;
        Ok::<_, StepError>(ingress.is_some())
    };
    let exposed = async {
        // Of a shop that was opened, the Ingress is all there is to see; reading the release's records each time is not needed.
        Ok(expect.is_exposed() || release::is_exposed(context, store).await?)
    };
    let (exposed, there) = tokio::try_join!(exposed, there)?;
    if !exposed || !there {
        return Ok(partial("the shop is not exposed yet"));
    }
    if let Some(evidence) = Box::pin(quick::probe(context, store, expect)).await? {
        return Ok(Seen::Known(Progress::Done(evidence)));
    }
    let (mut evidence, mut product) = Box::pin(probe(context, store, expect)).await?;
    let mut sells = evidence.iter().all(|evidence| evidence.passed);
    if !sells && !expect.is_first() {
        if !workload::exist(context, store, &[DATABASE, APPLICATION]).await? {
            return Ok(partial("a workload of the shop is gone"));
        }
        if expect.checks_data() {
            Box::pin(bootstrap::data_is_there(context, store, expect)).await?;
        }
    }
    let seen = Box::pin(ingress::probe(context, store, expect, product.as_deref(), sells)).await;
    if let Some(known) = ingress::seen_first(store, &seen).filter(|_| evidence.iter().all(|one| !one.passed)) {
        // Its address leads to it, so it can be asked there.
        (evidence, product) = Box::pin(probe(context, &known, expect)).await?;
        sells = evidence.iter().all(|evidence| evidence.passed);
        tracing::debug!(store = %store.id, ?product, sells, "asked at its public address");
    }
    remark(context, store, &mut evidence);
    let counts = ingress::counts(store, &seen);
    evidence.push(ingress::evidence(store, seen));
    Ok(Seen::Known(match sells && !counts {
        true => Progress::Done(evidence),
        false => Progress::Failing(evidence),
    }))
}

/// Says of each finding where it was made, if that was at the public address.
fn remark(context: &Context, store: &Store, evidence: &mut [Evidence]) {
    let Some(remark) = context.reach.remark(store) else { return };
    for passed in evidence.iter_mut().filter(|evidence| evidence.passed) {
        passed.finding = redact::short(&format!("{}; {remark}", passed.finding), Evidence::MAX_FINDING);
    }
}

/// Opens the Ingress. It comes last: until WordPress is installed, its install page answers any visitor.
pub(super) async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    release::make(context, store, true).await
}

/// Looks at the shop as its first visitor would, short of an order; also the product that its page must show.
async fn probe(context: &Context, store: &Store, expect: Expect) -> Result<(Vec<Evidence>, Option<String>), StepError> {
    let sample_due = expect.is_first() && store.spec.shop.catalogue == Catalogue::Sample;
    let reply = get(context, store, &judge::products_path(STORE_API, sample_due)).await?;
    if let Reply::Unreachable(why) = &reply {
        return Ok((unreachable(context, why), None));
    }
    let catalogue =
        judge::catalogue(&reply, sample_due).and_then(|found| judge::still_sells(found, sold_before(store)));
    let product = catalogue.as_ref().ok().and_then(Option::as_ref);
    let name = product.filter(|_| sample_due).map(|product| product.name.as_str());
    let probes = (shop_page(context, store, name), cart(context, store, expect, product), cron::probe(context, store));
    let (page, cart, cron) = tokio::try_join!(probes.0, probes.1, probes.2)?;
    let found = [
        (checks::SHOP_PAGE, Some(page)),
        (checks::STORE_API, Some(offer(&catalogue))),
        (checks::CART, Some(cart)),
        (checks::CRON, cron),
    ];
    let evidence = found.into_iter().filter_map(|(check, finding)| Some(evidence(check, finding?))).collect();
    Ok((evidence, name.map(str::to_owned)))
}

/// Whether a store that moves to another release had something for sale before. Until that has ended, its record has the evidence
/// of the release before.
fn sold_before(store: &Store) -> bool {
    let sold = |seen: &Evidence| seen.passed && !seen.finding.starts_with(NOTHING_FOR_SALE);
    let moves = store.state == State::Updating && !store.goes_back();
    moves && store.evidence.iter().any(|seen| seen.check == checks::STORE_API && sold(seen))
}

/// Of a shop that is not reached; to ask it for the rest would only be to wait again.
fn unreachable(context: &Context, why: &str) -> Vec<Evidence> {
    let cron = context.cron_interval.map(|_| checks::CRON);
    let checks = [checks::SHOP_PAGE, checks::STORE_API, checks::CART].into_iter().chain(cron);
    checks.map(|check| evidence(check, Err(why.to_owned()))).collect()
}

/// What the catalogue is as a finding.
fn offer(catalogue: &Result<Option<Product>, String>) -> Finding {
    match catalogue {
        Ok(Some(product)) => Ok(product.describe()),
        Ok(None) => Ok(NOTHING_FOR_SALE.to_owned()),
        Err(why) => Err(why.clone()),
    }
}

async fn shop_page(context: &Context, store: &Store, product: Option<&str>) -> Result<Finding, StepError> {
    let reply = get(context, store, "/shop/").await?;
    // In another language, or by its merchant, the page may have another address. The front page of a new shop is its shop page,
    // by WooCommerce's own setting, and that of an older one is still a shop's.
    let moved = matches!(&reply, Reply::Shop(answer) if answer.status == 404);
    if moved {
        return Ok(judge::shop_page("/", &get(context, store, "/").await?, product));
    }
    Ok(judge::shop_page("/shop/", &reply, product))
}

/// Puts the product into a fresh cart, which no one else ever sees, and probes at what the cart then offers.
async fn cart(
    context: &Context,
    store: &Store,
    expect: Expect,
    product: Option<&Product>,
) -> Result<Finding, StepError> {
    let reply = get(context, store, &format!("{STORE_API}/cart")).await?;
    let token = match judge::cart_token(&reply) {
        Ok(token) => token,
        Err(why) => return Ok(Err(why)),
    };
    let Some(product) = product else { return Ok(Ok("answers; nothing to put into it".to_owned())) };
    let add = Question {
        service: APPLICATION.name,
        method: Method::POST,
        path: &format!("{STORE_API}/cart/add-item"),
        headers: vec![("cart-token", &token)],
        body: Some(json!({"id": product.id, "quantity": product.least()})),
    };
    let reply = context.ask(store, add).await?;
    Ok(judge::cart(&reply, !expect.is_first()))
}

async fn get(context: &Context, store: &Store, path: &str) -> Result<Reply, StepError> {
    context.ask(store, Question::get(APPLICATION.name, path)).await
}

/// Findings quote names, versions and prices, which are the shop's own texts.
fn evidence(check: Check, finding: Finding) -> Evidence {
    let shown = |text: String| redact::message(&text);
    Evidence::new(check, finding.map(shown).map_err(shown), Timestamp::from(SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hostile, provision::steps::fixtures};

    #[test]
    fn an_update_must_leave_something_for_sale_where_something_was() {
        let now = Timestamp::from_micros(1);
        let ready = |finding: &str| Store {
            state: State::Ready,
            ready_time: Some(now),
            made_from: Some(Box::new(fixtures::release())),
            evidence: vec![Evidence::new(checks::STORE_API, Ok(finding.to_owned()), now)],
            ..fixtures::store()
        };
        let updated = |store: Store| store.updated(&"2026-12".parse().unwrap(), now).unwrap().expect("a change");
        let sold = ready("\"Sample product\" is for sale at 19.90 EUR");
        assert!(sold_before(&updated(sold.clone())));
        assert!(!sold_before(&sold), "a merchant may take products off");
        assert!(!sold_before(&updated(ready(NOTHING_FOR_SALE))));
        assert!(!sold_before(&updated(ready(&format!("{NOTHING_FOR_SALE}; asked at its address")))));
        let goes_back = updated(sold).cancelled(now).unwrap().expect("a change");
        assert!(!sold_before(&goes_back), "the release before is taken as it is");
        assert!(judge::still_sells(None, true).is_err() && judge::still_sells(None, false).is_ok());
    }

    #[test]
    fn what_a_shop_says_of_itself_is_shown_short_and_plain() {
        hostile::check(&hostile::text(), |text| {
            for finding in [Ok(text.clone()), Err(text)] {
                hostile::assert_fit(&evidence(checks::CART, finding).finding, Evidence::MAX_FINDING);
            }
        });
    }
}
