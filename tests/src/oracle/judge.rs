//! The judgement itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Answer, Entry, Fault, Filter, Kind, Message, Rule, Run, Shown, Stream, Token, Watcher};

/// Every promise that was broken in the run.
pub fn judge(run: &Run) -> Vec<Fault> {
    let log: BTreeMap<u64, &Entry> = run.log.iter().map(|entry| (entry.revision, entry)).collect();
    let mut faults = Vec::new();
    if let Some(gap) = (1..=log.len() as u64).find(|revision| !log.contains_key(revision)) {
        faults.push(Fault { rule: Rule::Reliable, who: "log".to_owned(), what: format!("lacks revision {gap}") });
    }
    judge_answers(run, &log, &mut faults);
    judge_contents(run, &mut faults);
    for watcher in &run.watchers {
        let mut look = Look::new(run, watcher, &log);
        look.streams();
        faults.append(&mut look.faults);
    }
    faults
}

fn judge_answers(run: &Run, log: &BTreeMap<u64, &Entry>, faults: &mut Vec<Fault>) {
    let mut by_request: HashMap<&str, u64> = HashMap::new();
    let mut by_revision: HashMap<u64, &str> = HashMap::new();
    for Answer { request_id, shown } in &run.answers {
        let Shown { entry, .. } = shown;
        let mut fault = |rule, what| faults.push(Fault { rule, who: request_id.clone(), what });
        let first = *by_request.entry(request_id).or_insert(entry.revision);
        if first != entry.revision {
            fault(Rule::Unique, format!("had an effect at {first} and at {}", entry.revision));
        }
        let owner = *by_revision.entry(entry.revision).or_insert(request_id);
        if owner != request_id {
            fault(Rule::Unique, format!("was answered with revision {}, which is {owner}'s", entry.revision));
        }
        match log.get(&entry.revision) {
            Some(written) if written.uid != entry.uid => {
                fault(Rule::Reliable, format!("acknowledged {entry:?}, but the log has {written:?}"));
            }
            Some(written) if **written != *entry => {
                fault(Rule::Atomic, format!("was shown {entry:?}, but the log has {written:?}"));
            }
            Some(_) => {}
            None => fault(Rule::Reliable, format!("acknowledged {entry:?}, which is not in the log")),
        }
    }
}

/// Whoever was shown a revision was shown the same.
fn judge_contents(run: &Run, faults: &mut Vec<Fault>) {
    let mut first: HashMap<u64, &str> = HashMap::new();
    let watched = run.watchers.iter().flat_map(|watcher| {
        let messages = watcher.streams.iter().flat_map(|stream| &stream.messages);
        messages.filter_map(|message| Some((&watcher.name, message.kind.shown()?)))
    });
    let answered = run.answers.iter().map(|answer| (&answer.request_id, &answer.shown));
    for (who, shown) in watched.chain(answered) {
        let known = *first.entry(shown.entry.revision).or_insert(&shown.content);
        if known != shown.content {
            let what = format!("at {} was shown {}, others {known}", shown.entry.revision, shown.content);
            faults.push(Fault { rule: Rule::Atomic, who: who.clone(), what });
        }
    }
}

/// What a watcher must be told of one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Changed,
    Removed,
}

/// One watcher, looked at from its first message to its last.
struct Look<'a> {
    run: &'a Run,
    watcher: &'a Watcher,
    log: &'a BTreeMap<u64, &'a Entry>,
    due: BTreeMap<u64, Due>,
    /// Revision of the snapshot that this part of the watch began with.
    begun: Option<u64>,
    snapshot: Vec<&'a Shown>,
    told: BTreeSet<u64>,
    /// The highest revision that was told: of a snapshot, of a change, of the token that was gone on from.
    at: u64,
    last_token: Option<&'a Token>,
    /// Between a token and the first change behind it.
    seams: Vec<(u64, u64)>,
    faults: Vec<Fault>,
}

// === impl Look ===

impl<'a> Look<'a> {
    fn new(run: &'a Run, watcher: &'a Watcher, log: &'a BTreeMap<u64, &'a Entry>) -> Self {
        Self {
            run,
            watcher,
            log,
            due: due(&watcher.filter, log),
            begun: None,
            snapshot: Vec::new(),
            told: BTreeSet::new(),
            at: 0,
            last_token: None,
            seams: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, rule: Rule, what: String) {
        self.faults.push(Fault { rule, who: self.watcher.name.clone(), what });
    }

    fn streams(&mut self) {
        for (i, stream) in self.watcher.streams.iter().enumerate() {
            match &stream.from {
                Some(token) => self.resume(stream, token),
                None => {
                    if i > 0 {
                        self.nothing_missing(self.at);
                    }
                    (self.begun, self.at, self.last_token) = (None, 0, None);
                    self.told.clear();
                    self.seams.clear();
                    self.snapshot.clear();
                }
            }
            for message in &stream.messages {
                self.message(message);
            }
        }
        if self.begun.is_none() {
            self.fault(Rule::Reliable, "never saw a complete snapshot".to_owned());
        }
        self.nothing_missing(self.watcher.until);
    }

    fn resume(&mut self, stream: &'a Stream, token: &'a Token) {
        if self.last_token.is_some_and(|last| last != token) {
            self.fault(Rule::Resumable, format!("went on from {token:?} instead of {:?}", self.last_token));
        }
        if self.begun.is_none() {
            self.begun = Some(token.revision);
        }
        self.at = self.at.max(token.revision);
        let change = stream.messages.iter().find(|message| message.kind.is_change());
        if let Some(first) = change {
            self.seams.push((token.revision, first.revision));
        }
    }

    fn message(&mut self, message: &'a Message) {
        match &message.kind {
            Kind::Snapshot(shown) => {
                if self.begun.is_some() {
                    self.fault(Rule::Ordered, format!("a snapshot of {} behind its end", shown.entry.id));
                }
                self.snapshot.push(shown);
                return;
            }
            Kind::Synced { stores } => self.synced(*stores, message.revision),
            Kind::Changed(_) | Kind::Removed { .. } => self.change(message),
            Kind::Heartbeat => {}
        }
        self.token(message);
    }

    fn synced(&mut self, stores: usize, revision: u64) {
        if self.begun.is_some() {
            self.fault(Rule::Ordered, "synced twice".to_owned());
        }
        let mut newest: BTreeMap<&str, &Entry> = BTreeMap::new();
        for (_, entry) in self.log.range(..=revision) {
            newest.insert(&entry.id, entry);
        }
        newest.retain(|_, entry| self.watcher.filter.shows(entry));
        if stores != self.snapshot.len() {
            let sent = self.snapshot.len();
            self.fault(Rule::Reliable, format!("a snapshot of {sent} stores is said to have {stores}"));
        }
        for shown in std::mem::take(&mut self.snapshot) {
            match newest.remove(shown.entry.id.as_str()) {
                Some(entry) if *entry == shown.entry => {}
                Some(entry) => {
                    self.fault(Rule::Atomic, format!("the snapshot at {revision} of {entry:?} is {shown:?}"))
                }
                None => self.fault(Rule::Filter, format!("the snapshot at {revision} has {shown:?}")),
            }
        }
        for entry in newest.into_values() {
            self.fault(Rule::Reliable, format!("the snapshot at {revision} lacks {entry:?}"));
        }
        (self.begun, self.at) = (Some(revision), self.at.max(revision));
    }

    fn change(&mut self, message: &'a Message) {
        let revision = message.revision;
        if self.begun.is_none() {
            self.fault(Rule::Ordered, format!("a change at {revision} before the snapshot's end"));
        }
        if !self.told.insert(revision) {
            self.fault(Rule::Unique, format!("the change at {revision} twice"));
            return;
        }
        if revision <= self.at {
            self.fault(Rule::Ordered, format!("the change at {revision} behind {}", self.at));
        }
        self.at = self.at.max(revision);
        let Some(entry) = self.log.get(&revision).copied() else {
            return self.fault(Rule::Atomic, format!("there is no change at {revision}: {message:?}"));
        };
        let as_written = match &message.kind {
            Kind::Changed(shown) => shown.entry == *entry,
            Kind::Removed { id, uid } => (id, uid) == (&entry.id, &entry.uid),
            Kind::Snapshot(_) | Kind::Synced { .. } | Kind::Heartbeat => true,
        };
        if !as_written {
            self.fault(Rule::Atomic, format!("at {revision} was {entry:?}, and told was {message:?}"));
        }
        let told = if matches!(message.kind, Kind::Removed { .. }) { Due::Removed } else { Due::Changed };
        let due = self.due.get(&revision).copied();
        if due != Some(told) {
            self.fault(Rule::Filter, format!("at {revision} {told:?} was told, and due was {due:?}: {entry:?}"));
        }
    }

    fn token(&mut self, message: &'a Message) {
        let Some(token) = &message.token else {
            return self.fault(Rule::Bookmarkable, format!("no token: {message:?}"));
        };
        let last = self.last_token.replace(token).map_or(0, |last| last.revision);
        if *token != (Token { epoch: self.run.epoch.clone(), revision: message.revision }) {
            self.fault(Rule::Bookmarkable, format!("at {} the token is {token:?}", message.revision));
        }
        if !matches!(message.kind, Kind::Heartbeat) {
            return;
        }
        if token.revision < last.max(self.at) {
            self.fault(Rule::Bookmarkable, format!("the token goes back from {} to {token:?}", last.max(self.at)));
        }
        let passed = self.due.range(self.at + 1..).map(|(revision, _)| *revision);
        let passed: Vec<_> = passed.take_while(|revision| *revision <= token.revision).collect();
        if !passed.is_empty() {
            self.fault(Rule::Bookmarkable, format!("{token:?} is ahead of {passed:?}, which were not told"));
        }
    }

    /// Everything that was due since the snapshot, up to `until`, was told.
    fn nothing_missing(&mut self, until: u64) {
        let Some(begun) = self.begun else { return };
        let due: Vec<_> = self.due.range(begun + 1..).map(|(revision, due)| (*revision, *due)).collect();
        for (revision, due) in due {
            if revision > until || self.told.contains(&revision) {
                continue;
            }
            let seam = self.seams.iter().find(|(token, first)| *token < revision && revision < *first);
            let rule = match (seam, due) {
                (Some(_), _) => Rule::Resumable,
                (None, Due::Removed) => Rule::Filter,
                (None, Due::Changed) => Rule::Reliable,
            };
            let entry = self.log.get(&revision).copied();
            self.fault(rule, format!("was not told {due:?} of {entry:?}; seam {seam:?}"));
        }
    }
}

/// What a watcher with this filter is due to be told, by revision.
pub(super) fn due(filter: &Filter, log: &BTreeMap<u64, &Entry>) -> BTreeMap<u64, Due> {
    let mut before: HashMap<&str, &Entry> = HashMap::new();
    let mut due = BTreeMap::new();
    for (revision, entry) in log {
        let known = before.insert(&entry.uid, entry);
        if filter.means(entry, entry.state) {
            due.insert(*revision, Due::Changed);
        } else if known.is_some_and(|known| filter.means(known, known.state)) {
            due.insert(*revision, Due::Removed);
        }
    }
    due
}

// === impl Kind ===

impl Kind {
    fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Snapshot(shown) | Self::Changed(shown) => Some(shown),
            Self::Synced { .. } | Self::Removed { .. } | Self::Heartbeat => None,
        }
    }

    fn is_change(&self) -> bool {
        matches!(self, Self::Changed(_) | Self::Removed { .. })
    }
}
