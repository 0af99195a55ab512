//! The client crate against a real server: watches and waits.

mod sdk_rig;

use std::cell::RefCell;

use futures::StreamExt;
use sdk_rig::{Rig, refusal};
use sendstores_client::{Error, Event as Told, ResumeToken, State, StoreFilter, Watch, WatchEvent};
use sendstores_core::{Event, StepName};
use sendstores_tests::{
    steps,
    wait::{DEADLINE, within},
};
use tokio::sync::Notify;

async fn next(watch: &mut Watch) -> WatchEvent {
    let told = tokio::time::timeout(DEADLINE, watch.next()).await.expect("in time");
    told.expect("an event").expect("no error")
}

/// Reads to the end of the snapshot.
async fn synced(watch: &mut Watch) {
    within("the snapshot", async { while !matches!(next(watch).await.event, Told::Synced { .. }) {} }).await;
}

/// Event, id and state, as words.
fn words(event: &WatchEvent) -> String {
    match &event.event {
        Told::Snapshot(store) => format!("snapshot {} {:?}", store.id, store.state()),
        Told::Synced { stores } => format!("synced {stores}"),
        Told::Changed(store) => format!("changed {} {:?}", store.id, store.state()),
        Told::Removed { id, .. } => format!("removed {id}"),
        Told::Heartbeat { .. } => "heartbeat".to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watch_shows_what_is_then_what_changes() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let mut watch = rig.client.watch(StoreFilter::default()).await.expect("open");
    let snapshot = next(&mut watch).await;
    assert_eq!(words(&snapshot), "snapshot store-a Provisioning");
    assert_eq!((snapshot.resume_token, watch.resume_token()), (None, None));
    let synced = next(&mut watch).await;
    assert_eq!(words(&synced), "synced 1");
    assert_eq!(synced.resume_token.as_ref(), watch.resume_token());
    assert!(synced.resume_token.is_some());

    rig.create("store-b").await;
    rig.event("store-a", Event::Converged).await;
    let told = [next(&mut watch).await, next(&mut watch).await];
    assert_eq!(told.each_ref().map(words), ["changed store-b Provisioning", "changed store-a Ready"]);
    assert_eq!(told.each_ref().map(|event| event.revision), [synced.revision + 1, synced.revision + 2]);
}

#[tokio::test]
async fn a_filtered_watch_tells_when_a_store_leaves_the_filter() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    rig.create("store-b").await;
    let states = vec![State::Provisioning.into()];
    let filter = StoreFilter { ids: vec!["store-a".to_owned()], states, ..StoreFilter::default() };
    let mut watch = rig.client.watch(filter).await.expect("open");
    assert_eq!(words(&next(&mut watch).await), "snapshot store-a Provisioning");
    assert_eq!(words(&next(&mut watch).await), "synced 1");
    rig.event("store-b", Event::Converged).await;
    rig.event("store-a", Event::Converged).await;
    assert_eq!(words(&next(&mut watch).await), "removed store-a");
}

#[tokio::test]
async fn a_watch_goes_on_right_behind_its_token() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let mut watch = rig.client.watch(StoreFilter::default()).await.expect("open");
    synced(&mut watch).await;
    let token = watch.resume_token().expect("a token").to_string();
    drop(watch);
    rig.event("store-a", Event::Converged).await;
    rig.event("store-a", Event::DeleteRequested).await;
    let mut watch = rig.client.watch_from(StoreFilter::default(), ResumeToken::from(token)).await.expect("open");
    assert_eq!(words(&next(&mut watch).await), "changed store-a Ready");
    assert_eq!(words(&next(&mut watch).await), "changed store-a Deleting");
}

#[tokio::test]
async fn a_server_that_stops_ends_a_watch_with_a_reason_and_the_next_one_goes_on() {
    let mut rig = Rig::start().await;
    rig.create("store-a").await;
    let mut watch = rig.client.watch(StoreFilter::default()).await.expect("open");
    synced(&mut watch).await;
    rig.restart().await;
    let last = next(&mut watch).await;
    assert_eq!(words(&last), "heartbeat", "the token to go on from");
    assert_eq!(last.resume_token.as_ref(), watch.resume_token());
    let told = tokio::time::timeout(DEADLINE, watch.next()).await.expect("in time").expect("a reason");
    let error = refusal(told);
    assert!(matches!(error, Error::Unavailable(_)) && error.reason() == Some("DRAINING"), "{error:?}");
    assert!(watch.next().await.is_none(), "an error is the last");

    let token = watch.resume_token().expect("a token").clone();
    rig.event("store-a", Event::Converged).await;
    let mut watch = rig.client.watch_from(StoreFilter::default(), token).await.expect("open");
    assert_eq!(words(&next(&mut watch).await), "changed store-a Ready");
    let mut watch = rig.client.watch(StoreFilter::default()).await.expect("open");
    assert_eq!(words(&next(&mut watch).await), "snapshot store-a Ready");
}

#[tokio::test]
async fn what_left_a_filter_before_a_restart_is_told_behind_it() {
    let mut rig = Rig::start().await;
    rig.create("store-a").await;
    rig.create("store-b").await;
    let filter = StoreFilter { states: vec![State::Provisioning.into()], ..StoreFilter::default() };
    let mut watch = rig.client.watch(filter.clone()).await.expect("open");
    synced(&mut watch).await;
    let token = watch.resume_token().expect("a token").clone();
    drop(watch);
    rig.event("store-a", Event::Converged).await;
    rig.event("store-a", Event::DeleteRequested).await;
    rig.restart().await;
    rig.event("store-b", Event::Converged).await;
    let mut watch = rig.client.watch_from(filter, token).await.expect("open");
    assert_eq!(words(&next(&mut watch).await), "removed store-a");
    assert_eq!(words(&next(&mut watch).await), "removed store-b", "and what was never in is not told");
}

#[tokio::test]
async fn a_token_from_before_the_history_is_told_so() {
    let rig = Rig::with_history(4).await;
    rig.create("store-a").await;
    let mut watch = rig.client.watch(StoreFilter::default()).await.expect("open");
    synced(&mut watch).await;
    let token = watch.resume_token().expect("a token").clone();
    for _ in 0..10 {
        rig.at_step("store-a", steps::RELEASE, "again").await;
    }
    let error = refusal(rig.client.watch_from(StoreFilter::default(), token).await);
    assert!(matches!(error, Error::HistoryCompacted(_)) && !error.retryable(), "{error:?}");
    let error = refusal(rig.client.watch_from(StoreFilter::default(), ResumeToken::from("made up".to_owned())).await);
    assert!(matches!(error, Error::InvalidArgument { .. }), "{error:?}");
}

#[tokio::test]
async fn more_watches_than_a_connection_has_room_for_work_all() {
    let rig = Rig::start().await;
    let open = (0..600).map(|_| rig.client.watch(StoreFilter::default()));
    let watches = within("600 watches", futures::future::join_all(open)).await;
    let mut watches: Vec<_> = watches.into_iter().map(|watch| watch.expect("open")).collect();
    within("the snapshots", futures::future::join_all(watches.iter_mut().map(synced))).await;
    rig.create("store-a").await;
    let events = within("a change", futures::future::join_all(watches.iter_mut().map(next))).await;
    assert!(events.iter().all(|event| words(event) == "changed store-a Provisioning"));
}

#[tokio::test]
async fn a_wait_sees_every_step_and_ends_ready() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let (seen, begun) = (RefCell::new(Vec::new()), Notify::new());
    let wait = rig.client.wait_until_ready("store-a", |store| {
        begun.notify_one();
        let running = store.steps.iter().find(|step| step.state() == sendstores_client::v1::step::State::Running);
        seen.borrow_mut().push(running.map_or_else(|| format!("{:?}", store.state()), |step| step.name.clone()));
    });
    let play = async {
        begun.notified().await;
        for step in steps::ALL {
            rig.at_step("store-a", step, "").await;
        }
        rig.event("store-a", Event::Converged).await;
    };
    let (ready, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(wait, play) }).await.expect("in time");
    assert_eq!(ready.expect("ready").state(), State::Ready);
    let seen = seen.into_inner();
    let steps = steps::ALL.map(StepName::as_str);
    assert_eq!(seen, [["Provisioning"].as_slice(), &steps, &["Ready"]].concat());
}

#[tokio::test]
async fn a_wait_for_what_will_not_come_ends_with_the_reason() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    rig.give_up("store-a", "the chart refuses the values").await;
    let error = refusal(rig.client.wait_until_ready("store-a", |_| {}).await);
    assert!(matches!(error, Error::StoreFailed(_)), "{error:?}");
    assert_eq!(error.to_string(), "store store-a failed: the chart refuses the values (VALUES_REFUSED)");

    rig.create("store-b").await;
    rig.client.delete("store-b").await.expect("accepted");
    let error = refusal(rig.client.wait_until_ready("store-b", |_| {}).await);
    assert!(matches!(error, Error::StoreDeleted(_)), "{error:?}");

    let error = refusal(rig.client.wait_until_ready("store-c", |_| {}).await);
    assert!(matches!(error, Error::NotFound(_)), "{error:?}");
    assert!(matches!(refusal(rig.client.wait_until_ready("nonsense", |_| {}).await), Error::InvalidArgument { .. }));
}

#[tokio::test]
async fn a_wait_for_the_end_ends_when_the_store_is_gone_was_gone_or_is_another() {
    let rig = Rig::start().await;
    rig.client.wait_until_deleted("store-a", |_| {}).await.expect("it never was");

    rig.create("store-a").await;
    rig.client.delete("store-a").await.expect("accepted");
    let (seen, begun) = (RefCell::new(Vec::new()), Notify::new());
    let wait = rig.client.wait_until_deleted("store-a", |store| {
        begun.notify_one();
        seen.borrow_mut().push(store.state());
    });
    let play = async {
        begun.notified().await;
        rig.at_step("store-a", StepName::REMOVAL, "3 objects left").await;
        rig.event("store-a", Event::Removed).await;
        rig.create("store-a").await;
    };
    let (gone, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(wait, play) }).await.expect("in time");
    gone.expect("gone, although there is another of its id");
    assert_eq!(seen.into_inner(), [State::Deleting, State::Deleting, State::Deleted]);
}
