//! A cluster in memory that does as a test's script says: the fake beside the provisioner's port.

mod backups;
mod cron;
mod releases;
mod volumes;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use sendstores_core::{
    Diagnosis, Engines, Evidence, Failure, FailureReason, Release, StepName, Store, StoreId, Timestamp,
    credentials::{Credentials, Password, ReadCredentials, Reading},
    evidence::Check,
    observed::{Activity, Outlook, Progress, Remains, Seen, Waiting},
    provisioner::{Provisioner, StepError},
};
use sendstores_server::provision::ENGINES;
use tokio::sync::Notify;

use self::backups::Backups;
pub use self::backups::{JobEnd, finished, snapshot};
use self::cron::Cron;
pub use self::cron::CronTurn;
pub use self::releases::Fault;
use self::releases::Releases;
use crate::steps;

/// What the next act on a step does.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Fails without having done anything.
    Fail(StepError),
    /// Does its work, and then its answer is lost.
    DoneButLost,
    /// Says that it has done its work, and has not.
    Idle,
    /// Never returns; the work is not done.
    Hang,
    /// Does its work after a while, whether or not anybody waits for it: as an API server does with a request whose caller
    /// has hung up.
    Late,
}

/// What the server's panic says; callers must not read it.
pub const POISON: &str = "scripted panic: S3cretCanary";

/// One observation of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The replica that observed, where the test has named it.
    pub who: &'static str,
    pub id: StoreId,
    pub step: StepName,
    /// The intent that it was observed for.
    pub generation: u64,
}

const A_WHILE: Duration = Duration::from_millis(50);

/// Clones share one cluster. The text says whose it is, where that matters.
#[derive(Clone, Default)]
pub struct ScriptedProvisioner(Arc<Inner>, &'static str);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The steps that hold, by store.
    held: HashMap<StoreId, BTreeSet<StepName>>,
    script: BTreeMap<StepName, Vec<Turn>>,
    /// The server panics over what these stores show of these steps.
    poisoned: BTreeSet<(StoreId, StepName)>,
    /// What these stores show of these steps never becomes ready, as with pods that no node takes.
    never_ready: BTreeSet<(StoreId, StepName)>,
    /// How long an act takes.
    act_time: Duration,
    /// Stores whose runs wait for the cluster right now.
    waiting: BTreeSet<StoreId>,
    /// Stores being acted upon right now.
    busy: BTreeSet<StoreId>,
    most_busy: usize,
    acts: Vec<(StoreId, StepName)>,
    /// Every observation of a step, in order.
    observations: Vec<Observation>,
    /// What the next probes find, before it is again as `selling` says.
    probe_script: VecDeque<bool>,
    /// Done when a storefront is probed next, before the probe is answered.
    before_answer: Option<BoxFuture<'static, ()>>,
    overlaps: usize,
    /// How often work was done late.
    late: usize,
    selling: bool,
    cron: Cron,
    backups: Backups,
    releases: Releases,
    remembered: HashMap<StoreId, (Option<Timestamp>, Option<Release>)>,
    /// Why the next memory is not kept.
    forgetful: Option<StepError>,
    /// The cluster does not answer for credentials.
    credentials_error: Option<StepError>,
}

/// Marks a store as acted upon while it lives.
struct Busy(ScriptedProvisioner, StoreId);

/// Marks a store's run as one that waits while it lives.
struct Waits(ScriptedProvisioner, StoreId);

// === impl Waits ===

impl Waits {
    fn begin(cluster: &ScriptedProvisioner, id: &StoreId) -> Self {
        cluster.state().waiting.insert(id.clone());
        Self(cluster.clone(), id.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.state().waiting.remove(&self.1);
    }
}

// === impl ScriptedProvisioner ===

impl ScriptedProvisioner {
    /// A cluster in which everything works.
    pub fn new() -> Self {
        let fake = Self::default();
        fake.state().selling = true;
        fake
    }

    /// The same cluster, looked at by `who`.
    pub fn of(&self, who: &'static str) -> Self {
        Self(self.0.clone(), who)
    }

    /// Every observation of a step so far, in order.
    pub fn observations(&self) -> Vec<Observation> {
        self.state().observations.clone()
    }

    /// Every probe of a storefront so far, in order.
    pub fn probes(&self) -> Vec<Observation> {
        let is_probe = |seen: &Observation| seen.step == steps::STOREFRONT;
        self.observations().into_iter().filter(is_probe).collect()
    }

    /// The next probes of any storefront find these, whether or not it sells.
    pub fn script_probes(&self, sells: impl IntoIterator<Item = bool>) {
        self.state().probe_script.extend(sells);
    }

    /// How many scripted probes are still to come.
    pub fn scripted_probes(&self) -> usize {
        self.state().probe_script.len()
    }

    /// Does `act` when a storefront that is exposed is probed next, before the probe is answered.
    pub fn before_probe_answer(&self, act: impl Future<Output = ()> + Send + 'static) {
        self.state().before_answer = Some(act.boxed());
    }

    /// The next act on `step` does this.
    pub fn script(&self, step: StepName, turn: Turn) {
        self.state().script.entry(step).or_default().push(turn);
    }

    /// From now on the server panics over what `id` shows of `step`, or no longer does.
    pub fn set_poisoned(&self, id: &StoreId, step: StepName, poisoned: bool) {
        let place = (id.clone(), step);
        let state = &mut self.state().poisoned;
        if poisoned {
            state.insert(place);
        } else {
            state.remove(&place);
        }
    }

    /// `step` of the store is made, and never becomes ready.
    pub fn set_never_ready(&self, id: &StoreId, step: StepName) {
        self.state().never_ready.insert((id.clone(), step));
    }

    /// From now on each act takes this time.
    pub fn set_act_time(&self, time: Duration) {
        self.state().act_time = time;
    }

    /// How many runs wait for the cluster.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// How many stores were acted upon at once, at most.
    pub fn most_busy(&self) -> usize {
        self.state().most_busy
    }

    pub fn set_selling(&self, selling: bool) {
        self.state().selling = selling;
    }

    /// Every read of credentials fails with `error` until `None` is given.
    pub fn fail_credentials(&self, error: Option<StepError>) {
        self.state().credentials_error = error;
    }

    /// The password of a store: another for each store, also for a later one of the same id.
    pub fn password(store: &Store) -> String {
        format!("Canary{}{}", store.id, store.uid).replace('-', "")
    }

    /// What every store is made from.
    pub fn release(store: &Store) -> Release {
        Release {
            name: store.spec.release.clone(),
            versions: [("woocommerce", "10.9.4")].into_iter().collect(),
            revision: 2,
            chart: "scripted-1".to_owned(),
            chart_digest: "aa".to_owned(),
            values_digest: "bb".to_owned(),
            source: None,
            images: [("shop".to_owned(), format!("shop:{}", store.spec.engine.as_str()))].into(),
            volumes: BTreeMap::new(),
        }
    }

    /// The next time that something is to be remembered fails with this.
    pub fn forget_once(&self, error: StepError) {
        self.state().forgetful = Some(error);
    }

    /// When the store was READY first and what it was made from, as the cluster remembers it.
    pub fn remembered(&self, id: &StoreId) -> Option<(Option<Timestamp>, Option<Release>)> {
        self.state().remembered.get(id).cloned()
    }

    /// Every act so far, in order.
    pub fn acts(&self) -> Vec<(StoreId, StepName)> {
        self.state().acts.clone()
    }

    /// How often a store was acted upon by two at once.
    pub fn overlaps(&self) -> usize {
        self.state().overlaps
    }

    /// How often work was done late so far.
    pub fn late(&self) -> usize {
        self.state().late
    }

    /// The cluster loses what makes `step` of the store hold.
    pub fn lose(&self, id: &StoreId, step: StepName) {
        if let Some(held) = self.state().held.get_mut(id) {
            held.remove(&step);
        }
    }

    /// Whether anything of the store is there.
    pub fn holds_anything(&self, id: &StoreId) -> bool {
        self.state().held.get(id).is_some_and(|steps| !steps.is_empty())
    }

    /// Whether `step` of the store is being acted upon and hangs.
    pub fn is_busy(&self, id: &StoreId) -> bool {
        self.state().busy.contains(id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: &StoreId, step: StepName) -> (Busy, Option<Turn>) {
        let mut state = self.state();
        if !state.busy.insert(id.clone()) {
            state.overlaps += 1;
        }
        state.most_busy = state.most_busy.max(state.busy.len());
        state.acts.push((id.clone(), step));
        let turn = state.script.get_mut(&step).filter(|turns| !turns.is_empty()).map(|turns| turns.remove(0));
        (Busy(self.clone(), id.clone()), turn)
    }

    async fn act(
        &self,
        store: &Store,
        step: StepName,
        work: impl FnOnce(&mut State) + Send + 'static,
    ) -> Result<(), StepError> {
        let (_busy, turn) = self.begin(&store.id, step);
        tokio::task::yield_now().await;
        let time = self.state().act_time;
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        match turn {
            Some(Turn::Fail(error)) => Err(error),
            Some(Turn::Hang) => std::future::pending().await,
            Some(Turn::Idle) => Ok(()),
            Some(Turn::Late) => {
                let cluster = self.clone();
                let late = tokio::spawn(async move {
                    tokio::time::sleep(A_WHILE).await;
                    let mut state = cluster.state();
                    work(&mut state);
                    state.late += 1;
                });
                late.await.map_err(|error| StepError::retryable(FailureReason::Internal, error.to_string()))
            }
            Some(Turn::DoneButLost) => {
                work(&mut self.state());
                Err(StepError::retryable(FailureReason::ClusterUnavailable, "the answer was lost"))
            }
            None => {
                work(&mut self.state());
                Ok(())
            }
        }
    }

    fn evidence(passed: bool) -> Vec<Evidence> {
        let found = if passed { Ok("scripted".to_owned()) } else { Err("scripted".to_owned()) };
        vec![Evidence::new(Check::new("shop_page"), found, Timestamp::from_micros(1_700_000_000_000_000))]
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy.remove(&self.1);
        self.0.0.changed.notify_waiters();
    }
}

impl Provisioner for ScriptedProvisioner {
    fn engines(&self) -> Engines {
        ENGINES
    }

    async fn observe(&self, store: &Store, step: StepName) -> Result<Seen<Progress>, StepError> {
        let is_held = |state: &State| state.held.get(&store.id).is_some_and(|steps| steps.contains(&step));
        let before = {
            let mut state = self.state();
            let (id, generation) = (store.id.clone(), store.generation);
            state.observations.push(Observation { who: self.1, id, step, generation });
            if state.poisoned.contains(&(store.id.clone(), step)) {
                drop(state);
                std::panic::panic_any(POISON);
            }
            let probed = step == steps::STOREFRONT && is_held(&state);
            if probed { state.before_answer.take() } else { None }
        };
        if let Some(before) = before {
            before.await;
        }
        let mut state = self.state();
        let held = is_held(&state);
        let scripted = if held && step == steps::STOREFRONT { state.probe_script.pop_front() } else { None };
        let sells = scripted.unwrap_or(state.selling);
        let never_ready = state.never_ready.contains(&(store.id.clone(), step));
        let faulty = state.releases.seen(store, step);
        Ok(match (held, step) {
            (false, _) => Seen::Absent,
            (true, _) if faulty.is_some() => Seen::Known(faulty.unwrap_or(Progress::Done(Vec::new()))),
            (true, _) if never_ready => Seen::Known(Progress::Waiting(Waiting {
                reason: FailureReason::PodUnschedulable,
                detail: "no node can take the pod".to_owned(),
                outlook: Outlook::Stuck,
            })),
            (true, steps::STOREFRONT) if sells => Seen::Known(Progress::Done(Self::evidence(true))),
            (true, steps::STOREFRONT) => Seen::Known(Progress::Failing(Self::evidence(false))),
            (true, _) => Seen::Known(Progress::Done(Vec::new())),
        })
    }

    async fn ensure(&self, store: &Store, step: StepName) -> Result<(), StepError> {
        let refused = self.state().releases.refused(store, step);
        let store_of = store.clone();
        self.act(store, step, move |state| {
            if step == steps::RELEASE {
                state.releases.apply(&store_of);
            }
            state.held.entry(store_of.id).or_default().insert(step);
        })
        .await?;
        refused.map_or(Ok(()), Err)
    }

    async fn wait(&self, store: &Store, step: StepName, last: &Progress) -> Result<Seen<Progress>, StepError> {
        let _waits = Waits::begin(self, &store.id);
        if let Some(error) = self.state().releases.waited(store, step) {
            return Err(error);
        }
        loop {
            let seen = self.observe(store, step).await?;
            if seen != Seen::Known(last.clone()) {
                return Ok(seen);
            }
            self.0.changed.notified().await;
        }
    }

    async fn made_from(&self, store: &Store) -> Result<Option<Release>, StepError> {
        let name = self.state().releases.of(&store.id);
        Ok(Some(Release { name, ..Self::release(store) }))
    }

    async fn remember(&self, store: &Store) -> Result<(), StepError> {
        let mut state = self.state();
        if let Some(error) = state.forgetful.take() {
            return Err(error);
        }
        state.remembered.insert(store.id.clone(), (store.ready_time, store.made_from.as_deref().cloned()));
        Ok(())
    }

    async fn observe_remains(&self, store: &Store) -> Result<Seen<Remains>, StepError> {
        Ok(if self.holds_anything(&store.id) { Seen::Known(Remains::Untouched) } else { Seen::Absent })
    }

    async fn remove(&self, store: &Store) -> Result<(), StepError> {
        let id = store.id.clone();
        self.act(store, StepName::REMOVAL, move |state| {
            state.held.remove(&id);
        })
        .await
    }

    async fn diagnose(&self, _: &Store, failure: Failure) -> Failure {
        let object = failure.step.map(|step| format!("Step {step}")).unwrap_or_default();
        Failure { diagnosis: Some(Box::new(Diagnosis { object, ..Diagnosis::default() })), ..failure }
    }

    async fn observe_activity(&self, store: &Store) -> Result<Seen<Activity>, StepError> {
        let state = self.state();
        let held = state.held.get(&store.id);
        Ok(match held {
            None => Seen::Absent,
            Some(steps) if steps.contains(&steps::STOREFRONT) => {
                Seen::Known(Activity::Running("visitors reach the store".to_owned()))
            }
            Some(_) => Seen::Known(Activity::Resting),
        })
    }

    async fn stop(&self, store: &Store) -> Result<(), StepError> {
        let id = store.id.clone();
        self.act(store, StepName::SUSPENSION, move |state| {
            if let Some(steps) = state.held.get_mut(&id) {
                steps.remove(&steps::STOREFRONT);
            }
        })
        .await
    }

    async fn wait_stop(&self, store: &Store, _last: &Activity) -> Result<Seen<Activity>, StepError> {
        self.observe_activity(store).await
    }

    async fn wait_removal(&self, store: &Store, _last: &Remains) -> Result<Seen<Remains>, StepError> {
        self.observe_remains(store).await
    }
}

impl ReadCredentials for ScriptedProvisioner {
    fn read_credentials<'a>(&'a self, store: &'a Store) -> Reading<'a> {
        Box::pin(async move {
            let state = self.state();
            if let Some(error) = &state.credentials_error {
                return Err(error.clone());
            }
            let made = state.held.get(&store.id).is_some_and(|steps| steps.contains(&steps::CREDENTIALS));
            Ok(made.then(|| Credentials {
                admin_url: format!("{}/wp-admin/", store.url),
                user: store.spec.shop.admin_user.to_string(),
                password: Password::new(Self::password(store)),
            }))
        })
    }
}
