//! What callers did, and what they were refused. The ledger keeps the newest entries, in the order in which it took them.

use std::{fmt, str::FromStr};

use crate::{id::TenantId, text::Invalid, time::Timestamp};

/// One thing that a caller did, or some equal ones that it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When the call was answered, by the clock of the replica.
    pub time: Timestamp,
    /// As [`crate::Principal`] is shown; empty where the caller was not recognized.
    pub principal: String,
    /// Whose the entry is: of the owner of what it is about, or of the caller's tenants.
    pub tenants: Vec<TenantId>,
    /// As a path has it, without the first slash.
    pub method: String,
    /// The id of what it is about; empty where it is not known.
    pub resource: String,
    pub uid: String,
    pub decision: Verdict,
    /// Why it was refused; empty if it was not.
    pub reason: String,
    /// The id under which the log of the server has the call.
    pub call: String,
    pub peer: String,
    pub agent: String,
    pub via: String,
    /// How many equal calls it stands for.
    pub count: u64,
    /// The caller must not learn that what it named exists, because it belongs to others: callers of all tenants alone see it.
    pub hidden: bool,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Allowed,
    /// The caller may not, or is not known.
    Denied,
    /// A limit was reached.
    Limited,
    /// One of a newer version.
    Unknown,
}

/// The place of an entry among all; a later one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId {
    pub millis: u64,
    pub sequence: u64,
}

// === impl Verdict ===

impl Verdict {
    /// The name as records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "ALLOWED",
            Self::Denied => "DENIED",
            Self::Limited => "LIMITED",
            Self::Unknown => "UNKNOWN",
        }
    }

    pub fn parse(text: &str) -> Self {
        let known = [Self::Allowed, Self::Denied, Self::Limited];
        known.into_iter().find(|verdict| verdict.as_str() == text).unwrap_or(Self::Unknown)
    }
}

// === impl AuditId ===

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

impl FromStr for AuditId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parsed = text.split_once('-').and_then(|(millis, sequence)| {
            Some(Self { millis: millis.parse().ok()?, sequence: sequence.parse().ok()? })
        });
        parsed.ok_or_else(|| Invalid::new("must be the id of an entry, such as 1700000000000-0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_as_numbers() {
        let id = |text: &str| text.parse::<AuditId>().expect("an id");
        assert!(id("9-1") < id("10-0") && id("10-2") < id("10-10"));
        assert_eq!(id("1700000000000-3").to_string(), "1700000000000-3");
        for bad in ["", "1", "1-", "-1", "a-1", "1-1-1"] {
            assert!(bad.parse::<AuditId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_verdict_of_a_newer_version_is_none_that_is_known() {
        for verdict in [Verdict::Allowed, Verdict::Denied, Verdict::Limited] {
            assert_eq!(Verdict::parse(verdict.as_str()), verdict);
        }
        assert_eq!(Verdict::parse("FORGIVEN"), Verdict::Unknown);
    }
}
