//! What is too large for somebody: many violations, much metadata, long pages. Each concerns one call, and its caller learns
//! what to do.

use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use sendstores_client::{
    ListStores,
    v1::{self as wire, StoreFilter, store_service_client::StoreServiceClient},
};
use sendstores_core::{
    Diagnosis, Event, Failure, FailureReason, Store,
    ledger::{Expected, Ledger, Write},
};
use sendstores_server::ledger::{RedisConfig, RedisLedger};
use sendstores_tests::{
    redis::RedisServer,
    samples::{self, parsed},
    server::{Server, ServerOptions},
    wait::within,
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_types::StatusExt;
use uuid::Uuid;

/// What gRPC clients take by default.
const MESSAGE: usize = 4 * 1024 * 1024;
/// What tonic takes of headers by default.
const HEADERS: usize = 16 * 1024;
/// Stores with so long texts that a full page would be larger than a message.
const STORES: usize = 500;

async fn service(server: &Server) -> StoreServiceClient<Channel> {
    let channel = Channel::from_shared(server.url()).expect("a URL").connect().await.expect("a connection");
    StoreServiceClient::new(channel)
}

#[tokio::test]
async fn a_hundred_wrong_ids_are_told_in_what_every_client_takes() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let ids = (0..100).map(|n| format!("{n} is not an id, and it is a long one: {}", "x".repeat(200))).collect();
    let filter = StoreFilter { ids, ..StoreFilter::default() };
    let request = wire::ListRequest { filter: Some(filter), ..Default::default() };
    let status = service(&server).await.list(request).await.expect_err("wrong ids");
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let info = status.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "INVALID_FIELD");
    let named = status.get_details_bad_request().expect("the fields").field_violations;
    assert_eq!(named[0].field, "filter.ids[0]");
    let more: usize = info.metadata["more_violations"].parse().expect("a number");
    assert_eq!(named.len() + more, 100);
    assert!(status.details().len() < HEADERS / 4, "{} bytes of details", status.details().len());
}

/// A call with so much metadata, on the same connection as all others of the client.
async fn with_metadata(client: &mut StoreServiceClient<Channel>, bytes: usize) -> Result<(), Status> {
    let mut request = Request::new(wire::ListRequest::default());
    let value: MetadataValue<Ascii> = "x".repeat(bytes).parse().expect("a value");
    request.metadata_mut().insert("x-much", value);
    client.list(request).await.map(drop)
}

#[tokio::test]
async fn metadata_that_is_too_large_concerns_its_call_only() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let mut client = service(&server).await;
    let mut watch = client.watch_status(wire::WatchStatusRequest::default()).await.expect("a watch").into_inner();
    within("the end of the snapshot", watch.message()).await.expect("no end").expect("a message");

    with_metadata(&mut client, 12_000).await.expect("not too much");
    for bytes in [17_000, 40_000, 70_000, 100_000] {
        let status = with_metadata(&mut client, bytes).await.expect_err("too much");
        assert_eq!(status.code(), Code::ResourceExhausted, "{bytes} bytes: {status}");
        let info = status.get_details_error_info().expect("a reason");
        assert_eq!((info.reason.as_str(), info.metadata["limit"].as_str()), ("HEADERS_TOO_LARGE", "16384"));
    }
    // The watch was open all along.
    let created = client.create(wire::CreateRequest::default()).await.expect("a store").into_inner();
    let told = within("the change", watch.message()).await.expect("no end").expect("a message");
    assert_eq!(told.revision, created.store.expect("a store").revision);
}

/// A store that failed, with everything that a diagnosis may have.
fn verbose(number: usize) -> Store {
    let store = samples::store(&format!("store-{number:03}"));
    let log_tail = "€".repeat(Diagnosis::MAX_LOG);
    let diagnosis =
        Diagnosis { object: "Pod mysql-0".to_owned(), events: Vec::new(), log_tail, suggestion: String::new() };
    let failure = Failure {
        reason: FailureReason::DatabaseUnavailable,
        message: "ü".repeat(Failure::MAX_MESSAGE),
        step: None,
        attempt: 7,
        retry_time: None,
        diagnosis: Some(Box::new(diagnosis)),
    };
    let store = Store { uid: parsed(&Uuid::now_v7().to_string()), failure: Some(failure), ..store };
    store.after(Event::GaveUp, SystemTime::now().into()).expect("legal")
}

#[tokio::test]
async fn a_page_is_never_larger_than_clients_take_and_the_list_is_complete() {
    let redis = RedisServer::start().await;
    let ledger = RedisLedger::connect(RedisConfig::new(redis.url())).await.expect("a ledger");
    stream::iter(0..STORES)
        .map(|number| {
            ledger.write(Write { resource: verbose(number), expected: Expected::Vacant, fence: None, operation: None })
        })
        .buffer_unordered(64)
        .try_for_each(async |_| Ok(()))
        .await
        .expect("written");
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let request = wire::ListRequest { page_size: 500, ..Default::default() };
    // tonic's default is 4 MiB, as it is for Go, Java and Python.
    let page = service(&server).await.list(request).await.expect("a page").into_inner();
    assert!(!page.next_page_token.is_empty() && page.stores.len() < STORES, "{} stores", page.stores.len());
    assert!((MESSAGE / 2..=MESSAGE).contains(&page.encoded_len()), "{} bytes", page.encoded_len());

    let client = server.client().await;
    let mut ids: Vec<_> =
        client.list_all(ListStores::default()).map_ok(|store| store.id).try_collect().await.expect("all");
    ids.dedup();
    assert_eq!(ids.len(), STORES);
}
