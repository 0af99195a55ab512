//! What a store was made from, and what such a thing is called.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use crate::{
    text::{self, Invalid},
    version::Versions,
};

/// The name of a release, such as `2026-11`: 1 to 63 of `a-z 0-9 . -`, beginning and ending with a letter or digit. Clones share one
/// text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseName(Arc<str>);

/// The chart, the values, the images and the volumes of a store, as the cluster has them. Mending and adopting keep to
/// them; the files that a server is started with are for stores that were never READY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// What the server that made it called it. `None`: a server of a version without releases did.
    pub name: Option<ReleaseName>,
    /// Those that the release of this name had then.
    pub versions: Versions,
    /// helm's number of the revision.
    pub revision: u32,
    /// Name and version of the chart, such as `engine-0.1.0`.
    pub chart: String,
    /// SHA-256 of the chart, in hex.
    pub chart_digest: String,
    /// SHA-256 of the environment's values, in hex. The store's own values are not part of it.
    pub values_digest: String,
    /// What the server that made it called chart, values and store together. `None`: the revision does not say.
    pub source: Option<String>,
    /// The image of each container, by the container's name; with its digest where the cluster says it.
    pub images: BTreeMap<String, String>,
    /// The volumes, by the name of the claim.
    pub volumes: BTreeMap<String, Volume>,
}

/// One volume of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// What is asked for, as a Kubernetes quantity.
    pub size: String,
    /// The StorageClass. `None`: the claim names none.
    pub class: Option<String>,
}

// === impl ReleaseName ===

impl ReleaseName {
    pub const MAX_LENGTH: usize = 63;

    /// A name that was recorded. Another version may have had other rules for names: whatever it wrote is kept, and no server
    /// offers it here.
    pub fn recorded(text: &str) -> Self {
        Self(text.into())
    }

    /// What the chart and the values that a server was started with are called, where no release is declared.
    pub fn standing_in() -> Self {
        Self("default".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReleaseName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        text::name(text, Self::MAX_LENGTH, allowed, "a-z, 0-9, '-' and '.'")?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_releases_are_folders_and_label_values() {
        for good in ["2026-11", "wc-11.0.1", "a", &"x".repeat(63)] {
            assert!(ReleaseName::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a.", "..", ".", "a/b", "a b", "\u{e4}", "a\n", &"x".repeat(64)] {
            assert!(ReleaseName::from_str(bad).is_err(), "{bad}");
        }
        assert_eq!(ReleaseName::recorded("Of_Another_Version").as_str(), "Of_Another_Version");
    }
}
