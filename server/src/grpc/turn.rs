//! Letting others go first.

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

/// Puts a task behind all others of its thread that are ready to run, however often it is woken meanwhile.
///
/// The runtime runs a task that was woken next, and a connection is woken by each of its calls that has something to send:
/// so each frame would leave by a system call of its own. Behind the calls, it finds all their frames and sends them at
/// once. The runtime bounds the wait: it comes to those who yielded after 61 tasks at most.
pub(super) struct Turn {
    shared: Arc<Shared>,
    waker: Waker,
    asked: bool,
}

#[derive(Default)]
struct Shared {
    come: AtomicBool,
    task: AtomicWaker,
}

// === impl Turn ===

impl Turn {
    pub(super) fn new() -> Self {
        let shared: Arc<Shared> = Arc::default();
        Self { waker: shared.clone().into(), shared, asked: false }
    }

    /// Ready when the turn has come; the next call asks for another.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.task.register(cx.waker());
        if !self.asked {
            self.asked = true;
            // The runtime keeps the waker; the future itself is needed no longer.
            if pin!(yield_now()).poll(&mut Context::from_waker(&self.waker)).is_ready() {
                self.shared.come.store(true, Ordering::Release);
            }
        }
        if !self.shared.come.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        self.asked = false;
        Poll::Ready(())
    }
}

// === impl Shared ===

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.come.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn who_is_ready_goes_first_and_the_turn_comes_however_often() {
        let gone = Arc::new(AtomicBool::new(false));
        let mut turn = Turn::new();
        for _ in 0..3 {
            let other = gone.clone();
            let other = tokio::spawn(async move { other.store(true, Ordering::SeqCst) });
            poll_fn(|cx| {
                // As if everybody else woke it, too.
                cx.waker().wake_by_ref();
                turn.poll(cx)
            })
            .await;
            assert!(gone.swap(false, Ordering::SeqCst), "the other task has run");
            other.await.expect("its end");
        }
    }
}
