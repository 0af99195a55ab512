//! Permits for acts that cost the server or the cluster something: a helm process, a program in a pod, a request to a
//! shop. Never for waits: a store that waits for its pods holds none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sendstores_core::{Store, TenantId, lifecycle::QueueClass};
use tokio::{sync::oneshot, time::Instant};

use crate::turns::Turns;

/// Permits of one kind for all stores. Each priority class has as many of its own, so that a thousand creations delay
/// neither a removal nor a probe. Clones share the permits.
#[derive(Clone)]
pub struct ClassPermits {
    /// What they are for, as metrics have it.
    kind: &'static str,
    classes: Arc<Classes>,
}

struct Classes {
    remove: Permits,
    make: Permits,
    repair: Permits,
    probe: Permits,
}

/// Bounds how many acts happen at once in all. While more are wanted, tenants take turns, so that a tenant with a thousand
/// stores delays another by one act and not by a thousand. Clones share the permits.
#[derive(Clone)]
pub struct Permits(Arc<Mutex<Inner>>);

/// The right to one act, until it is dropped.
#[must_use]
pub struct Permit(Permits);

/// While a permit is free, none waits.
struct Inner {
    free: usize,
    waiters: Turns<oneshot::Sender<Permit>>,
}

/// Counts one waiter while it lives.
struct Waiter([metrics::Gauge; 2]);

// === impl ClassPermits ===

impl ClassPermits {
    /// For acts that change the cluster: a helm process, an installation inside a pod, the requests that make or remove
    /// objects. `most` in each class.
    pub fn for_acts(most: usize) -> Self {
        Self::new("act", most)
    }

    /// For reading a shop: a request to it, a program that reads how far it is. `most` in each class.
    pub fn for_requests(most: usize) -> Self {
        Self::new("request", most)
    }

    fn new(kind: &'static str, most: usize) -> Self {
        let [remove, make, repair, probe] = [(); 4].map(|()| Permits::new(most));
        Self { kind, classes: Arc::new(Classes { remove, make, repair, probe }) }
    }

    /// Waits for a permit of the store's class, in turn with other tenants.
    pub async fn acquire(&self, store: &Store) -> Permit {
        let class = store.state.lifecycle().queue;
        let labels = [("permit", self.kind), ("queue", class.as_str())];
        let wanted = metrics::gauge!("sendstores_permits_wanted", &labels);
        let _waiter = Waiter::count([wanted, metrics::gauge!("sendstores_queue_length", "kind" => class.as_str())]);
        let begun = Instant::now();
        let permit = self.of(class).acquire(store.tenant.as_ref()).await;
        metrics::histogram!("sendstores_permit_wait_seconds", &labels).record(begun.elapsed().as_secs_f64());
        permit
    }

    fn of(&self, class: QueueClass) -> &Permits {
        match class {
            QueueClass::Remove => &self.classes.remove,
            QueueClass::Make => &self.classes.make,
            QueueClass::Repair => &self.classes.repair,
            QueueClass::Probe => &self.classes.probe,
        }
    }
}

// === impl Waiter ===

impl Waiter {
    fn count(gauges: [metrics::Gauge; 2]) -> Self {
        gauges.iter().for_each(|gauge| gauge.increment(1.0));
        Self(gauges)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.iter().for_each(|gauge| gauge.decrement(1.0));
    }
}

// === impl Permits ===

impl Permits {
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner { free: most, waiters: Turns::default() })))
    }

    /// Waits for a permit. Dropping the future gives its place in the line up, or the permit back that it was just given.
    pub async fn acquire(&self, tenant: Option<&TenantId>) -> Permit {
        loop {
            let given = {
                let mut inner = self.inner();
                if inner.free > 0 {
                    inner.free -= 1;
                    return Permit(self.clone());
                }
                inner.wait(tenant.cloned())
            };
            // Only a permit ends the wait: the lines live as long as the permits, which are held here.
            if let Ok(permit) = given.await {
                return permit;
            }
        }
    }

    /// Hands a permit on, or keeps it if no run waits.
    fn give_back(&self) {
        let next = self.inner().next_or_free();
        // Unlocked: where the waiting future was dropped meanwhile, the permit is dropped here, and comes back to this.
        if let Some(waiting) = next {
            drop(waiting.send(Permit(self.clone())));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Permit ===

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

// === impl Inner ===

impl Inner {
    fn wait(&mut self, tenant: Option<TenantId>) -> oneshot::Receiver<Permit> {
        let (sender, receiver) = oneshot::channel();
        // Those that were dropped do not pile up.
        self.waiters.retain(&tenant, |waiting| !waiting.is_closed());
        self.waiters.push(tenant, sender);
        receiver
    }

    /// The waiter that gets the permit which is given back. Without one the permit is free.
    fn next_or_free(&mut self) -> Option<oneshot::Sender<Permit>> {
        let next = self.waiters.pop(|waiting| !waiting.is_closed());
        self.free += usize::from(next.is_none());
        if next.is_none() {
            // What is left was dropped.
            self.waiters = Turns::default();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::BoxFuture};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn tenant(name: &str) -> Option<TenantId> {
        Some(name.parse().expect("valid"))
    }

    type Acquiring = BoxFuture<'static, Permit>;

    /// A future that has begun to wait.
    fn waiting(permits: &Permits, tenant: Option<TenantId>) -> Acquiring {
        let permits = permits.clone();
        let mut acquiring: Acquiring = async move { permits.acquire(tenant.as_ref()).await }.boxed();
        assert!((&mut acquiring).now_or_never().is_none(), "no permit is free");
        acquiring
    }

    fn now(permits: &Permits, of: Option<TenantId>) -> Permit {
        permits.acquire(of.as_ref()).now_or_never().expect("a free permit")
    }

    #[test]
    fn there_are_so_many_and_one_that_is_dropped_goes_on() {
        let permits = Permits::new(2);
        let held = [now(&permits, None), now(&permits, tenant("a"))];
        let mut third = waiting(&permits, tenant("a"));
        drop(held);
        assert!((&mut third).now_or_never().is_some());
        let _both = [now(&permits, None), now(&permits, None)];
    }

    #[test]
    fn tenants_take_turns_and_each_has_its_own_order() {
        let permits = Permits::new(1);
        let mut held = Some(now(&permits, None));
        let wanted = ["a", "a", "a", "b", "c", "b"].map(tenant);
        let mut all: Vec<_> = wanted.into_iter().map(|of| Some(waiting(&permits, of))).collect();
        let mut order = Vec::new();
        while order.len() < all.len() {
            drop(held.take());
            let given = all.iter_mut().enumerate().find_map(|(place, acquiring)| {
                let permit = acquiring.as_mut()?.now_or_never()?;
                *acquiring = None;
                Some((place, permit))
            });
            let (place, permit) = given.expect("one of them has it");
            order.push(place);
            held = Some(permit);
        }
        assert_eq!(order, [0, 3, 4, 1, 5, 2], "a, b, c, a, b, a");
    }

    #[test]
    fn a_waiter_that_is_dropped_takes_no_permit_with_it() {
        let permits = Permits::new(1);
        let held = now(&permits, None);
        let (gone, given, mut last) =
            (waiting(&permits, tenant("a")), waiting(&permits, tenant("b")), waiting(&permits, tenant("c")));
        drop(gone);
        drop(held);
        assert!((&mut last).now_or_never().is_none(), "it was given to b, which was not polled yet");
        drop(given);
        let permit = (&mut last).now_or_never().expect("b gave it back");
        drop(permit);
        let inner = permits.inner();
        assert_eq!((inner.free, inner.waiters.len()), (1, 0), "nothing is left over");
    }

    #[test]
    fn no_order_of_events_loses_or_adds_a_permit() {
        const MOST: usize = 3;
        let mut random = StdRng::seed_from_u64(7);
        let permits = Permits::new(MOST);
        let (mut held, mut wanted): (Vec<Permit>, Vec<Acquiring>) = (Vec::new(), Vec::new());
        for _ in 0..20_000 {
            match random.random_range(0..4) {
                0 if !held.is_empty() => drop(held.swap_remove(random.random_range(0..held.len()))),
                1 if !wanted.is_empty() => drop(wanted.swap_remove(random.random_range(0..wanted.len()))),
                2 if !wanted.is_empty() => {
                    let place = random.random_range(0..wanted.len());
                    if let Some(permit) = (&mut wanted[place]).now_or_never() {
                        drop(wanted.swap_remove(place));
                        held.push(permit);
                    }
                }
                _ if wanted.len() < 50 => {
                    let (permits, of) = (permits.clone(), tenant(&format!("t{}", random.random_range(0..5))));
                    wanted.push(async move { permits.acquire(of.as_ref()).await }.boxed());
                }
                _ => {}
            }
            assert!(held.len() <= MOST);
        }
        drop((held, wanted));
        let inner = permits.inner();
        assert_eq!((inner.free, inner.waiters.len()), (MOST, 0));
    }
}
