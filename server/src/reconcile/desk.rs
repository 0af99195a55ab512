//! What is worked on now, and what comes next.

use std::{collections::HashMap, time::Duration};

use sendstores_core::{Revision, State, StoreId};
use tokio_util::sync::CancellationToken;

use super::queue::Queue;

/// Kinds of work that do not wait for each other. A store that is made waits for its pods most of the time; ten of them
/// that cannot start must keep neither a removal nor a look at the shops that sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Remove,
    Make,
    Look,
}

/// The stores that are worked on, and those that are due, by lane.
pub(super) struct Desk {
    /// How many stores are worked on at once in each lane.
    places: usize,
    remove: Queue,
    make: Queue,
    look: Queue,
    running: HashMap<StoreId, Running>,
    /// Up to which revision each store was dealt with: the mirror tells our own writes again, later.
    pub(super) dealt_with: HashMap<StoreId, Revision>,
}

/// A run under way.
pub(super) struct Running {
    pub(super) lane: Lane,
    /// The intent it works on.
    pub(super) generation: u64,
    pub(super) interrupt: CancellationToken,
    /// A newer intent came: run again at once.
    pub(super) again: bool,
}

// === impl Lane ===

impl Lane {
    const ALL: [Self; 3] = [Self::Remove, Self::Make, Self::Look];

    pub(super) fn of(state: State) -> Self {
        match state {
            State::Deleting | State::Deleted => Self::Remove,
            State::Provisioning | State::Updating | State::Suspending | State::Suspended | State::Resuming => {
                Self::Make
            }
            State::Ready | State::Degraded | State::Failed => Self::Look,
        }
    }
}

// === impl Desk ===

impl Desk {
    pub(super) fn new(places: usize) -> Self {
        let (remove, make, look) = (Queue::default(), Queue::default(), Queue::default());
        Self { places, remove, make, look, running: HashMap::new(), dealt_with: HashMap::new() }
    }

    pub(super) fn push(&mut self, lane: Lane, id: StoreId, wait: Duration) {
        self.queue(lane).push(id, wait);
    }

    /// The first store that is due, not worked on already, and in a lane with room.
    pub(super) fn next(&mut self) -> Option<(Lane, StoreId)> {
        Lane::ALL.into_iter().find_map(|lane| {
            if self.running.values().filter(|run| run.lane == lane).count() >= self.places {
                return None;
            }
            let Self { remove, make, look, running, .. } = self;
            let queue = match lane {
                Lane::Remove => remove,
                Lane::Make => make,
                Lane::Look => look,
            };
            queue.pop_ready(|id| !running.contains_key(id)).map(|id| (lane, id))
        })
    }

    /// Returns once another store has become due. Safe to drop while waiting.
    pub(super) async fn due(&mut self) {
        tokio::select! {
            () = self.remove.due() => {}
            () = self.make.due() => {}
            () = self.look.due() => {}
        }
    }

    pub(super) fn begin(&mut self, id: StoreId, run: Running) {
        self.running.insert(id, run);
    }

    pub(super) fn end(&mut self, id: &StoreId) -> Option<Running> {
        self.running.remove(id)
    }

    pub(super) fn running(&mut self, id: &StoreId) -> Option<&mut Running> {
        self.running.get_mut(id)
    }

    pub(super) fn interrupt_all(&self) {
        self.running.values().for_each(|run| run.interrupt.cancel());
    }

    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Remove => &mut self.remove,
            Lane::Make => &mut self.make,
            Lane::Look => &mut self.look,
        }
    }
}
