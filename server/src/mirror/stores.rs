//! The stores in memory, and which of them belong to a tenant or are in a state.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    ops::Bound,
    sync::Arc,
};

use sendstores_core::{
    Engine, Listing, Order, Place, Scope, State, Store, StoreFilter, StoreId, Summary, TenantId, Timestamp,
    ledger::{Scan, Unreadable},
};

use super::{Entry, index::start, table::Table};

/// A store is looked up for each id of an index: that takes longer than to read on in the table, by about so many times.
const LOOKUP: usize = 4;

type Ids = BTreeSet<StoreId>;

/// The table of stores, and its indexes. Each store of the table is in the one of its tenant, if it has one, and in the one
/// of its state.
#[derive(Default)]
pub(super) struct Stores {
    table: Table<Store>,
    by_tenant: BTreeMap<TenantId, Ids>,
    by_state: BTreeMap<State, Ids>,
    /// How many stores there are of each engine in each state; none is 0.
    counts: BTreeMap<(State, Engine), usize>,
}

// === impl Stores ===

impl Stores {
    pub(super) fn table(&self) -> &Table<Store> {
        &self.table
    }

    /// How many stores there are of each engine in each state.
    pub(super) fn counts(&self) -> &BTreeMap<(State, Engine), usize> {
        &self.counts
    }

    /// How many stores each tenant has that are not DELETED.
    pub(super) fn tenant_counts(&self) -> BTreeMap<TenantId, u64> {
        let mut counts: BTreeMap<_, _> =
            self.by_tenant.iter().map(|(tenant, ids)| (tenant.clone(), ids.len() as u64)).collect();
        for id in self.by_state.get(&State::Deleted).into_iter().flatten() {
            let tenant = self.table.get(id).and_then(|store| store.tenant.as_ref());
            if let Some(count) = tenant.and_then(|tenant| counts.get_mut(tenant)) {
                *count -= 1;
            }
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// How many of them this tenant has.
    pub(super) fn count_of(&self, tenant: &TenantId) -> u64 {
        let ids = self.by_tenant.get(tenant).into_iter().flatten();
        let live = ids.filter_map(|id| self.table.get(id)).filter(|store| store.state != State::Deleted);
        live.count() as u64
    }

    /// Puts a newer record in the place of what is known.
    pub(super) fn put(&mut self, store: Arc<Entry>) {
        match self.table.get(&store.id).cloned() {
            Some(known) if listed_by(&known) == listed_by(&store) => {}
            Some(known) => {
                self.unlist(&known);
                self.list(&store);
            }
            None => self.list(&store),
        }
        self.table.put(store);
    }

    /// Puts a newer record that cannot be read in the place of what is known.
    pub(super) fn set_aside(&mut self, id: StoreId, unreadable: Unreadable) {
        if let Some(known) = self.table.set_aside(id, unreadable) {
            self.unlist(&known);
        }
    }

    /// Forgets the stores that were DELETED before `then`.
    pub(super) fn forget_tombstones(&mut self, then: Timestamp) {
        for forgotten in self.table.forget_tombstones(then) {
            self.unlist(&forgotten);
        }
    }

    /// Up to `most` stores of the list after the place `after`, in its order, and how many the list has in all.
    pub(super) fn page(&self, listing: &Listing, after: Option<&Place>, most: usize) -> (Vec<Arc<Entry>>, usize) {
        let by_id = listing.order == Order::default();
        if by_id && *listing == Listing::default() {
            let deleted = self.by_state.get(&State::Deleted).map_or(0, BTreeSet::len);
            let stores = self.select(&listing.filter, after.map(|place| &place.id), most);
            return (stores, self.table.len() - deleted);
        }
        let (mut total, mut stores) = (0, Vec::new());
        for store in self.candidates(&listing.filter).filter(|store| listing.has(store)) {
            total += 1;
            // In the order of ids the first ones are the right ones.
            if listing.is_after(after, store) && !(by_id && stores.len() == most) {
                stores.push(store);
            }
        }
        if !by_id {
            let order = |one: &&Arc<Entry>, other: &&Arc<Entry>| listing.order.compare(one, other);
            if stores.len() > most {
                stores.select_nth_unstable_by(most, order);
                stores.truncate(most);
            }
            stores.sort_unstable_by(order);
        }
        (stores.into_iter().cloned().collect(), total)
    }

    /// Counts the stores of the filter.
    pub(super) fn summary(&self, filter: &StoreFilter, now: Timestamp) -> (Summary, Option<Arc<Entry>>) {
        let mut summary = Summary::at(now);
        // Stores that were deleted in the last hour count in any case.
        let any_state = StoreFilter { states: BTreeSet::new(), ..filter.clone() };
        self.candidates(&any_state).for_each(|store| summary.add(filter, store));
        let oldest = summary.oldest.as_ref().and_then(|(_, id)| self.table.get(id)).cloned();
        (summary, oldest)
    }

    /// At least every store that `filter` means, and every one that it would mean if it was not DELETED, in the order of ids.
    fn candidates<'a>(&'a self, filter: &'a StoreFilter) -> Box<dyn Iterator<Item = &'a Arc<Entry>> + 'a> {
        if !filter.ids.is_empty() {
            return Box::new(filter.ids.iter().filter_map(|id| self.table.get(id)));
        }
        match self.few(filter) {
            Some(lists) => Box::new(merged(&lists, None).filter_map(|id| self.table.get(id))),
            None => Box::new(self.table.values()),
        }
    }

    /// Up to `most` stores that `filter` means, after the id `after`, in the order of ids.
    pub(super) fn select(&self, filter: &StoreFilter, after: Option<&StoreId>, most: usize) -> Vec<Arc<Entry>> {
        if !filter.ids.is_empty() {
            let wanted = filter.ids.iter().filter(|id| after.is_none_or(|after| *id > after));
            return self.found(wanted, filter, most);
        }
        match self.few(filter) {
            Some(lists) => self.found(merged(&lists, after), filter, most),
            None => self.table.after(after).filter(|store| filter.matches(store)).take(most).cloned().collect(),
        }
    }

    fn found<'a>(&self, ids: impl Iterator<Item = &'a StoreId>, filter: &StoreFilter, most: usize) -> Vec<Arc<Entry>> {
        ids.filter_map(|id| self.table.get(id)).filter(|store| filter.matches(store)).take(most).cloned().collect()
    }

    /// The lists that together have every store which `filter` can mean, if there are so few of them that looking them up
    /// beats reading all stores.
    fn few(&self, filter: &StoreFilter) -> Option<Vec<&Ids>> {
        let tenants = match (&filter.tenant, &filter.scope) {
            (Some(tenant), _) => Some(vec![tenant]),
            (None, Scope::Tenants(tenants)) => Some(tenants.iter().collect()),
            (None, Scope::All) => None,
        };
        let of_tenant = tenants.map(|tenants| tenants.into_iter().filter_map(|one| self.by_tenant.get(one)).collect());
        let states = (!filter.states.is_empty()).then_some(&filter.states);
        let of_states = states.map(|states| states.iter().filter_map(|state| self.by_state.get(state)).collect());
        let ids = |lists: &Vec<&Ids>| lists.iter().map(|list| list.len()).sum::<usize>();
        let fewest = of_tenant.into_iter().chain(of_states).min_by_key(ids)?;
        (ids(&fewest).saturating_mul(LOOKUP) <= self.table.len()).then_some(fewest)
    }

    fn list(&mut self, store: &Store) {
        if let Some(tenant) = &store.tenant {
            self.by_tenant.entry(tenant.clone()).or_default().insert(store.id.clone());
        }
        self.by_state.entry(store.state).or_default().insert(store.id.clone());
        *self.counts.entry((store.state, store.spec.engine)).or_default() += 1;
    }

    fn unlist(&mut self, store: &Store) {
        if let Some(tenant) = &store.tenant {
            remove(&mut self.by_tenant, tenant, &store.id);
        }
        remove(&mut self.by_state, &store.state, &store.id);
        if let Some(count) = self.counts.get_mut(&(store.state, store.spec.engine)) {
            *count -= 1;
        }
        self.counts.retain(|_, count| *count > 0);
    }
}

/// What says in which indexes and counts a store is.
fn listed_by(store: &Store) -> (State, Engine, Option<&TenantId>) {
    (store.state, store.spec.engine, store.tenant.as_ref())
}

impl From<Scan> for Stores {
    fn from(records: Scan) -> Self {
        let table = Table::from(records);
        let (mut by_tenant, mut by_state) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        let mut counts = BTreeMap::<_, usize>::new();
        for store in table.values() {
            if let Some(tenant) = &store.tenant {
                by_tenant.entry(tenant.clone()).or_default().push(store.id.clone());
            }
            by_state.entry(store.state).or_default().push(store.id.clone());
            *counts.entry((store.state, store.spec.engine)).or_default() += 1;
        }
        // A set that is made of a sorted list as a whole has full nodes.
        let by_tenant = by_tenant.into_iter().map(|(tenant, ids)| (tenant, ids.into_iter().collect())).collect();
        let by_state = by_state.into_iter().map(|(state, ids)| (state, ids.into_iter().collect())).collect();
        Self { table, by_tenant, by_state, counts }
    }
}

fn remove<K: Ord>(lists: &mut BTreeMap<K, Ids>, key: &K, id: &StoreId) {
    if let Some(list) = lists.get_mut(key) {
        list.remove(id);
        if list.is_empty() {
            lists.remove(key);
        }
    }
}

/// The ids of all lists after `after`, in their order. No id is in two of them.
fn merged<'a>(lists: &[&'a Ids], after: Option<&StoreId>) -> impl Iterator<Item = &'a StoreId> + use<'a> {
    let rest = |list: &&'a Ids| list.range::<StoreId, _>((start(after), Bound::Unbounded)).peekable();
    let mut rests: Vec<_> = lists.iter().map(rest).collect();
    iter::from_fn(move || {
        let heads = rests.iter_mut().filter_map(|rest| Some((*rest.peek()?, rest)));
        heads.min_by_key(|(head, _)| *head)?.1.next()
    })
}
