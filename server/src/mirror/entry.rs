//! A store in memory.

use std::{ops::Deref, sync::OnceLock};

use bytes::Bytes;
use sendstores_core::Store;

/// A store as of one revision, shared by all who read it.
#[derive(Debug)]
pub struct Entry {
    store: Store,
    shown: OnceLock<Bytes>,
}

// === impl Entry ===

impl Entry {
    /// The store as callers are shown it, encoded by the first who needs it.
    pub fn shown(&self, encode: impl FnOnce(&Store) -> Bytes) -> Bytes {
        self.shown.get_or_init(|| encode(&self.store)).clone()
    }
}

impl From<Store> for Entry {
    fn from(store: Store) -> Self {
        Self { store, shown: OnceLock::new() }
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
