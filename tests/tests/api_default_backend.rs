//! What a visitor gets whose shop does not answer.

use std::net::SocketAddr;

use sendstores_client::{ChangeStore, CreateStore, v1::store::State};
use sendstores_core::StoreId;
use sendstores_server::{args::UrlTemplate, default_backend::DefaultBackend};
use sendstores_tests::{http, plane::Plane, redis::RedisServer, wait::until, wait::within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A default backend beside a control plane; ended when dropped.
struct Rig {
    plane: Plane,
    address: SocketAddr,
    _stop: DropGuard,
    _redis: RedisServer,
}

impl Rig {
    async fn start() -> Self {
        let redis = RedisServer::start().await;
        let plane = Plane::start(&redis).await;
        let template: UrlTemplate = "http://{id}.localhost:8080".parse().expect("a template");
        let find = move |host: &str| -> Option<StoreId> { template.id_of(host) };
        let backend = DefaultBackend::new(plane.mirror.clone(), find);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let (address, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        let serving = backend.serve(listener, stop.clone());
        tokio::spawn(async move { serving.await.expect("it serves until it is stopped") });
        Self { plane, address, _stop: stop.drop_guard(), _redis: redis }
    }

    async fn page(&self, host: &str) -> (u16, String) {
        within("an answer", http::get_as(self.address, host, "/shop/?a=%3Cb%3E")).await.expect("an answer")
    }
}

#[tokio::test]
async fn a_closed_shop_a_coming_one_and_no_shop_are_told_apart() {
    let rig = Rig::start().await;
    let client = &rig.plane.client;
    client.create(CreateStore::new().id("store-one")).await.expect("create");
    rig.plane.reach("store-one", State::Ready).await;
    assert_eq!(rig.page("store-one.localhost").await.0, 503, "its own Ingress is not there for a moment");

    client.suspend(ChangeStore::new("store-one")).await.expect("suspend");
    rig.plane.reach("store-one", State::Suspended).await;
    for host in ["store-one.localhost", "STORE-ONE.localhost:8080"] {
        let (code, page) = rig.page(host).await;
        assert!(code == 503 && page.contains("This shop is closed"), "{host}: {code} {page}");
        assert!(!page.contains("3Cb") && !page.contains("store-one"), "{page}");
    }
    client.resume(ChangeStore::new("store-one")).await.expect("resume");
    rig.plane.reach("store-one", State::Ready).await;
    until("the page to change", async || {
        let (code, page) = rig.page("store-one.localhost").await;
        (code == 503 && page.contains("not ready yet")).then_some(())
    })
    .await;

    for host in ["store-two.localhost", "example.com", "", "store-one.localhost.example.com", "localhost"] {
        let (code, page) = rig.page(host).await;
        assert!(code == 404 && page.contains("no shop here"), "{host:?}: {code} {page}");
    }
}

/// What visitors send is not read to its end, and does not keep others out.
#[tokio::test]
async fn a_visitor_who_says_nothing_or_too_much_keeps_nobody_out() {
    let rig = Rig::start().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(rig.address).await.expect("connect"));
    }
    assert_eq!(rig.page("store-two.localhost").await.0, 404);
    let mut endless = TcpStream::connect(rig.address).await.expect("connect");
    let junk = vec![b'a'; 1 << 20];
    // Both ends may cut it; what counts is that it ends.
    let _ = endless.write_all(b"GET / HTTP/1.1\r\nHost: ").await;
    let _ = endless.write_all(&junk).await;
    let mut answer = Vec::new();
    let _ = within("an end", endless.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(rig.page("store-two.localhost").await.0, 404);
    for mut stream in silent {
        let mut rest = Vec::new();
        // Each is cut after its time.
        let _ = within("the end of a silent connection", stream.read_to_end(&mut rest)).await;
    }
}
