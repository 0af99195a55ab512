//! Names of things. Each is a type whose only constructor validates.

use std::{fmt, str::FromStr, sync::Arc};

use crate::text::{self, Invalid};

/// A store's id, and the name of its namespace: `store-` and 1 to 34 of `a-z 0-9 -`, ending in a letter or digit. Clones
/// share one text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(Arc<str>);

/// Tells a store from an earlier one of the same id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uid(String);

/// The caller's name for one request; a repetition under the same name has no second effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(String);

/// The owner of a store. Clones share one text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// The part of a token that is no secret: 10 letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

/// A backup's id: the uid of its store, a slash, and 1 to 32 of `a-z 0-9 -`, beginning and ending with a letter or digit. The
/// ids of one store's backups are in the order of their creation. Clones share one text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BackupId {
    text: Arc<str>,
    store: Uid,
}

macro_rules! text_type {
    ($($name:ident),*) => {$(
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_type!(StoreId, Uid, RequestId, TenantId, TokenId);

// === impl StoreId ===

impl StoreId {
    /// What every id begins with, so that no namespace that is not a store's can be meant.
    pub const PREFIX: &str = "store-";
    /// Namespaces may have 63; the rest is left for names derived from the id.
    pub const MAX_LENGTH: usize = 40;
}

impl FromStr for StoreId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(
                "must be \"store-\" followed by 1 to 34 of a-z, 0-9 and '-', ending in a letter or digit, such as \"store-berlin-1\"",
            )
        };
        let rest = text.strip_prefix(Self::PREFIX).ok_or_else(refused)?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if rest.is_empty() || text.len() > Self::MAX_LENGTH || !rest.chars().all(allowed) || rest.ends_with('-') {
            return Err(refused());
        }
        Ok(Self(text.into()))
    }
}

// === impl Uid ===

impl FromStr for Uid {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let shape = |(i, c): (usize, char)| match i {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_digit() || matches!(c, 'a'..='f'),
        };
        if text.len() != 36 || !text.chars().enumerate().all(shape) {
            return Err(Invalid::new("must be a UUID in lower case"));
        }
        Ok(Self(text.to_owned()))
    }
}

// === impl BackupId ===

impl BackupId {
    /// Of the part after the slash. Names of objects in the cluster are made from it.
    pub const MAX_LENGTH: usize = 32;

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The uid of the store that the backup is of.
    pub fn store_uid(&self) -> &Uid {
        &self.store
    }

    /// What tells it from other backups of the same store.
    pub fn of_store(&self) -> &str {
        self.text.get(self.store.0.len() + 1..).unwrap_or_default()
    }
}

impl FromStr for BackupId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(
                "must be the uid of a store, a slash, and 1 to 32 of a-z, 0-9 and '-', such as \"0193b0a0-7c3e-7000-8000-0000000000af/20261130-174933-4fkq\"",
            )
        };
        let (store, name) = text.split_once('/').ok_or_else(refused)?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let ends = name.starts_with('-') || name.ends_with('-');
        if name.is_empty() || name.len() > Self::MAX_LENGTH || !name.chars().all(allowed) || ends {
            return Err(refused());
        }
        Ok(Self { text: text.into(), store: store.parse().map_err(|_| refused())? })
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for BackupId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl PartialOrd for BackupId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

// === impl RequestId ===

impl FromStr for RequestId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 64 || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Invalid::new(
                "must be 1 to 64 printable ASCII characters without spaces; a UUID is a good choice",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

// === impl TenantId ===

impl FromStr for TenantId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
        text::name(text, 63, allowed, "a-z, 0-9, '-', '.' and '_'")?;
        Ok(Self(text.into()))
    }
}

// === impl TokenId ===

impl TokenId {
    pub const LENGTH: usize = 10;

    /// The id of a token that was parsed.
    pub(crate) fn of_digits(digits: &str) -> Self {
        Self(digits.to_owned())
    }
}

impl FromStr for TokenId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() != Self::LENGTH || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Invalid::new("must be the 10 letters and digits after \"sst_\""));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_ids_are_namespaces_of_ours() {
        for good in ["store-a", "store-ab12cd34", "store-berlin-1", &format!("store-{}", "x".repeat(34))] {
            assert!(StoreId::from_str(good).is_ok(), "{good}");
        }
        let long = format!("store-{}", "x".repeat(35));
        for bad in
            ["", "store-", "kube-system", "store-A", "store-a-", "store-a.b", "store-ä", "store-a\n", "-store-a", &long]
        {
            assert!(StoreId::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_backup_is_named_after_the_uid_of_its_store() {
        let uid = "0193b0a0-7c3e-7000-8000-0000000000af";
        let id = BackupId::from_str(&format!("{uid}/20261130-174933-4fkq")).expect("an id");
        assert_eq!((id.store_uid().as_str(), id.of_store()), (uid, "20261130-174933-4fkq"));
        let long = format!("{uid}/{}", "x".repeat(33));
        let bad = ["", uid, "store-a/x", &format!("{uid}/"), &format!("{uid}/-a"), &format!("{uid}/a-"), &long];
        for bad in bad.into_iter().chain([format!("{uid}/A").as_str(), &format!("{uid}/a/b"), &format!("{uid}/a\n")]) {
            assert!(BackupId::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn request_ids_are_short_and_visible() {
        assert!(RequestId::from_str("0193b0a0-7c3e-7000-8000-000000000000").is_ok());
        for bad in ["", "a b", "é", &"x".repeat(65)] {
            assert!(RequestId::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tenants_are_label_values() {
        assert!(TenantId::from_str("acme.eu_1").is_ok());
        for bad in ["", "Acme", "-acme", "acme-", &"x".repeat(64)] {
            assert!(TenantId::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn uids_are_lower_case_uuids() {
        assert!(Uid::from_str("0193b0a0-7c3e-7000-8000-0000000000af").is_ok());
        for bad in ["", "0193B0A0-7c3e-7000-8000-0000000000af", "0193b0a07c3e700080000000000000af0000"] {
            assert!(Uid::from_str(bad).is_err(), "{bad}");
        }
    }
}
