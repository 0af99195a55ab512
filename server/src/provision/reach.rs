//! Whether the pods of stores are reached at all, from where the server asks them.
//!
//! A firewall between the API server and the nodes, or a policy, makes every store look as if it did not answer, while shoppers
//! are in all of them. It is then reported once for the control plane, and a store whose public address is known to lead to it
//! is asked there.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sendstores_core::{Store, evidence::Check, provisioner::StepError};
use tokio::time::Instant;

use super::{
    Context,
    answers::{self, Kind},
    proxy::{self, Answer, Question, Reply},
    public_client::Visit,
};

/// So many stores that answer at their public address alone, with none between them that answers otherwise, are no coincidence.
/// What one shop answers decides over that shop alone.
const STORES: usize = 3;
/// After so many such answers in a row a store is asked at its public address first.
const ANSWERS: u32 = 5;
/// While the way is closed, one request in so long finds out whether it is open again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// What was seen of the way to the pods, by all requests.
#[derive(Default)]
pub(crate) struct Reach(Mutex<State>);

/// Since the last answer that came by this way.
#[derive(Default)]
struct State {
    /// The stores that answered at their public address alone, by uid; [`STORES`] of them at most.
    stores: BTreeMap<String, Around>,
    /// `Some`: the way is closed, and is not tried before this time.
    closed: Option<Instant>,
}

/// One store that answered at its public address alone.
#[derive(Default)]
struct Around {
    answers: u32,
    /// `Some`: the way to this store is not tried before this time.
    closed: Option<Instant>,
}

/// Asks the application in the store: by the way that is configured, and at its public address where that way is closed.
pub(crate) async fn ask(
    context: &Context,
    store: &Store,
    question: Question<'_>,
    limit: Duration,
) -> Result<Reply, StepError> {
    let has_another = leads_here(store);
    if has_another
        && context.reach.is_closed(store)
        && let Some(answer) = Box::pin(at_address(context, store, &question, limit)).await
    {
        return Ok(Reply::Shop(answer));
    }
    let reply = Box::pin(proxy::ask(&context.cluster, store, question.clone(), limit)).await?;
    match &reply {
        Reply::Shop(_) => context.reach.works(),
        Reply::Unreachable(why) if has_another && is_of_the_way(why) => {
            if let Some(answer) = Box::pin(at_address(context, store, &question, limit)).await {
                let port = context.engine(store)?.port;
                context.reach.went_around(store, why, context.cluster.direct().is_some(), port);
                return Ok(Reply::Shop(answer));
            }
        }
        Reply::Unreachable(_) => {}
    }
    Ok(reply)
}

/// Whether the public address was ever seen to lead to the store.
pub(crate) fn leads_here(store: &Store) -> bool {
    store.evidence.iter().any(|evidence| evidence.check == Check::INGRESS && evidence.first_pass_time.is_some())
}

/// Whether pods that are there were not reached. Where there are none, no other way leads to them.
pub(crate) fn is_of_the_way(why: &str) -> bool {
    answers::cause(why).is_none_or(|cause| cause.kind != Kind::NoEndpoints)
}

/// `None`: what is in front of the store answers for it, or nothing does.
async fn at_address(context: &Context, store: &Store, question: &Question<'_>, limit: Duration) -> Option<Answer> {
    match context.public_client.ask(&store.url, question, limit).await {
        Visit::Answered(answer) if !matches!(answer.status, 502..=504) => Some(answer),
        Visit::Answered(_) | Visit::Unanswered(_) | Visit::Unreachable(_) => None,
    }
}

// === impl Reach ===

impl Reach {
    /// What to add to a finding about a store that was asked at its public address.
    pub(crate) fn remark(&self, store: &Store) -> Option<&'static str> {
        let state = self.state();
        let is_so = state.closed.is_some() || state.stores.contains_key(store.uid.as_str());
        is_so.then_some("asked at the public address, since the control plane does not reach the pods")
    }

    /// A store has answered by the way that is configured.
    fn works(&self) {
        let before = std::mem::take(&mut *self.state());
        if before.closed.is_some() {
            tracing::info!("the pods of stores are reached again");
            metrics::gauge!("sendstores_pods_unreachable").set(0.0);
        }
    }

    fn went_around(&self, store: &Store, why: &str, direct: bool, port: u16) {
        let mut state = self.state();
        let uid = store.uid.as_str();
        if state.stores.len() < STORES || state.stores.contains_key(uid) {
            let around = state.stores.entry(uid.to_owned()).or_default();
            around.answers = around.answers.saturating_add(1);
            around.closed = (around.answers >= ANSWERS).then(|| Instant::now() + TRY_AGAIN);
        }
        if state.stores.len() < STORES {
            return;
        }
        if state.closed.replace(Instant::now() + TRY_AGAIN).is_none() {
            let who = if direct { "the control plane" } else { "the API server" };
            tracing::error!(
                why,
                "{who} cannot reach the pods of stores on port {port}, and their public addresses answer: open the firewall \
                 between them, and see network.apiServer in the chart's values; until then, stores are probed at their public \
                 addresses"
            );
            metrics::gauge!("sendstores_pods_unreachable").set(1.0);
        }
    }

    /// Whether the way to the store is closed, and it is not time to try it again. A caller that gets `false` then makes the
    /// next try.
    fn is_closed(&self, store: &Store) -> bool {
        let mut state = self.state();
        if state.closed.is_some() {
            return waits(&mut state.closed);
        }
        state.stores.get_mut(store.uid.as_str()).is_some_and(|around| waits(&mut around.closed))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is not yet time for the next try; if it is, the one after that waits again.
fn waits(closed: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    match closed {
        Some(until) if *until > now => true,
        Some(until) => {
            *until = now + TRY_AGAIN;
            false
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use sendstores_core::{Evidence, Timestamp};
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::provision::{fake_api, steps::fixtures};

    const LIMIT: Duration = Duration::from_secs(10);

    /// What the API server says of pods that its packets do not reach.
    const LOST: &str = "error trying to reach service: dial tcp 10.0.1.7:8080: i/o timeout";

    fn status(message: &str) -> (u16, serde_json::Value) {
        (503, json!({"kind": "Status", "apiVersion": "v1", "message": message, "code": 503}))
    }

    /// A store whose public address is this one, and has led to it.
    fn store(number: u8, address: std::net::SocketAddr) -> Store {
        let seen = Evidence::new(Check::INGRESS, Ok("seen".to_owned()), Timestamp::from_micros(1));
        Store {
            uid: format!("0193b0a0-7c3e-7000-8000-0000000000{number:02x}").parse().unwrap(),
            url: format!("http://store-{number}.localhost:{}", address.port()),
            evidence: vec![seen],
            ..fixtures::store()
        }
    }

    /// A public address that answers every request with this status.
    async fn address(status: u16) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    request.push(byte);
                }
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 4\r\n\r\nshop");
                let _sent = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    async fn asked(context: &Context, store: &Store) -> Reply {
        ask(context, store, Question::get("wordpress", "/shop/"), LIMIT).await.unwrap()
    }

    #[tokio::test]
    async fn a_way_that_is_closed_for_all_is_reported_once_and_gone_around() {
        let (context, requests) = fake_api::context(|_| status(LOST));
        let address = address(200).await;
        let (one, two, three) = (store(1, address), store(2, address), store(3, address));
        assert!(matches!(asked(&context, &one).await, Reply::Shop(answer) if answer.status == 200));
        assert!(context.reach.remark(&one).is_some() && context.reach.remark(&two).is_none());
        assert!(matches!(asked(&context, &two).await, Reply::Shop(_)));
        assert!(context.reach.state().closed.is_none(), "some stores alone may have a policy of their own");
        assert!(matches!(asked(&context, &three).await, Reply::Shop(_)));
        assert!(context.reach.state().closed.is_some());
        let before = requests.count("GET /api/v1/namespaces/store-test0001/services");
        assert!(matches!(asked(&context, &one).await, Reply::Shop(_)));
        assert_eq!(
            requests.count("GET /api/v1/namespaces/store-test0001/services"),
            before,
            "what is known to be closed is not tried each time"
        );
        assert!(context.reach.remark(&one).is_some());
    }

    #[tokio::test]
    async fn one_store_decides_over_itself_alone() {
        let (context, requests) = fake_api::context(|_| status(LOST));
        let address = address(200).await;
        let (one, two) = (store(1, address), store(2, address));
        let tries = || requests.count("GET /api/v1/namespaces/store-test0001/services");
        for _ in 0..ANSWERS {
            assert!(matches!(asked(&context, &one).await, Reply::Shop(_)));
        }
        let before = tries();
        assert!(matches!(asked(&context, &one).await, Reply::Shop(_)));
        assert_eq!(tries(), before, "it is asked at its public address first");
        assert!(context.reach.state().closed.is_none() && context.reach.remark(&two).is_none());
        assert!(matches!(asked(&context, &two).await, Reply::Shop(_)));
        assert_eq!(tries(), before + 1, "another store is asked as configured");
    }

    #[tokio::test]
    async fn the_way_is_tried_again_and_taken_when_it_is_open() {
        let (context, requests) = fake_api::context(|_| (200, json!({"shop": true})));
        let store = store(1, address(200).await);
        context.reach.went_around(&store, LOST, false, 8080);
        context.reach.state().closed = Some(Instant::now());
        assert!(matches!(asked(&context, &store).await, Reply::Shop(_)));
        assert_eq!(requests.count("GET /api/v1/namespaces/store-test0001/services"), 1);
        assert!(context.reach.state().closed.is_none() && context.reach.remark(&store).is_none());
    }

    #[tokio::test]
    async fn only_a_store_that_answers_at_its_address_is_asked_there() {
        let (context, _) = fake_api::context(|_| status(LOST));
        let away = store(1, address(503).await);
        assert!(matches!(asked(&context, &away).await, Reply::Unreachable(_)), "what is in front of it answers");
        let never = Store { evidence: Vec::new(), ..store(1, address(200).await) };
        assert!(matches!(asked(&context, &never).await, Reply::Unreachable(_)), "the address may be somebody else's");
        let (context, _) = fake_api::context(|_| status("no endpoints available for service \"http:wordpress:80\""));
        let stopped = store(1, address(200).await);
        assert!(matches!(asked(&context, &stopped).await, Reply::Unreachable(_)), "a cache answers for what is gone");
    }
}
