//! How long a caller stays who it was: for streams, which outlive the check of their credentials.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::future::select_all;
use sendstores_core::{Principal, Timestamp};
use tokio::sync::watch;

use super::{AuthError, Authenticator, Recognised, proof::Proof};

/// How long to wait before those are asked again who did not answer.
const AGAIN: Duration = Duration::from_secs(10);

/// What a stream was opened with.
#[derive(Clone)]
pub struct Standing {
    auth: Authenticator,
    proof: Proof,
    principal: Arc<Principal>,
}

/// Why a stream has to end.
#[derive(Debug)]
pub enum Lapse {
    /// The credential is refused from now on.
    Credential(AuthError),
    /// The credential is good, and its rights are others than they were.
    Rights(Arc<Principal>),
}

// === impl Standing ===

impl Standing {
    pub(super) fn new(auth: Authenticator, proof: Proof, principal: Arc<Principal>) -> Self {
        Self { auth, proof, principal }
    }

    /// Waits until the caller is not the same any more.
    pub async fn lapse(self) -> Lapse {
        let mut sources = self.auth.changes(&self.proof);
        loop {
            // Before the check: what changes after it is noticed by the wait.
            sources.iter_mut().for_each(watch::Receiver::mark_unchanged);
            let now = Timestamp::from(SystemTime::now());
            let next = match self.auth.recognise(&self.proof).await {
                // Nothing says that the caller is another. It is asked again, until the credential expires at the latest.
                Err(AuthError::Unavailable) => match self.principal.expires {
                    Some(end) if end <= now => return Lapse::Credential(AuthError::Expired),
                    end => Some(end.into_iter().fold(now.after(AGAIN), Timestamp::min)),
                },
                Err(why) => return Lapse::Credential(why),
                Ok(Recognised { principal, .. }) if !has_rights_of(&principal, &self.principal) => {
                    return Lapse::Rights(principal);
                }
                Ok(Recognised { principal, recheck }) => [principal.expires, recheck].into_iter().flatten().min(),
            };
            tokio::select! {
                () = changed(&sources) => {}
                () = passed(next) => {}
            }
        }
    }
}

fn has_rights_of(now: &Principal, before: &Principal) -> bool {
    (now.role, &now.scope, &now.abilities) == (before.role, &before.scope, &before.abilities)
}

/// Never, where nothing can change.
async fn changed(sources: &[watch::Receiver<u64>]) {
    let of_one = |source: &watch::Receiver<u64>| {
        let mut source = source.clone();
        Box::pin(async move {
            if source.changed().await.is_err() {
                // No more changes are reported: the process ends.
                pending::<()>().await;
            }
        })
    };
    if sources.is_empty() {
        return pending().await;
    }
    select_all(sources.iter().map(of_one)).await;
}

async fn passed(end: Option<Timestamp>) {
    let Some(end) = end else { return pending().await };
    tokio::time::sleep(end.since(SystemTime::now().into())).await;
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicBool, Ordering},
    };

    use serde_json::json;

    use super::*;
    use crate::{
        auth::{AUDIENCE, Bindings, Credentials, Sources, TokenReviews, jwt::tests::unsigned},
        mirror::Mirror,
    };

    const AVAILABLE: Option<&str> = Some("system:serviceaccount:shop:ci");

    /// Callers whose tokens the API server is asked about: it accepts them while a test sets that, and says nothing while it is not
    /// to be reached.
    fn authenticator(accepts: &Arc<AtomicBool>, reached: &Arc<AtomicBool>) -> (tempfile::NamedTempFile, Authenticator) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "bindings: [{subjects: ['k8s:shop/ci'], role: reader}]").expect("written");
        let bindings = Some(Bindings::open(file.path().to_owned()).expect("bindings"));
        let (reviews, accepts, reached) = (TokenReviews::new(), accepts.clone(), reached.clone());
        reviews.attach(Arc::new(move |_| {
            let user = AVAILABLE.filter(|_| accepts.load(Ordering::Relaxed)).map(str::to_owned);
            let said = if reached.load(Ordering::Relaxed) { Ok(user) } else { Err("timeout".to_owned()) };
            Box::pin(async move { said })
        }));
        let sources =
            Sources { mirror: Mirror::new(8), file: None, bindings, tls: None, reviews: Some(reviews), issuers: None };
        (file, Authenticator::of(sources))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_a_service_account_ends_within_a_minute_after_its_token_and_outlives_an_api_server() {
        let (accepts, reached) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
        let (_file, auth) = authenticator(&accepts, &reached);
        let header = format!("Bearer {}", unsigned(&json!({"aud": AUDIENCE, "exp": 32_503_680_000_u64})));
        let credentials = Credentials { header: Some(header.as_bytes()), certificate: None };
        let recognised = auth.authenticate(credentials).await.expect("recognised");
        let standing = auth.standing(credentials, recognised.principal).expect("a standing");
        let mut lapse = Box::pin(standing.lapse());
        let wait = Duration::from_secs(300);
        assert!(tokio::time::timeout(wait, &mut lapse).await.is_err(), "the token is good");
        reached.store(false, Ordering::Relaxed);
        accepts.store(false, Ordering::Relaxed);
        assert!(tokio::time::timeout(wait, &mut lapse).await.is_err(), "nothing says that it is not");
        reached.store(true, Ordering::Relaxed);
        let lapse = tokio::time::timeout(Duration::from_secs(61), lapse).await.expect("the end");
        assert!(matches!(lapse, Lapse::Credential(AuthError::Invalid)), "{lapse:?}");
    }
}
