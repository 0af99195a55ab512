//! What was reported to the reader of a watch, so that a new snapshot can be reported as changes.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use prost::Message;

use super::event::Event;
use crate::v1::Store;

/// The stores that the reader of a watch knows from it.
#[derive(Debug, Default)]
pub(super) struct Known {
    stores: HashMap<String, Kept>,
    /// The ids of the snapshot that is being read; `None` after its end.
    snapshot: Option<HashSet<String>>,
    /// Whether a snapshot was complete.
    synced: bool,
}

#[derive(Debug)]
struct Kept {
    uid: String,
    /// Of everything that a store says of itself. A revision alone could come again after the log was replaced.
    digest: u64,
}

/// What a message comes to for the reader, in this order.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Stores that are gone: id and UUID.
    pub(super) removed: Vec<(String, String)>,
    pub(super) event: Option<Event>,
}

// === impl Known ===

impl Known {
    /// A stream was opened that begins with a snapshot.
    pub(super) fn begin_snapshot(&mut self) {
        self.snapshot = Some(HashSet::with_capacity(self.stores.len()));
    }

    /// Whether the snapshot that is being read is not the first: what it has is reported as changes.
    fn again(&self) -> bool {
        self.synced
    }

    /// What an event of the server comes to.
    pub(super) fn report(&mut self, event: Event) -> Report {
        match event {
            Event::Snapshot(store) => self.in_snapshot(store),
            Event::Synced { .. } => self.end_of_snapshot(event),
            Event::Changed(store) => self.changed(store),
            Event::Removed { ref id, .. } => {
                self.stores.remove(id);
                Report { event: Some(event), ..Report::default() }
            }
            Event::Heartbeat { .. } | Event::Reset => Report { event: Some(event), ..Report::default() },
        }
    }

    fn in_snapshot(&mut self, store: Box<Store>) -> Report {
        if let Some(ids) = &mut self.snapshot {
            ids.insert(store.id.clone());
        }
        let new = Kept::of(&store);
        let Some(old) = self.stores.get(&store.id) else {
            self.stores.insert(store.id.clone(), new);
            let event = if self.again() { Event::Changed(store) } else { Event::Snapshot(store) };
            return Report { event: Some(event), ..Report::default() };
        };
        if old.uid == new.uid && old.digest == new.digest {
            return Report::default();
        }
        // Another store of this id: the one before is gone.
        let replaced = (old.uid != new.uid).then(|| (store.id.clone(), old.uid.clone()));
        self.stores.insert(store.id.clone(), new);
        Report { removed: replaced.into_iter().collect(), event: Some(Event::Changed(store)) }
    }

    fn end_of_snapshot(&mut self, event: Event) -> Report {
        self.synced = true;
        let Some(ids) = self.snapshot.take() else { return Report { event: Some(event), ..Report::default() } };
        let gone = self.stores.extract_if(|id, _| !ids.contains(id)).map(|(id, kept)| (id, kept.uid));
        let mut removed: Vec<_> = gone.collect();
        removed.sort_unstable();
        Report { removed, event: Some(event) }
    }

    fn changed(&mut self, store: Box<Store>) -> Report {
        let deleted = store.state() == crate::v1::store::State::Deleted;
        let new = Kept::of(&store);
        let old = if deleted { self.stores.remove(&store.id) } else { self.stores.insert(store.id.clone(), new) };
        // The contract has no repetition. This keeps one of a faulty server or proxy from the reader.
        let repeated = !deleted && old.is_some_and(|old| self.stores.get(&store.id).is_some_and(|new| *new == old));
        Report { event: (!repeated).then_some(Event::Changed(store)), ..Report::default() }
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, &self.uid) == (other.digest, &other.uid)
    }
}

// === impl Kept ===

impl Kept {
    fn of(store: &Store) -> Self {
        let mut hasher = DefaultHasher::new();
        store.encode_to_vec().hash(&mut hasher);
        Self { uid: store.uid.clone(), digest: hasher.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::store::State;

    fn store(id: &str, uid: &str, revision: u64) -> Box<Store> {
        Box::new(Store { id: id.to_owned(), uid: uid.to_owned(), revision, ..Store::default() })
    }

    fn reported(known: &mut Known, event: Event) -> Vec<String> {
        let Report { removed, event } = known.report(event);
        let shown = |event| match event {
            Event::Snapshot(store) => format!("snapshot {} {}", store.id, store.revision),
            Event::Changed(store) => format!("changed {} {}", store.id, store.revision),
            other => format!("{other:?}"),
        };
        removed.into_iter().map(|(id, uid)| format!("removed {id} {uid}")).chain(event.map(shown)).collect()
    }

    fn synced() -> Event {
        Event::Synced { stores: 0 }
    }

    #[test]
    fn a_new_snapshot_is_reported_as_what_changed_and_vanished() {
        let mut known = Known::default();
        known.begin_snapshot();
        for id in ["same", "other", "new-uid", "gone", "deleted", "left"] {
            assert_eq!(reported(&mut known, Event::Snapshot(store(id, "u1", 1))), [format!("snapshot {id} 1")]);
        }
        assert_eq!(reported(&mut known, synced()), ["Synced { stores: 0 }"]);
        let mut deleted = store("deleted", "u1", 2);
        deleted.set_state(State::Deleted);
        reported(&mut known, Event::Changed(deleted));
        reported(&mut known, Event::Removed { id: "left".to_owned(), uid: "u1".to_owned() });

        known.begin_snapshot();
        assert!(reported(&mut known, Event::Snapshot(store("same", "u1", 1))).is_empty());
        assert_eq!(reported(&mut known, Event::Snapshot(store("other", "u1", 5))), ["changed other 5"]);
        let replaced = reported(&mut known, Event::Snapshot(store("new-uid", "u2", 6)));
        assert_eq!(replaced, ["removed new-uid u1", "changed new-uid 6"]);
        assert_eq!(reported(&mut known, Event::Snapshot(store("made", "u1", 7))), ["changed made 7"]);
        assert_eq!(reported(&mut known, synced()), ["removed gone u1", "Synced { stores: 0 }"]);
    }

    #[test]
    fn a_snapshot_that_begins_anew_repeats_nothing() {
        let mut known = Known::default();
        known.begin_snapshot();
        reported(&mut known, Event::Snapshot(store("a", "u1", 1)));
        reported(&mut known, Event::Snapshot(store("b", "u1", 1)));
        known.begin_snapshot();
        assert!(reported(&mut known, Event::Snapshot(store("a", "u1", 1))).is_empty());
        assert_eq!(reported(&mut known, Event::Snapshot(store("c", "u1", 1))), ["snapshot c 1"]);
        assert_eq!(reported(&mut known, synced()), ["removed b u1", "Synced { stores: 0 }"]);
        assert_eq!(reported(&mut known, Event::Changed(store("a", "u1", 2))), ["changed a 2"]);
        assert!(reported(&mut known, Event::Changed(store("a", "u1", 2))).is_empty(), "no event comes twice");
    }
}
