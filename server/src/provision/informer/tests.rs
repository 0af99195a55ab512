use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{follow::IDLE, *};
use crate::provision::{
    Context,
    fake_api::{self, OpenWatch, OpenWatches, Requests, list, refused},
};

const LIST: &str = "GET /api/v1/pods?&labelSelector=sendstores.dev%2Fuid&limit=1";
const LONG: Duration = Duration::from_secs(3_600);

/// An API that lists nothing.
fn calm() -> (Arc<Context>, Requests, OpenWatches) {
    fake_api::watched(|_| list(&[]))
}

fn pod(store: &str, version: &str) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "mysql-0", "namespace": store, "resourceVersion": version}})
}

fn bookmark(version: &str) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version}})
}

fn pods(store: &str) -> [(Kind, String); 1] {
    [(Kind::Pods, store.to_owned())]
}

fn topic(context: &Context, kind: Kind) -> &Topic {
    context.informers.topics.iter().find(|topic| topic.kind == kind).unwrap()
}

async fn opened(watches: &mut OpenWatches) -> OpenWatch {
    timeout(LONG, watches.recv()).await.expect("a watch within the hour").expect("a watch")
}

async fn woken(subscription: &Subscription) {
    timeout(BLIND / 2, subscription.changed()).await.expect("woken");
}

async fn not_woken(subscription: &Subscription) {
    assert!(timeout(BLIND * 2, subscription.changed()).await.is_err(), "woken without a reason");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_waiters_share_one_watch_and_each_is_woken_by_its_own_namespace() {
    let (context, requests, mut watches) = calm();
    let waiters: Vec<_> =
        (0..1_000).map(|number| context.informers.subscribe(pods(&format!("store-{number}")))).collect();
    let watch = opened(&mut watches).await;
    for waiter in &waiters {
        woken(waiter).await;
    }
    assert!(watch.line.starts_with("GET /api/v1/pods?") && watch.line.contains("labelSelector=sendstores.dev%2Fuid"));
    watch.report("MODIFIED", pod("store-7", "2"));
    woken(&waiters[7]).await;
    not_woken(&waiters[8]).await;
    assert!(watches.try_recv().is_err(), "{:#?}", requests.all());
    assert_eq!(requests.count(LIST), 1, "{:#?}", requests.all());
    drop(waiters);
    assert_eq!(topic(&context, Kind::Pods).waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_happens_before_the_watch_is_open_wakes_whoever_waits() {
    let (context, _, mut watches) = calm();
    let waiter = context.informers.subscribe(pods("store-a"));
    let _watch = opened(&mut watches).await;
    woken(&waiter).await;
    not_woken(&waiter).await;
    // Another one that comes later observes by itself, and has no gap to fear.
    let later = context.informers.subscribe(pods("store-b"));
    not_woken(&later).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_between_subscription_and_wait_is_not_lost() {
    let (context, _, mut watches) = calm();
    let waiter = context.informers.subscribe(pods("store-a"));
    let watch = opened(&mut watches).await;
    woken(&waiter).await;
    for version in ["2", "3", "4"] {
        watch.report("MODIFIED", pod("store-a", version));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    woken(&waiter).await;
    not_woken(&waiter).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_goes_on_where_it_was_and_wakes_no_one() {
    let (context, requests, mut watches) = calm();
    let waiter = context.informers.subscribe(pods("store-a"));
    let watch = opened(&mut watches).await;
    woken(&waiter).await;
    watch.report("BOOKMARK", bookmark("41"));
    watch.report("MODIFIED", pod("store-b", "42"));
    not_woken(&waiter).await;
    drop(watch);
    let next = opened(&mut watches).await;
    assert!(next.line.contains("resourceVersion=42"), "{}", next.line);
    not_woken(&waiter).await;
    // Nor does one that is silent, as a connection is that was dropped on the way.
    let after = opened(&mut watches).await;
    assert!(after.line.contains("resourceVersion=42"), "{}", after.line);
    assert_eq!(requests.count(LIST), 1);
    after.report("MODIFIED", pod("store-a", "43"));
    woken(&waiter).await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_wakes_everyone() {
    let (context, requests, mut watches) = calm();
    let waiters = ["store-a", "store-b"].map(|store| context.informers.subscribe(pods(store)));
    let watch = opened(&mut watches).await;
    for waiter in &waiters {
        woken(waiter).await;
    }
    let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410});
    watch.report("ERROR", gone);
    let _next = opened(&mut watches).await;
    for waiter in &waiters {
        woken(waiter).await;
    }
    assert_eq!(requests.count(LIST), 2);
}

#[tokio::test(start_paused = true)]
async fn while_there_is_no_watch_waiters_observe_at_an_interval_and_the_api_is_not_stormed() {
    let (context, requests, _watches) = fake_api::watched(|_| refused(403, "Forbidden"));
    let waiter = context.informers.subscribe(pods("store-a"));
    let begun = Instant::now();
    for _ in 0..40 {
        timeout(LONG, waiter.changed()).await.expect("a look");
    }
    assert_eq!(begun.elapsed().as_secs(), BLIND.as_secs() * 40);
    let asked = requests.count("GET /api/v1/pods?");
    assert!((20..=50).contains(&asked), "{asked} requests in {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_informer_that_nobody_waits_for_is_closed_and_opened_again_for_the_next() {
    let (context, _, mut watches) = calm();
    let waiter = context.informers.subscribe(pods("store-a"));
    let first = opened(&mut watches).await;
    drop((waiter, first));
    // Many a watch is opened and ends meanwhile.
    tokio::time::sleep(IDLE * 2).await;
    assert!(!topic(&context, Kind::Pods).is_followed() && !topic(&context, Kind::Pods).is_live());
    while watches.try_recv().is_ok() {}
    tokio::time::sleep(IDLE * 2).await;
    assert!(watches.try_recv().is_err(), "it is closed");
    let waiter = context.informers.subscribe(pods("store-b"));
    let watch = opened(&mut watches).await;
    woken(&waiter).await;
    watch.report("MODIFIED", pod("store-b", "9"));
    woken(&waiter).await;
}
