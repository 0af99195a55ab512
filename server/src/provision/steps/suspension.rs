//! Suspending a store: visitors are kept out first, then each workload stops before those that it needs. Volumes, Services,
//! credentials and the address stay.
//!
//! What stops a workload is its number of replicas, and not a value of the chart: a store keeps the chart that it was made from,
//! which may be older than this. helm puts the number back when the store is resumed.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::Pod,
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use sendstores_core::{
    Store,
    observed::{Activity, Seen},
    provisioner::StepError,
};
use serde_json::{Value, json};

use super::{
    Kind, Workload,
    ownership::{self, Owner},
    release,
    workload::{self, Running},
};
use crate::provision::{Context, helm::release::Status, names};

/// The next part of a store that is to stop.
enum Part {
    /// Visitors reach it.
    Exposure,
    /// It asks for pods.
    Replicas(Workload),
    /// It asks for none any more, and some are still there.
    Pods(Workload),
}

pub(crate) async fn observe(context: &Context, store: &Store) -> Result<Seen<Activity>, StepError> {
    match ownership::observe(context, store).await? {
        Owner::Free | Owner::EarlierGoing | Owner::This { going: true, .. } => return Ok(Seen::Absent),
        Owner::Foreign => return Err(ownership::conflict(store)),
        Owner::This { going: false, .. } => {}
    }
    Ok(Seen::Known(match next(context, store).await? {
        Some(Part::Exposure) => Activity::Running("visitors reach the store".to_owned()),
        Some(Part::Replicas(Workload { kind, name })) => {
            Activity::Running(format!("{} {name} asks for pods", kind.as_str()))
        }
        Some(Part::Pods(Workload { kind, name })) => {
            Activity::Stopping(format!("the pods of {} {name} are stopping", kind.as_str()))
        }
        None => Activity::Resting,
    }))
}

pub(crate) async fn stop(context: &Context, store: &Store) -> Result<(), StepError> {
    match next(context, store).await? {
        Some(Part::Exposure) => release::make(context, store, false).await,
        Some(Part::Replicas(workload)) => scale_down(context, store, workload).await,
        Some(Part::Pods(_)) | None => Ok(()),
    }
}

async fn next(context: &Context, store: &Store) -> Result<Option<Part>, StepError> {
    let history = release::history(context, store).await?;
    // What an interrupted helm did is not known.
    if history.newest().is_some_and(|newest| newest.exposed || newest.status != Status::Deployed) {
        return Ok(Some(Part::Exposure));
    }
    let workloads: Vec<Workload> = context.engine(store)?.workloads().map(|(workload, _)| workload).collect();
    for workload in workloads.into_iter().rev() {
        match workload::running(context, store, workload).await? {
            Running::Wanted => return Ok(Some(Part::Replicas(workload))),
            Running::Unwanted if has_pods(context, store, workload).await? => return Ok(Some(Part::Pods(workload))),
            Running::Unwanted => {}
        }
    }
    Ok(None)
}

/// Whether a pod of the workload runs or stops. One that has ended, such as an evicted one, is left to the cluster.
async fn has_pods(context: &Context, store: &Store, workload: Workload) -> Result<bool, StepError> {
    let api: Api<Pod> = context.cluster.in_store(store);
    let of_workload = ListParams::default().labels(&format!("{}={}", names::POD_NAME, workload.name));
    let pods = context.cluster.call(api.list(&of_workload)).await?;
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone());
    Ok(pods.items.iter().any(|pod| !matches!(phase(pod).as_deref(), Some("Succeeded" | "Failed"))))
}

async fn scale_down(context: &Context, store: &Store, workload: Workload) -> Result<(), StepError> {
    let nothing: Value = json!({"spec": {"replicas": 0}});
    let (how, patch) = (
        PatchParams { field_manager: Some(names::MANAGER.to_owned()), ..PatchParams::default() },
        Patch::Merge(&nothing),
    );
    let cluster = &context.cluster;
    let done = match workload.kind {
        Kind::StatefulSet => {
            let api: Api<StatefulSet> = cluster.in_store(store);
            cluster.call(api.patch(workload.name, &how, &patch)).await.map(drop)
        }
        Kind::Deployment => {
            let api: Api<Deployment> = cluster.in_store(store);
            cluster.call(api.patch(workload.name, &how, &patch)).await.map(drop)
        }
    };
    match done {
        Err(error) if !error.is_not_found() => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
