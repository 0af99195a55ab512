//! Write coalescing: a connection is polled after the calls that have something to send, and sends all of it at once.
//!
//! A call that has a message ready wakes the task of its connection. The runtime keeps the task that was woken last in a
//! slot that it runs before its queue, so a connection would be polled after the first of its calls, and each message would
//! leave with a system call of its own. [`Coalescer`] delays the poll of the connection until the tasks that are ready
//! now have run: their frames are then in the connection's buffer, and one `writev` sends them.
//!
//! [`yield_now`] hands its waker to the scheduler, which calls it when no task of the thread is ready, or after 61 polls
//! (tokio's `event_interval`): this bounds the delay. Tokio does not promise that order. With another one, connections
//! stay correct and send more, smaller writes; docs/performance.md has what a call costs either way.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;
use tokio::task::yield_now;

/// Delays one task until the others that are ready have run, however often it is woken meanwhile.
///
/// A plain `yield_now().await` is not enough: while it waits, each further wake-up of the task would poll it again at
/// once. So the runtime wakes a waker of the coalescer's own, and only that one lets the task go on.
pub(super) struct Coalescer {
    shared: Arc<Shared>,
    /// Wakes `shared`; what the runtime is given to call after the others.
    waker: Waker,
    /// Whether the runtime has the waker, and has not called it yet or [`Coalescer::poll`] has not seen it.
    yielded: bool,
}

#[derive(Default)]
struct Shared {
    /// The runtime has come to this task after the others.
    due: AtomicBool,
    /// The task of the connection.
    task: AtomicWaker,
}

// === impl Coalescer ===

impl Coalescer {
    pub(super) fn new() -> Self {
        let shared: Arc<Shared> = Arc::default();
        Self { waker: shared.clone().into(), shared, yielded: false }
    }

    /// Pending until the other tasks that were ready at the first call have run; then ready once, and the next call begins
    /// the next delay.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.task.register(cx.waker());
        if !self.yielded {
            self.yielded = true;
            // The runtime keeps a clone of the waker; the future itself is not needed any more.
            if pin!(yield_now()).poll(&mut Context::from_waker(&self.waker)).is_ready() {
                self.shared.due.store(true, Ordering::Release);
            }
        }
        if !self.shared.due.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        self.yielded = false;
        Poll::Ready(())
    }
}

// === impl Shared ===

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.due.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn ready_tasks_run_first_however_often_the_coalescer_is_woken() {
        let gone = Arc::new(AtomicBool::new(false));
        let mut coalescer = Coalescer::new();
        for _ in 0..3 {
            let other = gone.clone();
            let other = tokio::spawn(async move { other.store(true, Ordering::SeqCst) });
            poll_fn(|cx| {
                // As if each call of the connection woke it, too.
                cx.waker().wake_by_ref();
                coalescer.poll(cx)
            })
            .await;
            assert!(gone.swap(false, Ordering::SeqCst), "the other task has run");
            other.await.expect("its end");
        }
    }
}
