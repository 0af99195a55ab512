//! `AuditService`: shows what callers did, and what they were refused.

use std::time::SystemTime;

use sendstores_core::{
    Principal, Role, TenantId, Timestamp,
    audit::{AuditEntry, AuditId, Verdict},
    ledger::Ledger,
};
use sendstores_proto::v1::{self as wire, audit_entry::Decision, audit_service_server::AuditService};
use tonic::{Request, Response, Status};

use super::{
    StoreApi, convert,
    parse::{self, Violations},
    status::Refusal,
    token,
};

/// Binds a page token to this list.
const LIST: &str = "audit";
/// How many entries are read at once, and how often for one page.
const BATCH: usize = 500;
const BATCHES: usize = 10;
/// Characters of a text of the filter.
const TEXT: usize = 256;

#[tonic::async_trait]
impl<L: Ledger> AuditService for StoreApi<L> {
    /// OK, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn list(
        &self,
        request: Request<wire::AuditServiceListRequest>,
    ) -> Result<Response<wire::AuditServiceListResponse>, Status> {
        self.answer_newest(request, async |api: &Self, request, caller| api.list_audit(request, &caller).await).await
    }
}

/// What is asked for.
struct Filter {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    principal: String,
    tenant: Option<TenantId>,
    resource: String,
    method: String,
    decision: Option<Verdict>,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    async fn list_audit(
        &self,
        request: wire::AuditServiceListRequest,
        caller: &Principal,
    ) -> Result<wire::AuditServiceListResponse, Refusal> {
        let wire::AuditServiceListRequest { filter, page_size, page_token } = request;
        let mut violations = Violations::default();
        let filter = parse_filter(&mut violations, filter.unwrap_or_default());
        let most = parse::page_size(&mut violations, page_size);
        let (filter, most) = violations.finish(filter.zip(most))?;
        let mut before: Option<AuditId> = token::open_after(LIST, &caller.scope, &page_token)?;
        let ledger = &self.backend()?.ledger;
        let mut entries = Vec::new();
        for _ in 0..BATCHES {
            let batch = ledger.read_audit(before, BATCH).await?;
            let is_last = batch.len() < BATCH;
            for (id, entry) in batch {
                if entries.len() == most {
                    return Ok(page(entries, before, caller));
                }
                before = Some(id);
                match entry {
                    Some(entry) if is_seen_by(&entry, caller) && filter.selects(&entry) => {
                        entries.push(shown(id, entry));
                    }
                    _ => {}
                }
            }
            if is_last {
                return Ok(page(entries, None, caller));
            }
        }
        Ok(page(entries, before, caller))
    }
}

/// A page that ends with the entry `last`. `None`: with the oldest one.
fn page(entries: Vec<wire::AuditEntry>, last: Option<AuditId>, caller: &Principal) -> wire::AuditServiceListResponse {
    let next = last.map(|last| token::after(LIST, &caller.scope, &last.to_string()));
    wire::AuditServiceListResponse { entries, next_page_token: next.unwrap_or_default() }
}

/// A caller with tenants sees what is theirs alone; a program sees what it did itself.
fn is_seen_by(entry: &AuditEntry, caller: &Principal) -> bool {
    if entry.hidden && !caller.scope.is_all() {
        return false;
    }
    let own = || !entry.tenants.is_empty() && entry.tenants.iter().all(|tenant| caller.scope.contains(Some(tenant)));
    match caller.role {
        Role::Agent => entry.principal == caller.to_string(),
        _ => caller.scope.is_all() || own(),
    }
}

// === impl Filter ===

impl Filter {
    fn selects(&self, entry: &AuditEntry) -> bool {
        let Self { start, end, principal, tenant, resource, method, decision } = self;
        let id = entry.principal.split_once('#').map(|(_, id)| id);
        let verb = entry.method.rsplit('/').next();
        start.is_none_or(|start| entry.time >= start)
            && end.is_none_or(|end| entry.time < end)
            && (principal.is_empty() || *principal == entry.principal || Some(principal.as_str()) == id)
            && tenant.as_ref().is_none_or(|tenant| entry.tenants.contains(tenant))
            && (resource.is_empty() || *resource == entry.resource)
            && (method.is_empty() || *method == entry.method || Some(method.as_str()) == verb)
            && decision.is_none_or(|decision| entry.decision == decision)
    }
}

fn parse_filter(violations: &mut Violations, filter: wire::AuditFilter) -> Option<Filter> {
    let wire::AuditFilter { start_time, end_time, principal, tenant, resource, method, decision } = filter;
    for (field, text) in [("filter.principal", &principal), ("filter.resource", &resource), ("filter.method", &method)]
    {
        if text.len() > TEXT {
            violations.add(field, format_args!("must have {TEXT} characters at most"));
        }
    }
    let start = time(violations, "filter.start_time", start_time);
    let end = time(violations, "filter.end_time", end_time);
    let tenant = parse::tenant(violations, "filter.tenant", &tenant);
    let decision = match Decision::try_from(decision) {
        Ok(Decision::Unspecified) => None,
        Ok(Decision::Allowed) => Some(Verdict::Allowed),
        Ok(Decision::Denied) => Some(Verdict::Denied),
        Ok(Decision::Limited) => Some(Verdict::Limited),
        Err(_) => {
            violations.add("filter.decision", "is not one this server knows");
            None
        }
    };
    Some(Filter { start, end, principal, tenant, resource, method, decision })
}

fn time(violations: &mut Violations, field: &str, time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    let parsed = SystemTime::try_from(time).ok().map(Timestamp::from);
    if parsed.is_none() {
        violations.add(field, "is no time");
    }
    parsed
}

fn shown(id: AuditId, entry: AuditEntry) -> wire::AuditEntry {
    let decision = match entry.decision {
        Verdict::Allowed => Decision::Allowed,
        Verdict::Denied => Decision::Denied,
        Verdict::Limited => Decision::Limited,
        Verdict::Unknown => Decision::Unspecified,
    };
    wire::AuditEntry {
        id: id.to_string(),
        time: Some(convert::time(entry.time)),
        principal: entry.principal,
        tenants: entry.tenants.iter().map(ToString::to_string).collect(),
        method: entry.method,
        resource: entry.resource,
        uid: entry.uid,
        decision: decision.into(),
        reason: entry.reason,
        request_id: entry.call,
        peer: entry.peer,
        user_agent: entry.agent,
        via: entry.via,
        count: i64::try_from(entry.count).unwrap_or(i64::MAX),
    }
}
