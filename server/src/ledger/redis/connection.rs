//! One connection: calls with a deadline, repeated where that is safe, never left hanging.

use std::{
    future::Future,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fred::{
    clients::{Client, WithOptions},
    error::{Error, ErrorKind},
    interfaces::EventInterface,
    prelude::ClientLike,
    types::{
        ConnectHandle,
        config::{Options, Server},
    },
};
use futures::FutureExt;
use sendstores_core::ledger::LedgerError;
use tokio::{
    sync::{Semaphore, broadcast::Receiver},
    time::{Instant, timeout, timeout_at},
};

use super::{
    config::{MAX_CALLS, RedisConfig},
    fault::{Fault, Remedy},
    sentinel,
};

/// How often a command is sent at most. Each sending but the first follows a lost connection.
const MAX_SENDINGS: u32 = 5;

/// Whether a command may be sent again after an answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It has no effect, or the same one however often it comes.
    Safe,
    Never,
}

pub(super) struct Connection {
    client: Client,
    driver: Mutex<Driver>,
    calls: Semaphore,
    patience: Duration,
    /// A call has waited its whole timeout for a connection in vain, and none has found one since.
    given_up: AtomicBool,
}

/// fred's task that serves the client.
struct Driver {
    task: ConnectHandle,
    /// When the connection was last given up for being dead.
    renewed: Instant,
}

// === impl Connection ===

impl Connection {
    pub(super) async fn open(config: &RedisConfig) -> Result<Self, LedgerError> {
        let client = config.builder()?.build().map_err(|error| Fault::from(error).error)?;
        let connected = timeout(config.command_timeout * 2, client.init()).await;
        let no_answer = || Error::new(ErrorKind::Timeout, "no answer to the greeting");
        let task = match connected.unwrap_or_else(|_| Err(no_answer())) {
            Ok(task) => task,
            Err(error) => {
                let refused = match error.kind() {
                    ErrorKind::Sentinel => Box::pin(sentinel::refusal(config)).await,
                    _ => None,
                };
                return Err(refused.unwrap_or_else(|| Fault::from(error).error));
            }
        };
        let driver = Mutex::new(Driver { task, renewed: Instant::now() });
        let calls = Semaphore::new(MAX_CALLS);
        Ok(Self { client, driver, calls, patience: config.command_timeout, given_up: AtomicBool::new(false) })
    }

    /// Tells each time the connection was made anew.
    pub(super) fn reconnections(&self) -> Receiver<Server> {
        self.client.reconnect_rx()
    }

    /// Whether there is a connection now.
    pub(super) fn stands(&self) -> bool {
        self.client.is_connected()
    }

    /// Whether the connection has been lost for longer than a call waits for one. It is still being made anew.
    pub(super) fn is_given_up(&self) -> bool {
        let given_up = !self.stands() && self.given_up.load(Ordering::Relaxed);
        if given_up {
            // The caller will not wait here, so that this is the place to have it made anew.
            self.drive();
        }
        given_up
    }

    /// The answer to `command`, which comes within the command timeout (and `extra`) or not at all.
    pub(super) async fn call<T, F>(
        &self,
        repeat: Repeat,
        extra: Duration,
        command: impl Fn(WithOptions<Client>) -> F,
    ) -> Result<T, LedgerError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + self.patience + extra;
        let busy = || LedgerError::Unavailable("too many calls wait for an answer".to_owned());
        let _place = timeout_at(deadline, self.calls.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())?;
        let mut sendings = 0;
        loop {
            let fault = match self.send(deadline, &command).await {
                Ok(answer) => return Ok(answer),
                Err(error) => Fault::from(error),
            };
            sendings += 1;
            let again = repeat == Repeat::Safe && sendings < MAX_SENDINGS;
            match fault.remedy {
                Remedy::Repeat if again => {}
                Remedy::Reconnect => {
                    // Refused before it had an effect, so that it may be sent again whatever it is.
                    if !self.renew() || sendings == MAX_SENDINGS {
                        return Err(fault.error);
                    }
                }
                Remedy::Suspect => {
                    self.renew();
                    return Err(fault.error);
                }
                Remedy::Repeat | Remedy::Nothing => return Err(fault.error),
            }
        }
    }

    async fn send<T, F>(&self, deadline: Instant, command: impl Fn(WithOptions<Client>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.connected(deadline).await?;
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(Error::new(ErrorKind::Timeout, "no time left"));
        }
        let once = Options { max_attempts: Some(1), timeout: Some(rest), fail_fast: true, ..Options::default() };
        command(self.client.with_options(&once)).await
    }

    /// Returns at once while the connection stands; else waits for it outside of fred, whose queue is for those who
    /// can be served.
    async fn connected(&self, deadline: Instant) -> Result<(), Error> {
        while !self.client.is_connected() {
            self.drive();
            let now = Instant::now();
            if now >= deadline {
                self.given_up.store(true, Ordering::Relaxed);
                return Err(Error::new(ErrorKind::IO, "not connected"));
            }
            // Checks again now and then, because the news may come between the check and the wait.
            let look = deadline.min(now + Duration::from_millis(50));
            if let Ok(Err(error)) = timeout_at(look, self.client.wait_for_connect()).await {
                return Err(error);
            }
        }
        self.given_up.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Starts fred's task again if it has ended.
    fn drive(&self) {
        let mut driver = self.driver();
        if driver.task.is_finished() {
            driver.task = self.client.connect();
        }
    }

    /// Orders a new connection, unless that was done a moment ago. Calls that wait on the old one fail at once.
    fn renew(&self) -> bool {
        let mut driver = self.driver();
        if driver.renewed.elapsed() < self.patience / 2 {
            return false;
        }
        driver.renewed = Instant::now();
        // The order is given when the future is first polled; no caller needs to wait for its end.
        let _ = self.client.force_reconnection().now_or_never();
        true
    }

    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver().task.abort();
    }
}
