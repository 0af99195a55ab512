//! Every task has a name, and none is an orphan: the only file that spawns. Panics are caught here, and in the calls of
//! [`caught`] that keep the panic of one store or call from ending a task.
//!
//! A task that ends before it was asked to ends the process. To stop is: say so (`stopping`), wait for the tasks that
//! serve callers, then for those that serve these, and abort what is left at the deadline.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// What a task may fail with.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// When a task is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Serves callers: asked first.
    Front,
    /// Serves the front: asked once the front has ended.
    Back,
}

/// The tasks of one process.
pub struct Tasks {
    front: JoinSet<Exit>,
    back: JoinSet<Exit>,
    stopping: CancellationToken,
    front_ended: CancellationToken,
}

/// Tasks that come and go while one named task lives, such as one a connection; dropped, it aborts them all.
#[derive(Default)]
pub struct Group(Spawner);

/// Starts tasks of a [`Group`]. May be held by the group's own tasks.
#[derive(Clone, Default)]
pub struct Spawner(Arc<Mutex<JoinSet<()>>>);

struct Exit {
    name: &'static str,
    result: Result<(), TaskError>,
}

/// A task ended although the process goes on.
#[derive(Debug)]
pub struct EarlyExit {
    name: &'static str,
    cause: Option<TaskError>,
}

/// Work that panicked. What it says of the panic is in the log only, since it may quote foreign text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it panicked; the log names the place")]
pub struct Panicked;

/// Runs `work` and survives its panic, which is counted under `place`. What `work` shares with others must be whole
/// whenever it may panic; nothing here holds a lock across such a moment.
pub async fn caught<T>(place: &'static str, work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_payload| {
        metrics::counter!("sendstores_panics_total", "where" => place).increment(1);
        Panicked
    })
}

// === impl Tasks ===

impl Tasks {
    pub fn new() -> Self {
        Self {
            front: JoinSet::new(),
            back: JoinSet::new(),
            stopping: CancellationToken::new(),
            front_ended: CancellationToken::new(),
        }
    }

    /// Cancelled when the process begins to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Starts a task. The token it is made with is cancelled when it shall end.
    pub fn spawn<F>(&mut self, name: &'static str, phase: Phase, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        let (set, token) = match phase {
            Phase::Front => (&mut self.front, self.stopping.clone()),
            Phase::Back => (&mut self.back, self.front_ended.clone()),
        };
        // Boxed, so that what a task is made of does not make the types of those that hold it ever deeper.
        let task = task(token).boxed();
        set.spawn(async move {
            let result = caught(name, task).await.unwrap_or_else(|panicked| Err(panicked.into()));
            Exit { name, result }
        });
    }

    /// Runs until `signal` or an early exit, then stops everything within `deadline`.
    pub async fn run(mut self, signal: impl Future<Output = ()>, deadline: Duration) -> Result<(), EarlyExit> {
        let outcome = tokio::select! {
            () = signal => {
                tracing::info!("stopping: asked to");
                Ok(())
            }
            Some(exit) = self.front.join_next() => Err(EarlyExit::from(exit)),
            Some(exit) = self.back.join_next() => Err(EarlyExit::from(exit)),
        };
        if tokio::time::timeout(deadline, self.stop()).await.is_err() {
            tracing::warn!(deadline = ?deadline, "stopping: the deadline passed, aborting what is left");
        }
        self.front.shutdown().await;
        self.back.shutdown().await;
        outcome
    }

    async fn stop(&mut self) {
        self.stopping.cancel();
        drain(&mut self.front).await;
        self.front_ended.cancel();
        drain(&mut self.back).await;
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

async fn drain(set: &mut JoinSet<Exit>) {
    while let Some(exit) = set.join_next().await {
        match exit {
            Ok(Exit { name, result: Ok(()) }) => tracing::debug!(task = name, "ended"),
            Ok(Exit { name, result: Err(error) }) => tracing::warn!(task = name, %error, "ended with an error"),
            Err(error) => tracing::error!(%error, "a task was aborted while stopping"),
        }
    }
}

// === impl Group ===

impl Group {
    pub fn spawner(&self) -> Spawner {
        self.0.clone()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

// === impl Spawner ===

impl Spawner {
    /// Starts a task of the group.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }
}

// === impl EarlyExit ===

impl From<Result<Exit, JoinError>> for EarlyExit {
    fn from(exit: Result<Exit, JoinError>) -> Self {
        match exit {
            Ok(Exit { name, result }) => Self { name, cause: result.err() },
            // Panics are caught in the task. Nothing aborts one before the end.
            Err(error) => Self { name: "aborted", cause: Some(Box::new(error)) },
        }
    }
}

impl fmt::Display for EarlyExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} task ended although the process goes on", self.name)
    }
}

impl Error for EarlyExit {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_early_exit_ends_the_process_with_its_name() {
        let mut tasks = Tasks::new();
        tasks.spawn("mirror", Phase::Back, |_| async { Err("lost".into()) });
        let error = tasks.run(std::future::pending(), Duration::from_secs(1)).await.expect_err("an early exit");
        assert_eq!(error.to_string(), "the mirror task ended although the process goes on");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("lost"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_named() {
        let mut tasks = Tasks::new();
        tasks.spawn("cron", Phase::Front, |_| async { std::panic::panic_any("a secret") });
        let error = tasks.run(std::future::pending(), Duration::from_secs(1)).await.expect_err("an early exit");
        assert_eq!(error.to_string(), "the cron task ended although the process goes on");
        let cause = error.source().map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some("it panicked; the log names the place"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_back_is_asked_to_stop_only_behind_the_front() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Tasks::new();
        for (name, phase) in [("back", Phase::Back), ("front", Phase::Front)] {
            let order = order.clone();
            tasks.spawn(name, phase, |stop| async move {
                stop.cancelled().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
                order.lock().unwrap().push(name);
                Ok(())
            });
        }
        tasks.run(std::future::ready(()), Duration::from_secs(1)).await.expect("a clean stop");
        assert_eq!(*order.lock().unwrap(), ["front", "back"]);
    }

    #[tokio::test]
    async fn a_dropped_group_aborts_its_tasks_although_they_hold_a_spawner() {
        let group = Group::default();
        let (alive, mut gone) = tokio::sync::mpsc::channel::<()>(1);
        let spawner = group.spawner();
        group.spawner().spawn(async move {
            let _held = (alive, spawner);
            std::future::pending::<()>().await;
        });
        drop(group);
        assert_eq!(gone.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_is_aborted_at_the_deadline() {
        let mut tasks = Tasks::new();
        tasks.spawn("grpc", Phase::Front, |_| std::future::pending());
        let begun = tokio::time::Instant::now();
        tasks.run(std::future::ready(()), Duration::from_secs(3)).await.expect("a stop");
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
