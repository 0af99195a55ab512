//! Reads that may be stale: answered from memory while Redis is away, and saying how old they are.

use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt, stream::FuturesUnordered};
use sendstores_client::{
    Client, CreateStore, Error, GetStore, ListStores, RetryPolicy, StoreFilter, Timestamp, v1 as wire,
};
use sendstores_tests::{
    redis::{RedisProxy, RedisServer},
    server::ServerOptions,
    wait::until,
};

fn time(at: Option<Timestamp>) -> SystemTime {
    SystemTime::try_from(at.expect("a time")).expect("a time that can be told")
}

async fn stale(client: &Client, id: &str) -> Result<wire::GetResponse, Error> {
    client.get_answer(GetStore::new(id).stale(true)).await
}

#[tokio::test]
async fn while_redis_is_away_only_stale_reads_are_answered_and_they_say_how_old_they_are() {
    let mut redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    let created = client.create(CreateStore::new().id("store-a")).await.expect("create");
    let fresh = client.get_answer("store-a").await.expect("get");
    assert!(time(fresh.fresh_time) >= time(created.create_time), "{fresh:?}");

    for how in ["paused", "killed"] {
        let before = time(stale(&client, "store-a").await.expect("a stale read").fresh_time);
        if how == "paused" {
            redis.pause()
        } else {
            redis.kill9()
        }
        let gone = SystemTime::now();
        let error = client.get("store-a").await.expect_err("Redis is away");
        assert_eq!(error.reason(), Some("LEDGER_UNAVAILABLE"), "{how}: {error}");
        let error = client.list(StoreFilter::default()).await.expect_err("Redis is away");
        assert_eq!(error.reason(), Some("LEDGER_UNAVAILABLE"), "{how}: {error}");

        let answer = stale(&client, "store-a").await.expect("a stale read");
        assert_eq!(answer.store.expect("a store").id, "store-a");
        let told = time(answer.fresh_time);
        assert!(before <= told && told <= gone, "{how}: it tells {told:?}, and Redis was left at {gone:?}");
        let list = client.list(ListStores::new(StoreFilter::default()).stale(true)).await.expect("a stale list");
        assert_eq!((list.stores.len(), time(list.fresh_time)), (1, told));
        let all = client.list_all(ListStores::default().stale(true)).try_collect::<Vec<_>>().await.expect("all of it");
        assert_eq!(all.len(), 1);
        let error = client.watch(StoreFilter::default()).await.expect_err("a watch does not begin with old news");
        assert_eq!(error.reason(), Some("LEDGER_UNAVAILABLE"), "{how}: {error}");

        if how == "paused" {
            redis.resume()
        } else {
            redis.restart().await
        }
        let later = async || (time(stale(&client, "store-a").await.ok()?.fresh_time) > gone).then_some(());
        until("stale reads to be of today again", later).await;
    }
}

#[tokio::test]
async fn a_replica_that_is_cut_off_answers_with_what_it_knew() {
    let redis = RedisServer::start().await;
    let proxy = RedisProxy::start(redis.port()).await;
    let near = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let far = ServerOptions::without_cluster(&proxy.url()).start_ready().await;
    let (near, far) = ((near.client().await, near), (far.client().await, far));
    near.0.create(CreateStore::new().id("store-old")).await.expect("create");
    until("the other replica to know", async || stale(&far.0, "store-old").await.ok()).await;

    // Nobody listens there.
    proxy.redirect(1);
    until("the other replica to be cut off", async || far.0.get("store-old").await.err()).await;
    near.0.create(CreateStore::new().id("store-new")).await.expect("create");
    let missed = stale(&far.0, "store-new").await.expect_err("it cannot know");
    assert!(matches!(missed, Error::NotFound(_)), "{missed}");
    let refused = far.0.get("store-new").await.expect_err("it would have to know");
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    stale(&far.0, "store-old").await.expect("what it knew");

    // A page is no older than the first of its list, or whoever watches on from there has a gap.
    let mut list =
        wire::ListRequest { page_size: 1, consistency: wire::Consistency::Stale.into(), ..Default::default() };
    let here = far.0.list_page(list.clone()).await.expect("a first page of its own");
    assert_eq!(here.stores[0].id, "store-old");
    let first = until("a page that knows", async || {
        Some(near.0.list_page(list.clone()).await.ok()?).filter(|page| page.stores[0].id == "store-new")
    })
    .await;
    list.page_token = first.next_page_token;
    let behind = far.0.list_page(list.clone()).await.expect_err("it is behind the first page");
    assert!(matches!(behind, Error::Unavailable(_)), "{behind}");

    proxy.redirect(redis.port());
    until("a read that is not stale", async || far.0.get("store-new").await.ok()).await;
    let second = far.0.list_page(list).await.expect("it has caught up");
    assert_eq!((second.stores[0].id.as_str(), second.resume_token), ("store-old", first.resume_token));
}

#[tokio::test]
async fn who_never_read_the_stores_answers_nothing_and_no_unknown_consistency_is_taken() {
    let mut redis = RedisServer::start().await;
    redis.kill9();
    let server = ServerOptions::without_cluster(&redis.url()).start().await;
    let client = server.client().await;
    assert_eq!(stale(&client, "store-a").await.expect_err("too early").reason(), Some("STARTING"));

    redis.restart().await;
    server.ready().await;
    let unknown = wire::GetRequest { id: "store-a".to_owned(), consistency: 7 };
    let error = client.get(GetStore::from(unknown)).await.expect_err("refused");
    assert!(
        matches!(&error, Error::InvalidArgument { violations, .. } if violations[0].field == "consistency"),
        "{error}"
    );
}

#[tokio::test]
async fn more_readers_than_places_learn_together_that_redis_is_away_and_stale_reads_have_places_of_their_own() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let mut readers = Vec::new();
    for _ in 0..6 {
        readers.push(server.client().await);
    }

    redis.pause();
    // 1,024 calls are answered at once, 256 on each connection.
    let mut reads: FuturesUnordered<_> =
        readers.iter().flat_map(|reader| (0..200).map(|_| reader.get("store-a"))).collect();
    let mut full = 0;
    while let Some(answer) = reads.next().await {
        let error = answer.expect_err("Redis is away");
        match error.reason() {
            Some("TOO_MANY_REQUESTS") => {
                full += 1;
                stale(&client, "store-a").await.expect("a stale read waits for no place of the others");
            }
            reason => assert_eq!(reason, Some("LEDGER_UNAVAILABLE"), "{error}"),
        }
    }
    assert!(full > 0, "there was a place for each, so that nothing was shown");
    redis.resume();
}

#[tokio::test]
async fn a_redis_that_stays_away_is_not_waited_for_by_every_reader() {
    let mut redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    // Less patience than the server has with Redis: who would wait for Redis is not answered in time.
    let hurried = Client::builder()
        .retry(RetryPolicy::none())
        .timeout(Duration::from_secs(1))
        .connect(&server.url())
        .await
        .expect("connect");
    redis.kill9();
    until("a reason, in time", async || {
        let error = hurried.get("store-a").await.expect_err("Redis is away");
        (error.reason() == Some("LEDGER_UNAVAILABLE")).then_some(())
    })
    .await;
    redis.restart().await;
    until("an answer", async || hurried.list(StoreFilter::default()).await.ok()).await;
}
