//! Wire to domain: to parse is to validate, and every field that is wrong is named.

use std::{collections::BTreeMap, str::FromStr};

use sendstores_core::{
    Engine, Engines, Invalid, Labels, Listing, Order, RequestId, Scope, State, StoreFilter, StoreId, StoreSpec,
    TenantId,
    shop::NewShop,
    volumes::{Gibibytes, VolumeSizes},
};
use sendstores_proto::v1 as wire;

use super::{cached::View, shop, status::Refusal, violations::Violation};
use crate::mirror::Consistency;

const DEFAULT_PAGE: usize = 50;
const MAX_PAGE: usize = 500;

/// Collects what is wrong while parsing goes on.
#[derive(Default)]
pub(super) struct Violations(Vec<Violation>);

// === impl Violations ===

impl Violations {
    pub(super) fn add(&mut self, field: impl Into<String>, why: impl ToString) {
        self.0.push(Violation { field: field.into(), description: why.to_string() });
    }

    /// The value, or `None` and one more violation.
    pub(super) fn take<T>(&mut self, field: impl Into<String>, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|why| self.add(field, why)).ok()
    }

    pub(super) fn parse<T: FromStr<Err = Invalid>>(&mut self, field: impl Into<String>, text: &str) -> Option<T> {
        self.take(field, text.parse())
    }

    /// The value of a field that may be empty.
    pub(super) fn optional<T: FromStr<Err = Invalid>>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.parse(field, text) }
    }

    /// All that was parsed, unless something was wrong.
    pub(super) fn finish<T>(self, parsed: Option<T>) -> Result<T, Refusal> {
        match parsed {
            Some(parsed) if self.0.is_empty() => Ok(parsed),
            _ => Err(Refusal::InvalidFields(self.0)),
        }
    }
}

pub(super) fn request_id(violations: &mut Violations, text: &str) -> Option<RequestId> {
    violations.optional("request_id", text)
}

pub(super) fn tenant(violations: &mut Violations, field: &str, text: &str) -> Option<TenantId> {
    violations.optional(field, text)
}

/// The owner of a new store. A caller of one tenant need not name it.
pub(super) fn owner(violations: &mut Violations, text: &str, scope: &Scope) -> Option<TenantId> {
    let named = tenant(violations, "tenant", text);
    let Scope::Tenants(tenants) = scope else { return named };
    match named {
        Some(tenant) if tenants.contains(&tenant) => Some(tenant),
        Some(_) => {
            violations.add("tenant", "must be empty, or a tenant of the caller's token");
            None
        }
        None if tenants.len() == 1 => tenants.first().cloned(),
        None => {
            violations.add("tenant", "must be one of the tenants of the caller's token");
            None
        }
    }
}

/// How many entries a page has at most.
pub(super) fn page_size(violations: &mut Violations, size: i32) -> Option<usize> {
    match usize::try_from(size) {
        Ok(0) => Some(DEFAULT_PAGE),
        Ok(size) if size <= MAX_PAGE => Some(size),
        _ => {
            violations.add("page_size", format!("must be 0 to {MAX_PAGE}"));
            None
        }
    }
}

pub(super) fn labels(violations: &mut Violations, field: &str, map: BTreeMap<String, String>) -> Labels {
    violations.take(field, Labels::parse(map)).unwrap_or_default()
}

/// The spec with every default filled in. `host` is the store's public host name.
pub(super) fn spec(
    violations: &mut Violations,
    spec: Option<wire::StoreSpec>,
    engines: Engines,
    id: &StoreId,
    host: &str,
) -> Option<StoreSpec> {
    let wire::StoreSpec { engine, shop, release, deletion_protection, volumes } = spec.unwrap_or_default();
    let engine = match wire::Engine::try_from(engine) {
        Ok(wire::Engine::Unspecified) => engines.default_engine(),
        named => named.ok().and_then(engine_named).and_then(|engine| engines.get(engine)),
    };
    if engine.is_none() {
        violations.add("spec.engine", "is not an engine that this server has");
    }
    let engine = engine.map(|facts| facts.engine);
    let shop = shop::parse(violations, shop.unwrap_or_default(), &NewShop { id, host });
    let release = violations.optional("spec.release", &release);
    let volumes = self::volumes(violations, volumes);
    Some(StoreSpec { engine: engine?, shop: shop?, release, deletion_protection, volumes })
}

/// A size that is 0 is left open.
pub(super) fn volumes(violations: &mut Violations, volumes: Option<wire::Volumes>) -> VolumeSizes {
    let wire::Volumes { database_gib, content_gib } = volumes.unwrap_or_default();
    let mut size = |field: &str, size: i32| {
        let parsed = u32::try_from(size).ok().and_then(Gibibytes::new);
        if parsed.is_none() && size != 0 {
            violations.add(field, format!("must be 0 to {}, in GiB", Gibibytes::MAX));
        }
        parsed
    };
    let (database, content) =
        (size("spec.volumes.database_gib", database_gib), size("spec.volumes.content_gib", content_gib));
    VolumeSizes { database, content }
}

/// What the caller asks for, of what is in its scope.
pub(super) fn filter(
    violations: &mut Violations,
    filter: Option<wire::StoreFilter>,
    scope: &Scope,
) -> Option<StoreFilter> {
    let wire::StoreFilter { ids, states, engines, labels, tenant } = filter.unwrap_or_default();
    for (field, count, most) in
        [("filter.ids", ids.len(), 100), ("filter.states", states.len(), 12), ("filter.engines", engines.len(), 10)]
    {
        if count > most {
            violations.add(field, format!("must be {most} at most"));
            return None;
        }
    }
    let ids = ids.iter().enumerate().filter_map(|(i, id)| violations.parse(format!("filter.ids[{i}]"), id)).collect();
    let states = states.iter().enumerate().filter_map(|(i, state)| self::state(violations, i, *state)).collect();
    let engines = engines.iter().enumerate().filter_map(|(i, engine)| self::engine(violations, i, *engine)).collect();
    let labels = self::labels(violations, "filter.labels", labels);
    let tenant = self::tenant(violations, "filter.tenant", &tenant);
    Some(StoreFilter { ids, states, engines, labels, tenant, scope: scope.clone() })
}

/// The stores that a list has, and their order.
pub(super) fn listing(
    violations: &mut Violations,
    filter: Option<wire::StoreFilter>,
    (query, order_by): (&str, &str),
    scope: &Scope,
) -> Option<Listing> {
    let filter = self::filter(violations, filter, scope);
    let search = violations.optional("query", query);
    let order: Option<Order> = violations.optional("order_by", order_by);
    Some(Listing { filter: filter?, search, order: order.unwrap_or_default() })
}

pub(super) fn view(violations: &mut Violations, view: i32) -> Option<View> {
    match wire::StoreView::try_from(view) {
        Ok(wire::StoreView::Unspecified | wire::StoreView::Full) => Some(View::Full),
        Ok(wire::StoreView::Basic) => Some(View::Basic),
        Err(_) => {
            violations.add("view", "is not one this server knows");
            None
        }
    }
}

pub(super) fn consistency(violations: &mut Violations, consistency: i32) -> Option<Consistency> {
    match wire::Consistency::try_from(consistency) {
        Ok(wire::Consistency::Unspecified | wire::Consistency::Linearizable) => Some(Consistency::Linearizable),
        Ok(wire::Consistency::Stale) => Some(Consistency::Stale),
        Err(_) => {
            violations.add("consistency", "is not one this server knows");
            None
        }
    }
}

fn engine(violations: &mut Violations, i: usize, engine: i32) -> Option<Engine> {
    let named = wire::Engine::try_from(engine).ok().and_then(engine_named);
    if named.is_none() {
        violations.add(format!("filter.engines[{i}]"), "is not an engine this server knows");
    }
    named
}

/// The engine of a name of the contract: `ENGINE_WOOCOMMERCE` is `woocommerce`. `None` for the unspecified one.
fn engine_named(engine: wire::Engine) -> Option<Engine> {
    let name = engine.as_str_name().strip_prefix("ENGINE_").filter(|_| engine != wire::Engine::Unspecified)?;
    Engine::parse(&name.to_ascii_lowercase())
}

fn state(violations: &mut Violations, i: usize, state: i32) -> Option<State> {
    let known = wire::store::State::try_from(state).ok();
    let parsed = known.and_then(|known| State::ALL.into_iter().find(|state| super::convert::state(*state) == known));
    if parsed.is_none() {
        violations.add(format!("filter.states[{i}]"), "is not a state this server knows");
    }
    parsed
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use tonic::Status;

    use super::*;
    use crate::{grpc::cached::tests::ENGINES, hostile};

    fn numbers() -> impl Strategy<Value = Vec<i32>> {
        collection::vec(prop_oneof![4 => -1..20_i32, 1 => any::<i32>()], 0..14)
    }

    fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
        collection::btree_map(hostile::text(), hostile::text(), 0..20)
    }

    fn filters() -> impl Strategy<Value = wire::StoreFilter> {
        let ids = collection::vec(prop_oneof![1 => hostile::text(), 3 => Just("store-a".to_owned())], 0..120);
        (ids, numbers(), numbers(), map(), hostile::text()).prop_map(|(ids, states, engines, labels, tenant)| {
            wire::StoreFilter { ids, states, engines, labels, tenant }
        })
    }

    /// A shop whose texts are hostile, or left out.
    fn specs() -> impl Strategy<Value = wire::StoreSpec> {
        let text = || prop_oneof![2 => Just(String::new()), 1 => hostile::text(), 1 => Just("7.25".to_owned())];
        let texts = collection::vec(text(), 11);
        (texts, numbers(), any::<(bool, bool, bool)>(), any::<i32>(), any::<i32>()).prop_map(
            |(texts, payment_methods, (taxes, prices_include_tax, deletion_protection), catalogue, engine)| {
                let mut texts = texts.into_iter();
                let mut text = || texts.next().unwrap_or_default();
                let shop = wire::ShopSettings {
                    title: text(),
                    admin_email: text(),
                    admin_user: text(),
                    country: text(),
                    currency: text(),
                    locale: text(),
                    timezone: text(),
                    tax_rate: text(),
                    weight_unit: text(),
                    flat_rate: text(),
                    taxes,
                    prices_include_tax,
                    payment_methods,
                    catalogue: catalogue % 4,
                    ..wire::ShopSettings::default()
                };
                let (shop, release) = (Some(shop), text());
                let volumes = Some(wire::Volumes { database_gib: engine, content_gib: -engine });
                wire::StoreSpec { engine: engine % 3, shop, release, deletion_protection, volumes }
            },
        )
    }

    /// A refusal fits into the headers of an answer, whatever the caller sent.
    fn assert_fits(refusal: Refusal) {
        let status = Status::from(refusal);
        let bytes = status.message().len() + status.details().len();
        assert!(bytes < 8 * 1024, "{bytes} bytes");
    }

    #[test]
    fn whatever_a_caller_asks_for_is_parsed_or_refused_in_a_bounded_status() {
        let asked = (filters(), hostile::text(), hostile::text(), any::<(i32, i32, i32)>());
        hostile::check(&asked, |(filter, query, order, (size, view, consistency))| {
            let mut violations = Violations::default();
            let listing = listing(&mut violations, Some(filter), (&query, &order), &Scope::All);
            let page = page_size(&mut violations, size);
            assert!(page.is_none_or(|size| (1..=MAX_PAGE).contains(&size)));
            let _ = (self::view(&mut violations, view % 4), self::consistency(&mut violations, consistency % 4));
            let _ = (request_id(&mut violations, &query), owner(&mut violations, &order, &Scope::All));
            if let Err(refusal) = violations.finish(listing) {
                assert_fits(refusal);
            }
        });
    }

    #[test]
    fn whatever_a_caller_sends_as_a_store_is_parsed_or_refused_in_a_bounded_status() {
        let id: StoreId = "store-a".parse().expect("valid");
        hostile::check(&(specs(), map()), |(spec, labels)| {
            let mut violations = Violations::default();
            let _ = self::labels(&mut violations, "labels", labels);
            let parsed = self::spec(&mut violations, Some(spec), ENGINES, &id, "shop.example");
            if let Err(refusal) = violations.finish(parsed) {
                assert_fits(refusal);
            }
        });
    }
}
