//! The ledger on Redis: every write is one script, every record has its revision, the log is a stream.
//!
//! fred is named in this room and nowhere else. What it does by itself is kept to holding a connection; deadlines and
//! repetitions are ours (`connection.rs`), because only the scripts know what may be repeated.

mod commands;
mod config;
mod connection;
mod fault;
mod keys;
mod log;
mod reply;
mod safety;
mod scripts;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fred::types::{Value, scripts::Script};
use sendstores_core::{
    Epoch, Revision, State, Store, StoreId, Timestamp,
    ledger::{
        Claim, Duty, Expected, Fence, Ledger, LedgerError, LogPage, OPERATION_WINDOW, Operation, Owner, Write, Written,
    },
};
use tokio::sync::Mutex;

use self::{
    connection::{Connection, Repeat},
    keys::Keys,
    reply::{Reply, gone_back, unexpected},
    scripts::Scripts,
};
use super::record;

pub use config::{Durability, RedisConfig};

/// Raised when keys or stored values change so that an older program would misread them.
const FORMAT: &str = "1";

/// About how many records one page of a scan holds.
const SCAN_PAGE: u64 = 500;

/// The ledger on Redis. Clones share its connections.
#[derive(Clone)]
pub struct RedisLedger {
    shared: Arc<Shared>,
}

struct Shared {
    commands: Connection,
    /// Only for reads that block: whatever is behind one waits with it.
    blocking: Connection,
    turn: Mutex<()>,
    keys: Keys,
    scripts: Scripts,
    epoch: Epoch,
    /// The highest revision this process was told of. A history that ends before it is not ours.
    seen: AtomicU64,
    history: u32,
    slice: Duration,
}

// === impl RedisLedger ===

impl RedisLedger {
    /// Connects, refuses a Redis that is not set up safely, and begins a history if there is none.
    pub async fn connect(config: RedisConfig) -> Result<Self, LedgerError> {
        let commands = Connection::open(&config).await?;
        safety::check(&commands, config.durability).await?;
        let (keys, scripts) = (Keys::new(&config.prefix), Scripts::new());
        let (epoch, last) = begin(&commands, &keys, &scripts).await?;
        let blocking = Connection::open(&config).await?;
        let shared = Shared {
            commands,
            blocking,
            turn: Mutex::new(()),
            keys,
            scripts,
            epoch,
            seen: AtomicU64::new(last.0),
            history: config.history.get(),
            slice: config.slice(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether Redis answers now. Fails at once while there is no connection, rather than waiting for one.
    pub async fn check(&self) -> Result<(), LedgerError> {
        if !self.shared.commands.stands() {
            return Err(LedgerError::Unavailable("not connected".to_owned()));
        }
        self.last_revision().await.map(drop)
    }

    /// Runs a script within this history.
    async fn run(
        &self,
        repeat: Repeat,
        script: &Script,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<Reply, LedgerError> {
        let shared = &*self.shared;
        let mut all: Vec<Value> = Vec::with_capacity(args.len() + 2);
        all.push(shared.epoch.as_str().into());
        all.push(shared.seen.load(Ordering::Acquire).to_string().into());
        all.extend(args);
        let answer = shared
            .commands
            .call(repeat, Duration::ZERO, |client| scripts::run(client, script, keys.clone(), all.clone()))
            .await?;
        Reply::read(answer)
    }

    /// Remembers that the history has come to `revision`.
    fn saw(&self, revision: Revision) {
        self.shared.seen.fetch_max(revision.0, Ordering::AcqRel);
    }
}

/// Begins a history or finds the one that is there; also says where it ends.
async fn begin(connection: &Connection, keys: &Keys, scripts: &Scripts) -> Result<(Epoch, Revision), LedgerError> {
    let names = vec![keys.meta.clone(), keys.stores.clone(), keys.log.clone()];
    let epoch = Epoch::from_random(rand::random());
    let args: Vec<Value> = vec![epoch.as_str().into(), FORMAT.into()];
    let answer = connection
        .call(Repeat::Safe, Duration::ZERO, |client| scripts::run(client, &scripts.begin, names.clone(), args.clone()))
        .await?;
    let mut reply = Reply::read(answer)?;
    if reply.word != "begun" {
        return Err(LedgerError::Corrupt(format!("there are stores or changes, but {} is missing", keys.meta)));
    }
    let epoch = reply.text()?.parse().map_err(|error| LedgerError::Corrupt(format!("epoch {error}")))?;
    let format = reply.text()?;
    if format != FORMAT {
        let why = format!("its format is {format:?}, and this program knows {FORMAT:?}");
        return Err(LedgerError::Corrupt(why));
    }
    let last = reply.revision()?;
    tracing::info!(%epoch, %last, found = reply.text()?, "the history of the ledger");
    Ok((epoch, last))
}

/// Whole microseconds.
fn micros(duration: Duration) -> Value {
    duration.as_micros().min(u128::from(u64::MAX >> 12)).to_string().into()
}

impl Ledger for RedisLedger {
    fn epoch(&self) -> Epoch {
        self.shared.epoch.clone()
    }

    async fn last_revision(&self) -> Result<Revision, LedgerError> {
        let shared = &*self.shared;
        // Before the question, because other answers may overtake this one.
        let seen = shared.seen.load(Ordering::Acquire);
        let answer = shared
            .commands
            .call(Repeat::Safe, Duration::ZERO, |client| {
                commands::hmget(client, &shared.keys.meta, ["epoch", "revision"])
            })
            .await?;
        let mut fields = reply::list(answer)?.into_iter();
        let (epoch, last) = (fields.next().and_then(Value::into_string), fields.next());
        match epoch {
            Some(epoch) if epoch == shared.epoch.as_str() => {}
            Some(epoch) => return Err(LedgerError::EpochChanged(format!("it is {epoch} now"))),
            None => return Err(LedgerError::EpochChanged("it is empty".to_owned())),
        }
        let last = Revision(last.and_then(|last| last.as_u64()).ok_or_else(|| unexpected("no revision"))?);
        if last.0 < seen {
            return Err(gone_back(last));
        }
        self.saw(last);
        Ok(last)
    }

    async fn write(&self, write: Write) -> Result<Written, LedgerError> {
        let Write { mut store, expected, fence, operation } = write;
        let Shared { keys, scripts, history, .. } = &*self.shared;
        let mut names = vec![&keys.meta, &keys.stores, &keys.log, &keys.claims, &keys.tombstones];
        let answer = operation.as_ref().map(|operation| keys.operation(&operation.id));
        names.extend(&answer);
        let names = names.into_iter().cloned().collect();
        let expected = match expected {
            Expected::Vacant => String::new(),
            Expected::Revision(revision) => revision.to_string(),
        };
        // The same for every delivery of this call, and for no other call.
        let attempt = format!("{:016x}", rand::random::<u64>());
        let args: Vec<Value> = vec![
            store.id.as_str().into(),
            attempt.into(),
            expected.into(),
            fence.map(|fence| fence.0.to_string()).unwrap_or_default().into(),
            operation.map(|operation| operation.digest).unwrap_or_default().into(),
            OPERATION_WINDOW.as_secs().to_string().into(),
            (if store.state == State::Deleted { "D" } else { "L" }).into(),
            record::encode(&store)?.into(),
            history.to_string().into(),
        ];
        let mut reply = self.run(Repeat::Safe, &scripts.write, names, args).await?;
        match reply.word.as_str() {
            "applied" => {
                store.revision = reply.revision()?;
                self.saw(store.revision);
                Ok(Written::Applied(store))
            }
            "repeated" => Ok(Written::Repeated(reply.store()?)),
            other => Err(unexpected(other)),
        }
    }

    async fn recall(&self, operation: &Operation) -> Result<Option<Store>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.operation(&operation.id)];
        let args = vec![operation.digest.as_str().into()];
        let mut reply = self.run(Repeat::Safe, &scripts.recall, names, args).await?;
        (reply.word == "found").then(|| reply.store()).transpose()
    }

    async fn load(&self, id: &StoreId) -> Result<Option<Store>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.stores.clone()];
        let mut reply = self.run(Repeat::Safe, &scripts.load, names, vec![id.as_str().into()]).await?;
        (reply.word == "found").then(|| reply.store()).transpose()
    }

    async fn scan(&self) -> Result<Vec<Store>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        // The hash may be rebuilt meanwhile, and then shows a record twice.
        let mut found: HashMap<StoreId, Store> = HashMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let names = vec![keys.meta.clone(), keys.stores.clone()];
            let args = vec![cursor.into(), SCAN_PAGE.to_string().into()];
            let mut page = reply::list(self.run(Repeat::Safe, &scripts.scan, names, args).await?.next()?)?.into_iter();
            cursor = reply::text(page.next())?;
            for value in reply::list(page.next().unwrap_or(Value::Null))?.into_iter().skip(1).step_by(2) {
                let store = reply::stored(&reply::bytes(value)?)?;
                match found.get(&store.id) {
                    Some(known) if known.revision >= store.revision => {}
                    _ => drop(found.insert(store.id.clone(), store)),
                }
            }
            if cursor == "0" {
                return Ok(found.into_values().collect());
            }
        }
    }

    async fn read_log(&self, after: Revision, most: usize, wait: Duration) -> Result<LogPage, LedgerError> {
        self.follow(after, most, wait).await
    }

    async fn claim(&self, id: &StoreId, owner: &Owner, lease: Duration) -> Result<Option<Claim>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.claims.clone()];
        let args = vec![id.as_str().into(), owner.0.as_str().into(), micros(lease)];
        let mut reply = self.run(Repeat::Safe, &scripts.claim, names, args).await?;
        if reply.word == "held" {
            return Ok(None);
        }
        let fence = Fence(reply.number()?);
        let expires = Timestamp::from_micros(i64::try_from(reply.number()?).unwrap_or(i64::MAX));
        Ok(Some(Claim { store: id.clone(), owner: owner.clone(), fence, expires }))
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.claims.clone()];
        let args = vec![claim.store.as_str().into(), claim.fence.0.to_string().into()];
        self.run(Repeat::Safe, &scripts.release, names, args).await.map(drop)
    }

    async fn take_duty(&self, duty: Duty, owner: &Owner, lease: Duration) -> Result<Option<Fence>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.duties.clone()];
        let args = vec![duty.as_str().into(), owner.0.as_str().into(), micros(lease)];
        let mut reply = self.run(Repeat::Safe, &scripts.claim, names, args).await?;
        if reply.word == "held" { Ok(None) } else { Ok(Some(Fence(reply.number()?))) }
    }

    async fn leave_duty(&self, duty: Duty, fence: Fence) -> Result<(), LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.duties.clone()];
        let args = vec![duty.as_str().into(), fence.0.to_string().into()];
        self.run(Repeat::Safe, &scripts.release, names, args).await.map(drop)
    }

    async fn sweep(&self, age: Duration, most: usize) -> Result<usize, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.stores.clone(), keys.claims.clone(), keys.tombstones.clone()];
        let args = vec![micros(age), most.to_string().into()];
        // A second sweep would count its own tombstones only.
        let mut reply = self.run(Repeat::Never, &scripts.sweep, names, args).await?;
        Ok(usize::try_from(reply.number()?).unwrap_or(usize::MAX))
    }
}
