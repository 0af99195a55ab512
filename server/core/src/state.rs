//! The state machine of a store: one pure, total function. What each state means is in [`crate::lifecycle`].

use std::fmt;

use crate::word::{self, Word};

/// Where a store is. Names in -ing pass by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Provisioning,
    Ready,
    Degraded,
    Updating,
    Suspending,
    Suspended,
    Resuming,
    Failed,
    Retaining,
    Retained,
    Deleting,
    Deleted,
    /// One of a newer version. Nothing is known of it, so nothing leads out of it.
    Unknown(Word),
}

/// What can happen to a store. The first nine are intents of a caller, the others findings of reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    UpdateRequested,
    SuspendRequested,
    ResumeRequested,
    /// Its deletion was asked for, and can be taken back until its purge time.
    RetainRequested,
    /// Its deletion was taken back.
    UndeleteRequested,
    /// Its removal was asked for, or is due. It cannot be taken back.
    DeleteRequested,
    /// The creation of a store that failed before it was READY is begun again.
    CreationRetried,
    /// Its suspension, which failed, is begun again.
    SuspensionRetried,
    /// Its return, which failed, is begun again.
    ResumptionRetried,
    /// Everything the intent asks for holds, and the shop was seen to sell.
    Converged,
    /// The workloads are gone and the data is kept.
    Slept,
    /// The shop does not sell, although nothing was asked to change.
    ProbeFailed,
    /// A step failed in a way that trying again cannot mend, and the store cannot go on.
    GaveUp,
    /// An operation on a store that was READY failed in a way that trying again cannot mend. What the store sells is up to
    /// the next probe.
    OperationFailed,
    /// Nothing of the store is left.
    Removed,
    /// The store was complete once, and its namespace is gone without a Delete.
    NamespaceLost,
}

/// An event that makes no sense in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible in state {state}")]
pub struct IllegalTransition {
    pub state: State,
    pub event: Event,
}

// === impl State ===

impl State {
    /// All that are known.
    pub const ALL: [Self; 12] = [
        Self::Provisioning,
        Self::Ready,
        Self::Degraded,
        Self::Updating,
        Self::Suspending,
        Self::Suspended,
        Self::Resuming,
        Self::Failed,
        Self::Retaining,
        Self::Retained,
        Self::Deleting,
        Self::Deleted,
    ];

    /// The state a store is born in.
    pub const INITIAL: Self = Self::Provisioning;

    /// The state after `event`. Deleting absorbs every intent: no event leaves it but `Removed`.
    pub fn next(self, event: Event) -> Result<Self, IllegalTransition> {
        use Event::{
            Converged, CreationRetried, DeleteRequested, GaveUp, NamespaceLost, OperationFailed, ProbeFailed, Removed,
            ResumeRequested, ResumptionRetried, RetainRequested, Slept, SuspendRequested, SuspensionRetried,
            UndeleteRequested, UpdateRequested,
        };
        use State::{
            Degraded, Deleted, Deleting, Failed, Provisioning, Ready, Resuming, Retained, Retaining, Suspended,
            Suspending, Unknown, Updating,
        };
        let next = match (self, event) {
            (Deleting, Removed) => Deleted,
            (Deleting, DeleteRequested) => Deleting,
            (Deleting | Deleted | Unknown(_), _) => return Err(IllegalTransition { state: self, event }),
            (_, DeleteRequested) => Deleting,
            (Retaining | Retained, RetainRequested) => self,
            (Retaining | Retained, UndeleteRequested) => Resuming,
            (Retaining | Retained, Slept) => Retained,
            (Retaining, GaveUp) => Failed,
            (Retaining | Retained, NamespaceLost) => Failed,
            (Retaining | Retained, _) => return Err(IllegalTransition { state: self, event }),
            (_, UndeleteRequested) | (Provisioning, RetainRequested) => {
                return Err(IllegalTransition { state: self, event });
            }
            (_, RetainRequested) => Retaining,

            (Provisioning, UpdateRequested) => Provisioning,
            (Ready | Degraded | Updating | Failed, UpdateRequested) => Updating,
            (Failed, CreationRetried) => Provisioning,
            (Failed, SuspensionRetried) => Suspending,
            (Failed, ResumptionRetried) => Resuming,
            (Ready | Degraded, SuspendRequested) => Suspending,
            // The update is carried out when the store is resumed.
            (Suspending | Suspended, SuspendRequested) | (Suspended, UpdateRequested) => self,
            (Suspending | Suspended, ResumeRequested) => Resuming,
            (Resuming, ResumeRequested) => Resuming,

            (Provisioning | Ready | Degraded | Updating | Resuming, Converged) => Ready,
            (Suspending | Suspended, Slept) => Suspended,
            (Ready | Degraded, ProbeFailed) => Degraded,
            (Provisioning | Updating | Suspending | Resuming | Failed, GaveUp) => Failed,
            (Updating, OperationFailed) => Degraded,
            (Ready | Degraded | Updating | Suspending | Suspended | Resuming | Failed, NamespaceLost) => Failed,

            (Provisioning | Updating | Resuming | Failed, SuspendRequested)
            | (Suspending | Resuming, UpdateRequested)
            | (
                Provisioning | Ready | Degraded | Updating | Suspending | Suspended | Resuming,
                CreationRetried | SuspensionRetried | ResumptionRetried,
            )
            | (Provisioning | Ready | Degraded | Updating | Failed, ResumeRequested)
            | (Suspending | Suspended | Failed, Converged)
            | (Provisioning | Ready | Degraded | Updating | Resuming | Failed, Slept)
            | (Provisioning | Updating | Suspending | Suspended | Resuming | Failed, ProbeFailed)
            | (Ready | Degraded | Suspended, GaveUp)
            | (Provisioning | Ready | Degraded | Suspending | Suspended | Resuming | Failed, OperationFailed)
            | (Provisioning, NamespaceLost)
            | (_, Removed) => return Err(IllegalTransition { state: self, event }),
        };
        Ok(next)
    }

    /// The name as the records, logs and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Ready => "READY",
            Self::Degraded => "DEGRADED",
            Self::Updating => "UPDATING",
            Self::Suspending => "SUSPENDING",
            Self::Suspended => "SUSPENDED",
            Self::Resuming => "RESUMING",
            Self::Failed => "FAILED",
            Self::Retaining => "RETAINING",
            Self::Retained => "RETAINED",
            Self::Deleting => "DELETING",
            Self::Deleted => "DELETED",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The state that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Event ===

impl Event {
    pub const ALL: [Self; 16] = [
        Self::UpdateRequested,
        Self::SuspendRequested,
        Self::ResumeRequested,
        Self::RetainRequested,
        Self::UndeleteRequested,
        Self::DeleteRequested,
        Self::CreationRetried,
        Self::SuspensionRetried,
        Self::ResumptionRetried,
        Self::Converged,
        Self::Slept,
        Self::ProbeFailed,
        Self::GaveUp,
        Self::OperationFailed,
        Self::Removed,
        Self::NamespaceLost,
    ];

    /// Whether a caller wants something else than before: the generation counts these.
    pub fn is_intent(self) -> bool {
        match self {
            Self::UpdateRequested | Self::SuspendRequested | Self::ResumeRequested => true,
            Self::RetainRequested | Self::UndeleteRequested | Self::DeleteRequested => true,
            Self::CreationRetried | Self::SuspensionRetried | Self::ResumptionRetried => true,
            Self::Converged | Self::Slept | Self::ProbeFailed | Self::GaveUp | Self::OperationFailed => false,
            Self::Removed | Self::NamespaceLost => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a state, one column an event, in the order of the `ALL` lists; `-` is illegal.
    const TABLE: &str = "
                      Update        Suspend     Resume    Retain     Undelete  Delete    CreateAgain   SuspendAgain  ResumeAgain  Converged  Slept      ProbeFailed GaveUp  OperationFailed  Removed  NamespaceLost
        PROVISIONING  PROVISIONING  -           -         -          -         DELETING  -             -             -            READY      -          -           FAILED  -                -        -
        READY         UPDATING      SUSPENDING  -         RETAINING  -         DELETING  -             -             -            READY      -          DEGRADED    -       -                -        FAILED
        DEGRADED      UPDATING      SUSPENDING  -         RETAINING  -         DELETING  -             -             -            READY      -          DEGRADED    -       -                -        FAILED
        UPDATING      UPDATING      -           -         RETAINING  -         DELETING  -             -             -            READY      -          -           FAILED  DEGRADED         -        FAILED
        SUSPENDING    -             SUSPENDING  RESUMING  RETAINING  -         DELETING  -             -             -            -          SUSPENDED  -           FAILED  -                -        FAILED
        SUSPENDED     SUSPENDED     SUSPENDED   RESUMING  RETAINING  -         DELETING  -             -             -            -          SUSPENDED  -           -       -                -        FAILED
        RESUMING      -             -           RESUMING  RETAINING  -         DELETING  -             -             -            READY      -          -           FAILED  -                -        FAILED
        FAILED        UPDATING      -           -         RETAINING  -         DELETING  PROVISIONING  SUSPENDING    RESUMING     -          -          -           FAILED  -                -        FAILED
        RETAINING     -             -           -         RETAINING  RESUMING  DELETING  -             -             -            -          RETAINED   -           FAILED  -                -        FAILED
        RETAINED      -             -           -         RETAINED   RESUMING  DELETING  -             -             -            -          RETAINED   -           -       -                -        FAILED
        DELETING      -             -           -         -          -         DELETING  -             -             -            -          -          -           -       -                DELETED  -
        DELETED       -             -           -         -          -         -         -             -             -            -          -          -           -       -                -        -
    ";

    #[test]
    fn every_state_and_event_is_as_the_table_says() {
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<_>| !row.is_empty())
            .collect();
        assert_eq!(rows.len(), State::ALL.len() + 1);
        for (state, row) in State::ALL.into_iter().zip(&rows[1..]) {
            assert_eq!(row[0], state.as_str());
            assert_eq!(row.len(), Event::ALL.len() + 1, "{state}");
            for (event, wanted) in Event::ALL.into_iter().zip(&row[1..]) {
                let next = state.next(event).map_or("-", State::as_str);
                assert_eq!(next, *wanted, "{state} + {event:?}");
            }
        }
    }

    #[test]
    fn no_event_leaves_deleting_but_removed() {
        for event in Event::ALL {
            match State::Deleting.next(event) {
                Ok(State::Deleting) | Err(_) => {}
                Ok(other) => assert_eq!((event, other), (Event::Removed, State::Deleted)),
            }
        }
    }
}
