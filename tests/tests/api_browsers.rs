//! Web pages: those of a named origin may call, no others, and none without asking.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use sendstores_client::v1 as wire;
use sendstores_tests::{
    grpc_web,
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PAGE: &str = "https://dashboard.example.com";

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    within("an answer", stream.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

/// What a browser is told that asks for a page of `origin`.
async fn preflight(server: &Server, origin: &str) -> String {
    let mut stream = TcpStream::connect(server.grpc).await.expect("connect");
    let request = format!(
        "OPTIONS /sendstores.v1.StoreService/List HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type,x-grpc-web\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    answer(stream).await
}

async fn list_of(server: &Server, origin: &str) -> String {
    let header = format!("Origin: {origin}\r\n");
    answer(grpc_web::call(server.grpc, "List", &wire::ListRequest::default(), &header).await).await
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_call_and_read_the_status() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth().flag(format!("--cors-origin={PAGE}"));
    let server = options.start_ready().await;
    let asked = preflight(&server, PAGE).await;
    assert!(asked.starts_with("HTTP/1.1 200"), "{asked}");
    assert_eq!(header(&asked, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&asked, "access-control-allow-methods"), Some("POST"));
    let allowed = header(&asked, "access-control-allow-headers").expect("headers");
    for name in ["authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-request-id", "x-user-agent"] {
        assert!(allowed.split(',').any(|one| one == name), "{name}: {allowed}");
    }
    // The refusal, too: it has no body, and a page that cannot read its status cannot say why.
    let listed = list_of(&server, PAGE).await;
    assert_eq!(header(&listed, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&listed, "grpc-status"), Some("16"), "{listed}");
    let exposed = header(&listed, "access-control-expose-headers").expect("headers");
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"] {
        assert!(exposed.split(',').any(|one| one == name), "{name}: {exposed}");
    }
    for answer in [asked, listed] {
        assert_eq!(header(&answer, "access-control-allow-credentials"), None, "{answer}");
        assert!(header(&answer, "vary").is_some_and(|vary| vary.contains("origin")), "{answer}");
    }
    for other in
        ["https://evil.example", "http://dashboard.example.com", "https://dashboard.example.com.evil.example", "null"]
    {
        for answer in [preflight(&server, other).await, list_of(&server, other).await] {
            assert_eq!(header(&answer, "access-control-allow-origin"), None, "{other}: {answer}");
        }
    }
}

#[tokio::test]
async fn without_a_named_origin_no_page_may() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    for answer in [preflight(&server, PAGE).await, list_of(&server, PAGE).await] {
        assert!(!answer.contains("access-control"), "{answer}");
    }
    let wrong = ServerOptions::without_cluster(&redis.url()).flag("--cors-origin=*").command().output().expect("run");
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && text.contains("--cors-origin: \"*\" is no origin"), "{text}");
}

#[tokio::test]
async fn what_a_page_can_send_without_asking_is_no_call() {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let stream = TokioIo::new(TcpStream::connect(server.grpc).await.expect("connect"));
    let (mut calls, connection) = http2::handshake(TokioExecutor::new(), stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let message = wire::CreateRequest::default().encode_to_vec();
    let body = [&[0][..], &u32::try_from(message.len()).expect("short").to_be_bytes(), &message].concat();
    for (content_type, code) in [
        (Some("text/plain"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("application/x-www-form-urlencoded"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("multipart/form-data"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (None, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Some("application/grpc"), StatusCode::OK),
    ] {
        let request = Request::post(format!("http://{}/sendstores.v1.StoreService/Create", server.grpc));
        let request = content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
        let request = request.body(Full::new(Bytes::from(body.clone()))).expect("a request");
        let response = within("an answer", calls.send_request(request)).await.expect("an answer");
        assert_eq!(response.status(), code, "{content_type:?}");
        within("its end", response.into_body().collect()).await.expect("a body");
    }
    let stores = server.client().await.list_page(Default::default()).await.expect("listed").stores;
    assert_eq!(stores.len(), 1, "only the call in gRPC has made one");
}
