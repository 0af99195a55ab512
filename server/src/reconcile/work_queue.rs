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
    /// How many stores of each tenant are being made.
    making: HashMap<TenantId, usize>,
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
        let (making, dealt_with, suspects) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { slots, queues, running, counts, making, reported, dealt_with, suspects }
    }

    pub(super) fn push(&mut self, class: QueueClass, id: StoreId, tenant: Option<TenantId>, wait: Duration) {
        for (of, queue) in QueueClass::ALL.into_iter().zip(&mut self.queues) {
            if of == class {
                return queue.push(id, tenant, wait);
            }
        }
    }

    /// The first store that is due, not worked on already, and in a class that has a free slot. While a tenant has as many stores
    /// in the making as `most_of` says, its next one waits.
    pub(super) fn next(&mut self, most_of: impl Fn(&TenantId) -> Option<usize>) -> Option<(QueueClass, StoreId)> {
        let Self { slots, queues, running, making, .. } = self;
        let may_make = |tenant: Option<&TenantId>| {
            let Some((of_tenant, most)) = tenant.and_then(|tenant| Some((making.get(tenant)?, most_of(tenant)?)))
            else {
                return true;
            };
            *of_tenant < most
        };
        QueueClass::ALL.into_iter().zip(queues).find_map(|(class, queue)| {
            if !slots.is_any_free(class) {
                return None;
            }
            let has_room = |tenant: Option<&TenantId>| class != QueueClass::Make || may_make(tenant);
            let (id, waited) = queue.pop_ready(has_room, |id| !running.contains_key(id))?;
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
        if let Some(tenant) = run.makes_of() {
            *self.making.entry(tenant.clone()).or_default() += 1;
        }
        if let Some(before) = self.running.insert(id, run) {
            self.less(&before);
        }
    }

    pub(super) fn end(&mut self, id: &StoreId) -> Option<Running> {
        let ended = self.running.remove(id)?;
        self.less(&ended);
        Some(ended)
    }

    fn less(&mut self, ended: &Running) {
        if let Some(count) = self.counts.get_mut(&ended.class) {
            *count = count.saturating_sub(1);
        }
        let Some(tenant) = ended.makes_of() else { return };
        let left = self.making.get(tenant).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => self.making.remove(tenant),
            left => self.making.insert(tenant.clone(), left),
        };
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

// === impl Running ===

impl Running {
    /// The tenant whose store it makes.
    fn makes_of(&self) -> Option<&TenantId> {
        self.tenant.as_ref().filter(|_| self.class == QueueClass::Make)
    }
}

impl Drop for WorkQueue {
    fn drop(&mut self) {
        self.report_ready([0; QueueClass::ALL.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StoreId {
        text.parse().expect("valid")
    }

    fn running(class: QueueClass, tenant: &str) -> Running {
        let tenant = Some(tenant.parse().expect("valid"));
        Running { class, tenant, generation: 1, interrupt: CancellationToken::new(), again: false }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_with_enough_in_the_making_waits_and_others_and_other_work_go_on() {
        let mut work = WorkQueue::new(Slots::new(100));
        for (store, tenant) in [("store-a1", "a"), ("store-a2", "a"), ("store-a3", "a"), ("store-b1", "b")] {
            work.push(QueueClass::Make, id(store), tenant.parse().ok(), Duration::ZERO);
        }
        work.push(QueueClass::Repair, id("store-a4"), "a".parse().ok(), Duration::ZERO);
        let most_of = |tenant: &TenantId| (tenant.as_str() == "a").then_some(1);
        let mut begun = Vec::new();
        while let Some((class, store)) = work.next(most_of) {
            let tenant = store.as_str().strip_prefix("store-").and_then(|rest| rest.get(..1)).expect("a tenant");
            work.begin(store.clone(), running(class, tenant));
            begun.push(store.to_string());
        }
        begun.sort();
        assert_eq!(begun, ["store-a1", "store-a4", "store-b1"]);
        work.end(&id("store-a4"));
        assert_eq!(work.next(most_of), None, "a repair makes no room");
        work.end(&id("store-a1"));
        assert_eq!(work.next(most_of), Some((QueueClass::Make, id("store-a2"))));
        assert_eq!(work.next(|_| None), Some((QueueClass::Make, id("store-a3"))), "the limit is taken back");
        work.end(&id("store-b1"));
        assert!(work.making.is_empty(), "nothing is kept of who has none: {:?}", work.making);
    }
}
