//! Ids that are made here. Their random part comes from this thread's generator, which asks the system once in a while and not
//! for each id.

use std::time::SystemTime;

use rand::RngExt;
use sendstores_core::{Invalid, StoreId};
use uuid::{Builder, Uuid};

/// A UUID of version 7.
pub(super) fn uuid() -> Uuid {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

/// `store-` and 8 random characters: 36^8 is 2.8 * 10^12, so that a taken one is rare and harmless.
pub(super) fn store() -> Result<StoreId, Invalid> {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    let random: String = (0..8).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect();
    format!("{}{random}", StoreId::PREFIX).parse()
}
