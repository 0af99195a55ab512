//! Many tokens are revoked at once under many watches: each watch whose token is revoked ends, and says why; no other does.
//! `SENDSTORES_TEST_LONG=1`: 10,000 tokens under 1,000 watches.

use std::time::{Duration, Instant};

use futures::{StreamExt, future::join_all, stream};
use sendstores_client::{Client, CreateStore, CreateToken};
use sendstores_proto::v1::{
    WatchStatusRequest, WatchStatusResponse, store_service_client::StoreServiceClient,
    watch_status_response::Event as Sent,
};
use sendstores_tests::{
    redis::RedisServer,
    server::{Server, ServerOptions},
    tokens::{client, make_token},
    wait::within,
};
use tonic::{Code, Request, Status, Streaming, transport::Channel};
use tonic_types::StatusExt;

/// Streams on one connection.
const SHARED: usize = 100;
/// Calls of the administrator at once.
const AT_ONCE: usize = 64;

struct Made {
    id: String,
    text: String,
}

async fn make(admin: &Client, count: usize) -> Vec<Made> {
    let made = stream::iter(0..count).map(async |number| {
        let made = admin.create_token(CreateToken::new(format!("t{number}"), "reader")).await.expect("made");
        Made { id: made.token.expect("a token").id, text: made.text }
    });
    made.buffer_unordered(AT_ONCE).collect().await
}

/// A watch that has said that it is synced.
async fn open(channel: Channel, token: &str) -> Streaming<WatchStatusResponse> {
    let mut request = Request::new(WatchStatusRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    let mut watch = StoreServiceClient::new(channel).watch_status(request).await.expect("open").into_inner();
    let synced = async {
        while !matches!(watch.message().await.expect("a message").expect("no end").event, Some(Sent::Synced(_))) {}
    };
    within("the watch to be synced", synced).await;
    watch
}

/// When and with what a watch ends, if it does before the other event.
async fn end(mut watch: Streaming<WatchStatusResponse>) -> (Instant, Status, bool) {
    let mut last_is_heartbeat = false;
    loop {
        match watch.message().await {
            Ok(Some(message)) => last_is_heartbeat = matches!(message.event, Some(Sent::Heartbeat(_))),
            Ok(None) => panic!("an end without a reason"),
            Err(status) => return (Instant::now(), status, last_is_heartbeat),
        }
    }
}

async fn channel(server: &Server) -> Channel {
    Channel::from_shared(server.url()).expect("a URL").connect().await.expect("connect")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watch_outlives_its_token() {
    let long = std::env::var("SENDSTORES_TEST_LONG").as_deref() == Ok("1");
    let (tokens, watches) = if long { (10_000, 1_000) } else { (300, 60) };
    let redis = RedisServer::start().await;
    let options = ServerOptions::without_cluster(&redis.url()).with_auth();
    let server = options.start_ready().await;
    let admin = client(&server, &make_token(&options, "--role admin")).await;
    let made = within("the tokens", make(&admin, tokens)).await;
    let kept = make(&admin, 1).await.remove(0);

    let channels = join_all((0..watches / SHARED + 1).map(|_| channel(&server))).await;
    let mut ends = Vec::new();
    // Those that are watched with are spread over all that are revoked.
    let watched: Vec<_> = (0..watches).map(|number| number * (tokens / watches)).collect();
    for (number, token) in watched.iter().enumerate() {
        let watch = open(channels[number / SHARED].clone(), &made[*token].text).await;
        ends.push(tokio::spawn(end(watch)));
    }
    let mut other = open(channels[0].clone(), &kept.text).await;

    let revoked = stream::iter(&made).map(async |token| {
        admin.revoke_token(&token.id).await.expect("revoked");
        Instant::now()
    });
    let revoked: Vec<_> = within("the revocations", revoked.buffered(AT_ONCE).collect()).await;
    let mut longest = Duration::ZERO;
    for (end, token) in ends.into_iter().zip(watched) {
        let (at, status, heartbeat) = within("the end of a watch", end).await.expect("no panic");
        let reason = status.get_details_error_info().map(|info| info.reason);
        assert_eq!((status.code(), reason.as_deref()), (Code::Unauthenticated, Some("TOKEN_REVOKED")), "{status:?}");
        assert!(heartbeat, "the last message has the token to go on from");
        longest = longest.max(at.saturating_duration_since(revoked[token]));
    }
    println!("{tokens} tokens revoked under {watches} watches: the last watch ended {longest:?} after its token");
    admin.create(CreateStore::new()).await.expect("created");
    let still = within("a change for the watch with another token", other.message()).await;
    assert!(still.expect("not ended").is_some());
}
