//! Makes, removes and expires backups, beside whatever is done with their stores.
//!
//! The backups of one store share a repository, and one claim on it: one replica works on one of them at a time. What to do is decided
//! by [`sendstores_core::backup::job::plan`]; here it is done and recorded under the claim's fence. Nothing is remembered from one
//! step to the next that the record and the cluster do not say, so a server that ends at any point is followed by one that looks
//! and goes on.

mod run;

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    time::{Duration, SystemTime},
};

use futures::{StreamExt, stream::FuturesUnordered};
use sendstores_core::{
    Backup, BackupId, Revision, Timestamp, Uid,
    backoff::Backoff,
    backup::job::RunJobs,
    ledger::{Ledger, Owner},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::run::{Ended, Run};
use super::lease::Leases;
use crate::{
    mirror::Mirror,
    supervise::{self, TaskError},
};

/// How many repositories are worked on at once. A run waits for its Job most of the time.
const AT_ONCE: usize = 64;
/// How long to wait after an error, first and at most.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };
/// The least time until a backup is looked at again whose time has come by this machine's clock, but not by the ledger's.
const SOON: Duration = Duration::from_secs(1);
/// The longest wait of the timer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How long runs may take to give their claims back when the process stops.
const RELEASE_LIMIT: Duration = Duration::from_secs(2);

/// How backups are carried out.
#[derive(Clone, Copy, Debug)]
pub struct BackupPolicy {
    /// How long a claim lasts unless renewed.
    pub lease: Duration,
    /// How long a backup may go without a Job that ends, from when it began.
    pub patience: Duration,
}

/// One replica's part in it.
pub struct BackupDriver<L, J> {
    pub ledger: L,
    pub mirror: Mirror,
    pub jobs: J,
    pub owner: Owner,
    pub policy: BackupPolicy,
}

/// What is known of one repository between two runs.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    /// The newest change of its backups when the last run began: a later one may be of a backup that the run did not know.
    seen: Revision,
    /// When there is something to do without a change. `None`: never.
    until: Option<Instant>,
    /// How many runs in a row ended with an error.
    errors: u32,
}

/// The backups of each repository with something to do.
type Due = BTreeMap<String, (Uid, Revision, Vec<BackupId>)>;

// === impl BackupDriver ===

impl<L: Ledger, J: RunJobs> BackupDriver<L, J> {
    /// Runs until `stop`. Nothing is done while the ledger is not believed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TaskError> {
        loop {
            tokio::select! {
                () = self.mirror.dependable() => {}
                () = stop.cancelled() => return Ok(()),
            }
            self.work(&stop).await;
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Until `stop`, or until the ledger is not believed.
    async fn work(&self, stop: &CancellationToken) {
        let (leases, stopped) = (Leases::default(), CancellationToken::new());
        let mut renewal = pin!(leases.renew(&self.ledger, self.policy.lease));
        let mut changes = self.mirror.backup_changes();
        let (mut runs, mut running) = (FuturesUnordered::new(), HashMap::<Uid, Revision>::new());
        let mut rests: HashMap<Uid, Rest> = HashMap::new();
        loop {
            changes.mark_unchanged();
            let due = self.due();
            rests.retain(|uid, _| due.contains_key(uid.as_str()));
            for (uid, revision, ids) in due.into_values() {
                let rest = rests.get(&uid).copied().unwrap_or_default();
                if running.len() < AT_ONCE && !running.contains_key(&uid) && rest.is_over(revision) {
                    running.insert(uid.clone(), revision);
                    let run = Run::new(self, &leases, uid, ids, stopped.clone());
                    runs.push(async move {
                        let uid = run.uid().clone();
                        (uid, supervise::caught("backups", run.run()).await)
                    });
                }
            }
            let next = next_wake(&rests, &running);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.mirror.doubted() => break,
                Ok(()) = changes.changed() => {}
                Some((uid, ended)) = runs.next(), if !runs.is_empty() => {
                    let begun = running.remove(&uid).unwrap_or(Revision::ZERO);
                    let ended = ended.unwrap_or_else(|panicked| {
                        tracing::error!(%panicked, "the work on a backup broke off");
                        Ended::InVain
                    });
                    rests.entry(uid).or_default().note(begun, ended);
                }
                () = tokio::time::sleep_until(next) => {}
                never = &mut renewal => match never {},
            }
        }
        stopped.cancel();
        let released = async { while runs.next().await.is_some() {} };
        if tokio::time::timeout(RELEASE_LIMIT, released).await.is_err() {
            tracing::warn!("some claims on repositories were not given back; they expire");
        }
    }

    /// What is to be done, or will be at some time.
    fn due(&self) -> Due {
        let may_need_work =
            |backup: &Backup| !backup.state.has_ended() || backup.expire_time.is_some() && backup.state.has_ended();
        let mut due = Due::new();
        for backup in self.mirror.backups(may_need_work, None, usize::MAX) {
            let uid = backup.store_uid();
            let (_, newest, ids) =
                due.entry(uid.to_string()).or_insert_with(|| (uid.clone(), Revision::ZERO, Vec::new()));
            *newest = (*newest).max(backup.revision);
            ids.push(backup.id.clone());
        }
        due
    }
}

/// When the next repository that rests has something to do.
fn next_wake(rests: &HashMap<Uid, Rest>, running: &HashMap<Uid, Revision>) -> Instant {
    let longest = Instant::now() + LONGEST;
    if running.len() >= AT_ONCE {
        // The end of one of them makes room.
        return longest;
    }
    let waiting = rests.iter().filter(|(uid, _)| !running.contains_key(*uid)).filter_map(|(_, rest)| rest.until);
    waiting.min().map_or(longest, |until| until.min(longest))
}

/// How long it is until `time`, and not too short.
fn until(time: Timestamp) -> Duration {
    time.since(SystemTime::now().into()).clamp(SOON, LONGEST)
}

// === impl Rest ===

impl Rest {
    fn is_over(self, newest: Revision) -> bool {
        newest > self.seen || self.until.is_some_and(|until| until <= Instant::now())
    }

    fn note(&mut self, begun: Revision, ended: Ended) {
        self.errors = if ended == Ended::InVain { self.errors.saturating_add(1) } else { 0 };
        let wait = match ended {
            Ended::InVain => Some(BACKOFF.wait(self.errors, rand::random())),
            Ended::Rest(wait) => wait,
        };
        self.seen = self.seen.max(begun);
        self.until = wait.map(|wait| Instant::now() + wait);
    }
}
