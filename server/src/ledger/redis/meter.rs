//! How long scripts take, and how they end, for the metrics.

use std::{sync::OnceLock, time::Instant};

use fred::types::scripts::Script;
use metrics::Histogram;
use sendstores_core::ledger::LedgerError;

/// How a call ended, as metrics have it.
const OUTCOMES: [&str; 6] = ["ok", "refused", "unavailable", "full", "lost", "broken"];

/// Looking a histogram up costs more than recording, so each is looked up once.
pub(super) struct Meter {
    name: &'static str,
    seconds: [OnceLock<Histogram>; OUTCOMES.len()],
}

/// A script and its meter.
pub(super) struct Metered {
    pub(super) script: Script,
    pub(super) meter: Meter,
}

// === impl Meter ===

impl Meter {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, seconds: [const { OnceLock::new() }; OUTCOMES.len()] }
    }

    /// Counts a call that was begun then, and hands its answer on.
    pub(super) fn count<T>(&self, begun: Instant, answer: Result<T, LedgerError>) -> Result<T, LedgerError> {
        let outcome = index(answer.as_ref().err());
        let histogram = self.seconds[outcome].get_or_init(
            || metrics::histogram!("sendstores_ledger_call_seconds", "script" => self.name, "outcome" => OUTCOMES[outcome]),
        );
        histogram.record(begun.elapsed().as_secs_f64());
        answer
    }
}

// === impl Metered ===

impl Metered {
    pub(super) fn new(name: &'static str, script: Script) -> Self {
        Self { script, meter: Meter::new(name) }
    }
}

/// Which of the outcomes it is.
fn index(error: Option<&LedgerError>) -> usize {
    match error {
        None => 0,
        Some(
            LedgerError::Conflict(_)
            | LedgerError::OperationReused
            | LedgerError::FoundNothing
            | LedgerError::NotAdmitted(_)
            | LedgerError::Fenced,
        ) => 1,
        Some(LedgerError::Unavailable(_)) => 2,
        Some(LedgerError::Full(_)) => 3,
        Some(LedgerError::EpochChanged(_) | LedgerError::InDoubt(_)) => 4,
        Some(LedgerError::Unreadable(_) | LedgerError::Corrupt(_) | LedgerError::Unsafe(_)) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_handed_on_and_its_outcome_is_one_of_few() {
        let meter = Meter::new("write");
        assert_eq!(meter.count(Instant::now(), Ok(7)), Ok(7));
        let lost = LedgerError::Unavailable("no answer in time".to_owned());
        assert_eq!(meter.count::<u32>(Instant::now(), Err(lost.clone())), Err(lost.clone()));
        assert_eq!(OUTCOMES[index(Some(&lost))], "unavailable");
        assert_eq!(OUTCOMES[index(Some(&LedgerError::Fenced))], "refused");
        assert_eq!(OUTCOMES[index(Some(&LedgerError::Full(String::new())))], "full");
        assert_eq!(OUTCOMES[index(Some(&LedgerError::InDoubt(String::new())))], "lost");
        assert_eq!(OUTCOMES[index(Some(&LedgerError::Unsafe(String::new())))], "broken");
    }
}
