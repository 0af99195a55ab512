//! Whose stores a principal may see.

use std::collections::BTreeSet;

use super::Role;
use crate::{id::TenantId, text::Invalid};

/// Whose stores there are for a principal. A store without an owner is in [`Scope::All`] alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    All,
    /// Of these tenants: 1 to [`Scope::MOST`].
    Tenants(BTreeSet<TenantId>),
}

// === impl Scope ===

impl Scope {
    /// The most tenants of one principal.
    pub const MOST: usize = 16;

    /// The stores of these tenants.
    ///
    /// # Errors
    /// None, or more than [`Scope::MOST`].
    pub fn of_tenants(tenants: impl IntoIterator<Item = TenantId>) -> Result<Self, Invalid> {
        let tenants: BTreeSet<_> = tenants.into_iter().collect();
        if (1..=Self::MOST).contains(&tenants.len()) {
            return Ok(Self::Tenants(tenants));
        }
        Err(Invalid::new(format_args!("must be 1 to {} tenants", Self::MOST)))
    }

    /// The scope of a principal with this role and these tenants.
    ///
    /// # Errors
    /// The role must have tenants and there are none, must have none and there are some, or there are too many.
    pub fn of_role(role: Role, tenants: impl IntoIterator<Item = TenantId>) -> Result<Self, Invalid> {
        let tenants: BTreeSet<_> = tenants.into_iter().collect();
        if tenants.is_empty() {
            let all = !role.needs_tenants();
            return all
                .then_some(Self::All)
                .ok_or_else(|| Invalid::new(format_args!("the role {role} needs a tenant")));
        }
        if !role.may_have_tenants() {
            return Err(Invalid::new(format_args!("the role {role} is for all tenants and takes none")));
        }
        Self::of_tenants(tenants)
    }

    /// Whether a store with this owner is in it.
    pub fn contains(&self, owner: Option<&TenantId>) -> bool {
        match self {
            Self::All => true,
            Self::Tenants(tenants) => owner.is_some_and(|owner| tenants.contains(owner)),
        }
    }

    /// Whether everything in `other` is in it.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Tenants(_), Self::All) => false,
            (Self::Tenants(tenants), Self::Tenants(others)) => others.is_subset(tenants),
        }
    }

    /// The tenants; none for [`Scope::All`].
    pub fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        let tenants = match self {
            Self::All => None,
            Self::Tenants(tenants) => Some(tenants),
        };
        tenants.into_iter().flatten()
    }

    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_has_none_but_its_tenants() {
        let of = |ids: &[&str]| Scope::of_tenants(ids.iter().map(|id| id.parse().expect("a tenant"))).expect("a scope");
        for (scope, other, covers) in [
            (Scope::All, Scope::All, true),
            (Scope::All, of(&["acme"]), true),
            (of(&["acme"]), Scope::All, false),
            (of(&["acme", "bolt"]), of(&["bolt"]), true),
            (of(&["acme"]), of(&["acme", "bolt"]), false),
        ] {
            assert_eq!(scope.includes(&other), covers, "{scope:?} {other:?}");
        }
    }

    #[test]
    fn a_role_fits_its_tenants_or_has_no_scope() {
        let tenants = |count: usize| (0..count).map(|i| format!("t{i}").parse().expect("a tenant")).collect::<Vec<_>>();
        for (role, none, one) in [
            (Role::Admin, true, false),
            (Role::Operator, true, false),
            (Role::Tenant, false, true),
            (Role::Reader, true, true),
            (Role::Agent, false, true),
        ] {
            assert_eq!(Scope::of_role(role, tenants(0)).is_ok(), none, "{role}");
            assert_eq!(Scope::of_role(role, tenants(1)).is_ok(), one, "{role}");
        }
        let (all, two, one) = (Scope::All, tenants(2), tenants(1));
        let (two, one) = (Scope::of_tenants(two).expect("two"), Scope::of_tenants(one).expect("one"));
        assert!(all.includes(&two) && two.includes(&one) && two.includes(&two) && all.includes(&all));
        assert!(!one.includes(&two) && !two.includes(&all));
        assert!(Scope::of_role(Role::Tenant, tenants(16)).is_ok());
        assert!(Scope::of_role(Role::Tenant, tenants(17)).is_err());
    }
}
