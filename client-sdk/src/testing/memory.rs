//! The stores, and the log of their changes.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use tonic::Status;
use uuid::Uuid;

use super::{
    parse::{key, means},
    refusal::{bad_text, refused},
    registry::Registry,
};
use crate::v1::{Store, StoreFilter, Token, store::State};

/// The stores, and the watches of their changes.
pub(super) struct Memory {
    state: Mutex<Inner>,
    /// Held for a whole call that writes.
    writing: Mutex<()>,
    /// Held from the reading of a store to the writing of it.
    updating: Mutex<()>,
    /// Counts what a watch has to check.
    changed: watch::Sender<u64>,
    /// What is kept beside the stores.
    pub(super) registry: Registry,
}

#[derive(Default)]
struct Inner {
    epoch: Uuid,
    stores: BTreeMap<String, Store>,
    log: Vec<Change>,
    /// Entries of the log that are not kept any more; the revision of the last of them.
    compacted: u64,
    revision: u64,
    requests: HashMap<String, (String, Option<Store>)>,
    token: Option<String>,
    drained: u64,
    deletion_window: Duration,
}

#[derive(Clone)]
struct Change {
    before: Option<Store>,
    after: Store,
}

/// What a watch is to send next.
pub(super) enum Next {
    Changed(Box<Store>, u64),
    Removed(String, String, u64),
    Nothing(u64),
}

// === impl Memory ===

impl Default for Memory {
    fn default() -> Self {
        let state = Inner { epoch: Uuid::new_v4(), ..Inner::default() };
        Self {
            state: Mutex::new(state),
            writing: Mutex::default(),
            updating: Mutex::default(),
            changed: watch::Sender::new(0),
            registry: Registry::default(),
        }
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes with each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn set_token(&self, token: Option<String>) {
        self.state().token = token;
        self.wake();
    }

    /// Whether a call with this authorization header is answered.
    pub(super) fn admit(&self, authorization: Option<&str>) -> Result<(), &'static str> {
        let made = self.made_here(authorization);
        match (&self.state().token, authorization) {
            _ if made.as_ref().is_some_and(|token| token.revoke_time.is_some()) => Err("TOKEN_REVOKED"),
            _ if made.as_ref().is_some_and(has_expired) => Err("TOKEN_EXPIRED"),
            (Some(_), None) => Err("TOKEN_MISSING"),
            (Some(wanted), Some(given)) if wanted != given && made.is_none() => Err("TOKEN_INVALID"),
            _ => Ok(()),
        }
    }

    /// The token of this authorization, if this server made it.
    pub(super) fn made_here(&self, authorization: Option<&str>) -> Option<Token> {
        self.registry.open().token_of(authorization?).cloned()
    }

    /// How many stores of this tenant are not DELETED.
    pub(super) fn count_of(&self, tenant: &str) -> i64 {
        let state = self.state();
        let of_tenant = state.stores.values().filter(|store| store.tenant == tenant && store.state() != State::Deleted);
        i64::try_from(of_tenant.count()).unwrap_or(i64::MAX)
    }

    pub(super) fn set_deletion_window(&self, window: Duration) {
        self.state().deletion_window = window;
    }

    pub(super) fn deletion_window(&self) -> Duration {
        self.state().deletion_window
    }

    pub(super) fn drain(&self) {
        self.state().drained += 1;
        self.wake();
    }

    /// How often watches were drained.
    pub(super) fn drained(&self) -> u64 {
        self.state().drained
    }

    pub(super) fn compact(&self) {
        let mut state = self.state();
        state.compacted = state.revision;
        state.log.clear();
        drop(state);
        self.wake();
    }

    /// A store that is not DELETED.
    pub(super) fn get(&self, id: &str) -> Option<Store> {
        self.state().stores.get(id).filter(|store| store.state() != State::Deleted).cloned()
    }

    /// One write with everything that it depends on: no other comes between.
    pub(super) fn exclusive(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a request with this id was answered, if it was made before; an error if it had another body.
    pub(super) fn answered(&self, request_id: &str, body: &str) -> Result<Option<Option<Store>>, Status> {
        let state = self.state();
        match state.requests.get(request_id).filter(|_| !request_id.is_empty()) {
            Some((made, answer)) if made == body => Ok(Some(answer.clone())),
            Some(_) => Err(bad_text(
                "REQUEST_ID_REUSED",
                "request_id",
                "was used for another request within 24 hours; choose a \
                new one for a new request",
            )),
            None => Ok(None),
        }
    }

    pub(super) fn remember(&self, request_id: String, body: String, answer: Option<Store>) {
        if !request_id.is_empty() {
            self.state().requests.insert(request_id, (body, answer));
        }
    }

    /// Writes a new store, or another after one that is DELETED.
    pub(super) fn insert(&self, store: Store) -> Store {
        self.write(None, store, |_| {})
    }

    pub(super) fn update(&self, id: &str, change: impl FnOnce(&mut Store)) -> Option<Store> {
        let _alone = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.state().stores.get(id).cloned()?;
        Some(self.write(Some(before.clone()), before, change))
    }

    fn write(&self, before: Option<Store>, mut store: Store, change: impl FnOnce(&mut Store)) -> Store {
        let mut state = self.state();
        state.revision += 1;
        store.revision = state.revision;
        store.update_time = Some(SystemTime::now().into());
        store.etag = format!("{}-{}", store.uid, store.revision);
        change(&mut store);
        state.stores.insert(store.id.clone(), store.clone());
        state.log.push(Change { before, after: store.clone() });
        drop(state);
        self.wake();
        store
    }

    /// The stores that the filter means, and the revision that they show.
    pub(super) fn list(&self, filter: &StoreFilter) -> (Vec<Store>, u64) {
        let state = self.state();
        let listed = |store: &&Store| store.state() != State::Deleted && means(filter, store);
        (state.stores.values().filter(listed).cloned().collect(), state.revision)
    }

    /// Every store, deleted ones included, and the revision that they show.
    pub(super) fn all(&self) -> (Vec<Store>, u64) {
        let state = self.state();
        (state.stores.values().cloned().collect(), state.revision)
    }

    /// A token for watches of this filter.
    pub(super) fn token(&self, revision: u64, filter: &StoreFilter) -> String {
        format!("{} {revision} {}", self.state().epoch, key(filter))
    }

    /// The revision of a token.
    pub(super) fn position(&self, token: &str, filter: &StoreFilter) -> Result<u64, Status> {
        let unknown = || bad_text("RESUME_TOKEN_INVALID", "resume_token", "was not given out by this service");
        let parts: Vec<_> = token.split(' ').collect();
        let [epoch, revision, of] = parts.as_slice() else { return Err(unknown()) };
        let (epoch, revision) = (epoch.parse::<Uuid>().ok(), revision.parse().ok());
        let (epoch, revision) = epoch.zip(revision).ok_or_else(unknown)?;
        match key(filter) {
            // The reader of everything knows too much: it would not learn what its new filter leaves out.
            wanted if *of == "-" && wanted != "-" => Err(compacted()),
            wanted if *of != wanted => Err(unknown()),
            _ if epoch != self.state().epoch => Err(compacted()),
            _ => Ok(revision),
        }
    }

    /// The next change after `revision` that the filter means.
    pub(super) fn next(&self, filter: &StoreFilter, revision: u64) -> Result<Next, Status> {
        let state = self.state();
        if revision < state.compacted {
            return Err(compacted());
        }
        let changes = state.log.iter().filter(|change| change.after.revision > revision);
        for Change { before, after } in changes {
            let was = before.as_ref().is_some_and(|before| means(filter, before));
            match (was, means(filter, after)) {
                (_, true) => return Ok(Next::Changed(Box::new(after.clone()), after.revision)),
                (true, false) => return Ok(Next::Removed(after.id.clone(), after.uid.clone(), after.revision)),
                (false, false) => {}
            }
        }
        Ok(Next::Nothing(state.revision))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Memory").field("stores", &state.stores.len()).field("revision", &state.revision).finish()
    }
}

fn has_expired(token: &Token) -> bool {
    let end = token.expire_time.and_then(|end| SystemTime::try_from(end).ok());
    end.is_some_and(|end| end <= SystemTime::now())
}

fn compacted() -> Status {
    let message = "what follows the resume token is no longer kept; watch again without one";
    refused(tonic::Code::OutOfRange, "HISTORY_COMPACTED", message)
}
