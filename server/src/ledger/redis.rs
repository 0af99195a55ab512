//! The ledger on Redis: every write is one script, every record has its revision, the log is a stream.
//!
//! fred is named in this room and nowhere else. What it does by itself is kept to holding a connection; deadlines and
//! repetitions are ours (`connection.rs`), because only the scripts know what may be repeated.

mod admission;
mod audit;
mod cluster;
mod commands;
mod config;
mod connection;
mod fault;
mod history;
mod keys;
mod log;
mod meter;
mod pool;
mod replicas;
mod reply;
mod safety;
mod scripts;
mod sentinel;
mod tls;
mod uses;
mod write;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use fred::types::{Value, scripts::Script};
use sendstores_core::{
    Epoch, Kind, Record, Resource, ResourceId, Revision, TenantId, Timestamp, TokenId,
    admission::Terms,
    audit::{AuditEntry, AuditId},
    cluster::ClusterUid,
    ledger::{
        Claim, Fence, Ledger, LedgerError, LogPage, OPERATION_WINDOW, Operation, Owner, Scan, SetCluster, Unreadable,
        Write, Written,
    },
};
use tokio::{sync::Mutex, time::timeout};

use self::{
    connection::{Connection, Repeat},
    history::Known,
    keys::{Keys, OfKind},
    meter::Metered,
    pool::Pool,
    replicas::Replicas,
    reply::{Reply, gone_back, unexpected},
    scripts::Scripts,
    write::Batches,
};
use super::record;

pub use config::{Durability, Identity, RedisConfig};
pub use scripts::WRITE_SCRIPT;

/// Raised when keys or stored values change so that an older program would misread them.
const FORMAT: &str = "1";

/// Redis takes 16 KiB at most from a connection, some eight writes, before it syncs its file and answers. From several
/// connections it takes as much from each, and one sync serves them all.
const CONNECTIONS: usize = 4;

/// About how many records one page of a scan holds.
const SCAN_PAGE: u64 = 500;

/// How often the settings of Redis are checked.
const SAFETY_INTERVAL: Duration = Duration::from_secs(10);

/// The ledger on Redis. Clones share its connections.
#[derive(Clone)]
pub struct RedisLedger {
    shared: Arc<Shared>,
}

struct Shared {
    commands: Pool,
    /// Only for reads that block: whatever follows one waits with it.
    blocking: Connection,
    /// For what replicas must have before it is acknowledged.
    replicas: Option<Replicas>,
    /// Writes that go together.
    batches: Batches,
    turn: Mutex<()>,
    keys: Keys,
    scripts: Scripts,
    known: RwLock<Known>,
    config: RedisConfig,
    /// Why Redis may not be written to now.
    refused: RwLock<Option<String>>,
    history: u32,
    /// How many entries of changes the audit keeps.
    audit: u32,
    slice: Duration,
}

// === impl RedisLedger ===

impl RedisLedger {
    /// Connects, refuses a Redis that is not set up safely, and begins a history if there is none.
    pub async fn connect(config: RedisConfig) -> Result<Self, LedgerError> {
        let commands = Pool::open(&config, CONNECTIONS).await?;
        for warning in safety::check(commands.next(), &config).await? {
            tracing::warn!("{warning}");
        }
        let (keys, scripts) = (Keys::new(&config.prefix), Scripts::new());
        let known = history::begin(commands.next(), &keys, &scripts).await?;
        let blocking = Connection::open(&config).await?;
        let replicas = Replicas::open(&config).await?;
        let shared = Shared {
            commands,
            blocking,
            replicas,
            batches: Batches::default(),
            turn: Mutex::new(()),
            keys,
            scripts,
            known: RwLock::new(known),
            history: config.history.get(),
            audit: config.audit.get(),
            slice: config.slice(),
            refused: RwLock::default(),
            config,
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

    /// Checks the settings of Redis again: a while after the last check, and when a connection was made anew, as after a
    /// restart. While they are not safe, nothing is promised to be kept. Runs for ever.
    pub async fn watch_safety(&self) {
        let mut reconnected = self.shared.commands.reconnections();
        loop {
            let looked = safety::check(self.shared.commands.next(), &self.shared.config).await;
            match looked {
                Ok(_) => self.refuse(None),
                Err(LedgerError::Unsafe(why)) => self.refuse(Some(why)),
                // It says nothing of its settings, so what was known of them holds.
                Err(_) => {}
            }
            // Lagging is a reason to check, too.
            let _ = timeout(SAFETY_INTERVAL, reconnected.recv()).await;
        }
    }

    fn refuse(&self, why: Option<String>) {
        let mut refused = self.shared.refused.write().unwrap_or_else(PoisonError::into_inner);
        if *refused == why {
            return;
        }
        match &why {
            Some(why) => tracing::error!(%why, "Redis is not set up safely any more: nothing is written until it is"),
            None => tracing::info!("Redis is set up safely again"),
        }
        metrics::gauge!("sendstores_redis_unsafe").set(if why.is_some() { 1.0 } else { 0.0 });
        *refused = why;
    }

    fn refused(&self) -> Option<String> {
        self.shared.refused.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a script within this history.
    async fn run(
        &self,
        repeat: Repeat,
        script: &Metered,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<Reply, LedgerError> {
        let all = self.within_history(args);
        self.ask(repeat, Duration::ZERO, script, keys, all).await
    }

    /// Runs a script within this history whose answer promises something: that survives a failover too, if it is asked
    /// for. What was found done is promised as what was done.
    async fn promise(&self, script: &Metered, keys: Vec<String>, args: Vec<Value>) -> Result<Reply, LedgerError> {
        let begun = Instant::now();
        script.meter.count(begun, self.promised(script, keys, args).await)
    }

    /// As [`Self::promise`], counted by the caller.
    async fn promised(&self, script: &Metered, keys: Vec<String>, args: Vec<Value>) -> Result<Reply, LedgerError> {
        if let Some(why) = self.refused() {
            return Err(LedgerError::Unsafe(why));
        }
        let args = self.within_history(args);
        let answer = match &self.shared.replicas {
            Some(replicas) => replicas.run(&script.script, &keys, &args).await,
            None => self.answer(Repeat::Safe, Duration::ZERO, &script.script, keys, args).await,
        };
        answer.and_then(Reply::read)
    }

    /// The arguments after those that every script has.
    fn within_history(&self, args: Vec<Value>) -> Vec<Value> {
        let Known { epoch, seen, .. } = self.known();
        [epoch.as_str().into(), seen.to_string().into()].into_iter().chain(args).collect()
    }

    /// Runs a script that knows of no history.
    async fn ask(
        &self,
        repeat: Repeat,
        extra: Duration,
        script: &Metered,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<Reply, LedgerError> {
        let begun = Instant::now();
        let answer = self.answer(repeat, extra, &script.script, keys, args).await;
        script.meter.count(begun, answer.and_then(Reply::read))
    }

    async fn answer(
        &self,
        repeat: Repeat,
        extra: Duration,
        script: &Script,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<Value, LedgerError> {
        let run = |client| scripts::run(client, script, keys.clone(), args.clone());
        self.shared.commands.next().call(repeat, extra, run).await
    }
}

/// Whole microseconds.
fn micros(duration: Duration) -> Value {
    duration.as_micros().min(u128::from(u64::MAX >> 12)).to_string().into()
}

/// The digest of an operation as it is kept. An id that was used for a resource of another kind was used for another
/// request.
fn digest(kind: Kind, operation: &Operation) -> String {
    let Operation { digest, .. } = operation;
    if kind == Kind::Store { digest.clone() } else { format!("{}:{digest}", kind.as_str()) }
}

/// The name of the kind in the log. Stores have none: the log is older than other kinds.
fn in_the_log(kind: Kind) -> &'static str {
    if kind == Kind::Store { "" } else { kind.as_str() }
}

fn revision_of<R: Resource>(record: &Result<R, Unreadable>) -> Revision {
    match record {
        Ok(resource) => resource.revision(),
        Err(unreadable) => unreadable.revision,
    }
}

impl Ledger for RedisLedger {
    fn epoch(&self) -> Epoch {
        self.known().epoch
    }

    async fn last_revision(&self) -> Result<Revision, LedgerError> {
        let shared = &*self.shared;
        // The readers of an outage are answered at once; only those of its first moments wait for Redis to come back.
        if shared.commands.is_given_up() {
            return Err(LedgerError::Unavailable("not connected".to_owned()));
        }
        // Before the question, because other answers may overtake this one.
        let known = self.known();
        let question = |client| commands::hmget(client, &shared.keys.meta, &["epoch", "revision"]);
        let begun = Instant::now();
        let answer = shared.commands.next().call(Repeat::Safe, Duration::ZERO, question).await;
        let mut fields = reply::list(shared.scripts.revision.count(begun, answer)?)?.into_iter();
        let (epoch, last) = (fields.next().and_then(Value::into_string), fields.next());
        if epoch.as_deref() != Some(known.epoch.as_str()) {
            return Err(reply::replaced(epoch.as_deref().unwrap_or_default()));
        }
        let last = Revision(last.and_then(|last| last.as_u64()).ok_or_else(|| unexpected("no revision"))?);
        if last < known.seen {
            return Err(gone_back(last));
        }
        self.saw(&known.epoch, last);
        Ok(last)
    }

    async fn submit<R: Resource>(&self, write: Write<R>, terms: Terms) -> Result<Written<R>, LedgerError> {
        self.write_one(write, terms).await
    }

    async fn check_counts(&self, at: Revision, stores: &BTreeMap<TenantId, u64>) -> Result<Option<u64>, LedgerError> {
        self.compare_counts(at, stores).await
    }

    async fn note_refusals(&self, entries: &[AuditEntry]) -> Result<(), LedgerError> {
        self.add_refusals(entries).await
    }

    async fn read_audit(
        &self,
        before: Option<AuditId>,
        most: usize,
    ) -> Result<Vec<(AuditId, Option<AuditEntry>)>, LedgerError> {
        self.audit_entries(before, most).await
    }

    async fn note_uses(
        &self,
        uses: &[(TokenId, Timestamp)],
        coarse: Duration,
    ) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        self.keep_uses(uses, coarse).await
    }

    async fn last_uses(&self, tokens: &[TokenId]) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        self.read_uses(tokens).await
    }

    async fn recall<R: Resource>(&self, operation: &Operation) -> Result<Option<R>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.operation(operation)];
        let args = vec![digest(R::KIND, operation).into()];
        let mut reply = self.promise(&scripts.recall, names, args).await?;
        (reply.word == "found").then(|| reply.resource()).transpose()
    }

    async fn note_missing<I: ResourceId>(
        &self,
        id: &I,
        operation: &Operation,
    ) -> Result<Option<I::Resource>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let kind = I::Resource::KIND;
        let names = vec![keys.meta.clone(), keys.of(kind).records.clone(), keys.operation(operation)];
        let args = [id.as_str(), &digest(kind, operation), &OPERATION_WINDOW.as_secs().to_string()].map(Value::from);
        let mut reply =
            self.promise(&scripts.missing, names, args.to_vec()).await.map_err(|error| error.of(id.key()))?;
        match reply.word.as_str() {
            "conflict" => Err(reply.conflict(kind).of(id.key())),
            "repeated" => reply.resource().map(Some),
            _ => Ok(None),
        }
    }

    async fn load<I: ResourceId>(&self, id: &I) -> Result<Option<I::Resource>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.of(I::Resource::KIND).records.clone()];
        let mut reply = self.run(Repeat::Safe, &scripts.load, names, vec![id.as_str().into()]).await?;
        (reply.word == "found").then(|| reply.resource()).transpose().map_err(|error| error.of(id.key()))
    }

    async fn scan<R: Resource>(&self) -> Result<Scan<R>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        // The hash may be rebuilt meanwhile, and then shows a record twice.
        let mut found: HashMap<R::Id, Result<R, Unreadable>> = HashMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let names = vec![keys.meta.clone(), keys.of(R::KIND).records.clone()];
            let args = vec![cursor.into(), SCAN_PAGE.to_string().into()];
            let mut page = reply::list(self.run(Repeat::Safe, &scripts.scan, names, args).await?.next()?)?.into_iter();
            cursor = reply::text(page.next())?;
            let mut values = reply::list(page.next().unwrap_or(Value::Null))?.into_iter();
            while let (Some(id), Some(value)) = (values.next(), values.next()) {
                let Some(id) = reply::text(Some(id)).ok().and_then(|id| id.parse::<R::Id>().ok()) else {
                    tracing::warn!(
                        "Redis has a record under what is no id of a {}; it is passed over",
                        R::KIND.as_str()
                    );
                    continue;
                };
                let stored = reply::stored(R::KIND, &reply::bytes(value)?).and_then(record::typed);
                let stored = stored.map_err(|unreadable| unreadable.of(id.key()));
                match found.get(&id) {
                    Some(known) if revision_of(known) >= revision_of(&stored) => {}
                    _ => drop(found.insert(id, stored)),
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

    async fn claim<I: ResourceId>(&self, id: &I, owner: &Owner, lease: Duration) -> Result<Option<Claim>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.claims.clone()];
        let key = id.key();
        let args = vec![Keys::claim(&key).into(), owner.0.as_str().into(), micros(lease)];
        let mut reply = self.promise(&scripts.claim, names, args).await?;
        if reply.word == "held" {
            return Ok(None);
        }
        let fence = Fence(reply.number()?);
        let expires = Timestamp::from_micros(i64::try_from(reply.number()?).unwrap_or(i64::MAX));
        Ok(Some(Claim { key, owner: owner.clone(), fence, expires }))
    }

    async fn renew(&self, claims: &[Claim], lease: Duration) -> Result<Vec<bool>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.claims.clone()];
        let mut args = vec![micros(lease)];
        args.extend(claims.iter().flat_map(|claim| [Keys::claim(&claim.key).into(), claim.fence.0.to_string().into()]));
        let mut reply = self.promise(&scripts.renew, names, args).await?;
        let renewed: Vec<_> =
            reply::list(reply.next()?)?.into_iter().map(|said| reply::text(Some(said))).collect::<Result<_, _>>()?;
        if renewed.len() != claims.len() {
            return Err(unexpected("another number of claims"));
        }
        Ok(renewed.iter().map(|said| said == "1").collect())
    }

    async fn claimed_for<I: ResourceId>(&self, id: &I) -> Result<Duration, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.claims.clone()];
        let mut reply = self.run(Repeat::Safe, &scripts.rest, names, vec![Keys::claim(&id.key()).into()]).await?;
        Ok(Duration::from_micros(reply.number()?))
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.claims.clone()];
        let args = vec![Keys::claim(&claim.key).into(), claim.fence.0.to_string().into()];
        self.run(Repeat::Safe, &scripts.release, names, args).await.map(drop)
    }

    async fn announce(&self, owner: &Owner, lease: Duration) -> Result<Vec<Owner>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.replicas.clone()];
        let args = vec![owner.0.as_str().into(), micros(lease)];
        let mut reply = self.run(Repeat::Safe, &scripts.announce, names, args).await?;
        let owners = reply::list(reply.next()?)?.into_iter();
        owners.map(|owner| reply::text(Some(owner)).map(Owner)).collect()
    }

    async fn sweep(&self, age: Duration, most: usize) -> Result<usize, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let mut names = vec![keys.meta.clone(), keys.claims.clone(), keys.uses.clone()];
        let mut args = vec![micros(age), most.to_string().into()];
        for OfKind { kind, records, tombstones } in keys.kinds() {
            names.extend([records.clone(), tombstones.clone()]);
            args.push(Keys::before_claim(*kind).into());
        }
        // A second sweep would count its own tombstones only.
        let mut reply = self.run(Repeat::Never, &scripts.sweep, names, args).await?;
        Ok(usize::try_from(reply.number()?).unwrap_or(usize::MAX))
    }

    async fn doubt(&self) -> Result<Option<String>, LedgerError> {
        self.read_doubt().await
    }

    async fn cast_doubt(&self, why: &str) -> Result<(), LedgerError> {
        self.put_in_doubt(why).await
    }

    async fn rejoin(&self) -> Result<(), LedgerError> {
        self.join_again().await
    }

    async fn cluster(&self, set: SetCluster<'_>) -> Result<Option<ClusterUid>, LedgerError> {
        self.ask_cluster(set).await
    }

    async fn adopt(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        self.begin_anew(records).await
    }
}
