//! The order of all changes.

use std::{fmt, str::FromStr};

use crate::text::Invalid;

/// Position in the log: 1 for the first change ever, one more for each change of any store. 0 is before all changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Names one history. A ledger that lost its data starts another, so that no position of the old one is taken for one
/// of the new.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(String);

// === impl Revision ===

impl Revision {
    pub const ZERO: Self = Self(0);

    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The revision `count` changes before this one; 0 if there are not so many.
    pub fn back(self, count: usize) -> Self {
        Self(self.0.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Epoch ===

impl Epoch {
    /// The name of a new history, from bits drawn at random.
    pub fn from_random(bits: u64) -> Self {
        Self(format!("{bits:016x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Epoch {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 36 || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(Invalid::new("must be 1 to 36 letters, digits and '-'"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
