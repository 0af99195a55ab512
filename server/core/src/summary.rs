//! How many stores there are of what, counted in one pass.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    engine::Engine,
    failure::FailureReason,
    filter::StoreFilter,
    id::{StoreId, TenantId},
    state::State,
    store::Store,
    time::Timestamp,
};

/// Over how long changes are counted.
pub const SPAN: Duration = Duration::from_secs(60 * 60);

/// The stores of a filter by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub total: usize,
    pub states: BTreeMap<State, usize>,
    pub reasons: HashMap<FailureReason, usize>,
    pub tenants: BTreeMap<Option<TenantId>, TenantCount>,
    pub engines: BTreeMap<Engine, usize>,
    /// The store that has not been READY for the longest time, and since when.
    pub oldest: Option<(Timestamp, StoreId)>,
    pub changes: Changes,
}

/// The stores of one tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantCount {
    pub stores: usize,
    pub ready: usize,
}

/// What happened since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    pub since: Timestamp,
    pub created: usize,
    pub became_ready: usize,
    pub deleted: usize,
    pub changed: usize,
}

// === impl Summary ===

impl Summary {
    /// Nothing is counted yet. Changes are those in the time of [`SPAN`] before `now`.
    pub fn at(now: Timestamp) -> Self {
        let span = i64::try_from(SPAN.as_micros()).unwrap_or(i64::MAX);
        let since = Timestamp::from_micros(now.as_micros().saturating_sub(span));
        Self {
            total: 0,
            states: BTreeMap::new(),
            reasons: HashMap::new(),
            tenants: BTreeMap::new(),
            engines: BTreeMap::new(),
            oldest: None,
            changes: Changes { since, created: 0, became_ready: 0, deleted: 0, changed: 0 },
        }
    }

    /// Counts the store, if the filter means it. One that is DELETED counts as a change, whatever states the filter names.
    pub fn add(&mut self, filter: &StoreFilter, store: &Store) {
        let meant = filter.matches(store);
        if meant || (store.is_deleted() && filter.matches_in_any_state(store)) {
            self.changes.add(store);
        }
        if !meant {
            return;
        }
        self.total += 1;
        *self.states.entry(store.state).or_default() += 1;
        *self.engines.entry(store.spec.engine).or_default() += 1;
        if let Some(failure) = &store.failure {
            *self.reasons.entry(failure.reason).or_default() += 1;
        }
        if !self.tenants.contains_key(&store.tenant) {
            self.tenants.insert(store.tenant.clone(), TenantCount::default());
        }
        if let Some(count) = self.tenants.get_mut(&store.tenant) {
            count.stores += 1;
            count.ready += usize::from(store.state == State::Ready);
        }
        if let Some(since) = not_ready_since(store)
            && self.oldest.as_ref().is_none_or(|(oldest, id)| (since, &store.id) < (*oldest, id))
        {
            self.oldest = Some((since, store.id.clone()));
        }
    }
}

/// Since when a store that should sell, or be gone, certainly does not and is not. What a state of a newer version wants is
/// not known.
fn not_ready_since(store: &Store) -> Option<Timestamp> {
    match store.state {
        State::Ready | State::Suspended | State::Retained | State::Deleted | State::Unknown(_) => None,
        State::Retaining | State::Deleting => Some(store.delete_time.unwrap_or(store.update_time)),
        _ if store.ready_time.is_none() => Some(store.create_time),
        _ => Some(store.update_time),
    }
}

// === impl Changes ===

impl Changes {
    fn add(&mut self, store: &Store) {
        let recent = |time: Timestamp| usize::from(time >= self.since);
        let [created, changed] = [store.create_time, store.update_time].map(recent);
        self.became_ready += store.ready_time.map_or(0, recent);
        self.created += created;
        self.changed += changed;
        if store.is_deleted() {
            self.deleted += changed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access::Scope, state::Event, store::fixture};

    const HOUR: i64 = 3_600_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn store(id: &str, tenant: Option<&str>, created: i64) -> Store {
        let mut store = fixture::store(id);
        store.tenant = tenant.map(|id| id.parse().expect("a tenant"));
        (store.create_time, store.update_time) = (at(created), at(created));
        store
    }

    fn summary(filter: &StoreFilter, stores: &[Store]) -> Summary {
        let mut summary = Summary::at(at(2 * HOUR));
        stores.iter().for_each(|store| summary.add(filter, store));
        summary
    }

    fn stores() -> Vec<Store> {
        let after = |store: Store, event, time| store.after(event, at(time)).expect("legal");
        let ready = after(store("store-ready", Some("acme"), 5), Event::Converged, HOUR + 9);
        let broken = after(ready.clone(), Event::ProbeFailed, HOUR + 50);
        let leaving = after(store("store-leaving", Some("bolt"), 7), Event::DeleteRequested, 8);
        let gone =
            after(Store { id: "store-gone".parse().expect("an id"), ..leaving.clone() }, Event::Removed, 2 * HOUR);
        let broken = Store { id: "store-broken".parse().expect("an id"), ..broken };
        vec![ready, broken, leaving, gone, store("store-new", None, HOUR + 1), store("store-old", Some("acme"), 3)]
    }

    #[test]
    fn stores_are_counted_once_by_each_property() {
        let summary = summary(&StoreFilter::default(), &stores());
        assert_eq!(summary.total, 5, "the deleted one is not there");
        let states = [(State::Provisioning, 2), (State::Ready, 1), (State::Degraded, 1), (State::Deleting, 1)];
        assert_eq!(summary.states, states.into());
        let acme = Some("acme".parse().expect("a tenant"));
        assert_eq!(summary.tenants[&acme], TenantCount { stores: 3, ready: 1 });
        assert_eq!(summary.tenants[&None], TenantCount { stores: 1, ready: 0 });
        assert_eq!(summary.oldest, Some((at(3), "store-old".parse().expect("an id"))));
        let Changes { created, became_ready, deleted, changed, since } = summary.changes;
        assert_eq!((created, became_ready, deleted, changed, since), (1, 2, 1, 4, at(HOUR)));
    }

    #[test]
    fn a_foreign_store_is_in_no_number() {
        let scope = Scope::of_tenants(["acme".parse().expect("a tenant")]).expect("a scope");
        let own = summary(&StoreFilter { scope, ..StoreFilter::default() }, &stores());
        assert_eq!((own.total, own.tenants.len(), own.changes.deleted, own.changes.created), (3, 1, 0, 0));
        assert!(!own.states.contains_key(&State::Deleting));
    }

    #[test]
    fn a_deleted_store_is_counted_for_its_hour_whatever_the_states_are() {
        let ready = StoreFilter { states: [State::Ready].into(), ..StoreFilter::default() };
        let summary = summary(&ready, &stores());
        assert_eq!((summary.total, summary.changes.deleted, summary.oldest), (1, 1, None));
    }
}
