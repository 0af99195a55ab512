//! Free labels on stores.

use std::collections::BTreeMap;

use crate::text::{self, Invalid};

/// At most [`Labels::MAX`] pairs whose keys and values could be Kubernetes labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

// === impl Labels ===

impl Labels {
    pub const MAX: usize = 16;

    pub fn parse(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Invalid> {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        if pairs.len() > Self::MAX {
            return Err(Invalid::new(format_args!("must be {} labels at most", Self::MAX)));
        }
        for (key, value) in &pairs {
            Self::check(key).map_err(|why| Invalid::new(format_args!("a key {why}")))?;
            if !value.is_empty() {
                Self::check(value).map_err(|why| Invalid::new(format_args!("a value {why}")))?;
            }
        }
        Ok(Self(pairs))
    }

    fn check(text: &str) -> Result<(), Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        text::name(text, 63, allowed, "a-z, A-Z, 0-9, '-', '.' and '_'")
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether every pair of `wanted` is here.
    pub fn contain(&self, wanted: &Self) -> bool {
        wanted.0.iter().all(|(key, value)| self.0.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, Invalid> {
        Labels::parse(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn labels_have_the_shape_of_kubernetes_labels() {
        assert!(labels(&[("team", "a"), ("Env", "")]).is_ok());
        for bad in [("", "a"), ("a b", "a"), ("a", "x\n"), ("-a", "b")] {
            assert!(labels(&[bad]).is_err(), "{bad:?}");
        }
        let many: Vec<_> = (0..17).map(|i| (format!("k{i}"), String::new())).collect();
        assert!(Labels::parse(many).is_err());
    }

    #[test]
    fn containment_is_by_equal_pairs() {
        let all = labels(&[("a", "1"), ("b", "2")]).expect("valid");
        assert!(all.contain(&labels(&[("a", "1")]).expect("valid")));
        assert!(all.contain(&Labels::default()));
        assert!(!all.contain(&labels(&[("a", "2")]).expect("valid")));
        assert!(!all.contain(&labels(&[("c", "")]).expect("valid")));
    }
}
