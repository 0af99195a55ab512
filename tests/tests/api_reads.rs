//! Get, List and WatchStatus, over real sockets, on a real Redis.

use futures::StreamExt;
use sendstores_client::{Client, CreateStore, Error, Event, Watch, WatchEvent, v1 as wire};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::{DEADLINE, within},
};

async fn started() -> (RedisServer, Server, Client) {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    (redis, server, client)
}

async fn next(watch: &mut Watch) -> WatchEvent {
    let event = tokio::time::timeout(DEADLINE, watch.next()).await.expect("in time").expect("not the end");
    event.expect("an event")
}

#[tokio::test]
async fn get_tells_a_bad_id_from_an_unknown_one() {
    let (_redis, _server, client) = started().await;
    let unknown = client.get("store-none").await.expect_err("unknown");
    assert!(matches!(unknown, Error::NotFound(_)), "{unknown}");
    for bad in ["", "none", "store-", "store-A", "../etc"] {
        let error = client.get(bad).await.expect_err("bad");
        assert!(matches!(error, Error::InvalidArgument { .. }), "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_read_behind_a_write_sees_it_every_time() {
    let (redis, server, client) = started().await;
    let other = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let reader = other.client().await;
    for i in 0..50 {
        let id = format!("store-{i}");
        client.create(CreateStore::new().id(&id)).await.expect("create");
        reader.get(&id).await.unwrap_or_else(|error| panic!("{id} is not read on another replica: {error}"));
    }
    drop(server);
}

#[tokio::test]
async fn pages_hold_every_store_once_and_tokens_are_bound_to_their_filter() {
    let (_redis, _server, client) = started().await;
    for i in 0..23 {
        let tenant = if i % 2 == 0 { "even" } else { "odd" };
        client.create(CreateStore::new().id(format!("store-{i:02}")).tenant(tenant)).await.expect("create");
    }
    let mut ids = Vec::new();
    let mut token = String::new();
    // One page more than there are stores for.
    for pages in 0.. {
        assert!(pages < 6, "a list without an end: {ids:?}");
        let request = wire::ListRequest { page_size: 5, page_token: token, ..Default::default() };
        let page = client.list_page(request).await.expect("a page");
        ids.extend(page.stores.into_iter().map(|store| store.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let all: Vec<_> = (0..23).map(|i| format!("store-{i:02}")).collect();
    assert_eq!(ids, all);

    let odd = wire::StoreFilter { tenant: "odd".to_owned(), ..Default::default() };
    let page = wire::ListRequest { filter: Some(odd.clone()), page_size: 5, ..Default::default() };
    let first = client.list_page(page).await.expect("a page");
    assert_eq!(first.stores.len(), 5);
    let misused = wire::ListRequest { page_token: first.next_page_token, ..Default::default() };
    let error = client.list_page(misused).await.expect_err("another filter");
    assert_eq!(error.reason(), Some("PAGE_TOKEN_INVALID"));
    let odd: Vec<_> = client.list_all(odd).map(|store| store.expect("a store").id).collect().await;
    assert_eq!(odd.len(), 11);

    for page_size in [-1, 501] {
        let error = client.list_page(wire::ListRequest { page_size, ..Default::default() }).await.expect_err("refused");
        assert!(matches!(error, Error::InvalidArgument { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_watch_is_snapshot_synced_then_changes_with_growing_revisions() {
    let (_redis, _server, client) = started().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let mut watch = client.watch(wire::StoreFilter::default()).await.expect("watch");
    let first = next(&mut watch).await;
    assert!(matches!(&first.event, Event::Snapshot(store) if store.id == "store-a"), "{first:?}");
    let synced = next(&mut watch).await;
    assert!(matches!(synced.event, Event::Synced { .. }), "{synced:?}");
    assert!(synced.resume_token.is_some());

    client.create(CreateStore::new().id("store-b")).await.expect("create");
    client.delete("store-a").await.expect("delete");
    let mut last = synced.revision;
    let mut seen = Vec::new();
    within("the deletion to be seen", async {
        while !seen.contains(&("store-a".to_owned(), wire::store::State::Deleting)) {
            let event = next(&mut watch).await;
            assert!(event.revision > last, "revision {} behind {last}", event.revision);
            last = event.revision;
            if let Event::Changed(store) = event.event {
                seen.push((store.id.clone(), store.state()));
            }
        }
    })
    .await;
    assert!(seen.contains(&("store-b".to_owned(), wire::store::State::Provisioning)), "{seen:?}");
}

#[tokio::test]
async fn a_watch_resumes_right_behind_its_token_on_any_replica() {
    let (redis, _server, client) = started().await;
    let other = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let filter = wire::StoreFilter { tenant: "acme".to_owned(), ..Default::default() };
    let mut watch = client.watch(filter.clone()).await.expect("watch");
    let token = next(&mut watch).await.resume_token.expect("a token");
    drop(watch);
    client.create(CreateStore::new().id("store-a").tenant("acme")).await.expect("create");
    client.create(CreateStore::new().id("store-b").tenant("other")).await.expect("create");
    let mut resumed = other.client().await.watch_from(filter, token).await.expect("resume");
    let event = next(&mut resumed).await;
    assert!(matches!(&event.event, Event::Changed(store) if store.id == "store-a"), "{event:?}");
}

#[tokio::test]
async fn a_store_that_leaves_the_filter_is_sent_as_removed() {
    let (_redis, _server, client) = started().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let filter = wire::StoreFilter { states: vec![wire::store::State::Provisioning.into()], ..Default::default() };
    let mut watch = client.watch(filter).await.expect("watch");
    client.delete("store-a").await.expect("delete");
    let removed = async {
        loop {
            if let Event::Removed { id, .. } = next(&mut watch).await.event {
                return id;
            }
        }
    };
    assert_eq!(within("the store to leave the filter", removed).await, "store-a");
}

#[tokio::test]
async fn tokens_that_are_damaged_or_of_another_history_are_refused() {
    let (redis, _server, client) = started().await;
    let error = client.watch_from(wire::StoreFilter::default(), "bm9uc2Vuc2U".to_owned().into()).await;
    let error = error.expect_err("refused");
    assert_eq!(error.reason(), Some("RESUME_TOKEN_INVALID"));

    let another = RedisServer::start().await;
    let elsewhere = ServerOptions::without_cluster(&another.url()).start_ready().await;
    let mut watch = elsewhere.client().await.watch(wire::StoreFilter::default()).await.expect("watch");
    let token = next(&mut watch).await.resume_token.expect("a token");
    let error = client.watch_from(wire::StoreFilter::default(), token).await.expect_err("another history");
    assert!(matches!(error, Error::HistoryCompacted(_)), "{error}");

    for id in ["store-a", "store-b"] {
        elsewhere.client().await.create(CreateStore::new().id(id)).await.expect("create");
    }
    let mut request = wire::ListRequest { page_size: 1, ..Default::default() };
    let page = elsewhere.client().await.list_page(request.clone()).await.expect("a page");
    request.page_token = page.next_page_token;
    let error = client.list_page(request).await.expect_err("another history");
    assert_eq!(error.reason(), Some("PAGE_TOKEN_INVALID"));
    drop(redis);
}

#[tokio::test]
async fn an_idle_watch_has_heartbeats_with_tokens() {
    let (_redis, _server, client) = started().await;
    let mut watch = client.watch(wire::StoreFilter::default()).await.expect("watch");
    assert!(matches!(next(&mut watch).await.event, Event::Synced { .. }));
    let heartbeat = next(&mut watch).await;
    assert!(matches!(heartbeat.event, Event::Heartbeat { .. }), "{heartbeat:?}");
    assert!(heartbeat.resume_token.is_some());
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_with_the_limit() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).flag("--max-streams=2").start_ready().await;
    let client = server.client().await;
    let first = client.watch(wire::StoreFilter::default()).await.expect("watch");
    let _second = client.watch(wire::StoreFilter::default()).await.expect("watch");
    let error = client.watch(wire::StoreFilter::default()).await.expect_err("refused");
    assert_eq!(error.reason(), Some("TOO_MANY_STREAMS"));
    drop(first);
    let _third = sendstores_tests::wait::until("a place to be free", async || {
        client.watch(wire::StoreFilter::default()).await.ok()
    })
    .await;
}

#[tokio::test]
async fn many_watchers_see_the_same_in_the_same_order() {
    let (_redis, _server, client) = started().await;
    let mut watches = Vec::new();
    for _ in 0..20 {
        watches.push(client.watch(wire::StoreFilter::default()).await.expect("watch"));
    }
    for i in 0..10 {
        client.create(CreateStore::new().id(format!("store-{i}"))).await.expect("create");
    }
    client.delete("store-9").await.expect("delete");
    let mut histories = Vec::new();
    for mut watch in watches {
        let mut history = Vec::new();
        within("the last change", async {
            loop {
                let event = next(&mut watch).await;
                history.push(event.revision);
                if let Event::Changed(store) = event.event
                    && store.id == "store-9"
                    && store.state() == wire::store::State::Deleting
                {
                    break;
                }
            }
        })
        .await;
        histories.push(history);
    }
    assert!(histories.windows(2).all(|pair| pair[0] == pair[1]), "{histories:?}");
}
