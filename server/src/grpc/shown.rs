//! The answers that show stores, as they go over the wire: each is the contract's message of the same name, with every
//! store in it encoded already. A store is encoded once for each of its revisions, however many ask for it.

use bytes::Bytes;
use prost::{Message, Oneof};
use prost_types::Timestamp;
use sendstores_proto::v1 as wire;

use super::convert;
use crate::mirror::Entry;

/// As `GetResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Get {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) store: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(super) fresh_time: Option<Timestamp>,
}

/// As `ListResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct List {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) stores: Vec<Bytes>,
    #[prost(string, tag = "2")]
    pub(super) next_page_token: String,
    #[prost(uint64, tag = "3")]
    pub(super) revision: u64,
    #[prost(string, tag = "4")]
    pub(super) resume_token: String,
    #[prost(message, optional, tag = "5")]
    pub(super) fresh_time: Option<Timestamp>,
}

/// As `WatchStatusResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchStatus {
    #[prost(oneof = "Event", tags = "1, 2, 3, 4, 5")]
    pub(super) event: Option<Event>,
    #[prost(uint64, tag = "14")]
    pub(super) revision: u64,
    #[prost(string, tag = "15")]
    pub(super) resume_token: String,
}

/// As the `event` of a `WatchStatusResponse`.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Event {
    #[prost(bytes = "bytes", tag = "1")]
    Snapshot(Bytes),
    #[prost(message, tag = "2")]
    Synced(wire::Synced),
    #[prost(bytes = "bytes", tag = "3")]
    Changed(Bytes),
    #[prost(message, tag = "4")]
    Removed(wire::Removed),
    #[prost(message, tag = "5")]
    Heartbeat(wire::Heartbeat),
}

/// The store as callers are shown it.
pub(super) fn store(entry: &Entry) -> Bytes {
    entry.shown(|store| convert::store(store).encode_to_vec().into())
}

#[cfg(test)]
pub(super) mod tests {
    use sendstores_core::{
        Engine, EngineFacts, Engines, Labels, Pipeline, Store, StoreId, Timestamp as Time, store::NewStore,
    };
    use wire::watch_status_response::Event as WireEvent;

    use super::*;
    use crate::grpc::parse::{self, Violations};

    const ENGINES: Engines =
        Engines::new(&[EngineFacts { engine: Engine::new("woocommerce"), pipeline: Pipeline::NONE }]);

    pub(in crate::grpc) fn sample() -> Store {
        let id: StoreId = "store-a".parse().expect("valid");
        let spec = parse::spec(&mut Violations::default(), None, ENGINES, &id, "store-a.localhost").expect("defaults");
        let uid = "0193b0a0-7c3e-7000-8000-0000000000af".parse().expect("valid");
        let url = "http://store-a.localhost".to_owned();
        Store::new(
            NewStore { id, uid, tenant: None, labels: Labels::default(), spec, url, pipeline: Pipeline::NONE },
            Time::from_micros(7),
        )
    }

    fn assert_same(shown: &impl Message, contract: &impl Message) {
        assert_eq!(shown.encode_to_vec(), contract.encode_to_vec());
    }

    #[test]
    fn a_store_is_encoded_once() {
        let entry = Entry::from(sample());
        assert_eq!(store(&entry), convert::store(&sample()).encode_to_vec());
        assert_eq!(store(&entry).as_ptr(), store(&entry).as_ptr());
    }

    #[test]
    fn answers_are_those_of_the_contract_byte_for_byte() {
        let (entry, shown) = (Entry::from(sample()), convert::store(&sample()));
        let fresh_time = Some(Timestamp { seconds: 1, nanos: 2 });
        let get = Get { store: store(&entry), fresh_time };
        assert_same(&get, &wire::GetResponse { store: Some(shown.clone()), fresh_time });

        let (next_page_token, revision, resume_token) = ("next".to_owned(), 3, "resume".to_owned());
        let list = List {
            stores: vec![store(&entry); 2],
            next_page_token: next_page_token.clone(),
            revision,
            resume_token: resume_token.clone(),
            fresh_time,
        };
        let stores = vec![shown; 2];
        assert_same(&list, &wire::ListResponse { stores, next_page_token, revision, resume_token, fresh_time });
    }

    #[test]
    fn messages_of_a_watch_are_those_of_the_contract_byte_for_byte() {
        let (entry, shown) = (Entry::from(sample()), convert::store(&sample()));
        let (synced, removed) = (wire::Synced { stores: 5 }, wire::Removed { id: "a".to_owned(), uid: "b".to_owned() });
        let heartbeat = wire::Heartbeat { server_time: Some(Timestamp { seconds: 1, nanos: 2 }) };
        let events = [
            (Event::Snapshot(store(&entry)), WireEvent::Snapshot(shown.clone())),
            (Event::Changed(store(&entry)), WireEvent::Changed(shown)),
            (Event::Synced(synced), WireEvent::Synced(synced)),
            (Event::Removed(removed.clone()), WireEvent::Removed(removed)),
            (Event::Heartbeat(heartbeat), WireEvent::Heartbeat(heartbeat)),
        ];
        for (event, contract) in events {
            let (revision, resume_token) = (9, "token".to_owned());
            let message = WatchStatus { event: Some(event), revision, resume_token: resume_token.clone() };
            assert_same(&message, &wire::WatchStatusResponse { event: Some(contract), revision, resume_token });
        }
    }
}
