//! A second engine goes through the same runner: its stores are created, probed, shown with their own steps, repaired and removed,
//! without a line in the server that knows of it.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Namespace, networking::v1::Ingress};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use sendstores_core::{
    Event, State, Store,
    backoff::Backoff,
    credentials::ReadCredentials,
    ledger::{Expected, Ledger, Owner, Write},
    operation::Patience,
    provisioner::Provisioner,
};
use sendstores_server::{
    ledger::MemoryLedger,
    mirror::Mirror,
    permits::ClassPermits,
    provision::{ChartFiles, Charts},
    reconcile::{Members, Policy, Reconciler},
};
use sendstores_tests::{
    provisioning::{Helm, Rig, complete, fresh_store, remove, simulated_images, woocommerce},
    server::workspace,
    static_page, steps,
    wait::until,
};
use tokio_util::sync::CancellationToken;

/// A store of the small engine, just asked for.
fn page_store() -> Store {
    let store = fresh_store();
    let new = sendstores_core::store::NewStore {
        spec: sendstores_core::StoreSpec { engine: static_page::ENGINE.facts.engine, ..store.spec },
        pipeline: static_page::ENGINE.facts.pipeline,
        id: store.id,
        uid: store.uid,
        tenant: store.tenant,
        labels: store.labels,
        url: store.url,
    };
    Store::new(new, SystemTime::now().into())
}

/// Those of both engines of a server.
fn charts() -> Charts {
    let chart = workspace().join("tests/fixtures/static-page");
    let page = ChartFiles { chart, values: Vec::new() };
    woocommerce(&[&simulated_images()]).with(static_page::ENGINE.facts.engine, page)
}

#[tokio::test]
async fn each_engine_of_a_server_has_a_chart_and_values_of_its_own() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner_of(Helm::Four, charts(), static_page::REGISTRY);
    provisioner.load_files().await.expect("read");
    assert_eq!(provisioner.reload_files().await, Ok(false), "helm accepts both");
    let deployments = async |store: &Store| {
        let api: Api<Deployment> = Api::namespaced(rig.client.clone(), store.id.as_str());
        let items = api.list(&ListParams::default()).await.expect("an answer").items;
        items.into_iter().map(|item| item.name_any()).collect::<Vec<_>>()
    };
    for (store, name) in [(fresh_store(), "wordpress"), (page_store(), "page")] {
        for step in [steps::NAMESPACE, steps::CREDENTIALS, steps::RELEASE] {
            complete(&provisioner, &store, step).await;
        }
        assert_eq!(deployments(&store).await, [name]);
        remove(&provisioner, &store).await;
    }
    let without = rig.provisioner_of(Helm::Four, woocommerce(&[]), static_page::REGISTRY);
    let store = page_store();
    for step in [steps::NAMESPACE, steps::CREDENTIALS] {
        complete(&without, &store, step).await;
    }
    let error = without.ensure(&store, steps::RELEASE).await.expect_err("it has no chart");
    assert!(!error.terminal && error.message.contains("no chart is given for the engine static-page"), "{error}");
    remove(&without, &store).await;
}

#[tokio::test]
async fn a_store_of_another_engine_is_made_probed_and_removed_by_the_same_runner() {
    let rig = Rig::light().await;
    let provisioner = rig.provisioner_of(Helm::Four, charts(), static_page::REGISTRY);
    let (ledger, mirror, stop) = (MemoryLedger::default(), Mirror::new(1_000), CancellationToken::new());
    let _guard = stop.clone().drop_guard();
    tokio::spawn(mirror.clone().follow(ledger.clone(), stop.clone()));
    let policy = Policy {
        runs: Policy::RUNS,
        lease: Duration::from_secs(5),
        backoff: Backoff { first: Duration::from_millis(200), most: Duration::from_secs(2) },
        patience: Patience { whole: Duration::from_secs(600), step: Patience::STEP },
        probe_interval: Some(Duration::from_millis(200)),
        tenants: sendstores_core::admission::TenantLimits::default(),
    };
    let reconciler = Reconciler {
        ledger: ledger.clone(),
        mirror,
        provisioner: provisioner.clone(),
        owner: Owner("a".to_owned()),
        permits: ClassPermits::for_acts(4),
        members: Members::default(),
        policy,
    };
    tokio::spawn(reconciler.run(stop.clone()));

    let store = page_store();
    let id = store.id.clone();
    let write = Write { resource: store.clone(), expected: Expected::Vacant, fence: None, operation: None };
    ledger.write(write).await.expect("accepted");
    let load = async || ledger.load(&id).await.expect("an answer").expect("a record");
    let ready = until("READY", async || Some(load().await).filter(|store| store.state == State::Ready)).await;
    let steps: Vec<_> = ready.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["namespace", "credentials", "release", "page", "front"]);
    assert!(ready.evidence.iter().all(|evidence| evidence.passed), "{:?}", ready.evidence);
    let credentials = provisioner.read_credentials(&ready).await.expect("an answer").expect("made");
    assert_eq!((credentials.user.as_str(), credentials.admin_url), ("editor", format!("{}/", ready.url)));

    let ingresses: Api<Ingress> = Api::namespaced(rig.client.clone(), id.as_str());
    assert!(ingresses.get_opt("page").await.expect("an answer").is_some(), "it is exposed");

    // What is removed by hand is noticed by the probe and made again: the runner knows both from the engine's table.
    let deployments: Api<Deployment> = Api::namespaced(rig.client.clone(), id.as_str());
    let uid = async || deployments.get_opt("page").await.expect("an answer").and_then(|page| page.metadata.uid);
    let before = uid().await.expect("its workload");
    deployments.delete("page", &DeleteParams::default()).await.expect("deleted");
    until("the workload to be made again", async || uid().await.filter(|uid| *uid != before)).await;
    until("READY again", async || {
        Some(load().await).filter(|store| store.state == State::Ready && store.revision > ready.revision)
    })
    .await;

    let deleting = load().await;
    let next = deleting.after(Event::DeleteRequested, SystemTime::now().into()).expect("legal");
    let write = Write { resource: next, expected: Expected::Revision(deleting.revision), fence: None, operation: None };
    ledger.write(write).await.expect("accepted");
    until("DELETED", async || Some(load().await).filter(|store| store.state == State::Deleted)).await;
    let namespaces: Api<Namespace> = Api::all(rig.client.clone());
    assert!(namespaces.get_opt(id.as_str()).await.expect("an answer").is_none());
}
