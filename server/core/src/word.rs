//! Words that come from records: names of steps and engines, some of them of a newer version.

use std::{collections::BTreeSet, sync::RwLock};

/// How many different words a process keeps; a healthy installation has some dozens.
const MOST: usize = 1_024;
const MAX_LENGTH: usize = 64;

static WORDS: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());

/// The one copy of `word`, kept until the process ends, so that names are as cheap as numbers.
///
/// `None` if it does not look like a name (1 to 64 of `a-z A-Z 0-9 _ -`), or if there are 1,024 different words already:
/// what is read from outside must not fill the memory.
pub(crate) fn intern(word: &str) -> Option<&'static str> {
    let fits = (1..=MAX_LENGTH).contains(&word.len());
    if !fits || !word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return None;
    }
    if let Some(known) = WORDS.read().ok()?.get(word) {
        return Some(known);
    }
    let mut words = WORDS.write().ok()?;
    if let Some(known) = words.get(word) {
        return Some(known);
    }
    if words.len() >= MOST {
        return None;
    }
    let kept: &'static str = Box::leak(word.to_owned().into_boxed_str());
    words.insert(kept);
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_once_and_what_is_no_name_not_at_all() {
        let (one, two) = (intern("database").unwrap(), intern(&String::from("database")).unwrap());
        assert!(std::ptr::eq(one, two));
        for bad in ["", "a b", "käse", "a\n", &"x".repeat(65)] {
            assert_eq!(intern(bad), None, "{bad:?}");
        }
    }
}
