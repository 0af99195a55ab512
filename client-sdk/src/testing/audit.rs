//! The audit: what calls did. Refusals are not entered by this server.

use std::time::SystemTime;

use tonic::{Request, Response, Status};

use super::{pages::page, parse::Violations, service::Service};
use crate::v1::{
    AuditEntry, AuditFilter, AuditServiceListRequest, AuditServiceListResponse, audit_entry::Decision,
    audit_service_server::AuditService,
};

/// Characters of a text of the filter.
const TEXT: usize = 256;

fn check(filter: &AuditFilter) -> Result<(), Status> {
    let mut violations = Violations::default();
    let AuditFilter { principal, resource, method, decision, .. } = filter;
    for (field, text) in [("filter.principal", principal), ("filter.resource", resource), ("filter.method", method)] {
        violations.check(text.len() <= TEXT, field, "must have 256 characters at most");
    }
    violations.check(Decision::try_from(*decision).is_ok(), "filter.decision", "is not one this server knows");
    violations.finish()
}

fn selects(filter: &AuditFilter, entry: &AuditEntry) -> bool {
    let AuditFilter { start_time, end_time, principal, tenant, resource, method, decision } = filter;
    let at = |time: &Option<prost_types::Timestamp>| time.and_then(|time| SystemTime::try_from(time).ok());
    let id = entry.principal.split_once('#').map_or("", |(_, id)| id);
    let verb = entry.method.rsplit('/').next().unwrap_or_default();
    at(start_time).is_none_or(|start| at(&entry.time) >= Some(start))
        && at(end_time).is_none_or(|end| at(&entry.time) < Some(end))
        && [entry.principal.as_str(), id, ""].contains(&principal.as_str())
        && (tenant.is_empty() || entry.tenants.contains(tenant))
        && [entry.resource.as_str(), ""].contains(&resource.as_str())
        && [entry.method.as_str(), verb, ""].contains(&method.as_str())
        && [entry.decision, 0].contains(decision)
}

#[tonic::async_trait]
impl AuditService for Service {
    async fn list(
        &self,
        request: Request<AuditServiceListRequest>,
    ) -> Result<Response<AuditServiceListResponse>, Status> {
        self.admit(&request)?;
        let AuditServiceListRequest { filter, page_size, page_token } = request.into_inner();
        let filter = filter.unwrap_or_default();
        check(&filter)?;
        let entries = self.memory().registry.open().audit.clone();
        let selected = entries.into_iter().rev().filter(|entry| selects(&filter, entry)).collect();
        let (entries, next_page_token) =
            page(selected, |entry: &AuditEntry| &entry.id, "audit", page_size, &page_token)?;
        Ok(Response::new(AuditServiceListResponse { entries, next_page_token }))
    }
}
