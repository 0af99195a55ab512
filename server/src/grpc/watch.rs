//! WatchStatus: snapshot, synced, changes, heartbeats; every message with the token to go on from.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream};
use sendstores_core::{Engines, Epoch, Principal, Revision, Scope, StoreFilter, ledger::Ledger};
use sendstores_proto::v1 as wire;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    StoreApi,
    cached::{self, Event},
    codec::encode,
    convert,
    parse::{self, Violations},
    peers::Peer,
    service::Messages,
    status::Refusal,
    streams::Place,
    token,
};
use crate::{
    auth::{Lapse, Standing},
    mirror::{Change, Compacted, Cursor, Mirror, Position, Snapshot},
};

/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How many changes are turned into messages at once: bounds what one slow reader keeps in memory.
const BATCH: usize = 64;

/// One open stream. It is pulled by the transport, so that a slow reader holds back itself alone.
struct Watcher {
    filter: StoreFilter,
    engines: Engines,
    mirror: Mirror,
    cursor: Cursor,
    /// The snapshot, until all of it and `synced` were sent.
    snapshot: Option<Opening>,
    ready: VecDeque<Bytes>,
    stopping: CancellationToken,
    /// Ends when the caller is not who it was; `None`: never.
    lapse: Option<BoxFuture<'static, Lapse>>,
    course: Course,
    _admitted: Place,
    _counted: Counted,
}

/// Counts an open stream; dropped after its place, so that a place is free where a stream is not counted any more.
struct Counted;

/// Where a stream is.
#[derive(Debug)]
enum Course {
    Open,
    /// It ends with this, after the changes that were taken for the reader and a heartbeat with the token to resume from.
    Ending(Refusal),
    /// The reader has that token; the status is left.
    Parting(Refusal),
    Ended,
}

struct Opening {
    stores: Snapshot,
    sent: i64,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_watch_status(
        &self,
        request: wire::WatchStatusRequest,
        caller: &Principal,
        peer: Option<Peer>,
        standing: Option<Standing>,
    ) -> Result<Messages, Refusal> {
        let wire::WatchStatusRequest { filter, resume_token } = request;
        let mut violations = Violations::default();
        let filter = parse::filter(&mut violations, filter, &caller.scope);
        let filter = violations.finish(filter)?;
        let position = match resume_token.as_str() {
            "" => None,
            token => Some(token::open_resume(token, &caller.scope)?),
        };

        let backend = self.backend()?;
        let admitted = self.admit_stream(peer)?;
        backend.mirror.catch_up(&backend.ledger).await?;
        let here = backend.mirror.position();
        let (snapshot, cursor) = match position {
            None => {
                backend.all_are_known()?;
                let (stores, cursor) = backend.mirror.shared_snapshot(filter.clone());
                (Some(Opening { stores, sent: 0 }), cursor)
            }
            // Another history, or one of which we know less than the caller: what followed the token is lost.
            Some(position) if position.epoch != here.epoch || position.revision > here.revision => {
                return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() });
            }
            Some(position) if position.revision < backend.mirror.oldest() => {
                return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() });
            }
            Some(position) => (None, backend.mirror.resume(position)),
        };
        let watcher = Watcher {
            filter,
            engines: self.engines(),
            mirror: backend.mirror.clone(),
            cursor,
            snapshot,
            ready: VecDeque::new(),
            stopping: self.stopping(),
            lapse: standing.map(|standing| standing.lapse().boxed()),
            course: Course::Open,
            _admitted: admitted,
            _counted: Counted::begin(),
        };
        Ok(Box::pin(stream::unfold(watcher, |mut watcher| async {
            let message = watcher.next().await?;
            Some((message, watcher))
        })))
    }
}

// === impl Watcher ===

impl Watcher {
    /// The next message; an error is the last.
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        let message = match std::mem::replace(&mut self.course, Course::Open) {
            Course::Open => {
                let stopping = self.stopping.clone();
                let mut lapse = self.lapse.take();
                let message = tokio::select! {
                    biased;
                    () = stopping.cancelled() => self.part(Refusal::Draining),
                    lapse = lapsed(lapse.as_mut()) => self.part(lapse.into()),
                    message = self.message() => message,
                };
                self.lapse = lapse;
                message
            }
            Course::Ending(why) => self.part(why),
            Course::Parting(why) => Err(why),
            Course::Ended => return None,
        };
        if message.is_err() {
            self.course = Course::Ended;
        }
        Some(message.map_err(Status::from))
    }

    /// Ends the stream: sends the changes that were taken from the ring, then a heartbeat whose token is after all of them, also
    /// after changes that the filter left out. Before the snapshot is complete there is no such token.
    fn part(&mut self, why: Refusal) -> Result<Bytes, Refusal> {
        if self.snapshot.is_some() {
            return Err(why);
        }
        if let Some(message) = self.ready.pop_front() {
            self.course = Course::Ending(why);
            return Ok(message);
        }
        self.course = Course::Parting(why);
        Ok(encode(&self.heartbeat()))
    }

    async fn message(&mut self) -> Result<Bytes, Refusal> {
        if let Some(message) = self.snapshot_message() {
            return Ok(encode(&message));
        }
        let heartbeat = tokio::time::Instant::now() + HEARTBEAT;
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            match tokio::time::timeout_at(heartbeat, self.cursor.next(BATCH)).await {
                Ok(Ok(changes)) => self.absorb(&changes),
                Ok(Err(Compacted)) => return Err(Refusal::HistoryCompacted { oldest: self.mirror.oldest() }),
                Err(_) => return Ok(encode(&self.heartbeat())),
            }
        }
    }

    fn snapshot_message(&mut self) -> Option<cached::WatchStatusResponse> {
        let snapshot = self.snapshot.as_mut()?;
        if let Some(store) = snapshot.stores.next() {
            snapshot.sent += 1;
            let event = Event::Snapshot(cached::store(&store, self.engines));
            return Some(cached::WatchStatusResponse {
                event: Some(event),
                revision: store.revision.0,
                resume_token: String::new(),
            });
        }
        let event = Event::Synced(wire::Synced { stores: snapshot.sent });
        self.snapshot = None;
        Some(self.response(event))
    }

    fn absorb(&mut self, changes: &[Arc<Change>]) {
        for change in changes {
            self.ready.extend(encoded(change, &self.filter, &self.cursor.at().epoch, self.engines));
        }
    }

    fn heartbeat(&self) -> cached::WatchStatusResponse {
        let now = convert::time(SystemTime::now().into());
        self.response(Event::Heartbeat(wire::Heartbeat { server_time: Some(now) }))
    }

    /// A message that follows everything that was sent.
    fn response(&self, event: Event) -> cached::WatchStatusResponse {
        let Position { epoch, revision } = self.cursor.at();
        response(epoch, event, *revision, &self.filter.scope)
    }
}

/// Never, where the caller stays who it is.
async fn lapsed(lapse: Option<&mut BoxFuture<'static, Lapse>>) -> Lapse {
    match lapse {
        Some(lapse) => lapse.await,
        None => std::future::pending().await,
    }
}

fn response(epoch: &Epoch, event: Event, revision: Revision, scope: &Scope) -> cached::WatchStatusResponse {
    let resume_token = token::resume(&Position { epoch: epoch.clone(), revision }, scope);
    cached::WatchStatusResponse { event: Some(event), revision: revision.0, resume_token }
}

/// What a change is to a watcher of this filter, if anything. The first who shows the store to one who may see all encodes it
/// for all others of them: nothing in the message is a watcher's own. To one of a tenant the token is its tenant's.
fn encoded(change: &Change, filter: &StoreFilter, epoch: &Epoch, engines: Engines) -> Option<Bytes> {
    let Change { revision, store, before, encoded } = change;
    if filter.matches_change(store) {
        let shown = || Event::Changed(cached::store(store, engines));
        let message = || encode(&response(epoch, shown(), *revision, &filter.scope));
        if !filter.scope.is_all() {
            return Some(message());
        }
        return Some(encoded.get_or_init(message).clone());
    }
    let left = before.is_some_and(|before| filter.matches_in(store, before));
    left.then(|| {
        let removed = wire::Removed { id: store.id.to_string(), uid: store.uid.to_string() };
        encode(&response(epoch, Event::Removed(removed), *revision, &filter.scope))
    })
}

// === impl Counted ===

impl Counted {
    fn begin() -> Self {
        metrics::gauge!("sendstores_watch_streams").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("sendstores_watch_streams").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use sendstores_core::{State, Store};
    use wire::watch_status_response::Event;

    use super::*;
    use crate::grpc::cached::tests::{ENGINES, sample};

    fn change(store: Store, before: Option<State>) -> Change {
        Change { revision: Revision(7), store: Arc::new(store.into()), before, encoded: Default::default() }
    }

    fn only(state: State) -> StoreFilter {
        StoreFilter { states: [state].into(), ..StoreFilter::default() }
    }

    #[test]
    fn one_encoding_serves_all_watchers_that_are_shown_a_change() {
        let epoch = "e1".parse().expect("valid");
        let change = change(sample(), None);
        let shown = [StoreFilter::default(), only(State::Provisioning)]
            .map(|filter| encoded(&change, &filter, &epoch, ENGINES));
        let [Some(first), Some(second)] = shown else { panic!("both are shown it") };
        assert_eq!(first.as_ptr(), second.as_ptr());
        let message = wire::WatchStatusResponse::decode(first).expect("a message");
        assert_eq!(
            (message.revision, message.resume_token),
            (7, token::resume(&Position { epoch, revision: Revision(7) }, &Scope::All))
        );
        assert!(matches!(message.event, Some(Event::Changed(store)) if store.id == "store-a"));
    }

    #[test]
    fn who_is_told_that_a_store_left_is_not_shown_it() {
        let epoch = "e1".parse().expect("valid");
        let change = change(sample(), Some(State::Ready));
        encoded(&change, &StoreFilter::default(), &epoch, ENGINES).expect("shown");
        let removed = encoded(&change, &only(State::Ready), &epoch, ENGINES).expect("sent");
        let message = wire::WatchStatusResponse::decode(removed).expect("a message");
        assert!(matches!(message.event, Some(Event::Removed(removed)) if removed.id == "store-a"));
        assert_eq!(encoded(&change, &only(State::Failed), &epoch, ENGINES), None);
    }
}
