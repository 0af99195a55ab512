//! The releases of a scripted cluster: of which each store's objects are, and which of them do not work.

use std::collections::HashMap;

use sendstores_core::{
    Evidence, FailureReason, ReleaseName, StepName, Store, StoreId, Timestamp,
    evidence::Check,
    observed::{Outlook, Progress, Waiting},
    provisioner::StepError,
    store::MadeOf,
};

use super::ScriptedProvisioner;
use crate::{samples::parsed, steps};

/// What is wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// helm does not take it.
    Refused,
    /// Its pods never become ready, and the cluster says why.
    Stuck,
    /// Its pods take for ever, and nothing looks wrong.
    Slow,
    /// Its pods take visitors, and the shop does not sell.
    Closed,
}

#[derive(Default)]
pub(super) struct Releases {
    /// What the objects of each store are of.
    applied: HashMap<StoreId, Option<ReleaseName>>,
    faults: HashMap<ReleaseName, Fault>,
}

// === impl ScriptedProvisioner ===

impl ScriptedProvisioner {
    /// Stores that are made from this release show `fault`; `None`: it works.
    pub fn set_fault(&self, release: &str, fault: Option<Fault>) {
        let (mut state, release) = (self.state(), parsed::<ReleaseName>(release));
        match fault {
            Some(fault) => drop(state.releases.faults.insert(release, fault)),
            None => drop(state.releases.faults.remove(&release)),
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    /// Of which release the objects of the store are.
    pub fn runs(&self, id: &StoreId) -> Option<ReleaseName> {
        self.state().releases.of(id)
    }
}

// === impl Releases ===

impl Releases {
    pub(super) fn of(&self, id: &StoreId) -> Option<ReleaseName> {
        self.applied.get(id).cloned().flatten()
    }

    fn fault(&self, name: Option<&ReleaseName>) -> Option<Fault> {
        name.and_then(|name| self.faults.get(name)).copied()
    }

    /// A store that stays as it is keeps what it has.
    pub(super) fn apply(&mut self, store: &Store) {
        let wanted = match store.made_of() {
            MadeOf::Present => return,
            MadeOf::Spec | MadeOf::Before => store.release_name(),
        };
        if self.fault(wanted.as_ref()) != Some(Fault::Refused) {
            self.applied.insert(store.id.clone(), wanted);
        }
    }

    pub(super) fn refused(&self, store: &Store, step: StepName) -> Option<StepError> {
        let refused = step == steps::RELEASE && self.fault(store.release_name().as_ref()) == Some(Fault::Refused);
        refused.then(|| StepError::retryable(FailureReason::ReleaseFailed, "helm does not take it"))
    }

    /// What a step shows that is not done because of the release. `None`: it is as any other.
    pub(super) fn seen(&self, store: &Store, step: StepName) -> Option<Progress> {
        let has = self.of(&store.id);
        let other = store.made_of() != MadeOf::Present && has != store.release_name();
        match (step, self.fault(has.as_ref())) {
            (steps::RELEASE, _) if other => Some(Progress::Partial("of another release".to_owned())),
            (steps::APPLICATION, Some(Fault::Stuck)) => Some(waiting(Outlook::Stuck)),
            (steps::APPLICATION, Some(Fault::Slow)) => Some(waiting(Outlook::Starting)),
            (steps::STOREFRONT, Some(Fault::Closed)) => {
                let time = Timestamp::from_micros(1_700_000_000_000_000);
                Some(Progress::Failing(vec![Evidence::new(Check::new("shop_page"), Err("closed".to_owned()), time)]))
            }
            _ => None,
        }
    }

    /// How a wait for such a step ends.
    pub(super) fn waited(&self, store: &Store, step: StepName) -> Option<StepError> {
        match (step, self.fault(self.of(&store.id).as_ref())) {
            (steps::APPLICATION, Some(Fault::Stuck)) => {
                Some(StepError::retryable(FailureReason::ImageUnavailable, "the image cannot be pulled"))
            }
            (steps::STOREFRONT, Some(Fault::Closed)) => {
                Some(StepError::retryable(FailureReason::StorefrontUnavailable, "the shop does not sell"))
            }
            _ => None,
        }
    }
}

fn waiting(outlook: Outlook) -> Progress {
    Progress::Waiting(Waiting { reason: FailureReason::ApplicationUnavailable, detail: "starting".to_owned(), outlook })
}
