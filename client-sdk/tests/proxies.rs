//! Calls whose answer is cut short, or replaced by a proxy, are made again; what a server said is not.

mod peer;

use h2::Reason;
use peer::{Call, Peer, refusal, store};
use sendstores_client::{CreateStore, Error, v1};
use tonic::{Code, Status};

/// Does something to the first call, and answers the second.
async fn second_try(spoil: impl FnOnce(Call)) -> (String, Result<sendstores_client::Store, Error>) {
    let mut peer = Peer::start().await;
    let client = peer.client();
    let answer = async {
        let first = peer.call().await;
        let request = first.decode::<v1::CreateRequest>().request_id;
        spoil(first);
        let second = peer.call().await;
        assert_eq!(second.decode::<v1::CreateRequest>().request_id, request, "one store, however often it takes");
        second.answer(&v1::CreateResponse { store: Some(store("store-a", 1)) });
        request
    };
    let (created, request) = tokio::join!(client.create(CreateStore::new()), answer);
    (request, created)
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_asked_for_again() {
    let cuts: [fn(Call); 7] = [
        |call| call.reset(Reason::NO_ERROR),
        |call| call.reset(Reason::REFUSED_STREAM),
        |call| call.accept().reset(Reason::NO_ERROR),
        |call| call.accept().reset(Reason::CANCEL),
        |call| call.accept().end(&Status::new(Code::Ok, "")),
        |call| {
            let mut answer = call.accept();
            answer.half_a_message();
            answer.reset(Reason::NO_ERROR);
        },
        |call| {
            let mut answer = call.accept();
            answer.message(&v1::CreateResponse::default());
            answer.reset(Reason::NO_ERROR);
        },
    ];
    for (i, cut) in cuts.into_iter().enumerate() {
        let (request, created) = second_try(cut).await;
        assert_eq!(created.map(|store| store.id).map_err(|error| format!("{i}: {error}")), Ok("store-a".to_owned()));
        assert_eq!(request.len(), 36);
    }
}

#[tokio::test]
async fn a_proxy_without_its_server_is_asked_again() {
    for status in [408, 429, 502, 503, 504, 522, 524] {
        for page in ["", "<html>", "{\"error\": 1}"] {
            let (_, created) = second_try(|call| call.http(status, page)).await;
            created.expect("created");
        }
    }
}

#[tokio::test]
async fn what_a_server_or_a_wrong_address_says_is_final() {
    let mut peer = Peer::start().await;
    let client = peer.client();
    let finals: [fn(Call); 4] = [
        |call| call.refuse(&refusal(Code::Internal, "INTERNAL")),
        |call| call.refuse(&refusal(Code::Unknown, "A_NEW_ONE")),
        |call| call.http(404, "<html>"),
        |call| call.http(302, ""),
    ];
    for end in finals {
        let answer = async { end(peer.call().await) };
        let (created, ()) = tokio::join!(client.create(CreateStore::new()), answer);
        let error = created.expect_err("refused");
        assert!(!error.retryable(), "{error:?}");
    }
}

#[tokio::test]
async fn credentials_are_not_asked_for_twice_when_the_first_call_may_have_counted() {
    let mut peer = Peer::start().await;
    let client = peer.client();
    let answer = async { peer.call().await.accept().reset(Reason::NO_ERROR) };
    let (answered, ()) = tokio::join!(client.credentials("store-a"), answer);
    assert!(matches!(answered.expect_err("cut short"), Error::Transport(_)));
}
