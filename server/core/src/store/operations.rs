//! What operations do to a store, and which of them may follow which. Pure, like all of [`Store`].

use std::time::Duration;

use super::{Store, pending};
use crate::{
    failure::{Failure, FailureReason},
    history::{Cause, Happening},
    id::RequestId,
    operation::{Attempt, Operation, OperationKind, OperationState, Patience, Verdict},
    release::ReleaseName,
    state::{Event, IllegalTransition, State},
    step::StepState,
    time::Timestamp,
    volumes::VolumeSizes,
};

/// From what the objects of a store are to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeOf {
    /// From the release of its spec, by the files of this server.
    Spec,
    /// From what its objects are made from now.
    Present,
    /// From what it was made from when it was READY last, which its objects may not be any more.
    Before,
}

/// Why an operation cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCancellable {
    /// None is under way.
    None,
    /// It is of a kind that another call ends, or none.
    Kind(OperationKind),
    /// Visitors are served by the new release already.
    Late,
    /// The store was never READY, or it is not known what it was made from.
    NoWayBack,
}

impl Store {
    /// The operation that is under way. A record may say so of one that an older server has passed over.
    pub fn under_way(&self) -> Option<&Operation> {
        let operation = self.operation.as_deref().filter(|operation| operation.state.is_open())?;
        let goes_on = match operation.state {
            OperationState::Queued => matches!(self.state, State::Suspending | State::Suspended),
            _ => self.state.is_transient(),
        };
        goes_on.then_some(operation)
    }

    /// The release that its objects are of, if that has a name.
    pub fn runs(&self) -> Option<&ReleaseName> {
        self.made_from.as_deref().and_then(|made_from| made_from.name.as_ref())
    }

    /// From what its objects are to be made. A store that was READY stays what it is, whatever its spec says, but in an operation
    /// toward another release; and what failed once is not tried again by that.
    pub fn made_of(&self) -> MadeOf {
        if self.ready_time.is_none() {
            return MadeOf::Spec;
        }
        match self.under_way().filter(|operation| operation.to.is_some()) {
            None => MadeOf::Present,
            Some(operation) => match (operation.kind, operation.state) {
                (OperationKind::Retain, _) | (_, OperationState::RollingBack) if self.has_way_back() => MadeOf::Before,
                (OperationKind::Update | OperationKind::Resume, OperationState::Running) => MadeOf::Spec,
                _ => MadeOf::Present,
            },
        }
    }

    /// The release that the operation under way moves it to.
    pub fn moves_to(&self) -> Option<&ReleaseName> {
        self.under_way().and_then(|operation| operation.to.as_ref())
    }

    /// Whether an operation moves it to another release, and it is known what it was made from before.
    pub fn is_moving(&self) -> bool {
        let moving = self.under_way().is_some_and(|operation| operation.to.is_some());
        moving && self.has_way_back() && matches!(self.state, State::Updating | State::Resuming)
    }

    /// Whether `event` is refused because of the operation that is under way, and may be asked for once that has ended.
    pub fn blocks(&self, event: Event) -> bool {
        let waits = matches!(event, Event::UpdateRequested | Event::SuspendRequested);
        let ends_so = matches!(self.state, State::Updating | State::Suspending | State::Resuming);
        waits && ends_so && self.under_way().is_some() && self.state.next(event).is_err()
    }

    /// Whether what it was made from before is brought back.
    pub fn goes_back(&self) -> bool {
        self.under_way().is_some_and(|operation| operation.state == OperationState::RollingBack)
    }

    /// The name of what [`made_of`](Self::made_of) says, if it has one.
    pub fn release_name(&self) -> Option<ReleaseName> {
        match self.made_of() {
            MadeOf::Spec => self.spec.release.clone(),
            MadeOf::Present | MadeOf::Before => self.runs().cloned(),
        }
    }

    fn has_way_back(&self) -> bool {
        self.ready_time.is_some() && self.made_from.is_some()
    }

    /// The store as it is to be made from `release`; `None` where it is so already, or on its way.
    ///
    /// # Errors
    /// Its state does not allow that.
    pub fn updated(&self, release: &ReleaseName, now: Timestamp) -> Result<Option<Self>, IllegalTransition> {
        self.state.next(Event::UpdateRequested)?;
        let asked = self.spec.release.as_ref() == Some(release);
        let goes_there = |operation: &Operation| {
            operation.to.as_ref() == Some(release) && operation.state != OperationState::RollingBack
        };
        let is_there = match self.under_way() {
            Some(operation) if operation.to.is_some() => {
                if goes_there(operation) {
                    return Ok(None);
                }
                self.state == State::Suspended && self.runs() == Some(release)
            }
            _ if self.state == State::Provisioning && asked => return Ok(None),
            _ => self.is_at_rest() && self.runs() == Some(release),
        };
        let mut next = self.clone();
        next.spec.release = Some(release.clone());
        match is_there {
            true if asked && self.under_way().is_none() => Ok(None),
            // Only the spec said otherwise: of an update that was rolled back, or that is queued.
            true => {
                next.end_operation(OperationState::Cancelled, now);
                next.asked(Happening::UpdateRequested, now);
                Ok(Some(next))
            }
            false => next.after(Event::UpdateRequested, now).map(Some),
        }
    }

    /// The store whose volumes are to have these sizes; `None` where that is asked for already. A size that is left open stays as it
    /// is. An update that is under way goes on together with it.
    ///
    /// # Errors
    /// Its state does not allow that: a volume grows while a pod uses it.
    pub fn resized(&self, sizes: VolumeSizes, now: Timestamp) -> Result<Option<Self>, IllegalTransition> {
        let volumes = sizes.over(self.spec.volumes);
        let last = self.operation.as_deref().filter(|last| last.grows && !last.state.is_open());
        let not_done = last.is_some_and(|last| last.state != OperationState::Succeeded);
        if volumes == self.spec.volumes && (sizes.is_open() || !not_done) {
            return Ok(None);
        }
        let runs = matches!(self.state, State::Ready | State::Degraded | State::Updating | State::Failed);
        if !runs || self.ready_time.is_none() || self.goes_back() {
            return Err(IllegalTransition { state: self.state, event: Event::UpdateRequested });
        }
        let before = self.under_way().cloned();
        let mut next = self.clone();
        next.spec.volumes = volumes;
        let mut next = next.after(Event::UpdateRequested, now)?;
        next.let_grow(before.as_ref());
        Ok(Some(next))
    }

    /// Has the operation that begins grow the volumes. It moves to a release only if `before` did.
    fn let_grow(&mut self, before: Option<&Operation>) {
        let moves = before.filter(|before| before.to.is_some());
        if let Some(operation) = &mut self.operation {
            operation.grows = true;
            (operation.from, operation.to) = moves.map_or((None, None), |old| (old.from.clone(), old.to.clone()));
            operation.kind = if moves.is_some() { OperationKind::Update } else { OperationKind::Resize };
        }
    }

    /// The sizes that its volumes are to be grown to now. Those of an operation that failed are not tried again by a repair.
    pub fn volumes_to_grow(&self) -> Option<VolumeSizes> {
        let grows = |operation: &Operation| operation.grows && operation.state == OperationState::Running;
        self.under_way().is_some_and(grows).then_some(self.spec.volumes)
    }

    fn is_at_rest(&self) -> bool {
        matches!(self.state, State::Ready | State::Degraded | State::Suspended)
    }

    /// Whether [`cancelled`](Self::cancelled) is possible.
    ///
    /// # Errors
    /// It is not.
    pub fn can_cancel(&self) -> Result<(), NotCancellable> {
        let operation = self.under_way().ok_or(NotCancellable::None)?;
        match (operation.kind, operation.state) {
            (OperationKind::Update, OperationState::Queued | OperationState::RollingBack) => Ok(()),
            (OperationKind::Update, _) if !self.is_moving() => Err(NotCancellable::NoWayBack),
            // The last step probes the storefront, once the pods of the new release serve visitors.
            (OperationKind::Update, _) => match self.steps.last() {
                Some(last) if last.state == StepState::Pending => Ok(()),
                _ => Err(NotCancellable::Late),
            },
            (kind, _) => Err(NotCancellable::Kind(kind)),
        }
    }

    /// The store with its operation called off: an update is rolled back, one that is queued never begins. `None` where it is
    /// rolled back already.
    ///
    /// # Errors
    /// It cannot be called off.
    pub fn cancelled(&self, now: Timestamp) -> Result<Option<Self>, NotCancellable> {
        self.can_cancel()?;
        let mut next = self.clone();
        match self.under_way().map(|operation| operation.state) {
            Some(OperationState::RollingBack) => return Ok(None),
            Some(OperationState::Queued) => next.end_operation(OperationState::Cancelled, now),
            _ => next.roll_back(None, now),
        }
        next.asked(Happening::CancelRequested, now);
        Ok(Some(next))
    }

    /// The store with its last operation begun again: one that failed and left it FAILED, or an update that was not carried out. A
    /// store that failed before it was ever READY is created again. `None` where an operation is under way: it goes on by itself.
    ///
    /// # Errors
    /// There is nothing to begin again.
    pub fn retried(&self, now: Timestamp) -> Result<Option<Self>, IllegalTransition> {
        let last = self.operation.as_deref();
        let kind = last.map(|operation| operation.kind);
        let not_done = matches!(kind, Some(OperationKind::Update | OperationKind::Resize))
            && last.is_some_and(|last| {
                matches!(last.state, OperationState::RolledBack | OperationState::Failed | OperationState::Cancelled)
            });
        let event = match self.state {
            state if state.is_transient() => return Ok(None),
            State::Failed if self.ready_time.is_none() => Event::CreationRetried,
            State::Failed => match kind {
                Some(OperationKind::Suspend) => Event::SuspensionRetried,
                Some(OperationKind::Resume) => Event::ResumptionRetried,
                Some(OperationKind::Retain) => Event::RetainRequested,
                Some(OperationKind::Update | OperationKind::Resize | OperationKind::Unknown(_)) | None => {
                    Event::UpdateRequested
                }
            },
            State::Ready | State::Degraded | State::Suspended if not_done => Event::UpdateRequested,
            state => return Err(IllegalTransition { state, event: Event::CreationRetried }),
        };
        let mut next = self.after(event, now)?;
        if let (Event::UpdateRequested, Some(last)) = (event, last.filter(|last| last.grows)) {
            next.let_grow(Some(last));
        }
        next.happened(Happening::RetryRequested, Cause::default(), now);
        Ok(Some(next))
    }

    /// How long an operation toward another release may still take, and its way back; the end of time for all else.
    pub fn time_left(&self, patience: Patience, now: Timestamp) -> Duration {
        let Some(operation) = self.under_way().filter(|_| self.is_moving()) else { return Duration::MAX };
        let since = if self.goes_back() { operation.rollback_time } else { operation.start_time };
        since.map_or(Duration::MAX, |since| patience.whole.saturating_sub(now.since(since)))
    }

    /// What becomes of the store after `attempt`.
    pub fn verdict(&self, attempt: &Attempt, patience: Patience, now: Timestamp) -> Verdict {
        match self.under_way().filter(|_| self.is_moving()) {
            Some(operation) => operation.verdict(attempt, patience, now),
            None if attempt.terminal => Verdict::GiveUp,
            None => Verdict::TryAgain,
        }
    }

    /// The store whose operation toward another release failed for good: what it was made from is brought back.
    pub fn rolling_back(&self, failure: Failure, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.roll_back(Some(Box::new(failure)), now);
        next.update_time = now;
        next
    }

    /// The failure of a way back, with what it was a way back from.
    pub fn failed_rollback(&self, failure: Failure) -> Failure {
        let before = self.operation.as_deref().and_then(|operation| operation.failure.as_deref());
        let before = before.map(|before| format!("; the update had failed with {}: {}", before.reason, before.message));
        let message = format!("{}: {}{}", failure.reason, failure.message, before.unwrap_or_default());
        Failure { reason: FailureReason::RollbackFailed, message, ..failure }
    }

    /// The failure of a store that is made from what it was before, and does not sell.
    pub fn undecided(&self, failure: Failure) -> Failure {
        let what =
            "the update was rolled back, and the shop does not sell on what it ran before: an operator has to decide";
        let message = format!("{what}; {}", failure.message);
        Failure { reason: FailureReason::UpdateNeedsDecision, message, ..failure }
    }

    /// The same, as long as it has not sold since.
    pub fn still_undecided(&self, failure: Failure) -> Failure {
        let undecided = |failure: &Failure| failure.reason == FailureReason::UpdateNeedsDecision;
        if self.failure.as_ref().is_some_and(undecided) { self.undecided(failure) } else { failure }
    }

    /// The store with `request` named as what asked for its operation, if it begins with this intent.
    pub fn asked_by(mut self, request: &RequestId) -> Self {
        let begun = |operation: &&mut Box<Operation>| operation.generation == self.generation;
        if let Some(operation) = self.operation.as_mut().filter(begun) {
            operation.request_id = Some(request.clone());
        }
        self
    }

    /// The store, taken back from a cluster that remembers an operation toward another release: it goes on, or waits for the store
    /// to be resumed.
    #[must_use]
    pub fn to_go_on(self, operation: Operation) -> Self {
        let mut store = self;
        if store.made_from.is_none() {
            return store;
        }
        match (store.state, operation.state) {
            (State::Degraded, OperationState::Running | OperationState::RollingBack) => {
                let resumes = operation.kind == OperationKind::Resume;
                store.state = if resumes { State::Resuming } else { State::Updating };
                store.steps = pending(&store.steps);
                store.observed_generation = store.generation.saturating_sub(1);
            }
            (State::Suspending, OperationState::Queued) | (State::Retaining, OperationState::Running) => {}
            _ => return store,
        }
        store.operation = Some(Box::new(operation));
        store
    }

    fn roll_back(&mut self, failure: Option<Box<Failure>>, now: Timestamp) {
        self.operation = self.operation.take().map(|operation| Box::new(operation.rolling_back(failure, now)));
        self.steps = pending(&self.steps);
        self.failure = None;
    }

    /// An intent that no event of the state machine stands for.
    pub(super) fn asked(&mut self, what: Happening, now: Timestamp) {
        self.generation = self.generation.saturating_add(1);
        self.happened(what, Cause::default(), now);
        self.update_time = now;
    }

    /// What `event`, which led from `before` to here, means for the operation.
    pub(super) fn note_operation(&mut self, before: &Self, event: Event, now: Timestamp) {
        use OperationState::{Cancelled, Failed, Succeeded};
        let to = || before.under_way().and_then(|operation| operation.to.clone());
        let grows = before.under_way().is_some_and(|operation| operation.grows);
        match event {
            Event::UpdateRequested => {
                let (from, to) = (self.runs().cloned(), self.spec.release.clone());
                let operation = self.begun(OperationKind::Update, now);
                let operation = if self.state == State::Suspended { operation.queued() } else { operation };
                self.operation = Some(Box::new(Operation { from, to, grows, ..operation }));
            }
            Event::ResumeRequested => {
                let (from, to) = (self.runs().cloned(), to());
                self.operation = Some(Box::new(Operation { from, to, ..self.begun(OperationKind::Resume, now) }));
            }
            Event::ResumptionRetried => {
                let last = before.operation.as_deref();
                let (from, to) = (self.runs().cloned(), last.and_then(|operation| operation.to.clone()));
                self.operation = Some(Box::new(Operation { from, to, ..self.begun(OperationKind::Resume, now) }));
            }
            Event::UndeleteRequested => self.operation = Some(Box::new(self.begun(OperationKind::Resume, now))),
            Event::SuspendRequested | Event::SuspensionRetried => {
                self.operation = Some(Box::new(self.begun(OperationKind::Suspend, now)));
            }
            Event::RetainRequested => {
                let moving = before.is_moving() || before.state == State::Retaining;
                let to = to().filter(|_| moving);
                self.operation = Some(Box::new(Operation { to, ..self.begun(OperationKind::Retain, now) }));
            }
            Event::CreationRetried => self.operation = None,
            Event::DeleteRequested => self.end_operation(Cancelled, now),
            Event::Converged => self.end_operation_of(before, Succeeded, now),
            Event::Slept if before.state.is_transient() => {
                let kind = before.under_way().map(|operation| operation.kind);
                if matches!(kind, Some(OperationKind::Suspend | OperationKind::Retain)) {
                    self.end_operation(Succeeded, now);
                }
            }
            Event::OperationFailed => self.end_operation_of(before, Failed, now),
            Event::GaveUp | Event::NamespaceLost => self.end_operation(Failed, now),
            Event::Slept | Event::ProbeFailed | Event::Removed => {}
        }
    }

    fn begun(&self, kind: OperationKind, now: Timestamp) -> Operation {
        Operation::begun(kind, self.generation, now)
    }

    /// Ends what was under way in `before`: as `state`, or as what was brought back.
    fn end_operation_of(&mut self, before: &Self, state: OperationState, now: Timestamp) {
        let Some(operation) = before.under_way() else { return };
        let state = match operation.state {
            OperationState::RollingBack => operation.end_of_rollback(),
            _ => state,
        };
        self.end_operation(state, now);
    }

    fn end_operation(&mut self, state: OperationState, now: Timestamp) {
        if let Some(operation) = &mut self.operation {
            operation.end(state, now);
        }
    }
}

#[cfg(test)]
mod tests;
