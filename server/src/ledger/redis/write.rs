//! Writes that come at the same moment go to Redis together: one script, one sync of its file, and an answer for each.
//!
//! A write never waits for others to come. While a batch is under way, those that come meanwhile are the next one. So batches
//! grow as Redis becomes the bottleneck. A second batch beside it would be of the first write that comes, and cost a sync of
//! its own: it made fewer writes a second.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use fred::types::Value;
use sendstores_core::{
    Epoch, Record, Resource, ResourceId,
    admission::Terms,
    ledger::{Expected, LedgerError, OPERATION_WINDOW, Write, Written},
};
use tokio::{sync::oneshot, task::yield_now, time::timeout};

use super::{
    RedisLedger, Shared, admission, digest,
    fault::Fault,
    history, in_the_log,
    keys::{Keys, OfKind},
    reply::{self, Reply, unexpected},
};
use crate::{
    ledger::record,
    supervise::{Group, caught},
};

/// How many writes go together at most. Redis does nothing else meanwhile, some 50 µs for each.
const MOST: usize = 64;

/// The writes that wait for their batch.
#[derive(Default)]
pub(super) struct Batches {
    waiting: Mutex<Waiting>,
    /// Whose task is the sender.
    tasks: Group,
}

#[derive(Default)]
struct Waiting {
    writes: VecDeque<Pending>,
    /// Whether a task sends batches. It goes on until it finds none.
    sending: bool,
}

/// A write that waits, and who waits for its answer.
struct Pending {
    /// The history that the write was made for.
    epoch: Epoch,
    begun: Instant,
    keys: Vec<String>,
    args: Vec<Value>,
    answer: oneshot::Sender<Result<Reply, LedgerError>>,
}

/// The one that sends batches; how ever its task ends, another may take its place.
struct Sender {
    ledger: RedisLedger,
    sending: bool,
}

// === impl Batches ===

impl Batches {
    /// Returns whether the caller has to start a sender, because there is none.
    fn add(&self, write: Pending) -> bool {
        let mut waiting = self.waiting();
        waiting.writes.push_back(write);
        !mem::replace(&mut waiting.sending, true)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    /// The next batch: writes of one history, without those that nothing waits for any more.
    fn next(&mut self) -> Vec<Pending> {
        self.writes.retain(|write| !write.answer.is_closed());
        let Some(first) = self.writes.front() else { return Vec::new() };
        let epoch = first.epoch.clone();
        let same = self.writes.iter().take(MOST).take_while(|write| write.epoch == epoch).count();
        self.writes.drain(..same).collect()
    }
}

// === impl Sender ===

impl Sender {
    async fn run(self) {
        // It is counted, and the next write starts another sender.
        let _ = caught("writes", Box::pin(self.send_all())).await;
    }

    async fn send_all(mut self) {
        loop {
            // Whose answers the last batch brought, and whose requests were read together, add their writes before the next.
            yield_now().await;
            let Some(batch) = self.next() else { return };
            self.ledger.send(batch).await;
        }
    }

    /// The next batch. If there is none, who comes later finds no sender from this moment on, and starts one.
    fn next(&mut self) -> Option<Vec<Pending>> {
        let mut waiting = self.ledger.shared.batches.waiting();
        let batch = waiting.next();
        self.sending = !batch.is_empty();
        waiting.sending = self.sending;
        self.sending.then_some(batch)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.sending {
            self.ledger.shared.batches.waiting().sending = false;
        }
    }
}

// === impl RedisLedger ===

impl RedisLedger {
    pub(super) async fn write_one<R: Resource>(
        &self,
        write: Write<R>,
        terms: Terms,
    ) -> Result<Written<R>, LedgerError> {
        let key = write.resource.id().key();
        let epoch = self.known().epoch;
        let (mut record, keys, args) = self.words(write, &terms)?;
        let mut reply = self.together(epoch.clone(), keys, args).await.map_err(|error| error.of(key.clone()))?;
        match reply.word.as_str() {
            "applied" => {
                let revision = reply.revision()?;
                record.set_revision(revision);
                self.saw(&epoch, revision);
                Ok(Written::Applied(record::typed(record)?))
            }
            "repeated" => Ok(Written::Repeated(reply.resource()?)),
            "conflict" => Err(reply.conflict(R::KIND).of(key)),
            "denied" => Err(admission::denied(reply)),
            "failed" => Err(Fault::replied(&reply.text()?).error),
            other => Err(unexpected(other)),
        }
    }

    /// The record that is written, and what the script has to know of this write: its own keys, and its arguments.
    fn words<R: Resource>(
        &self,
        write: Write<R>,
        terms: &Terms,
    ) -> Result<(Record, Vec<String>, Vec<Value>), LedgerError> {
        let Write { resource, expected, fence, operation } = write;
        let (key, OfKind { kind, records, tombstones }) = (resource.id().key(), self.shared.keys.of(R::KIND));
        let mut keys = vec![records.clone(), tombstones.clone()];
        keys.extend(operation.as_ref().map(|operation| self.shared.keys.operation(operation)));
        let expected = match expected {
            Expected::Vacant => String::new(),
            Expected::Revision(revision) => revision.to_string(),
        };
        // The same for every delivery of this call, and for no other call.
        let attempt = format!("{:016x}", rand::random::<u64>());
        let record: Record = resource.into();
        let mut args: Vec<Value> = vec![
            key.id().into(),
            attempt.into(),
            expected.into(),
            fence.map(|fence| fence.0.to_string()).unwrap_or_default().into(),
            operation.map(|operation| format!("+{}", digest(R::KIND, &operation))).unwrap_or_default().into(),
            history::mark(&record).into(),
            record::encode(&record)?.into(),
            Keys::claim(&key).into(),
            in_the_log(*kind).into(),
        ];
        args.extend(admission::args(&record, terms)?);
        Ok((record, keys, args))
    }

    /// The answer to a write, which goes with those that come at the same moment.
    async fn together(&self, epoch: Epoch, keys: Vec<String>, args: Vec<Value>) -> Result<Reply, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let write = Pending { epoch, begun: Instant::now(), keys, args, answer };
        if self.shared.batches.add(write) {
            // A task of its own, since a caller may leave while others wait for the same batch.
            let sender = Sender { ledger: self.clone(), sending: true };
            self.shared.batches.tasks.spawner().spawn(sender.run());
        }
        let late = || LedgerError::Unavailable("no answer in time".to_owned());
        timeout(self.shared.config.command_timeout, answered).await.map_err(|_| late())?.map_err(|_| late())?
    }

    /// Sends a batch, and answers each of its writes.
    async fn send(&self, batch: Vec<Pending>) {
        let answers = self.answers(&batch).await;
        let mut answers = answers.map(Vec::into_iter);
        for Pending { begun, answer, .. } in batch {
            let reply = match &mut answers {
                Ok(answers) => answers.next().unwrap_or_else(|| Err(unexpected("an answer is missing"))),
                Err(error) => Err(error.clone()),
            };
            // Who has left is not waited for.
            let _ = answer.send(self.shared.scripts.write.meter.count(begun, reply));
        }
    }

    async fn answers(&self, batch: &[Pending]) -> Result<Vec<Result<Reply, LedgerError>>, LedgerError> {
        let Shared { keys, scripts, history, audit, .. } = &*self.shared;
        let known = self.known().epoch;
        if batch.iter().any(|write| write.epoch != known) {
            // The history was exchanged while they waited; what they expect is of the one before.
            return Err(reply::replaced(known.as_str()));
        }
        let mut names = keys.of_writes();
        let window = OPERATION_WINDOW.as_secs();
        let mut args: Vec<Value> =
            [u64::from(*history), u64::from(*audit), window].map(|n| n.to_string().into()).into();
        for write in batch {
            names.extend(write.keys.iter().cloned());
            args.extend(write.args.iter().cloned());
        }
        let mut reply = self.promised(&scripts.write, names, args).await?;
        let mut answers = Vec::with_capacity(batch.len());
        while let Ok(answer) = reply.next() {
            answers.push(Reply::read(answer));
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_of_one_history_in_order_and_of_those_who_wait() {
        let mut waiting = Waiting::default();
        let mut answers = Vec::new();
        for (number, history) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            let (answer, answered) = oneshot::channel();
            let epoch = Epoch::from_random(if history == "a" { 1 } else { 2 });
            let keys = vec![number.to_string()];
            waiting.writes.push_back(Pending { epoch, begun: Instant::now(), keys, args: Vec::new(), answer });
            answers.push(answered);
        }
        drop(answers.remove(1));
        let mut next = || waiting.next().into_iter().flat_map(|write| write.keys).collect::<Vec<_>>();
        assert_eq!([next(), next(), next()], [["1"], ["3"], ["4"]]);
        assert!(next().is_empty());
    }
}
