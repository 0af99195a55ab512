//! Watches go on by themselves, whatever ended the stream.

mod peer;

use std::time::Duration;

use futures::StreamExt;
use h2::Reason;
use peer::{Answer, LATE, Peer, refusal, store};
use sendstores_client::{
    Error, Event, ResumeToken, StoreFilter, Watch,
    v1::{Removed, Synced, watch_status_response::Event as Wire},
};
use tokio::time::timeout;
use tonic::{Code, Status};

/// The next event as words.
async fn next(watch: &mut Watch) -> String {
    let event = timeout(LATE, watch.next()).await.expect("in time").expect("an event").expect("no error");
    match event.event {
        Event::Snapshot(store) => format!("snapshot {} {}", store.id, store.revision),
        Event::Changed(store) => format!("changed {} {}", store.id, store.revision),
        Event::Removed { id, .. } => format!("removed {id}"),
        Event::Synced { stores } => format!("synced {stores}"),
        other => format!("{other:?}"),
    }
}

async fn all<const N: usize>(watch: &mut Watch) -> [String; N] {
    let mut events = [const { String::new() }; N];
    for event in &mut events {
        *event = next(watch).await;
    }
    events
}

async fn error(watch: &mut Watch) -> Error {
    let ended = timeout(LATE, watch.next()).await.expect("in time").expect("an item");
    let error = ended.expect_err("the end");
    assert!(watch.next().await.is_none(), "an error is the last");
    error
}

/// A snapshot of these stores, as (id, revision).
fn snapshot(answer: &mut Answer, stores: &[(&str, u64)], token: &str) {
    for (id, revision) in stores {
        answer.event(Wire::Snapshot(store(id, *revision)), 9, "");
    }
    answer.event(Wire::Synced(Synced { stores: stores.len() as i64 }), 9, token);
}

/// A watch whose stream has these stores, the stream, and the peer for the next one.
async fn watching(stores: &[(&str, u64)], silence: Duration) -> (Watch, Answer, Peer) {
    let mut peer = Peer::start().await;
    let client = peer.builder().watch_silence(silence).connect_lazy(&peer.url).expect("an address");
    let open = tokio::spawn(async move { client.watch(StoreFilter::default()).await });
    let (token, mut answer) = peer.watch().await;
    assert_eq!(token, "");
    snapshot(&mut answer, stores, "t1");
    let mut watch = open.await.expect("no panic").expect("open");
    while !next(&mut watch).await.starts_with("synced") {}
    (watch, answer, peer)
}

#[tokio::test]
async fn a_stream_without_heartbeats_is_taken_for_dead_although_pings_are_answered() {
    let (mut watch, _silent, mut peer) = watching(&[("a", 1)], Duration::from_millis(500)).await;
    let again = async {
        let (token, mut answer) = peer.watch().await;
        answer.event(Wire::Changed(store("a", 2)), 2, "t2");
        (token, answer)
    };
    let (event, (token, _answer)) = tokio::join!(next(&mut watch), again);
    assert_eq!((event.as_str(), token.as_str()), ("changed a 2", "t1"));
}

#[tokio::test]
async fn whatever_cuts_a_stream_short_it_goes_on_after_its_token() {
    let (mut watch, mut answer, mut peer) = watching(&[], LATE).await;
    let ends: [fn(Answer); 7] = [
        |answer| answer.reset(Reason::NO_ERROR),
        |answer| answer.reset(Reason::CANCEL),
        |answer| answer.reset(Reason::INTERNAL_ERROR),
        |mut answer| {
            answer.half_a_message();
            answer.reset(Reason::NO_ERROR);
        },
        |answer| answer.end(&Status::new(Code::Ok, "")),
        |answer| answer.end(&refusal(Code::Unavailable, "DRAINING")),
        |answer| answer.end(&refusal(Code::ResourceExhausted, "TOO_MANY_STREAMS")),
    ];
    for (end, revision) in ends.into_iter().zip(10..) {
        answer.event(Wire::Changed(store("a", revision)), revision, &format!("t{revision}"));
        assert_eq!(next(&mut watch).await, format!("changed a {revision}"));
        end(answer);
        let again = async {
            // First what a proxy says while the server is away.
            for status in [504, 408, 524] {
                peer.call().await.http(status, "<h1>sorry</h1>");
            }
            let (token, mut answer) = peer.watch().await;
            answer.event(Wire::Changed(store("b", revision)), revision, &format!("t{revision}"));
            (token, answer)
        };
        let (event, (token, next)) = tokio::join!(next(&mut watch), again);
        assert_eq!((event, token), (format!("changed b {revision}"), format!("t{revision}")));
        answer = next;
    }
}

#[tokio::test]
async fn a_lost_history_is_reported_as_what_changed_and_vanished() {
    let (mut watch, answer, mut peer) = watching(&[("same", 1), ("other", 2), ("gone", 3)], LATE).await;
    answer.end(&refusal(Code::OutOfRange, "HISTORY_COMPACTED"));
    let again = async {
        // The new snapshot is interrupted, too.
        let (first, mut answer) = peer.watch().await;
        answer.event(Wire::Snapshot(store("other", 5)), 9, "");
        answer.event(Wire::Snapshot(store("same", 1)), 9, "");
        answer.reset(Reason::NO_ERROR);
        let (second, mut answer) = peer.watch().await;
        snapshot(&mut answer, &[("other", 5), ("same", 1), ("new", 6)], "t9");
        assert_eq!((first.as_str(), second.as_str()), ("", ""), "the token of before leads nowhere");
        answer
    };
    let (events, mut answer) = tokio::join!(all(&mut watch), again);
    // RST_STREAM may come before what was sent ahead of it is read; then the second snapshot reports it.
    assert_eq!(events, ["changed other 5", "changed new 6", "removed gone", "synced 3"]);
    assert_eq!(watch.resume_token().map(ResumeToken::as_str), Some("t9"));
    answer.event(Wire::Removed(Removed { id: "new".to_owned(), uid: "uid of new".to_owned() }), 10, "t10");
    answer.event(Wire::Changed(store("same", 11)), 11, "t11");
    let events: [String; 2] = all(&mut watch).await;
    assert_eq!(events, ["removed new", "changed same 11"]);
}

#[tokio::test]
async fn a_token_that_leads_nowhere_is_reported_once() {
    let mut peer = Peer::start().await;
    let client = peer.client();
    let open =
        tokio::spawn(
            async move { client.watch_from(StoreFilter::default(), ResumeToken::from("kept".to_owned())).await },
        );
    let (token, mut answer) = peer.watch().await;
    assert_eq!(token, "kept");
    answer.event(Wire::Changed(store("a", 1)), 1, "t1");
    let mut watch = open.await.expect("no panic").expect("open");
    assert_eq!(next(&mut watch).await, "changed a 1");
    answer.end(&refusal(Code::OutOfRange, "HISTORY_COMPACTED"));
    let again = async {
        let (_, answer) = peer.watch().await;
        answer.end(&refusal(Code::OutOfRange, "HISTORY_COMPACTED"));
        let (token, mut answer) = peer.watch().await;
        snapshot(&mut answer, &[("b", 2)], "t9");
        (token, answer)
    };
    let (events, (token, _answer)) = tokio::join!(all(&mut watch), again);
    assert_eq!(events, ["Reset", "snapshot b 2", "synced 1"], "the caller may have kept more than this watch knows");
    assert_eq!(token, "");
}

#[tokio::test]
async fn a_watch_ends_for_what_only_its_caller_can_cure() {
    for (code, reason) in [
        (Code::FailedPrecondition, "READ_ONLY"),
        (Code::PermissionDenied, "PERMISSION_DENIED"),
        (Code::Unauthenticated, "TOKEN_EXPIRED"),
        (Code::InvalidArgument, "RESUME_TOKEN_INVALID"),
        (Code::Internal, "INTERNAL"),
    ] {
        let (mut watch, answer, _peer) = watching(&[], LATE).await;
        answer.end(&refusal(code, reason));
        assert_eq!(error(&mut watch).await.reason(), Some(reason));
    }
}
