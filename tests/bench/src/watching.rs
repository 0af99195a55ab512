//! Streams of changes: of ours, of the health service, of etcd.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use prost::Message;
use sendstores_proto::v1::{ListRequest, ListResponse, WatchStatusRequest};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    etcd_api::{self, WatchResponse},
    grpc::{Call, Connection, Failure, Messages},
    peers::Etcd,
};

/// Streams that are being opened at once.
const OPENING: usize = 64;

/// As much of a `WatchStatusResponse` as tells what it is; the store stays encoded.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Told {
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) changed: Option<Bytes>,
    #[prost(uint64, tag = "14")]
    pub(crate) revision: u64,
    #[prost(string, tag = "15")]
    pub(crate) resume_token: String,
}

/// That a watcher was told of a revision, and when.
pub(crate) type Sighting = (u64, Instant);

/// What all watchers of one measurement have seen, each as often as it was told.
#[derive(Clone, Default)]
pub(crate) struct Sightings(Arc<(Mutex<Vec<Sighting>>, Notify)>);

/// A watch of all stores from now on, which begins without a snapshot.
pub(crate) async fn from_now(server: SocketAddr) -> Call {
    from_token(server, token_of_now(server).await)
}

pub(crate) async fn token_of_now(server: SocketAddr) -> String {
    let request = ListRequest { page_size: 1, ..ListRequest::default() };
    let list = Call::new(server, "/sendstores.v1.StoreService/List", &request);
    let connection = Connection::open(server).await.expect("a connection");
    let answer = connection.unary(&list).await.expect("an answer");
    ListResponse::decode(answer).expect("a ListResponse").resume_token
}

pub(crate) fn from_token(server: SocketAddr, resume_token: String) -> Call {
    let request = WatchStatusRequest { filter: None, resume_token };
    Call::new(server, "/sendstores.v1.StoreService/WatchStatus", &request)
}

/// A watch of one key of etcd, once etcd has said that it was created.
pub(crate) async fn of_etcd(
    connection: &Connection,
    etcd: SocketAddr,
    key: &str,
    from: i64,
) -> Result<Messages, Failure> {
    let request = etcd_api::watch(key.as_bytes().to_vec().into(), from);
    let mut messages = connection.stream(&Call::new(etcd, etcd_api::WATCH, &request), true).await?;
    let created = WatchResponse::decode(messages.next().await?)?;
    if !created.created || created.canceled {
        return Err("etcd did not create the watch".into());
    }
    Ok(messages)
}

/// The changes a message of ours tells.
pub(crate) fn told_by_ours(message: Bytes) -> Vec<u64> {
    let told = Told::decode(message).expect("a WatchStatusResponse");
    told.changed.iter().map(|_| told.revision).collect()
}

/// The changes a message of etcd tells.
pub(crate) fn told_by_etcd(message: Bytes) -> Vec<u64> {
    let response = WatchResponse::decode(message).expect("a WatchResponse");
    assert!(!response.canceled, "etcd ended a watch");
    let revision = |kv: etcd_api::KeyValue| u64::try_from(kv.mod_revision).expect("a revision");
    response.events.into_iter().filter_map(|event| event.kv).map(revision).collect()
}

/// `count` watches of ours, spread over the connections.
pub(crate) async fn many_of_ours(server: SocketAddr, connections: &[Connection], count: usize) -> Vec<Messages> {
    let call = from_now(server).await;
    many(connections, count, async |connection| connection.stream(&call, false).await).await
}

pub(crate) async fn many_of_etcd(etcd: &Etcd, connections: &[Connection], count: usize, key: &str) -> Vec<Messages> {
    many(connections, count, async |connection| of_etcd(connection, etcd.address, key, 0).await).await
}

/// `count` streams, spread over the connections, many opened at once.
pub(crate) async fn many(
    connections: &[Connection],
    count: usize,
    open: impl AsyncFn(&Connection) -> Result<Messages, Failure>,
) -> Vec<Messages> {
    let open = |number: usize| open(&connections[number % connections.len()]);
    stream::iter(0..count).map(open).buffered(OPENING).map(|opened| opened.expect("a stream")).collect().await
}

// === impl Sightings ===

impl Sightings {
    fn seen(&self) -> MutexGuard<'_, Vec<Sighting>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what each stream tells; ends with the returned set.
    pub(crate) fn collect(&self, streams: Vec<Messages>, told: fn(Bytes) -> Vec<u64>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for mut stream in streams {
            let sightings = self.clone();
            tasks.spawn(async move {
                loop {
                    let message = stream.next().await.expect("a stream that goes on");
                    let now = Instant::now();
                    sightings.seen().extend(told(message).into_iter().map(|revision| (revision, now)));
                    sightings.0.1.notify_one();
                }
            });
        }
        tasks
    }

    /// Waits until there are so many of one revision, then hands out all.
    pub(crate) async fn once_seen(&self, last: u64, times: usize) -> Vec<Sighting> {
        while self.seen().iter().rev().filter(|(revision, _)| *revision == last).count() < times {
            self.0.1.notified().await;
        }
        self.seen().clone()
    }
}
