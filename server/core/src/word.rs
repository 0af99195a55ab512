//! Words that this version of the program does not know, kept as they were read.
//!
//! Replicas of two versions run side by side during a rolling update, and after a rollback. What the newer one wrote is
//! read, shown and written back by the older one.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// A word of another version, such as the name of a state. Interned: as small and as cheap to copy as a known name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(&'static str);

/// The words that were met; never forgotten, so there are [`Word::MOST`] at most.
static MET: Mutex<Table> = Mutex::new(Table { words: BTreeSet::new() });

struct Table {
    words: BTreeSet<&'static str>,
}

// === impl Word ===

impl Word {
    /// In bytes.
    pub const MAX_LENGTH: usize = 64;
    /// How many different words one process keeps.
    pub const MOST: usize = 1024;

    /// `None` if `text` is not 1 to [`Word::MAX_LENGTH`] of a-z, A-Z, 0-9, '_', '-' and '.', or if it would be one word
    /// too many.
    pub fn intern(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')) {
            return None;
        }
        MET.lock().unwrap_or_else(PoisonError::into_inner).intern(text).map(Self)
    }

    /// The word that this version's own name is.
    pub const fn of(name: &'static str) -> Self {
        Self(name)
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

// === impl Table ===

impl Table {
    fn intern(&mut self, text: &str) -> Option<&'static str> {
        if let Some(known) = self.words.get(text) {
            return Some(known);
        }
        if self.words.len() >= Word::MOST {
            return None;
        }
        let word: &'static str = Box::leak(text.into());
        self.words.insert(word);
        Some(word)
    }
}

/// The one of `all` that is called `text`, or else `text` as an unknown one. `None`: it is no word.
pub(crate) fn kept<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str, unknown: fn(Word) -> T) -> Option<T> {
    let known = all.iter().copied().find(|&one| name(one) == text);
    known.or_else(|| Word::intern(text).map(unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_interned_once() {
        let (one, two) = (Word::intern("SLEEPING").expect("a word"), Word::intern("SLEEPING").expect("a word"));
        assert_eq!((one, one.as_str().as_ptr()), (two, two.as_str().as_ptr()));
        assert_ne!(Word::intern("AWAKE"), Some(one));
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for bad in ["", "a b", "é", "a\n", "a/b", &"x".repeat(65)] {
            assert_eq!(Word::intern(bad), None, "{bad:?}");
        }
        assert!(Word::intern(&"x".repeat(64)).is_some());
    }

    #[test]
    fn the_table_does_not_grow_without_bound() {
        let mut table = Table { words: BTreeSet::new() };
        for number in 0..Word::MOST {
            assert!(table.intern(&format!("word-{number}")).is_some());
        }
        assert_eq!(table.intern("one-too-many"), None);
        assert_eq!(table.intern("word-7"), Some("word-7"));
    }
}
