//! Tokens that change: each call has the one of its time, and a watch goes on with the next.

mod peer;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use h2::Reason;
use peer::{LATE, Peer, refusal, store};
use sendstores_client::{
    Client, Error, StoreFilter, Watch,
    v1::{GetResponse, Synced, watch_status_response::Event as Wire},
};
use tokio::time::timeout;
use tonic::Code;

/// A file that is removed with the test.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(token: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("sendstores-token-{}", uuid::Uuid::new_v4())));
        file.write(token);
        file
    }

    fn write(&self, token: &str) {
        std::fs::write(&self.0, token).expect("write");
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A client whose function returns the given tokens, the last for ever.
fn with_function(peer: &Peer, tokens: &[&str]) -> Client {
    let left: Mutex<Vec<String>> = Mutex::new(tokens.iter().rev().map(|token| (*token).to_owned()).collect());
    let left = Arc::new(left);
    let next = move || {
        let mut left = left.lock().expect("no panic");
        let token = if left.len() > 1 { left.pop() } else { left.last().cloned() };
        async move { token.ok_or_else(|| std::io::Error::other("none left")) }
    };
    peer.builder().token_function(next).connect_lazy(&peer.url).expect("an address")
}

fn got() -> GetResponse {
    GetResponse { store: Some(store("store-a", 1)), ..GetResponse::default() }
}

async fn open(client: Client, peer: &mut Peer, authorization: &str) -> (Watch, peer::Answer) {
    let open = tokio::spawn(async move { client.watch(StoreFilter::default()).await });
    let call = peer.call().await;
    assert_eq!(call.authorization, authorization);
    let mut answer = call.accept();
    answer.event(Wire::Synced(Synced { stores: 0 }), 1, "t1");
    let mut watch = open.await.expect("no panic").expect("open");
    timeout(LATE, watch.next()).await.expect("in time").expect("an event").expect("synced");
    (watch, answer)
}

#[tokio::test]
async fn each_call_has_the_token_of_its_time() {
    let mut peer = Peer::start().await;
    let file = TokenFile::new("sst_one\n");
    let client = peer.builder().token_file(&file.0).connect_lazy(&peer.url).expect("an address");
    for token in ["sst_one", "sst_two"] {
        file.write(token);
        let answer = async {
            let call = peer.call().await;
            assert_eq!(call.authorization, format!("Bearer {token}"));
            call.answer(&got());
        };
        let (store, ()) = tokio::join!(client.get("store-a"), answer);
        store.expect("answered");
    }
    std::fs::remove_file(&file.0).expect("remove");
    let error = client.get("store-a").await.expect_err("no token");
    assert!(matches!(error, Error::Token { .. }) && error.to_string().contains("No such file"), "{error:?}");
}

#[tokio::test]
async fn a_call_that_was_refused_is_made_again_with_the_next_token_and_once() {
    let mut peer = Peer::start().await;
    let client = with_function(&peer, &["sst_old", "sst_new", "sst_newer"]);
    let answer = async {
        for token in ["Bearer sst_old", "Bearer sst_new"] {
            let call = peer.call().await;
            assert_eq!(call.authorization, token);
            call.refuse(&refusal(Code::Unauthenticated, "TOKEN_REVOKED"));
        }
    };
    let (refused, ()) = tokio::join!(client.get("store-a"), answer);
    assert_eq!(refused.expect_err("refused").reason(), Some("TOKEN_REVOKED"));
}

#[tokio::test]
async fn a_watch_whose_token_expired_goes_on_with_the_next_one() {
    let mut peer = Peer::start().await;
    let file = TokenFile::new("sst_old");
    let client = peer.builder().token_file(&file.0).connect_lazy(&peer.url).expect("an address");
    let (mut watch, answer) = open(client, &mut peer, "Bearer sst_old").await;
    file.write("sst_new");
    answer.end(&refusal(Code::Unauthenticated, "TOKEN_EXPIRED"));
    let again = async {
        let call = peer.call().await;
        assert_eq!(call.authorization, "Bearer sst_new");
        assert_eq!(call.decode::<sendstores_client::v1::WatchStatusRequest>().resume_token, "t1");
        let mut answer = call.accept();
        answer.event(Wire::Changed(store("a", 2)), 2, "t2");
        answer
    };
    let (event, answer) = tokio::join!(timeout(LATE, watch.next()), again);
    assert_eq!(event.expect("in time").expect("an event").expect("no error").revision, 2);

    // The file has no other this time.
    answer.end(&refusal(Code::Unauthenticated, "TOKEN_EXPIRED"));
    let ended = timeout(LATE, watch.next()).await.expect("in time").expect("an item");
    assert_eq!(ended.expect_err("the end").reason(), Some("TOKEN_EXPIRED"));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_watch_waits_for_a_token_that_is_away_for_a_moment() {
    let mut peer = Peer::start().await;
    let file = TokenFile::new("sst_old");
    let client = peer.builder().token_file(&file.0).connect_lazy(&peer.url).expect("an address");
    let interrupted = Arc::new(tokio::sync::Notify::new());
    let observed = interrupted.clone();
    let client = client.on_interruption(move |_| observed.notify_one());
    let (mut watch, answer) = open(client, &mut peer, "Bearer sst_old").await;
    std::fs::remove_file(&file.0).expect("remove");
    answer.reset(Reason::NO_ERROR);
    let again = async {
        timeout(LATE, interrupted.notified()).await.expect("an interruption");
        file.write("sst_new");
        let call = peer.call().await;
        assert_eq!(call.authorization, "Bearer sst_new");
        let mut answer = call.accept();
        answer.event(Wire::Changed(store("a", 2)), 2, "t2");
        answer
    };
    let (event, _answer) = tokio::join!(timeout(LATE, watch.next()), again);
    assert_eq!(event.expect("in time").expect("an event").expect("no error").revision, 2);
}
