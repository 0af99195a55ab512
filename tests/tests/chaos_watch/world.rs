//! What everybody shares.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rand::{Rng, RngExt, rngs::StdRng};
use sendstores_client::{Client, RetryPolicy, v1::Store};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    oracle::{Answer, Shown},
    redis::RedisServer,
    wait::until,
};
use tokio_util::sync::CancellationToken;

use super::{HISTORY, REPLICAS};

/// What everybody shares. Clones are the same.
#[derive(Clone)]
pub(crate) struct World {
    /// Where each replica listens, while it is ready.
    pub(crate) replicas: Arc<Mutex<[Option<SocketAddr>; REPLICAS]>>,
    pub(crate) ledger: RedisLedger,
    pub(crate) answers: Arc<Mutex<Vec<Answer>>>,
    pub(crate) messages: Arc<AtomicUsize>,
    /// Replicas that were killed, and that were asked to stop.
    pub(crate) killed: Arc<AtomicUsize>,
    pub(crate) stopped: Arc<AtomicUsize>,
    /// Replicas that were paused, and times that all connections of the balancer were cut.
    pub(crate) paused: Arc<AtomicUsize>,
    pub(crate) cut: Arc<AtomicUsize>,
    pub(crate) stop: CancellationToken,
}

// === impl World ===

impl World {
    pub(crate) async fn new(redis: &RedisServer) -> Self {
        let history = HISTORY.try_into().expect("not zero");
        let config = RedisConfig { history, ..RedisConfig::new(redis.url()) };
        Self {
            replicas: Arc::default(),
            ledger: RedisLedger::connect(config).await.expect("a ledger"),
            answers: Arc::default(),
            messages: Arc::default(),
            killed: Arc::default(),
            stopped: Arc::default(),
            paused: Arc::default(),
            cut: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    /// How many faults there were.
    pub(crate) fn faults(&self) -> usize {
        let Self { killed, stopped, paused, cut, .. } = self;
        [killed, stopped, paused, cut].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn publish(&self, replica: usize, address: Option<SocketAddr>) {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)[replica] = address;
    }

    /// Any replica that is ready, or was a moment ago.
    pub(crate) fn any(&self, random: &mut impl Rng) -> Option<SocketAddr> {
        let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        let there: Vec<_> = replicas.iter().flatten().collect();
        there.get(random.random_range(0..there.len().max(1))).copied().copied()
    }

    /// A client of such a one that repeats nothing.
    pub(crate) async fn client(&self, random: &mut StdRng) -> Client {
        until("a replica to be reached", async || {
            let url = format!("http://{}", self.any(random)?);
            Client::builder().retry(RetryPolicy::none()).connect(&url).await.ok()
        })
        .await
    }

    pub(crate) fn answer(&self, request_id: &str, store: &Store) {
        let answer = Answer { request_id: request_id.to_owned(), shown: Shown::from(store) };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    pub(crate) fn answered(&self) -> usize {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
