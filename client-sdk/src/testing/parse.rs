//! What a request must be. The real server checks every setting of a shop; this one checks what callers get wrong most.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use prost::Message;
use tonic::Status;

use super::refusal::invalid;
use crate::v1::{CreateRequest, ShopSettings, Store, StoreFilter, StoreSpec, Volumes, store::State};

const PREFIX: &str = "store-";

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Violations(Vec<(String, String)>);

// === impl Violations ===

impl Violations {
    pub(super) fn check(&mut self, good: bool, field: impl Into<String>, why: &str) {
        if !good {
            self.0.push((field.into(), why.to_owned()));
        }
    }

    pub(super) fn id(&mut self, field: impl Into<String>, id: &str) {
        self.check(
            is_id(id),
            field,
            "must be \"store-\" and 1 to 34 characters of a-z, 0-9, '-', ending in a letter or digit",
        );
    }

    pub(super) fn labels(&mut self, field: &str, labels: &BTreeMap<String, String>) {
        let good = labels.iter().all(|(key, value)| !key.is_empty() && is_label(key) && is_label(value));
        self.check(good && labels.len() <= 16, field, "must be labels of Kubernetes, 16 at most");
    }

    pub(super) fn volumes(&mut self, volumes: Option<Volumes>) {
        let Volumes { database_gib, content_gib } = volumes.unwrap_or_default();
        for (field, size) in [("database_gib", database_gib), ("content_gib", content_gib)] {
            let good = (0..=16_384).contains(&size);
            self.check(good, format!("spec.volumes.{field}"), "must be 0 to 16384, in GiB");
        }
    }

    pub(super) fn finish(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(invalid(self.0)) }
    }
}

fn is_id(id: &str) -> bool {
    let Some(rest) = id.strip_prefix(PREFIX) else { return false };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=34).contains(&rest.len()) && rest.chars().all(|c| plain(c) || c == '-') && rest.ends_with(plain)
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

pub(super) fn create(request: &CreateRequest) -> Result<(), Status> {
    let mut violations = Violations::default();
    if !request.store_id.is_empty() {
        violations.id("store_id", &request.store_id);
    }
    violations.labels("labels", &request.labels);
    let volumes = request.spec.as_ref().and_then(|spec| spec.volumes);
    violations.volumes(volumes);
    let currency = request.spec.as_ref().and_then(|spec| spec.shop.as_ref()).map_or("", |shop| &shop.currency);
    let is_code = currency.len() == 3 && currency.chars().all(|c| c.is_ascii_uppercase());
    violations.check(currency.is_empty() || is_code, "spec.shop.currency", "must be an ISO 4217 code");
    violations.finish()
}

/// The same for filters that mean the same; `-` for one that means every store.
pub(super) fn key(filter: &StoreFilter) -> String {
    if *filter == StoreFilter::default() {
        return "-".to_owned();
    }
    let mut filter = filter.clone();
    filter.ids.sort_unstable();
    filter.states.sort_unstable();
    filter.engines.sort_unstable();
    let mut hasher = DefaultHasher::new();
    filter.encode_to_vec().hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

pub(super) fn filter(violations: &mut Violations, filter: Option<StoreFilter>) -> StoreFilter {
    let filter = filter.unwrap_or_default();
    violations.check(filter.ids.len() <= 100, "filter.ids", "must be 100 at most");
    for (i, id) in filter.ids.iter().enumerate() {
        violations.id(format!("filter.ids[{i}]"), id);
    }
    for (i, state) in filter.states.iter().enumerate() {
        let known = State::try_from(*state).is_ok_and(|state| state != State::Unspecified);
        violations.check(known, format!("filter.states[{i}]"), "is not a state this server knows");
    }
    filter
}

/// Whether the filter means the store.
pub(super) fn means(filter: &StoreFilter, store: &Store) -> bool {
    let spec_engine = store.spec.as_ref().map_or(0, |spec| spec.engine);
    (filter.ids.is_empty() || filter.ids.contains(&store.id))
        && (filter.states.is_empty() || filter.states.contains(&store.state))
        && (filter.engines.is_empty() || filter.engines.contains(&spec_engine))
        && (filter.tenant.is_empty() || filter.tenant == store.tenant)
        && filter.labels.iter().all(|(key, value)| store.labels.get(key) == Some(value))
}

/// The spec with the defaults that the contract names.
pub(super) fn with_defaults(spec: Option<StoreSpec>, host: &str) -> StoreSpec {
    let StoreSpec { engine: _, shop, release, deletion_protection, volumes } = spec.unwrap_or_default();
    let mut shop = shop.unwrap_or_default();
    let ShopSettings { title, admin_email, admin_user, country, currency, locale, .. } = &mut shop;
    let email = format!("admin@{host}");
    for (setting, default) in [
        (title, "My shop"),
        (admin_email, email.as_str()),
        (admin_user, "merchant"),
        (country, "US:CA"),
        (currency, "USD"),
        (locale, "en_US"),
    ] {
        if setting.is_empty() {
            default.clone_into(setting);
        }
    }
    for (setting, default) in [
        (&mut shop.timezone, "UTC"),
        (&mut shop.weight_unit, "kg"),
        (&mut shop.dimension_unit, "cm"),
        (&mut shop.flat_rate, "5.00"),
    ] {
        if setting.is_empty() {
            default.clone_into(setting);
        }
    }
    if shop.payment_methods.is_empty() {
        shop.payment_methods = vec![1, 2];
    }
    if shop.catalogue == 0 {
        shop.catalogue = 1;
    }
    let volumes = volumes.filter(|volumes| *volumes != Volumes::default());
    StoreSpec { engine: 1, shop: Some(shop), release, deletion_protection, volumes }
}
