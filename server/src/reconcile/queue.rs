//! Which stores are due when: one entry a store, and the sooner time wins. Of those that are ready, tenants take turns.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::StreamExt;
use sendstores_core::{StoreId, TenantId};
use tokio::time::Instant;
use tokio_util::time::{DelayQueue, delay_queue::Key};

use crate::turns::Turns;

/// The longest wait: a store that is due later is checked once before. A time of a record may be any, and the timer
/// panics at more than two years.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Bounded by the number of stores.
#[derive(Default)]
pub(super) struct Queue {
    later: DelayQueue<(StoreId, Option<TenantId>)>,
    keys: HashMap<StoreId, Key>,
    /// With the time from which each is ready.
    ready: Turns<(StoreId, Instant)>,
    is_ready: HashSet<StoreId>,
}

// === impl Queue ===

impl Queue {
    /// Queues a store, unless it is due sooner already.
    pub(super) fn push(&mut self, id: StoreId, tenant: Option<TenantId>, wait: Duration) {
        let wait = wait.min(LONGEST);
        if self.is_ready.contains(&id) {
            return;
        }
        if let Some(key) = self.keys.get(&id) {
            let due = self.later.deadline(key);
            if due <= Instant::now() + wait {
                return;
            }
            self.later.remove(key);
            self.keys.remove(&id);
        }
        if wait.is_zero() {
            self.is_ready.insert(id.clone());
            self.ready.push(tenant, (id, Instant::now()));
        } else {
            let key = self.later.insert((id.clone(), tenant), wait);
            self.keys.insert(id, key);
        }
    }

    /// The first ready store that `may_run`, of a tenant that `has_room`, and for how long it was ready; the others keep their
    /// place.
    pub(super) fn pop_ready(
        &mut self,
        has_room: impl Fn(Option<&TenantId>) -> bool,
        may_run: impl Fn(&StoreId) -> bool,
    ) -> Option<(StoreId, Duration)> {
        let (id, since) = self.ready.pop_of(has_room, |(id, _)| may_run(id))?;
        self.is_ready.remove(&id);
        Some((id, since.elapsed()))
    }

    /// How many stores are ready.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whether any store is ready.
    pub(super) fn is_any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns once another store has become ready. Safe to drop while waiting.
    pub(super) async fn due(&mut self) {
        match self.later.next().await {
            Some(expired) => {
                let (id, tenant) = expired.into_inner();
                self.keys.remove(&id);
                if self.is_ready.insert(id.clone()) {
                    self.ready.push(tenant, (id, Instant::now()));
                }
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StoreId {
        text.parse().expect("valid")
    }

    #[tokio::test(start_paused = true)]
    async fn the_sooner_time_wins_and_a_store_is_queued_once() {
        let mut queue = Queue::default();
        queue.push(id("store-a"), None, Duration::from_secs(60));
        queue.push(id("store-a"), None, Duration::from_secs(5));
        queue.push(id("store-a"), None, Duration::from_secs(30));
        let begun = Instant::now();
        queue.due().await;
        assert_eq!(begun.elapsed().as_secs(), 5);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(queue.pop_ready(|_| true, |_| true), Some((id("store-a"), Duration::from_secs(2))));
        assert_eq!(queue.pop_ready(|_| true, |_| true), None);
        assert!(queue.later.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_may_not_run_keeps_its_place() {
        let mut queue = Queue::default();
        queue.push(id("store-a"), None, Duration::ZERO);
        queue.push(id("store-b"), None, Duration::ZERO);
        let popped = queue.pop_ready(|_| true, |store| *store != id("store-a"));
        assert_eq!(popped, Some((id("store-b"), Duration::ZERO)));
        assert_eq!(queue.ready(), 1);
        assert_eq!(queue.pop_ready(|_| true, |_| true), Some((id("store-a"), Duration::ZERO)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_no_timer_can_wait_for_is_shortened() {
        let mut queue = Queue::default();
        for wait in [Duration::MAX, Duration::from_secs(3 * 365 * 24 * 3600)] {
            queue.push(id("store-a"), None, wait);
            queue.push(id("store-b"), None, wait);
        }
        queue.push(id("store-a"), None, Duration::from_secs(1));
        queue.due().await;
        assert_eq!(queue.pop_ready(|_| true, |_| true), Some((id("store-a"), Duration::ZERO)));
    }
}
