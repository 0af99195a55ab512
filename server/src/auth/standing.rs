//! How long a caller stays who it was: for streams, which outlive the look at their credentials.

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
        let mut sources = self.auth.changes();
        loop {
            // Before the look: what changes after it is noticed by the wait.
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
