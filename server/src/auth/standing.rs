//! How long a caller stays who it was: for streams, which outlive the look at their token.

use std::{future::pending, sync::Arc, time::SystemTime};

use sendstores_core::{Principal, Timestamp};
use tokio::sync::watch;

use super::{AuthError, Authenticator, Proof};

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
    /// The token is refused from now on.
    Token(AuthError),
    /// The token is good, and its rights are others than they were.
    Rights(Arc<Principal>),
}

// === impl Standing ===

impl Standing {
    pub(super) fn new(auth: Authenticator, proof: Proof, principal: Arc<Principal>) -> Self {
        Self { auth, proof, principal }
    }

    /// Waits until the caller is not the same any more.
    pub async fn lapse(self) -> Lapse {
        let (mut tokens, mut file) = self.auth.changes();
        loop {
            // Before the look: what changes after it is noticed by the wait.
            tokens.iter_mut().chain(&mut file).for_each(watch::Receiver::mark_unchanged);
            match self.auth.principal(&self.proof) {
                Err(why) => return Lapse::Token(why),
                Ok(now) if !has_rights_of(&now, &self.principal) => return Lapse::Rights(now),
                Ok(now) => tokio::select! {
                    () = changed(tokens.as_mut()) => {}
                    () = changed(file.as_mut()) => {}
                    () = passed(now.expires) => {}
                },
            }
        }
    }
}

fn has_rights_of(now: &Principal, before: &Principal) -> bool {
    (now.role, &now.scope, &now.abilities) == (before.role, &before.scope, &before.abilities)
}

/// Never, where nothing can change.
async fn changed(what: Option<&mut watch::Receiver<u64>>) {
    let said = match what {
        Some(what) => what.changed().await.is_ok(),
        None => false,
    };
    if !said {
        // No more changes are reported: the process ends.
        pending::<()>().await;
    }
}

async fn passed(end: Option<Timestamp>) {
    let Some(end) = end else { return pending().await };
    tokio::time::sleep(end.since(SystemTime::now().into())).await;
}
