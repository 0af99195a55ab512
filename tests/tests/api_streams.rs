//! How many streams may be open: one peer cannot take the places of others, and a place comes back however its stream
//! ended.

use std::net::IpAddr;

use futures::StreamExt;
use sendstores_client::{Client, Error, ResumeToken, RetryPolicy, StoreFilter, Watch, v1::WatchStatusRequest};
use sendstores_tests::{
    grpc_web, http,
    redis::RedisServer,
    server::{Server, ServerOptions},
    wait::{DEADLINE, until, within},
};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tonic::transport::Endpoint;

const MOST: usize = 3;

fn options(redis: &RedisServer) -> ServerOptions {
    ServerOptions::without_cluster(&redis.url()).flag(format!("--max-streams-per-peer={MOST}"))
}

/// A connection of its own, from this address.
async fn client_from(address: &str, server: &Server) -> Client {
    let address: IpAddr = address.parse().expect("an address");
    let endpoint = Endpoint::from_shared(server.url()).expect("a URL").local_address(Some(address));
    Client::builder().retry(RetryPolicy::none()).channel(endpoint.connect().await.expect("connect"))
}

async fn watch(client: &Client) -> Result<Watch, Error> {
    client.watch(StoreFilter::default()).await
}

/// As many streams as one peer may have.
async fn take_all(client: &Client) -> Vec<Watch> {
    let mut watches = Vec::new();
    for _ in 0..MOST {
        watches.push(watch(client).await.expect("a place"));
    }
    assert_eq!(refusal(client).await, ("3".to_owned(), "peer".to_owned()));
    watches
}

/// Limit and scope that the next stream is refused with.
async fn refusal(client: &Client) -> (String, String) {
    let error = watch(client).await.expect_err("no place");
    assert!(matches!(error, Error::ResourceExhausted { retry_after: Some(_), .. }), "{error}");
    assert_eq!(error.reason(), Some("TOO_MANY_STREAMS"));
    let metadata = error.cause().and_then(|cause| cause.metadata()).expect("metadata");
    (metadata["limit"].clone(), metadata["scope"].clone())
}

/// Waits until this peer has all its places again, and leaves none taken.
async fn all_are_free(server: &Server, client: &Client) {
    let mut watches = Vec::new();
    until("the places to come back", async || {
        watches.push(watch(client).await.ok()?);
        (watches.len() == MOST).then_some(())
    })
    .await;
    drop(watches);
    // The server is told of that behind our back.
    until("the streams to end", async || {
        let (_, metrics) = http::get(server.admin, "/metrics").await.ok()?;
        metrics.contains("sendstores_watch_streams 0\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_peer_cannot_take_the_places_of_others() {
    let redis = RedisServer::start().await;
    let server = options(&redis).flag("--max-streams=5").start_ready().await;
    let (greedy, other) = (client_from("127.0.0.1", &server).await, client_from("127.0.0.2", &server).await);
    let taken = take_all(&greedy).await;
    let again = client_from("127.0.0.1", &server).await;
    assert_eq!(refusal(&again).await.1, "peer", "another connection is no other peer");
    again.list(StoreFilter::default()).await.expect("other calls are not streams");

    let mut others = vec![watch(&other).await.expect("a place"), watch(&other).await.expect("a place")];
    assert_eq!(refusal(&other).await, ("5".to_owned(), "server".to_owned()));
    drop(taken);
    until("a place to come back", async || {
        others.push(watch(&other).await.ok()?);
        Some(())
    })
    .await;
    assert_eq!(refusal(&other).await, ("3".to_owned(), "peer".to_owned()));
}

#[tokio::test]
async fn places_come_back_however_the_streams_end() {
    let redis = RedisServer::start().await;
    let server = options(&redis).start_ready().await;
    let client = server.client().await;
    // The reader leaves its streams, and keeps the connection.
    drop(take_all(&client).await);
    all_are_free(&server, &client).await;
    // The connection goes with its streams.
    let leaving = server.client().await;
    let watches = take_all(&leaving).await;
    drop((leaving, watches));
    all_are_free(&server, &client).await;
    // The connection is closed, or reset, under the streams.
    for reset in [false, true] {
        let open = open_by_web(&server).await;
        assert_eq!(refusal(&client).await.1, "peer");
        for stream in open {
            if reset {
                stream.set_zero_linger().expect("a reset");
            }
        }
        all_are_free(&server, &client).await;
    }
    // The stream was refused after it had its place.
    let token = token_of_another_history().await;
    for _ in 0..2 * MOST {
        let error = client.watch_from(StoreFilter::default(), token.clone()).await.expect_err("refused");
        assert!(matches!(error, Error::HistoryCompacted(_)), "{error}");
    }
    all_are_free(&server, &client).await;
}

/// All places of this peer, each on a connection of its own.
async fn open_by_web(server: &Server) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..MOST {
        let mut stream = grpc_web::call(server.grpc, "WatchStatus", &WatchStatusRequest::default(), "").await;
        let mut answer = Vec::new();
        within("the stream to open", async {
            while !String::from_utf8_lossy(&answer).contains("200 OK") {
                let read = stream.read_buf(&mut answer).await.expect("an answer");
                assert_ne!(read, 0, "the stream was not opened");
            }
        })
        .await;
        open.push(stream);
    }
    open
}

/// A token that is honest, and leads nowhere here.
async fn token_of_another_history() -> ResumeToken {
    let redis = RedisServer::start().await;
    let server = ServerOptions::without_cluster(&redis.url()).start_ready().await;
    let mut watch = watch(&server.client().await).await.expect("watch");
    let synced = watch.next().await.expect("not the end").expect("synced");
    synced.resume_token.expect("a token")
}

#[tokio::test]
async fn a_server_that_starts_again_has_all_its_places() {
    let redis = RedisServer::start().await;
    for _ in 0..2 {
        let server = options(&redis).start_ready().await;
        let client = server.client().await;
        let mut watches = take_all(&client).await;
        let ended = tokio::task::spawn_blocking(move || server.terminate(DEADLINE).0);
        assert!(ended.await.expect("its end").success());
        within("the stream to end", async { while watches[0].next().await.is_some() {} }).await;
    }
}

#[tokio::test]
async fn one_peer_cannot_take_the_connections_of_others() {
    let redis = RedisServer::start().await;
    let server = options(&redis).flag("--max-connections-per-peer=3").start_ready().await;
    let list = async |client: &Client| client.list(StoreFilter::default()).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        let client = client_from("127.0.0.1", &server).await;
        list(&client).await.expect("one of three");
        taken.push(client);
    }
    let error = list(&client_from("127.0.0.1", &server).await).await.expect_err("no place");
    assert!(matches!(error, Error::ResourceExhausted { retry_after: Some(_), .. }), "{error}");
    assert_eq!(error.reason(), Some("TOO_MANY_CONNECTIONS"));
    assert_eq!(error.cause().and_then(|cause| cause.metadata()).expect("metadata")["limit"], "3");

    // More than are answered with a reason.
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(TcpStream::connect(server.grpc).await.expect("connect"));
    }
    list(&client_from("127.0.0.2", &server).await).await.expect("others are not affected");
    list(&taken[0]).await.expect("nor is what was there before");
    drop((taken, crowd));
    until("the places to come back", async || {
        let client = client_from("127.0.0.1", &server).await;
        list(&client).await.ok()
    })
    .await;
}
