//! Changes as they happen.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::Stream;
use prost_types::Timestamp;
use tonic::Streaming;

use crate::{
    error::Error,
    v1::{self as wire, Store, WatchStatusResponse, watch_status_response::Event as WireEvent},
};

/// A stream of [`WatchEvent`]s, made by [`Client::watch`](crate::Client::watch). It ends with the first error; go on
/// behind [`Watch::resume_token`] with [`Client::watch_from`](crate::Client::watch_from).
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Watch {
    messages: Streaming<WatchStatusResponse>,
    resume_token: Option<ResumeToken>,
    ended: bool,
}

/// One event with its place in the history.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WatchEvent {
    /// What happened.
    pub event: Event,
    /// Revision of the log that this event brings the reader to.
    pub revision: u64,
    /// Token to go on from, right behind this event. A [`Event::Snapshot`] has none: only a complete snapshot can be
    /// gone on from.
    pub resume_token: Option<ResumeToken>,
}

/// What happened. A server newer than this client may tell more; that is left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
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
    pub(crate) fn new(messages: Streaming<WatchStatusResponse>, resume_token: Option<ResumeToken>) -> Self {
        Self { messages, resume_token, ended: false }
    }

    /// Token to go on from, right behind the last event that was read. `None` until the snapshot was complete.
    pub fn resume_token(&self) -> Option<&ResumeToken> {
        self.resume_token.as_ref()
    }
}

impl Stream for Watch {
    type Item = Result<WatchEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.ended {
            match ready!(Pin::new(&mut this.messages).poll_next(cx)) {
                Some(Ok(message)) => {
                    if let Some(token) = ResumeToken::present(&message.resume_token) {
                        this.resume_token = Some(token);
                    }
                    if let Some(event) = WatchEvent::known(message) {
                        return Poll::Ready(Some(Ok(event)));
                    }
                }
                Some(Err(status)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(status.into())));
                }
                None => this.ended = true,
            }
        }
        Poll::Ready(None)
    }
}

// === impl WatchEvent ===

impl WatchEvent {
    /// The store this event shows, if it shows one.
    pub fn store(&self) -> Option<&Store> {
        match &self.event {
            Event::Snapshot(store) | Event::Changed(store) => Some(store),
            Event::Synced { .. } | Event::Removed { .. } | Event::Heartbeat { .. } => None,
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

impl From<WatchEvent> for WatchStatusResponse {
    fn from(event: WatchEvent) -> Self {
        let WatchEvent { event, revision, resume_token } = event;
        let event = match event {
            Event::Snapshot(store) => WireEvent::Snapshot(*store),
            Event::Synced { stores } => WireEvent::Synced(wire::Synced { stores }),
            Event::Changed(store) => WireEvent::Changed(*store),
            Event::Removed { id, uid } => WireEvent::Removed(wire::Removed { id, uid }),
            Event::Heartbeat { server_time } => WireEvent::Heartbeat(wire::Heartbeat { server_time }),
        };
        Self { event: Some(event), revision, resume_token: resume_token.map(|token| token.0).unwrap_or_default() }
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
