//! The helm release. Whether there is one, and of what, the cluster says; helm only works on it.
//!
//! A store that was READY once stays what it was made from, whatever chart and values this server has: mending it applies
//! what helm's own record holds. Only a store that was never READY takes what the server has now, and one that is updated; an update
//! that fails has its way back in helm's records, too.

mod replace;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use sendstores_core::{
    StepFacts, StepName, Store,
    failure::FailureReason,
    observed::{Progress, Seen},
    provisioner::StepError,
    store::MadeOf,
};

use super::{done, partial, removal};
use crate::provision::{
    Context,
    engines::{StepDef, Watches},
    helm::{
        Base,
        content::Content,
        failure,
        release::{self, History, Record, Status},
    },
    volumes,
};

pub const NAME: StepName = StepName::new("release");

pub const STEP: StepDef = StepDef {
    facts: StepFacts {
        name: NAME,
        creates_namespace: false,
        proves_ready: false,
        usual_reason: FailureReason::ReleaseFailed,
    },
    observe: |context, store, _| Box::pin(observe(context, store)),
    ensure: |context, store| Box::pin(ensure(context, store)),
    watches: Watches::Nothing,
};

async fn observe(context: &Context, store: &Store) -> Result<Seen<Progress>, StepError> {
    let history = history(context, store).await?;
    let Some(newest) = history.newest() else { return Ok(Seen::Absent) };
    if newest.status != Status::Deployed {
        return Ok(partial(format!("the last revision of the release is {}", newest.status.describe())));
    }
    Ok(match store.made_of() {
        MadeOf::Present => done(),
        MadeOf::Before if is_as_before(context, store, &history, newest).await? => done(),
        MadeOf::Before => partial("what the store was made from before is to be brought back"),
        MadeOf::Spec if newest.digest == Some(context.helm.digest(store).await?) => done(),
        MadeOf::Spec => partial("the release is of another chart or another environment"),
    })
}

/// Whether the store keeps the chart and the values that it was made from.
fn stays_as_it_is(store: &Store) -> bool {
    store.made_of() != MadeOf::Spec
}

/// Whether `newest` holds what the store was made from when it was READY last. Both are read: a revision keeps the labels of the one
/// before it. Volumes may have grown since, and do not shrink.
async fn is_as_before(context: &Context, store: &Store, history: &History, newest: &Record) -> Result<bool, StepError> {
    let Some(before) = store.made_from.as_deref() else { return Ok(true) };
    if newest.version == before.revision {
        return Ok(true);
    }
    let Ok(found) = content(context, store, newest).await? else {
        return Ok(newest.digest.is_some() && newest.digest == before.source);
    };
    if found.chart_digest() != before.chart_digest || found.values_digest() == before.values_digest {
        return Ok(found.chart_digest() == before.chart_digest);
    }
    let Some(record) = history.of(before) else { return Ok(false) };
    let sizes = context.engine(store)?.volume_sizes();
    let like = content(context, store, record).await?;
    Ok(like.is_ok_and(|like| found.values_digest_like(&like, &sizes) == before.values_digest))
}

/// Brings the release to what the store is to be made from; exposed if it was before.
pub async fn ensure(context: &Context, store: &Store) -> Result<(), StepError> {
    let exposed = history(context, store).await?.was_exposed();
    make(context, store, exposed).await
}

/// Whether the last revision is a working one with the Ingress in it.
pub async fn is_exposed(context: &Context, store: &Store) -> Result<bool, StepError> {
    let history = history(context, store).await?;
    Ok(history.newest().is_some_and(|newest| newest.status == Status::Deployed && newest.exposed))
}

pub async fn make(context: &Context, store: &Store, exposed: bool) -> Result<(), StepError> {
    let digest = match context.helm.digest(store).await {
        Ok(digest) => Some(digest),
        // Its release is not offered any more, or our files are damaged: it is mended from what helm's own record holds.
        Err(error) if stays_as_it_is(store) => {
            tracing::debug!(store = %store.id, %error, "nothing to install from");
            None
        }
        Err(error) => return Err(error),
    };
    let digest = digest.as_deref();
    let before = history(context, store).await?;
    let kept = kept(context, store, &before, digest).await?;
    if is_replaceable(store, &before) && !claims_that_go(context, store).await?.is_empty() {
        return Err(start_over(context, store, &before).await?);
    }
    if let Some(newest) = before.newest() {
        heal(context, store, newest, digest).await?;
    }
    let (base, wanted) = match &kept {
        Some((content, record)) => (Base::Kept(content, record), record.digest.as_deref()),
        None => (base(&before, digest), digest),
    };
    let kept_values = kept.as_ref().map(|(content, _)| content.values());
    let sizes = volumes::for_helm(context, store, kept_values.as_ref()).await?;
    let mut outcome = context.helm.upgrade(store, exposed, base, sizes.clone()).await;
    if let Err(error) = &outcome
        && replace::after(context, store, error).await?
    {
        outcome = context.helm.upgrade(store, exposed, base, sizes).await;
    }
    let history = history(context, store).await?;
    let reached = history.newest().filter(|newest| {
        newest.status == Status::Deployed && newest.exposed == exposed && newest.digest.as_deref() == wanted
    });
    match outcome {
        Ok(()) if reached.is_some() => Ok(()),
        // helm may have failed after its work, for example while it said so.
        Err(_) if reached.map(|newest| newest.version) > before.newest().map(|newest| newest.version) => Ok(()),
        Err(error) if is_replaceable(store, &before) && failure::is_unchangeable(&error) => {
            tracing::warn!(store = %store.id, %error, "never opened, and cannot be changed in place; it is made anew");
            Err(start_over(context, store, &history).await?)
        }
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
/// no shop goes back to an older version of its database.
fn base(before: &History, wanted: Option<&str>) -> Base<'static> {
    match before.in_force() {
        Some(record) if wanted.is_some() && record.digest.as_deref() == wanted => Base::Before,
        _ => Base::Files,
    }
}

/// What a store keeps that was READY once, and helm's record of it. `None`: this server's files are right for it.
async fn kept<'a>(
    context: &Context,
    store: &Store,
    before: &'a History,
    digest: Option<&str>,
) -> Result<Option<(Content, &'a Record)>, StepError> {
    if !stays_as_it_is(store) {
        return Ok(None);
    }
    let refused = |why: String| Err(StepError::retryable(FailureReason::ReleaseFailed, why));
    let back = store.made_from.as_deref().filter(|_| store.made_of() == MadeOf::Before);
    let record = match back {
        Some(made_from) => before.of(made_from),
        None => before.last_good(),
    };
    match record {
        Some(record) => match content(context, store, record).await? {
            Ok(content) => Ok(Some((content, record))),
            Err(_) if digest.is_some() && record.digest.as_deref() == digest => Ok(None),
            Err(why) => refused(format!(
                "the chart and the values that the store was made from cannot be read from helm's record {}: {why}; start \
                 a server with those files (their digest is {})",
                record.secret,
                record.digest.as_deref().unwrap_or("not known"),
            )),
        },
        None => match store.made_from.as_deref().and_then(|made| Some((&made.chart, made.source.as_deref()?))) {
            Some((chart, source)) if Some(source) != digest => refused(format!(
                "helm's records of the store are gone, and it was made from another chart or other values ({chart}, digest \
                 {source}) than this server has (digest {}); start a server with those files",
                digest.unwrap_or("not known"),
            )),
            Some(_) | None if back.is_none() => Ok(None),
            Some(_) | None => refused("helm's records of what the store was made from are gone".to_owned()),
        },
    }
}

/// What a revision holds, or why that cannot be read.
pub(crate) async fn content(
    context: &Context,
    store: &Store,
    record: &Record,
) -> Result<Result<Content, String>, StepError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    let secret = context.cluster.call(api.get_opt(&record.secret)).await?;
    let data = secret.and_then(|secret| secret.data).and_then(|mut data| data.remove("release"));
    Ok(data.map_or_else(|| Err("it is gone".to_owned()), |data| Content::decode(&data.0)))
}

/// Whether nothing is lost when the whole store is made anew: its Ingress was never open.
fn is_replaceable(store: &Store, before: &History) -> bool {
    store.ready_time.is_none() && !before.was_exposed()
}

/// The claims of the store that are being removed.
async fn claims_that_go(context: &Context, store: &Store) -> Result<Vec<String>, StepError> {
    let api: Api<PersistentVolumeClaim> = context.cluster.in_store(store);
    let claims = context.cluster.call(api.list_metadata(&removal::ours(store))).await?.items;
    let going = claims.into_iter().filter(|claim| claim.metadata.deletion_timestamp.is_some());
    Ok(going.filter_map(|claim| claim.metadata.name).collect())
}

/// Removes the release and its volumes, and returns the error to show until they are gone. The claims come first: they stay while pods use
/// them, and say after a crash that the rest has to go, too.
async fn start_over(context: &Context, store: &Store, history: &History) -> Result<StepError, StepError> {
    let api: Api<PersistentVolumeClaim> = context.cluster.in_store(store);
    let (how, ours) = (DeleteParams::background(), removal::ours(store));
    let delete_claims = || context.cluster.call(api.delete_collection(&how, &ours));
    delete_claims().await?;
    if history.newest().is_some() {
        context.helm.uninstall(store).await?;
        // Until then the StatefulSet makes each claim again that no scheduled pod holds, as it was.
        delete_claims().await?;
    }
    let message = "the store was never READY, and what was corrected cannot be changed in place: what was made so far is \
                   being removed, and the store is made anew";
    Ok(StepError::retryable(FailureReason::ReleaseFailed, message))
}

/// Clears away what an interrupted helm left, and which keeps every later one out. No other helm works on this release but
/// the holder of the store's claim, which is us.
///
/// Deleting the record alone is the gentlest cure: what the interrupted helm made carries the release's marks and is
/// taken over by the next one, so pods go on running. Only an interrupted first installation of something else is
/// undone as a whole, since its objects may have fields that cannot be changed; volumes stay then as well.
async fn heal(context: &Context, store: &Store, newest: &Record, wanted: Option<&str>) -> Result<(), StepError> {
    match newest.status {
        Status::PendingInstall if store.ready_time.is_none() && newest.digest.as_deref() != wanted => {
            context.helm.uninstall(store).await
        }
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

pub(crate) async fn history(context: &Context, store: &Store) -> Result<History, StepError> {
    let api: Api<Secret> = context.cluster.in_store(store);
    let how = ListParams::default().labels(&release::selector());
    let records = context.cluster.call(api.list_metadata(&how)).await?;
    Ok(History::new(&records.items))
}
