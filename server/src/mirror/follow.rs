//! Fills the mirror from the ledger and keeps it up to date.

use std::time::{Duration, SystemTime};

use sendstores_core::ledger::{Change, Ledger, LedgerError, LogPage, TOMBSTONE_AGE};
use tokio_util::sync::CancellationToken;

use super::{
    Mirror, Status,
    index::{Index, Records},
    tables::Scans,
};

/// How many changes one read of the log may bring.
const PAGE: usize = 512;
/// How long one read of the log waits for a change; also how soon a lost ledger is noticed when nothing changes.
const WAIT: Duration = Duration::from_secs(2);
/// How long to wait after a failed read.
const PAUSE: Duration = Duration::from_millis(200);
/// How often old tombstones are forgotten.
const SWEEP: Duration = Duration::from_secs(600);

// === impl Mirror ===

impl Mirror {
    /// Runs until `stop`, whatever the ledger answers: the memory serves reads that may be stale meanwhile. When the ledger
    /// turns out to have lost something, the memory is kept as it is, and nothing is believed before the ledger can be
    /// trusted again.
    pub async fn follow<L: Ledger>(self, ledger: L, stop: CancellationToken) {
        let followed = async {
            let mut loaded = false;
            loop {
                let loss = self.read_until_loss(&ledger, &mut loaded).await;
                self.suspect(&loss.to_string(), loaded);
                self.recover(&ledger).await;
                loaded = false;
            }
        };
        tokio::select! {
            () = followed => {}
            () = stop.cancelled() => {}
        }
    }

    /// Reads everything, then follows the log, until the ledger is not what it was.
    async fn read_until_loss<L: Ledger>(&self, ledger: &L, loaded: &mut bool) -> LedgerError {
        let mut swept = tokio::time::Instant::now();
        let mut noted = None;
        loop {
            let step =
                async { if *loaded { self.read_on(ledger).await } else { self.load(ledger).await.map(|()| true) } };
            match step.await {
                Ok(still_loaded) => {
                    *loaded = still_loaded;
                    noted = None;
                }
                Err(error) if error.is_loss() => return error,
                // Such as a right or a password that was taken away, or a log that cannot be understood: an operator, or a newer
                // server, may put it right.
                Err(error) => {
                    note(&error, &mut noted);
                    self.note_failed_read(error).await;
                }
            }
            if *loaded && swept.elapsed() > SWEEP {
                swept = tokio::time::Instant::now();
                self.forget_tombstones();
            }
        }
    }

    /// Notes the loss in the ledger, for the other replicas, and waits until there is a history that can be gone on with.
    async fn recover<L: Ledger>(&self, ledger: &L) {
        let (mut doubt_is_cast, mut noted) = (false, None);
        loop {
            match ledger.rejoin().await {
                Ok(()) => break,
                Err(LedgerError::EpochChanged(why)) if !doubt_is_cast => {
                    match ledger.cast_doubt(&why).await {
                        // The history of another ledger is left alone.
                        Ok(()) | Err(LedgerError::EpochChanged(_)) => doubt_is_cast = true,
                        Err(error) => tracing::warn!(%error, "the loss could not be noted in Redis; trying again"),
                    }
                }
                Err(error) if error.is_loss() => {}
                Err(error) => note(&error, &mut noted),
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.set_status(Status::Loading);
        self.trust();
        tracing::info!(epoch = %ledger.epoch(), "the ledger is believed again");
    }

    /// Reads everything: notes the log's end, scans the records, then reads the log from as far back as the ring reaches
    /// and the log is kept. So a token from before the start is good here, too. The scan is no snapshot, so the mirror
    /// goes live only when it has passed the newest record the scan saw; until then the old index stays in place. A
    /// watcher that is open meanwhile goes on if the new ring reaches back to it, and gets HISTORY_COMPACTED otherwise.
    async fn load<L: Ledger>(&self, ledger: &L) -> Result<(), LedgerError> {
        self.set_status(Status::Loading);
        let begun = SystemTime::now().into();
        let end = ledger.last_revision().await?;
        let records = Records { stores: ledger.scan().await?, others: Scans::read(ledger).await? };
        let newest = records.newest().max(end);
        let ring_size = self.read().ring_size();
        let mut index = Index::of_records(ledger.epoch(), ring_size, records, end);
        while index.revision() < newest {
            match ledger.read_log(index.revision(), PAGE, WAIT).await? {
                LogPage::Changes(changes) => {
                    if !changes.into_iter().all(|change| index.apply(change)) {
                        return Err(LedgerError::Unavailable("a change of an unknown store while loading".to_owned()));
                    }
                }
                // The log is shorter than the ring, or other replicas' writes trim it while it is read.
                LogPage::Compacted { oldest } if index.skip_to(oldest) => {}
                LogPage::Compacted { .. } => {
                    return Err(LedgerError::Unavailable("the log moved on while loading".to_owned()));
                }
            }
        }
        let (stores, revision, oldest) = (index.len(), index.revision(), index.floor());
        count_unreadable(&index);
        *self.write() = index;
        self.tokens_changed();
        self.backups_changed();
        self.0.revision.send_replace(revision);
        self.heed_doubt(ledger).await?;
        self.0.age.complete_since(begun);
        self.set_status(Status::Live);
        tracing::info!(stores, %revision, %oldest, "the mirror is live");
        Ok(())
    }

    /// Reads the next page. False when the log no longer reaches back to the mirror, which must then load again.
    async fn read_on<L: Ledger>(&self, ledger: &L) -> Result<bool, LedgerError> {
        let begun = SystemTime::now().into();
        match ledger.read_log(self.revision(), PAGE, WAIT).await? {
            LogPage::Changes(changes) => {
                if changes.is_empty() {
                    self.heed_doubt(ledger).await?;
                }
                let to_the_end = changes.len() < PAGE;
                if !self.absorb(changes) {
                    tracing::warn!("a change does not say of which store it is; reading everything again");
                    return Ok(false);
                }
                let revision = self.read().revision();
                self.0.revision.send_if_modified(|at| std::mem::replace(at, revision) != revision);
                if to_the_end {
                    self.0.age.complete_since(begun);
                }
                self.set_status(Status::Live);
                Ok(true)
            }
            LogPage::Compacted { .. } => {
                tracing::warn!("the log was trimmed past the mirror; reading everything again");
                Ok(false)
            }
        }
    }

    /// False when a change does not say of which store it is.
    fn absorb(&self, changes: Vec<Change>) -> bool {
        if changes.is_empty() {
            return true;
        }
        let mut index = self.write();
        let before = (index.token_changes(), index.backup_changes());
        let whole = changes.into_iter().all(|change| index.apply(change));
        count_unreadable(&index);
        let (tokens, backups) = (index.token_changes() != before.0, index.backup_changes() != before.1);
        drop(index);
        if tokens {
            self.tokens_changed();
        }
        if backups {
            self.backups_changed();
        }
        whole
    }

    /// Another process may have seen that the ledger lost something. Had it been lost under this one's eyes, reading it
    /// would have said; so what this memory was read from lacked something already.
    async fn heed_doubt<L: Ledger>(&self, ledger: &L) -> Result<(), LedgerError> {
        if let Some(why) = ledger.doubt().await? {
            self.suspect(&why, false);
        }
        Ok(())
    }

    /// Notes a failed read and waits a little.
    async fn note_failed_read(&self, error: LedgerError) {
        if *self.0.status.borrow() == Status::Live {
            tracing::warn!(%error, "the log cannot be read; trying again");
            self.set_status(Status::Stale(error.to_string()));
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// Forgets the tombstones that the ledger removes at their age, too. The ledger is not asked: no change would reach
    /// readers and watchers meanwhile. If the two clocks differ, a tombstone is here for a little less or longer than there.
    fn forget_tombstones(&self) {
        if let Some(then) = SystemTime::now().checked_sub(TOMBSTONE_AGE) {
            self.write().forget_tombstones(then.into());
        }
    }
}

/// Logs an error that time alone does not mend, once until another one comes.
fn note(error: &LedgerError, noted: &mut Option<LedgerError>) {
    if !error.retryable() && noted.as_ref() != Some(error) {
        tracing::error!(%error, "the ledger cannot be used; trying again");
        *noted = Some(error.clone());
    }
}

fn count_unreadable(index: &Index) {
    // Fewer than there are records: exact as a float.
    metrics::gauge!("sendstores_unreadable_records").set(index.count_unreadable() as f64);
}
