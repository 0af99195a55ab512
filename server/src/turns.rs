//! Lines in which tenants take turns: one with a thousand entries delays another tenant by one entry and not by a thousand.

use std::collections::{HashMap, VecDeque};

use sendstores_core::TenantId;

/// Entries of every tenant, each in the order of arrival. Entries without a tenant are those of one tenant.
pub struct Turns<T> {
    /// The tenants that have entries, each once, the next one first.
    turns: VecDeque<Option<TenantId>>,
    /// Empty lines are removed.
    lines: HashMap<Option<TenantId>, VecDeque<T>>,
    len: usize,
}

// === impl Turns ===

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), lines: HashMap::new(), len: 0 }
    }
}

impl<T> Turns<T> {
    pub fn push(&mut self, tenant: Option<TenantId>, entry: T) {
        let line = self.lines.entry(tenant.clone()).or_insert_with(|| {
            self.turns.push_back(tenant);
            VecDeque::new()
        });
        line.push_back(entry);
        self.len += 1;
    }

    /// The first entry that `is_wanted`, of the first tenant that has one; its tenant's next turn comes after all others.
    pub fn pop(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.pop_of(|_| true, is_wanted)
    }

    /// The same, of the tenants that `may` have a turn now. The others keep their places.
    pub fn pop_of(&mut self, may: impl Fn(Option<&TenantId>) -> bool, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        let (turn, at) = self.turns.iter().enumerate().find_map(|(turn, tenant)| {
            if !may(tenant.as_ref()) {
                return None;
            }
            let line = self.lines.get(tenant)?;
            Some((turn, line.iter().position(&is_wanted)?))
        })?;
        let tenant = self.turns.remove(turn)?;
        let line = self.lines.get_mut(&tenant)?;
        let entry = line.remove(at)?;
        if line.is_empty() {
            self.lines.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        self.len -= 1;
        Some(entry)
    }

    /// Keeps only the entries of a tenant that are `wanted`.
    pub fn retain(&mut self, tenant: &Option<TenantId>, wanted: impl Fn(&T) -> bool) {
        let Some(line) = self.lines.get_mut(tenant) else { return };
        let before = line.len();
        line.retain(wanted);
        self.len -= before - line.len();
        if line.is_empty() {
            self.lines.remove(tenant);
            self.turns.retain(|turn| turn != tenant);
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Option<TenantId> {
        Some(name.parse().expect("valid"))
    }

    fn lines(entries: &[(&str, u32)]) -> Turns<u32> {
        let mut turns = Turns::default();
        entries.iter().for_each(|(name, entry)| turns.push(tenant(name), *entry));
        turns
    }

    #[test]
    fn tenants_take_turns_and_each_has_its_own_order() {
        let mut turns = lines(&[("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)]);
        let order: Vec<_> = std::iter::from_fn(|| turns.pop(|_| true)).collect();
        assert_eq!(order, [1, 4, 5, 2, 6, 3]);
        assert!(turns.is_empty() && turns.turns.is_empty() && turns.lines.is_empty());
    }

    #[test]
    fn an_entry_that_is_not_wanted_keeps_its_place() {
        let mut turns = lines(&[("a", 1), ("a", 2), ("b", 3)]);
        assert_eq!(turns.pop(|entry| *entry != 1), Some(2));
        assert_eq!(turns.pop(|entry| *entry == 9), None);
        assert_eq!((turns.pop(|_| true), turns.pop(|_| true), turns.len()), (Some(3), Some(1), 0));
    }

    #[test]
    fn a_tenant_that_may_not_keeps_its_turn_and_delays_no_other() {
        let mut turns = lines(&[("a", 1), ("a", 2), ("b", 3)]);
        let not_a = |of: Option<&TenantId>| of.is_none_or(|of| of.as_str() != "a");
        assert_eq!((turns.pop_of(not_a, |_| true), turns.pop_of(not_a, |_| true)), (Some(3), None));
        assert_eq!((turns.pop(|_| true), turns.pop(|_| true)), (Some(1), Some(2)));
    }

    #[test]
    fn a_line_that_becomes_empty_has_no_turn() {
        let mut turns = lines(&[("a", 1), ("b", 2)]);
        turns.retain(&tenant("a"), |_| false);
        assert_eq!((turns.len(), turns.turns.len(), turns.lines.len()), (1, 1, 1));
        assert_eq!(turns.pop(|_| true), Some(2));
    }
}
