//! Judges a whole run: what writers were told, what watchers saw, and what the log says in the end.
//!
//! It knows the promises of WatchStatus from the contract alone and shares no code with the server, so that one mistake
//! is not made on both sides. The ledger's log is the truth: all of it must be there, from its first revision on.

mod judge;
mod record;
#[cfg(test)]
mod tests;
mod watching;

use std::{collections::BTreeMap, fmt};

use sendstores_client::v1::store::State;

use judge::due;
pub use judge::judge;
pub use record::{read_log, token};
pub use watching::Recorder;

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Revisions grow; a snapshot, then `synced`, then changes.
    Ordered,
    /// No change is told twice, not even over a resume. No request has two effects.
    Unique,
    /// What was acknowledged is in the log, and what is in the log is told to every watcher that means it.
    Reliable,
    /// What is told of a revision is what was written at it, to everybody the same.
    Atomic,
    /// A stream that goes on from a token goes on right behind it.
    Resumable,
    /// A token stands behind everything that was told before it, and behind nothing else.
    Bookmarkable,
    /// Only what the filter means is told, and `removed` for what leaves it.
    Filter,
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Fault {
    pub rule: Rule,
    /// Which watcher or request.
    pub who: String,
    pub what: String,
}

/// Everything that is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub epoch: String,
    /// The whole log.
    pub log: Vec<Entry>,
    pub watchers: Vec<Watcher>,
    /// Every answer to a write, repetitions too.
    pub answers: Vec<Answer>,
}

/// One change, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub revision: u64,
    pub id: String,
    pub uid: String,
    pub tenant: String,
    pub labels: BTreeMap<String, String>,
    pub state: State,
}

/// A store, as somebody was shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub entry: Entry,
    /// Stands for all its fields, to compare what two were shown.
    pub content: String,
}

/// What a writer was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub request_id: String,
    pub shown: Shown,
}

/// One watcher over all its connections.
#[derive(Clone, Debug)]
pub struct Watcher {
    pub name: String,
    pub filter: Filter,
    pub streams: Vec<Stream>,
    /// It stayed until it had seen everything up to this revision.
    pub until: u64,
}

/// As the contract's StoreFilter; empty means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub ids: Vec<String>,
    pub states: Vec<State>,
    pub labels: BTreeMap<String, String>,
    pub tenant: String,
}

/// One connection of a watcher, as far as it came.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The token it went on from.
    pub from: Option<Token>,
    pub messages: Vec<Message>,
}

/// What a token says to those who can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub epoch: String,
    pub revision: u64,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub kind: Kind,
    pub revision: u64,
    pub token: Option<Token>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Snapshot(Shown),
    Synced { stores: usize },
    Changed(Shown),
    Removed { id: String, uid: String },
    Heartbeat,
}

// === impl Run ===

impl Run {
    /// Fails with every fault, and says what was looked at.
    pub fn assert_faultless(&self) {
        let faults = judge(self);
        let shown: Vec<_> = faults.iter().take(20).map(Fault::to_string).collect();
        assert!(faults.is_empty(), "{} faults in {}:\n{}", faults.len(), self.summary(), shown.join("\n"));
    }

    pub fn summary(&self) -> String {
        let streams: usize = self.watchers.iter().map(|watcher| watcher.streams.len()).sum();
        let resumed: usize =
            self.watchers.iter().flat_map(|watcher| &watcher.streams).filter(|stream| stream.from.is_some()).count();
        let messages: usize =
            self.watchers.iter().flat_map(|watcher| &watcher.streams).map(|stream| stream.messages.len()).sum();
        format!(
            "{} changes, {} answers, {} watchers, {streams} streams ({resumed} resumed), {messages} messages",
            self.log.len(),
            self.answers.len(),
            self.watchers.len()
        )
    }
}

// === impl Filter ===

impl Filter {
    /// Whether a watcher of this filter is told of the store of `entry` while it is in `state`.
    pub fn means(&self, entry: &Entry, state: State) -> bool {
        let labels = self.labels.iter().all(|(key, value)| entry.labels.get(key) == Some(value));
        labels
            && (self.ids.is_empty() || self.ids.contains(&entry.id))
            && (self.states.is_empty() || self.states.contains(&state))
            && (self.tenant.is_empty() || self.tenant == entry.tenant)
    }

    /// Whether a snapshot has it: ended stores are there only if they were asked for.
    pub fn shows(&self, entry: &Entry) -> bool {
        self.means(entry, entry.state) && (entry.state != State::Deleted || self.states.contains(&State::Deleted))
    }
}

// === impl Fault ===

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}: {}", self.rule, self.who, self.what)
    }
}
