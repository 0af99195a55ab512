//! The engines of a server: the software that stores are made of, as far as the domain has to know it.

use crate::{
    evidence::Check,
    failure::{Failure, FailureReason},
    id::StoreId,
    step::{StepFacts, StepName},
    store::Store,
    word::{Word, name_type},
};

/// The name of an engine, in lower case. A store may have one that this server does not know: a newer server made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Engine(&'static str);

/// What the domain knows of an engine. Everything else stays in the engine's own folder.
#[derive(Clone, Copy, Debug)]
pub struct EngineFacts {
    pub engine: Engine,
    /// The steps from intent to READY, in the order in which they are taken.
    pub pipeline: Pipeline,
    /// One thing to do about a failure of such a store, by its reason and the object that blocks: one sentence, most often
    /// with a command.
    pub advise: fn(&StoreId, &Failure) -> String,
}

/// The steps of provisioning, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline {
    steps: &'static [StepFacts],
    checks: &'static [Check],
}

/// The engines of this server. The first one is that of a Create that names none.
#[derive(Clone, Copy, Debug)]
pub struct Engines(&'static [EngineFacts]);

name_type!(Engine);

// === impl Pipeline ===

impl Pipeline {
    /// No steps: of an engine that this server does not have.
    pub const NONE: Self = Self::new(&[]);

    pub const fn new(steps: &'static [StepFacts]) -> Self {
        Self { steps, checks: &[] }
    }

    /// The same, with what the last step probes: all checks that its evidence can have.
    #[must_use]
    pub const fn proved_by(self, checks: &'static [Check]) -> Self {
        Self { checks, ..self }
    }

    pub fn steps(self) -> &'static [StepFacts] {
        self.steps
    }

    /// The checks that this version can make. Evidence of others is a newer version's.
    pub fn checks(self) -> &'static [Check] {
        self.checks
    }

    pub fn names(self) -> impl Iterator<Item = StepName> {
        self.steps.iter().map(|step| step.name)
    }

    pub fn position(self, name: StepName) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }

    /// The step that probes the storefront.
    pub fn proof(self) -> Option<StepName> {
        self.steps.iter().find(|step| step.proves_ready).map(|step| step.name)
    }

    /// The step that creates the namespace.
    pub fn namespace(self) -> Option<StepName> {
        self.steps.iter().find(|step| step.creates_namespace).map(|step| step.name)
    }

    /// The reason to give for `step` while nothing more precise is known.
    pub fn usual_reason(self, step: StepName) -> FailureReason {
        match self.steps.iter().find(|facts| facts.name == step) {
            Some(facts) => facts.usual_reason,
            None if step == StepName::REMOVAL => FailureReason::RemovalBlocked,
            None if step == StepName::SUSPENSION => FailureReason::SuspensionBlocked,
            None => FailureReason::Internal,
        }
    }
}

// === impl Engines ===

impl Engines {
    pub const fn new(all: &'static [EngineFacts]) -> Self {
        Self(all)
    }

    /// The engine of a Create that names none; `None` where there is no engine at all.
    pub fn default_engine(self) -> Option<&'static EngineFacts> {
        self.0.first()
    }

    /// The name of each.
    pub fn names(self) -> impl Iterator<Item = Engine> {
        self.0.iter().map(|facts| facts.engine)
    }

    /// The engine that is called so. `None`: this server does not have it.
    pub fn named(self, name: &str) -> Option<Engine> {
        self.names().find(|engine| engine.as_str() == name)
    }

    /// `None`: this server does not have the engine.
    pub fn get(self, engine: Engine) -> Option<&'static EngineFacts> {
        self.0.iter().find(|facts| facts.engine == engine)
    }

    /// What of `store` only a newer version knows: its state, or its engine.
    pub fn foreign_word(self, store: &Store) -> Option<Word> {
        let engine = store.spec.engine;
        match self.get(engine) {
            Some(_) => store.foreign_word(),
            None => Word::intern(engine.as_str()),
        }
    }

    /// One thing to do about a failure of a store of `engine`: what was found when it failed, or else what the engine advises.
    pub fn suggestion(self, engine: Engine, id: &StoreId, failure: &Failure) -> String {
        let found = failure.diagnosis.as_deref().map_or("", |found| found.suggestion.as_str());
        match self.get(engine) {
            _ if !found.is_empty() => found.to_owned(),
            Some(facts) => (facts.advise)(id, failure),
            None => format!("Ask a server of the version that has the engine {engine}"),
        }
    }

    /// The steps of an engine's stores; none for an engine that this server does not have.
    pub fn pipeline(self, engine: Engine) -> Pipeline {
        self.get(engine).map_or(Pipeline::NONE, |facts| facts.pipeline)
    }
}
