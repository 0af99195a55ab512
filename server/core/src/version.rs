//! Versions of software, compared as people compare them.

use std::{cmp::Ordering, collections::BTreeMap, str::FromStr};

use crate::text::Invalid;

/// The version of some software, such as `6.8`, `11.0.1` or `11.1.0-rc.2`: numbers, then what comes before the release of that
/// number. Numbers that are left out are 0, so `6.8` and `6.8.0` are compared as equal.
#[derive(Clone, Debug)]
pub struct Version {
    numbers: Vec<u64>,
    pre: Vec<Part>,
}

/// How far one version is from another, newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    Patch,
    Minor,
    Major,
}

/// The versions of the software that something is made of, by the software's name, such as `wordpress`. The texts are kept as they
/// were written: another version of this program may take more for a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<String, String>);

/// What it is to go from some versions to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They cannot be compared.
    Unknown,
    /// A part of it becomes older.
    Older,
    Same,
    Newer(Distance),
}

/// One part of what follows the numbers. A number goes before a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

// === impl Version ===

impl Version {
    pub const MAX_LENGTH: usize = 32;

    /// How far this version is from a newer one; `None` if the other is not newer.
    pub fn distance(&self, newer: &Self) -> Option<Distance> {
        if self.cmp(newer) != Ordering::Less {
            return None;
        }
        Some(match (0..2).find(|at| self.number(*at) != newer.number(*at)) {
            Some(0) => Distance::Major,
            Some(_) => Distance::Minor,
            None => Distance::Patch,
        })
    }

    fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or_default()
    }
}

impl FromStr for Version {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(format_args!(
                "must be a version such as \"6.8\" or \"11.0.1-rc.2\", of {} characters at most",
                Self::MAX_LENGTH
            ))
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        if text.len() > Self::MAX_LENGTH || !text.chars().all(plain) {
            return Err(refused());
        }
        // What follows a '+' names a build and says nothing of the order.
        let (release, _build) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, pre) = release.split_once('-').map_or((release, None), |(numbers, pre)| (numbers, Some(pre)));
        let numbers: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        let numbers = numbers.filter(|numbers| numbers.len() <= 4).ok_or_else(refused)?;
        let part = |part: &str| part.parse().map_or_else(|_| Part::Word(part.to_ascii_lowercase()), Part::Number);
        let pre = pre.map(|pre| pre.split(['.', '-']).map(part).collect()).unwrap_or_default();
        Ok(Self { numbers, pre })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let most = self.numbers.len().max(other.numbers.len());
        let numbers = (0..most).map(|at| self.number(at).cmp(&other.number(at))).find(|order| order.is_ne());
        numbers.unwrap_or_else(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

// === impl Versions ===

impl Versions {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(software, version)| (software.as_str(), version.as_str()))
    }

    /// The version of this software.
    pub fn of(&self, software: &str) -> Option<&str> {
        self.0.get(software).map(String::as_str)
    }

    /// Those that can be compared.
    pub(crate) fn parsed(&self) -> Vec<(&str, Version)> {
        self.iter().filter_map(|(software, version)| Some((software, version.parse().ok()?))).collect()
    }

    /// What it is to go to `next`, as far as both have the same software.
    pub fn change(&self, next: &Self) -> Change {
        let (now, next) = (self.parsed(), next.parsed());
        let mut change = Change::Unknown;
        for (software, now) in &now {
            let Some((_, next)) = next.iter().find(|(other, _)| other == software) else { continue };
            change = match (change, now.distance(next)) {
                _ if next < now => return Change::Older,
                (Change::Newer(one), Some(other)) => Change::Newer(one.max(other)),
                (_, Some(distance)) => Change::Newer(distance),
                (Change::Newer(distance), None) => Change::Newer(distance),
                (_, None) => Change::Same,
            };
        }
        change
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Versions {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(versions: T) -> Self {
        Self(versions.into_iter().map(|(software, version)| (software.into(), version.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn versions_are_ordered_by_their_numbers_and_a_release_follows_its_candidates() {
        let ordered = [
            "6.8-beta1",
            "6.8-RC1",
            "6.8",
            "6.8.1",
            "6.9",
            "6.10",
            "10.9.4",
            "11.0.0-rc.2",
            "11.0.0-rc.10",
            "11.0.0",
            "11.0.1",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("6.8"), version("6.8.0"));
        assert_eq!(version("6.8+build.1"), version("6.8"));
    }

    #[test]
    fn a_distance_is_that_of_the_first_number_that_differs() {
        for (from, to, wanted) in [
            ("10.9.4", "11.0.1", Some(Distance::Major)),
            ("6.8", "6.9.1", Some(Distance::Minor)),
            ("6.8", "6.8.1", Some(Distance::Patch)),
            ("6.8-RC1", "6.8", Some(Distance::Patch)),
            ("6.8", "6.8.0", None),
            ("6.9", "6.8", None),
        ] {
            assert_eq!(version(from).distance(&version(to)), wanted, "{from} {to}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in [
            "",
            "latest",
            "v6.8",
            "6.",
            "6..8",
            "6.8 ",
            "1.2.3.4.5",
            "6.8\n",
            "-6",
            &"1".repeat(33),
            "99999999999999999999",
        ] {
            assert!(Version::from_str(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_change_is_the_largest_of_its_parts_and_never_hides_an_older_one() {
        let versions = |wordpress: &str, woocommerce: &str| {
            [("wordpress", wordpress), ("woocommerce", woocommerce)].into_iter().collect::<Versions>()
        };
        let now = versions("6.8.1", "10.9.4");
        for (next, wanted) in [
            (versions("6.8.1", "10.9.4"), Change::Same),
            (versions("6.8.2", "11.0.1"), Change::Newer(Distance::Major)),
            (versions("6.9", "10.9.4"), Change::Newer(Distance::Minor)),
            (versions("6.8", "11.0.1"), Change::Older),
            (versions("6.9", "10.9.3"), Change::Older),
            (versions("trunk", "10.9.5"), Change::Newer(Distance::Patch)),
            (versions("trunk", "trunk"), Change::Unknown),
            (Versions::default(), Change::Unknown),
            ([("magento", "2.4")].into_iter().collect(), Change::Unknown),
        ] {
            assert_eq!(now.change(&next), wanted, "{next:?}");
        }
    }
}
