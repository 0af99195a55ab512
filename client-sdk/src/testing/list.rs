//! Pages of stores, and the stores by number.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use tonic::Status;

use super::{
    parse::{self, Violations, key, means},
    refusal::bad_text,
};
use crate::v1::{
    Failure, GetSummaryResponse, ListRequest, ListResponse, ShopSettings, Store, StoreFilter, StoreSpec, StoreView,
    get_summary_response as part, step, store::State,
};

/// Pages of this size are the default.
const PAGE: i32 = 50;
/// The longest text that stores are searched for, in characters.
const MAX_QUERY: usize = 100;
/// As many tenants are named.
const TENANTS: usize = 100;
/// Changes are counted for so long.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a list has, and where a page of it begins.
pub(super) struct Listing {
    pub(super) filter: StoreFilter,
    query: String,
    by: By,
    descending: bool,
    view: StoreView,
    most: usize,
    after: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Id,
    CreateTime,
    UpdateTime,
}

/// Nanoseconds, and an id.
type Place = (i128, String);

// === impl Listing ===

impl Listing {
    pub(super) fn parse(request: &ListRequest) -> Result<Self, Status> {
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, request.filter.clone());
        violations.check((0..=500).contains(&request.page_size), "page_size", "must be 0 to 500");
        let plain = request.query.chars().count() <= MAX_QUERY && !request.query.chars().any(char::is_control);
        violations.check(plain, "query", "must have 100 characters at most, and no control characters");
        let order = order(&request.order_by);
        let why = "must be id, create_time or update_time, and then nothing, asc or desc";
        violations.check(order.is_some(), "order_by", why);
        let view = StoreView::try_from(request.view).ok();
        violations.check(view.is_some(), "view", "is not one this server knows");
        violations.finish()?;
        let (by, descending) = order.unwrap_or((By::Id, false));
        let size = if request.page_size == 0 { PAGE } else { request.page_size };
        let mut listing = Self {
            filter,
            query: request.query.to_lowercase(),
            by,
            descending,
            view: view.unwrap_or_default(),
            most: usize::try_from(size).unwrap_or_default(),
            after: None,
        };
        listing.after = listing.place_of(&request.page_token)?;
        Ok(listing)
    }

    /// The page of these stores, which the filter means.
    pub(super) fn page(&self, mut stores: Vec<Store>) -> ListResponse {
        stores.retain(|store| self.finds(store));
        let total_size = i32::try_from(stores.len()).unwrap_or(i32::MAX);
        stores.sort_by_key(|store| self.place(store));
        if self.descending {
            stores.reverse();
        }
        if let Some(after) = &self.after {
            let is_before =
                |store: &Store| (self.place(store) > *after) == self.descending || self.place(store) == *after;
            stores.retain(|store| !is_before(store));
        }
        let more = stores.len() > self.most;
        stores.truncate(self.most);
        let next = stores.last().filter(|_| more).map(|last| self.token(last)).unwrap_or_default();
        if self.view == StoreView::Basic {
            stores = stores.into_iter().map(basic).collect();
        }
        ListResponse { stores, next_page_token: next, total_size, ..ListResponse::default() }
    }

    fn place(&self, store: &Store) -> Place {
        let time = match self.by {
            By::Id => None,
            By::CreateTime => store.create_time,
            By::UpdateTime => store.update_time,
        };
        let nanos = time.map_or(0, |at| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos));
        (nanos, store.id.clone())
    }

    fn finds(&self, store: &Store) -> bool {
        let title = store.spec.as_ref().and_then(|spec| spec.shop.as_ref()).map_or("", |shop| &shop.title);
        let labels = store.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let mut texts = [store.id.as_str(), title, store.url.as_str()].map(str::to_owned).into_iter().chain(labels);
        texts.any(|text| text.to_lowercase().contains(&self.query))
    }

    fn token(&self, last: &Store) -> String {
        let (time, id) = self.place(last);
        format!("{time}/{id} {}", self.key())
    }

    fn place_of(&self, token: &str) -> Result<Option<Place>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let place = token.split_once(' ').filter(|(_, of)| *of == self.key()).and_then(|(place, _)| {
            let (time, id) = place.split_once('/')?;
            Some((time.parse().ok()?, id.to_owned()))
        });
        let why = "was not given out by this service for this filter, order and query";
        place.map(Some).ok_or_else(|| bad_text("PAGE_TOKEN_INVALID", "page_token", why))
    }

    /// The same for requests that have the same list.
    fn key(&self) -> String {
        let direction = if self.descending { "desc" } else { "asc" };
        format!("{} {} {direction} {}", key(&self.filter), self.by as u8, self.query)
    }
}

fn order(text: &str) -> Option<(By, bool)> {
    let words: Vec<_> = text.split_whitespace().collect();
    let (field, direction) = match words.as_slice() {
        [] if text.is_empty() => return Some((By::Id, false)),
        [field] => (*field, "asc"),
        [field, direction] => (*field, *direction),
        _ => return None,
    };
    let by = match field {
        "id" => By::Id,
        "create_time" => By::CreateTime,
        "update_time" => By::UpdateTime,
        _ => return None,
    };
    matches!(direction, "asc" | "desc").then_some((by, direction == "desc"))
}

fn basic(mut store: Store) -> Store {
    let StoreSpec { engine, shop, release: _, deletion_protection, volumes: _ } = store.spec.unwrap_or_default();
    let shop = ShopSettings { title: shop.unwrap_or_default().title, ..ShopSettings::default() };
    store.spec =
        Some(StoreSpec { engine, shop: Some(shop), release: String::new(), deletion_protection, volumes: None });
    store.steps.retain(|step| matches!(step.state(), step::State::Running | step::State::Failed));
    let shown = |failure: Failure| Failure { diagnosis: None, suggestion: String::new(), ..failure };
    store.failure = store.failure.map(shown);
    store.evidence.clear();
    store.history.clear();
    store
}

/// Counts all stores that the filter means; `stores` has the deleted ones, too.
pub(super) fn summary(filter: &StoreFilter, stores: &[Store], now: SystemTime) -> GetSummaryResponse {
    let any_state = StoreFilter { states: Vec::new(), ..filter.clone() };
    let deleted = |store: &&Store| store.state() == State::Deleted;
    let meant = |store: &&Store| means(filter, store) && (!filter.states.is_empty() || !deleted(store));
    let listed: Vec<&Store> = stores.iter().filter(meant).collect();
    let changed = stores.iter().filter(|store| meant(store) || (deleted(store) && means(&any_state, store)));

    let since: prost_types::Timestamp = (now - HOUR).into();
    let recent = |time: Option<prost_types::Timestamp>| {
        i32::from(time.is_some_and(|at| (at.seconds, at.nanos) >= (since.seconds, since.nanos)))
    };
    let mut changes = part::Changes { since: Some(since), ..part::Changes::default() };
    for store in changed {
        changes.created += recent(store.create_time);
        changes.became_ready += recent(store.ready_time);
        changes.changed += recent(store.update_time);
        changes.deleted += if deleted(&store) { recent(store.update_time) } else { 0 };
    }
    let states = count(listed.iter().map(|store| store.state));
    let mut reasons: Vec<_> = count(listed.iter().filter_map(|store| Some(store.failure.as_ref()?.reason))).collect();
    reasons.sort_by_key(|(reason, stores)| (Reverse(*stores), *reason));
    let engines = count(listed.iter().map(|store| store.spec.as_ref().map_or(0, |spec| spec.engine)));
    let mut tenants: Vec<_> = count(listed.iter().map(|store| store.tenant.as_str())).collect();
    let tenants_total = i32::try_from(tenants.len()).unwrap_or(i32::MAX);
    tenants.sort_by_key(|(_, stores)| Reverse(*stores));
    let ready =
        |tenant: &str| listed.iter().filter(|store| store.tenant == tenant && store.state() == State::Ready).count();
    let tenants = tenants.into_iter().take(TENANTS).map(|(tenant, stores)| part::TenantCount {
        tenant: tenant.to_owned(),
        stores,
        ready: i32::try_from(ready(tenant)).unwrap_or(i32::MAX),
    });
    let waiting = listed.iter().filter_map(|store| Some((not_ready_since(store)?, *store)));
    let oldest = waiting.min_by_key(|(since, store)| (since.seconds, since.nanos, &store.id));
    GetSummaryResponse {
        total_size: i32::try_from(listed.len()).unwrap_or(i32::MAX),
        states: states.map(|(state, stores)| part::StateCount { state, stores }).collect(),
        failure_reasons: reasons.into_iter().map(|(reason, stores)| part::ReasonCount { reason, stores }).collect(),
        tenants: tenants.collect(),
        tenants_total,
        engines: engines.map(|(engine, stores)| part::EngineCount { engine, stores }).collect(),
        oldest_not_ready: oldest.map(|(_, store)| basic(store.clone())),
        oldest_not_ready_since: oldest.map(|(since, _)| since),
        last_hour: Some(changes),
        revision: 0,
        fresh_time: Some(now.into()),
    }
}

fn count<T: Ord>(all: impl Iterator<Item = T>) -> impl Iterator<Item = (T, i32)> {
    let mut counts = BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts.into_iter()
}

fn not_ready_since(store: &Store) -> Option<prost_types::Timestamp> {
    match store.state() {
        State::Ready | State::Suspended | State::Retained | State::Deleted | State::Unspecified => None,
        State::Retaining | State::Deleting => store.delete_time.or(store.update_time),
        _ if store.ready_time.is_none() => store.create_time,
        _ => store.update_time,
    }
}
