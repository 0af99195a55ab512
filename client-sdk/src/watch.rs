//! Changes as they happen.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, future::BoxFuture};
use prost_types::Timestamp;
use tonic::{Status, Streaming};

use crate::{
    client::Client,
    error::Error,
    interruption::Interruption,
    retry::Tries,
    v1::{self as wire, Store, StoreFilter, WatchStatusResponse, watch_status_response::Event as WireEvent},
};

/// A stream of [`WatchEvent`]s, made by [`Client::watch`](crate::Client::watch). It has every change once and in order.
///
/// When the server restarts or the connection is lost, the stream is opened again after the last event that was read, as
/// the client's [`RetryPolicy`](crate::RetryPolicy) says. Where that is not possible, because the snapshot was not complete
/// or what follows is no longer known, [`Event::Reset`] comes and then a new snapshot. An error that a repetition cannot
/// cure is the last item.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Watch {
    client: Client,
    filter: StoreFilter,
    resume_token: Option<ResumeToken>,
    state: State,
    /// The interruption that goes on, or that ended without a message since.
    tries: Option<Tries>,
    /// Whether stores of a snapshot that is not complete were read.
    partial: bool,
}

type Messages = Streaming<WatchStatusResponse>;

/// Where a watch is.
enum State {
    /// The next event is `Reset`; the new stream is open.
    Reset(Box<Messages>),
    Open(Box<Messages>),
    /// Waits and opens the stream again.
    Opening(BoxFuture<'static, Result<Messages, Error>>),
    Ended,
}

/// One event with its place in the history.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WatchEvent {
    /// What happened.
    pub event: Event,
    /// Revision of the log that this event brings the reader to.
    pub revision: u64,
    /// Token to go on from, right after this event. A [`Event::Snapshot`] has none: only a complete snapshot can be
    /// gone on from.
    pub resume_token: Option<ResumeToken>,
}

/// What happened. A server newer than this client may send other kinds; they are left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// What was read before does not hold any more: drop it. A snapshot follows. [`Client::watch`](crate::Client::watch)
    /// says this only after an interruption. The client makes this event; it is not in the contract.
    Reset,
    /// A store as it is, once for each before `Synced`.
    Snapshot(Box<Store>),
    /// The snapshot is complete; what follows are changes.
    Synced {
        /// How many stores it had.
        stores: i64,
    },
    /// A store after a change. DELETED is its last.
    Changed(Box<Store>),
    /// A store that the filter no longer means: its state has become one that was not asked for.
    Removed {
        /// Its id.
        id: String,
        /// Its UUID.
        uid: String,
    },
    /// Nothing happened for a while; the stream is alive.
    Heartbeat {
        /// The server's time.
        server_time: Option<Timestamp>,
    },
}

/// A place in the history of changes; opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResumeToken(String);

// === impl Watch ===

impl Watch {
    pub(crate) fn new(client: Client, filter: StoreFilter, opened: Messages, token: Option<ResumeToken>) -> Self {
        Self { client, filter, resume_token: token, state: State::Open(Box::new(opened)), tries: None, partial: false }
    }

    /// A watch whose token leads nowhere: `opened` begins with a snapshot.
    pub(crate) fn reset(client: Client, filter: StoreFilter, opened: Messages) -> Self {
        let state = State::Reset(Box::new(opened));
        Self { client, filter, resume_token: None, state, tries: None, partial: false }
    }

    /// Token to go on from, right after the last event that was read. `None` until the snapshot was complete.
    pub fn resume_token(&self) -> Option<&ResumeToken> {
        self.resume_token.as_ref()
    }

    /// Takes note of a message; `None` if this client does not know what it says.
    fn read(&mut self, message: WatchStatusResponse) -> Option<WatchEvent> {
        self.tries = None;
        if let Some(token) = ResumeToken::present(&message.resume_token) {
            self.resume_token = Some(token);
            self.partial = false;
        }
        let event = WatchEvent::known(message)?;
        self.partial |= matches!(event.event, Event::Snapshot(_));
        Some(event)
    }

    /// Goes on after an error, or ends with it.
    fn interrupted(&mut self, error: Error) -> Option<Error> {
        let policy = self.client.retry();
        // Without a token only a stream that was open can have this end: its reader was too slow for the snapshot.
        let can_begin_anew = self.resume_token.is_some() || matches!(self.state, State::Open(_));
        if matches!(error, Error::HistoryCompacted(_)) && can_begin_anew && !policy.is_none() {
            (self.resume_token, self.partial) = (None, true);
            self.open_after(Duration::ZERO);
            return None;
        }
        let tries = self.tries.get_or_insert_with(|| policy.tries());
        let first = !tries.any_failed();
        let Some(delay) = tries.stream(&error) else {
            self.state = State::Ended;
            return Some(error);
        };
        if first {
            self.client.observer().observe(Interruption::Began { error: &error });
        }
        self.open_after(delay);
        None
    }

    fn open_after(&mut self, delay: Duration) {
        let (client, filter, token) = (self.client.clone(), self.filter.clone(), self.resume_token.clone());
        self.state = State::Opening(Box::pin(async move {
            tokio::time::sleep(delay).await;
            client.open_stream(filter, token).await
        }));
    }

    fn opened(&mut self, messages: Messages) {
        if let Some(tries) = &self.tries {
            self.client.observer().observe(Interruption::Ended { after: tries.elapsed() });
        }
        let messages = Box::new(messages);
        self.state = if std::mem::take(&mut self.partial) { State::Reset(messages) } else { State::Open(messages) };
    }
}

impl Stream for Watch {
    type Item = Result<WatchEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let error = match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Reset(_) => {
                    if let State::Reset(messages) = std::mem::replace(&mut this.state, State::Ended) {
                        this.state = State::Open(messages);
                    }
                    let reset = WatchEvent { event: Event::Reset, revision: 0, resume_token: None };
                    return Poll::Ready(Some(Ok(reset)));
                }
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(messages) => {
                        this.opened(messages);
                        continue;
                    }
                    Err(error) => error,
                },
                State::Open(messages) => match ready!(Pin::new(messages).poll_next(cx)) {
                    Some(Ok(message)) => match this.read(message) {
                        Some(event) => return Poll::Ready(Some(Ok(event))),
                        None => continue,
                    },
                    Some(Err(status)) => status.into(),
                    // A server ends a stream with a status; without one, something between it and us did.
                    None => Error::transport(Status::unavailable("the stream of changes ended without a reason")),
                },
            };
            if let Some(error) = this.interrupted(error) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Reset(_) | State::Open(_) => "open",
            State::Opening(_) => "interrupted",
            State::Ended => "ended",
        };
        f.debug_struct("Watch").field("state", &state).field("resume_token", &self.resume_token).finish_non_exhaustive()
    }
}

// === impl WatchEvent ===

impl WatchEvent {
    /// The store this event shows, if it shows one.
    pub fn store(&self) -> Option<&Store> {
        match &self.event {
            Event::Snapshot(store) | Event::Changed(store) => Some(store),
            Event::Reset | Event::Synced { .. } | Event::Removed { .. } | Event::Heartbeat { .. } => None,
        }
    }

    /// `None` for an event that this client does not know.
    fn known(message: WatchStatusResponse) -> Option<Self> {
        let event = match message.event? {
            WireEvent::Snapshot(store) => Event::Snapshot(Box::new(store)),
            WireEvent::Synced(synced) => Event::Synced { stores: synced.stores },
            WireEvent::Changed(store) => Event::Changed(Box::new(store)),
            WireEvent::Removed(removed) => Event::Removed { id: removed.id, uid: removed.uid },
            WireEvent::Heartbeat(heartbeat) => Event::Heartbeat { server_time: heartbeat.server_time },
        };
        Some(Self { event, revision: message.revision, resume_token: ResumeToken::present(&message.resume_token) })
    }
}

/// [`Event::Reset`] becomes a message without an event.
impl From<WatchEvent> for WatchStatusResponse {
    fn from(event: WatchEvent) -> Self {
        let WatchEvent { event, revision, resume_token } = event;
        let event = match event {
            Event::Reset => None,
            Event::Snapshot(store) => Some(WireEvent::Snapshot(*store)),
            Event::Synced { stores } => Some(WireEvent::Synced(wire::Synced { stores })),
            Event::Changed(store) => Some(WireEvent::Changed(*store)),
            Event::Removed { id, uid } => Some(WireEvent::Removed(wire::Removed { id, uid })),
            Event::Heartbeat { server_time } => Some(WireEvent::Heartbeat(wire::Heartbeat { server_time })),
        };
        Self { event, revision, resume_token: resume_token.map(|token| token.0).unwrap_or_default() }
    }
}

// === impl ResumeToken ===

impl ResumeToken {
    fn present(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The token as text, to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token that was kept as text.
impl From<String> for ResumeToken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: Option<WireEvent>, resume_token: &str) -> WatchStatusResponse {
        WatchStatusResponse { event, revision: 7, resume_token: resume_token.to_owned() }
    }

    #[test]
    fn events_go_to_the_wire_and_back_unchanged() {
        let store = Store { id: "store-a".to_owned(), ..Store::default() };
        for (event, token) in [
            (WireEvent::Snapshot(store.clone()), ""),
            (WireEvent::Synced(wire::Synced { stores: 3 }), "t1"),
            (WireEvent::Changed(store), "t2"),
            (WireEvent::Removed(wire::Removed { id: "store-a".to_owned(), uid: "u".to_owned() }), "t3"),
            (WireEvent::Heartbeat(wire::Heartbeat { server_time: Some(Timestamp::default()) }), "t4"),
        ] {
            let sent = message(Some(event), token);
            let known = WatchEvent::known(sent.clone()).expect("known");
            assert_eq!(known.resume_token.as_ref().map(ResumeToken::as_str).unwrap_or_default(), token);
            assert_eq!(WatchStatusResponse::from(known), sent);
        }
    }

    #[test]
    fn an_event_of_a_newer_server_is_left_out() {
        assert_eq!(WatchEvent::known(message(None, "t")), None);
    }
}
