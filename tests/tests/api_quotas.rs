//! TenantService, and what a tenant may have: exactly, over all replicas.

use std::{fmt::Debug, time::Duration};

use futures::{TryStreamExt, future::join_all};
use sendstores_client::{
    Client, CreateStore, Error, StoreFilter,
    v1::{Tenant, TenantLimits, TenantServiceCreateRequest, TenantServiceListRequest, TenantServiceUpdateRequest},
};
use sendstores_tests::{
    http,
    redis::RedisServer,
    server::ServerOptions,
    tokens::{client, make_token},
    wait::until,
};
use tonic_types::StatusExt;

fn reason<T: Debug>(said: Result<T, Error>) -> String {
    let error = said.expect_err("it must be refused");
    error.reason().unwrap_or_else(|| panic!("no reason: {error}")).to_owned()
}

fn stores(most: i32) -> Option<TenantLimits> {
    Some(TenantLimits { stores: Some(most), creates_per_minute: None, ..TenantLimits::default() })
}

fn tenant(id: &str, limits: Option<TenantLimits>) -> TenantServiceCreateRequest {
    TenantServiceCreateRequest { id: id.to_owned(), limits, ..Default::default() }
}

fn store(tenant: &str) -> CreateStore {
    CreateStore::new().tenant(tenant)
}

async fn listed(client: &Client) -> Vec<Tenant> {
    client.list_tenants().try_collect().await.expect("listed")
}

#[tokio::test]
async fn a_tenant_is_declared_shown_changed_and_removed() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = client(&server, &make_token(&options, "--role admin")).await;
    let wanted = TenantServiceCreateRequest { display_name: "Acme & Sons".to_owned(), ..tenant("acme", stores(7)) };
    let wanted = TenantServiceCreateRequest { request_id: "r-1".to_owned(), ..wanted };
    let acme = admin.create_tenant(wanted.clone()).await.expect("declared");
    assert_eq!((acme.id.as_str(), acme.display_name.as_str(), acme.limits), ("acme", "Acme & Sons", stores(7)));
    assert_eq!(admin.create_tenant(wanted.clone()).await.expect("again"), acme);
    let other = TenantServiceCreateRequest { display_name: "Other".to_owned(), ..wanted };
    assert_eq!(reason(admin.create_tenant(other).await), "REQUEST_ID_REUSED");
    assert_eq!(reason(admin.create_tenant(tenant("acme", None)).await), "TENANT_EXISTS");
    let bolt = admin.create_tenant(tenant("bolt", None)).await.expect("declared");
    assert_eq!((bolt.display_name.as_str(), bolt.limits), ("bolt", Some(TenantLimits::default())));
    assert_eq!(admin.get_tenant("acme").await.expect("shown"), acme);
    assert_eq!(listed(&admin).await, [acme.clone(), bolt.clone()]);
    let page =
        admin.list_tenants_page(TenantServiceListRequest { page_size: 1, ..Default::default() }).await.expect("a page");
    assert_eq!(page.tenants, [acme]);
    let next = TenantServiceListRequest { page_token: page.next_page_token, ..Default::default() };
    assert_eq!(admin.list_tenants_page(next).await.expect("a page").tenants, std::slice::from_ref(&bolt));

    let update = |display_name: &str, limits| TenantServiceUpdateRequest {
        id: "acme".to_owned(),
        display_name: display_name.to_owned(),
        limits,
        ..Default::default()
    };
    let renamed = admin.update_tenant(update("Acme", None)).await.expect("renamed");
    assert_eq!((renamed.display_name.as_str(), renamed.limits), ("Acme", stores(7)));
    let limited = admin.update_tenant(update("", Some(TenantLimits::default()))).await.expect("changed");
    assert_eq!((limited.display_name.as_str(), limited.limits), ("Acme", Some(TenantLimits::default())));

    admin.create(store("acme")).await.expect("created");
    assert_eq!(admin.get_tenant("acme").await.expect("shown").used.map(|used| used.stores), Some(1));
    assert_eq!(reason(admin.delete_tenant("acme").await), "TENANT_NOT_EMPTY");
    admin.delete_tenant("bolt").await.expect("removed");
    for said in [admin.get_tenant("bolt").await.map(drop), admin.delete_tenant("bolt").await] {
        assert_eq!(reason(said), "TENANT_NOT_FOUND");
    }
    let again = admin.create_tenant(tenant("bolt", None)).await.expect("declared again");
    assert_ne!(again.uid, bolt.uid);
    for wrong in [tenant("Acme", None), tenant("", None), tenant("x", stores(-1)), tenant("x", stores(1_000_001))] {
        assert_eq!(reason(admin.create_tenant(wrong.clone()).await), "INVALID_FIELD", "{wrong:?}");
    }
    for flags in ["--role operator", "--role tenant --tenant acme", "--role reader"] {
        let other = client(&server, &make_token(&options, flags)).await;
        assert_eq!(reason(other.get_tenant("acme").await), "PERMISSION_DENIED", "{flags}");
        assert_eq!(reason(other.create_tenant(tenant("x", None)).await), "PERMISSION_DENIED", "{flags}");
    }
}

#[tokio::test]
async fn of_a_hundred_creates_on_three_replicas_exactly_the_quota_is_admitted() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).flag("--tenant-limit").flag("stores=30");
    let servers = [options.start_ready().await, options.start_ready().await, options.start_ready().await];
    let mut clients = Vec::new();
    for server in &servers {
        clients.push(server.client().await);
    }
    clients[0].create_tenant(tenant("acme", stores(37))).await.expect("declared");
    for (owner, most) in [("acme", 37), ("bolt", 30)] {
        let creates = (0..100).map(|i| {
            let client = clients[i % 3].clone();
            async move { client.create(store(owner)).await }
        });
        let results = join_all(creates).await;
        let (made, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (most, 100 - most), "{owner}");
        for said in refused {
            let error = said.expect_err("refused");
            let failure = error.status().and_then(|status| status.get_details_quota_failure()).expect("a QuotaFailure");
            assert_eq!(error.reason(), Some("QUOTA_EXCEEDED"), "{error}");
            assert_eq!(failure.violations[0].subject, format!("tenant:{owner}"));
        }
        let filter = StoreFilter { tenant: owner.to_owned(), ..Default::default() };
        let there: Vec<_> = clients[1].list_all(filter).try_collect().await.expect("listed");
        assert_eq!(there.len(), most);
    }
    assert_eq!(clients[2].get_tenant("acme").await.expect("shown").used.map(|used| used.stores), Some(37));
    assert_eq!(reason(clients[1].create(store("acme").validate_only(true)).await), "QUOTA_EXCEEDED");
    // A lower limit takes nothing away, a higher one admits at once, on any replica.
    let update = |limits| TenantServiceUpdateRequest { id: "acme".to_owned(), limits, ..Default::default() };
    clients[0].update_tenant(update(stores(5))).await.expect("changed");
    assert_eq!(reason(clients[1].create(store("acme")).await), "QUOTA_EXCEEDED");
    clients[0].update_tenant(update(stores(38))).await.expect("changed");
    clients[1].create(store("acme")).await.expect("one more");
    assert_eq!(reason(clients[2].create(store("acme")).await), "QUOTA_EXCEEDED");
    let compared = async || {
        let metrics = http::get(servers[0].admin, "/metrics").await.ok()?.1;
        metrics.contains("\nsendstores_tenant_count_drift 0").then_some(())
    };
    until("the metric of the counts", compared).await;
}

#[tokio::test]
async fn creates_of_a_minute_are_limited_and_the_refusal_says_when_to_try_again() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    let limits = Some(TenantLimits { stores: None, creates_per_minute: Some(40), ..TenantLimits::default() });
    client.create_tenant(tenant("acme", limits)).await.expect("declared");
    let results = join_all((0..60).map(|_| client.create(store("acme").request_id("")))).await;
    let made = results.iter().filter(|result| result.is_ok()).count();
    // One more each 1.5 s that the others took.
    assert!((40..50).contains(&made), "{made}");
    let refused = results.into_iter().find_map(Result::err).expect("a refusal");
    let wait = refused.retry_after().expect("a RetryInfo");
    assert_eq!(refused.reason(), Some("RATE_LIMITED"));
    assert!(!wait.is_zero() && wait <= Duration::from_secs(60), "{wait:?}");
    client.create(store("bolt")).await.expect("others are not affected");
    until("one more", async || client.create(store("acme")).await.ok()).await;
}

#[tokio::test]
async fn a_closed_server_has_stores_of_declared_tenants_alone() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).flag("--tenants").flag("closed");
    let server = options.start_ready().await;
    let client = server.client().await;
    for create in [store("acme"), store("acme").validate_only(true)] {
        assert_eq!(reason(client.create(create).await), "TENANT_UNDECLARED");
    }
    client.create(CreateStore::new()).await.expect("of no tenant");
    client.create_tenant(tenant("acme", None)).await.expect("declared");
    client.create(store("acme")).await.expect("created");
}
