//! The Jobs of backups: one each, in the namespace of the store, found by its name. What it answered is in the termination message
//! of its container.

mod answer;
mod job;
mod keys;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Pod, Secret},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams, PropagationPolicy},
};
use sendstores_core::{
    FailureReason,
    backup::{
        JobUid,
        job::{JobSeen, NO_REPOSITORY, Task},
    },
    provisioner::StepError,
};

pub use self::keys::derived_key;
use super::{
    Context,
    config::BackupSettings,
    informer::Kind,
    names,
    steps::ownership::{self, Owner},
};

/// Looks at the Job of a task, and at its pod.
pub(super) async fn look(context: &Context, task: Task<'_>) -> Result<JobSeen, StepError> {
    let api: Api<Job> = context.cluster.in_store(task.store);
    let Some(job) = context.cluster.call(api.get_opt(&task.name())).await? else { return Ok(JobSeen::Absent) };
    let label = job.metadata.labels.as_ref().and_then(|labels| labels.get(names::UID));
    if label.is_none_or(|uid| uid != task.store.uid.as_str()) {
        // The namespace, or the Job, is of another store.
        return Ok(JobSeen::Absent);
    }
    if job.metadata.deletion_timestamp.is_some() {
        return Ok(JobSeen::Leaving);
    }
    let uid = uid_of(&job)?;
    let pods: Api<Pod> = context.cluster.in_store(task.store);
    let of_backups = ListParams::default().labels(&format!("{}={}", names::POD_NAME, job::POD_NAME));
    let pods = context.cluster.call(pods.list(&of_backups)).await?;
    let own = |pod: &&Pod| pod.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid.as_str());
    let pods: Vec<_> = pods.items.iter().filter(own).collect();
    Ok(match answer::of(&job, &pods, task.purpose) {
        Some(answer) => JobSeen::Ended(uid, answer),
        None => JobSeen::Going(uid, answer::detail(&pods)),
    })
}

/// Makes the Job, and the Secret that it owns. The pod waits for the Secret.
pub(super) async fn make(context: &Context, task: Task<'_>) -> Result<JobUid, StepError> {
    let settings = settings(context)?;
    require_ours(context, task).await?;
    let engine = context.engine(task.store)?;
    let Some(def) = &engine.backup else {
        let message = format!("stores of the engine {} cannot be backed up", task.store.spec.engine);
        return Err(StepError::terminal(FailureReason::Internal, message));
    };
    let values = context.helm.settings(task.store).await?;
    // Before the Job: one without its keys would wait in vain.
    let contents = keys::read(settings, &task.store.uid)?;
    let wanted = job::job(task, &job::Made { settings, engine, def, values: &values })?;
    let api: Api<Job> = context.cluster.in_store(task.store);
    let how = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
    let made = match context.cluster.call(api.create(&how, &wanted)).await {
        Ok(made) => made,
        Err(error) if error.is_conflict() => context.cluster.call(api.get(&task.name())).await?,
        Err(error) => return Err(error.into()),
    };
    let uid = uid_of(&made)?;
    keep_secret(context, task, job::secret(task, &uid, contents), &uid).await?;
    Ok(uid)
}

/// The Secret of the Job with this uid. That of an earlier Job of the same name goes first.
async fn keep_secret(context: &Context, task: Task<'_>, wanted: Secret, uid: &JobUid) -> Result<(), StepError> {
    let api: Api<Secret> = context.cluster.in_store(task.store);
    let how = PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
    match context.cluster.call(api.create(&how, &wanted)).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_conflict() => {}
        Err(error) => return Err(error.into()),
    }
    let Some(known) = context.cluster.call(api.get_metadata_opt(&task.name())).await? else {
        return Err(StepError::retryable(
            FailureReason::ObjectRefused,
            "the Secret of the Job vanished while it was made",
        ));
    };
    if known.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid.as_str()) {
        return Ok(());
    }
    remove_secret(context, task).await?;
    Err(StepError::retryable(FailureReason::ObjectRefused, "the Secret of an earlier Job is being removed"))
}

/// Returns once what is seen of the Job differs from `last`.
pub(super) async fn wait(context: &Context, task: Task<'_>, last: &JobSeen) -> Result<JobSeen, StepError> {
    // Before the first look, so that no change between the two is missed.
    let kinds = [Kind::Jobs, Kind::Pods];
    let changes = context.informers.subscribe(kinds.map(|kind| (kind, task.store.id.to_string())));
    loop {
        let seen = look(context, task).await?;
        if seen != *last {
            return Ok(seen);
        }
        changes.changed().await;
    }
}

/// Asks the cluster to remove the Job. It is gone when its pod is: only then is the repository free.
pub(super) async fn clear(context: &Context, task: Task<'_>) -> Result<(), StepError> {
    let api: Api<Job> = context.cluster.in_store(task.store);
    let how = DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
    match context.cluster.call(api.delete(&task.name(), &how)).await {
        Err(error) if !error.is_not_found() => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn remove_secret(context: &Context, task: Task<'_>) -> Result<(), StepError> {
    let api: Api<Secret> = context.cluster.in_store(task.store);
    match context.cluster.call(api.delete(&task.name(), &DeleteParams::default())).await {
        Err(error) if !error.is_not_found() => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The keys of a store are put into its own namespace alone.
async fn require_ours(context: &Context, task: Task<'_>) -> Result<(), StepError> {
    match ownership::observe(context, task.store).await? {
        Owner::This { going: false, .. } => Ok(()),
        Owner::This { going: true, .. } | Owner::EarlierGoing | Owner::Free => {
            Err(StepError::retryable(FailureReason::NamespaceMissing, "the namespace of the store is not there"))
        }
        Owner::Foreign => Err(ownership::conflict(task.store)),
    }
}

fn settings(context: &Context) -> Result<&BackupSettings, StepError> {
    let message = "this server has no repository for backups (--backup-repository)";
    context.backups.as_ref().ok_or_else(|| StepError::terminal(NO_REPOSITORY, message))
}

fn uid_of(job: &Job) -> Result<JobUid, StepError> {
    let uid = job.metadata.uid.as_deref().and_then(|uid| uid.parse().ok());
    uid.ok_or_else(|| StepError::retryable(FailureReason::ClusterUnavailable, "a Job came back without a uid"))
}
