//! What was done to a store, and by which call: short, and kept with the store.

use std::{fmt, str::FromStr};

use crate::{
    text::Invalid,
    time::Timestamp,
    word::{self, Word},
};

/// The id of one call, as the caller gets it and the server's log has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallId(String);

/// Who made a call, as [`crate::Principal`] is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor(String);

/// What brought something about. Both are absent for what the server did by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    pub call: Option<CallId>,
    /// `None` also where the server asks for no token.
    pub actor: Option<Actor>,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    pub time: Timestamp,
    pub what: Happening,
    pub cause: Cause,
}

/// What can be done to a store that is worth remembering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// Its creation was accepted.
    Created,
    /// It became READY as it was asked for; not entered again when it only recovers from DEGRADED.
    Ready,
    /// Its credentials were handed out.
    CredentialsRead,
    /// Its deletion was accepted.
    DeleteRequested,
    /// It was found in the cluster when the ledger had lost it, and taken back.
    Adopted,
    /// Its suspension was accepted.
    SuspendRequested,
    /// Its return from a suspension was accepted.
    ResumeRequested,
    /// A change of what was asked for was accepted.
    UpdateRequested,
    /// Its deletion was taken back.
    UndeleteRequested,
    /// What it was made from before was brought back, because an update failed or was cancelled.
    RolledBack,
    /// The cancellation of its operation was accepted.
    CancelRequested,
    /// Another attempt at its last operation was accepted.
    RetryRequested,
    /// Something that a newer version did.
    Unknown(Word),
}

/// The newest entries of one store, in the order of time. Reads of the credentials, which callers can make as often as they
/// like, and all other entries have half of the room each; one half may use what the other leaves free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<HistoryEntry>);

// === impl CallId ===

impl CallId {
    pub const MAX_LENGTH: usize = 128;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CallId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        if !fits || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Invalid::new("must be 1 to 128 printable ASCII characters without spaces"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Actor ===

impl Actor {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Actor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 256 || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Invalid::new("must be 1 to 256 printable ASCII characters without spaces"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Happening ===

impl Happening {
    /// All that are known.
    pub const ALL: [Self; 12] = [
        Self::Created,
        Self::Ready,
        Self::CredentialsRead,
        Self::DeleteRequested,
        Self::Adopted,
        Self::SuspendRequested,
        Self::ResumeRequested,
        Self::UpdateRequested,
        Self::UndeleteRequested,
        Self::RolledBack,
        Self::CancelRequested,
        Self::RetryRequested,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Ready => "READY",
            Self::CredentialsRead => "CREDENTIALS_READ",
            Self::DeleteRequested => "DELETE_REQUESTED",
            Self::Adopted => "ADOPTED",
            Self::SuspendRequested => "SUSPEND_REQUESTED",
            Self::ResumeRequested => "RESUME_REQUESTED",
            Self::UpdateRequested => "UPDATE_REQUESTED",
            Self::UndeleteRequested => "UNDELETE_REQUESTED",
            Self::RolledBack => "ROLLED_BACK",
            Self::CancelRequested => "CANCEL_REQUESTED",
            Self::RetryRequested => "RETRY_REQUESTED",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// What `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

// === impl History ===

impl History {
    /// How many entries are kept: a store is read, sent and written as a whole, so that its history must stay small.
    pub const MOST: usize = 16;

    pub fn entries(&self) -> &[HistoryEntry] {
        &self.0
    }

    /// Adds an entry. When there are too many, the oldest goes of those that have more than their half.
    pub fn push(&mut self, entry: HistoryEntry) {
        let is_read = |entry: &HistoryEntry| entry.what == Happening::CredentialsRead;
        self.0.push(entry);
        while self.0.len() > Self::MOST {
            let reads = self.0.iter().filter(|entry| is_read(entry)).count();
            let surplus_is_reads = reads > Self::MOST / 2;
            let Some(oldest) = self.0.iter().position(|entry| is_read(entry) == surplus_is_reads) else { return };
            self.0.remove(oldest);
        }
    }

    /// Says what brought about the newest entry.
    pub(crate) fn credit_newest(&mut self, cause: Cause) {
        if let Some(newest) = self.0.last_mut() {
            newest.cause = cause;
        }
    }
}

impl FromIterator<HistoryEntry> for History {
    fn from_iter<I: IntoIterator<Item = HistoryEntry>>(entries: I) -> Self {
        let mut history = Self::default();
        entries.into_iter().for_each(|entry| history.push(entry));
        history.0.shrink_to_fit();
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_kept_in_order() {
        let at = |second: i64| HistoryEntry {
            time: Timestamp::from_micros(second),
            what: Happening::CredentialsRead,
            cause: Cause::default(),
        };
        let history: History = (0..40).map(at).collect();
        let kept: Vec<i64> = history.entries().iter().map(|entry| entry.time.as_micros()).collect();
        assert_eq!(kept, (24..40).collect::<Vec<_>>());
    }

    #[test]
    fn reads_of_the_credentials_do_not_push_out_the_life_of_the_store_nor_the_other_way_round() {
        let entry = |what| HistoryEntry { time: Timestamp::from_micros(0), what, cause: Cause::default() };
        let count = |history: &History, what| history.entries().iter().filter(|entry| entry.what == what).count();
        let mut history: History = [Happening::Created, Happening::Ready].into_iter().map(entry).collect();
        (0..40).for_each(|_| history.push(entry(Happening::CredentialsRead)));
        assert_eq!(history.entries().len(), History::MOST);
        assert_eq!(history.entries()[..2], [entry(Happening::Created), entry(Happening::Ready)]);
        (0..40).for_each(|_| history.push(entry(Happening::Adopted)));
        assert_eq!(count(&history, Happening::CredentialsRead), 8);
        assert_eq!(count(&history, Happening::Adopted), 8);
        history.push(entry(Happening::DeleteRequested));
        assert_eq!(history.entries().last(), Some(&entry(Happening::DeleteRequested)));
    }

    #[test]
    fn call_ids_are_short_and_visible() {
        assert!("0193b0a0-7c3e-7000-8000-000000000000".parse::<CallId>().is_ok());
        for bad in ["", "a b", "é", &"x".repeat(129)] {
            assert!(bad.parse::<CallId>().is_err(), "{bad}");
        }
    }
}
