//! What was seen of the running shop.

use crate::{
    time::Timestamp,
    word::{self, Word},
};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub check: Check,
    pub passed: bool,
    /// What was found, for a human; at most [`Evidence::MAX_FINDING`] characters.
    pub finding: String,
    pub check_time: Timestamp,
    /// When it passed for the first time, if it ever did.
    pub first_pass_time: Option<Timestamp>,
}

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// The shop page shows the catalogue, and neither the install page nor "coming soon".
    ShopPage,
    /// The Store API says that a product is purchasable, with a price.
    StoreApi,
    /// A product goes into a cart, which then offers a way to pay and to ship.
    Cart,
    /// What the shop has scheduled is done within its period.
    Cron,
    /// The shop answers at its public address, as seen from where the server runs. What cannot be reached from there
    /// may well be reached by visitors, so this one may fail in a shop that is READY.
    Ingress,
    /// What a newer version checks. This one cannot repeat it.
    Unknown(Word),
}

// === impl Evidence ===

impl Evidence {
    pub const MAX_FINDING: usize = 512;

    /// What was found now: what is well, or what is wrong. A finding that is too long is cut.
    #[must_use]
    pub fn new(check: Check, found: Result<String, String>, now: Timestamp) -> Self {
        let passed = found.is_ok();
        let finding = found.unwrap_or_else(|wrong| wrong).chars().take(Self::MAX_FINDING).collect();
        Self { check, passed, finding, check_time: now, first_pass_time: passed.then_some(now) }
    }

    /// What the store shows after another look: what was `seen`, and when each of it first passed. Where nothing was looked
    /// at, what was known `before` stays, and so do the findings of a newer version, which this one cannot renew.
    #[must_use]
    pub fn renewed(before: &[Self], seen: Vec<Self>) -> Vec<Self> {
        if seen.is_empty() {
            return before.to_vec();
        }
        let first_pass = |check| before.iter().find(|old| old.check == check).and_then(|old| old.first_pass_time);
        let remembering = |new: Self| Self { first_pass_time: first_pass(new.check).or(new.first_pass_time), ..new };
        let seen_again = |old: &&Self| seen.iter().any(|new| new.check == old.check);
        let of_newer = before.iter().filter(|old| !old.check.is_known() && !seen_again(old)).cloned();
        let of_newer: Vec<_> = of_newer.collect();
        seen.into_iter().map(remembering).chain(of_newer).collect()
    }
}

// === impl Check ===

impl Check {
    /// All that are known.
    pub const ALL: [Self; 5] = [Self::ShopPage, Self::StoreApi, Self::Cart, Self::Cron, Self::Ingress];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShopPage => "shop_page",
            Self::StoreApi => "store_api",
            Self::Cart => "cart",
            Self::Cron => "cron",
            Self::Ingress => "ingress",
            Self::Unknown(word) => word.as_str(),
        }
    }

    pub fn is_known(self) -> bool {
        !matches!(self, Self::Unknown(_))
    }

    /// The check that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, check: Check, passed: bool) -> Evidence {
        let found = if passed { Ok("sells".to_owned()) } else { Err("does not".to_owned()) };
        Evidence::new(check, found, Timestamp::from_micros(second))
    }

    fn first(evidence: &[Evidence]) -> Vec<Option<i64>> {
        evidence.iter().map(|one| one.first_pass_time.map(Timestamp::as_micros)).collect()
    }

    #[test]
    fn when_something_first_passed_is_never_forgotten() {
        let look = |before: &[Evidence], second, page, ingress| {
            let seen = vec![at(second, Check::ShopPage, page), at(second, Check::Ingress, ingress)];
            Evidence::renewed(before, seen)
        };
        let never = look(&[], 1, false, false);
        assert_eq!(first(&never), [None, None]);
        let one = look(&never, 2, true, false);
        assert_eq!(first(&one), [Some(2), None]);
        let both = look(&one, 3, true, true);
        assert_eq!(first(&both), [Some(2), Some(3)]);
        let gone = look(&both, 4, false, false);
        assert_eq!(first(&gone), [Some(2), Some(3)]);
        assert_eq!(gone[0].check_time, Timestamp::from_micros(4));
        assert_eq!(Evidence::renewed(&gone, Vec::new()), gone, "nothing was looked at");
        let fewer = Evidence::renewed(&gone, vec![at(5, Check::ShopPage, true)]);
        assert_eq!(fewer.len(), 1, "what is not looked at any more is not shown");
    }

    #[test]
    fn what_a_newer_version_found_is_kept() {
        let backup = at(1, Check::kept("backup").expect("a word"), true);
        let before = [backup.clone(), at(1, Check::ShopPage, true)];
        let after = Evidence::renewed(&before, vec![at(2, Check::ShopPage, true)]);
        assert_eq!(after.last(), Some(&backup));
        let again = Evidence::renewed(&after, after.clone());
        assert_eq!(again.len(), 2, "kept once");
    }

    #[test]
    fn a_long_finding_is_cut_and_a_good_one_passes() {
        let long = Evidence::new(Check::Cart, Err("é".repeat(600)), Timestamp::from_micros(1));
        assert_eq!((long.finding.chars().count(), long.passed, long.first_pass_time), (512, false, None));
    }
}
