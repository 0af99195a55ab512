//! What the server keeps beside the stores: tokens, tenants, and the audit.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tonic::{Request, Status};
use uuid::Uuid;

use super::refusal::bad_text;
use crate::v1::{AuditEntry, Backup, Tenant, Token, audit_entry::Decision};

/// As many entries does the audit keep.
const AUDIT: usize = 100_000;

#[derive(Default)]
pub(super) struct Registry(Mutex<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    pub(super) tenants: BTreeMap<String, Tenant>,
    pub(super) backups: BTreeMap<String, Backup>,
    tokens: BTreeMap<String, Token>,
    /// The authorization of a token, and its id.
    texts: HashMap<String, String>,
    /// The newest last.
    pub(super) audit: Vec<AuditEntry>,
    requests: HashMap<String, (String, String)>,
}

/// Who makes a call, and how it came.
pub(super) struct Call(AuditEntry);

// === impl Registry ===

impl Registry {
    pub(super) fn open(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what a call did to this resource.
    pub(super) fn enter(&self, call: Call, resource: &str, uid: &str, tenants: &[String]) {
        self.open().enter(call, resource, uid, tenants);
    }
}

// === impl Inner ===

impl Inner {
    pub(super) fn enter(&mut self, call: Call, resource: &str, uid: &str, tenants: &[String]) {
        let sequence = self.audit.last().and_then(|last| last.id.rsplit('-').next()?.parse().ok()).unwrap_or(0_u64) + 1;
        let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        self.audit.push(AuditEntry {
            id: format!("{millis}-{sequence}"),
            time: Some(SystemTime::now().into()),
            resource: resource.to_owned(),
            uid: uid.to_owned(),
            tenants: tenants.iter().filter(|tenant| !tenant.is_empty()).cloned().collect(),
            ..call.0
        });
        if self.audit.len() > AUDIT {
            self.audit.remove(0);
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    pub(super) fn token(&mut self, id: &str) -> Option<&mut Token> {
        self.tokens.get_mut(id)
    }

    pub(super) fn keep(&mut self, token: Token, text: &str) {
        self.texts.insert(format!("Bearer {text}"), token.id.clone());
        self.tokens.insert(token.id.clone(), token);
    }

    /// The token that was made here with this authorization.
    pub(super) fn token_of(&self, authorization: &str) -> Option<&Token> {
        self.tokens.get(self.texts.get(authorization)?)
    }

    /// The id that a request with this id was answered with, if it was made before; an error if it had another body.
    pub(super) fn answered(&self, request_id: &str, body: &str) -> Result<Option<String>, Status> {
        match self.requests.get(request_id).filter(|_| !request_id.is_empty()) {
            Some((made, id)) if made == body => Ok(Some(id.clone())),
            Some(_) => Err(bad_text("REQUEST_ID_REUSED", "request_id", "was used for another request within 24 hours")),
            None => Ok(None),
        }
    }

    pub(super) fn remember(&mut self, request_id: String, body: String, id: &str) {
        if !request_id.is_empty() {
            self.requests.insert(request_id, (body, id.to_owned()));
        }
    }
}

// === impl Call ===

impl Call {
    /// A call of this method, such as `StoreService/Create`.
    pub(super) fn of<Q>(request: &Request<Q>, method: &str, principal: String) -> Self {
        let text = |name| request.metadata().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self(AuditEntry {
            principal,
            method: format!("sendstores.v1.{method}"),
            decision: Decision::Allowed.into(),
            request_id: text("x-request-id").unwrap_or_else(|| Uuid::new_v4().to_string()),
            peer: request.remote_addr().map(|address| address.ip().to_string()).unwrap_or_default(),
            user_agent: text("user-agent").unwrap_or_default(),
            via: "grpc".to_owned(),
            count: 1,
            ..AuditEntry::default()
        })
    }
}
