use serde_json::{Value, json};

use super::*;
use crate::provision::{
    fake_api::{self, list, refused},
    steps::fixtures,
    wait,
};

/// A list of all volumes, and one of a single volume.
const ALL_VOLUMES: &str = "GET /api/v1/persistentvolumes?&limit=500";
const ONE_VOLUME: &str = "GET /api/v1/persistentvolumes?&fieldSelector=metadata.name%3Dpv-1";

fn namespace(change: impl FnOnce(&mut Value)) -> (u16, Value) {
    let mut namespace = json!({"metadata": {
        "name": "store-test0001", "uid": "namespace-1", "labels": marks(&fixtures::store()), "annotations": {}}});
    change(&mut namespace["metadata"]);
    (200, namespace)
}

fn volume() -> Value {
    json!({"metadata": {"name": "pv-1"}, "spec": {
        "claimRef": {"namespace": "store-test0001", "name": "data"}, "persistentVolumeReclaimPolicy": "Delete"}})
}

fn claim() -> Value {
    json!({"metadata": {"name": "data", "uid": "c"}, "spec": {"volumeName": "pv-1"}})
}

fn foreign(labels: &mut Value) {
    labels["labels"] = json!({"app.kubernetes.io/managed-by": "argo"});
}

#[test]
fn the_clusters_own_words_are_told() {
    let namespace: Namespace = serde_json::from_value(json!({"status": {"conditions": [
        {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"},
        {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "fine"},
    ]}}))
    .unwrap();
    let told = "the namespace is being removed: pods. has 1 resource instances".to_owned();
    assert_eq!(held::left_in(&namespace), Remains::Going(told));
}

#[tokio::test]
async fn what_took_the_namespaces_place_is_not_emptied() {
    for (code, reason) in [(404, "NotFound"), (409, "Conflict")] {
        let (context, requests) = fake_api::context(move |line| match line {
            line if line.starts_with("DELETE") => refused(code, reason),
            "GET /api/v1/namespaces/store-test0001" => namespace(|_| ()),
            _ => list(&[]),
        });
        remove(&context, &fixtures::store()).await.unwrap();
        assert_eq!(requests.count("DELETE"), 1, "{code}: {:#?}", requests.all());
    }
}

#[tokio::test]
async fn only_what_carries_the_stores_uid_is_removed() {
    let (context, requests) = fake_api::context(|line| match line {
        line if line.contains("/namespaces/store-test0001/") => list(&[]),
        _ => namespace(|_| ()),
    });
    let store = fixtures::store();
    remove(&context, &store).await.unwrap();
    let collections: Vec<String> = requests.all().into_iter().filter(|line| line.contains("labelSelector")).collect();
    let ours = format!("labelSelector=sendstores.dev%2Fuid%3D{}", store.uid);
    assert_eq!(collections.len(), 4, "{collections:#?}");
    assert!(collections.iter().all(|line| line.starts_with("DELETE") && line.contains(&ours)), "{collections:#?}");
    assert_eq!(requests.count("DELETE"), 5, "{:#?}", requests.all());
}

#[tokio::test]
async fn a_removal_goes_on_where_the_account_may_not_end_pods() {
    let (context, requests) = fake_api::context(|line| match line {
        line if line.starts_with("DELETE") && line.contains("/pods") => refused(403, "Forbidden"),
        line if line.contains("/namespaces/store-test0001/") => list(&[]),
        _ => namespace(|_| ()),
    });
    remove(&context, &fixtures::store()).await.unwrap();
    assert_eq!(requests.count("DELETE"), 5, "{:#?}", requests.all());
}

#[tokio::test]
async fn a_store_whose_namespace_was_relabelled_is_not_reported_as_gone() {
    let (context, _) = fake_api::context(|line| match line {
        line if line.contains("/resourcequotas") => list(&[json!({"metadata": {"name": "store"}})]),
        line if line.contains("/namespaces/store-test0001/") || line.contains("/apis/") => list(&[]),
        _ => namespace(foreign),
    });
    let store = fixtures::store();
    let error = observe(&context, &store).await.unwrap_err();
    assert_eq!((error.reason, error.terminal), (FailureReason::RemovalBlocked, false));
    for (key, value) in marks(&store) {
        assert!(error.message.contains(&format!("{key}={value}")), "{}", error.message);
    }
    // The uid alone says enough: without any of the store's objects it is still its namespace.
    let (context, _) = fake_api::context(|line| match line {
        line if line.contains("/namespaces/store-test0001/") || line.contains("/apis/") => list(&[]),
        _ => namespace(|metadata| metadata["labels"]["app.kubernetes.io/managed-by"] = json!("argo")),
    });
    let error = observe(&context, &store).await.unwrap_err();
    assert!(error.message.contains("managed-by=sendstores"), "{}", error.message);
    assert!(!error.message.contains("sendstores.dev/uid"), "{}", error.message);
}

#[tokio::test]
async fn a_strangers_namespace_does_not_hold_a_removal_up() {
    let (context, _) = fake_api::context(|line| match line {
        line if line.contains("/namespaces/store-test0001/") || line.contains("/apis/") => list(&[]),
        _ => namespace(foreign),
    });
    assert_eq!(observe(&context, &fixtures::store()).await.unwrap(), Seen::Absent);
}

#[tokio::test]
async fn a_relabelled_namespace_that_is_going_is_waited_for() {
    let (context, _) = fake_api::context(|line| match line {
        line if line.contains("/persistentvolumeclaims") => list(&[json!({"metadata": {"name": "data"}})]),
        line if line.contains("/namespaces/store-test0001/") || line.contains("/apis/") => list(&[]),
        _ => namespace(|metadata| {
            foreign(metadata);
            metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }),
    });
    let seen = observe(&context, &fixtures::store()).await.unwrap();
    assert_eq!(seen, Seen::Known(Remains::Going("the namespace is being removed".to_owned())));
}

#[tokio::test]
async fn a_removal_never_lists_the_volumes_of_the_whole_cluster() {
    let is_gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let gone = is_gone.clone();
    let (context, requests) = fake_api::context(move |line| match line {
        line if line.starts_with("GET") && line.contains("/persistentvolumeclaims") => list(&[claim()]),
        line if line.contains("/namespaces/store-test0001/") => list(&[]),
        line if line.starts_with(ONE_VOLUME) => list(&[volume()]),
        _ if gone.load(std::sync::atomic::Ordering::Relaxed) => refused(404, "NotFound"),
        _ => namespace(|_| ()),
    });
    let store = fixtures::store();
    remove(&context, &store).await.unwrap();
    is_gone.store(true, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..3 {
        let seen = observe(&context, &store).await.unwrap();
        assert_eq!(seen, Seen::Known(Remains::Going("volumes are being removed: pv-1".to_owned())));
    }
    assert_eq!((requests.count(ALL_VOLUMES), requests.count(ONE_VOLUME)), (0, 3), "{:#?}", requests.all());
}

#[tokio::test]
async fn a_replica_that_did_not_begin_the_removal_lists_the_volumes_once() {
    let (context, requests) = fake_api::context(|line| match line {
        line if line.starts_with("GET /api/v1/persistentvolumes") => list(&[volume()]),
        _ => refused(404, "NotFound"),
    });
    for _ in 0..3 {
        assert!(matches!(observe(&context, &fixtures::store()).await.unwrap(), Seen::Known(Remains::Going(_))));
    }
    assert_eq!((requests.count(ALL_VOLUMES), requests.count(ONE_VOLUME)), (1, 2), "{:#?}", requests.all());
}

/// The watch of the namespace is silent, as one is whose connection was dropped on the way.
#[tokio::test(start_paused = true)]
async fn what_a_silent_watch_did_not_tell_is_seen_at_the_deadline() {
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let (context, _) = fake_api::context(move |line| match line {
        line if line.contains("/persistentvolumes") => list(&[]),
        line if line.contains("limit=1") => list(&[]),
        _ if looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => namespace(|metadata| {
            metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }),
        _ => refused(404, "NotFound"),
    });
    let last = Remains::Going("the namespace is being removed".to_owned());
    let seen = Box::pin(wait::removal(&context, &fixtures::store(), &last)).await.unwrap();
    assert_eq!(seen, Seen::Absent);
}
