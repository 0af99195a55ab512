//! Watchers who come back when their server goes away, all at once and without a pause between them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use prost::Message;
use rand::RngExt;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    grpc::{Connection, Failure, Messages},
    watching::{self, Told, told_by_etcd},
};

/// How long to wait before a server that did not answer is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// How often that pause doubles for a watcher who is refused.
const DOUBLINGS: u32 = 5;

/// Whom they watch.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    Ours(SocketAddr),
    /// One key of it.
    Etcd(SocketAddr, &'static str),
}

/// Ends its watchers when dropped.
pub(crate) struct Storm {
    shared: Arc<Shared>,
    _watchers: JoinSet<()>,
}

struct Shared {
    server: Server,
    watchers: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Every change there was, in order.
    positions: Vec<Position>,
    /// Where a watcher begins that has lost its server.
    resume: Option<Position>,
    /// When watchers were told the newest change.
    told: Vec<(u64, Instant)>,
}

/// Where to go on from, as the server of the kind wants it.
#[derive(Clone, Default)]
struct Position {
    revision: u64,
    token: String,
}

/// A connection that several watchers share, made anew by the first who finds it broken.
struct Line(tokio::sync::Mutex<(u64, Connection)>);

// === impl Storm ===

impl Storm {
    /// Opens all watches; returns once each is open.
    pub(crate) async fn gather(server: Server, connections: usize, watchers: usize) -> Self {
        let shared = Shared { server, watchers, state: Mutex::default(), changed: Notify::new() };
        let shared = Arc::new(shared);
        let mut tasks = JoinSet::new();
        let connections = Connection::open_many(server.address(), connections).await;
        let line = |connection: &Connection| Arc::new(Line(tokio::sync::Mutex::new((0, connection.clone()))));
        let lines: Vec<_> = connections.iter().map(line).collect();
        let start = server.now().await;
        let streams = watching::many(&connections, watchers, async |connection| server.open(connection, &start).await);
        for (number, stream) in streams.await.into_iter().enumerate() {
            tasks.spawn(watch(shared.clone(), lines[number % lines.len()].clone(), stream, start.revision));
        }
        Self { shared, _watchers: tasks }
    }

    /// From now on, who loses the server comes back as if the newest `missed` changes had not been told.
    pub(crate) fn come_back_from(&mut self, missed: usize) {
        let mut state = self.shared.state();
        state.resume = state.positions.iter().rev().nth(missed).cloned();
        state.told.clear();
    }

    pub(crate) fn last_revision(&self) -> u64 {
        self.shared.state().positions.last().expect("a change").revision
    }

    /// When each was told of this change.
    pub(crate) async fn all_told(&self, revision: u64) -> Vec<Instant> {
        loop {
            {
                let state = self.shared.state();
                let told = state.told.iter().filter(|(told, _)| *told == revision);
                if told.clone().count() == self.shared.watchers {
                    return told.map(|(_, at)| *at).collect();
                }
            }
            self.shared.changed.notified().await;
        }
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A watcher was told of what follows `last`, and of nothing else.
    fn told(&self, last: &mut u64, position: Position) {
        let revision = position.revision;
        assert!(*last == 0 || revision == *last + 1, "told of {revision} behind {last}");
        *last = revision;
        let mut state = self.state();
        let newest = state.positions.last().map_or(0, |newest| newest.revision);
        if revision > newest {
            state.positions.push(position);
            state.told.clear();
        }
        if revision >= newest {
            state.told.push((revision, Instant::now()));
            if state.told.len() == self.watchers {
                self.changed.notify_one();
            }
        }
    }
}

async fn watch(shared: Arc<Shared>, line: Arc<Line>, mut stream: Messages, mut last: u64) {
    let mut generation = 0;
    loop {
        while let Ok(message) = stream.next().await {
            for position in shared.server.told(message) {
                shared.told(&mut last, position);
            }
        }
        let from = shared.state().resume.clone().expect("a server ends only when it is to");
        last = from.revision;
        let mut refused = 0;
        stream = loop {
            let connection = line.behind(&mut generation, shared.server.address()).await;
            match shared.server.open(&connection, &from).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(pause(refused)).await,
            }
            refused += 1;
        };
    }
}

/// Longer each time, and different for each watcher.
fn pause(refused: u32) -> Duration {
    (PAUSE * 2_u32.pow(refused.min(DOUBLINGS))).mul_f64(0.5 + rand::rng().random::<f64>())
}

// === impl Line ===

impl Line {
    /// A connection made behind the one of `generation`, unless that one still stands.
    async fn behind(&self, generation: &mut u64, server: SocketAddr) -> Connection {
        let mut line = self.0.lock().await;
        while line.0 == *generation && !line.1.stands().await {
            match Connection::open(server).await {
                Ok(connection) => *line = (line.0 + 1, connection),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        *generation = line.0;
        line.1.clone()
    }
}

// === impl Server ===

impl Server {
    fn address(self) -> SocketAddr {
        match self {
            Self::Ours(address) | Self::Etcd(address, _) => address,
        }
    }

    /// The position behind everything that has happened.
    async fn now(self) -> Position {
        match self {
            Self::Ours(address) => Position { revision: 0, token: watching::token_of_now(address).await },
            Self::Etcd(..) => Position::default(),
        }
    }

    async fn open(self, connection: &Connection, from: &Position) -> Result<Messages, Failure> {
        match self {
            Self::Ours(address) => connection.stream(&watching::from_token(address, from.token.clone()), false).await,
            Self::Etcd(address, key) => {
                let next = if from.revision == 0 { 0 } else { from.revision + 1 };
                watching::of_etcd(connection, address, key, i64::try_from(next)?).await
            }
        }
    }

    fn told(self, message: Bytes) -> Vec<Position> {
        match self {
            Self::Ours(_) => {
                let Told { changed, revision, resume_token } = Told::decode(message).expect("a WatchStatusResponse");
                changed.iter().map(|_| Position { revision, token: resume_token.clone() }).collect()
            }
            Self::Etcd(..) => {
                let position = |revision| Position { revision, token: String::new() };
                told_by_etcd(message).into_iter().map(position).collect()
            }
        }
    }
}
