//! Which history is gone by: how one begins, is lost, found again, and begun anew.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use fred::types::Value;
use sendstores_core::{Epoch, Record, Revision, ledger::LedgerError};

use super::{
    FORMAT, RedisLedger, Shared, commands,
    connection::{Connection, Repeat},
    in_the_log,
    keys::Keys,
    reply::{self, Reply, gone_back},
    scripts::{self, Scripts},
};
use crate::ledger::record;

/// How much longer than any other call an adoption may take: it carries every record at once.
const ADOPTION: Duration = Duration::from_secs(30);

/// The history this process goes by.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) epoch: Epoch,
    /// The highest revision that this process has seen. A history that ends before it is not ours.
    pub(super) seen: Revision,
    /// Where the log was read to last, and which write is there.
    read: Option<(Revision, String)>,
}

/// What Redis says of its history.
struct Head {
    epoch: Option<String>,
    revision: Option<u64>,
    doubt: Option<String>,
    adopted: Option<String>,
}

/// The mark of a stored value: L live, D deleted.
pub(super) fn mark(record: &Record) -> &'static str {
    if record.is_deleted() { "D" } else { "L" }
}

/// Begins a history or finds the one that is there.
pub(super) async fn begin(connection: &Connection, keys: &Keys, scripts: &Scripts) -> Result<Known, LedgerError> {
    let names = keys.of_head();
    let epoch = Epoch::from_random(rand::random());
    let args: Vec<Value> = vec![epoch.as_str().into(), FORMAT.into()];
    let begun = Instant::now();
    let answer = connection
        .call(Repeat::Safe, Duration::ZERO, |client| {
            scripts::run(client, &scripts.begin.script, names.clone(), args.clone())
        })
        .await;
    let mut reply = scripts.begin.meter.count(begun, answer.and_then(Reply::read))?;
    let epoch = parsed(&reply.text()?)?;
    let format = reply.text()?;
    if format != FORMAT {
        let why = format!("its format is {format:?}, and this program knows {FORMAT:?}");
        return Err(LedgerError::Corrupt(why));
    }
    let seen = reply.revision()?;
    tracing::info!(%epoch, last = %seen, found = reply.text()?, "the history of the ledger");
    Ok(Known { epoch, seen, read: None })
}

fn parsed(epoch: &str) -> Result<Epoch, LedgerError> {
    epoch.parse().map_err(|error| LedgerError::Corrupt(format!("epoch {error}")))
}

// === impl Known ===

impl Known {
    /// Which write gave `revision`, if the log was read up to there.
    pub(super) fn tip_of(&self, revision: Revision) -> Option<String> {
        self.read.as_ref().filter(|(read, _)| *read == revision).map(|(_, tip)| tip.clone())
    }
}

// === impl RedisLedger ===

impl RedisLedger {
    pub(super) fn known(&self) -> Known {
        self.shared.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers that the history `epoch` has come to `revision`.
    pub(super) fn saw(&self, epoch: &Epoch, revision: Revision) {
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        // An answer that was under way while another history was joined says nothing of that one.
        if known.epoch == *epoch {
            known.seen = known.seen.max(revision);
        }
    }

    /// Remembers where the log of the history `epoch` was read to.
    pub(super) fn read_to(&self, epoch: &Epoch, revision: Revision, tip: Option<String>) {
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.epoch == *epoch {
            known.read = tip.map(|tip| (revision, tip));
        }
    }

    /// Whether the write is still there that the log was last read to. One that was trimmed is not asked for any more.
    async fn still_has(&self, read: Option<(Revision, String)>) -> Result<(), LedgerError> {
        let Some((revision, tip)) = read else { return Ok(()) };
        let Shared { keys, commands: pool, .. } = &*self.shared;
        let id = format!("{revision}-0");
        let entry =
            pool.next().call(Repeat::Safe, Duration::ZERO, |client| commands::xrange_one(client, &keys.log, &id));
        match reply::tip(entry.await?)? {
            Some(there) if there != tip => Err(reply::forked(revision)),
            _ => Ok(()),
        }
    }

    fn go_by(&self, known: Known) {
        tracing::info!(epoch = %known.epoch, last = %known.seen, "the history of the ledger from now on");
        *self.shared.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    async fn head(&self) -> Result<Head, LedgerError> {
        let Shared { keys, commands: pool, .. } = &*self.shared;
        let fields = ["epoch", "revision", "doubt", "adopted"];
        let read =
            pool.next().call(Repeat::Safe, Duration::ZERO, |client| commands::hmget(client, &keys.meta, &fields));
        let mut values = reply::list(read.await?)?.into_iter();
        let mut text = || values.next().and_then(Value::into_string);
        let (epoch, revision) = (text(), text().and_then(|digits| digits.parse().ok()));
        Ok(Head { epoch, revision, doubt: text(), adopted: text() })
    }

    pub(super) async fn read_doubt(&self) -> Result<Option<String>, LedgerError> {
        let Head { epoch, doubt, .. } = self.head().await?;
        if epoch.as_deref() != Some(self.known().epoch.as_str()) {
            return Err(reply::replaced(epoch.as_deref().unwrap_or_default()));
        }
        Ok(doubt)
    }

    pub(super) async fn put_in_doubt(&self, why: &str) -> Result<(), LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = keys.of_head();
        let (epoch, new) = (self.known().epoch, Epoch::from_random(rand::random()));
        let args = [epoch.as_str(), why, new.as_str(), FORMAT].map(Value::from);
        self.ask(Repeat::Safe, Duration::ZERO, &scripts.doubt, names, args.to_vec()).await.map(drop)
    }

    pub(super) async fn join_again(&self) -> Result<(), LedgerError> {
        let Head { epoch, revision, doubt, adopted } = self.head().await?;
        if let Some(why) = doubt {
            return Err(LedgerError::InDoubt(why));
        }
        let (Some(epoch), Some(last)) = (epoch, revision.map(Revision)) else { return Err(reply::replaced("")) };
        let known = self.known();
        if epoch != known.epoch.as_str() && adopted.is_none() {
            return Err(reply::replaced(&epoch));
        }
        if epoch == known.epoch.as_str() && last < known.seen {
            return Err(gone_back(last));
        }
        if epoch == known.epoch.as_str() {
            self.still_has(known.read).await?;
        }
        self.go_by(Known { epoch: parsed(&epoch)?, seen: last, read: None });
        Ok(())
    }

    pub(super) async fn begin_anew(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let mut names = vec![&keys.meta, &keys.log, &keys.claims];
        names.extend(keys.kinds().iter().flat_map(|of_kind| [&of_kind.records, &of_kind.tombstones]));
        let (old, new) = (self.known().epoch, Epoch::from_random(rand::random()));
        let mut args: Vec<Value> = vec![old.as_str().into(), new.as_str().into()];
        for record in &records {
            let (key, at) = (record.key(), &keys.of(record.kind()).records);
            let Some(at) = names.iter().position(|name| *name == at) else {
                return Err(LedgerError::Corrupt(format!("no keys for {key:?}")));
            };
            // Lua counts from 1.
            args.extend([(at + 1).to_string().into(), in_the_log(record.kind()).into()]);
            args.extend([key.id().into(), mark(record).into(), record::encode(record)?.into()]);
        }
        let names = names.into_iter().cloned().collect();
        let mut reply = self.ask(Repeat::Safe, ADOPTION, &scripts.adopt, names, args).await?;
        self.go_by(Known { epoch: new, seen: reply.revision()?, read: None });
        Ok(())
    }
}
