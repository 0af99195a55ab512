//! Stores of which nothing shall run: suspended, or kept until they are removed for good.

use std::time::Duration;

use sendstores_core::{
    Event, StepName,
    ledger::Ledger,
    observed::{Activity, Seen},
    provisioner::Provisioner,
};

use super::{Halt, Turn, Work, now};

/// How long to wait where the namespace cannot be marked, and for a purge time that has come only by the clock of
/// this machine.
const LATER: Duration = Duration::from_secs(10);

impl<L: Ledger, P: Provisioner> Work<'_, L, P> {
    pub(super) async fn stop(&mut self) -> Result<(), Halt> {
        let detail = self.activity();
        let _permit = self.permit().await;
        self.at_step(StepName::SUSPENSION, true, &detail).await?;
        self.observed.activity = Seen::Unknown;
        // Before anything stops: whenever the ledger is lost, the store is not started again.
        self.reconciler.provisioner.remember(&self.store).await?;
        Ok(self.reconciler.provisioner.stop(&self.store).await?)
    }

    pub(super) async fn wait_stop(&mut self) -> Result<(), Halt> {
        let Seen::Known(last) = self.observed.activity.clone() else { return Ok(()) };
        let detail = self.activity();
        self.at_step(StepName::SUSPENSION, false, &detail).await?;
        let _lent = self.slot.lend();
        self.observed.activity = self.reconciler.provisioner.wait_stop(&self.store, &last).await?;
        Ok(())
    }

    /// What is to be stopped, or stops.
    fn activity(&self) -> String {
        match &self.observed.activity {
            Seen::Known(Activity::Running(detail) | Activity::Stopping(detail)) => detail.clone(),
            Seen::Known(Activity::Resting) | Seen::Absent | Seen::Unknown => String::new(),
        }
    }

    pub(super) async fn note_suspended(&mut self) -> Result<(), Halt> {
        // The purge time may be later than what the namespace remembers.
        self.reconciler.provisioner.remember(&self.store).await?;
        self.apply(Event::Slept).await?;
        self.clock.done(StepName::SUSPENSION);
        tracing::info!(store = %self.store.id, state = %self.store.state, "nothing of it runs");
        Ok(())
    }

    /// Has the cluster remember what was asked for. The state of the store does not depend on it.
    pub(super) async fn remember(&mut self) -> Result<Turn, Halt> {
        let permit = self.permit().await;
        if let Err(error) = self.reconciler.provisioner.remember(&self.store).await {
            tracing::warn!(store = %self.store.id, %error, "its namespace cannot be marked with what was asked for");
            return Ok(Turn::Later(LATER));
        }
        drop(permit);
        self.record(self.store.remembered(now())).await?;
        Ok(Turn::Again)
    }

    /// The time of all replicas is that of the ledger: a replica whose clock is fast removes nothing early.
    pub(super) async fn purge(&mut self) -> Result<Turn, Halt> {
        if self.store.purge_time.is_some_and(|time| time > self.claimed) && self.observed.activity != Seen::Absent {
            return Ok(Turn::Later(LATER));
        }
        self.apply(Event::DeleteRequested).await?;
        tracing::info!(store = %self.store.id, "its purge time has come");
        Ok(Turn::Again)
    }
}
