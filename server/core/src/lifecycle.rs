//! What each state means to those who work on a store: one row per state. The plan, the due time, the work queue, the cron
//! schedule, the probe and the API read it from here, so that they cannot disagree.

use crate::{state::State, store::Store};

/// What reconcile has to do for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Take every step of the intent, up to a storefront that was seen to sell.
    Make,
    /// Probe the storefront, and repair what is gone.
    Keep,
    /// Stop the workloads and keep the data.
    Suspend,
    /// Remove everything once its purge time has come.
    Retain,
    /// Remove everything.
    Remove,
    /// Nothing before a caller asks for something else.
    Nothing,
}

/// The priority class of a store in the work queue. Each class has permits of its own: many creations delay neither removals
/// nor probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueClass {
    Remove,
    Make,
    /// Stores that do not sell at the moment. Repairs take longer than probes, so they are apart from them.
    Repair,
    Probe,
}

/// When a store needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DueTime {
    /// At once, or at the retry time of its failure.
    Now,
    /// Once per probe interval.
    EachProbe,
    /// At the store's purge time.
    AtPurge,
    Never,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    pub work: Work,
    /// Its scheduled jobs (cron) run: shoppers may be in the storefront.
    pub runs_cron: bool,
    /// Its credentials can be read, as soon as they were generated.
    pub has_credentials: bool,
    pub queue: QueueClass,
    pub due: DueTime,
}

/// What a probe of the storefront expects to find. Decided here from the store and handed to the prober, which knows
/// nothing of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expect {
    /// The store was never READY: the catalogue is as the bootstrap made it, and the storefront may not be exposed yet.
    FirstReady,
    /// The store was READY before and is being changed: the catalogue is the merchant's, and the storefront may have to be
    /// exposed again.
    ReadyAgain,
    /// The store was suspended: as [`ReadyAgain`](Self::ReadyAgain), and its workloads have to be started again.
    Resumed,
    /// The store is READY: exposed, and a quick probe may do.
    KeepReady,
    /// The store is DEGRADED: exposed, and what is wrong with it is searched for.
    Recover,
}

// === impl State ===

impl State {
    /// The state's row.
    pub const fn lifecycle(self) -> Lifecycle {
        use DueTime::{AtPurge, EachProbe, Never, Now};
        use QueueClass::{Make, Probe, Remove, Repair};
        // work, runs_cron, has_credentials, queue, due
        let (work, runs_cron, has_credentials, queue, due) = match self {
            Self::Provisioning => (Work::Make, false, true, Make, Now),
            Self::Ready => (Work::Keep, true, true, Probe, EachProbe),
            Self::Degraded => (Work::Keep, true, true, Repair, Now),
            // A good update closes nothing, and a long one must not stop a merchant's mails.
            Self::Updating => (Work::Make, true, true, Make, Now),
            Self::Suspending => (Work::Suspend, false, true, Make, Now),
            Self::Suspended => (Work::Nothing, false, true, Make, Never),
            Self::Resuming => (Work::Make, false, true, Make, Now),
            Self::Failed => (Work::Nothing, false, true, Make, Never),
            Self::Retaining => (Work::Suspend, false, false, Make, Now),
            Self::Retained => (Work::Retain, false, false, Remove, AtPurge),
            Self::Deleting => (Work::Remove, false, false, Remove, Now),
            Self::Deleted => (Work::Nothing, false, false, Remove, Never),
            // A newer version knows what it means, and does it.
            Self::Unknown(_) => (Work::Nothing, false, false, Make, Never),
        };
        Lifecycle { work, runs_cron, has_credentials, queue, due }
    }

    /// Whether it is being deleted or is deleted, also where that can be taken back.
    pub const fn is_going(self) -> bool {
        matches!(self, Self::Retaining | Self::Retained | Self::Deleting | Self::Deleted)
    }

    /// Whether nothing of it shall run, and its data is kept.
    pub const fn rests(self) -> bool {
        matches!(self, Self::Suspending | Self::Suspended | Self::Retaining | Self::Retained)
    }

    /// Whether reconcile has something to bring to an end.
    pub const fn is_transient(self) -> bool {
        matches!(self.lifecycle().work, Work::Make | Work::Suspend | Work::Remove)
    }
}

// === impl QueueClass ===

impl QueueClass {
    /// In the order in which they are served.
    pub const ALL: [Self; 4] = [Self::Remove, Self::Make, Self::Repair, Self::Probe];

    /// The name as logs and metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Make => "make",
            Self::Repair => "repair",
            Self::Probe => "probe",
        }
    }
}

// === impl Expect ===

impl Expect {
    /// What a probe of `store` expects.
    pub fn of(store: &Store) -> Self {
        match store.state {
            State::Ready => Self::KeepReady,
            State::Degraded => Self::Recover,
            State::Resuming => Self::Resumed,
            _ if store.ready_time.is_some() => Self::ReadyAgain,
            _ => Self::FirstReady,
        }
    }

    /// Whether the catalogue is still the one of the bootstrap. Afterwards it is the merchant's.
    pub const fn is_first(self) -> bool {
        matches!(self, Self::FirstReady)
    }

    /// Whether the store was READY once: what it holds is the merchant's.
    pub const fn was_ready(self) -> bool {
        !self.is_first()
    }

    /// Whether workloads that ask for no pod were stopped by a suspension, and have to be started again.
    pub const fn is_resuming(self) -> bool {
        matches!(self, Self::Resumed)
    }

    /// Whether the release was exposed and nothing of it is being changed, so that the Ingress alone decides.
    pub const fn is_exposed(self) -> bool {
        matches!(self, Self::KeepReady | Self::Recover)
    }

    /// Whether a quick probe may stand for a full one.
    pub const fn allows_quick_probe(self) -> bool {
        matches!(self, Self::KeepReady)
    }

    /// Whether a storefront that does not sell is asked for its data, too. A READY store is first called DEGRADED for what
    /// its visitors see.
    pub const fn checks_data(self) -> bool {
        matches!(self, Self::Recover)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        observed::Observed,
        plan::{Action, plan},
        store::fixture,
        time::Timestamp,
    };

    /// One row a state, in the order of `State::ALL`.
    const TABLE: &str = "
                      work     cron  credentials  queue   due
        PROVISIONING  Make     -     yes          Make    Now
        READY         Keep     yes   yes          Probe   EachProbe
        DEGRADED      Keep     yes   yes          Repair  Now
        UPDATING      Make     yes   yes          Make    Now
        SUSPENDING    Suspend  -     yes          Make    Now
        SUSPENDED     Nothing  -     yes          Make    Never
        RESUMING      Make     -     yes          Make    Now
        FAILED        Nothing  -     yes          Make    Never
        RETAINING     Suspend  -     -            Make    Now
        RETAINED      Retain   -     -            Remove  AtPurge
        DELETING      Remove   -     -            Remove  Now
        DELETED       Nothing  -     -            Remove  Never
    ";

    fn in_state(state: State) -> Store {
        let purge_time = (state == State::Retained).then_some(Timestamp::from_micros(-1));
        Store { state, purge_time, observed_generation: 1, ..fixture::store("store-a") }
    }

    #[test]
    fn every_state_is_as_the_table_says() {
        let rows: Vec<_> = TABLE.lines().map(str::split_whitespace).map(Vec::from_iter).collect();
        let rows: Vec<_> = rows.into_iter().filter(|row| !row.is_empty()).skip(1).collect();
        let yes = |is: bool| if is { "yes" } else { "-" }.to_owned();
        let actual = State::ALL.map(|state| {
            let Lifecycle { work, runs_cron, has_credentials, queue, due } = state.lifecycle();
            let (work, queue, due) = (format!("{work:?}"), format!("{queue:?}"), format!("{due:?}"));
            vec![state.to_string(), work, yes(runs_cron), yes(has_credentials), queue, due]
        });
        assert_eq!(actual.to_vec(), rows);
    }

    #[test]
    fn a_state_is_due_exactly_when_its_plan_has_something_to_do() {
        for state in State::ALL {
            let action = plan(&in_state(state), &Observed::nothing(fixture::PIPELINE), Timestamp::from_micros(0));
            let rests = action == Action::Rest(None);
            assert_eq!(rests, state.lifecycle().due == DueTime::Never, "{state}: {action:?}");
        }
    }

    #[test]
    fn the_columns_agree_with_each_other() {
        for state in State::ALL {
            let row = state.lifecycle();
            assert!(row.has_credentials || state.is_going(), "{state}");
            assert!(row.due == DueTime::Never || row.work != Work::Nothing, "{state}");
        }
    }

    #[test]
    fn a_probe_expects_what_the_store_was_and_is() {
        let ready = Some(Timestamp::from_micros(1));
        for state in State::ALL {
            let (never, once) = match state {
                State::Ready => (Expect::KeepReady, Expect::KeepReady),
                State::Degraded => (Expect::Recover, Expect::Recover),
                State::Resuming => (Expect::Resumed, Expect::Resumed),
                _ => (Expect::FirstReady, Expect::ReadyAgain),
            };
            assert_eq!(Expect::of(&in_state(state)), never, "{state}");
            assert_eq!(Expect::of(&Store { ready_time: ready, ..in_state(state) }), once, "{state}");
        }
    }
}
