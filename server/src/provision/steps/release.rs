//! The helm release. Whether there is one, and of what, the cluster says; helm only works on it.

mod replace;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use sendstores_core::{
    StepFacts, StepName, Store,
    failure::FailureReason,
    observed::{Progress, Seen},
    provisioner::StepError,
};

use super::{done, partial};
use crate::provision::{
    Context,
    engines::{StepDef, Watches},
    helm::{
        Base,
        release::{self, History, Record, Status},
    },
};

pub(crate) const NAME: StepName = StepName::new("release");

pub(crate) const STEP: StepDef = StepDef {
    facts: StepFacts {
        name: NAME,
        creates_namespace: false,
        proves_ready: false,
        usual_reason: FailureReason::ReleaseFailed,
    },
    observe: |context, store| Box::pin(observe(context, store)),
    ensure: |context, store| Box::pin(ensure(context, store)),
    watches: Watches::Nothing,
};

async fn observe(context: &Context, store: &Store) -> Result<Seen<Progress>, StepError> {
    let history = history(context, store).await?;
    let Some(newest) = history.newest() else { return Ok(Seen::Absent) };
    let wanted = context.helm.digest(store).await?;
    Ok(match &newest.status {
        Status::Deployed if newest.digest.as_deref() == Some(wanted.as_str()) => done(),
        Status::Deployed => partial("the release is of another chart or another environment"),
        other => partial(format!("the last revision of the release is {}", other.describe())),
    })
}

/// Brings the release to what we would install now, exposed if it was before.
pub(crate) async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    let exposed = history(context, store).await?.was_exposed();
    make(context, store, exposed).await
}

/// Whether the last revision is a working one with the Ingress in it.
pub(crate) async fn is_exposed(context: &Context, store: &Store) -> Result<bool, StepError> {
    let history = history(context, store).await?;
    Ok(history.newest().is_some_and(|newest| newest.status == Status::Deployed && newest.exposed))
}

pub(crate) async fn make(context: &Context, store: &Store, exposed: bool) -> Result<(), StepError> {
    let wanted = context.helm.digest(store).await?;
    let before = history(context, store).await?;
    if let Some(newest) = before.newest() {
        heal(context, store, newest, &wanted).await?;
    }
    let mut outcome = context.helm.upgrade(store, exposed, base(&before, &wanted)).await;
    if let Err(error) = &outcome
        && replace::after(context, store, error).await?
    {
        outcome = context.helm.upgrade(store, exposed, base(&before, &wanted)).await;
    }
    let history = history(context, store).await?;
    let reached = history.newest().is_some_and(|newest| {
        newest.status == Status::Deployed
            && newest.exposed == exposed
            && newest.digest.as_deref() == Some(wanted.as_str())
    });
    match outcome {
        // helm may have failed behind its work, for example while it said so.
        _ if reached => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let found = history.newest().map_or("no release", |newest| newest.status.describe());
            let message = format!("helm ended as if all were well, but the cluster says: {found}");
            Err(StepError::retryable(FailureReason::ReleaseFailed, message))
        }
    }
}

/// A release that was changed by hand keeps the labels of the revision before. While our own files say what they said then,
/// whatever differs is newer than they are: an image put in by hand is not taken out again by mending something else, since
/// no WordPress goes back to an older version of its database.
fn base(before: &History, wanted: &str) -> Base {
    match before.in_force() {
        Some(record) if record.digest.as_deref() == Some(wanted) => Base::Before,
        _ => Base::Files,
    }
}

/// Clears away what an interrupted helm left, and which keeps every later one out. Nobody works on this release but
/// the holder of the store's claim, which is us.
///
/// Deleting the record alone is the gentlest cure: what the interrupted helm made carries the release's marks and is
/// taken over by the next one, so pods go on running. Only an interrupted first installation of something else is
/// undone as a whole, since its objects may have fields that cannot be changed; volumes stay then as well.
async fn heal(context: &Context, store: &Store, newest: &Record, wanted: &str) -> Result<(), StepError> {
    match newest.status {
        Status::PendingInstall if newest.digest.as_deref() != Some(wanted) => context.helm.uninstall(store).await,
        Status::PendingInstall | Status::PendingChange | Status::Uninstalling => {
            let api: Api<Secret> = context.cluster.in_store(store);
            match context.cluster.call(api.delete(&newest.secret, &DeleteParams::default())).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_not_found() => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
        Status::Deployed | Status::Failed | Status::Superseded | Status::Other(_) => Ok(()),
    }
}

async fn history(context: &Context, store: &Store) -> Result<History, StepError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    let how = ListParams::default().labels(&release::selector());
    let records = context.cluster.call(api.list_metadata(&how)).await?;
    Ok(History::new(&records.items))
}
