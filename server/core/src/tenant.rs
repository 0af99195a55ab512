//! A tenant: who owns stores.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    admission::TenantLimits,
    id::{TenantId, Uid},
    resource::UnknownFields,
    revision::Revision,
    text::{self, Invalid},
    time::Timestamp,
    word::{self, Word},
};

/// One owner of stores, as the ledger keeps it. Stores name their tenant whether it is declared by such a record or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    /// Tells it from an earlier tenant of the same id, whose tokens and stores are not its own.
    pub uid: Uid,
    pub display_name: DisplayName,
    pub state: TenantState,
    /// Its own limits, which go before those that the server has for all.
    pub limits: TenantLimits,
    /// Set by the ledger; [`Revision::ZERO`] until it was written.
    pub revision: Revision,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub delete_time: Option<Timestamp>,
    /// What the record has beside all this; nearly always nothing.
    pub unknown: Option<Arc<UnknownFields>>,
}

/// What people call a tenant: one line of 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

/// What a tenant may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TenantState {
    Active,
    /// Its stores are kept, and nothing is created or changed for it.
    Suspended,
    Deleted,
    /// One of a newer version. Nothing is known of it, so nothing leads out of it.
    Unknown(Word),
}

/// What can happen to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantEvent {
    Renamed(DisplayName),
    /// Its limits are these from now on.
    Limited(TenantLimits),
    Suspended,
    Resumed,
    Deleted,
}

/// An event that makes no sense in a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible for a tenant in state {state}")]
pub struct NotPossible {
    pub state: TenantState,
    pub event: TenantEvent,
}

// === impl Tenant ===

impl Tenant {
    pub fn new(id: TenantId, uid: Uid, display_name: DisplayName, now: Timestamp) -> Self {
        Self {
            id,
            uid,
            display_name,
            state: TenantState::Active,
            limits: TenantLimits::default(),
            revision: Revision::ZERO,
            create_time: now,
            update_time: now,
            delete_time: None,
            unknown: None,
        }
    }

    /// Whether it has ended.
    pub fn is_deleted(&self) -> bool {
        self.state == TenantState::Deleted
    }

    /// The tenant after `event`.
    pub fn after(&self, event: TenantEvent, now: Timestamp) -> Result<Self, NotPossible> {
        let Some(state) = self.state.next(&event) else { return Err(NotPossible { state: self.state, event }) };
        let mut next = Self { state, update_time: now, ..self.clone() };
        match event {
            TenantEvent::Renamed(display_name) => next.display_name = display_name,
            TenantEvent::Limited(limits) => next.limits = limits,
            TenantEvent::Deleted => next.delete_time = Some(now),
            TenantEvent::Suspended | TenantEvent::Resumed => {}
        }
        Ok(next)
    }
}

// === impl DisplayName ===

impl DisplayName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text::plain_line(text, 100).map(|text| Self(text.to_owned()))
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl TenantState ===

impl TenantState {
    /// All that are known.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Deleted];

    /// The state after `event`; `None` where it is not possible. An event that changes nothing is possible.
    pub fn next(self, event: &TenantEvent) -> Option<Self> {
        match (self, event) {
            (Self::Deleted | Self::Unknown(_), _) => None,
            (Self::Active | Self::Suspended, TenantEvent::Renamed(_) | TenantEvent::Limited(_)) => Some(self),
            (Self::Active | Self::Suspended, TenantEvent::Suspended) => Some(Self::Suspended),
            (Self::Active | Self::Suspended, TenantEvent::Resumed) => Some(Self::Active),
            (Self::Active | Self::Suspended, TenantEvent::Deleted) => Some(Self::Deleted),
        }
    }

    /// The name as the records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Deleted => "DELETED",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The state that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

impl fmt::Display for TenantState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn name(text: &str) -> DisplayName {
        text.parse().expect("a name")
    }

    fn tenant() -> Tenant {
        let uid = "0193b0a0-7c3e-7000-8000-0000000000af".parse().expect("a uid");
        Tenant::new("acme".parse().expect("an id"), uid, name("Acme"), at(1))
    }

    #[test]
    fn the_state_machine_is_this_table() {
        use TenantState::{Active, Deleted, Suspended, Unknown};
        let other = Unknown(Word::intern("ON_TRIAL").expect("a word"));
        let events =
            [TenantEvent::Renamed(name("A")), TenantEvent::Suspended, TenantEvent::Resumed, TenantEvent::Deleted];
        for (state, next) in [
            (Active, [Some(Active), Some(Suspended), Some(Active), Some(Deleted)]),
            (Suspended, [Some(Suspended), Some(Suspended), Some(Active), Some(Deleted)]),
            (Deleted, [None; 4]),
            (other, [None; 4]),
        ] {
            assert_eq!(events.clone().map(|event| state.next(&event)), next, "{state}");
        }
    }

    #[test]
    fn an_event_changes_what_it_names() {
        let renamed = tenant().after(TenantEvent::Renamed(name("Acme & Sons")), at(2)).expect("possible");
        assert_eq!(renamed, Tenant { display_name: name("Acme & Sons"), update_time: at(2), ..tenant() });
        let deleted = renamed.after(TenantEvent::Deleted, at(3)).expect("possible");
        assert_eq!((deleted.delete_time, deleted.is_deleted()), (Some(at(3)), true));
        let refused = deleted.after(TenantEvent::Resumed, at(4)).expect_err("it has ended");
        assert_eq!(refused.to_string(), "Resumed is not possible for a tenant in state DELETED");
    }

    #[test]
    fn a_display_name_is_one_line() {
        for bad in ["", " ", "a\nb", &"x".repeat(101)] {
            assert!(DisplayName::from_str(bad).is_err(), "{bad:?}");
        }
        assert!(DisplayName::from_str("Käse & Söhne GmbH").is_ok());
    }
}
