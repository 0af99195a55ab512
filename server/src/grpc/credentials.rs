//! GetCredentials: hands out what is kept in the cluster alone, once the request is on record.

use std::time::{Duration, SystemTime};

use sendstores_core::{
    Engines, FailureReason, Scope, State, Store, StoreId,
    admission::Terms,
    credentials::{Credentials, ReadCredentials},
    ledger::{Expected, Ledger, LedgerError, Write},
};
use sendstores_proto::v1 as wire;

use super::{
    StoreApi,
    audited::{self, About, By},
    parse::Violations,
    service::Backend,
    status::Refusal,
};

/// How often a call is recorded against a store that changes meanwhile.
const ATTEMPTS: usize = 10;
/// How long the cluster may take: less than a call may, so that the caller learns who did not answer.
const CLUSTER_LIMIT: Duration = Duration::from_secs(5);

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    pub(super) async fn handle_get_credentials(
        &self,
        request: wire::GetCredentialsRequest,
        scope: &Scope,
        by: By,
    ) -> Result<wire::GetCredentialsResponse, Refusal> {
        let mut violations = Violations::default();
        let id = violations.parse("id", &request.id);
        let id: StoreId = violations.finish(id)?;
        let Backend { ledger, credentials, .. } = self.writable()?;
        for _ in 0..ATTEMPTS {
            let found = ledger.load(&id).await?;
            let (found, hidden) = match found.filter(|store: &Store| store.state != State::Deleted) {
                Some(store) if !scope.contains(store.tenant.as_ref()) => (None, Some(store)),
                found => (found, None),
            };
            if let (None, Some(origin)) = (&found, &by.origin) {
                self.note_absent(origin, id.as_str(), hidden.as_ref().map(About::store));
            }
            let store = there(found, &id, self.engines())?;
            // Read again for each attempt: what changed may be that another store has taken the id.
            let found = read(credentials.as_ref(), &store).await?;
            let recorded = store.credentials_read(by.cause.clone(), SystemTime::now().into());
            let expected = Expected::Revision(store.revision);
            let terms = by.terms(About::store(&recorded), Terms::default());
            let write = Write { resource: recorded, expected, fence: None, operation: None };
            match audited::submit(ledger, write, terms).await {
                Ok(_) => {
                    tracing::info!(store = %id, "credentials handed out");
                    return Ok(answer(found));
                }
                Err(LedgerError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::WriteConflict(id))
    }
}

/// The store, unless it is on its way out.
fn there(store: Option<Store>, id: &StoreId, engines: Engines) -> Result<Store, Refusal> {
    match store {
        Some(store) => match engines.foreign_word(&store) {
            Some(word) => Err(Refusal::StoreForeign(id.clone(), word)),
            None if store.state.lifecycle().has_credentials => Ok(store),
            None => Err(Refusal::StoreDeleting(id.clone())),
        },
        None => Err(Refusal::StoreNotFound(id.clone())),
    }
}

async fn read(credentials: &dyn ReadCredentials, store: &Store) -> Result<Credentials, Refusal> {
    let Ok(outcome) = tokio::time::timeout(CLUSTER_LIMIT, credentials.read_credentials(store)).await else {
        tracing::warn!(store = %store.id, limit = ?CLUSTER_LIMIT, "the cluster did not answer for its credentials");
        return Err(Refusal::ClusterUnavailable);
    };
    match outcome {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Refusal::CredentialsNotReady(store.id.clone())),
        Err(error) if error.reason == FailureReason::ClusterUnavailable => {
            tracing::warn!(store = %store.id, %error, "the cluster cannot be asked for credentials");
            Err(Refusal::ClusterUnavailable)
        }
        Err(error) => {
            tracing::error!(store = %store.id, %error, "the credentials cannot be read");
            Err(Refusal::Internal)
        }
    }
}

fn answer(credentials: Credentials) -> wire::GetCredentialsResponse {
    let Credentials { admin_url, user, password } = credentials;
    wire::GetCredentialsResponse { admin_url, user, password: password.expose().to_owned() }
}
