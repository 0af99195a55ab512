//! WatchStatus: snapshot, synced, changes, heartbeats.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tonic::{Code, Status};

use super::{
    memory::{Memory, Next},
    refusal::refused,
};
use crate::v1::{Heartbeat, Removed, StoreFilter, Synced, WatchStatusResponse, watch_status_response::Event};

const HEARTBEAT: Duration = Duration::from_secs(10);

/// One open watch.
pub(super) struct Watcher {
    memory: Arc<Memory>,
    changed: watch::Receiver<u64>,
    filter: StoreFilter,
    authorization: Option<String>,
    drained: u64,
    revision: u64,
    due: VecDeque<WatchStatusResponse>,
    ends: Option<Status>,
}

// === impl Watcher ===

impl Watcher {
    pub(super) fn open(
        memory: Arc<Memory>,
        filter: StoreFilter,
        resume_token: &str,
        authorization: Option<String>,
    ) -> Result<Self, Status> {
        let (changed, drained) = (memory.subscribe(), memory.drained());
        let (revision, due) = match resume_token {
            "" => snapshot(&memory, &filter),
            token => (memory.position(token, &filter)?, VecDeque::new()),
        };
        memory.next(&filter, revision)?;
        Ok(Self { memory, changed, filter, authorization, drained, revision, due, ends: None })
    }

    pub(super) fn messages(self) -> BoxStream<'static, Result<WatchStatusResponse, Status>> {
        let messages = stream::unfold(Some(self), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(message) => Some((Ok(message), Some(watcher))),
                Err(status) => Some((Err(status), None)),
            }
        });
        messages.boxed()
    }

    async fn next(&mut self) -> Result<WatchStatusResponse, Status> {
        loop {
            if let Some(message) = self.due.pop_front() {
                return Ok(message);
            }
            if let Some(status) = self.ends.take() {
                return Err(status);
            }
            self.changed.borrow_and_update();
            match self.memory.next(&self.filter, self.revision)? {
                Next::Changed(store, revision) => return Ok(self.message(Event::Changed(*store), revision)),
                Next::Removed(id, uid, revision) => {
                    return Ok(self.message(Event::Removed(Removed { id, uid }), revision));
                }
                Next::Nothing(revision) => self.revision = revision,
            }
            if self.end().is_some() {
                continue;
            }
            if tokio::time::timeout(HEARTBEAT, self.changed.changed()).await.is_err() {
                return Ok(self.heartbeat());
            }
        }
    }

    /// The end of the stream, if it has come: a last heartbeat with the token to go on from, then the reason.
    fn end(&mut self) -> Option<()> {
        let status = if self.memory.drained() != self.drained {
            refused(Code::Unavailable, "DRAINING", "this server is stopping; go on elsewhere, or try again")
        } else if self.memory.admit(self.authorization.as_deref()).is_err() {
            refused(Code::Unauthenticated, "TOKEN_EXPIRED", "the token has expired; ask for a new one")
        } else {
            return None;
        };
        let heartbeat = self.heartbeat();
        self.due.push_back(heartbeat);
        self.ends = Some(status);
        Some(())
    }

    fn heartbeat(&mut self) -> WatchStatusResponse {
        let server_time = Some(SystemTime::now().into());
        self.message(Event::Heartbeat(Heartbeat { server_time }), self.revision)
    }

    fn message(&mut self, event: Event, revision: u64) -> WatchStatusResponse {
        self.revision = revision;
        WatchStatusResponse { event: Some(event), revision, resume_token: self.memory.token(revision, &self.filter) }
    }
}

fn snapshot(memory: &Memory, filter: &StoreFilter) -> (u64, VecDeque<WatchStatusResponse>) {
    let (stores, revision) = memory.list(filter);
    let synced = Event::Synced(Synced { stores: i64::try_from(stores.len()).unwrap_or(i64::MAX) });
    let snapshots = stores.into_iter().map(|store| WatchStatusResponse {
        event: Some(Event::Snapshot(store)),
        revision,
        resume_token: String::new(),
    });
    let end = WatchStatusResponse { event: Some(synced), revision, resume_token: memory.token(revision, filter) };
    (revision, snapshots.chain([end]).collect())
}
