//! WatchStatus: snapshot, synced, changes, heartbeats; every message with the token to go on from.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::stream;
use sendstores_core::{Epoch, Revision, Store, StoreFilter, ledger::Ledger};
use sendstores_proto::v1::{self as wire, watch_status_response::Event};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    StoreApi, convert,
    parse::{self, Violations},
    service::Messages,
    status::Refusal,
    token,
};
use crate::mirror::{Change, Compacted, Cursor, Mirror};

/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How many changes are turned into messages at once: bounds what one slow reader keeps in memory.
const BATCH: usize = 64;

/// One open stream. It is pulled by the transport, so that a slow reader holds back nobody but itself.
struct Watcher {
    filter: StoreFilter,
    epoch: Epoch,
    mirror: Mirror,
    cursor: Cursor,
    /// Stores of the snapshot that were not sent yet, last first.
    snapshot: Option<Snapshot>,
    ready: VecDeque<wire::WatchStatusResponse>,
    stopping: CancellationToken,
    ended: bool,
    _admitted: OwnedSemaphorePermit,
}

struct Snapshot {
    stores: std::vec::IntoIter<Arc<Store>>,
    sent: i64,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_watch_status(&self, request: wire::WatchStatusRequest) -> Result<Messages, Refusal> {
        let wire::WatchStatusRequest { filter, resume_token } = request;
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, filter);
        let filter = violations.finish(filter)?;
        let position = if resume_token.is_empty() { None } else { Some(token::open_resume(&resume_token)?) };

        let backend = self.backend()?;
        let admitted = self.admit_stream()?;
        backend.mirror.catch_up(&backend.ledger).await?;
        let epoch = backend.ledger.epoch();
        let (snapshot, cursor) = match position {
            None => {
                let (stores, cursor) = backend.mirror.snapshot(&filter);
                (Some(Snapshot { stores: stores.into_iter(), sent: 0 }), cursor)
            }
            // Another history, or one of which we know less than the caller: what followed the token is lost.
            Some(position) if position.epoch != epoch || position.revision > backend.mirror.revision() => {
                return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() });
            }
            Some(position) if position.revision < backend.mirror.oldest() => {
                return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() });
            }
            Some(position) => (None, backend.mirror.resume(position.revision)),
        };
        let watcher = Watcher {
            filter,
            epoch,
            mirror: backend.mirror.clone(),
            cursor,
            snapshot,
            ready: VecDeque::new(),
            stopping: self.stopping(),
            ended: false,
            _admitted: admitted,
        };
        metrics::gauge!("sendstores_watch_streams").increment(1.0);
        Ok(Box::pin(stream::unfold(watcher, |mut watcher| async {
            let message = watcher.next().await?;
            Some((message, watcher))
        })))
    }
}

// === impl Watcher ===

impl Watcher {
    /// The next message; an error is the last.
    async fn next(&mut self) -> Option<Result<wire::WatchStatusResponse, Status>> {
        if self.ended {
            return None;
        }
        let stopping = self.stopping.clone();
        let message = tokio::select! {
            biased;
            () = stopping.cancelled() => Err(Refusal::Draining),
            message = self.message() => message,
        };
        self.ended = message.is_err();
        Some(message.map_err(Status::from))
    }

    async fn message(&mut self) -> Result<wire::WatchStatusResponse, Refusal> {
        if let Some(message) = self.snapshot_message() {
            return Ok(message);
        }
        let heartbeat = tokio::time::Instant::now() + HEARTBEAT;
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            match tokio::time::timeout_at(heartbeat, self.cursor.next(BATCH)).await {
                Ok(Ok(changes)) => self.absorb(&changes),
                Ok(Err(Compacted)) => return Err(Refusal::HistoryCompacted { oldest: self.mirror.oldest() }),
                Err(_) => return Ok(self.heartbeat()),
            }
        }
    }

    fn snapshot_message(&mut self) -> Option<wire::WatchStatusResponse> {
        let snapshot = self.snapshot.as_mut()?;
        if let Some(store) = snapshot.stores.next() {
            snapshot.sent += 1;
            let event = Event::Snapshot(convert::store(&store));
            return Some(wire::WatchStatusResponse {
                event: Some(event),
                revision: store.revision.0,
                resume_token: String::new(),
            });
        }
        let event = Event::Synced(wire::Synced { stores: snapshot.sent });
        self.snapshot = None;
        Some(self.response(event, self.cursor.at()))
    }

    fn absorb(&mut self, changes: &[Arc<Change>]) {
        for change in changes {
            if let Some(event) = self.event(change) {
                let response = self.response(event, change.revision);
                self.ready.push_back(response);
            }
        }
    }

    /// What a change is to this watcher, if anything.
    fn event(&self, change: &Change) -> Option<Event> {
        if self.filter.matches_change(&change.store) {
            return Some(Event::Changed(convert::store(&change.store)));
        }
        let store = &change.store;
        let left = change.before.is_some_and(|before| self.filter.matches_in(store, before));
        left.then(|| Event::Removed(wire::Removed { id: store.id.to_string(), uid: store.uid.to_string() }))
    }

    fn heartbeat(&self) -> wire::WatchStatusResponse {
        let now = convert::time(SystemTime::now().into());
        self.response(Event::Heartbeat(wire::Heartbeat { server_time: Some(now) }), self.cursor.at())
    }

    fn response(&self, event: Event, revision: Revision) -> wire::WatchStatusResponse {
        let resume_token = token::resume(&self.epoch, revision);
        wire::WatchStatusResponse { event: Some(event), revision: revision.0, resume_token }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        metrics::gauge!("sendstores_watch_streams").decrement(1.0);
    }
}
