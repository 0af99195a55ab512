//! What surrounds the calls: health, reflection, limits, request ids, gRPC-Web, and how the server stops.

use std::time::Duration;

use futures::StreamExt;
use prost::Message;
use sendstores_client::{CreateStore, Error, ListStores, v1 as wire};
use sendstores_tests::{
    grpc_web, http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::{DEADLINE, until, within},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt;

const SERVICE: &str = "sendstores.v1.StoreService";
/// The server's own deadline for stopping, and what a busy machine may add.
const STOP: Duration = Duration::from_secs(20);

async fn channel(server: &Server) -> Channel {
    Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect")
}

async fn health(server: &Server, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel(server).await).check(request).await.expect("health").into_inner().status()
}

#[tokio::test]
async fn a_server_without_redis_is_ready_for_stale_reads_once_it_has_read_the_stores() {
    let mut redis = RedisServer::start().await;
    redis.kill9();
    let server = ServerOptions::without_cluster(&redis.url()).start().await;
    assert_eq!(health(&server, "").await, ServingStatus::NotServing);
    assert_eq!(health(&server, SERVICE).await, ServingStatus::NotServing);
    assert_eq!(http::get(server.admin, "/livez").await.expect("livez").0, 200);
    for path in ["/readyz", "/readyz/redis"] {
        assert_eq!(http::get(server.admin, path).await.expect("readyz").0, 503, "{path}");
    }
    let early = server.client().await.get("store-a").await.expect_err("too early");
    assert_eq!(early.reason(), Some("STARTING"));

    redis.restart().await;
    server.ready().await;
    until("health to be SERVING", async || (health(&server, SERVICE).await == ServingStatus::Serving).then_some(()))
        .await;

    redis.kill9();
    until("health to be NOT_SERVING", async || {
        (health(&server, SERVICE).await == ServingStatus::NotServing).then_some(())
    })
    .await;
    // All replicas are in the same situation: if none were sent calls, there would be no stale read either.
    assert_eq!(health(&server, "").await, ServingStatus::Serving);
    let (code, body) = http::get(server.admin, "/readyz").await.expect("readyz");
    assert!(code == 200 && body.starts_with("stale reads only: "), "{code} {body}");
    assert_eq!(http::get(server.admin, "/readyz/redis").await.expect("readyz").0, 503);
    server.client().await.list(ListStores::default().stale(true)).await.expect("a stale read");
    let gone = server.client().await.create(CreateStore::new()).await.expect_err("no Redis");
    assert!(matches!(gone, Error::Unavailable(_)), "{gone}");

    redis.restart().await;
    server.ready().await;
    server.client().await.create(CreateStore::new()).await.expect("create again");
}

#[tokio::test]
async fn a_redis_that_is_not_durable_is_refused_at_once() {
    let redis = RedisServer::start_with(&[("appendonly", "no")]).await;
    let output = ServerOptions::without_cluster(&redis.url()).command().output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("appendonly"), "{log}");
}

#[tokio::test]
async fn an_oversized_message_is_refused_with_a_reason() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let error =
        server.client().await.create(CreateStore::new().title("x".repeat(70_000))).await.expect_err("too large");
    let status = error.status().expect("a status");
    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(status.get_details_error_info().expect("a reason").reason, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn request_ids_come_back_and_are_in_the_log() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let mut client = wire::store_service_client::StoreServiceClient::new(channel(&server).await);
    let mut request = tonic::Request::new(wire::GetRequest { id: "store-none".to_owned(), ..Default::default() });
    request.metadata_mut().insert("x-request-id", "mine-1".parse().expect("valid"));
    let status = client.get(request).await.expect_err("unknown");
    assert_eq!(status.metadata().get("x-request-id").expect("an id"), "mine-1");
    assert_eq!(status.get_details_resource_info().expect("a resource").resource_name, "store-none");
    until("the call in the log", async || server.log().iter().any(|line| line.contains("mine-1")).then_some(())).await;
    let answer = client.list(wire::ListRequest::default()).await.expect("list");
    assert!(answer.metadata().get("x-request-id").is_some_and(|id| id.len() == 36));
}

/// One call as a browser makes it.
async fn call_grpc_web(server: &Server, method: &str, message: &impl Message, header: &str) -> String {
    let mut stream = grpc_web::call(server.grpc, method, message, header).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_callers_deadline_that_passes_is_deadline_exceeded() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    redis.pause();
    let request = wire::GetRequest { id: "store-a".to_owned(), ..Default::default() };
    let answer = call_grpc_web(&server, "Get", &request, "grpc-timeout: 100m\r\n").await;
    redis.resume();
    assert!(answer.contains("grpc-status: 4"), "{answer}");
    assert!(answer.contains("grpc-status-details-bin"), "{answer}");
}

#[tokio::test]
async fn grpc_web_answers_on_the_same_port() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let answer = call_grpc_web(&server, "List", &wire::ListRequest::default(), "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("grpc-status:0"), "{answer}");
}

/// The status of a List as a browser asks for it that has this name for the server.
async fn list_as(server: &Server, host: &str) -> String {
    let mut stream = grpc_web::call_as(server.grpc, host, "List", &wire::ListRequest::default(), "").await;
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("in time").expect("an answer");
    let answer = String::from_utf8_lossy(&answer).replace(": ", ":");
    let status = answer.split("grpc-status:").nth(1).expect("a status");
    status.chars().take_while(char::is_ascii_digit).collect()
}

#[tokio::test]
async fn a_browser_is_answered_only_by_names_that_are_meant_for_the_server() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    for host in [server.grpc.to_string().as_str(), "localhost", "admin.localhost:7443"] {
        assert_eq!(list_as(&server, host).await, "0", "{host}");
    }
    // A page of this name had its name resolved to the server's address.
    assert_eq!(list_as(&server, "rebound.example").await, "7");
    let name = "http://anything.example".parse().expect("a name");
    let channel = Channel::from_shared(server.url()).expect("a URL").origin(name).connect().await.expect("connect");
    let mut native = wire::store_service_client::StoreServiceClient::new(channel);
    native.list(wire::ListRequest::default()).await.expect("no browser speaks this");

    let given = ServerOptions::without_cluster(&redis.url()).flag("--allowed-host=rebound.example");
    assert_eq!(list_as(&given.start_ready().await, "rebound.example").await, "0");
}

#[tokio::test]
async fn grpc_web_can_watch() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    client.create(CreateStore::new().id("store-before")).await.expect("create");
    let mut stream = grpc_web::call(server.grpc, "WatchStatus", &wire::WatchStatusRequest::default(), "").await;
    let mut answer = Vec::new();
    let mut read_until = async |text: &str| {
        within(text, async {
            while !String::from_utf8_lossy(&answer).contains(text) {
                let read = stream.read_buf(&mut answer).await.expect("more");
                assert_ne!(read, 0, "the stream ended before {text:?}");
            }
        })
        .await;
    };
    read_until("store-before").await;
    client.create(CreateStore::new().id("store-behind")).await.expect("create");
    read_until("store-behind").await;
    assert!(server.terminate(DEADLINE).0.success());
    read_until("grpc-status:14").await;
}

#[tokio::test]
async fn a_browser_at_the_wrong_port_gets_a_word_and_an_unknown_method_a_status() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let (code, body) = http::get(server.grpc, "/no/such/path").await.expect("an answer");
    assert_eq!(code, 404);
    assert!(body.contains("gRPC"), "{body}");
    let mut grpc = tonic::client::Grpc::new(channel(&server).await);
    grpc.ready().await.expect("ready");
    let codec = tonic_prost::ProstCodec::<wire::GetRequest, wire::GetResponse>::default();
    let path = http::path("/sendstores.v1.StoreService/Frobnicate");
    let status = grpc.unary(tonic::Request::new(wire::GetRequest::default()), path, codec).await.expect_err("unknown");
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.get_details_error_info().expect("a reason").reason, "METHOD_UNKNOWN");
}

#[tokio::test]
async fn the_server_stops_in_time_with_streams_and_silent_peers_and_tells_watchers() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let client = server.client().await;
    let mut watch = client.watch(wire::StoreFilter::default()).await.expect("watch");
    watch.next().await.expect("not the end").expect("synced");
    let idle = TcpStream::connect(server.grpc).await.expect("connect");
    let mut half = TcpStream::connect(server.grpc).await.expect("connect");
    half.write_all(b"PRI * HTT").await.expect("half a preface");
    let mut http1 = TcpStream::connect(server.grpc).await.expect("connect");
    http1.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("half a request");
    // An HTTP/2 peer that says hello and then never answers anything.
    let mut silent = TcpStream::connect(server.grpc).await.expect("connect");
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("a preface");
    let (status, took) = tokio::task::spawn_blocking(move || server.terminate(STOP)).await.expect("stop");
    assert!(status.success(), "{status}");
    let last = watch.next().await.expect("not the end").expect("a heartbeat");
    assert!(last.resume_token.is_some(), "{last:?}");
    let told = watch.next().await.expect("a last word").expect_err("a status");
    assert_eq!(told.reason(), Some("DRAINING"), "{told} after {took:?}");
    drop((idle, half, http1, silent));
}

#[tokio::test]
async fn a_peer_that_never_speaks_is_cut() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let mut silent = TcpStream::connect(server.grpc).await.expect("connect");
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(20), silent.read(&mut byte)).await.expect("cut in time");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn metrics_count_calls_by_method_and_code() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let _unknown = server.client().await.get("store-none").await;
    let (_, metrics) = http::get(server.admin, "/metrics").await.expect("metrics");
    assert!(metrics.contains(r#"sendstores_grpc_calls_total{method="Get",code="NOT_FOUND"} 1"#), "{metrics}");
}
