//! What shops do that are asked to do what they have scheduled.

use std::time::Duration;

use sendstores_core::{FailureReason, Store, StoreId, cron::RunCron, provisioner::StepError};
use tokio::time::Instant;

use super::{POISON, ScriptedProvisioner};

/// What a shop does that is asked to do what it has scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CronTurn {
    /// Does it and answers.
    #[default]
    Answer,
    /// Does it and answers after this time.
    AnswerAfter(Duration),
    /// Answers that it failed.
    Fail,
    /// Never answers.
    Hang,
    /// The server panics over its answer.
    Panic,
}

/// What the shops were asked to do of what they have scheduled.
#[derive(Default)]
pub(super) struct Cron {
    turn: CronTurn,
    calls: Vec<(StoreId, Instant)>,
    at_work: Vec<StoreId>,
    most_at_once: usize,
}

/// Marks a shop as asked while it lives.
struct Asked(ScriptedProvisioner, StoreId);

// === impl ScriptedProvisioner ===

impl ScriptedProvisioner {
    /// What shops do from now on that are asked to do what they have scheduled.
    pub fn script_cron(&self, turn: CronTurn) {
        self.state().cron.turn = turn;
    }

    /// Every time a shop was asked so far, in order.
    pub fn cron_calls(&self) -> Vec<(StoreId, Instant)> {
        self.state().cron.calls.clone()
    }

    /// The shops that are at work on what they have scheduled.
    pub fn at_cron(&self) -> Vec<StoreId> {
        self.state().cron.at_work.clone()
    }

    /// How many shops were asked at once, at most.
    pub fn most_cron_at_once(&self) -> usize {
        self.state().cron.most_at_once
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if let Some(at) = state.cron.at_work.iter().position(|id| *id == self.1) {
            state.cron.at_work.remove(at);
        }
    }
}

impl RunCron for ScriptedProvisioner {
    async fn run_cron(&self, store: &Store) -> Result<(), StepError> {
        let turn = {
            let cron = &mut self.state().cron;
            cron.calls.push((store.id.clone(), Instant::now()));
            cron.at_work.push(store.id.clone());
            cron.most_at_once = cron.most_at_once.max(cron.at_work.len());
            cron.turn
        };
        let _asked = Asked(self.clone(), store.id.clone());
        match turn {
            CronTurn::Answer => Ok(()),
            CronTurn::AnswerAfter(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            CronTurn::Fail => Err(StepError::retryable(FailureReason::StorefrontUnavailable, "scripted")),
            CronTurn::Hang => std::future::pending().await,
            CronTurn::Panic => std::panic::panic_any(POISON),
        }
    }
}
