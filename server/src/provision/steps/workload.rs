//! The database's StatefulSet and the application's Deployment: running and ready, or why not yet.

mod judge;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Event, PersistentVolumeClaim, Pod},
};
use kube::{Api, api::ListParams};
use sendstores_core::{
    FailureReason, Store,
    lifecycle::Expect,
    observed::{Outlook, Progress, Seen, Waiting},
    provisioner::StepError,
};

pub(super) use self::judge::Observation;
use self::judge::Rollout;
use super::{done, partial, release, waiting};
use crate::provision::{
    Context, names,
    volumes::{self, Growth},
};

/// A workload of a store's release, by the name of its object; its pods carry the same name in a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    pub kind: Kind,
    pub name: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    StatefulSet,
    Deployment,
}

// === impl State ===

impl State {
    /// What is waited for; `None` where nothing is.
    pub(super) fn waiting(&self, usual: FailureReason) -> Option<Waiting> {
        match self {
            Self::Missing | Self::Complete => None,
            Self::ScaledDown => Some(Waiting {
                reason: usual,
                detail: "scaled to 0 replicas, by hand or by another program".to_owned(),
                outlook: Outlook::Stuck,
            }),
            Self::UnderWay(observation) => Some(judge::judge(observation, usual)),
        }
    }
}

// === impl Kind ===

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
        }
    }
}

/// `usual`: the reason to give while nothing looks wrong.
pub async fn observe(
    context: &Context,
    store: &Store,
    expect: Expect,
    workload: Workload,
    usual: FailureReason,
) -> Result<Seen<Progress>, StepError> {
    let growth = volumes::growth(context, store, workload).await?;
    if let Growth::TooSmall(detail) = growth {
        return Ok(partial(detail));
    }
    let state = state(context, store, workload).await?;
    if matches!(state, State::ScaledDown) && expect.is_resuming() {
        return Ok(partial("stopped when the store was suspended"));
    }
    Ok(match (state.waiting(usual), growth) {
        (Some(waiting), _) => Seen::Known(Progress::Waiting(waiting)),
        (None, _) if matches!(state, State::Missing) => Seen::Absent,
        (None, Growth::UnderWay(detail)) => waiting(Outlook::Going, FailureReason::VolumeUnavailable, detail),
        (None, _) => done(),
    })
}

/// Lets volumes grow that are to; otherwise the workload is one that the release has lost.
pub(crate) async fn ensure(context: &Context, store: &Store, workload: Workload) -> Result<(), StepError> {
    match volumes::grow(context, store, workload).await? {
        true => Ok(()),
        false => release::ensure(context, store).await,
    }
}

/// Whether a workload asks for pods.
pub(super) enum Running {
    Wanted,
    /// It asks for none, or does not exist.
    Unwanted,
}

pub(super) async fn running(context: &Context, store: &Store, workload: Workload) -> Result<Running, StepError> {
    Ok(match rollout(context, store, workload).await? {
        Some(Rollout::Complete | Rollout::UnderWay) => Running::Wanted,
        Some(Rollout::ScaledDown) | None => Running::Unwanted,
    })
}

/// How a workload is.
pub(super) enum State {
    Missing,
    Complete,
    /// Its object asks for no pods. A store's chart never does; a suspension does.
    ScaledDown,
    UnderWay(Observation),
}

/// Observes a workload, and why it is not ready.
pub(super) async fn state(context: &Context, store: &Store, workload: Workload) -> Result<State, StepError> {
    Ok(match rollout(context, store, workload).await? {
        None => State::Missing,
        Some(Rollout::Complete) => State::Complete,
        Some(Rollout::ScaledDown) => State::ScaledDown,
        Some(Rollout::UnderWay) => State::UnderWay(objects(context, store, workload).await?),
    })
}

/// Whether all of `workloads` exist, however they are. One that is gone is made again by a step that says it is partly done;
/// one that fails is given time.
///
/// # Errors
/// The cluster did not answer.
pub async fn exist(context: &Context, store: &Store, workloads: &[Workload]) -> Result<bool, StepError> {
    for workload in workloads {
        if rollout(context, store, *workload).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn rollout(context: &Context, store: &Store, workload: Workload) -> Result<Option<Rollout>, StepError> {
    let cluster = &context.cluster;
    Ok(match workload.kind {
        Kind::StatefulSet => {
            let api: Api<StatefulSet> = cluster.in_store(store);
            cluster.call(api.get_opt(workload.name)).await?.map(|set| judge::stateful_set(&set))
        }
        Kind::Deployment => {
            let api: Api<Deployment> = cluster.in_store(store);
            cluster.call(api.get_opt(workload.name)).await?.map(|deployment| judge::deployment(&deployment))
        }
    })
}

/// All that may say why a workload is not ready.
pub(super) async fn objects(context: &Context, store: &Store, workload: Workload) -> Result<Observation, StepError> {
    let cluster = &context.cluster;
    let of_workload = ListParams::default().labels(&format!("{}={}", names::POD_NAME, workload.name));
    let warnings_only = ListParams::default().fields("type=Warning");
    let (pods, claims, warnings): (Api<Pod>, Api<PersistentVolumeClaim>, Api<Event>) =
        (cluster.in_store(store), cluster.in_store(store), cluster.in_store(store));
    let (pods, claims, warnings) = tokio::try_join!(
        cluster.call(pods.list(&of_workload)),
        cluster.call(claims.list(&of_workload)),
        cluster.call(warnings.list(&warnings_only)),
    )?;
    Ok(Observation { workload: Some(workload), pods: pods.items, claims: claims.items, warnings: warnings.items })
}
