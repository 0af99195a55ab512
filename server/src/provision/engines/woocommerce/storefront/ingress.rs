//! The shop by its public address, if that is reached from here.
//!
//! The other checks go through the API server, and so work from anywhere. This one depends on where the server runs: the
//! address may lead nowhere from there, or to another site. So it keeps no store from READY, until it was seen once that
//! the address leads to the shop; from then on another answer there means that visitors do not see it either, whatever was
//! seen in between.

use std::time::{Duration, SystemTime};

use sendstores_core::{Evidence, Store, Timestamp, evidence::Check, lifecycle::Expect};
use tokio::time::{Instant, sleep};

use super::judge::{self, Finding};
use crate::provision::{
    Context,
    proxy::{Answer, Reply},
    public_client::Visit,
    reach,
};

/// An Ingress controller takes a moment to learn of an Ingress, and cannot be watched at it. So long does a shop that
/// sells wait for it before its first READY.
const PATIENCE: Duration = Duration::from_secs(5);
/// How old the finding may be that stands for an address which is not reached: longer than findings go without being renewed.
const KEPT: Duration = Duration::from_secs(24 * 3600);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What was seen at the public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// This shop; what it shows.
    Shop(String),
    /// Another site answers, or the answer is not this shop's page.
    Other(String),
    /// No connection came about; why.
    Unreached(String),
}

/// Looks once; for a shop that `sells` and was never READY, until the address leads to it or patience ends.
pub(super) async fn probe(
    context: &Context,
    store: &Store,
    expect: Expect,
    product: Option<&str>,
    sells: bool,
) -> Seen {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = probe_once(context, store, product).await;
        let waits = sells && expect.is_first() && matches!(seen, Seen::Other(_));
        if !waits || Instant::now() >= until {
            return seen;
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn probe_once(context: &Context, store: &Store, product: Option<&str>) -> Seen {
    let first = context.visit(store, "/shop/").await;
    // As with the other check of the page, which may have another address.
    let moved = matches!(&first, Visit::Answered(Answer { status: 404, .. }));
    match moved {
        true => judge(&store.url, "/", context.visit(store, "/").await, product),
        false => judge(&store.url, "/shop/", first, product),
    }
}

fn judge(url: &str, path: &str, visit: Visit, product: Option<&str>) -> Seen {
    let answer = match visit {
        Visit::Answered(answer) => answer,
        Visit::Unanswered(why) => return Seen::Other(why),
        Visit::Unreachable(why) => return Seen::Unreached(why),
    };
    // Every page of a shop has links to itself. Any server has some page.
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let is_its_own = String::from_utf8_lossy(&answer.body).contains(host);
    match judge::shop_page(path, &Reply::Shop(answer), product) {
        Ok(found) if is_its_own => Seen::Shop(found),
        Ok(_) => Seen::Other(format!("{path} is a page of another site")),
        Err(why) => Seen::Other(why),
    }
}

/// Whether what was seen says that the shop cannot be visited.
pub(super) fn counts(store: &Store, seen: &Seen) -> bool {
    matches!(seen, Seen::Other(_)) && reach::leads_here(store)
}

/// What is recorded of it. An address that led to the shop and is not reached for a while keeps what was found before: where
/// the server's own way is interrupted, every store would have a change, and another one when the way is back.
pub(super) fn evidence(store: &Store, seen: Seen) -> Evidence {
    let now = Timestamp::from(SystemTime::now());
    let kept = store
        .evidence
        .iter()
        .find(|evidence| evidence.check == Check::INGRESS && evidence.passed && now.since(evidence.check_time) < KEPT);
    match (&seen, kept) {
        (Seen::Unreached(_), Some(before)) => before.clone(),
        _ => super::evidence(Check::INGRESS, seen.finding()),
    }
}

/// The store as one whose address was seen to lead to the shop, if it was seen now and never before.
pub(super) fn seen_first(store: &Store, seen: &Seen) -> Option<Store> {
    let Seen::Shop(found) = seen else { return None };
    let mut known = store.clone();
    known.evidence.push(Evidence::new(Check::INGRESS, Ok(found.clone()), Timestamp::from(SystemTime::now())));
    (!reach::leads_here(store)).then_some(known)
}

// === impl Seen ===

impl Seen {
    pub(super) fn finding(self) -> Finding {
        match self {
            Self::Shop(found) => Ok(found),
            Self::Other(why) => Err(format!("the public address is reached, but does not answer as the shop: {why}")),
            Self::Unreached(why) => {
                Err(format!("the server cannot reach the public address from where it runs: {why}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hostile, provision::steps::fixtures};
    use http::HeaderMap;

    const URL: &str = "http://store-test0001.localhost:8080";

    fn answered(status: u16, body: &str) -> Visit {
        Visit::Answered(Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() })
    }

    /// A store that was looked at, once for each of `looks`: whether the address led to it.
    fn seen_before(looks: &[bool]) -> Store {
        let mut evidence = Vec::new();
        for led in looks {
            let found = if *led { Ok(String::new()) } else { Err(String::new()) };
            let seen = Evidence::new(Check::INGRESS, found, Timestamp::from_micros(0));
            evidence = Evidence::renewed(&evidence, vec![seen], &[Check::INGRESS]);
        }
        Store { evidence, ..fixtures::store() }
    }

    #[test]
    fn only_a_page_with_links_to_the_shop_is_the_shops() {
        let own = format!("<a href=\"{URL}/cart/\">Tea</a>");
        assert_eq!(judge(URL, "/shop/", answered(200, &own), Some("Tea")), Seen::Shop("/shop/ shows \"Tea\"".into()));
        for (visit, product, why) in [
            (answered(404, "404 page not found"), Some("Tea"), "status 404"),
            (answered(301, ""), Some("Tea"), "status 301"),
            (answered(200, &own.replace("Tea", "")), Some("Tea"), "does not show"),
            (answered(200, "It works!"), None, "another site"),
        ] {
            let seen = judge(URL, "/shop/", visit, product);
            assert!(matches!(&seen, Seen::Other(text) if text.contains(why)), "{seen:?}");
        }
        let silent = judge(URL, "/shop/", Visit::Unanswered("no answer within 15s".to_owned()), None);
        assert!(matches!(silent, Seen::Other(_)), "{silent:?}");
        let nobody = judge(URL, "/shop/", Visit::Unreachable("refused".to_owned()), None);
        assert!(nobody.finding().unwrap_err().contains("from where it runs: refused"));
    }

    #[test]
    fn another_answer_counts_only_where_the_shop_was_seen_before() {
        let other = Seen::Other("status 404".to_owned());
        assert!(!counts(&fixtures::store(), &other), "never looked at");
        assert!(!counts(&seen_before(&[false]), &other), "somebody else's address, from here");
        assert!(counts(&seen_before(&[false, true]), &other));
        assert!(counts(&seen_before(&[true, false, false]), &other), "it is still so");
        for harmless in [Seen::Unreached("refused".to_owned()), Seen::Shop("shows".to_owned())] {
            assert!(!counts(&seen_before(&[true]), &harmless), "{harmless:?}");
        }
    }

    #[test]
    fn an_address_that_is_not_reached_for_a_while_keeps_its_finding() {
        let ago = |age: Duration| Timestamp::from(SystemTime::now() - age);
        let led = |at: Timestamp| Store {
            evidence: vec![Evidence::new(Check::INGRESS, Ok("shows".to_owned()), at)],
            ..fixtures::store()
        };
        let unreached = || Seen::Unreached("refused".to_owned());
        let recently = led(ago(KEPT / 2));
        assert_eq!(evidence(&recently, unreached()), recently.evidence[0], "nothing to record");
        assert!(!evidence(&led(ago(KEPT * 2)), unreached()).passed, "it lasts");
        assert!(!evidence(&fixtures::store(), unreached()).passed, "it never led there");
        assert!(!evidence(&recently, Seen::Other("status 404".to_owned())).passed, "another answer");
    }

    #[test]
    fn no_page_ends_anything() {
        hostile::check(&hostile::body(serde_json::json!([URL, "Tea"])), |body| {
            let answer = Answer { status: 200, headers: HeaderMap::new(), body: body.into() };
            let _seen = judge(URL, "/shop/", Visit::Answered(answer), Some("Tea")).finding();
        });
    }
}
