//! The engines: what stores are made of. Everything that is known of one is in its own folder; a row in [`ENGINES`]
//! registers it.

pub(crate) mod woocommerce;

use std::future::Future;
use std::pin::Pin;

use sendstores_core::{
    Engine, EngineFacts, Engines, Failure, FailureReason, StepFacts, Store,
    lifecycle::Expect,
    observed::{Progress, Seen},
    provisioner::StepError,
    volumes::VolumeRole,
};

pub use super::steps::diagnosis::LogDef;
use super::{
    Context,
    config::EngineDeadline,
    steps::{Kind, Workload},
};

/// The engines of this server. The first one is that of a Create that names none.
pub const ENGINES: Registry =
    Registry { engines: &[&woocommerce::ENGINE], facts: Engines::new(&[woocommerce::ENGINE.facts]) };

/// Engines, each with all that is known of it, and as far as the domain knows it.
#[derive(Clone, Copy)]
pub struct Registry {
    pub engines: &'static [&'static EngineDef],
    pub facts: Engines,
}

/// An engine.
pub struct EngineDef {
    pub facts: EngineFacts,
    /// The steps from intent to READY, in the order in which they are taken: those of `facts`, with how they are done.
    pub steps: &'static [StepDef],
    /// What answers shoppers: its container's log may say something of them.
    pub application: Workload,
    /// The port on which its pods answer.
    pub port: u16,
    /// The volumes of a store.
    pub volumes: &'static [VolumeDef],
    /// How long its own programs may take.
    pub deadlines: &'static [EngineDeadline],
    pub credentials: CredentialsDef,
    /// Has the application do what it has scheduled. Safe to repeat, also while it is at work.
    pub run_jobs: for<'a> fn(&'a Context, &'a Store) -> Doing<'a, ()>,
    pub diagnosis: DiagnosisDef,
    /// How its stores are backed up. `None`: they cannot be.
    pub backup: Option<BackupDef>,
}

/// What the pod of a backup is given of a store.
pub struct BackupDef {
    /// Of the program that makes the backup.
    pub environment: &'static [(&'static str, &'static str)],
    /// The claim of the volume that is read, and where it is mounted.
    pub content: (&'static str, &'static str),
    /// The key of the password of the database among the credentials.
    pub database_password: &'static str,
    /// The keys of the credentials that are part of the backup.
    pub keys: &'static [&'static str],
    /// Where the values of the chart have how large the dump may become: a path such as `storage.database`.
    pub scratch: &'static str,
}

/// A volume of a store.
#[derive(Clone, Copy)]
pub struct VolumeDef {
    pub role: VolumeRole,
    /// The name of its claim.
    pub claim: &'static str,
    /// Where the values of the chart have its size: a path such as `storage.database`.
    pub size: &'static str,
    /// The workload whose pods use it. The claims of a StatefulSet are made from its template, which cannot be changed.
    pub workload: Workload,
}

/// What only the engine can say of a store that failed.
pub struct DiagnosisDef {
    pub log: LogDef,
    /// Looks for the cause in a store whose workloads all run. Never changes anything; `None` where it finds none.
    pub inside: for<'a> fn(&'a Context, &'a Store, &'a Failure) -> Doing<'a, Option<Finding>>,
}

/// A cause that an engine has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// A better reason than that of the failure.
    pub reason: Option<FailureReason>,
    /// One sentence that is put before the failure's own. May be empty.
    pub message: String,
    /// Kind and name of the object that blocks; empty: the pod of the application.
    pub object: String,
    /// One thing to do about it; empty: what the engine advises for the reason.
    pub suggestion: String,
}

/// One step: what it is called, what it depends on, and how it is observed and done.
#[derive(Clone, Copy)]
pub struct StepDef {
    pub facts: StepFacts,
    /// Observes the step. Never changes anything. What is expected of the store follows from its state, and is no decision of
    /// the step.
    pub observe: for<'a> fn(&'a Context, &'a Store, Expect) -> Doing<'a, Seen<Progress>>,
    /// Does the step. Doing it again, or again after a crash, ends in the same.
    pub ensure: for<'a> fn(&'a Context, &'a Store) -> Doing<'a, ()>,
    pub watches: Watches,
}

/// What in the cluster brings a step on: its changes say when to observe the step again, and when it fails, the object to
/// blame is among these. Only objects that carry the label `sendstores.dev/uid` are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watches {
    /// Nothing: the step is done when its `ensure` returns.
    Nothing,
    /// The namespace and its quota.
    Namespace,
    /// A workload with its pods, volumes and warnings.
    Workload(Workload),
    /// What happens inside the pods of a workload. Kubernetes does not report when that changes, so the step is observed again at
    /// growing intervals, too.
    Inside(Workload),
}

/// The generated passwords and keys of a store, and which of them its merchant is given.
pub struct CredentialsDef {
    /// Name and length of each value.
    pub keys: &'static [(&'static str, usize)],
    /// The key of the merchant's password.
    pub password: &'static str,
    /// The path of the page where the merchant logs in.
    pub login_path: &'static str,
    /// The name that the merchant logs in with.
    pub user: fn(&Store) -> String,
}

/// What a step does, in the making.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StepError>> + Send + 'a>>;

// === impl EngineDef ===

impl EngineDef {
    /// The workloads, each after those that it needs.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = (Workload, FailureReason)> {
        self.steps.iter().filter_map(|step| match step.watches {
            Watches::Workload(workload) => Some((workload, step.facts.usual_reason)),
            Watches::Nothing | Watches::Namespace | Watches::Inside(_) => None,
        })
    }

    /// Where the values of the chart have the sizes of the volumes.
    pub(crate) fn volume_sizes(&self) -> Vec<&'static str> {
        self.volumes.iter().map(|volume| volume.size).collect()
    }

    /// The name of the StatefulSet, if the engine has one.
    pub(crate) fn stateful_set(&self) -> Option<&'static str> {
        self.steps.iter().find_map(|step| match step.watches {
            Watches::Workload(Workload { kind: Kind::StatefulSet, name }) => Some(name),
            _ => None,
        })
    }
}

/// The facts of steps, for the domain.
pub const fn facts<const N: usize>(steps: &[StepDef; N]) -> [StepFacts; N] {
    let mut facts = [steps[0].facts; N];
    let mut i = 0;
    while i < N {
        facts[i] = steps[i].facts;
        i += 1;
    }
    facts
}

// === impl Registry ===

impl Registry {
    /// The engine called `name`; `None` if it is not registered.
    pub(crate) fn find(self, name: Engine) -> Option<&'static EngineDef> {
        self.engines.iter().copied().find(|engine| engine.facts.engine == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_engine_is_whole() {
        for engine in ENGINES.engines {
            let EngineFacts { engine: name, pipeline, advise: _ } = engine.facts;
            assert_eq!(ENGINES.facts.pipeline(name), pipeline, "{name} is registered with the domain");
            assert!(engine.steps.iter().map(|step| step.facts).eq(pipeline.steps().iter().copied()), "{name}");
            let names: BTreeSet<_> = pipeline.names().collect();
            assert_eq!(names.len(), engine.steps.len(), "{name}: each step has a name of its own");
            let first = pipeline.steps().first().expect("steps");
            let last = pipeline.steps().last().expect("steps");
            assert!(first.creates_namespace && last.proves_ready, "{name}");
            let once = |flag: fn(&StepFacts) -> bool| pipeline.steps().iter().filter(|step| flag(step)).count() == 1;
            assert!(once(|step| step.creates_namespace) && once(|step| step.proves_ready), "{name}");
            assert!(engine.credentials.keys.iter().any(|(key, _)| *key == engine.credentials.password), "{name}");
        }
    }
}
