//! Many streams that are told the same, and each once.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use prost::Message;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    grpc::{Call, Connection, Messages},
    watching::{Told, many},
};

/// Ends its streams when dropped.
pub(crate) struct Fan {
    told: Arc<Round>,
    streams: JoinSet<()>,
}

/// The message that all are to be told now.
#[derive(Default)]
struct Round {
    message: Mutex<Bytes>,
    told: AtomicUsize,
    all_told: Notify,
}

// === impl Fan ===

impl Fan {
    pub(crate) async fn open(connections: &[Connection], call: &Call, count: usize) -> Self {
        let told = Arc::new(Round::default());
        let mut streams = JoinSet::new();
        for stream in many(connections, count, async |connection| connection.stream(call, false).await).await {
            streams.spawn(follow(stream, told.clone(), count));
        }
        Self { told, streams }
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Waits until every stream was told the message that follows the last one.
    pub(crate) async fn all_told(&self) {
        self.told.all_told.notified().await;
    }
}

async fn follow(mut stream: Messages, round: Arc<Round>, streams: usize) {
    loop {
        let message = stream.next().await.expect("a stream that goes on");
        if !is_heartbeat(&message) {
            round.count(message, streams);
        }
    }
}

/// Whether it is a message of ours that tells of no change. The health service sends none so long.
fn is_heartbeat(message: &Bytes) -> bool {
    message.len() > 8 && message.len() < 128 && Told::decode(message.clone()).is_ok_and(|told| told.changed.is_none())
}

// === impl Round ===

impl Round {
    fn count(&self, message: Bytes, streams: usize) {
        let told = self.told.fetch_add(1, Ordering::Relaxed) + 1;
        let mut first = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        if told == 1 {
            assert_ne!(*first, message, "a change is told once");
            *first = message;
        } else {
            assert_eq!(*first, message, "all are told the same");
        }
        if told == streams {
            self.told.store(0, Ordering::Relaxed);
            self.all_told.notify_one();
        }
    }
}
