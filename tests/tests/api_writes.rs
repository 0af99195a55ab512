//! Create and Delete, over real sockets, on a real Redis.

use sendstores_client::{Client, CreateStore, DeleteStore, Error, v1 as wire};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
};

async fn started() -> (RedisServer, Server, Client) {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    (redis, server, client)
}

fn reason(error: &Error) -> &str {
    error.reason().unwrap_or_else(|| panic!("no reason: {error}"))
}

#[tokio::test]
async fn an_empty_create_gives_a_store_with_every_default_filled_in() {
    let (_redis, _server, client) = started().await;
    let store = client.create(CreateStore::new()).await.expect("create");
    assert!(store.id.starts_with("store-") && store.id.len() == 14, "{}", store.id);
    assert_eq!(store.state(), wire::store::State::Provisioning);
    assert_eq!((store.generation, store.observed_generation), (1, 0));
    assert_eq!(store.url, format!("http://{}.localhost", store.id));
    let shop = store.spec.clone().and_then(|spec| spec.shop).expect("settings");
    assert_eq!(shop.title, "My shop");
    assert_eq!(shop.admin_email, format!("admin@{}.localhost", store.id));
    assert_eq!((shop.currency.as_str(), shop.country.as_str()), ("USD", "US:CA"));
    assert_eq!(shop.payment_methods.len(), 2);
    assert_eq!(store.steps.len(), 7);
    assert!(store.create_time.is_some() && !store.etag.is_empty());
}

#[tokio::test]
async fn the_same_request_id_and_body_have_one_effect_and_one_answer() {
    let (_redis, _server, client) = started().await;
    let ask = || CreateStore::new().request_id("r-1").title("Käse & Brot");
    let first = client.create(ask()).await.expect("create");
    let again = client.create(ask()).await.expect("create again");
    assert_eq!(first, again);
    let all = client.list(wire::StoreFilter::default()).await.expect("list");
    assert_eq!(all.stores.len(), 1);
    let other = client.create(CreateStore::new().request_id("r-1").title("Other")).await.expect_err("another body");
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_taken_id_is_refused_and_a_freed_one_is_not_yet_free() {
    let (_redis, _server, client) = started().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let taken = client.create(CreateStore::new().id("store-a")).await.expect_err("taken");
    assert!(matches!(taken, Error::AlreadyExists(_)), "{taken}");
    assert_eq!(reason(&taken), "STORE_EXISTS");
    client.delete("store-a").await.expect("delete");
    let taken = client.create(CreateStore::new().id("store-a")).await.expect_err("still there");
    assert_eq!(reason(&taken), "STORE_EXISTS");
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (_redis, _server, client) = started().await;
    let wrong = CreateStore::new()
        .id("kube-system")
        .request_id("has space")
        .tenant("-x")
        .label("a b", "c")
        .title("two\nlines")
        .currency("EURO")
        .country("Atlantis")
        .admin_email("nobody")
        .admin_user("--exec=evil")
        .flat_rate("-1")
        .weight_unit("stone");
    let error = client.create(wrong).await.expect_err("refused");
    let Error::InvalidArgument { violations, .. } = &error else { panic!("{error}") };
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    for field in [
        "store_id",
        "request_id",
        "tenant",
        "labels",
        "spec.shop.title",
        "spec.shop.currency",
        "spec.shop.country",
        "spec.shop.admin_email",
        "spec.shop.admin_user",
        "spec.shop.flat_rate",
        "spec.shop.weight_unit",
    ] {
        assert!(fields.contains(&field), "{field} is missing in {fields:?}");
    }
    assert_eq!(client.list(wire::StoreFilter::default()).await.expect("list").stores.len(), 0);
}

#[tokio::test]
async fn states_and_languages_are_those_that_there_are() {
    let (_redis, _server, client) = started().await;
    for (store, field, hint) in [
        (CreateStore::new().country("US:ON"), "spec.shop.country", "\"US:AL\""),
        (CreateStore::new().country("AT:W"), "spec.shop.country", "\"AT\" alone"),
        (CreateStore::new().locale("xx_YY"), "spec.shop.locale", "\"de_DE_formal\""),
    ] {
        let error = client.create(store.id("store-a")).await.expect_err("refused");
        let Error::InvalidArgument { violations, .. } = &error else { panic!("{error}") };
        let [violation] = violations.as_slice() else { panic!("{error}") };
        assert!(violation.field == field && violation.description.contains(hint), "{violation:?}");
    }
    for store in [CreateStore::new().country("HK:HONG KONG"), CreateStore::new().country("MA:maagd").locale("ar")] {
        client.create(store.id("store-a").validate_only(true)).await.expect("accepted");
    }
}

#[tokio::test]
async fn validate_only_changes_nothing() {
    let (_redis, _server, client) = started().await;
    let store = client.create(CreateStore::new().id("store-a").validate_only(true)).await.expect("valid");
    assert_eq!(store.id, "store-a");
    assert!(matches!(client.get("store-a").await, Err(Error::NotFound(_))));
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    client.delete(DeleteStore::new("store-a").validate_only(true)).await.expect("valid");
    assert_eq!(client.get("store-a").await.expect("get").state(), wire::store::State::Provisioning);
}

#[tokio::test]
async fn delete_is_idempotent_guarded_by_etag_and_clear_about_what_is_not_there() {
    let (_redis, _server, client) = started().await;
    let missing = client.delete("store-none").await.expect_err("nothing there");
    assert_eq!(reason(&missing), "STORE_NOT_FOUND");
    let nothing = client.delete(DeleteStore::new("store-none").allow_missing(true)).await.expect("allowed");
    assert_eq!(nothing, None);

    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let stale = client.delete(DeleteStore::new("store-a").etag("bm90LWl0")).await.expect_err("stale");
    assert_eq!(reason(&stale), "ETAG_MISMATCH");

    let first = client.delete(DeleteStore::new("store-a").request_id("d-1")).await.expect("delete").expect("a store");
    assert_eq!(first.state(), wire::store::State::Deleting);
    assert_eq!(first.generation, 2);
    let again = client.delete(DeleteStore::new("store-a").request_id("d-1")).await.expect("again").expect("a store");
    assert_eq!(first, again);
    let other = client.delete(DeleteStore::new("store-a")).await.expect("another").expect("a store");
    assert_eq!((other.state(), other.generation), (wire::store::State::Deleting, 2));
}

#[tokio::test]
async fn acknowledged_writes_survive_the_server_and_redis() {
    let (mut redis, server, client) = started().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    client.create(CreateStore::new().id("store-b")).await.expect("create");
    client.delete("store-b").await.expect("delete");
    server.kill9();
    redis.restart().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    assert_eq!(client.get("store-a").await.expect("get").state(), wire::store::State::Provisioning);
    assert_eq!(client.get("store-b").await.expect("get").state(), wire::store::State::Deleting);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_shown_and_never_mistaken_for_a_failed_store() {
    let (_redis, _server, client) = started().await;
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    let failure = sendstores_tests::wait::until("the failure to show", async || {
        client.get("store-a").await.expect("get").failure
    })
    .await;
    assert_eq!(failure.reason(), wire::failure::Reason::ClusterUnavailable);
    assert_eq!(failure.step, "namespace");
    assert!(failure.retry_time.is_some());
    assert_eq!(client.get("store-a").await.expect("get").state(), wire::store::State::Provisioning);
}

#[tokio::test]
async fn a_delete_that_found_nothing_never_deletes_what_was_created_since() {
    let (_redis, _server, client) = started().await;
    let delete = || DeleteStore::new("store-a").request_id("d-1").allow_missing(true);
    assert_eq!(client.delete(delete().validate_only(true)).await.expect("there is none"), None);
    assert_eq!(client.delete(delete()).await.expect("there is none"), None);
    client.create(CreateStore::new().id("store-a")).await.expect("create");
    assert_eq!(client.delete(delete()).await.expect("the same answer"), None);
    let store = client.get("store-a").await.expect("it is there");
    assert_eq!(store.state(), wire::store::State::Provisioning);
    let other = client.delete(delete().etag("x")).await.expect_err("another body");
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
    let deleted = client.delete(DeleteStore::new("store-a").request_id("d-2").allow_missing(true)).await;
    assert_eq!(deleted.expect("deleted").map(|store| store.state()), Some(wire::store::State::Deleting));
}
