//! A store in memory.

use std::{ops::Deref, sync::OnceLock};

use bytes::Bytes;
use sendstores_core::Store;

/// A store as of one revision, shared by all who read it.
#[derive(Debug)]
pub struct Entry {
    store: Store,
    encoded: OnceLock<Bytes>,
}

// === impl Entry ===

impl Entry {
    /// The cached encoding of the store: `encode` runs on the first call alone.
    pub fn encoded(&self, encode: impl FnOnce(&Store) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.store)).clone()
    }
}

impl From<Store> for Entry {
    fn from(store: Store) -> Self {
        Self { store, encoded: OnceLock::new() }
    }
}

impl Deref for Entry {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.store == other.store
    }
}
