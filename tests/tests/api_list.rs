//! List in any order, searched and in two views, and GetSummary: over a real socket, on a real Redis.

use prost::Message;
use sendstores_proto::v1::{
    self as wire, StoreView, get_summary_response as part, store::State, store_service_client::StoreServiceClient,
};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::make_token,
    wait::until,
};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt;

/// A caller with a token.
struct Caller {
    grpc: StoreServiceClient<Channel>,
    token: String,
}

impl Caller {
    async fn new(server: &Server, options: &ServerOptions, flags: &str) -> Self {
        let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect");
        Self { grpc: StoreServiceClient::new(channel), token: make_token(options, flags) }
    }

    fn signed<Q>(&self, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    async fn create(&self, id: &str, tenant: &str, title: &str, labels: &[(&str, &str)]) {
        let shop = wire::ShopSettings { title: title.to_owned(), ..Default::default() };
        let request = wire::CreateRequest {
            store_id: id.to_owned(),
            tenant: tenant.to_owned(),
            spec: Some(wire::StoreSpec { shop: Some(shop), ..Default::default() }),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Default::default()
        };
        self.grpc.clone().create(self.signed(request)).await.expect("created");
    }

    async fn list(&self, request: wire::ListRequest) -> Result<wire::ListResponse, Status> {
        self.grpc.clone().list(self.signed(request)).await.map(tonic::Response::into_inner)
    }

    async fn found(&self, query: &str) -> (String, i32) {
        let page =
            self.list(wire::ListRequest { query: query.to_owned(), ..Default::default() }).await.expect("a page");
        (ids(&page), page.total_size)
    }

    async fn summary(&self, filter: wire::StoreFilter) -> wire::GetSummaryResponse {
        let request = wire::GetSummaryRequest { filter: Some(filter), ..Default::default() };
        self.grpc.clone().get_summary(self.signed(request)).await.expect("a summary").into_inner()
    }
}

fn ids(page: &wire::ListResponse) -> String {
    page.stores.iter().map(|store| store.id.trim_start_matches("store-")).collect::<Vec<_>>().join(" ")
}

async fn started(redis: &RedisServer) -> (ServerOptions, Server, Caller) {
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = Caller::new(&server, &options, "--role admin").await;
    (options, server, admin)
}

#[tokio::test]
async fn every_page_of_an_order_continues_the_one_before() {
    let redis = RedisServer::start().await;
    let (_options, _server, admin) = started(&redis).await;
    let mut created: Vec<String> = (0..23).map(|i| format!("{:02}", i * 7 % 23)).collect();
    for id in &created {
        admin.create(&format!("store-{id}"), "", "", &[]).await;
    }
    let mut by_id = created.clone();
    by_id.sort();
    for (order_by, wanted) in [("id desc", &mut by_id), ("create_time desc", &mut created)] {
        wanted.reverse();
        let mut request = wire::ListRequest { page_size: 5, order_by: order_by.to_owned(), ..Default::default() };
        let mut seen = Vec::new();
        for pages in 1.. {
            assert!(pages <= 5, "a list without an end: {seen:?}");
            let page = admin.list(request.clone()).await.expect("a page");
            assert_eq!(page.total_size, 23);
            seen.push(ids(&page));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen.join(" "), wanted.join(" "), "{order_by}");
    }
}

#[tokio::test]
async fn a_token_is_of_one_order_and_one_query_and_a_wrong_field_is_named() {
    let redis = RedisServer::start().await;
    let (_options, _server, admin) = started(&redis).await;
    for id in ["store-a", "store-b", "store-c"] {
        admin.create(id, "", "", &[]).await;
    }
    let list = |order_by: &str, query: &str| wire::ListRequest {
        page_size: 1,
        order_by: order_by.to_owned(),
        query: query.to_owned(),
        ..Default::default()
    };
    let requests = [list("", ""), list("id desc", ""), list("update_time", ""), list("", "store"), list("", "STORE-")];
    for given in &requests {
        let page_token = admin.list(given.clone()).await.expect("a page").next_page_token;
        for shown in &requests {
            let next = admin.list(wire::ListRequest { page_token: page_token.clone(), ..shown.clone() }).await;
            if given == shown {
                next.expect("its own token");
            } else {
                let status = next.expect_err("another list");
                assert_eq!(status.get_details_error_info().expect("a reason").reason, "PAGE_TOKEN_INVALID");
            }
        }
    }
    for (wrong, field) in [
        (list("title", ""), "order_by"),
        (list("id,title", ""), "order_by"),
        (list("", &"x".repeat(101)), "query"),
        (list("", "a\u{7}b"), "query"),
        (wire::ListRequest { view: 9, ..Default::default() }, "view"),
    ] {
        let status = admin.list(wrong).await.expect_err("refused");
        let named = status.get_details_bad_request().expect("a field").field_violations;
        assert_eq!((status.code(), named[0].field.as_str()), (Code::InvalidArgument, field));
    }
    admin.list(list("", &"ü".repeat(100))).await.expect("at the limit");
}

#[tokio::test]
async fn a_search_finds_ids_titles_urls_and_labels_of_the_callers_own_stores() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = started(&redis).await;
    admin.create("store-one", "acme", "Tea & Cake", &[("team", "blue")]).await;
    admin.create("store-two", "bolt", "Grüne Tees", &[("team", "red")]).await;
    admin.create("store-three", "", "Shoes", &[]).await;
    for (query, wanted) in [
        ("tea", "one two"),
        ("TEAM=RED", "two"),
        ("grÜne", "two"),
        ("a & c", "one"),
        ("store-three.", "three"),
        ("shoe", "three"),
        ("nothing", ""),
        ("", "one three two"),
    ] {
        let count = i32::try_from(wanted.split_whitespace().count()).expect("few");
        assert_eq!(admin.found(query).await, (wanted.to_owned(), count), "{query:?}");
    }
    let acme = Caller::new(&server, &options, "--role reader --tenant acme").await;
    assert_eq!(acme.found("team").await, ("one".to_owned(), 1));
    assert_eq!(acme.found("red").await, (String::new(), 0));
}

#[tokio::test]
async fn the_basic_view_is_small_and_leaves_out_what_the_contract_says() {
    let redis = RedisServer::start().await;
    let (_options, _server, admin) = started(&redis).await;
    admin.create("store-one", "acme", "Tea", &[("team", "blue")]).await;
    let view = async |view: StoreView| {
        let request = wire::ListRequest { view: view.into(), ..Default::default() };
        admin.list(request).await.expect("a page").stores.remove(0)
    };
    // The store changes meanwhile: all three are to be of one revision.
    let (full, basic, other) = until("three reads without a change between", async || {
        let read = (view(StoreView::Full).await, view(StoreView::Basic).await, view(StoreView::Unspecified).await);
        (read.0.etag == read.1.etag && read.1.etag == read.2.etag).then_some(read)
    })
    .await;
    let shop = wire::ShopSettings { title: "Tea".to_owned(), ..Default::default() };
    let engine = full.spec.as_ref().expect("a spec").engine;
    let mut wanted = wire::Store {
        spec: Some(wire::StoreSpec { engine, shop: Some(shop), ..Default::default() }),
        evidence: Vec::new(),
        history: Vec::new(),
        ..full.clone()
    };
    wanted.steps.retain(|step| matches!(step.state(), wire::step::State::Running | wire::step::State::Failed));
    if let Some(failure) = &mut wanted.failure {
        (failure.diagnosis, failure.suggestion) = (None, String::new());
    }
    assert_eq!((&basic, &other), (&wanted, &full));
    let (small, whole) = (basic.encoded_len(), full.encoded_len());
    assert!(small * 2 < whole, "{small} bytes of {whole}");
}

#[tokio::test]
async fn a_summary_counts_the_callers_own_stores_and_no_other() {
    let redis = RedisServer::start().await;
    let (options, server, admin) = started(&redis).await;
    for (id, tenant) in [("store-a", "acme"), ("store-b", "bolt"), ("store-c", "bolt"), ("store-d", "")] {
        admin.create(id, tenant, "", &[]).await;
    }
    let gone = wire::DeleteRequest { id: "store-c".to_owned(), ..Default::default() };
    admin.grpc.clone().delete(admin.signed(gone)).await.expect("accepted");
    let count = |tenant: &str, stores| part::TenantCount { tenant: tenant.to_owned(), stores, ready: 0 };
    let all = admin.summary(wire::StoreFilter::default()).await;
    assert_eq!(all.tenants, [count("bolt", 2), count("", 1), count("acme", 1)]);
    let states: Vec<_> = all.states.iter().map(|one| (one.state(), one.stores)).collect();
    assert_eq!(states, [(State::Provisioning, 3), (State::Deleting, 1)]);
    assert_eq!((all.total_size, all.tenants_total, all.engines[0].stores), (4, 3, 4));
    let oldest = all.oldest_not_ready.expect("a store");
    assert_eq!((oldest.id.as_str(), all.oldest_not_ready_since), ("store-a", oldest.create_time));
    assert_eq!(all.last_hour.expect("an hour").created, 4);

    let bolt = Caller::new(&server, &options, "--role reader --tenant bolt").await;
    let own = bolt.summary(wire::StoreFilter::default()).await;
    assert_eq!((own.total_size, own.tenants.as_slice()), (2, &[count("bolt", 2)][..]));
    assert_eq!(own.oldest_not_ready.expect("a store").id, "store-b");
    assert_eq!(own.last_hour.expect("an hour").created, 2);
    let crossed = bolt.summary(wire::StoreFilter { tenant: "acme".to_owned(), ..Default::default() }).await;
    let part::Changes { created, changed, .. } = crossed.last_hour.expect("an hour");
    assert_eq!((crossed.total_size, crossed.tenants_total, created, changed), (0, 0, 0, 0));
    assert_eq!((crossed.oldest_not_ready, crossed.states), (None, Vec::new()));

    let wrong = wire::StoreFilter { ids: vec!["x".to_owned()], ..Default::default() };
    let request = wire::GetSummaryRequest { filter: Some(wrong), ..Default::default() };
    let status = admin.grpc.clone().get_summary(admin.signed(request)).await.expect_err("refused");
    assert_eq!(status.get_details_error_info().expect("a reason").reason, "INVALID_FIELD");
}
