//! Waiting with something to see.

use std::time::Duration;

use sendstores_client::{Client, Error, Store, v1::Operation};

use crate::{
    failure::{Exit, Failure},
    progress::Progress,
    text,
};

/// A wait for one store.
pub(crate) struct Wait<'a> {
    pub(crate) client: &'a Client,
    pub(crate) id: &'a str,
    pub(crate) limit: Duration,
    pub(crate) progress: &'a Progress,
    /// The command that goes on waiting.
    pub(crate) again: &'a str,
}

// === impl Wait ===

impl Wait<'_> {
    /// Waits until the store is READY.
    pub(crate) async fn until_ready(&self) -> Result<Store, Failure> {
        let client = self.client();
        self.until(client.wait_until_ready(self.id, |store| self.progress.show(store)), "is not READY").await
    }

    /// Waits until the store is SUSPENDED.
    pub(crate) async fn until_suspended(&self) -> Result<Store, Failure> {
        let client = self.client();
        self.until(client.wait_until_suspended(self.id, |store| self.progress.show(store)), "is not SUSPENDED").await
    }

    /// Waits until the operation has ended.
    pub(crate) async fn until_done(&self, operation: &Operation) -> Result<Store, Failure> {
        let client = self.client();
        let done = client.wait_until_done(self.id, operation, |store| self.progress.show(store));
        self.until(done, "has not ended its operation").await
    }

    /// Waits until nothing runs of a deleted store that is kept.
    pub(crate) async fn until_retained(&self) -> Result<Store, Failure> {
        let client = self.client();
        self.until(client.wait_until_retained(self.id, |store| self.progress.show(store)), "is not RETAINED").await
    }

    /// Waits until the store is gone.
    pub(crate) async fn until_deleted(&self) -> Result<(), Failure> {
        let client = self.client();
        self.until(client.wait_until_deleted(self.id, |store| self.progress.show(store)), "is not gone").await
    }

    /// Says of interruptions where the progress is shown.
    fn client(&self) -> Client {
        let notices = self.progress.notices();
        self.client.clone().on_interruption(move |interruption| notices.show(&interruption))
    }

    async fn until<T>(&self, wait: impl Future<Output = Result<T, Error>>, not_yet: &str) -> Result<T, Failure> {
        let go_on = format!("the server continues; to wait again: `{}`", self.again);
        let ended = tokio::select! {
            done = Box::pin(wait) => done.map_err(|error| match error.retryable() {
                true => Failure::from(error).hint(go_on),
                false => error.into(),
            }),
            failure = self.progress.failed() => Err(failure),
            () = tokio::time::sleep(self.limit) => {
                let message = format!("{} {not_yet} after {}", self.id, text::duration(self.limit));
                Err(Failure::new(Exit::Failed, message).hint(go_on))
            }
            _ = tokio::signal::ctrl_c() => {
                Err(Failure::new(Exit::Interrupted, format!("interrupted; {} {not_yet} yet", self.id)).hint(go_on))
            }
        };
        self.progress.finish();
        ended
    }
}
