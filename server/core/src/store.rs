//! A store: what was asked for, where it is, and how it moves.

#[cfg(test)]
pub(crate) mod fixture;
mod operations;
#[cfg(test)]
mod tests;
mod transitions;

use std::sync::Arc;

pub use self::operations::{MadeOf, NotCancellable};

use crate::{
    adoption::Rest,
    engine::{Engine, Pipeline},
    evidence::Evidence,
    failure::Failure,
    history::{Cause, Happening, History, HistoryEntry},
    id::{StoreId, TenantId, Uid},
    label::Labels,
    lifecycle::Work,
    operation::Operation,
    release::{Release, ReleaseName},
    resource::UnknownFields,
    revision::Revision,
    shop::ShopSettings,
    state::{Event, IllegalTransition, State},
    step::{Step, StepName, StepState},
    time::Timestamp,
    volumes::VolumeSizes,
    word::Word,
};

/// What the caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSpec {
    pub engine: Engine,
    pub shop: ShopSettings,
    /// Which release it is to be made from. `None`: the one that the server offers by default when the store is made; a store of
    /// a version without releases has none.
    pub release: Option<ReleaseName>,
    /// Delete is refused.
    pub deletion_protection: bool,
    pub volumes: VolumeSizes,
}

/// One isolated store: intent and status together, as the ledger keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub id: StoreId,
    pub uid: Uid,
    pub tenant: Option<TenantId>,
    pub labels: Labels,
    pub spec: StoreSpec,
    pub url: String,
    pub state: State,
    pub failure: Option<Failure>,
    pub steps: Vec<Step>,
    pub evidence: Vec<Evidence>,
    pub history: History,
    /// Counts intents, from 1.
    pub generation: u64,
    /// The generation that `state` speaks of.
    pub observed_generation: u64,
    /// Set by the ledger; [`Revision::ZERO`] until it was written.
    pub revision: Revision,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub ready_time: Option<Timestamp>,
    pub delete_time: Option<Timestamp>,
    /// From then on it is removed for good. `None`: its deletion was not asked for, or cannot be taken back.
    pub purge_time: Option<Timestamp>,
    /// The operation that is under way, or the last one. `None`: there was none since its creation.
    pub operation: Option<Box<Operation>>,
    /// What it was made from, as last seen when it was READY. `None`: it never was, or an older program wrote the record.
    pub made_from: Option<Box<Release>>,
    /// What the record has beside all this; nearly always nothing.
    pub unknown: Option<Arc<UnknownFields>>,
}

/// What a new store is made from.
#[derive(Clone, Debug)]
pub struct NewStore {
    pub id: StoreId,
    pub uid: Uid,
    pub tenant: Option<TenantId>,
    pub labels: Labels,
    pub spec: StoreSpec,
    pub url: String,
    /// The steps of its engine.
    pub pipeline: Pipeline,
}

/// New values of fields that need no work in the cluster. `None`: the field stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amendment {
    pub deletion_protection: Option<bool>,
    /// All labels that the store has then.
    pub labels: Option<Labels>,
}

// === impl Amendment ===

impl Amendment {
    /// Delete is refused, or no longer.
    pub fn protection(deletion_protection: bool) -> Self {
        Self { deletion_protection: Some(deletion_protection), ..Self::default() }
    }
}

// === impl Store ===

impl Store {
    /// A store that was just asked for.
    pub fn new(new: NewStore, now: Timestamp) -> Self {
        let NewStore { id, uid, tenant, labels, spec, url, pipeline } = new;
        let history =
            [HistoryEntry { time: now, what: Happening::Created, cause: Cause::default() }].into_iter().collect();
        Self {
            id,
            uid,
            tenant,
            labels,
            spec,
            url,
            state: State::INITIAL,
            failure: None,
            steps: pipeline.names().map(Step::pending).collect(),
            evidence: Vec::new(),
            history,
            generation: 1,
            observed_generation: 0,
            revision: Revision::ZERO,
            create_time: now,
            update_time: now,
            ready_time: None,
            delete_time: None,
            purge_time: None,
            operation: None,
            made_from: None,
            unknown: None,
        }
    }

    /// A store that the cluster has and the ledger has not: as it was asked for, at its `generation`. Where it is shows
    /// when it is observed.
    pub fn adopted(new: NewStore, generation: u64, created: Timestamp, now: Timestamp) -> Self {
        let mut store = Self { generation: generation.max(1), ..Self::new(new, created) };
        store.update_time = now;
        store.happened(Happening::Adopted, Cause::default(), now);
        store
    }

    /// The store as one that was READY for the first time at `ready_time`, whatever the ledger remembers of it. It is
    /// DEGRADED until a probe has seen it sell: it is not made again, and not changed.
    #[must_use]
    pub fn complete_since(self, ready_time: Timestamp, made_from: Option<Box<Release>>, now: Timestamp) -> Self {
        let adopted = self.history.entries().last().is_some_and(|entry| entry.what == Happening::Adopted);
        let mut store = Self {
            state: State::Degraded,
            failure: None,
            steps: pending(&self.steps),
            observed_generation: self.generation,
            update_time: now,
            ready_time: Some(ready_time),
            made_from,
            ..self
        };
        store.finish_steps(now);
        if !adopted {
            store.happened(Happening::Adopted, Cause::default(), now);
        }
        store
    }

    /// The store, taken back from a cluster in which nothing of it shall run: on its way to rest, whatever runs of it now.
    #[must_use]
    pub fn to_rest(self, rest: Rest, now: Timestamp) -> Self {
        let steps = vec![Step::pending(StepName::SUSPENSION)];
        match rest {
            Rest::Suspended => Self { state: State::Suspending, steps, ..self },
            Rest::RetainedUntil(time) => {
                let delete_time = self.delete_time.or(Some(now));
                Self { state: State::Retaining, steps, purge_time: Some(time), delete_time, ..self }
            }
        }
    }

    /// Whether something was asked for that needs nothing but to be remembered by the cluster.
    pub fn is_behind(&self) -> bool {
        let rests = matches!(self.state.lifecycle().work, Work::Keep | Work::Retain | Work::Nothing);
        rests && !self.is_foreign() && !self.is_deleted() && self.observed_generation < self.generation
    }

    /// A store that was missing, once its namespace is back: on its way again, with what is known of its past.
    pub fn returned(&self, now: Timestamp) -> Self {
        let mut back = Self {
            state: State::INITIAL,
            failure: None,
            steps: pending(&self.steps),
            update_time: now,
            ..self.clone()
        };
        back.happened(Happening::Adopted, Cause::default(), now);
        back
    }

    /// The store after `event`. An intent raises the generation and clears the failure of the one before.
    pub fn after(&self, event: Event, now: Timestamp) -> Result<Self, IllegalTransition> {
        let state = self.state.next(event)?;
        let mut next = self.clone();
        (next.state, next.update_time) = (state, now);
        if event.is_intent() {
            next.generation = next.generation.saturating_add(1);
            next.failure = None;
        } else {
            next.observed_generation = next.generation;
        }
        next.note_operation(self, event, now);
        next.begin(self, event, now);
        next.conclude(self, event, now);
        Ok(next)
    }

    /// The store with exactly the steps of `pipeline`, in their order. A store that was made by another version may have
    /// more or fewer; what it says of a step that both know is kept.
    pub fn with_steps_of(mut self, pipeline: Pipeline) -> Self {
        if !self.steps.iter().map(|step| step.name).eq(pipeline.names()) {
            let step = |name| self.step(name).cloned().unwrap_or_else(|| Step::pending(name));
            self.steps = pipeline.names().map(step).collect();
        }
        self
    }

    /// The store once a step failed for good; `None` where there is no giving up. FAILED is for a store that cannot go on:
    /// one that was READY before its update is DEGRADED until the next probe says whether it still sells.
    pub fn given_up(&self, now: Timestamp) -> Option<Self> {
        let kept = if self.ready_time.is_some() { self.after(Event::OperationFailed, now).ok() } else { None };
        kept.or_else(|| self.after(Event::GaveUp, now).ok())
    }

    /// The store with `name` under way and all before it done; `begun` counts one more attempt, unless a step of several
    /// parts only goes on with its next part.
    pub fn at_step(&self, name: StepName, begun: bool, detail: &str, now: Timestamp) -> Self {
        let mut next = self.clone();
        let at = self.position(name).unwrap_or(self.steps.len());
        for (index, step) in next.steps.iter_mut().enumerate() {
            if index < at {
                finish(step, now);
            } else if index == at {
                let detail = clip(detail, Step::MAX_DETAIL);
                let next_part = step.state == StepState::Running
                    && !(step.detail.is_empty() || detail.is_empty() || step.detail == detail);
                if step.attempt == 0 || (begun && !next_part) {
                    step.attempt = step.attempt.saturating_add(1);
                }
                step.state = StepState::Running;
                step.start_time = step.start_time.or(Some(now));
                step.end_time = None;
                step.detail = detail;
            } else {
                *step = Step { attempt: step.attempt, start_time: step.start_time, ..Step::pending(step.name) };
            }
        }
        // The store has passed what failed before this step.
        next.failure = next
            .failure
            .filter(|failure| failure.step.and_then(|failed| self.position(failed)).is_none_or(|failed| failed >= at));
        next.update_time = now;
        next
    }

    /// The store with `failure` shown, and the step it names marked as failed.
    pub fn failing(&self, mut failure: Failure, now: Timestamp) -> Self {
        let mut next = self.clone();
        failure.message = clip(&failure.message, Failure::MAX_MESSAGE);
        if let Some(step) = next.steps.iter_mut().find(|step| Some(step.name) == failure.step) {
            step.state = StepState::Failed;
            step.attempt = step.attempt.max(failure.attempt);
            step.start_time = step.start_time.or(Some(now));
            step.end_time = Some(now);
        }
        if let Some(operation) = next.operation.as_mut().filter(|operation| operation.lacks_failure()) {
            operation.failure = Some(Box::new(failure.clone()));
        }
        next.failure = Some(failure);
        next.update_time = now;
        next
    }

    /// The store on its way to be kept until `purge_time`, and removed then. A later purge time of before stays.
    ///
    /// # Errors
    /// It was never READY, or is being removed.
    pub fn retained_until(&self, purge_time: Timestamp, now: Timestamp) -> Result<Self, IllegalTransition> {
        let mut next = self.after(Event::RetainRequested, now)?;
        next.purge_time = next.purge_time.max(Some(purge_time));
        Ok(next)
    }

    /// The store with this amendment; `None` where it is so already. It is one intent, however many fields it changes. Nothing of the
    /// store has to change in the cluster but what its namespace remembers.
    pub fn amended(&self, amendment: &Amendment, now: Timestamp) -> Option<Self> {
        let Amendment { deletion_protection, labels } = amendment;
        let mut next = self.clone();
        next.spec.deletion_protection = deletion_protection.unwrap_or(next.spec.deletion_protection);
        if let Some(labels) = labels {
            next.labels.clone_from(labels);
        }
        if next.spec == self.spec && next.labels == self.labels {
            return None;
        }
        next.asked(Happening::UpdateRequested, now);
        Some(next)
    }

    /// The store once the cluster remembers all that was asked for, where nothing else had to be done.
    pub fn remembered(&self, now: Timestamp) -> Self {
        Self { observed_generation: self.generation, update_time: now, ..self.clone() }
    }

    /// The store once its credentials were handed out to `call`.
    pub fn credentials_read(&self, cause: Cause, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.happened(Happening::CredentialsRead, cause, now);
        next.update_time = now;
        next
    }

    /// The store with `cause` named as what brought about the newest entry of its history.
    pub fn by(mut self, cause: Cause) -> Self {
        self.history.credit_newest(cause);
        self
    }

    /// The state, if a newer version wrote it and this one does not know it: then nothing can be done to the store here.
    /// [`crate::Engines::foreign_word`] knows of foreign engines, too.
    pub fn foreign_word(&self) -> Option<Word> {
        match self.state {
            State::Unknown(word) => Some(word),
            _ => None,
        }
    }

    /// Whether a newer version made of this store what this one cannot work on: its state is not known, or a
    /// setting of a shop that is still to be set up or kept as it was asked for. Such a store is shown and kept, and
    /// otherwise left to replicas of that version. To remove a store its settings need not be known.
    pub fn is_foreign(&self) -> bool {
        self.foreign_word().is_some() || (!self.state.is_going() && self.spec.shop.unknown_word().is_some())
    }

    /// Whether it has ended.
    pub fn is_deleted(&self) -> bool {
        self.state == State::Deleted
    }

    fn happened(&mut self, what: Happening, cause: Cause, time: Timestamp) {
        self.history.push(HistoryEntry { time, what, cause });
    }

    fn position(&self, name: StepName) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }

    pub fn step(&self, name: StepName) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    fn finish_steps(&mut self, now: Timestamp) {
        for step in &mut self.steps {
            finish(step, now);
        }
    }
}

fn pending(steps: &[Step]) -> Vec<Step> {
    steps.iter().map(|step| Step::pending(step.name)).collect()
}

fn finish(step: &mut Step, now: Timestamp) {
    if step.state != StepState::Succeeded {
        step.state = StepState::Succeeded;
        step.attempt = step.attempt.max(1);
        step.start_time = step.start_time.or(Some(now));
        step.end_time = Some(now);
        step.detail.clear();
    }
}

/// The first `max` characters.
fn clip(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
