//! A resource in memory.

use std::{ops::Deref, sync::OnceLock};

use bytes::Bytes;
use sendstores_core::{Resource, Store};

/// A resource as of one revision, shared by all who read it.
#[derive(Debug)]
pub struct Entry<R = Store> {
    resource: R,
    encoded: OnceLock<Bytes>,
}

// === impl Entry ===

impl<R> Entry<R> {
    /// The cached encoding of the resource: `encode` runs on the first call alone.
    pub fn encoded(&self, encode: impl FnOnce(&R) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.resource)).clone()
    }
}

impl<R: Resource> From<R> for Entry<R> {
    fn from(resource: R) -> Self {
        Self { resource, encoded: OnceLock::new() }
    }
}

impl<R> Deref for Entry<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.resource
    }
}

impl<R: PartialEq> PartialEq for Entry<R> {
    fn eq(&self, other: &Self) -> bool {
        self.resource == other.resource
    }
}
