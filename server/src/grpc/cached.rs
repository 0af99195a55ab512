//! Cached encoding: the responses of Get, List and WatchStatus, with stores that are encoded already.
//!
//! A store of about 1 KiB is read far more often than it changes. It is encoded by the first reader of a revision, the
//! bytes are kept beside it in the mirror ([`Entry::encoded`]), and each later response copies them. A response here is the
//! contract's message of the same name with the same tags, in which each field of type `Store` has type `bytes`: on the
//! wire an embedded message and bytes are the same, a length and that many bytes.
//!
//! The tags are copied by hand from `proto/sendstores/v1/store_service.proto`. The tests below compare the bytes of both
//! forms. They name every field of the contract's messages, so they do not compile where a field is missing here.

use bytes::{Bytes, BytesMut};
use prost::{Message, Oneof};
use prost_types::Timestamp;
use sendstores_core::{Engines, Offers};
use sendstores_proto::v1 as wire;

use super::{convert, releases};
use crate::mirror::Entry;

/// `wire::GetResponse` with a cached encoding.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GetResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) store: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(super) fresh_time: Option<Timestamp>,
}

/// `wire::ListResponse` with cached encodings.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ListResponse {
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
    #[prost(int32, tag = "6")]
    pub(super) total_size: i32,
}

/// How much of a store is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Encoded for each response: it is a fourth of the whole, and lists of it are read by people.
    Basic,
    Full,
}

/// The tag of `WatchStatusResponse.resume_token`, the last field of its encoding.
pub(super) const RESUME_TOKEN: u32 = 15;

/// `wire::WatchStatusResponse` with a cached encoding.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchStatusResponse {
    #[prost(oneof = "Event", tags = "1, 2, 3, 4, 5")]
    pub(super) event: Option<Event>,
    #[prost(uint64, tag = "14")]
    pub(super) revision: u64,
    #[prost(string, tag = "15")]
    pub(super) resume_token: String,
}

/// The `event` of a `wire::WatchStatusResponse`.
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

/// The encoding of the store as a `wire::Store`; encoded on the first call for this revision.
pub(super) fn store(entry: &Entry, engines: Engines) -> Bytes {
    entry.encoded(|store| convert::store(store, engines).encode_to_vec().into())
}

/// The same with what the store can be updated to. That changes without the store, so it is not in what all readers share: it follows
/// it, and a reader takes the fields of a message in any order.
pub(super) fn with_updates(entry: &Entry, engines: Engines, offers: &Offers) -> Bytes {
    let shared = store(entry, engines);
    let available_updates: Vec<_> = offers.updates(entry).map(releases::update).collect();
    if available_updates.is_empty() {
        return shared;
    }
    let updates = wire::Store { available_updates, ..wire::Store::default() }.encode_to_vec();
    let mut both = BytesMut::with_capacity(shared.len() + updates.len());
    both.extend_from_slice(&shared);
    both.extend_from_slice(&updates);
    both.freeze()
}

// === impl View ===

impl View {
    /// The encoding of as much of the store, a `wire::Store`.
    pub(super) fn encode(self, entry: &Entry, engines: Engines, offers: &Offers) -> Bytes {
        match self {
            Self::Full => with_updates(entry, engines, offers),
            Self::Basic => convert::basic(entry).encode_to_vec().into(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use sendstores_core::{
        Engine, EngineFacts, Labels, Offer, Pipeline, Release, ReleaseName, Store, StoreId, Timestamp as Time,
        store::NewStore, version::Versions,
    };
    use wire::watch_status_response::Event as WireEvent;

    use super::*;
    use crate::grpc::parse::{self, Violations};

    pub(in crate::grpc) const ENGINES: Engines = Engines::new(&[EngineFacts {
        engine: Engine::new("woocommerce"),
        pipeline: Pipeline::NONE,
        advise: |id, failure| format!("see {id}: {}", failure.reason),
    }]);

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

    fn assert_same(cached: &impl Message, contract: &impl Message) {
        assert_eq!(cached.encode_to_vec(), contract.encode_to_vec());
    }

    #[test]
    fn a_store_is_encoded_once() {
        let entry = Entry::from(sample());
        assert_eq!(store(&entry, ENGINES), convert::store(&sample(), ENGINES).encode_to_vec());
        assert_eq!(store(&entry, ENGINES).as_ptr(), store(&entry, ENGINES).as_ptr());
    }

    #[test]
    fn updates_follow_the_shared_bytes_and_leave_them_as_they_are() {
        let name: ReleaseName = "2026-11".parse().expect("valid");
        let runs = Release { name: Some(name.clone()), ..Release::default() };
        let entry = Entry::from(Store { made_from: Some(Box::new(runs)), ..sample() });
        let offer = |name: &ReleaseName| Offer {
            name: name.clone(),
            engine: entry.spec.engine,
            versions: Versions::default(),
            images: BTreeMap::new(),
            default: true,
            security: true,
            notes_url: "https://example.com/".to_owned(),
            declared: true,
        };
        let shared = store(&entry, ENGINES);
        let current = with_updates(&entry, ENGINES, &Offers::new(vec![offer(&name)]));
        assert_eq!(current.as_ptr(), shared.as_ptr(), "nothing is copied where there is nothing to say");
        let next = with_updates(&entry, ENGINES, &Offers::new(vec![offer(&"2026-12".parse().expect("valid"))]));
        let read = wire::Store::decode(next).expect("a store");
        assert_eq!(read.available_updates[0].release, "2026-12");
        assert_eq!(read.release.as_ref().expect("what it runs").name, "2026-11");
        let without = wire::Store { available_updates: Vec::new(), ..read };
        assert_eq!(without, convert::store(&entry, ENGINES));
        assert_eq!(store(&entry, ENGINES), shared);
    }

    #[test]
    fn responses_are_those_of_the_contract_byte_for_byte() {
        let (entry, store_message) = (Entry::from(sample()), convert::store(&sample(), ENGINES));
        let fresh_time = Some(Timestamp { seconds: 1, nanos: 2 });
        let get = GetResponse { store: store(&entry, ENGINES), fresh_time };
        assert_same(&get, &wire::GetResponse { store: Some(store_message.clone()), fresh_time });

        let (next_page_token, revision, resume_token) = ("next".to_owned(), 3, "resume".to_owned());
        let list = ListResponse {
            stores: vec![store(&entry, ENGINES); 2],
            next_page_token: next_page_token.clone(),
            revision,
            resume_token: resume_token.clone(),
            fresh_time,
            total_size: 2,
        };
        let (stores, total_size) = (vec![store_message; 2], 2);
        let contract = wire::ListResponse { stores, next_page_token, revision, resume_token, fresh_time, total_size };
        assert_same(&list, &contract);
    }

    #[test]
    fn messages_of_a_watch_are_those_of_the_contract_byte_for_byte() {
        let (entry, store_message) = (Entry::from(sample()), convert::store(&sample(), ENGINES));
        let (synced, removed) = (wire::Synced { stores: 5 }, wire::Removed { id: "a".to_owned(), uid: "b".to_owned() });
        let heartbeat = wire::Heartbeat { server_time: Some(Timestamp { seconds: 1, nanos: 2 }) };
        let events = [
            (Event::Snapshot(store(&entry, ENGINES)), WireEvent::Snapshot(store_message.clone())),
            (Event::Changed(store(&entry, ENGINES)), WireEvent::Changed(store_message)),
            (Event::Synced(synced), WireEvent::Synced(synced)),
            (Event::Removed(removed.clone()), WireEvent::Removed(removed)),
            (Event::Heartbeat(heartbeat), WireEvent::Heartbeat(heartbeat)),
        ];
        for (event, contract) in events {
            let (revision, resume_token) = (9, "token".to_owned());
            let message = WatchStatusResponse { event: Some(event), revision, resume_token: resume_token.clone() };
            assert_same(&message, &wire::WatchStatusResponse { event: Some(contract), revision, resume_token });
        }
    }
}
