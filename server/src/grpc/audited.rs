//! What a call has in the audit: who made it, how it came, and what it did.

use std::{sync::Arc, time::SystemTime};

use http::{HeaderMap, Request, header::USER_AGENT};
use sendstores_core::{
    Backup, Cause, Principal, Resource, Scope, Store, StoreId, TenantId, Token, Uid,
    admission::Terms,
    audit::{AuditEntry, Verdict},
    ledger::{Ledger, LedgerError, Write, Written},
};
use sendstores_proto::access::MethodAccess;

use super::{hosts::is_plain_grpc, observe::REQUEST_ID, peers::Peer};

/// Why a call is denied about what belongs to another tenant. The caller is answered as if it did not exist.
const OTHER_TENANT: &str = "OTHER_TENANT";
/// Characters of a user agent.
const AGENT: usize = 128;

/// Who makes a call, and how it came.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    method: &'static str,
    principal: Option<Arc<Principal>>,
    call: String,
    peer: Option<Peer>,
    agent: String,
    via: &'static str,
}

/// Who brings a change about.
#[derive(Clone, Debug, Default)]
pub(super) struct By {
    /// For the history of a store.
    pub(super) cause: Cause,
    /// For the audit. `None`: the call is of this process.
    pub(super) origin: Option<Arc<Origin>>,
}

/// What a change is about.
pub(super) struct About<'a> {
    resource: &'a str,
    uid: &'a str,
    tenants: Vec<TenantId>,
}

// === impl Origin ===

impl Origin {
    pub(super) fn of<B>(access: &MethodAccess, principal: Option<&Arc<Principal>>, request: &Request<B>) -> Self {
        let text = |name| header(request.headers(), name);
        Self {
            method: access.path.trim_start_matches('/'),
            principal: principal.cloned(),
            call: text(REQUEST_ID).to_owned(),
            peer: request.extensions().get().copied(),
            agent: text(USER_AGENT.as_str()).chars().take(AGENT).collect(),
            via: if is_plain_grpc(request) { "grpc" } else { "web" },
        }
    }

    /// Whether nothing is hidden from the caller.
    pub(super) fn sees_all(&self) -> bool {
        self.principal.as_ref().is_none_or(|principal| principal.scope.is_all())
    }

    /// The entry of a call about what belongs to tenants that are not the caller's. It is about both sides, and shown to neither.
    pub(super) fn entry_of_hidden(&self, about: About<'_>) -> AuditEntry {
        let mut entry = self.entry(about, Verdict::Denied, OTHER_TENANT);
        let callers = self.principal.iter().flat_map(|principal| principal.scope.tenants());
        let missing: Vec<_> = callers.filter(|tenant| !entry.tenants.contains(tenant)).cloned().collect();
        entry.tenants.extend(missing);
        AuditEntry { hidden: true, ..entry }
    }

    /// The entry of what the call did, or was refused.
    pub(super) fn entry(&self, about: About<'_>, decision: Verdict, reason: &str) -> AuditEntry {
        let Self { method, principal, call, peer, agent, via } = self;
        let About { resource, uid, mut tenants } = about;
        if tenants.is_empty()
            && let Some(principal) = principal
        {
            tenants = of_scope(&principal.scope);
        }
        AuditEntry {
            time: SystemTime::now().into(),
            principal: principal.as_ref().map(ToString::to_string).unwrap_or_default(),
            tenants,
            method: (*method).to_owned(),
            resource: resource.to_owned(),
            uid: uid.to_owned(),
            decision,
            reason: reason.to_owned(),
            call: call.clone(),
            peer: peer.as_ref().map(ToString::to_string).unwrap_or_default(),
            agent: agent.clone(),
            via: (*via).to_owned(),
            count: 1,
            hidden: false,
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn of_scope(scope: &Scope) -> Vec<TenantId> {
    scope.tenants().cloned().collect()
}

// === impl By ===

impl By {
    /// These terms, with the entry of the change.
    pub(super) fn terms(&self, about: About<'_>, terms: Terms) -> Terms {
        let audit = self.origin.as_ref().map(|origin| origin.entry(about, Verdict::Allowed, ""));
        Terms { audit, ..terms }
    }
}

// === impl About ===

impl<'a> About<'a> {
    pub(super) fn store(store: &'a Store) -> Self {
        Self::store_of(&store.id, &store.uid, store.tenant.as_ref())
    }

    pub(super) fn token(token: &'a Token) -> Self {
        Self { resource: token.id.as_str(), uid: "", tenants: of_scope(&token.scope) }
    }

    pub(super) fn backup(backup: &'a Backup) -> Self {
        let tenants = backup.tenant.iter().cloned().collect();
        Self { resource: backup.id.as_str(), uid: backup.store_uid().as_str(), tenants }
    }

    pub(super) fn tenant(tenant: &'a sendstores_core::Tenant) -> Self {
        Self { resource: tenant.id.as_str(), uid: tenant.uid.as_str(), tenants: vec![tenant.id.clone()] }
    }

    /// A store of which no more is at hand.
    pub(super) fn store_of(id: &'a StoreId, uid: &'a Uid, tenant: Option<&TenantId>) -> Self {
        Self { resource: id.as_str(), uid: uid.as_str(), tenants: tenant.into_iter().cloned().collect() }
    }

    /// What a refusal names.
    pub(super) fn named(resource: &'a str) -> Self {
        Self { resource, uid: "", tenants: Vec::new() }
    }
}

/// Writes, and says so in the log as the audit does.
pub(super) async fn submit<L: Ledger, R: Resource>(
    ledger: &L,
    write: Write<R>,
    terms: Terms,
) -> Result<Written<R>, LedgerError> {
    let entry = terms.audit.clone();
    let written = ledger.submit(write, terms).await?;
    if let (Written::Applied(_), Some(entry)) = (&written, entry) {
        log(&entry);
    }
    Ok(written)
}

/// The entry as a line of the log, for who collects these.
pub(super) fn log(entry: &AuditEntry) {
    let AuditEntry {
        time: _,
        principal,
        tenants,
        method,
        resource,
        uid,
        decision,
        reason,
        call,
        peer,
        agent,
        via,
        count,
        hidden: _,
    } = entry;
    let tenants = tenants.iter().map(TenantId::as_str).collect::<Vec<_>>().join(",");
    tracing::info!(
        target: "audit",
        principal,
        tenants,
        method,
        resource,
        uid,
        decision = decision.as_str(),
        reason,
        request_id = call,
        peer,
        user_agent = agent,
        via,
        count,
        "audit"
    );
}
