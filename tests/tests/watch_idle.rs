//! What an idle stream is sent, in the service itself: the clock is the test's, so that no heartbeat is waited for.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt};
use sendstores_client::ResumeToken;
use sendstores_core::{Event, Offers, Principal, StoreId, ledger::Ledger};
use sendstores_proto::v1::{
    StoreFilter, WatchStatusRequest, WatchStatusResponse, store_service_server::StoreService,
    watch_status_response::Event as Sent,
};
use sendstores_server::{
    grpc::{Backend, Limits, StoreApi, StreamLimits},
    ledger::MemoryLedger,
    mirror::{Mirror, Status},
    provision::ENGINES,
};
use sendstores_tests::{
    ledger::{create, happen},
    oracle::{Token, token},
    scripted::ScriptedProvisioner,
    wait::DEADLINE,
};
use tokio_util::sync::{CancellationToken, DropGuard};

type Messages = Pin<Box<dyn Stream<Item = Result<WatchStatusResponse, tonic::Status>> + Send>>;

/// The service over `ledger`, whose mirror is live; it follows until the guard is dropped.
async fn service(ledger: &MemoryLedger) -> (StoreApi<MemoryLedger>, DropGuard) {
    let stop = CancellationToken::new();
    let streams = StreamLimits { all: 100, per_peer: None, per_principal: None };
    let limits = Limits { calls: Limits::CALLS, streams, deadline: Limits::DEADLINE };
    let api = StoreApi::new(Arc::new(StoreId::to_string), ENGINES, limits, stop.clone());
    let mirror = Mirror::new(100);
    let credentials = Arc::new(ScriptedProvisioner::new());
    let volumes = credentials.clone();
    let releases = Arc::new(Arc::<Offers>::default());
    api.attach(Backend { ledger: ledger.clone(), mirror: mirror.clone(), credentials, releases, volumes });
    tokio::spawn(mirror.clone().follow(ledger.clone(), stop.clone()));
    mirror.status().wait_for(|status| *status == Status::Live).await.expect("live");
    (api, stop.drop_guard())
}

async fn open(api: &StoreApi<MemoryLedger>, filter: StoreFilter, resume_token: &str) -> Messages {
    let request = WatchStatusRequest { filter: Some(filter), resume_token: resume_token.to_owned() };
    let mut request = tonic::Request::new(request);
    request.extensions_mut().insert(Arc::new(Principal::anonymous()));
    api.watch_status(request).await.expect("open").into_inner()
}

async fn next(messages: &mut Messages) -> WatchStatusResponse {
    let message = tokio::time::timeout(DEADLINE, messages.next()).await.expect("in time");
    message.expect("not the end").expect("a message")
}

/// Reads to the next heartbeat; returns what came before it, and the heartbeat.
async fn heartbeat(messages: &mut Messages) -> (Vec<WatchStatusResponse>, WatchStatusResponse) {
    let mut before = Vec::new();
    loop {
        let message = next(messages).await;
        if matches!(message.event, Some(Sent::Heartbeat(_))) {
            return (before, message);
        }
        assert!(before.len() < 10, "no heartbeat among {before:?}");
        before.push(message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_has_the_token_after_all_that_was_sent_or_left_out() {
    let ledger = MemoryLedger::default();
    create(&ledger, "store-a", "acme").await;
    let (api, _guard) = service(&ledger).await;
    let other = StoreFilter { tenant: "other".to_owned(), ..StoreFilter::default() };
    for (filter, sent) in [(StoreFilter::default(), 2), (other, 0)] {
        let mut messages = open(&api, filter.clone(), "").await;
        heartbeat(&mut messages).await;
        happen(&ledger, "store-a", Event::Converged).await;
        happen(&ledger, "store-a", Event::ProbeFailed).await;
        let end = ledger.last_revision().await.expect("a revision").0;
        let (before, first) = heartbeat(&mut messages).await;
        assert_eq!(before.len(), sent, "{before:?}");
        let (nothing, second) = heartbeat(&mut messages).await;
        assert_eq!(nothing, []);
        for message in [&first, &second] {
            let at = token(&ResumeToken::from(message.resume_token.clone()));
            assert_eq!(at, Token { epoch: ledger.epoch().to_string(), revision: end }, "{filter:?}");
            assert_eq!(message.revision, end, "{filter:?}");
        }

        // A resume from the heartbeat has no gap: the first of two changes comes first.
        let next_change = happen(&ledger, "store-a", Event::Converged).await.revision.0;
        happen(&ledger, "store-a", Event::ProbeFailed).await;
        let mut resumed = open(&api, filter, &second.resume_token).await;
        let (changes, _) = heartbeat(&mut resumed).await;
        assert_eq!(changes.first().map(|change| change.revision), (sent > 0).then_some(next_change));
    }
}
