//! One run for one store: claim, load, then observe, plan, act and record until there is nothing to do.

mod clock;
mod failing;
mod resting;
mod updating;

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Event, Evidence, FailureReason, Pipeline, State, StepName, Store, StoreId, Timestamp, adoption,
    ledger::{Claim, Fence, Ledger},
    observed::{Observed, Progress, Remains, Seen, Waiting},
    plan::{Action, plan},
    provisioner::{Provisioner, StepError},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use self::clock::StepClock;
use super::{
    Reconciler,
    lease::{Leases, Lost},
    probe::{Found, Probe},
    record::{self, NotRecorded},
    slots::Slot,
};
use crate::{permits::Permit, supervise};

/// How long after its end a claim is asked for that another replica has.
const AFTER_A_LEASE: Duration = Duration::from_millis(50);
/// How long to wait when the claim or the ledger cannot be had.
const PAUSE: Duration = Duration::from_secs(1);
/// So long a newer intent waits for a namespace that is just being made.
const NAMESPACE_GRACE: Duration = Duration::from_secs(5);

/// How a run ended.
pub(super) enum Outcome {
    /// Nothing to do now; this record says when there will be. The mirror may not know it yet.
    Rest(Box<Store>),
    /// There is no such record.
    Nothing,
    /// Ended before its time.
    RetryIn(Duration),
    /// A READY store does not sell, as far as one probe goes: probe it once more.
    Suspect,
}

/// One run.
pub(super) struct Run<'a, L, P> {
    reconciler: &'a Reconciler<L, P>,
    leases: &'a Leases,
    slot: Slot,
    id: StoreId,
    interrupt: CancellationToken,
    /// What comes first, for a store that is READY.
    probe: Option<Probe>,
    /// Held while a namespace is being made.
    making: Mutex<()>,
}

/// What a run knows while it holds the claim.
struct Work<'a, L, P> {
    reconciler: &'a Reconciler<L, P>,
    making: &'a Mutex<()>,
    slot: &'a Slot,
    fence: Fence,
    /// When the claim was taken, by the ledger's clock.
    claimed: Timestamp,
    store: Store,
    /// Of this store's intent: a run ends when the intent changes.
    observed: Observed,
    /// What was done last, and what was seen of it before that.
    done: Option<(StepName, Seen<Progress>)>,
    /// The step that is observed or worked on.
    at: Option<StepName>,
    clock: StepClock,
    /// Two probes in a row found that the store does not sell.
    confirmed: bool,
}

/// What comes of one action.
enum Turn {
    Again,
    Over,
    /// Nothing more can be done before this time.
    Later(Duration),
    /// The store is to be probed once more before it is called DEGRADED.
    Suspect,
}

/// Why a run ends before its time.
enum Halt {
    Step(StepError),
    Ledger(NotRecorded),
}

// === impl Run ===

impl<'a, L: Ledger, P: Provisioner> Run<'a, L, P> {
    pub(super) fn new(
        reconciler: &'a Reconciler<L, P>,
        leases: &'a Leases,
        slot: Slot,
        id: StoreId,
        interrupt: CancellationToken,
        probe: Option<Probe>,
    ) -> Self {
        Self { reconciler, leases, slot, id, interrupt, probe, making: Mutex::new(()) }
    }

    pub(super) async fn run(self) -> (StoreId, Outcome) {
        let Some(probe) = &self.probe else { return self.claimed(None).await };
        let found = tokio::select! {
            found = supervise::caught("probe", probe.observe(&self.reconciler.provisioner)) => found.unwrap_or_else(|panicked| {
                tracing::error!(store = %self.id, %panicked, "a probe broke off");
                Found::Nothing
            }),
            () = self.interrupt.cancelled() => return (self.id, Outcome::RetryIn(Duration::ZERO)),
        };
        match found {
            Found::Nothing => {
                let known = Store::clone(&probe.store);
                (self.id, Outcome::Rest(Box::new(known)))
            }
            Found::Suspect => (self.id, Outcome::Suspect),
            Found::Change(observed) => self.claimed(Some(*observed)).await,
        }
    }

    /// Works on the store under its claim. `observed` comes from the probe.
    async fn claimed(self, observed: Option<Observed>) -> (StoreId, Outcome) {
        let Reconciler { ledger, owner, policy, .. } = self.reconciler;
        let taken = Instant::now();
        let claim = match ledger.claim(&self.id, owner, policy.lease).await {
            Ok(Some(claim)) => claim,
            Ok(None) => {
                // Its holder renews it long before. If not, it died, and the store waits for a replica.
                let rest = ledger.claimed_for(&self.id).await.unwrap_or(policy.lease);
                return (self.id, Outcome::RetryIn(rest + AFTER_A_LEASE));
            }
            Err(error) => {
                tracing::warn!(store = %self.id, %error, "the store could not be claimed");
                return (self.id, Outcome::RetryIn(PAUSE));
            }
        };
        let mut lease = self.leases.keep(&claim, taken, policy.lease);
        // Whichever ends first drops the others; dropped work stops what it started.
        let outcome = tokio::select! {
            outcome = self.work(&claim, observed) => outcome,
            Lost = lease.lost() => {
                tracing::warn!(store = %self.id, "the claim was lost; stopping");
                return (self.id, Outcome::RetryIn(policy.lease));
            }
            () = self.interrupted() => Outcome::RetryIn(Duration::ZERO),
        };
        drop(lease);
        if let Err(error) = ledger.release(&claim).await {
            tracing::debug!(store = %self.id, %error, "the claim was not given back; it expires");
        }
        (self.id, outcome)
    }

    /// All other work may be dropped at any moment. A dropped request that creates a namespace may still reach the API server
    /// after a concurrent removal has found no namespace, so it is waited for.
    async fn interrupted(&self) {
        self.interrupt.cancelled().await;
        let _ = timeout(NAMESPACE_GRACE, self.making.lock()).await;
    }

    async fn work(&self, claim: &Claim, observed: Option<Observed>) -> Outcome {
        let store = match self.reconciler.ledger.load(&self.id).await {
            Ok(Some(store)) => store,
            Ok(None) => return Outcome::Nothing,
            Err(error) => {
                tracing::warn!(store = %self.id, %error, "the store could not be loaded");
                return Outcome::RetryIn(PAUSE);
            }
        };
        let Self { reconciler, making, slot, probe, .. } = self;
        let pipeline = reconciler.provisioner.engines().pipeline(store.spec.engine);
        let probed = probe.as_ref().filter(|probe| probe.is_of(&store));
        let confirmed = probed.is_some_and(|probe| probe.suspect);
        let observed = observed.filter(|_| probed.is_some()).unwrap_or_else(|| Observed::nothing(pipeline));
        let (fence, store) = (claim.fence, with_steps_of(store, pipeline));
        let claimed = claim.expires.before(reconciler.policy.lease);
        let clock = StepClock::new(pipeline);
        let (done, at) = (None, None);
        let mut work = Work { reconciler, making, slot, fence, claimed, store, observed, done, at, clock, confirmed };
        match supervise::caught("run", work.until_at_rest()).await {
            Ok(outcome) => outcome,
            // To record it may panic as well, where the store itself is what cannot be dealt with.
            Err(panicked) => {
                tracing::error!(store = %self.id, step = ?work.at, %panicked, "the work on a store broke off");
                supervise::caught("run", work.broke_off()).await.unwrap_or(Outcome::RetryIn(PAUSE))
            }
        }
    }
}

// === impl Work ===

impl<L: Ledger, P: Provisioner> Work<'_, L, P> {
    async fn until_at_rest(&mut self) -> Outcome {
        loop {
            let action = plan(&self.store, &self.observed, now());
            tracing::debug!(store = %self.store.id, state = %self.store.state, ?action, "plan");
            let halt = match Box::pin(self.act(action)).await {
                Ok(Turn::Again) => continue,
                Ok(Turn::Over) => return Outcome::Rest(Box::new(self.store.clone())),
                Ok(Turn::Later(wait)) => return Outcome::RetryIn(wait),
                Ok(Turn::Suspect) => return Outcome::Suspect,
                Err(Halt::Step(error)) => match Box::pin(self.fail(error)).await {
                    Ok(()) => return Outcome::Rest(Box::new(self.store.clone())),
                    Err(halt) => halt,
                },
                Err(Halt::Ledger(halt)) => halt,
            };
            match halt {
                // What was observed speaks of the intent that it was observed for: a newer one begins with nothing known.
                NotRecorded::Changed(store) if !same_intent(&self.store, &store) => {
                    return Outcome::RetryIn(Duration::ZERO);
                }
                // The same intent, such as when its credentials were read: what is known of the cluster stays known.
                NotRecorded::Changed(store) => self.store = with_steps_of(*store, self.observed.pipeline()),
                NotRecorded::Stop(error) => {
                    tracing::warn!(store = %self.store.id, %error, "stopping: progress cannot be recorded");
                    return Outcome::RetryIn(PAUSE);
                }
            }
        }
    }

    async fn act(&mut self, action: Action) -> Result<Turn, Halt> {
        self.at = self.step_of(&action);
        self.clock.enter(self.at);
        match action {
            Action::Observe(step) => self.observe(step).await?,
            Action::Ensure(step) => self.ensure(step).await?,
            Action::Await(step) => self.wait(step).await?,
            Action::Converge(evidence) => self.converge(evidence).await?,
            Action::Degrade(_) if self.store.state == State::Ready && !self.confirmed => return Ok(Turn::Suspect),
            Action::Degrade(evidence) => Box::pin(self.degrade(evidence)).await?,
            Action::NoteLoss => self.note_loss().await?,
            Action::ObserveRemains => {
                self.observed.remains = self.reconciler.provisioner.observe_remains(&self.store).await?;
            }
            Action::Remove => {
                let _permit = self.permit().await;
                self.at_step(StepName::REMOVAL, true, "asking the cluster to remove everything").await?;
                self.observed.remains = Seen::Unknown;
                self.reconciler.provisioner.remove(&self.store).await?;
            }
            Action::AwaitRemoval => self.wait_removal().await?,
            Action::Finalize => {
                self.apply(Event::Removed).await?;
                self.clock.done(StepName::REMOVAL);
                tracing::info!(store = %self.store.id, "deleted");
            }
            Action::ObserveActivity => {
                self.observed.activity = self.reconciler.provisioner.observe_activity(&self.store).await?;
            }
            Action::Stop => Box::pin(self.stop()).await?,
            Action::AwaitStop => self.wait_stop().await?,
            Action::NoteSuspended => self.note_suspended().await?,
            Action::Remember => return self.remember().await,
            Action::Purge => return self.purge().await,
            Action::Rest(_) => return Ok(Turn::Over),
        }
        Ok(Turn::Again)
    }

    async fn observe(&mut self, step: StepName) -> Result<(), Halt> {
        let seen = self.reconciler.provisioner.observe(&self.store, step).await?;
        // An `ensure` that succeeds without changing what is observed would otherwise be repeated without a pause.
        let idle = self.done.take().filter(|(done, before)| *done == step && *before == seen);
        self.note(step, seen);
        if let Some((_, Seen::Absent | Seen::Known(Progress::Partial(_)))) = idle {
            let why = "it was done without an error, and nothing has come of it";
            return Err(StepError::retryable(self.observed.pipeline().usual_reason(step), why).into());
        }
        // Unknown is for observations not made: one that finds nothing certain has failed.
        if *self.observed.step(step) == Seen::Unknown {
            let why = "the cluster gave no certain answer";
            return Err(StepError::retryable(FailureReason::ClusterUnavailable, why).into());
        }
        Ok(())
    }

    async fn ensure(&mut self, step: StepName) -> Result<(), Halt> {
        let detail = match self.observed.step(step) {
            Seen::Known(Progress::Partial(detail)) => detail.clone(),
            _ => String::new(),
        };
        // Before the step is recorded as begun, and before a newer intent would wait for the namespace.
        let _permit = self.permit().await;
        self.at_step(step, true, &detail).await?;
        let before = self.observed.step(step).clone();
        // From here on something may have happened, whether or not we hear of it.
        self.observed.note(step, Seen::Unknown);
        let making = match self.observed.pipeline().namespace() == Some(step) {
            true => Some(self.making.lock().await),
            false => None,
        };
        self.reconciler.provisioner.ensure(&self.store, step).await?;
        drop(making);
        self.done = Some((step, before));
        Ok(())
    }

    async fn wait(&mut self, step: StepName) -> Result<(), Halt> {
        let Seen::Known(last) = self.observed.step(step).clone() else { return self.observe(step).await };
        let detail = match &last {
            Progress::Waiting(Waiting { detail, .. }) => detail.clone(),
            Progress::Failing(evidence) => failing::describe(evidence),
            Progress::Done(_) | Progress::Partial(_) => String::new(),
        };
        self.at_step(step, false, &detail).await?;
        let seen = {
            let _lent = self.slot.lend();
            let seen = self.reconciler.provisioner.wait(&self.store, step, &last);
            match timeout(self.store.time_left(self.reconciler.policy.patience, now()), seen).await {
                Ok(seen) => seen?,
                Err(_) => return Err(self.overdue(step, &detail).into()),
            }
        };
        self.note(step, seen);
        Ok(())
    }

    fn note(&mut self, step: StepName, seen: Seen<Progress>) {
        if matches!(seen, Seen::Known(Progress::Done(_))) {
            self.clock.done(step);
        }
        self.observed.note(step, seen);
    }

    async fn wait_removal(&mut self) -> Result<(), Halt> {
        let Seen::Known(last) = self.observed.remains.clone() else { return Ok(()) };
        let detail = match &last {
            Remains::Untouched => String::new(),
            Remains::Going(detail) | Remains::Held(detail) => detail.clone(),
        };
        self.at_step(StepName::REMOVAL, false, &detail).await?;
        let _lent = self.slot.lend();
        self.observed.remains = self.reconciler.provisioner.wait_removal(&self.store, &last).await?;
        Ok(())
    }

    async fn converge(&mut self, evidence: Vec<Evidence>) -> Result<(), Halt> {
        let mut next = self.after(Event::Converged)?;
        next.evidence = Evidence::renewed(&self.store.evidence, evidence, self.observed.pipeline().checks());
        let (before, first) = (self.store.state, self.store.ready_time.is_none());
        let provisioner = &self.reconciler.provisioner;
        let permit = self.permit().await;
        // As it was until now: what it ran toward tells its name.
        next.made_from = provisioner.made_from(&self.store).await?.map(Box::new).or(next.made_from);
        // Before the record: whenever the ledger is lost, no store that was READY is taken for one that never was.
        provisioner.remember(&next).await?;
        drop(permit);
        self.record(next).await?;
        if first {
            clock::count_ready(&self.store);
        }
        match before {
            State::Ready => tracing::info!(store = %self.store.id, "ready; another look found something else"),
            _ => tracing::info!(store = %self.store.id, "ready"),
        }
        Ok(())
    }

    async fn note_loss(&mut self) -> Result<(), Halt> {
        let Some(lost) = adoption::lost(&self.store, now()) else {
            return Err(StepError::retryable(FailureReason::Internal, "a store was lost that was not complete").into());
        };
        self.record(lost).await?;
        tracing::error!(store = %self.store.id, "its namespace is gone; nothing is made in its place");
        Ok(())
    }

    /// The step that an action works on.
    fn step_of(&self, action: &Action) -> Option<StepName> {
        match action {
            Action::Observe(step) | Action::Ensure(step) | Action::Await(step) => Some(*step),
            Action::Converge(_) | Action::Degrade(_) => self.observed.pipeline().proof(),
            Action::NoteLoss => self.observed.pipeline().namespace(),
            Action::ObserveRemains | Action::Remove | Action::AwaitRemoval | Action::Finalize => {
                Some(StepName::REMOVAL)
            }
            Action::ObserveActivity | Action::Stop | Action::AwaitStop | Action::NoteSuspended => {
                Some(StepName::SUSPENSION)
            }
            Action::Remember | Action::Purge | Action::Rest(_) => None,
        }
    }

    /// The right to one act, in turn with other tenants. Whatever waits for the cluster holds none.
    async fn permit(&self) -> Permit {
        let _lent = self.slot.lend();
        self.reconciler.permits.acquire(&self.store).await
    }

    async fn at_step(&mut self, step: StepName, begun: bool, detail: &str) -> Result<(), Halt> {
        self.clock.work();
        let next = self.store.at_step(step, begun, detail, now());
        Ok(self.record(next).await?)
    }

    async fn apply(&mut self, event: Event) -> Result<(), Halt> {
        let next = self.after(event)?;
        Ok(self.record(next).await?)
    }

    fn after(&self, event: Event) -> Result<Store, Halt> {
        let illegal = |error| StepError::retryable(FailureReason::Internal, format!("{error}"));
        Ok(self.store.after(event, now()).map_err(illegal)?)
    }

    async fn record(&mut self, next: Store) -> Result<(), NotRecorded> {
        let was_open = self.store.under_way().is_some();
        self.store = record::record(&self.reconciler.ledger, self.fence, &self.store, next).await?;
        if was_open {
            updating::count(self.store.operation.as_deref());
        }
        Ok(())
    }
}

// === impl Halt ===

impl From<StepError> for Halt {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl From<NotRecorded> for Halt {
    fn from(halt: NotRecorded) -> Self {
        Self::Ledger(halt)
    }
}

/// The store with the steps that it has now. A deletion and a suspension have their own one, whatever the engine.
fn with_steps_of(store: Store, pipeline: Pipeline) -> Store {
    match store.state {
        state if state.is_going() || state.rests() => store,
        _ => store.with_steps_of(pipeline),
    }
}

/// Whether both are of one intent for one store. A store that was removed and created again has another uid.
fn same_intent(known: &Store, newer: &Store) -> bool {
    known.uid == newer.uid && known.generation == newer.generation
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
