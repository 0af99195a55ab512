//! Which stores are meant.

use std::{collections::BTreeSet, fmt};

use crate::{
    access::Scope,
    engine::Engine,
    id::{StoreId, TenantId},
    label::Labels,
    state::State,
    store::Store,
};

/// Fields are joined by AND, the entries of one set by OR; an empty field means all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StoreFilter {
    pub ids: BTreeSet<StoreId>,
    pub states: BTreeSet<State>,
    pub engines: BTreeSet<Engine>,
    pub labels: Labels,
    pub tenant: Option<TenantId>,
    /// Whose stores there are for the caller, whatever the caller asks for.
    pub scope: Scope,
}

// === impl StoreFilter ===

impl StoreFilter {
    /// Whether `store` is meant. Deleted stores are meant only by a filter that names their state.
    pub fn matches(&self, store: &Store) -> bool {
        let state =
            if self.states.is_empty() { store.state != State::Deleted } else { self.states.contains(&store.state) };
        state && self.matches_in_any_state(store)
    }

    /// As [`Self::matches`], but without regard to deletion: a watcher gets the end of what it saw.
    pub fn matches_change(&self, store: &Store) -> bool {
        self.matches_in(store, store.state)
    }

    /// Whether a watcher saw `store` while it was in `state`.
    pub fn matches_in(&self, store: &Store, state: State) -> bool {
        (self.states.is_empty() || self.states.contains(&state)) && self.matches_in_any_state(store)
    }

    /// Whether it selects every store of its scope.
    pub fn is_only_scope(&self) -> bool {
        *self == Self { scope: self.scope.clone(), ..Self::default() }
    }

    /// As [`Self::matches`], whatever state it is in.
    pub fn matches_in_any_state(&self, store: &Store) -> bool {
        (self.ids.is_empty() || self.ids.contains(&store.id))
            && (self.engines.is_empty() || self.engines.contains(&store.spec.engine))
            && (self.tenant.is_none() || self.tenant == store.tenant)
            && self.scope.contains(store.tenant.as_ref())
            && store.labels.contain(&self.labels)
    }
}

/// Without a scope that is everything: then it is the text that filters had before there were scopes, and what is bound to
/// a digest of it stays valid.
impl fmt::Debug for StoreFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ids, states, engines, labels, tenant, scope } = self;
        let mut text = f.debug_struct("StoreFilter");
        text.field("ids", ids).field("states", states).field("engines", engines).field("labels", labels);
        text.field("tenant", tenant);
        if !scope.is_all() {
            text.field("scope", scope);
        }
        text.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn a_scope_takes_from_a_filter_and_adds_nothing() {
        let scope = |id: &str| Scope::of_tenants([id.parse().expect("a tenant")]).expect("a scope");
        let of = |tenant: Option<&str>| {
            let mut store = fixture::store("store-a");
            store.tenant = tenant.map(|id| id.parse().expect("a tenant"));
            store
        };
        let own = StoreFilter { scope: scope("acme"), ..StoreFilter::default() };
        assert!(own.matches(&of(Some("acme"))) && own.matches_change(&of(Some("acme"))));
        for foreign in [of(Some("bolt")), of(None)] {
            assert!(!own.matches(&foreign) && !own.matches_change(&foreign));
            assert!(!own.matches_in(&foreign, State::Ready));
            assert!(StoreFilter::default().matches(&foreign));
        }
        let crossed = StoreFilter { tenant: Some("bolt".parse().expect("a tenant")), ..own };
        assert!(!crossed.matches(&of(Some("bolt"))) && !crossed.matches(&of(Some("acme"))));
    }

    #[test]
    fn a_filter_without_a_scope_has_the_text_it_had_before() {
        let text = format!("{:?}", StoreFilter::default());
        assert_eq!(text, "StoreFilter { ids: {}, states: {}, engines: {}, labels: Labels({}), tenant: None }");
    }
}
