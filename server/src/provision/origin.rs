//! What a store was made from, as the cluster shows it.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Container, PersistentVolumeClaim, Pod},
};
use kube::{Api, ResourceExt, api::ListParams};
use sendstores_core::{Release, ReleaseName, Store, provisioner::StepError, release::Volume, version::Versions};

use super::{
    Context,
    helm::release::{History, Record},
    steps::release,
};

/// `None` where helm has no record that can be read.
pub(super) async fn of(context: &Context, store: &Store) -> Result<Option<Release>, StepError> {
    let history: History = release::history(context, store).await?;
    let Some(record) = history.in_force() else { return Ok(None) };
    if let Some(known) = store.made_from.as_deref().filter(|known| known.revision == record.version) {
        return Ok(Some(known.clone()));
    }
    let content = match release::content(context, store, record).await? {
        Ok(content) => content,
        Err(why) => {
            tracing::warn!(store = %store.id, record = record.secret, why, "helm's record cannot be read");
            return Ok(None);
        }
    };
    let (images, volumes) = tokio::try_join!(images(context, store), volumes(context, store))?;
    let name = record.release.as_deref().map(ReleaseName::recorded);
    Ok(Some(Release {
        versions: name.as_ref().map(|name| versions(context, store, record, name)).unwrap_or_default(),
        name,
        revision: record.version,
        chart: content.chart(),
        chart_digest: content.chart_digest(),
        values_digest: content.values_digest(),
        source: record.digest.clone(),
        images,
        volumes,
    }))
}

/// The versions that the release of this name had when the store was made from it. No object of a pod says what is in its image, and
/// to run a program in it for this would cost each store more than its probe: so it is the operator's word. A revision that only repairs
/// keeps what was known, because its release may not be offered any more.
fn versions(context: &Context, store: &Store, record: &Record, name: &ReleaseName) -> Versions {
    let same = |before: &&Release| before.name.as_ref() == Some(name) && before.source == record.digest;
    if let Some(before) = store.made_from.as_deref().filter(same) {
        return before.versions.clone();
    }
    let offers = context.helm.offers();
    offers.find(store.spec.engine, name).map(|offer| offer.versions.clone()).unwrap_or_default()
}

async fn images(context: &Context, store: &Store) -> Result<BTreeMap<String, String>, StepError> {
    let (deployments, sets, pods): (Api<Deployment>, Api<StatefulSet>, Api<Pod>) =
        (context.cluster.in_store(store), context.cluster.in_store(store), context.cluster.in_store(store));
    let all = ListParams::default();
    let (deployments, sets, pods) = tokio::try_join!(
        context.cluster.call(deployments.list(&all)),
        context.cluster.call(sets.list(&all)),
        context.cluster.call(pods.list(&all)),
    )?;
    let templates = deployments.items.into_iter().filter_map(|one| one.spec.map(|spec| spec.template));
    let templates = templates.chain(sets.items.into_iter().filter_map(|one| one.spec.map(|spec| spec.template)));
    let containers = templates.filter_map(|template| template.spec).flat_map(|spec| spec.containers);
    Ok(containers.filter_map(|container| image(container, &pods.items)).collect())
}

/// The name of a container and its image, with the digest that a pod says the image has.
fn image(Container { name, image, .. }: Container, pods: &[Pod]) -> Option<(String, String)> {
    let image = image?;
    if image.contains('@') {
        return Some((name, image));
    }
    let statuses = pods.iter().flat_map(|pod| pod.status.iter()).flat_map(|status| status.container_statuses.iter());
    let mut same = statuses.flatten().filter(|status| status.name == name && status.image.ends_with(&image));
    let digest = same.find_map(|status| Some(status.image_id.rsplit_once('@')?.1.to_owned()));
    let image = digest.map_or_else(|| image.clone(), |digest| format!("{image}@{digest}"));
    Some((name, image))
}

async fn volumes(context: &Context, store: &Store) -> Result<BTreeMap<String, Volume>, StepError> {
    let claims: Api<PersistentVolumeClaim> = context.cluster.in_store(store);
    let claims = context.cluster.call(claims.list(&ListParams::default())).await?.items;
    let volume = |claim: PersistentVolumeClaim| {
        let name = claim.name_any();
        let spec = claim.spec?;
        let requests = spec.resources.and_then(|resources| resources.requests).unwrap_or_default();
        let size = requests.get("storage").map(|size| size.0.clone()).unwrap_or_default();
        Some((name, Volume { size, class: spec.storage_class_name }))
    };
    Ok(claims.into_iter().filter_map(volume).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(image: &str, image_in_pod: &str, id: &str) -> String {
        let pod = json!({"status": {"containerStatuses": [
            {"name": "wordpress", "image": image_in_pod, "imageID": id, "ready": true, "restartCount": 0},
        ]}});
        let pods = [serde_json::from_value(pod).unwrap()];
        let container =
            Container { name: "wordpress".to_owned(), image: Some(image.to_owned()), ..Container::default() };
        super::image(container, &pods).unwrap().1
    }

    #[test]
    fn an_image_has_the_digest_that_its_pod_says() {
        let id = "registry.example.com/shop@sha256:aa";
        for (image, in_pod, id, wanted) in [
            ("registry.example.com/shop:1", "registry.example.com/shop:1", id, "registry.example.com/shop:1@sha256:aa"),
            ("shop:1", "docker.io/library/shop:1", "docker.io/library/shop@sha256:aa", "shop:1@sha256:aa"),
            ("shop:1@sha256:bb", "shop:1", id, "shop:1@sha256:bb"),
            // Made on this node, or not run yet.
            ("shop:1", "shop:1", "sha256:cc", "shop:1"),
            ("shop:1", "shop:1", "", "shop:1"),
            // The pod of the revision before.
            ("shop:2", "shop:1", id, "shop:2"),
        ] {
            assert_eq!(known(image, in_pod, id), wanted, "{image} {id}");
        }
    }
}
