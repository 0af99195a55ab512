//! Who waits for changes of one kind.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::Kind;

/// The waiters of one kind, and how its watch is.
pub(super) struct Topic {
    pub(super) kind: Kind,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By namespace, or by name where the kind has no namespaces. No list is empty.
    waiters: HashMap<String, Vec<Arc<Notify>>>,
    /// Since when there is no subscriber.
    idle_since: Option<Instant>,
    /// A task follows the kind.
    followed: bool,
    /// The watch is open, and nothing was missed.
    live: bool,
}

/// Of the one task that follows a kind. Dropped, also by a panic, it says that there is no such task.
pub(super) struct Follower {
    topic: Arc<Topic>,
    ended: bool,
}

// === impl Topic ===

impl Topic {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, inner: Mutex::default() }
    }

    /// Adds a waiter. If no task follows the kind yet, one has to be started, with what this returns.
    pub(super) fn subscribe(self: &Arc<Self>, key: &str, waiter: &Arc<Notify>) -> Option<Follower> {
        let mut inner = self.inner();
        inner.waiters.entry(key.to_owned()).or_default().push(waiter.clone());
        inner.idle_since = None;
        let followed = std::mem::replace(&mut inner.followed, true);
        (!followed).then(|| Follower { topic: self.clone(), ended: false })
    }

    pub(super) fn unsubscribe(&self, key: &str, waiter: &Arc<Notify>) {
        let mut inner = self.inner();
        if let Some(waiters) = inner.waiters.get_mut(key) {
            waiters.retain(|other| !Arc::ptr_eq(other, waiter));
            if waiters.is_empty() {
                inner.waiters.remove(key);
            }
        }
        if inner.waiters.is_empty() {
            inner.idle_since = Some(Instant::now());
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.inner().live
    }

    /// Something changed in this namespace.
    pub(super) fn wake(&self, key: &str) {
        self.inner().waiters.get(key).into_iter().flatten().for_each(|waiter| waiter.notify_one());
    }

    /// Anything may have changed: nothing is known of what happened until now.
    pub(super) fn wake_all(&self) {
        self.inner().waiters.values().flatten().for_each(|waiter| waiter.notify_one());
    }

    pub(super) fn set_live(&self, live: bool) {
        self.inner().live = live;
        self.report(live);
    }

    fn report(&self, live: bool) {
        metrics::gauge!("sendstores_informer_live", "kind" => self.kind.as_str()).set(if live { 1.0 } else { 0.0 });
    }

    /// How many waiters there are.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.inner().waiters.values().map(Vec::len).sum()
    }

    #[cfg(test)]
    pub(super) fn is_followed(&self) -> bool {
        self.inner().followed
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Follower ===

impl Follower {
    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Whether the task has to end now, since there was no subscriber for so long. The next subscriber starts another one.
    pub(super) fn ends_idle(&mut self, after: Duration) -> bool {
        let mut inner = self.topic.inner();
        if inner.idle_since.is_some_and(|since| since.elapsed() >= after) {
            // In one step with the question: a subscriber that comes next finds no task, and starts one.
            (inner.followed, inner.live) = (false, false);
            self.ended = true;
        }
        drop(inner);
        if self.ended {
            self.topic.report(false);
        }
        self.ended
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if !self.ended {
            self.topic.inner().followed = false;
            self.topic.set_live(false);
        }
    }
}
