//! Ids that are made here. Their random part comes from this thread's generator, which asks the system once in a while and not
//! for each id.

use std::time::SystemTime;

use rand::RngExt;
use sendstores_core::{BackupId, Invalid, StoreId, Timestamp, Uid};
use uuid::{Builder, Uuid};

/// A UUID of version 7.
pub(super) fn uuid() -> Uuid {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

/// `store-` and 8 random characters: 36^8 is 2.8 * 10^12, so that a taken one is rare and harmless.
pub(super) fn store() -> Result<StoreId, Invalid> {
    format!("{}{}", StoreId::PREFIX, random(8)).parse()
}

/// The uid of the store, the time, and 4 random characters: the ids of one store's backups are in the order of their creation.
pub(super) fn backup(store: &Uid, now: Timestamp) -> Result<BackupId, Invalid> {
    // Such as 2026-11-30T17:49:33Z.
    let time = prost_types::Timestamp { seconds: now.as_micros().div_euclid(1_000_000), nanos: 0 }.to_string();
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let (day, second) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{store}/{day}-{second}-{}", random(4)).parse()
}

fn random(characters: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..characters).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_named_after_its_store_and_its_time() {
        let uid = "0193b0a0-7c3e-7000-8000-0000000000af".parse().expect("a uid");
        let id = backup(&uid, Timestamp::from_micros(1_700_000_000_999_999)).expect("an id");
        assert_eq!(id.store_uid(), &uid);
        assert!(id.of_store().starts_with("20231114-221320-") && id.of_store().len() == 20, "{id}");
    }
}
