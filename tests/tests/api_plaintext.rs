//! Tokens over connections without TLS: taken from this machine alone, unless the operator says otherwise.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use hyper_util::rt::TokioIo;
use sendstores_client::{Client, Error, RetryPolicy};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{client, make_token},
    wait::until,
};
use tokio::net::TcpSocket;
use tonic::{Code, transport::Endpoint};
use tower::service_fn;

/// An address of this machine that is not loopback. Nothing is sent: the system only chooses a route.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect("192.0.2.1:9").expect("this test needs a machine with a network");
    socket.local_addr().expect("an address").ip()
}

/// A client that comes to the server's loopback port as a peer of another address does, such as by a rule of the firewall.
async fn client_from(address: IpAddr, server: &Server, token: Option<&str>) -> Client {
    let to = server.grpc;
    let connect = service_fn(move |_| async move {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(address, 0))?;
        socket.connect(to).await.map(TokioIo::new)
    });
    let endpoint = Endpoint::from_shared(server.url()).expect("a URL");
    let channel = endpoint.connect_with_connector(connect).await.expect("connect");
    let builder = Client::builder().retry(RetryPolicy::none());
    token.into_iter().fold(builder, |builder, token| builder.token(token)).channel(channel)
}

fn reason(error: &Error) -> (Code, &str) {
    (error.status().expect("a status").code(), error.reason().expect("a reason"))
}

#[tokio::test]
async fn a_token_that_others_could_read_on_the_way_is_refused() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let token = make_token(&options, "--role reader");
    let local = client(&server, &token).await;
    local.list_page(Default::default()).await.expect("from this machine it is taken");

    let address = own_address();
    assert!(!address.is_loopback());
    let remote = client_from(address, &server, Some(&token)).await;
    let error = remote.list_page(Default::default()).await.expect_err("refused");
    assert_eq!(reason(&error), (Code::Unauthenticated, "TOKEN_OVER_PLAINTEXT"));
    let without = client_from(address, &server, None).await;
    let error = without.list_page(Default::default()).await.expect_err("refused");
    assert_eq!(reason(&error), (Code::Unauthenticated, "TOKEN_MISSING"));
    let logged = |line: &String| line.contains("over a connection without TLS") && line.contains(&address.to_string());
    until("a line of the log", async || server.log().iter().any(logged).then_some(())).await;
    assert!(!server.log().join("\n").contains(&token));
}

#[tokio::test]
async fn behind_a_proxy_with_tls_it_is_taken() {
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let token = make_token(&options, "--role reader");
    let server = options.flag("--allow-plaintext").start_ready().await;
    let remote = client_from(own_address(), &server, Some(&token)).await;
    remote.list_page(Default::default()).await.expect("taken");
}
