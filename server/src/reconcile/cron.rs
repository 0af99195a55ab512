//! Has every shop that is open do what it has scheduled, once an interval.
//!
//! Each replica does it for its share of the stores, the same that it probes. So a shop is asked once an interval however
//! many replicas there are. When a replica comes or goes, a shop may be asked twice in an interval, or not at all in one.
//! Nothing is recorded, so there is nothing to fence: should two replicas ask for a moment, the shop's own lock lets one of
//! them through.

mod schedule;

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use sendstores_core::{FailureReason, StoreFilter, StoreId, cron::RunCron, ledger::Owner, provisioner::StepError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::schedule::Schedule;
use super::members::Members;
use crate::{
    mirror::{Cursor, Entry, Mirror},
    supervise::{self, TaskError},
};

/// How many changes are read in one turn of the loop.
const CHANGES: usize = 256;

/// How shops are asked to do what they have scheduled.
#[derive(Clone, Copy, Debug)]
pub struct CronPolicy {
    /// How often each shop is asked, on average.
    pub interval: Duration,
}

/// One replica's part in it.
pub struct CronDriver<C> {
    pub mirror: Mirror,
    pub shops: C,
    pub owner: Owner,
    /// Those who share the shops; the reconciler has them followed.
    pub members: Members,
    pub policy: CronPolicy,
}

/// What became of one call; `None` when it was no longer wanted.
type Outcome = Option<Result<(), StepError>>;

// === impl CronDriver ===

impl<C: RunCron> CronDriver<C> {
    /// Shops asked at once. A shop answers within 50 ms, mostly; one that hangs holds its place until the deadline.
    pub const AT_ONCE: usize = 32;
    /// From one call to the next, of all stores: 250 a second, enough for 15,000 stores a minute.
    pub const GAP: Duration = Duration::from_millis(4);

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskError> {
        let ready = async || {
            self.mirror.dependable().await;
            self.members.known().await;
        };
        loop {
            tokio::select! {
                () = ready() => {}
                () = stop.cancelled() => return Ok(()),
            }
            tokio::select! {
                never = self.ask_all() => match never {},
                () = self.members.unknown() => tracing::warn!("scheduled jobs rest: other replicas may have taken over"),
                () = self.mirror.doubted() => tracing::warn!("scheduled jobs rest"),
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Never ends by itself. Calls that are under way end with it.
    async fn ask_all(&self) -> Infallible {
        let mut schedule = Schedule::new(self.policy.interval);
        let mut calls = FuturesUnordered::new();
        let mut cursor = self.resync(&mut schedule);
        let mut next = Instant::now();
        loop {
            let free = calls.len() < Self::AT_ONCE && Instant::now() >= next;
            if free && let Some(id) = schedule.next() {
                next = Instant::now() + Self::GAP;
                calls.extend(self.begin(&id, &mut schedule));
                continue;
            }
            tokio::select! {
                changes = cursor.next(CHANGES) => match changes {
                    Ok(changes) => changes.iter().for_each(|change| schedule.notice(&change.store)),
                    Err(_compacted) => cursor = self.resync(&mut schedule),
                },
                Some((id, outcome)) = calls.next(), if !calls.is_empty() => conclude(id, outcome, &mut schedule),
                () = schedule.due() => {}
                () = tokio::time::sleep_until(next), if schedule.is_anyone_due() && calls.len() < Self::AT_ONCE => {}
            }
        }
    }

    /// Every open shop has a turn; the cursor goes on right after them.
    fn resync(&self, schedule: &mut Schedule) -> Cursor {
        let (stores, cursor) = self.mirror.snapshot(&StoreFilter::default());
        schedule.keep_only(&stores);
        cursor
    }

    fn begin(
        &self,
        id: &StoreId,
        schedule: &mut Schedule,
    ) -> Option<impl Future<Output = (StoreId, Outcome)> + use<'_, C>> {
        if !self.members.is_responsible(&self.owner, id) {
            schedule.passed_over(id);
            return None;
        }
        let Some(store) = self.mirror.get(id).filter(|store| schedule::runs_jobs(store)) else {
            schedule.close(id);
            return None;
        };
        Some(self.call(store, schedule.begun(id)?))
    }

    async fn call(&self, store: Arc<Entry>, unwanted: CancellationToken) -> (StoreId, Outcome) {
        let begun = Instant::now();
        let outcome = tokio::select! {
            outcome = supervise::caught("cron", self.shops.run_cron(&store)) => Some(outcome.unwrap_or_else(|panicked| {
                Err(StepError::retryable(FailureReason::Internal, panicked.to_string()))
            })),
            () = unwanted.cancelled() => None,
        };
        if let Some(outcome) = &outcome {
            let name = if outcome.is_ok() { "ok" } else { "failed" };
            metrics::counter!("sendstores_cron_calls_total", "outcome" => name).increment(1);
            metrics::histogram!("sendstores_cron_call_seconds").record(begun.elapsed().as_secs_f64());
        }
        (store.id.clone(), outcome)
    }
}

fn conclude(id: StoreId, outcome: Outcome, schedule: &mut Schedule) {
    let failures = schedule.concluded(&id, outcome.as_ref().is_none_or(Result::is_ok));
    let Some(Err(error)) = outcome else { return };
    match failures {
        1 => tracing::warn!(store = %id, %error, "the shop did not do what it has scheduled"),
        _ => tracing::debug!(store = %id, %error, failures, "the shop still does not do what it has scheduled"),
    }
}
