//! Fills the mirror from the ledger and keeps it up to date.

use std::time::Duration;

use sendstores_core::{
    Revision,
    ledger::{Change, Ledger, LedgerError, LogPage},
};
use tokio_util::sync::CancellationToken;

use super::{Mirror, Status, index::Index};

/// How many changes one read of the log may bring.
const PAGE: usize = 512;
/// How long one read of the log waits for a change; also how soon a lost ledger is noticed when nothing changes.
const WAIT: Duration = Duration::from_secs(2);
/// How long to wait behind a failed read.
const PAUSE: Duration = Duration::from_millis(200);
/// How often forgotten tombstones are looked for.
const SWEEP: Duration = Duration::from_secs(600);

// === impl Mirror ===

impl Mirror {
    /// Runs until `stop`, or until the ledger's history turns out to be another one.
    pub async fn follow<L: Ledger>(self, ledger: L, stop: CancellationToken) -> Result<(), LedgerError> {
        let mut loaded = false;
        let mut swept = tokio::time::Instant::now();
        while !stop.is_cancelled() {
            let step =
                async { if loaded { self.read_on(&ledger).await } else { self.load(&ledger).await.map(|()| true) } };
            let result = tokio::select! {
                result = step => result,
                () = stop.cancelled() => break,
            };
            match result {
                Ok(still_loaded) => loaded = still_loaded,
                Err(error) => self.stumble(error, &stop).await?,
            }
            if loaded && swept.elapsed() > SWEEP {
                swept = tokio::time::Instant::now();
                self.forget_tombstones(&ledger).await;
            }
        }
        Ok(())
    }

    /// Reads everything: notes the log's end, scans the records, then reads the log from as far back as the ring reaches
    /// and the log is kept. So a token from before the start is good here, too. The scan is no snapshot, so the mirror
    /// goes live only when it has passed the newest record the scan saw; until then the old index stays in place. A
    /// watcher that is open meanwhile goes on if the new ring reaches back to it, and is told that it does not otherwise.
    async fn load<L: Ledger>(&self, ledger: &L) -> Result<(), LedgerError> {
        self.set_status(Status::Loading);
        let end = ledger.last_revision().await?;
        let records = ledger.scan().await?;
        let newest = records.iter().map(|store| store.revision).max().unwrap_or(Revision::ZERO).max(end);
        let ring_size = self.read().ring_size();
        let mut index = Index::of_records(ring_size, records, end);
        while index.revision() < newest {
            match ledger.read_log(index.revision(), PAGE, WAIT).await? {
                LogPage::Changes(changes) => changes.into_iter().for_each(|change| index.apply(change)),
                // The log is shorter than the ring, or other replicas' writes trim it while it is read.
                LogPage::Compacted { oldest } if index.skip_to(oldest) => {}
                LogPage::Compacted { .. } => {
                    return Err(LedgerError::Unavailable("the log moved on while loading".to_owned()));
                }
            }
        }
        let (stores, revision, oldest) = (index.len(), index.revision(), index.floor());
        *self.write() = index;
        self.0.revision.send_replace(revision);
        self.set_status(Status::Live);
        tracing::info!(stores, %revision, %oldest, "the mirror is live");
        Ok(())
    }

    /// Reads the next page. False when the log no longer reaches back to the mirror, which must then load again.
    async fn read_on<L: Ledger>(&self, ledger: &L) -> Result<bool, LedgerError> {
        match ledger.read_log(self.revision(), PAGE, WAIT).await? {
            LogPage::Changes(changes) => {
                self.absorb(changes);
                let revision = self.read().revision();
                self.0.revision.send_if_modified(|at| std::mem::replace(at, revision) != revision);
                self.set_status(Status::Live);
                Ok(true)
            }
            LogPage::Compacted { .. } => {
                tracing::warn!("the log was trimmed past the mirror; reading everything again");
                Ok(false)
            }
        }
    }

    fn absorb(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut index = self.write();
        changes.into_iter().for_each(|change| index.apply(change));
    }

    /// Notes a failed read and waits a little. Another history is the end: what this mirror holds is not the truth.
    async fn stumble(&self, error: LedgerError, stop: &CancellationToken) -> Result<(), LedgerError> {
        if !error.retryable() {
            self.set_status(Status::Stale(error.to_string()));
            return Err(error);
        }
        if *self.0.status.borrow() == Status::Live {
            tracing::warn!(%error, "the log cannot be read; trying again");
            self.set_status(Status::Stale(error.to_string()));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    async fn forget_tombstones<L: Ledger>(&self, ledger: &L) {
        let tombstones = self.read().tombstones();
        for id in tombstones {
            if let Ok(None) = ledger.load(&id).await {
                self.write().forget(&id);
            }
        }
    }
}
