//! Waiting for a store to arrive.

use futures::StreamExt;
use tonic::Status;

use crate::{
    client::Client,
    error::Error,
    v1::{Operation, Store, StoreFilter, store::State},
    watch::Event,
};

// === impl Client ===

impl Client {
    /// Waits until the store is READY and returns it. `on_change` sees it as it is first, and then after each change.
    /// There is no deadline: put one around it. It goes on after an interruption, as [`Watch`](crate::Watch) does.
    ///
    /// ```no_run
    /// # async fn example(client: &sendstores_client::Client) -> Result<(), sendstores_client::Error> {
    /// let store = client.wait_until_ready("store-a", |store| println!("{:?}", store.state())).await?;
    /// println!("open {}", store.url);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::StoreFailed`] when it is FAILED, [`Error::StoreDeleted`] when it is being deleted or gone,
    /// [`Error::NotFound`] when there is none; an error that a repetition cannot cure ends the wait, too.
    pub async fn wait_until_ready(&self, id: &str, on_change: impl FnMut(&Store)) -> Result<Store, Error> {
        self.wait_until(id, State::Ready, on_change).await
    }

    /// Waits until the store is SUSPENDED, so that nothing of it runs, and returns it. `on_change` sees it as it is first, and
    /// then after each change. There is no deadline: put one around it.
    ///
    /// # Errors
    /// As [`Self::wait_until_ready`]. That no suspension was asked for is no error: it may come.
    pub async fn wait_until_suspended(&self, id: &str, on_change: impl FnMut(&Store)) -> Result<Store, Error> {
        self.wait_until(id, State::Suspended, on_change).await
    }

    /// Waits until the deleted store is RETAINED, so that nothing of it runs and its data is kept until its `purge_time`, and
    /// returns it. `on_change` sees it as it is first, and then after each change. There is no deadline: put one around it.
    ///
    /// # Errors
    /// As [`Self::wait_until_ready`].
    pub async fn wait_until_retained(&self, id: &str, on_change: impl FnMut(&Store)) -> Result<Store, Error> {
        self.wait_until(id, State::Retained, on_change).await
    }

    /// Waits until `operation`, as an answer of the server had it, has ended, or a newer one has taken its place, and returns the
    /// store. How it ended is in [`Store::operation`]. `on_change` sees the store as it is first, and then after each change. There is
    /// no deadline: put one around it.
    ///
    /// # Errors
    /// As [`Self::wait_until_ready`], but for a store that is FAILED because of the operation.
    pub async fn wait_until_done(
        &self,
        id: &str,
        operation: &Operation,
        on_change: impl FnMut(&Store),
    ) -> Result<Store, Error> {
        let done = |store: &Store| {
            store.operation.as_ref().is_some_and(|last| match last.id == operation.id {
                true => last.end_time.is_some(),
                false => last.generation > operation.generation,
            })
        };
        self.wait_for(id, State::Ready, done, on_change).await
    }

    async fn wait_until(&self, id: &str, wanted: State, on_change: impl FnMut(&Store)) -> Result<Store, Error> {
        self.wait_for(id, wanted, |store| store.state() == wanted, on_change).await
    }

    /// Waits until `arrived`, on the way to `wanted`.
    async fn wait_for(
        &self,
        id: &str,
        wanted: State,
        arrived: impl Fn(&Store) -> bool,
        mut on_change: impl FnMut(&Store),
    ) -> Result<Store, Error> {
        let mut watch = self.watch(only(id)).await?;
        // The store as it was seen last.
        let mut last: Option<Box<Store>> = None;
        while let Some(event) = watch.next().await {
            match event?.event {
                Event::Snapshot(store) | Event::Changed(store) => {
                    if let Some(awaited) = last.take_if(|awaited| awaited.uid != store.uid) {
                        return Err(Error::StoreDeleted(awaited));
                    }
                    on_change(&store);
                    match store.state() {
                        _ if arrived(&store) => return Ok(*store),
                        State::Failed => return Err(Error::StoreFailed(store)),
                        State::Retaining if wanted == State::Retained => last = Some(store),
                        State::Retaining | State::Retained | State::Deleting | State::Deleted => {
                            return Err(Error::StoreDeleted(store));
                        }
                        _ => last = Some(store),
                    }
                }
                Event::Removed { .. } => {
                    if let Some(awaited) = last.take() {
                        return Err(Error::StoreDeleted(awaited));
                    }
                }
                // Asked rather than made up: the server words the error, and a store made this moment is no error.
                Event::Synced { .. } if last.is_none() => drop(self.get(id).await?),
                Event::Reset | Event::Synced { .. } | Event::Heartbeat { .. } => {}
            }
        }
        Err(ended())
    }

    /// Waits until the store is gone with everything it owned. `on_change` sees it as it is first, and then after each
    /// change. There is no deadline: put one around it.
    ///
    /// A store that is already gone, or gone and replaced by another of its id, is gone.
    ///
    /// # Errors
    /// An error that a repetition cannot cure ends the wait. That no deletion was asked for is no error: it may come. A store that
    /// is RETAINED is not gone before its `purge_time`.
    pub async fn wait_until_deleted(&self, id: &str, mut on_change: impl FnMut(&Store)) -> Result<(), Error> {
        let mut watch = self.watch(only(id)).await?;
        let mut seen: Option<String> = None;
        while let Some(event) = watch.next().await {
            match event?.event {
                Event::Snapshot(store) | Event::Changed(store) => {
                    if *seen.get_or_insert_with(|| store.uid.clone()) != store.uid {
                        return Ok(());
                    }
                    on_change(&store);
                    if store.state() == State::Deleted {
                        return Ok(());
                    }
                }
                Event::Removed { .. } => return Ok(()),
                Event::Synced { .. } if seen.is_none() => return Ok(()),
                Event::Reset | Event::Synced { .. } | Event::Heartbeat { .. } => {}
            }
        }
        Err(ended())
    }
}

fn only(id: &str) -> StoreFilter {
    StoreFilter { ids: vec![id.to_owned()], ..StoreFilter::default() }
}

/// A server ends a stream with a status; without one, something between it and us did.
fn ended() -> Error {
    Error::transport(Status::unavailable("the stream of changes ended without a reason"))
}
