//! What was seen of the running store.

use crate::{time::Timestamp, word::name_type};

/// One thing that was checked.
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

/// What was checked, a short lower-case name that the store's engine chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Check(&'static str);

name_type!(Check);

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

    /// What the store shows after another probe: what was `seen`, and when each of it first passed. Where nothing was
    /// probed, what was known `before` stays, and so do the findings of a newer version, which this one cannot renew: those of
    /// checks that are not among `known`, the engine's.
    #[must_use]
    pub fn renewed(before: &[Self], seen: Vec<Self>, known: &[Check]) -> Vec<Self> {
        if seen.is_empty() {
            return before.to_vec();
        }
        let first_pass = |check| before.iter().find(|old| old.check == check).and_then(|old| old.first_pass_time);
        let remembering = |new: Self| Self { first_pass_time: first_pass(new.check).or(new.first_pass_time), ..new };
        let seen_again = |old: &&Self| seen.iter().any(|new| new.check == old.check);
        let of_newer = before.iter().filter(|old| !known.contains(&old.check) && !seen_again(old)).cloned();
        let of_newer: Vec<_> = of_newer.collect();
        seen.into_iter().map(remembering).chain(of_newer).collect()
    }

    /// What did not pass, in one sentence; empty if all did. Checks that found the same are named together: what ends every page
    /// ends each check alike.
    pub fn failures(evidence: &[Self]) -> String {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for failed in evidence.iter().filter(|evidence| !evidence.passed) {
            match found.iter_mut().find(|(finding, _)| *finding == failed.finding) {
                Some((_, checks)) => checks.push(failed.check.as_str()),
                None => found.push((&failed.finding, vec![failed.check.as_str()])),
            }
        }
        let sentence = |(finding, checks): (&str, Vec<&str>)| format!("{}: {finding}", checks.join(", "));
        found.into_iter().map(sentence).collect::<Vec<_>>().join("; ")
    }
}

// === impl Check ===

impl Check {
    /// The store answers at its public address, as seen from where the server runs. What cannot be reached from there may well
    /// be reached by visitors, so this one may fail in a store that is READY.
    pub const INGRESS: Self = Self::new("ingress");
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Check = Check::new("page");
    const CHECKS: [Check; 2] = [PAGE, Check::INGRESS];

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
            let seen = vec![at(second, PAGE, page), at(second, Check::INGRESS, ingress)];
            Evidence::renewed(before, seen, &CHECKS)
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
        assert_eq!(Evidence::renewed(&gone, Vec::new(), &CHECKS), gone, "nothing was looked at");
        let fewer = Evidence::renewed(&gone, vec![at(5, PAGE, true)], &CHECKS);
        assert_eq!(fewer.len(), 1, "what is not looked at any more is not shown");
    }

    #[test]
    fn what_a_newer_version_found_is_kept() {
        let backup = at(1, Check::parse("backup").expect("a word"), true);
        let before = [backup.clone(), at(1, PAGE, true)];
        let after = Evidence::renewed(&before, vec![at(2, PAGE, true)], &CHECKS);
        assert_eq!(after.last(), Some(&backup));
        let again = Evidence::renewed(&after, after.clone(), &CHECKS);
        assert_eq!(again.len(), 2, "kept once");
    }

    #[test]
    fn checks_that_found_the_same_are_named_together() {
        let [api, cart] = ["store_api", "cart"].map(|word| Check::parse(word).expect("a word"));
        let found = |check, why: Result<&str, &str>| {
            Evidence::new(check, why.map(str::to_owned).map_err(str::to_owned), Timestamp::from_micros(1))
        };
        let ended = Err("status 500");
        let seen =
            [found(PAGE, ended), found(api, Ok("answers")), found(Check::INGRESS, Err("no route")), found(cart, ended)];
        assert_eq!(Evidence::failures(&seen), "page, cart: status 500; ingress: no route");
        assert_eq!(Evidence::failures(&seen[1..2]), "");
    }

    #[test]
    fn a_long_finding_is_cut_and_a_good_one_passes() {
        let long = Evidence::new(PAGE, Err("é".repeat(600)), Timestamp::from_micros(1));
        assert_eq!((long.finding.chars().count(), long.passed, long.first_pass_time), (512, false, None));
    }
}
