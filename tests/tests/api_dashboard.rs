//! The dashboard on the port of the API: what a browser gets, what it may do with it, and that calls stay what they were.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::within,
};
use tokio::net::TcpStream;

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let stream = TokioIo::new(TcpStream::connect(server.grpc).await.expect("connect"));
    let (mut calls, connection) = http1::handshake(stream).await.expect("HTTP/1");
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", server.grpc.to_string());
    }
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let response = within("an answer", calls.send_request(request)).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = within("a body", body.collect()).await.expect("a body").to_bytes();
    Response::from_parts(head, body)
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    ask(server, Method::GET, path, headers).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn start(redis: &RedisServer, flags: &[&str]) -> Server {
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    flags.iter().fold(options, |options, flag| options.flag(*flag)).start().await
}

#[tokio::test]
async fn a_browser_gets_the_page_at_every_address_and_a_policy_with_it() {
    let redis = RedisServer::start().await;
    let server = start(&redis, &[]).await;
    let page = get(&server, "/", &[]).await;
    assert_eq!((page.status(), text(page.headers(), "content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert!(page.body().starts_with(b"<!doctype html>"));
    for path in ["/stores/store-a", "/stores/new", "/no/such/page", "/?state=failed"] {
        let other = get(&server, path, &[HTML]).await;
        assert_eq!((other.status(), other.body()), (StatusCode::OK, page.body()), "{path}");
    }
    for (path, content_type) in
        [("/assets/app.js", "text/javascript; charset=utf-8"), ("/assets/app.css", "text/css; charset=utf-8")]
    {
        let file = get(&server, path, &[]).await;
        assert_eq!((file.status(), text(file.headers(), "content-type")), (StatusCode::OK, content_type));
        assert_eq!(text(file.headers(), "content-length"), file.body().len().to_string());
        assert!(!text(file.headers(), "content-security-policy").is_empty(), "{path}");
    }
    let policy = text(page.headers(), "content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|one| one == part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(text(page.headers(), name), value, "{name}");
    }
    let missing = get(&server, "/assets/app.js.map", &[HTML]).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(!missing.body().starts_with(b"<!doctype"), "no page in the place of a script");
}

#[tokio::test]
async fn a_browser_loads_a_file_once_and_compressed() {
    let redis = RedisServer::start().await;
    let server = start(&redis, &[]).await;
    for path in ["/", "/assets/app.js", "/assets/app.css"] {
        let plain = get(&server, path, &[]).await;
        let zipped = get(&server, path, &[("accept-encoding", "gzip, deflate, br, zstd")]).await;
        assert_eq!(text(zipped.headers(), "content-encoding"), "gzip", "{path}");
        assert_eq!(text(zipped.headers(), "vary"), "accept-encoding", "{path}");
        let mut unzipped = Vec::new();
        GzDecoder::new(&zipped.body()[..]).read_to_end(&mut unzipped).expect("gzip");
        assert_eq!(&unzipped[..], &plain.body()[..], "{path}");
        assert_eq!(text(plain.headers(), "content-encoding"), "", "{path}");
        assert_ne!(text(plain.headers(), "etag"), text(zipped.headers(), "etag"), "{path}");
        for tag in [text(zipped.headers(), "etag"), &format!("\"other\", W/{}", text(plain.headers(), "etag"))] {
            let again = get(&server, path, &[("if-none-match", tag), ("accept-encoding", "gzip")]).await;
            assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
            assert!(!text(again.headers(), "etag").is_empty(), "{path}");
        }
        let changed = get(&server, path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(changed.status(), StatusCode::OK, "{path}");
        let head = ask(&server, Method::HEAD, path, &[]).await;
        assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0), "{path}");
        assert_eq!(text(head.headers(), "content-length"), plain.body().len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_page_is_answered_as_before() {
    let redis = RedisServer::start().await;
    let server = start(&redis, &[]).await;
    let grpc = ("content-type", "application/grpc-web+proto");
    let unknown = ask(&server, Method::POST, "/sendstores.v1.StoreService/NoSuchMethod", &[grpc, HTML]).await;
    assert_eq!(text(unknown.headers(), "grpc-status"), "12");
    for (method, path, headers) in [
        (Method::GET, "/no/such/page", &[][..]),
        (Method::GET, "/mcp", &[("accept", "text/event-stream, application/json")]),
        (Method::POST, "/", &[HTML]),
        (Method::POST, "/stores/new", &[HTML]),
        (Method::DELETE, "/assets/app.js", &[HTML]),
    ] {
        let answer = ask(&server, method, path, headers).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.body().starts_with(b"<!doctype"), "{path}");
    }
    // Nor over HTTP/2, which gRPC clients speak.
    let stream = TokioIo::new(TcpStream::connect(server.grpc).await.expect("connect"));
    let (mut calls, connection) = http2::handshake(TokioExecutor::new(), stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://{}/a.B/C", server.grpc)).header("content-type", "application/grpc");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let answer = within("an answer", calls.send_request(request)).await.expect("an answer");
    assert_eq!(text(answer.headers(), "grpc-status"), "12");
}

#[tokio::test]
async fn a_host_name_of_others_gets_no_page() {
    let redis = RedisServer::start().await;
    let server = start(&redis, &["--allowed-host=admin.example"]).await;
    for path in ["/", "/assets/app.js", "/stores/new"] {
        let refused = get(&server, path, &[("host", "rebound.example"), HTML]).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(String::from_utf8_lossy(refused.body()).contains("--allowed-host"), "{path}");
        let allowed = get(&server, path, &[("host", "admin.example"), HTML]).await;
        assert_eq!(allowed.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_server_can_be_without_it() {
    let redis = RedisServer::start().await;
    let server = start(&redis, &["--dashboard=false"]).await;
    for path in ["/", "/assets/app.js", "/stores/new"] {
        let answer = get(&server, path, &[HTML]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body().starts_with(b"this is a gRPC port"), "{path}");
    }
    let wrong = ServerOptions::without_cluster(&redis.url()).flag("--dashboard=maybe").command().output().expect("run");
    assert_eq!(wrong.status.code(), Some(2));
}
