//! Tokens of Kubernetes service accounts: the API server is asked about them, and its answers are remembered for a short time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use sendstores_core::Timestamp;
use tokio::{sync::Semaphore, time::Instant};

use super::{AuthError, Flaw, Subject, jwt::Jwt};

/// The audience that a token must be for, so that a token for the API server itself is of no use here.
pub const AUDIENCE: &str = "sendstores";
/// How long an answer is believed. After that a deleted account is noticed.
const BELIEVED: Duration = Duration::from_secs(60);
/// Answers that are remembered.
const REMEMBERED: usize = 10_000;
/// Questions to the API server at once.
const QUESTIONS: usize = 16;

/// Asks the API server about the text of a token: the user name if it is valid for [`AUDIENCE`], `None` if it is not.
///
/// # Errors
/// Says why there is no certain answer.
pub type Reviewer = Arc<dyn Fn(Arc<str>) -> BoxFuture<'static, Result<Option<String>, String>> + Send + Sync>;

/// What is known of tokens; clones share it.
#[derive(Clone)]
pub struct TokenReviews(Arc<Inner>);

struct Inner {
    /// Empty until the cluster is configured.
    reviewer: OnceLock<Reviewer>,
    answers: Mutex<Answers>,
    questions: Semaphore,
}

/// The answers by the SHA-256 of the token, and their digests in the order in which they are forgotten.
#[derive(Default)]
struct Answers {
    known: HashMap<[u8; 32], Answer>,
    order: VecDeque<([u8; 32], Instant)>,
}

#[derive(Clone)]
struct Answer {
    /// `None`: the token is refused.
    subject: Option<Subject>,
    until: Instant,
}

/// A token that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) subject: Subject,
    /// When it expires.
    pub(super) expiry: Timestamp,
    /// How long the answer is still believed.
    pub(super) believed: Duration,
}

// === impl TokenReviews ===

impl TokenReviews {
    pub fn new() -> Self {
        let (answers, questions) = (Mutex::default(), Semaphore::new(QUESTIONS));
        Self(Arc::new(Inner { reviewer: OnceLock::new(), answers, questions }))
    }

    /// From now on tokens are checked. A second reviewer is not taken.
    pub fn attach(&self, reviewer: Reviewer) {
        if self.0.reviewer.set(reviewer).is_err() {
            tracing::error!("tokens of Kubernetes had a reviewer already");
        }
    }

    /// Whose token this is.
    pub(super) async fn check(&self, token: &Jwt) -> Result<Accepted, AuthError> {
        // Only what may be valid is worth a question. What the token says of itself is not believed beyond that.
        if !token.is_for(AUDIENCE) {
            return Err(AuthError::Flawed(Flaw::Audience));
        }
        let expiry = token.expiry().ok_or(AuthError::Invalid)?;
        if expiry <= SystemTime::now().into() {
            return Err(AuthError::Expired);
        }
        let Answer { subject, until } = match self.known(token) {
            Some(answer) => answer,
            None => self.ask(token).await?,
        };
        let believed = until.saturating_duration_since(Instant::now());
        subject.map(|subject| Accepted { subject, expiry, believed }).ok_or(AuthError::Invalid)
    }

    async fn ask(&self, token: &Jwt) -> Result<Answer, AuthError> {
        let reviewer = self.0.reviewer.get().ok_or(AuthError::Unavailable)?;
        let _turn = self.0.questions.acquire().await.map_err(|_| AuthError::Unavailable)?;
        // Another call with the token may have asked meanwhile.
        if let Some(answer) = self.known(token) {
            return Ok(answer);
        }
        let asked = Instant::now();
        let said = reviewer(token.expose().clone()).await.map_err(|why| {
            metrics::counter!("sendstores_token_reviews_total", "outcome" => "failed").increment(1);
            tracing::warn!(why, "the API server does not say whose token this is");
            AuthError::Unavailable
        })?;
        // Users that are no service accounts are authenticated, too.
        let subject = said.and_then(|user| Subject::of_kubernetes_user(&user).ok());
        let outcome = if subject.is_some() { "accepted" } else { "refused" };
        metrics::counter!("sendstores_token_reviews_total", "outcome" => outcome).increment(1);
        let answer = Answer { subject, until: asked + BELIEVED };
        self.0.answers().insert(token.digest(), answer.clone());
        Ok(answer)
    }

    fn known(&self, token: &Jwt) -> Option<Answer> {
        let answer = self.0.answers().known.get(&token.digest()).cloned()?;
        (answer.until > Instant::now()).then_some(answer)
    }
}

impl Default for TokenReviews {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Inner ===

impl Inner {
    fn answers(&self) -> std::sync::MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Answers ===

impl Answers {
    /// All answers are believed for the same time, so that the oldest is the first to be forgotten.
    fn insert(&mut self, digest: [u8; 32], answer: Answer) {
        let (now, until) = (Instant::now(), answer.until);
        while self.order.front().is_some_and(|(_, until)| *until <= now || self.order.len() >= REMEMBERED) {
            let Some((oldest, until)) = self.order.pop_front() else { break };
            // The same token may have been asked about again.
            if self.known.get(&oldest).is_some_and(|answer| answer.until == until) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(digest, answer);
        self.order.push_back((digest, until));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::auth::jwt::tests::unsigned;

    const EXP: u64 = 32_503_680_000;

    fn token(name: &str) -> Jwt {
        Jwt::parse(&unsigned(&json!({"aud": [AUDIENCE], "exp": EXP, "sub": name}))).expect("a JWT")
    }

    /// Reviews whose API server says this, and how often it was asked.
    fn reviews(
        say: impl Fn() -> Result<Option<String>, String> + Send + Sync + 'static,
    ) -> (TokenReviews, Arc<AtomicUsize>) {
        let (reviews, asked) = (TokenReviews::new(), Arc::new(AtomicUsize::new(0)));
        let counted = asked.clone();
        reviews.attach(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            let said = say();
            Box::pin(async move { said })
        }));
        (reviews, asked)
    }

    fn account() -> Result<Option<String>, String> {
        Ok(Some("system:serviceaccount:shop:ci".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_believed_for_a_minute() {
        let (reviews, asked) = reviews(account);
        let token = token("a");
        for _ in 0..3 {
            let accepted = reviews.check(&token).await.expect("accepted");
            assert_eq!((accepted.subject.to_string().as_str(), accepted.believed), ("k8s:shop/ci", BELIEVED));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(BELIEVED).await;
        reviews.check(&token).await.expect("accepted");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_remembered_and_a_missing_answer_is_not() {
        let (refusing, asked) = reviews(|| Ok(None));
        for _ in 0..2 {
            assert_eq!(refusing.check(&token("a")).await, Err(AuthError::Invalid));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let (silent, asked) = reviews(|| Err("timeout".to_owned()));
        for _ in 0..2 {
            assert_eq!(silent.check(&token("a")).await, Err(AuthError::Unavailable));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(TokenReviews::new().check(&token("a")).await, Err(AuthError::Unavailable));
    }

    #[tokio::test]
    async fn users_that_are_no_service_accounts_are_refused() {
        for user in ["alice", "system:node:a", "system:serviceaccount:shop", "system:serviceaccount:shop:a/b"] {
            let (reviews, _) = reviews(move || Ok(Some(user.to_owned())));
            assert_eq!(reviews.check(&token("a")).await, Err(AuthError::Invalid), "{user}");
        }
    }

    #[tokio::test]
    async fn the_api_server_is_not_asked_about_what_cannot_be_valid() {
        let (reviews, asked) = reviews(account);
        for (claims, says) in [
            (json!({"aud": ["kubernetes"], "exp": EXP}), AuthError::Flawed(Flaw::Audience)),
            (json!({"exp": EXP}), AuthError::Flawed(Flaw::Audience)),
            (json!({"aud": AUDIENCE}), AuthError::Invalid),
            (json!({"aud": AUDIENCE, "exp": 1_000_000_000}), AuthError::Expired),
        ] {
            let token = Jwt::parse(&unsigned(&claims)).expect("a JWT");
            assert_eq!(reviews.check(&token).await, Err(says), "{claims}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let (reviews, _) = reviews(|| Ok(None));
        for number in 0..REMEMBERED + 500 {
            let _refused = reviews.check(&token(&number.to_string())).await;
        }
        let sizes = |reviews: &TokenReviews| {
            let answers = reviews.0.answers();
            (answers.known.len(), answers.order.len())
        };
        assert_eq!(sizes(&reviews), (REMEMBERED, REMEMBERED));
        tokio::time::advance(BELIEVED).await;
        let _refused = reviews.check(&token("last")).await;
        assert_eq!(sizes(&reviews), (1, 1));
    }
}
