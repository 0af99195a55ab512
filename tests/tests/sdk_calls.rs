//! The client crate against a real server: the unary calls.

mod sdk_rig;

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use sdk_rig::{Rig, refusal};
use sendstores_client::{Client, CreateStore, DeleteStore, Error, State, Store, StoreFilter, v1};
use sendstores_core::{Event, ledger::LedgerError};

#[tokio::test]
async fn a_store_of_defaults_is_created_read_and_deleted_in_a_few_lines() {
    let rig = Rig::start().await;
    let created = rig.client.create(CreateStore::new()).await.expect("created");
    assert_eq!((created.state(), created.generation), (State::Provisioning, 1));
    assert!(created.id.starts_with("store-") && created.id.len() == 14, "{}", created.id);
    let shop = created.spec.as_ref().and_then(|spec| spec.shop.as_ref()).expect("settings");
    assert_eq!((shop.title.as_str(), shop.currency.as_str()), ("My shop", "USD"));
    assert_eq!(rig.client.get(&created.id).await.expect("there"), created);

    let deleting = rig.client.delete(&created.id).await.expect("accepted").expect("a store");
    assert_eq!((deleting.state(), deleting.generation), (State::Deleting, 2));
    rig.event(&created.id, Event::Removed).await;
    assert!(matches!(refusal(rig.client.get(&created.id).await), Error::NotFound(_)));
}

#[tokio::test]
async fn what_was_set_is_what_the_store_is() {
    let rig = Rig::start().await;
    let wanted =
        CreateStore::new().id("store-a").title("Käse & Brot").country("DE").currency("EUR").taxes(true).tax_rate("19");
    let wanted = wanted.tenant("acme").label("team", "a").catalogue(sendstores_client::Catalogue::Empty);
    let store = rig.client.create(wanted).await.expect("created");
    let shop = store.spec.and_then(|spec| spec.shop).expect("settings");
    assert_eq!((shop.title.as_str(), shop.country.as_str(), shop.currency.as_str()), ("Käse & Brot", "DE", "EUR"));
    assert!(shop.taxes && shop.catalogue() == sendstores_client::Catalogue::Empty);
    assert_eq!((store.tenant.as_str(), store.labels), ("acme", BTreeMap::from([("team".to_owned(), "a".to_owned())])));
    assert_eq!(store.url, "http://store-a.localhost:8080");
}

#[tokio::test]
async fn a_request_id_makes_one_store_of_many_calls() {
    let rig = Rig::start().await;
    let wanted = CreateStore::new().request_id("order-4711").title("One");
    let first = rig.client.create(wanted.clone()).await.expect("created");
    assert_eq!(rig.client.create(wanted.clone()).await.expect("again").id, first.id);
    let error = refusal(rig.client.create(wanted.title("Another")).await);
    assert!(matches!(error, Error::InvalidArgument { .. }), "{error:?}");
    assert_eq!(error.reason(), Some("REQUEST_ID_REUSED"));

    // Without one, every call is a store of its own.
    let (a, b) = (rig.client.create(CreateStore::new()).await, rig.client.create(CreateStore::new()).await);
    assert_ne!(a.expect("created").id, b.expect("created").id);
}

#[tokio::test]
async fn wrong_calls_are_refused_with_what_to_do_about_it() {
    let rig = Rig::start().await;
    rig.create("store-a").await;
    let taken = refusal(rig.client.create(CreateStore::new().id("store-a")).await);
    assert!(matches!(taken, Error::AlreadyExists(_)), "{taken:?}");
    assert_eq!(taken.cause().and_then(|cause| cause.metadata()).map(|data| data["store_id"].as_str()), Some("store-a"));

    let wrong = refusal(rig.client.create(CreateStore::new().id("Shop").currency("euro").label("a b", "c")).await);
    let Error::InvalidArgument { violations, .. } = &wrong else { panic!("{wrong:?}") };
    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["store_id", "labels", "spec.shop.currency"]);
    assert!(!wrong.retryable());

    let missing = refusal(rig.client.get("store-b").await);
    assert!(matches!(missing, Error::NotFound(_)), "{missing:?}");
    assert_eq!(missing.to_string(), "there is no store store-b (STORE_NOT_FOUND)");
    assert!(matches!(refusal(rig.client.get("default").await), Error::InvalidArgument { .. }));
    assert!(matches!(refusal(rig.client.delete("store-b").await), Error::NotFound(_)));

    let page = v1::ListRequest { page_size: 501, ..v1::ListRequest::default() };
    assert!(matches!(refusal(rig.client.list_page(page).await), Error::InvalidArgument { .. }));
    let page = v1::ListRequest { page_token: "made up".to_owned(), ..v1::ListRequest::default() };
    assert_eq!(refusal(rig.client.list_page(page).await).reason(), Some("PAGE_TOKEN_INVALID"));
}

#[tokio::test]
async fn an_oversized_request_is_refused_and_not_called_history() {
    let rig = Rig::start().await;
    let error = refusal(rig.client.create(CreateStore::new().title("x".repeat(100_000))).await);
    assert!(matches!(error, Error::Other(_)), "{error:?}");
    assert!(!error.retryable());
}

#[tokio::test]
async fn a_deletion_can_be_guarded_rehearsed_and_repeated() {
    let rig = Rig::start().await;
    let store = rig.create("store-a").await;
    rig.event("store-a", Event::Converged).await;
    let stale = refusal(rig.client.delete(DeleteStore::new("store-a").etag(&store.etag)).await);
    assert!(matches!(stale, Error::Conflict(_)) && !stale.retryable(), "{stale:?}");

    let rehearsed = rig.client.delete(DeleteStore::new("store-a").validate_only(true)).await.expect("possible");
    assert_eq!(rehearsed.map(|store| store.state()), Some(State::Deleting));
    assert_eq!(rig.client.get("store-a").await.expect("still there").state(), State::Ready);

    let first = rig.client.delete(DeleteStore::new("store-a").request_id("r")).await.expect("accepted");
    assert_eq!(rig.client.delete(DeleteStore::new("store-a").request_id("r")).await.expect("again"), first);
    let gone = rig.client.delete(DeleteStore::new("store-b").allow_missing(true)).await.expect("no error");
    assert_eq!(gone, None);
}

#[tokio::test]
async fn lists_are_complete_in_order_and_filtered() {
    let rig = Rig::start().await;
    let count = 1_050;
    let ids: Vec<String> = (0..count).map(|i| format!("store-{i:04}")).collect();
    futures::stream::iter(&ids).for_each_concurrent(32, async |id| drop(rig.create(id).await)).await;
    rig.event("store-0007", Event::Converged).await;

    let all: Vec<Store> = rig.client.list_all(StoreFilter::default()).try_collect().await.expect("all pages");
    assert_eq!(all.iter().map(|store| &store.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    let first = rig.client.list(StoreFilter::default()).await.expect("a page");
    assert_eq!(first.stores.len(), 50);
    assert!(!first.next_page_token.is_empty() && !first.resume_token.is_empty());
    let ready = StoreFilter { states: vec![State::Ready.into()], ..StoreFilter::default() };
    let ready: Vec<Store> = rig.client.list_all(ready).try_collect().await.expect("all pages");
    assert_eq!(ready.iter().map(|store| store.id.as_str()).collect::<Vec<_>>(), ["store-0007"]);
}

#[tokio::test]
async fn an_outage_of_the_ledger_says_when_to_try_again() {
    let rig = Rig::start().await;
    rig.ledger.fail_with(Some(LedgerError::Unavailable("gone".to_owned())));
    let error = refusal(rig.client.create(CreateStore::new()).await);
    assert!(matches!(error, Error::Unavailable(_)) && error.retryable(), "{error:?}");
    assert_eq!(error.reason(), Some("LEDGER_UNAVAILABLE"));
    assert!(error.retry_after().is_some());
    rig.ledger.fail_with(None);
    rig.client.create(CreateStore::new()).await.expect("it is back");
}

#[tokio::test]
async fn a_client_outlives_its_server() {
    let mut rig = Rig::start().await;
    rig.create("store-a").await;
    rig.restart().await;
    assert_eq!(rig.client.get("store-a").await.expect("the next server").id, "store-a");
}

#[tokio::test]
async fn clones_and_channels_of_the_callers_own_serve_as_well() {
    let rig = Rig::start().await;
    let channel = tonic::transport::Endpoint::from_shared(rig.url.clone()).expect("address").connect().await;
    let own = Client::from_channel(channel.expect("connect"));
    rig.create("store-a").await;
    let calls = (0..20).map(|i| if i % 2 == 0 { own.clone() } else { rig.client.clone() });
    let calls = calls.map(|client| async move { client.get("store-a").await });
    assert!(futures::future::join_all(calls).await.into_iter().all(|answer| answer.is_ok()));
}
