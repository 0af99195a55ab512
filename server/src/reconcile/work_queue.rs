//! What is worked on now, and what comes next.

use std::{collections::HashMap, time::Duration};

use sendstores_core::{Revision, StoreId, TenantId, lifecycle::QueueClass};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{queue::Queue, slots::Slots};

/// The stores that are worked on, and those that are due, by class.
pub(super) struct WorkQueue {
    slots: Slots,
    /// In the order of [`QueueClass::ALL`].
    queues: [Queue; QueueClass::ALL.len()],
    running: HashMap<StoreId, Running>,
    /// How many of them are of each class.
    counts: HashMap<QueueClass, usize>,
    /// How many stores of each class the metrics have as due and not begun.
    reported: [u32; QueueClass::ALL.len()],
    /// Up to which revision each store was dealt with: the mirror repeats our own writes, later.
    pub(super) dealt_with: HashMap<StoreId, Revision>,
    /// READY stores that the last probe found not to sell, and when.
    pub(super) suspects: HashMap<StoreId, Instant>,
}

/// A run under way.
pub(super) struct Running {
    pub(super) class: QueueClass,
    /// Whose store it is.
    pub(super) tenant: Option<TenantId>,
    /// The intent it works on.
    pub(super) generation: u64,
    pub(super) interrupt: CancellationToken,
    /// A newer intent came: run again at once.
    pub(super) again: bool,
}

// === impl WorkQueue ===

impl WorkQueue {
    pub(super) fn new(slots: Slots) -> Self {
        let queues = Default::default();
        let (running, counts) = (HashMap::new(), HashMap::new());
        let reported = [0; QueueClass::ALL.len()];
        Self { slots, queues, running, counts, reported, dealt_with: HashMap::new(), suspects: HashMap::new() }
    }

    pub(super) fn push(&mut self, class: QueueClass, id: StoreId, tenant: Option<TenantId>, wait: Duration) {
        for (of, queue) in QueueClass::ALL.into_iter().zip(&mut self.queues) {
            if of == class {
                return queue.push(id, tenant, wait);
            }
        }
    }

    /// The first store that is due, not worked on already, and in a class that has a free slot.
    pub(super) fn next(&mut self) -> Option<(QueueClass, StoreId)> {
        let Self { slots, queues, running, .. } = self;
        QueueClass::ALL.into_iter().zip(queues).find_map(|(class, queue)| {
            if !slots.is_any_free(class) {
                return None;
            }
            let (id, waited) = queue.pop_ready(|id| !running.contains_key(id))?;
            metrics::histogram!("sendstores_queue_wait_seconds", "queue" => class.as_str())
                .record(waited.as_secs_f64());
            Some((class, id))
        })
    }

    /// Shows how many stores are due and find no room for a run, and how many have one.
    pub(super) fn report(&mut self) {
        let ready = self.queues.each_ref().map(|queue| u32::try_from(queue.ready()).unwrap_or(u32::MAX));
        self.report_ready(ready);
        for class in QueueClass::ALL {
            let runs = u32::try_from(self.runs_of(class)).unwrap_or(u32::MAX);
            metrics::gauge!("sendstores_runs", "queue" => class.as_str()).set(f64::from(runs));
        }
    }

    fn report_ready(&mut self, ready: [u32; QueueClass::ALL.len()]) {
        for ((class, now), before) in QueueClass::ALL.into_iter().zip(ready).zip(self.reported) {
            metrics::gauge!("sendstores_queue_ready", "queue" => class.as_str()).set(f64::from(now));
            // Stores that wait for a permit count in this one, too.
            metrics::gauge!("sendstores_queue_length", "kind" => class.as_str())
                .increment(f64::from(now) - f64::from(before));
        }
        self.reported = ready;
    }

    /// Returns once another store has become due. Safe to drop while waiting.
    pub(super) async fn due(&mut self) {
        let dues = self.queues.iter_mut().map(|queue| Box::pin(queue.due()));
        futures::future::select_all(dues).await;
    }

    pub(super) fn begin(&mut self, id: StoreId, run: Running) {
        *self.counts.entry(run.class).or_default() += 1;
        if let Some(before) = self.running.insert(id, run) {
            self.less(before.class);
        }
    }

    pub(super) fn end(&mut self, id: &StoreId) -> Option<Running> {
        let ended = self.running.remove(id)?;
        self.less(ended.class);
        Some(ended)
    }

    fn less(&mut self, class: QueueClass) {
        if let Some(count) = self.counts.get_mut(&class) {
            *count = count.saturating_sub(1);
        }
    }

    fn runs_of(&self, class: QueueClass) -> usize {
        self.counts.get(&class).copied().unwrap_or_default()
    }

    pub(super) fn running(&mut self, id: &StoreId) -> Option<&mut Running> {
        self.running.get_mut(id)
    }

    /// Forgets what is known of stores that are gone.
    pub(super) fn keep_only(&mut self, there: impl Fn(&StoreId) -> bool) {
        self.dealt_with.retain(|id, _| there(id));
        self.suspects.retain(|id, _| there(id));
    }

    pub(super) fn interrupt_all(&self) {
        self.running.values().for_each(|run| run.interrupt.cancel());
    }
}

impl Drop for WorkQueue {
    fn drop(&mut self) {
        self.report_ready([0; QueueClass::ALL.len()]);
    }
}
