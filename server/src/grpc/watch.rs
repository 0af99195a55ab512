//! WatchStatus: snapshot, synced, changes, heartbeats; every message with the token to go on from.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, future::BoxFuture, stream};
use sendstores_core::{Engines, Epoch, Principal, Revision, StoreFilter, ledger::Ledger};
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
    token::{self, Resume, ResumeBinding},
};
use crate::{
    auth::{Lapse, Standing},
    mirror::{Change, Compacted, Cursor, Encoded, Mirror, Position, Snapshot},
};

/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How many changes are turned into messages at once: bounds what one slow reader keeps in memory.
const BATCH: usize = 64;

/// More than the tag and the length of a token have.
const TOKEN_FIELD: usize = 8;

/// One open stream. It is pulled by the transport, so that a slow reader holds back itself alone.
struct Watcher {
    filter: StoreFilter,
    binding: ResumeBinding,
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
            token => Some(token::open_resume(token, &filter)?),
        };

        let backend = self.backend()?;
        let admitted = self.admit_stream(peer, caller)?;
        backend.mirror.catch_up(&backend.ledger).await?;
        let here = backend.mirror.position();
        let (snapshot, cursor) = match position {
            None => {
                backend.require_complete_mirror()?;
                let (stores, cursor) = backend.mirror.shared_snapshot(filter.clone());
                (Some(Opening { stores, sent: 0 }), cursor)
            }
            // What this filter shows and the token's watch did not is lost.
            Some(Resume::Unfiltered) => return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() }),
            // Another history, or one of which we know less than the caller: what followed the token is lost.
            Some(Resume::At(position)) if position.epoch != here.epoch || position.revision > here.revision => {
                return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() });
            }
            Some(Resume::At(position)) if position.revision < backend.mirror.oldest() => {
                return Err(Refusal::HistoryCompacted { oldest: backend.mirror.oldest() });
            }
            Some(Resume::At(position)) => (None, backend.mirror.resume(position)),
        };
        let watcher = Watcher {
            binding: ResumeBinding::of(&filter),
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
            self.ready.extend(encoded(change, &self.filter, &self.binding, &self.cursor.at().epoch, self.engines));
        }
    }

    fn heartbeat(&self) -> cached::WatchStatusResponse {
        let now = convert::time(SystemTime::now().into());
        self.response(Event::Heartbeat(wire::Heartbeat { server_time: Some(now) }))
    }

    /// A message that follows everything that was sent.
    fn response(&self, event: Event) -> cached::WatchStatusResponse {
        let Position { epoch, revision } = self.cursor.at();
        response(epoch, event, *revision, &self.binding)
    }
}

/// Never, where the caller stays who it is.
async fn lapsed(lapse: Option<&mut BoxFuture<'static, Lapse>>) -> Lapse {
    match lapse {
        Some(lapse) => lapse.await,
        None => std::future::pending().await,
    }
}

fn response(epoch: &Epoch, event: Event, revision: Revision, binding: &ResumeBinding) -> cached::WatchStatusResponse {
    let resume_token = token::resume(&Position { epoch: epoch.clone(), revision }, binding);
    cached::WatchStatusResponse { event: Some(event), revision: revision.0, resume_token }
}

/// What a change is to a watcher of this filter, if anything. The first watcher that is shown the store encodes it for all
/// others: nothing in the message is a watcher's own but the token, which comes last. Watchers of everything share that, too.
fn encoded(
    change: &Change,
    filter: &StoreFilter,
    binding: &ResumeBinding,
    epoch: &Epoch,
    engines: Engines,
) -> Option<Bytes> {
    let Change { revision, store, before, encoded } = change;
    if filter.matches_change(store) {
        let shared = encoded.get_or_init(|| {
            let shown = Event::Changed(cached::store(store, engines));
            let message =
                cached::WatchStatusResponse { event: Some(shown), revision: revision.0, resume_token: String::new() };
            let message = encode(&message);
            let position = Position { epoch: epoch.clone(), revision: *revision };
            Encoded {
                shared: message.len(),
                message: with_token(&message, &token::resume(&position, &ResumeBinding::of_everything())),
            }
        });
        if binding.is_of_everything() {
            return Some(shared.message.clone());
        }
        let position = Position { epoch: epoch.clone(), revision: *revision };
        return Some(with_token(&shared.message[..shared.shared], &token::resume(&position, binding)));
    }
    let left = before.as_ref().is_some_and(|former| filter.matches_former(store, former));
    left.then(|| {
        let removed = wire::Removed { id: store.id.to_string(), uid: store.uid.to_string() };
        encode(&response(epoch, Event::Removed(removed), *revision, binding))
    })
}

/// An encoded `WatchStatusResponse` without a token, and its token.
fn with_token(message: &[u8], token: &String) -> Bytes {
    let mut whole = BytesMut::with_capacity(message.len() + token.len() + TOKEN_FIELD);
    whole.extend_from_slice(message);
    prost::encoding::string::encode(cached::RESUME_TOKEN, token, &mut whole);
    whole.freeze()
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
    use sendstores_core::{Former, Labels, State, Store};
    use wire::watch_status_response::Event;

    use super::*;
    use crate::grpc::cached::tests::{ENGINES, sample};

    fn change(store: Store, before: Option<Former>) -> Change {
        Change { revision: Revision(7), store: Arc::new(store.into()), before, encoded: Default::default() }
    }

    fn only(state: State) -> StoreFilter {
        StoreFilter { states: [state].into(), ..StoreFilter::default() }
    }

    fn shown(change: &Change, filter: &StoreFilter, epoch: &Epoch) -> Option<Bytes> {
        encoded(change, filter, &ResumeBinding::of(filter), epoch, ENGINES)
    }

    #[test]
    fn one_encoding_serves_all_watchers_that_are_shown_a_change() {
        let epoch = "e1".parse().expect("valid");
        let change = change(sample(), None);
        let all = StoreFilter::default();
        let [first, second] = [(); 2].map(|()| shown(&change, &all, &epoch).expect("shown"));
        assert_eq!(first.as_ptr(), second.as_ptr());
        let some = only(State::Provisioning);
        let position = Position { epoch: epoch.clone(), revision: Revision(7) };
        for (filter, bytes) in [(&all, first), (&some, shown(&change, &some, &epoch).expect("shown"))] {
            let message = wire::WatchStatusResponse::decode(bytes).expect("a message");
            let token = token::resume(&position, &ResumeBinding::of(filter));
            assert_eq!((message.revision, message.resume_token), (7, token));
            assert!(matches!(message.event, Some(Event::Changed(store)) if store.id == "store-a"));
        }
    }

    #[test]
    fn who_is_told_that_a_store_left_is_not_shown_it() {
        let epoch = "e1".parse().expect("valid");
        let change = change(sample(), Some(Former { state: State::Ready, labels: None }));
        shown(&change, &StoreFilter::default(), &epoch).expect("shown");
        let removed = shown(&change, &only(State::Ready), &epoch).expect("sent");
        let message = wire::WatchStatusResponse::decode(removed).expect("a message");
        assert!(matches!(message.event, Some(Event::Removed(removed)) if removed.id == "store-a"));
        assert_eq!(shown(&change, &only(State::Failed), &epoch), None);
    }

    #[test]
    fn a_store_that_lost_a_label_left_the_filter_that_asks_for_it() {
        let epoch = "e1".parse().expect("valid");
        let of_team = |team: &str| Labels::parse([("team".to_owned(), team.to_owned())]).expect("valid");
        let store = Store { labels: of_team("b"), ..sample() };
        let change = change(store, Some(Former { state: sample().state, labels: Some(of_team("a")) }));
        let seen = |team: &str| {
            let filter = StoreFilter { labels: of_team(team), ..StoreFilter::default() };
            let message = shown(&change, &filter, &epoch)?;
            wire::WatchStatusResponse::decode(message).expect("a message").event
        };
        assert!(matches!(seen("a"), Some(Event::Removed(removed)) if removed.id == "store-a"));
        assert!(matches!(seen("b"), Some(Event::Changed(store)) if store.labels["team"] == "b"));
        assert_eq!(seen("c"), None);
    }
}
