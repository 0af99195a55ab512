//! How often the callers of a tenant may call, and how many watches they may have, on one replica.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use sendstores_client::{
    Client, Error, GetStore, StoreFilter, Watch,
    v1::{TenantLimits, TenantServiceCreateRequest, TenantServiceUpdateRequest},
};
use sendstores_tests::{
    redis::RedisServer,
    server::ServerOptions,
    tokens::{client, make_token},
    wait::until,
};

fn reason<T: Debug>(said: Result<T, Error>) -> String {
    let error = said.expect_err("it must be refused");
    error.reason().unwrap_or_else(|| panic!("no reason: {error}")).to_owned()
}

/// Calls until it is refused for its rate; returns how often it was not, and the refusal.
async fn until_refused(client: &Client) -> (usize, Error) {
    for calls in 0..10_000 {
        let error = client.get(GetStore::new("store-none").stale(true)).await.expect_err("there is none");
        if error.reason() == Some("RATE_LIMITED") {
            return (calls, error);
        }
        assert_eq!(error.reason(), Some("STORE_NOT_FOUND"));
    }
    panic!("never refused");
}

async fn watch(client: &Client) -> Result<Watch, Error> {
    client.watch(StoreFilter::default()).await
}

#[tokio::test]
async fn callers_with_a_tenant_call_as_often_as_it_may_and_no_more() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let token = |flags: &str| make_token(&options, flags);
    let (first, second, third) = (
        token("--role tenant --tenant acme"),
        token("--role reader --tenant acme"),
        token("--role tenant --tenant bolt"),
    );
    let admin = token("--role admin");
    let server = options.flag("--tenant-limit").flag("calls-per-second=1000000").start_ready().await;
    let admin = client(&server, &admin).await;
    let (one, same) = (client(&server, &first).await, client(&server, &first).await);
    let (other, bolt) = (client(&server, &second).await, client(&server, &third).await);
    one.principal().await.expect("it has a connection");
    let limits = |calls: i32| Some(TenantLimits { calls_per_second: Some(calls), ..TenantLimits::default() });
    let declare = TenantServiceCreateRequest { id: "acme".to_owned(), limits: limits(1), ..Default::default() };
    admin.create_tenant(declare).await.expect("declared");

    // Also on a connection that was there before.
    let (calls, refused) = until_refused(&one).await;
    let wait = refused.retry_after().expect("a RetryInfo");
    assert!(calls >= 1 && !wait.is_zero() && wait <= Duration::from_secs(1), "{calls} {wait:?}");
    // Another connection of the same caller has no calls of its own: no more than come with time.
    let begun = Instant::now();
    let (more, _) = until_refused(&same).await;
    let with_time = begun.elapsed().as_secs();
    assert!(more as u64 <= with_time + 1, "{more} calls in {with_time} s");
    assert_eq!(reason(other.get("store-none").await), "STORE_NOT_FOUND", "another caller has");
    for _ in 0..100 {
        for client in [&admin, &bolt] {
            assert_eq!(reason(client.get(GetStore::new("store-none").stale(true)).await), "STORE_NOT_FOUND");
        }
    }
    until("a call in time", async || (reason(one.get("store-none").await) == "STORE_NOT_FOUND").then_some(())).await;
    let raise = TenantServiceUpdateRequest { id: "acme".to_owned(), limits: limits(1_000_000), ..Default::default() };
    admin.update_tenant(raise).await.expect("raised");
    let often = async || {
        for _ in 0..20 {
            if reason(one.get(GetStore::new("store-none").stale(true)).await) == "RATE_LIMITED" {
                return None;
            }
        }
        Some(())
    };
    until("many calls", often).await;
}

#[tokio::test]
async fn the_watches_of_a_tenant_are_limited_for_all_its_callers_together() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let token = |flags: &str| make_token(&options, flags);
    let tokens = [
        token("--role tenant --tenant acme"),
        token("--role reader --tenant acme"),
        token("--role reader --tenant bolt"),
        token("--role reader"),
    ];
    let server = options.flag("--tenant-limit").flag("watches=2").start_ready().await;
    let mut clients = Vec::new();
    for token in &tokens {
        clients.push(client(&server, token).await);
    }
    let held = [watch(&clients[0]).await.expect("a watch"), watch(&clients[1]).await.expect("a watch")];
    let refused = watch(&clients[0]).await.map(drop).expect_err("one too many");
    let metadata = refused.cause().and_then(|cause| cause.metadata()).expect("metadata");
    assert_eq!((refused.reason(), metadata["scope"].as_str()), (Some("TOO_MANY_STREAMS"), "tenant"));
    assert_eq!(metadata["limit"], "2");
    let _bolt = watch(&clients[2]).await.expect("others are not affected");
    let mut of_all = Vec::new();
    for _ in 0..4 {
        of_all.push(watch(&clients[3]).await.expect("callers of all tenants have no such limit"));
    }
    drop((held, of_all));
    drop(until("a place", async || watch(&clients[1]).await.ok()).await);
}
