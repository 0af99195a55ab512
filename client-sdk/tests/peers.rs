//! Peers that are no server, over real sockets.

use std::time::Duration;

use sendstores_client::{Client, Error, RetryPolicy, StoreFilter};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

/// For what never comes.
const SOON: Duration = Duration::from_millis(200);
/// For what comes, however busy the machine is.
const LATE: Duration = Duration::from_secs(60);

/// Accepts one connection after another and hands each to `peer`.
async fn listen<F: Future<Output = ()>>(peer: impl Fn(TcpStream) -> F) -> (String, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let accept = async move {
        loop {
            let (socket, _) = listener.accept().await.expect("accept");
            peer(socket).await;
        }
    };
    (url, accept)
}

fn client(url: &str, timeout: Duration) -> Client {
    Client::builder().retry(RetryPolicy::none()).timeout(timeout).connect_lazy(url).expect("a good address")
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_left_at_the_deadline() {
    let (url, accept) = listen(async |socket| {
        let _silent = socket;
        std::future::pending::<()>().await;
    })
    .await;
    let client = client(&url, SOON);
    tokio::select! {
        () = accept => unreachable!("it accepts for ever"),
        error = client.get("store-a") => {
            let error = error.expect_err("nobody answers");
            assert!(matches!(error, Error::DeadlineExceeded(_)), "{error:?}");
            assert!(error.retryable());
        }
    }
}

#[tokio::test]
async fn a_watch_that_does_not_open_is_left_at_the_deadline() {
    let (url, accept) = listen(async |socket| {
        let _silent = socket;
        std::future::pending::<()>().await;
    })
    .await;
    let client = client(&url, SOON);
    tokio::select! {
        () = accept => unreachable!("it accepts for ever"),
        opened = client.watch(StoreFilter::default()) => {
            let error = opened.expect_err("nobody answers");
            assert!(matches!(error, Error::DeadlineExceeded(_)), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_is_a_transport_error() {
    let (url, accept) = listen(async |socket| drop(socket)).await;
    let client = client(&url, LATE);
    tokio::select! {
        () = accept => unreachable!("it accepts for ever"),
        error = client.get("store-a") => {
            let error = error.expect_err("nobody answers");
            assert!(matches!(error, Error::Transport(_)), "{error:?}");
            assert!(error.retryable());
        }
    }
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_a_transport_error() {
    let (url, accept) = listen(async |mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let client = client(&url, LATE);
    tokio::select! {
        () = accept => unreachable!("it accepts for ever"),
        error = client.get("store-a") => {
            let error = error.expect_err("that is no gRPC");
            assert!(matches!(error, Error::Transport(_)), "{error:?}");
        }
    }
}
