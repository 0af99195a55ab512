//! Words that this version of the program does not know, kept as they were read.
//!
//! Replicas of two versions run side by side during a rolling update, and after a rollback. What the newer one wrote is
//! read, shown and written back by the older one.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A word of another version, such as the name of a state. Interned: nearly as small as a known name, and as cheap to copy.
/// The order of words is that in which this process met them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(u16);

/// The words that were met; never forgotten, so there are [`Word::MOST`] at most.
static MET: Mutex<Table> = Mutex::new(Table::new());

struct Table {
    words: Vec<&'static str>,
    numbers: BTreeMap<&'static str, u16>,
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
        met().intern(text).map(Self)
    }

    pub fn as_str(self) -> &'static str {
        met().words.get(usize::from(self.0)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Table ===

impl Table {
    const fn new() -> Self {
        Self { words: Vec::new(), numbers: BTreeMap::new() }
    }

    fn intern(&mut self, text: &str) -> Option<u16> {
        if let Some(known) = self.numbers.get(text) {
            return Some(*known);
        }
        let number = u16::try_from(self.words.len()).ok().filter(|_| self.words.len() < Word::MOST)?;
        let word: &'static str = Box::leak(text.into());
        self.words.push(word);
        self.numbers.insert(word, number);
        Some(number)
    }
}

fn met() -> MutexGuard<'static, Table> {
    MET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one of `all` that is called `text`, or else `text` as an unknown one. `None`: it is no word.
pub(crate) fn kept<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str, unknown: fn(Word) -> T) -> Option<T> {
    let known = all.iter().copied().find(|&one| name(one) == text);
    known.or_else(|| Word::intern(text).map(unknown))
}

/// What a name is that others choose: a constant of this version, or a word that another one wrote.
macro_rules! name_type {
    ($name:ident) => {
        impl $name {
            pub const fn new(name: &'static str) -> Self {
                Self(name)
            }

            /// A name read from outside. `None` if it is not a name by its form, or if the process has met too many
            /// different words already ([`Word::MOST`]($crate::word::Word::MOST)).
            pub fn parse(name: &str) -> Option<Self> {
                $crate::word::Word::intern(name).map(|word| Self(word.as_str()))
            }

            pub fn as_str(self) -> &'static str {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
    };
}

pub(crate) use name_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_interned_once() {
        let (one, two) = (Word::intern("SLEEPING").expect("a word"), Word::intern("SLEEPING").expect("a word"));
        assert_eq!((one, one.as_str()), (two, "SLEEPING"));
        assert_eq!(format!("{one} {one:?}"), "SLEEPING SLEEPING");
        assert_ne!(Word::intern("AWAKE"), Some(one));
    }

    #[test]
    fn a_name_that_may_be_a_word_stays_small() {
        assert!(size_of::<crate::State>() <= 4 && size_of::<crate::StepState>() <= 4);
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
        let mut table = Table::new();
        for number in 0..Word::MOST {
            assert!(table.intern(&format!("word-{number}")).is_some());
        }
        assert_eq!(table.intern("one-too-many"), None);
        assert_eq!(table.intern("word-7"), Some(7));
    }
}
