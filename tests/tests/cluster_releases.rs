//! Two releases of different images on a real Kubernetes API, with a real helm: which store runs which, and what is left of a release
//! that is not offered any more.

use std::{collections::BTreeMap, fs, path::Path};

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, api::DeleteParams};
use sendstores_core::{
    Store,
    observed::{Progress, Seen},
    offer::OfferReleases,
    provisioner::Provisioner,
};
use sendstores_server::provision::{KubeProvisioner, kit};
use sendstores_tests::{
    provisioning::{Helm, Rig, complete, fresh_store, remove, simulated_images, woocommerce},
    samples::parsed,
    steps,
};
use tempfile::TempDir;

/// Declares a release with its own image of the application.
fn declare(folder: &Path, name: &str, description: &str) {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("release.yaml"), description).expect("write the description");
    let values =
        format!("images: {{woocommerce: {{repository: localhost/sendstores/woocommerce, tag: \"{name}\"}}}}\n");
    fs::write(folder.join("values.yaml"), values).expect("write the values");
}

fn provisioner(rig: &Rig, folder: &Path) -> KubeProvisioner {
    let charts = woocommerce(&[&simulated_images()]).with_releases(folder.to_owned());
    rig.provisioner_of(Helm::Four, charts, kit::ENGINES)
}

async fn image(rig: &Rig, store: &Store) -> String {
    let api: Api<Deployment> = Api::namespaced(rig.client.clone(), store.id.as_str());
    let spec = api.get("wordpress").await.expect("the application").spec.and_then(|spec| spec.template.spec);
    spec.expect("a pod").containers[0].image.clone().expect("an image")
}

#[tokio::test]
async fn each_store_runs_the_release_that_it_names_and_keeps_it() {
    let (rig, folder) = (Rig::light().await, TempDir::new().expect("a folder"));
    declare(folder.path(), "2026-11", "wordpress: 6.8.3\nwoocommerce: 10.9.4\n");
    declare(folder.path(), "2026-12", "wordpress: 6.9\nwoocommerce: 11.0.1\ndefault: true\n");
    let first = provisioner(&rig, folder.path());
    first.load_files().await.expect("helm renders both");
    let images: BTreeMap<_, _> =
        first.offers().iter().map(|offer| (offer.name.to_string(), offer.images["wordpress"].clone())).collect();
    assert_eq!(images["2026-11"], "localhost/sendstores/woocommerce:2026-11");
    assert_eq!(images["2026-12"], "localhost/sendstores/woocommerce:2026-12");

    let (mut older, newer) = (fresh_store(), fresh_store());
    older.spec.release = Some(parsed("2026-11"));
    for (store, name, woocommerce) in [(&older, "2026-11", "10.9.4"), (&newer, "2026-12", "11.0.1")] {
        for step in [steps::NAMESPACE, steps::CREDENTIALS, steps::RELEASE] {
            complete(&first, store, step).await;
        }
        assert_eq!(image(&rig, store).await, images[name]);
        let made_from = first.made_from(store).await.expect("an answer").expect("what it is made from");
        assert_eq!(made_from.name, Some(parsed(name)));
        assert_eq!(made_from.versions.of("woocommerce"), Some(woocommerce));
        assert_eq!(made_from.images["wordpress"], images[name]);
    }

    // A server that does not offer the older one any more mends its store as it is.
    fs::remove_dir_all(folder.path().join("2026-11")).expect("remove");
    let second = provisioner(&rig, folder.path());
    second.load_files().await.expect("read");
    let before = first.made_from(&older).await.expect("an answer").map(Box::new);
    let ready = Store { ready_time: Some(older.create_time), made_from: before.clone(), ..older.clone() };
    let done = Seen::Known(Progress::Done(Vec::new()));
    assert_eq!(second.observe(&ready, steps::RELEASE).await, Ok(done));
    let api: Api<Deployment> = Api::namespaced(rig.client.clone(), older.id.as_str());
    api.delete("wordpress", &DeleteParams::default()).await.expect("deleted by hand");
    second.ensure(&ready, steps::RELEASE).await.expect("mended");
    assert_eq!(image(&rig, &older).await, images["2026-11"]);
    let made_from = second.made_from(&ready).await.expect("an answer").expect("what it is made from");
    let before = before.expect("what it was made from");
    assert!(made_from.revision > before.revision, "{made_from:?}");
    assert_eq!((&made_from.name, &made_from.versions), (&before.name, &before.versions), "as they were");
    for store in [&older, &newer] {
        remove(&second, store).await;
    }
}
