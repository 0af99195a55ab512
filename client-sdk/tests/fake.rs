//! What only the fake server can be made to do.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, Error, Event, RetryPolicy, StoreFilter, Watch, testing::FakeServer};
use tokio::time::timeout;

const LATE: Duration = Duration::from_secs(60);

/// The next event but heartbeats, as words.
async fn next(watch: &mut Watch) -> String {
    loop {
        let event = timeout(LATE, watch.next()).await.expect("in time").expect("an event").expect("no error");
        return match event.event {
            Event::Heartbeat { .. } => continue,
            Event::Snapshot(store) | Event::Changed(store) => format!("{} {:?}", store.id, store.state()),
            Event::Removed { id, .. } => format!("removed {id}"),
            Event::Synced { stores } => format!("synced {stores}"),
            other => format!("{other:?}"),
        };
    }
}

fn persistent() -> sendstores_client::Builder {
    Client::builder().retry(RetryPolicy::default().first_delay(Duration::from_millis(1)))
}

#[tokio::test]
async fn a_token_that_changes_ends_watches_and_the_next_token_heals_them() {
    let server = FakeServer::start().await.expect("a port");
    server.set_token(Some("sst_one"));
    assert_eq!(server.client().get("store-a").await.expect_err("no token").reason(), Some("TOKEN_MISSING"));
    let token = Arc::new(Mutex::new("sst_one"));
    let current = token.clone();
    let builder = persistent().token_function(move || {
        let token = (*current.lock().expect("no panic")).to_owned();
        async move { Ok::<_, std::io::Error>(token) }
    });
    let client = builder.connect(&server.url()).await.expect("connect");
    let mut watch = client.watch(StoreFilter::default()).await.expect("open");
    assert_eq!(next(&mut watch).await, "synced 0");
    *token.lock().expect("no panic") = "sst_two";
    server.set_token(Some("sst_two"));
    client.create(CreateStore::new().id("store-a")).await.expect("the next token");
    assert_eq!(next(&mut watch).await, "store-a Provisioning");

    server.set_token(Some("sst_three"));
    let end = async {
        loop {
            if let Err(error) = timeout(LATE, watch.next()).await.expect("in time").expect("an item") {
                return error;
            }
        }
    };
    assert!(matches!(end.await, Error::Unauthenticated(_)));
}

#[tokio::test]
async fn watches_go_on_after_a_drain_and_report_what_a_lost_history_hid() {
    let server = FakeServer::start().await.expect("a port");
    let client = persistent().connect(&server.url()).await.expect("connect");
    for id in ["store-a", "store-b"] {
        client.create(CreateStore::new().id(id)).await.expect("created");
    }
    let mut watch = client.watch(StoreFilter::default()).await.expect("open");
    assert_eq!([next(&mut watch).await, next(&mut watch).await], ["store-a Provisioning", "store-b Provisioning"]);
    assert_eq!(next(&mut watch).await, "synced 2");
    server.drain_watches();
    server.ready("store-a");
    assert_eq!(next(&mut watch).await, "store-a Ready");

    // The watch is not polled: it reads these changes only after they are forgotten.
    client.delete("store-b").await.expect("accepted");
    server.removed("store-b");
    server.fail("store-a", sendstores_client::v1::failure::Reason::DatabaseUnavailable, "mysql-0 is away");
    server.compact();
    server.drain_watches();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "synced 1") {
        seen.push(next(&mut watch).await);
    }
    assert!(seen.ends_with(&["synced 1".to_owned()]) && seen.contains(&"store-a Failed".to_owned()), "{seen:?}");
    let gone = seen.contains(&"removed store-b".to_owned()) || seen.contains(&"store-b Deleted".to_owned());
    assert!(gone, "{seen:?}");
}
