//! Turns what was really seen into a recording.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message as _;
use sendstores_client::{
    Event, ResumeToken, WatchEvent,
    v1::{self as wire, store::State},
};
use sendstores_core::ledger::{Change, Ledger};

use crate::ledger::{Readable, whole_log};

use super::{Entry, Filter, Kind, Message, Shown, Token};

/// Bytes of a token's checksum.
const CHECK: usize = 8;

/// The whole log of a ledger that lost nothing of it.
pub async fn read_log<L: Ledger>(ledger: &L) -> Vec<Entry> {
    whole_log(ledger).await.into_iter().map(Entry::from).collect()
}

/// What a token says. Callers have no business to know it; the oracle does.
pub fn token(token: &ResumeToken) -> Token {
    let bytes = URL_SAFE_NO_PAD.decode(token.as_str()).expect("base64");
    let text = std::str::from_utf8(&bytes[CHECK..]).expect("text behind the checksum");
    let (epoch, revision) = text.split_once(' ').expect("epoch and revision");
    Token { epoch: epoch.to_owned(), revision: revision.parse().expect("a number") }
}

impl From<Change> for Entry {
    fn from(change: Change) -> Self {
        let (revision, store) = (change.revision, change.store());
        let name = format!("STATE_{}", store.state);
        Self {
            revision: revision.0,
            id: store.id.to_string(),
            uid: store.uid.to_string(),
            tenant: store.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
            labels: store.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            state: State::from_str_name(&name).unwrap_or_else(|| panic!("the contract has no {name}")),
        }
    }
}

impl From<&wire::Store> for Shown {
    fn from(store: &wire::Store) -> Self {
        let entry = Entry {
            revision: store.revision,
            id: store.id.clone(),
            uid: store.uid.clone(),
            tenant: store.tenant.clone(),
            labels: store.labels.clone().into_iter().collect(),
            state: store.state(),
        };
        // The map has no order of its own, and is compared by the entry.
        let unordered = wire::Store { labels: Default::default(), ..store.clone() };
        let mut hash = DefaultHasher::new();
        unordered.encode_to_vec().hash(&mut hash);
        Self { entry, content: format!("{:016x}", hash.finish()) }
    }
}

impl From<&WatchEvent> for Message {
    fn from(event: &WatchEvent) -> Self {
        let kind = match &event.event {
            Event::Snapshot(store) => Kind::Snapshot(Shown::from(&**store)),
            Event::Synced { stores } => Kind::Synced { stores: usize::try_from(*stores).expect("a count") },
            Event::Changed(store) => Kind::Changed(Shown::from(&**store)),
            Event::Removed { id, uid } => Kind::Removed { id: id.clone(), uid: uid.clone() },
            Event::Heartbeat { .. } => Kind::Heartbeat,
            other => panic!("unknown to the oracle: {other:?}"),
        };
        Self { kind, revision: event.revision, token: event.resume_token.as_ref().map(token) }
    }
}

impl From<&Filter> for wire::StoreFilter {
    fn from(filter: &Filter) -> Self {
        let Filter { ids, states, labels, tenant } = filter.clone();
        let states = states.into_iter().map(Into::into).collect();
        Self { ids, states, labels: labels.into_iter().collect(), tenant, engines: Vec::new() }
    }
}
