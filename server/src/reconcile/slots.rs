//! How many runs of each priority class are at work at once. A run that waits, for pods or for a permit, lends its slot: a
//! thousand stores that wait keep no other from being worked on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sendstores_core::lifecycle::QueueClass;
use tokio::sync::Notify;

/// The slots of one replica; clones share them.
#[derive(Clone)]
pub(super) struct Slots(Arc<Inner>);

struct Inner {
    most: usize,
    /// By class. More than `most` for a moment, when runs that waited go on.
    busy: [AtomicUsize; QueueClass::ALL.len()],
    freed: Notify,
}

/// That of one run.
pub(super) struct Slot {
    slots: Slots,
    class: QueueClass,
}

/// A slot that others may use until this is dropped.
pub(super) struct Lent<'a>(&'a Slot);

// === impl Slots ===

impl Slots {
    /// `most` of each class.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner { most, busy: Default::default(), freed: Notify::new() }))
    }

    pub(super) fn is_any_free(&self, class: QueueClass) -> bool {
        self.busy(class).load(Ordering::Relaxed) < self.0.most
    }

    /// The slot of a new run, whether one is free or not.
    pub(super) fn take(&self, class: QueueClass) -> Slot {
        self.busy(class).fetch_add(1, Ordering::Relaxed);
        Slot { slots: self.clone(), class }
    }

    /// Returns once a slot was given back or lent since the last call. Safe to drop while waiting.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }

    fn busy(&self, class: QueueClass) -> &AtomicUsize {
        &self.0.busy[class as usize]
    }
}

// === impl Slot ===

impl Slot {
    /// For as long as the run waits.
    pub(super) fn lend(&self) -> Lent<'_> {
        self.free();
        Lent(self)
    }

    fn free(&self) {
        self.slots.busy(self.class).fetch_sub(1, Ordering::Relaxed);
        self.slots.0.freed.notify_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.free();
    }
}

// === impl Lent ===

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.slots.busy(self.0.class).fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_slot_is_free_while_its_run_waits() {
        let slots = Slots::new(1);
        let slot = slots.take(QueueClass::Make);
        assert!(!slots.is_any_free(QueueClass::Make) && slots.is_any_free(QueueClass::Remove));
        let lent = slot.lend();
        assert!(slots.is_any_free(QueueClass::Make));
        assert!(slots.freed().now_or_never().is_some(), "the loop is woken");
        let other = slots.take(QueueClass::Make);
        drop(lent);
        drop(other);
        assert!(!slots.is_any_free(QueueClass::Make), "the run goes on");
        drop(slot);
        assert!(slots.is_any_free(QueueClass::Make));
    }
}
