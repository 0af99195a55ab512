//! The volumes of a store. helm makes them once; from then on they grow by their claims alone: the template of a StatefulSet cannot be
//! changed, and a rollback of the release must not ask for a smaller volume, which the cluster refuses.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, PersistentVolumeClaimCondition},
    storage::v1::StorageClass,
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use sendstores_core::{
    Store,
    provisioner::StepError,
    volumes::{CannotGrow, Gibibytes, VolumeRole, VolumeSizes},
};
use serde_json::{Map, Value, json};

use super::{
    Context,
    engines::VolumeDef,
    names, quantity,
    steps::{Kind, Workload},
};

/// A GiB in thousandths of a byte, as [`quantity::thousandths`] counts.
const GIB: u128 = 1_000 << 30;
/// What Kubernetes says of a claim whose file system has still to grow.
const FILE_SYSTEM: &str = "FileSystemResizePending";

/// How far the volumes of a workload are, where they are to grow.
pub(crate) enum Growth {
    /// Nothing has to grow.
    Nothing,
    /// A claim asks for less than it is to have.
    TooSmall(String),
    /// The cluster grows a volume.
    UnderWay(String),
}

/// How far a volume is.
enum Step {
    Done,
    /// From this size.
    Ask(String),
    Wait(String),
}

/// How far the volumes of `workload` are that are to grow now.
pub(crate) async fn growth(context: &Context, store: &Store, workload: Workload) -> Result<Growth, StepError> {
    let mut growth = Growth::Nothing;
    for (volume, size) in to_grow(context, store, workload)? {
        let Some(claim) = claim(context, store, volume).await? else { continue };
        match step(&claim, size) {
            Step::Done => {}
            Step::Ask(from) => {
                return Ok(Growth::TooSmall(format!("the volume {} grows from {from} to {size}", volume.claim)));
            }
            Step::Wait(why) => growth = Growth::UnderWay(format!("the volume {} grows to {size}{why}", volume.claim)),
        }
    }
    Ok(growth)
}

/// Asks the cluster for the volumes of `workload` that are to grow. False where none is to.
pub(crate) async fn grow(context: &Context, store: &Store, workload: Workload) -> Result<bool, StepError> {
    let mut asked = false;
    for (volume, size) in to_grow(context, store, workload)? {
        let Some(claim) = claim(context, store, volume).await? else { continue };
        if !matches!(step(&claim, size), Step::Ask(_)) {
            continue;
        }
        let api: Api<PersistentVolumeClaim> = context.cluster.in_store(store);
        let how = PatchParams { field_manager: Some(names::MANAGER.to_owned()), ..PatchParams::default() };
        // With its uid, so that a claim that took its place meanwhile is not changed.
        let patch = json!({
            "metadata": {"uid": claim.metadata.uid},
            "spec": {"resources": {"requests": {"storage": size.to_string()}}},
        });
        context.cluster.call(api.patch(volume.claim, &how, &Patch::Merge(&patch))).await.map_err(refused)?;
        tracing::info!(store = %store.id, claim = volume.claim, %size, "a volume grows");
        asked = true;
    }
    Ok(asked)
}

/// A refusal ends the operation: the class does not let volumes grow, or the quota has no room. Both are for an operator.
fn refused(error: super::errors::CallError) -> StepError {
    let refused = error.is_refusal();
    let error = StepError::from(error);
    StepError { terminal: error.terminal || refused, ..error }
}

/// Whether the volumes can have these sizes.
pub(crate) async fn check(
    context: &Context,
    store: &Store,
    wanted: VolumeSizes,
) -> Result<Result<(), CannotGrow>, StepError> {
    let engine = context.engine(store)?;
    let known = |role: &VolumeRole| engine.volumes.iter().any(|volume| volume.role == *role);
    if let Some(role) = VolumeRole::ALL.into_iter().find(|role| wanted.of(*role).is_some() && !known(role)) {
        return Ok(Err(CannotGrow::Missing(role)));
    }
    let mut all: u128 = 0;
    for volume in engine.volumes {
        let claim = claim(context, store, *volume).await?;
        let present = claim.as_ref().and_then(|claim| Some((requested(claim)?, claim)));
        let now = present.as_ref().and_then(|(size, _)| quantity::thousandths(size)).unwrap_or(0);
        let size = wanted.of(volume.role).map(bytes);
        all = all.saturating_add(size.unwrap_or(now).max(now));
        let (Some(size), Some((text, claim))) = (size, present) else { continue };
        if size < now {
            return Ok(Err(CannotGrow::Shrink { role: volume.role, present: text }));
        }
        if size > now
            && let Some(class) = fixed_class(context, claim).await?
        {
            return Ok(Err(CannotGrow::Class { role: volume.role, class }));
        }
    }
    let allowed = context.quota.storage();
    let room = quantity::thousandths(allowed).unwrap_or(u128::MAX);
    if all > room {
        let needed = u64::try_from(all.div_ceil(GIB)).unwrap_or(u64::MAX);
        return Ok(Err(CannotGrow::Quota { needed, allowed: allowed.to_owned() }));
    }
    Ok(Ok(()))
}

/// The sizes that helm is given, as values of the chart. The objects that a store has keep theirs; one that was never READY has none
/// that matter. A size that `kept` has already is left out.
pub(crate) async fn for_helm(context: &Context, store: &Store, kept: Option<&Value>) -> Result<Value, StepError> {
    let mut values = Map::new();
    for volume in context.engine(store)?.volumes {
        let live = if store.ready_time.is_some() { live(context, store, *volume).await? } else { None };
        let Some(size) = live.or_else(|| store.spec.volumes.of(volume.role).map(|size| size.to_string())) else {
            continue;
        };
        let known = kept.and_then(|kept| kept.pointer(&pointer(volume.size))?.as_str());
        if known.is_none_or(|known| quantity::thousandths(known) != quantity::thousandths(&size)) {
            put(&mut values, volume.size, size);
        }
    }
    Ok(Value::Object(values))
}

/// The size of the volume as the objects of the release have it.
async fn live(context: &Context, store: &Store, volume: VolumeDef) -> Result<Option<String>, StepError> {
    if volume.workload.kind == Kind::Deployment {
        return Ok(claim(context, store, volume).await?.as_ref().and_then(requested));
    }
    let api: Api<StatefulSet> = context.cluster.in_store(store);
    let Some(set) = context.cluster.call(api.get_opt(volume.workload.name)).await? else { return Ok(None) };
    let templates = set.spec.and_then(|spec| spec.volume_claim_templates).unwrap_or_default();
    let name = |template: &PersistentVolumeClaim| template.metadata.name.clone().unwrap_or_default();
    let of_volume =
        |template: &&PersistentVolumeClaim| volume.claim == format!("{}-{}-0", name(template), volume.workload.name);
    Ok(templates.iter().find(of_volume).and_then(requested))
}

/// The name of the StorageClass of a claim, where that does not let it grow.
async fn fixed_class(context: &Context, claim: &PersistentVolumeClaim) -> Result<Option<String>, StepError> {
    let name = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone()).unwrap_or_default();
    if name.is_empty() {
        return Ok(Some(name));
    }
    let class: Option<StorageClass> = context.cluster.call(context.cluster.all().get_opt(&name)).await?;
    let grows = class.is_some_and(|class| class.allow_volume_expansion == Some(true));
    Ok((!grows).then_some(name))
}

/// The volumes of `workload` that are to grow, and to which size.
fn to_grow(context: &Context, store: &Store, workload: Workload) -> Result<Vec<(VolumeDef, Gibibytes)>, StepError> {
    let Some(sizes) = store.volumes_to_grow() else { return Ok(Vec::new()) };
    let volumes = context.engine(store)?.volumes.iter().filter(|volume| volume.workload == workload);
    Ok(volumes.filter_map(|volume| Some((*volume, sizes.of(volume.role)?))).collect())
}

async fn claim(
    context: &Context,
    store: &Store,
    volume: VolumeDef,
) -> Result<Option<PersistentVolumeClaim>, StepError> {
    let api: Api<PersistentVolumeClaim> = context.cluster.in_store(store);
    let claims = context.cluster.call(api.list(&super::steps::removal::ours(store))).await?;
    Ok(claims.items.into_iter().find(|claim| claim.metadata.name.as_deref() == Some(volume.claim)))
}

fn step(claim: &PersistentVolumeClaim, size: Gibibytes) -> Step {
    let requested = requested(claim).unwrap_or_default();
    if quantity::thousandths(&requested).unwrap_or(0) < bytes(size) {
        return Step::Ask(requested);
    }
    let Some(status) = &claim.status else { return Step::Wait(String::new()) };
    let capacity = status.capacity.as_ref().and_then(|capacity| quantity::thousandths(&capacity.get("storage")?.0));
    let conditions = || status.conditions.iter().flatten();
    if let Some(failed) = conditions().find(|condition| condition.type_.ends_with("ResizeError")) {
        return Step::Wait(format!(": {}", said(failed)));
    }
    match conditions().find(|condition| condition.type_ == FILE_SYSTEM && condition.status == "True") {
        Some(_) => Step::Wait(", and its file system is still to grow".to_owned()),
        None if capacity.unwrap_or(0) < bytes(size) => Step::Wait(String::new()),
        None => Step::Done,
    }
}

fn said(condition: &PersistentVolumeClaimCondition) -> String {
    super::redact::message(condition.message.as_deref().unwrap_or(&condition.type_))
}

fn requested(claim: &PersistentVolumeClaim) -> Option<String> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    Some(requests.get("storage")?.0.clone())
}

fn bytes(size: Gibibytes) -> u128 {
    u128::from(size.get()) * GIB
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// Sets the value at a path such as `storage.database`.
fn put(values: &mut Map<String, Value>, path: &str, size: String) {
    match path.split_once('.') {
        None => drop(values.insert(path.to_owned(), size.into())),
        Some((first, rest)) => {
            let inner = values.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sendstores_core::{FailureReason, Store, Timestamp};

    use super::*;
    use crate::provision::{
        engines::woocommerce::{APPLICATION, DATABASE},
        fake_api::{self, Requests, list},
        steps::fixtures,
    };

    fn sizes(database: u32, content: u32) -> VolumeSizes {
        VolumeSizes { database: Gibibytes::new(database), content: Gibibytes::new(content) }
    }

    fn claim(name: &str, class: &str, asks: &str, has: &str, condition: Option<&str>) -> Value {
        let conditions: Vec<_> = condition
            .into_iter()
            .map(|type_| json!({"type": type_, "status": "True", "message": "no space"}))
            .collect();
        json!({
            "metadata": {"name": name, "uid": "claim-1"},
            "spec": {"storageClassName": class, "resources": {"requests": {"storage": asks}}},
            "status": {"capacity": {"storage": has}, "conditions": conditions},
        })
    }

    /// A cluster with these claims, whose class `growing` alone lets volumes grow.
    fn cluster(claims: Vec<Value>) -> (std::sync::Arc<Context>, Requests) {
        fake_api::context(move |line| match line {
            line if line.contains("/storageclasses/") => {
                let grows = line.contains("growing");
                (200, json!({"metadata": {"name": "a"}, "provisioner": "test", "allowVolumeExpansion": grows}))
            }
            line if line.contains("/statefulsets/mysql") => {
                let template =
                    json!({"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}});
                let spec = json!({"selector": {}, "template": {}, "volumeClaimTemplates": [template]});
                (200, json!({"metadata": {"name": "mysql"}, "spec": spec}))
            }
            line if line.starts_with("PATCH") => (200, claims[0].clone()),
            _ => list(&claims),
        })
    }

    fn ready() -> Store {
        let store = Store { made_from: Some(Box::new(fixtures::release())), ..fixtures::store() };
        store.after(sendstores_core::Event::Converged, Timestamp::from_micros(1)).unwrap()
    }

    fn growing(database: u32, content: u32) -> Store {
        ready().resized(sizes(database, content), Timestamp::from_micros(2)).unwrap().expect("a change")
    }

    async fn seen(claims: Vec<Value>, store: &Store, workload: Workload) -> String {
        match growth(&cluster(claims).0, store, workload).await.unwrap() {
            Growth::Nothing => "nothing".to_owned(),
            Growth::TooSmall(why) | Growth::UnderWay(why) => why,
        }
    }

    #[tokio::test]
    async fn a_volume_grows_until_its_file_system_has_grown() {
        let store = growing(5, 0);
        let database = |asks: &str, has: &str, condition| vec![claim("data-mysql-0", "growing", asks, has, condition)];
        for (claims, wanted) in [
            (database("1Gi", "1Gi", None), "the volume data-mysql-0 grows from 1Gi to 5Gi"),
            (database("5Gi", "1Gi", None), "the volume data-mysql-0 grows to 5Gi"),
            (
                database("5Gi", "5Gi", Some(FILE_SYSTEM)),
                "the volume data-mysql-0 grows to 5Gi, and its file system is still to grow",
            ),
            (database("5Gi", "1Gi", Some("ControllerResizeError")), "the volume data-mysql-0 grows to 5Gi: no space"),
            (database("5Gi", "5Gi", None), "nothing"),
            (database("5120Mi", "6Gi", None), "nothing"),
        ] {
            assert_eq!(seen(claims, &store, DATABASE).await, wanted);
        }
        assert_eq!(seen(database("1Gi", "1Gi", None), &store, APPLICATION).await, "nothing", "it is not its volume");
        assert_eq!(seen(database("1Gi", "1Gi", None), &ready(), DATABASE).await, "nothing", "it was not asked for");
    }

    #[tokio::test]
    async fn only_a_claim_that_is_too_small_is_patched_and_with_its_uid() {
        let claims =
            vec![claim("wp-content", "growing", "1Gi", "1Gi", None), claim("data-mysql-0", "a", "9Gi", "9Gi", None)];
        let (context, requests) = cluster(claims);
        let store = growing(5, 3);
        assert!(!grow(&context, &store, DATABASE).await.unwrap());
        assert_eq!(requests.count("PATCH"), 0);
        assert!(grow(&context, &store, APPLICATION).await.unwrap());
        let all = requests.all();
        let patch = all.iter().find(|line| line.starts_with("PATCH")).expect("a patch");
        assert!(patch.contains("/persistentvolumeclaims/wp-content") && patch.contains("claim-1"), "{patch}");
        assert!(patch.contains(r#""storage":"3Gi""#), "{patch}");
    }

    #[tokio::test]
    async fn what_kubernetes_refuses_is_not_tried_again() {
        let claims = vec![claim("wp-content", "growing", "1Gi", "1Gi", None)];
        for (code, terminal) in [(403, true), (422, true), (500, false)] {
            let claims = claims.clone();
            let (context, _) = fake_api::context(move |line| match line {
                line if line.starts_with("PATCH") => fake_api::refused(code, "Forbidden"),
                _ => list(&claims),
            });
            let error = grow(&context, &growing(0, 3), APPLICATION).await.unwrap_err();
            assert_eq!(error.terminal, terminal, "{code}: {error}");
            assert_eq!(error.reason == FailureReason::ClusterUnavailable, !terminal, "{code}: {error}");
        }
    }

    #[tokio::test]
    async fn what_cannot_grow_is_said_before_it_is_tried() {
        let claims = vec![
            claim("data-mysql-0", "fixed", "10Gi", "10Gi", None),
            claim("wp-content", "growing", "20Gi", "20Gi", None),
        ];
        let (context, requests) = cluster(claims);
        let (store, present) = (ready(), |text: &str| text.to_owned());
        let checked = async |wanted: VolumeSizes| check(&context, &store, wanted).await.unwrap();
        assert_eq!(checked(sizes(10, 30)).await, Ok(()));
        assert_eq!(
            checked(sizes(0, 19)).await,
            Err(CannotGrow::Shrink { role: VolumeRole::Content, present: present("20Gi") })
        );
        assert_eq!(
            checked(sizes(11, 0)).await,
            Err(CannotGrow::Class { role: VolumeRole::Database, class: present("fixed") })
        );
        // The quota of the server is 50Gi.
        assert_eq!(checked(sizes(0, 40)).await, Ok(()));
        assert_eq!(checked(sizes(0, 41)).await, Err(CannotGrow::Quota { needed: 51, allowed: present("50Gi") }));
        assert!(requests.all().iter().all(|line| line.starts_with("GET")), "it changes nothing");
    }

    #[tokio::test]
    async fn helm_is_given_the_sizes_that_the_objects_have() {
        let claims = vec![claim("data-mysql-0", "a", "5Gi", "5Gi", None), claim("wp-content", "a", "3Gi", "3Gi", None)];
        let (context, _) = cluster(claims);
        let values = for_helm(&context, &ready(), None).await.unwrap();
        assert_eq!(values, json!({"storage": {"database": "1Gi", "content": "3Gi"}}), "that of the template stays");
        let kept = json!({"storage": {"database": "1024Mi", "content": "1Gi"}});
        let values = for_helm(&context, &ready(), Some(&kept)).await.unwrap();
        assert_eq!(values, json!({"storage": {"content": "3Gi"}}));
        let mut new = fixtures::store();
        assert_eq!(for_helm(&context, &new, None).await.unwrap(), json!({}), "the release decides");
        new.spec.volumes = sizes(7, 0);
        assert_eq!(for_helm(&context, &new, None).await.unwrap(), json!({"storage": {"database": "7Gi"}}));
    }
}
