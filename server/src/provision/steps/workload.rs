//! The database's StatefulSet and the application's Deployment: running and ready, or why not yet.

mod judge;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Event, PersistentVolumeClaim, Pod},
};
use kube::{Api, api::ListParams};
use sendstores_core::{
    Store,
    observed::{Progress, Seen},
    provisioner::StepError,
    step::StepName,
};

use self::judge::Rollout;
pub(super) use self::judge::Sight;
use super::done;
use crate::provision::{Context, names};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    Database,
    Application,
}

// === impl Workload ===

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::Database => names::DATABASE,
            Self::Application => names::APPLICATION,
        }
    }

    fn step(self) -> StepName {
        match self {
            Self::Database => StepName::Database,
            Self::Application => StepName::Application,
        }
    }
}

pub(super) async fn observe(context: &Context, store: &Store, workload: Workload) -> Result<Seen<Progress>, StepError> {
    match rollout(context, store, workload).await? {
        None => Ok(Seen::Absent),
        Some(Rollout::Complete) => Ok(done()),
        Some(Rollout::UnderWay) => {
            let sight = sight(context, store, workload).await?;
            Ok(Seen::Known(Progress::Waiting(judge::judge(&sight, workload.step()))))
        }
    }
}

/// Whether both workloads exist, however they are.
pub(super) async fn are_there(context: &Context, store: &Store) -> Result<bool, StepError> {
    let (database, application) =
        tokio::try_join!(rollout(context, store, Workload::Database), rollout(context, store, Workload::Application))?;
    Ok(database.is_some() && application.is_some())
}

async fn rollout(context: &Context, store: &Store, workload: Workload) -> Result<Option<Rollout>, StepError> {
    let cluster = &context.cluster;
    Ok(match workload {
        Workload::Database => {
            let api: Api<StatefulSet> = cluster.in_store(store);
            cluster.call(api.get_opt(workload.name())).await?.map(|set| judge::stateful_set(&set))
        }
        Workload::Application => {
            let api: Api<Deployment> = cluster.in_store(store);
            cluster.call(api.get_opt(workload.name())).await?.map(|deployment| judge::deployment(&deployment))
        }
    })
}

/// All that may say why a workload is not ready.
pub(super) async fn sight(context: &Context, store: &Store, workload: Workload) -> Result<Sight, StepError> {
    let cluster = &context.cluster;
    let of_workload = ListParams::default().labels(&format!("{}={}", names::POD_NAME, workload.name()));
    let warnings_only = ListParams::default().fields("type=Warning");
    let (pods, claims, warnings): (Api<Pod>, Api<PersistentVolumeClaim>, Api<Event>) =
        (cluster.in_store(store), cluster.in_store(store), cluster.in_store(store));
    let (pods, claims, warnings) = tokio::try_join!(
        cluster.call(pods.list(&of_workload)),
        cluster.call(claims.list(&of_workload)),
        cluster.call(warnings.list(&warnings_only)),
    )?;
    Ok(Sight { workload: workload.name(), pods: pods.items, claims: claims.items, warnings: warnings.items })
}
