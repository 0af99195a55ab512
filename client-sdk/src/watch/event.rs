//! What a watch reports.

use std::fmt;

use prost_types::Timestamp;

use crate::v1::{self as wire, Store, WatchStatusResponse, watch_status_response::Event as WireEvent};

/// One event with its place in the history.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WatchEvent {
    /// What happened.
    pub event: Event,
    /// Revision of the log that this event brings the reader to.
    pub revision: u64,
    /// Token to go on from, right after this event. A [`Event::Snapshot`] has none, and neither has what a new snapshot
    /// brought: only a complete snapshot can be gone on from.
    pub resume_token: Option<ResumeToken>,
}

/// What happened. A server newer than this client may send other kinds; they are left out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// What was kept with a resume token does not hold any more: drop it. A snapshot follows. Only
    /// [`Client::watch_from`](crate::Client::watch_from) reports this, and once at most. The client makes this event; it is
    /// not in the contract.
    Reset,
    /// A store as it is, once for each before the first `Synced`.
    Snapshot(Box<Store>),
    /// All stores were reported as they are; what follows are changes. It comes again where the client has compared what it
    /// reported with a new snapshot, after the changes and removals that this brought.
    Synced {
        /// How many stores it had.
        stores: i64,
    },
    /// A store after a change. DELETED is its last.
    Changed(Box<Store>),
    /// A store that the filter no longer means: its state has become one that was not asked for, or it was deleted while the
    /// history was lost.
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

// === impl WatchEvent ===

impl WatchEvent {
    /// The store this event shows, if it shows one.
    pub fn store(&self) -> Option<&Store> {
        match &self.event {
            Event::Snapshot(store) | Event::Changed(store) => Some(store),
            Event::Reset | Event::Synced { .. } | Event::Removed { .. } | Event::Heartbeat { .. } => None,
        }
    }

    /// One that the client makes by itself.
    pub(super) fn made(event: Event, revision: u64) -> Self {
        Self { event, revision, resume_token: None }
    }

    /// `None` for an event that this client does not know.
    pub(super) fn known(message: WatchStatusResponse) -> Option<Self> {
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
    pub(super) fn present(text: &str) -> Option<Self> {
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
