//! Who of several replicas works on what, and how work is spread over time, by stable hashes: every replica comes to the
//! same answer without asking.

use crate::ledger::Owner;

/// Which of `replicas` is responsible for `key`: the one with the highest hash of both (rendezvous hashing), so that a
/// replica that comes or goes moves its own share and no other. `None` where there are no replicas.
pub fn responsible<'a>(key: &str, replicas: &'a [Owner]) -> Option<&'a Owner> {
    replicas.iter().max_by_key(|owner| (hash(&[&owner.0, key]), &owner.0))
}

/// A number from 0 up to, but without, 1 that is always the same for `key`.
pub fn spread(key: &str) -> f64 {
    // 53 bits are what a float holds.
    let bits = hash(&[key]) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// FNV-1a, and the finalizer of splitmix64: FNV alone hardly changes the upper bits for what differs in its end only.
fn hash(parts: &[&str]) -> u64 {
    // 0xff is in no UTF-8: it separates the parts.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let fnv =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn owners(names: &[&str]) -> Vec<Owner> {
        names.iter().map(|name| Owner((*name).to_owned())).collect()
    }

    fn share(replicas: &[Owner]) -> HashMap<String, &Owner> {
        let keys = (0..3_000).map(|i| format!("store-{i:08}"));
        keys.map(|key| (key.clone(), responsible(&key, replicas).expect("a replica"))).collect()
    }

    #[test]
    fn each_replica_has_its_share_and_a_change_moves_no_more_than_it_must() {
        assert_eq!(responsible("store-a", &[]), None);
        let three = owners(&["a", "b", "c"]);
        let before = share(&three);
        for owner in &three {
            let of = before.values().filter(|responsible| **responsible == owner).count();
            assert!((850..=1_150).contains(&of), "{owner}: {of} of 3,000");
        }
        // In any order, and without one of them.
        let two = owners(&["c", "a"]);
        let after = share(&two);
        let moved = before.iter().filter(|(key, owner)| after[*key].0 != owner.0);
        assert!(moved.into_iter().all(|(_, owner)| owner.0 == "b"));
    }

    #[test]
    fn a_spread_is_even_and_stays_as_it_is() {
        let numbers: Vec<f64> = (0..1_000).map(|i| spread(&format!("0193b0a0-7c3e-7000-8000-{i:012}"))).collect();
        for tenth in 0..10 {
            let low = f64::from(tenth) / 10.0;
            let within = numbers.iter().filter(|number| (low..low + 0.1).contains(*number)).count();
            assert!((60..=140).contains(&within), "{within} from {low} on");
        }
        // Replicas of other versions must agree.
        assert_eq!(hash(&["a", "store-a"]), KNOWN);
    }

    const KNOWN: u64 = 17_004_297_784_877_406_721;
}
