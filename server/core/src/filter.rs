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

/// What a filter asks of a store and a change can alter, as it was before the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    pub state: State,
    /// `None`: the same as after the change.
    pub labels: Option<Labels>,
}

// === impl Former ===

impl Former {
    /// What `before` was, which became `after`.
    pub fn of(before: &Store, after: &Store) -> Self {
        let labels = (before.labels != after.labels).then(|| before.labels.clone());
        Self { state: before.state, labels }
    }
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
        (self.states.is_empty() || self.states.contains(&store.state)) && self.matches_in_any_state(store)
    }

    /// Whether a watcher saw `store` while it was `former`.
    pub fn matches_former(&self, store: &Store, former: &Former) -> bool {
        let Former { state, labels } = former;
        (self.states.is_empty() || self.states.contains(state))
            && self.matches_with(store, labels.as_ref().unwrap_or(&store.labels))
    }

    /// Whether it selects every store of its scope.
    pub fn is_only_scope(&self) -> bool {
        *self == Self { scope: self.scope.clone(), ..Self::default() }
    }

    /// As [`Self::matches`], whatever state it is in.
    pub fn matches_in_any_state(&self, store: &Store) -> bool {
        self.matches_with(store, &store.labels)
    }

    /// As [`Self::matches`], whatever state it is in, if it had these labels.
    fn matches_with(&self, store: &Store, labels: &Labels) -> bool {
        (self.ids.is_empty() || self.ids.contains(&store.id))
            && (self.engines.is_empty() || self.engines.contains(&store.spec.engine))
            && (self.tenant.is_none() || self.tenant == store.tenant)
            && self.scope.contains(store.tenant.as_ref())
            && labels.contain(&self.labels)
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
            assert!(!own.matches_former(&foreign, &Former { state: State::Ready, labels: None }));
            assert!(StoreFilter::default().matches(&foreign));
        }
        let crossed = StoreFilter { tenant: Some("bolt".parse().expect("a tenant")), ..own };
        assert!(!crossed.matches(&of(Some("bolt"))) && !crossed.matches(&of(Some("acme"))));
    }

    #[test]
    fn a_store_left_a_filter_if_it_was_meant_with_its_former_state_and_labels() {
        let labels = |value: &str| Labels::parse([("team".to_owned(), value.to_owned())]).expect("valid");
        let before = Store { labels: labels("a"), ..fixture::store("store-a") };
        let after = Store { state: State::Ready, labels: labels("b"), ..before.clone() };
        let team = |value: &str| StoreFilter { labels: labels(value), ..StoreFilter::default() };
        let former = Former::of(&before, &after);
        assert!(!team("a").matches_change(&after) && team("a").matches_former(&after, &former));
        assert!(team("b").matches_change(&after) && !team("b").matches_former(&after, &former));
        let gone = StoreFilter { states: [State::Ready].into(), ..team("a") };
        assert!(!gone.matches_former(&after, &former), "it was not in this state");
        let same = Former::of(&before, &Store { state: State::Ready, ..before.clone() });
        assert_eq!(same.labels, None, "the labels are those of after");
        assert!(team("a").matches_former(&before, &same));
    }

    #[test]
    fn a_filter_without_a_scope_has_the_text_it_had_before() {
        let text = format!("{:?}", StoreFilter::default());
        assert_eq!(text, "StoreFilter { ids: {}, states: {}, engines: {}, labels: Labels({}), tenant: None }");
    }
}
