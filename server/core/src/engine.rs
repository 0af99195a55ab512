//! The engines of a server: the software that stores are made of, as far as the domain has to know it.

use crate::{
    failure::FailureReason,
    step::{StepFacts, StepName},
    store::Store,
    word::{Word, name_type},
};

/// The name of an engine, such as `woocommerce`. A store may have one that this server does not know: a newer server made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Engine(&'static str);

/// What the domain knows of an engine. Everything else stays in the engine's own folder.
#[derive(Clone, Copy, Debug)]
pub struct EngineFacts {
    pub engine: Engine,
    /// The steps from intent to READY, in the order in which they are taken.
    pub pipeline: Pipeline,
}

/// The steps of provisioning, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline(&'static [StepFacts]);

/// The engines of this server. The first one is that of a Create that names none.
#[derive(Clone, Copy, Debug)]
pub struct Engines(&'static [EngineFacts]);

name_type!(Engine);

// === impl Pipeline ===

impl Pipeline {
    /// No steps: of an engine that this server does not have.
    pub const NONE: Self = Self(&[]);

    pub const fn new(steps: &'static [StepFacts]) -> Self {
        Self(steps)
    }

    pub fn steps(self) -> &'static [StepFacts] {
        self.0
    }

    pub fn names(self) -> impl Iterator<Item = StepName> {
        self.0.iter().map(|step| step.name)
    }

    pub fn position(self, name: StepName) -> Option<usize> {
        self.0.iter().position(|step| step.name == name)
    }

    /// The step that probes the storefront.
    pub fn proof(self) -> Option<StepName> {
        self.0.iter().find(|step| step.proves_ready).map(|step| step.name)
    }

    /// The step that creates the namespace.
    pub fn namespace(self) -> Option<StepName> {
        self.0.iter().find(|step| step.creates_namespace).map(|step| step.name)
    }

    /// The reason to give for `step` while nothing more precise is known.
    pub fn usual_reason(self, step: StepName) -> FailureReason {
        match self.0.iter().find(|facts| facts.name == step) {
            Some(facts) => facts.usual_reason,
            None if step == StepName::REMOVAL => FailureReason::RemovalBlocked,
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

    /// The steps of an engine's stores; none for an engine that this server does not have.
    pub fn pipeline(self, engine: Engine) -> Pipeline {
        self.get(engine).map_or(Pipeline::NONE, |facts| facts.pipeline)
    }
}
