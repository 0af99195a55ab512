//! Which stores are meant.

use std::collections::BTreeSet;

use crate::{
    engine::Engine,
    id::{StoreId, TenantId},
    label::Labels,
    state::State,
    store::Store,
};

/// Fields are joined by AND, the entries of one set by OR; an empty field means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFilter {
    pub ids: BTreeSet<StoreId>,
    pub states: BTreeSet<State>,
    pub engines: BTreeSet<Engine>,
    pub labels: Labels,
    pub tenant: Option<TenantId>,
}

// === impl StoreFilter ===

impl StoreFilter {
    /// Whether `store` is meant. Deleted stores are meant only by a filter that names their state.
    pub fn matches(&self, store: &Store) -> bool {
        let state =
            if self.states.is_empty() { store.state != State::Deleted } else { self.states.contains(&store.state) };
        state && self.matches_identity(store)
    }

    /// As [`Self::matches`], but without regard to deletion: a watcher is told the end of what it saw.
    pub fn matches_change(&self, store: &Store) -> bool {
        self.matches_in(store, store.state)
    }

    /// Whether a watcher was told of `store` while it was in `state`.
    pub fn matches_in(&self, store: &Store, state: State) -> bool {
        (self.states.is_empty() || self.states.contains(&state)) && self.matches_identity(store)
    }

    fn matches_identity(&self, store: &Store) -> bool {
        (self.ids.is_empty() || self.ids.contains(&store.id))
            && (self.engines.is_empty() || self.engines.contains(&store.spec.engine))
            && (self.tenant.is_none() || self.tenant == store.tenant)
            && store.labels.contain(&self.labels)
    }
}
