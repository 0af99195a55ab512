//! Operations: what a caller asked of a store that takes its time, and what came of it. A store has the one that is under way, or
//! the last one. What each kind does is in [`crate::Store`].

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    failure::{Failure, FailureReason},
    id::RequestId,
    release::ReleaseName,
    text::Invalid,
    time::Timestamp,
    word::{self, Word},
};

/// Tells an operation from the others of its store. It is made from the generation of its intent, so that whatever reads the same
/// store names it the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationId(String);

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// To be made from another release.
    Update,
    Suspend,
    /// To sell again after a suspension, or after a deletion that was taken back.
    Resume,
    /// To be kept until it is removed for good.
    Retain,
    /// To have larger volumes.
    Resize,
    /// One of a newer version.
    Unknown(Word),
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// It begins when the store is resumed.
    Queued,
    Running,
    /// What the store was made from before is brought back.
    RollingBack,
    Succeeded,
    /// It failed, and the store is made from what it was made from before.
    RolledBack,
    Failed,
    /// It was called off, or something else was asked for meanwhile.
    Cancelled,
    /// One of a newer version.
    Unknown(Word),
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    pub state: OperationState,
    /// The intent that it carries out.
    pub generation: u64,
    /// The name of the request that asked for it, if it had one.
    pub request_id: Option<RequestId>,
    /// What the store ran before. `None`: that had no name, or it stays what it is.
    pub from: Option<ReleaseName>,
    /// What the store is to be made from. `None`: it stays what it is.
    pub to: Option<ReleaseName>,
    /// The volumes are to have the sizes of the spec.
    pub grows: bool,
    /// Why it did not succeed. One that is rolled back without a failure was cancelled by a caller.
    pub failure: Option<Box<Failure>>,
    pub create_time: Timestamp,
    /// `None`: it is queued.
    pub start_time: Option<Timestamp>,
    /// When its way back began.
    pub rollback_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
}

/// How long an update may fail before its way back begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From its begin to its end; and as long again for the way back.
    pub whole: Duration,
    /// What fails for so long, and more than once, is not taken for something that passes.
    pub step: Duration,
}

/// A failed attempt, as far as it matters to what becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub reason: FailureReason,
    /// Which attempt at its step it was, from 1.
    pub number: u32,
    /// When the first attempt at the step began.
    pub since: Option<Timestamp>,
    /// Trying again cannot help.
    pub terminal: bool,
    /// Nothing looked wrong: it only took longer than it mostly does.
    pub slow: bool,
    /// The shop was probed, and does not sell.
    pub probed: bool,
}

/// What becomes of an operation after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    TryAgain,
    /// What the store was made from before is brought back.
    RollBack,
    /// The store cannot go on.
    GiveUp,
    /// All was brought back, and the shop does not sell: what is wrong with it is not for this operation to mend.
    LeaveAsItIs,
}

// === impl OperationId ===

impl OperationId {
    /// Of the intent of this generation.
    pub fn of(generation: u64) -> Self {
        Self(format!("op-{generation}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperationId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 64 || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Invalid::new("must be 1 to 64 printable ASCII characters without spaces"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl OperationKind ===

impl OperationKind {
    /// All that are known.
    pub const ALL: [Self; 5] = [Self::Update, Self::Suspend, Self::Resume, Self::Retain, Self::Resize];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Update => "UPDATE",
            Self::Suspend => "SUSPEND",
            Self::Resume => "RESUME",
            Self::Retain => "RETAIN",
            Self::Resize => "RESIZE",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The kind that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

// === impl OperationState ===

impl OperationState {
    /// All that are known.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::RollingBack,
        Self::Succeeded,
        Self::RolledBack,
        Self::Failed,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::RollingBack => "ROLLING_BACK",
            Self::Succeeded => "SUCCEEDED",
            Self::RolledBack => "ROLLED_BACK",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// The state that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }

    /// Whether it has not ended.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::RollingBack)
    }
}

// === impl Operation ===

impl Operation {
    /// One that begins now, for the intent of this generation.
    pub(crate) fn begun(kind: OperationKind, generation: u64, now: Timestamp) -> Self {
        Self {
            id: OperationId::of(generation),
            kind,
            state: OperationState::Running,
            generation,
            request_id: None,
            from: None,
            to: None,
            grows: false,
            failure: None,
            create_time: now,
            start_time: Some(now),
            rollback_time: None,
            end_time: None,
        }
    }

    /// The same, before it begins.
    pub(crate) fn queued(self) -> Self {
        Self { state: OperationState::Queued, start_time: None, ..self }
    }

    pub(crate) fn end(&mut self, state: OperationState, now: Timestamp) {
        if self.state.is_open() {
            (self.state, self.end_time) = (state, Some(now));
        }
    }

    /// Whether it has just failed, and nothing says why yet.
    pub(crate) fn lacks_failure(&self) -> bool {
        self.state == OperationState::Failed && self.failure.is_none()
    }

    /// How it ends once what was before is back.
    pub(crate) fn end_of_rollback(&self) -> OperationState {
        if self.failure.is_some() { OperationState::RolledBack } else { OperationState::Cancelled }
    }

    /// The same on its way back, for `failure` or because a caller wants it so.
    pub(crate) fn rolling_back(self, failure: Option<Box<Failure>>, now: Timestamp) -> Self {
        Self { state: OperationState::RollingBack, failure, rollback_time: Some(now), ..self }
    }

    /// What it does, in a few words.
    pub fn detail(&self) -> String {
        let Some(to) = &self.to else {
            return if self.grows { "larger volumes".to_owned() } else { String::new() };
        };
        let from = self.from.as_ref().map(|from| format!("from {from} ")).unwrap_or_default();
        match (self.state, &self.from) {
            (OperationState::RollingBack, Some(from)) => format!("back from {to} to {from}"),
            (OperationState::RollingBack, None) => format!("back from {to}"),
            _ => format!("{from}to {to}"),
        }
    }

    /// What becomes of an operation toward another release after `attempt`, where there is a way back. A fault of the cluster
    /// says nothing of the release, so it ends nothing.
    pub fn verdict(&self, attempt: &Attempt, patience: Patience, now: Timestamp) -> Verdict {
        let lasted = |since: Option<Timestamp>, limit| since.is_some_and(|since| now.since(since) >= limit);
        let late = |since| lasted(since, patience.whole) && !attempt.reason.is_of_the_cluster();
        let keeps_failing = attempt.number > 1 && lasted(attempt.since, patience.step);
        let broken = !attempt.slow && !attempt.reason.is_of_the_cluster() && (attempt.probed || keeps_failing);
        match self.state {
            OperationState::Running if attempt.terminal || broken || late(self.start_time) => Verdict::RollBack,
            OperationState::RollingBack if attempt.probed => Verdict::LeaveAsItIs,
            OperationState::RollingBack if attempt.terminal || late(self.rollback_time) => Verdict::GiveUp,
            _ => Verdict::TryAgain,
        }
    }
}

// === impl Patience ===

impl Patience {
    /// How long what passes by itself mostly takes.
    pub const STEP: Duration = Duration::from_secs(15);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { whole: Duration::from_secs(600), step: Duration::from_secs(15) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn running() -> Operation {
        Operation::begun(OperationKind::Update, 2, at(0))
    }

    fn attempt(reason: FailureReason, number: u32) -> Attempt {
        Attempt { reason, number, since: Some(at(0)), terminal: false, slow: false, probed: false }
    }

    #[test]
    fn words_of_a_newer_version_are_kept() {
        for kind in OperationKind::ALL {
            assert_eq!(OperationKind::kept(kind.as_str()), Some(kind));
        }
        for state in OperationState::ALL {
            assert_eq!(OperationState::kept(state.as_str()), Some(state));
        }
        assert_eq!(OperationKind::kept("VERIFY").map(OperationKind::as_str), Some("VERIFY"));
        let pausing = OperationState::kept("PAUSING").expect("a word");
        assert!(pausing.as_str() == "PAUSING" && !pausing.is_open());
        assert_eq!(OperationState::kept("no word"), None);
    }

    #[test]
    fn an_id_says_which_intent_it_was() {
        assert_eq!(running().id, OperationId::of(2));
        assert_ne!(OperationId::of(2), OperationId::of(3));
        assert_eq!("op-2".parse(), Ok(OperationId::of(2)));
        assert!("".parse::<OperationId>().is_err() && "a b".parse::<OperationId>().is_err());
    }

    #[test]
    fn what_keeps_failing_is_rolled_back_within_a_minute_and_what_passes_is_not() {
        use FailureReason::{ApplicationUnavailable, ClusterUnavailable, ImageUnavailable};
        let verdict = |attempt: Attempt, second| running().verdict(&attempt, PATIENCE, at(second));
        assert_eq!(verdict(attempt(ImageUnavailable, 1), 20), Verdict::TryAgain, "once");
        assert_eq!(verdict(attempt(ImageUnavailable, 2), 5), Verdict::TryAgain, "only for a moment");
        assert_eq!(verdict(attempt(ImageUnavailable, 2), 41), Verdict::RollBack);
        let slow = Attempt { slow: true, ..attempt(ApplicationUnavailable, 9) };
        assert_eq!(verdict(slow, 599), Verdict::TryAgain, "a long migration");
        assert_eq!(verdict(slow, 600), Verdict::RollBack, "the whole is bounded");
        assert_eq!(verdict(attempt(ClusterUnavailable, 99), 6_000), Verdict::TryAgain, "not of the release");
        let terminal = Attempt { terminal: true, ..attempt(FailureReason::ValuesRefused, 1) };
        assert_eq!(verdict(terminal, 0), Verdict::RollBack, "trying again cannot help");
        let closed = Attempt { probed: true, ..attempt(FailureReason::StorefrontUnavailable, 1) };
        assert_eq!(verdict(closed, 1), Verdict::RollBack, "visitors are there already");
    }

    #[test]
    fn a_way_back_is_given_up_late_and_never_for_a_shop_that_does_not_sell() {
        let back = running().rolling_back(None, at(100));
        let verdict = |attempt: Attempt, second| back.verdict(&attempt, PATIENCE, at(second));
        let failing = attempt(FailureReason::ReleaseFailed, 9);
        assert_eq!(verdict(failing, 699), Verdict::TryAgain);
        assert_eq!(verdict(failing, 700), Verdict::GiveUp);
        assert_eq!(verdict(Attempt { terminal: true, ..failing }, 101), Verdict::GiveUp);
        assert_eq!(verdict(attempt(FailureReason::NodeUnavailable, 9), 9_000), Verdict::TryAgain);
        assert_eq!(verdict(Attempt { probed: true, ..failing }, 101), Verdict::LeaveAsItIs);
    }

    #[test]
    fn what_has_ended_is_not_decided_again() {
        let terminal = Attempt { terminal: true, probed: true, ..attempt(FailureReason::ValuesRefused, 9) };
        for state in OperationState::ALL {
            let operation = Operation { state, ..running() };
            let decided = operation.verdict(&terminal, PATIENCE, at(9_000)) != Verdict::TryAgain;
            assert_eq!(decided, matches!(state, OperationState::Running | OperationState::RollingBack), "{state:?}");
        }
    }
}
