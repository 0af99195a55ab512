//! `TenantService`: declares the owners of stores, and limits what they may have.

use std::time::SystemTime;

use sendstores_core::{
    Tenant, TenantId,
    admission::{Denial, Quota, TenantLimits, Terms},
    ledger::{Expected, Ledger, LedgerError, Operation, Write},
    tenant::{DisplayName, TenantEvent},
};
use sendstores_proto::v1::{self as wire, tenant_service_server::TenantService};
use tonic::{Request, Response, Status};

use super::{
    StoreApi,
    audited::{self, About, By},
    convert,
    create::digest,
    ids,
    parse::{self, Violations},
    service::{Backend, by},
    status::{Refusal, Tenancy},
    token,
};
use crate::mirror::{Consistency, Mirror};

/// How often a tenant is changed against other changes of it.
const ATTEMPTS: usize = 10;
/// Binds a page token to this list.
const LIST: &str = "tenants";

#[tonic::async_trait]
impl<L: Ledger> TenantService for StoreApi<L> {
    /// OK, INVALID_ARGUMENT, ALREADY_EXISTS, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn create(
        &self,
        request: Request<wire::TenantServiceCreateRequest>,
    ) -> Result<Response<wire::TenantServiceCreateResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, _| {
            Ok(wire::TenantServiceCreateResponse { tenant: Some(api.create_tenant(request, &by).await?) })
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn get(
        &self,
        request: Request<wire::TenantServiceGetRequest>,
    ) -> Result<Response<wire::TenantServiceGetResponse>, Status> {
        self.answer_newest(request, async |api: &Self, request, _| {
            Ok(wire::TenantServiceGetResponse { tenant: Some(api.get_tenant(&request).await?) })
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn list(
        &self,
        request: Request<wire::TenantServiceListRequest>,
    ) -> Result<Response<wire::TenantServiceListResponse>, Status> {
        self.answer_newest(request, async |api: &Self, request, _| api.list_tenants(request).await).await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn update(
        &self,
        request: Request<wire::TenantServiceUpdateRequest>,
    ) -> Result<Response<wire::TenantServiceUpdateResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, _| {
            Ok(wire::TenantServiceUpdateResponse { tenant: Some(api.update_tenant(request, by).await?) })
        })
        .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn delete(
        &self,
        request: Request<wire::TenantServiceDeleteRequest>,
    ) -> Result<Response<wire::TenantServiceDeleteResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, _| {
            api.delete_tenant(request, by).await.map(|()| wire::TenantServiceDeleteResponse {})
        })
        .await
    }
}

/// A change of a tenant that is there.
struct Change {
    id: TenantId,
    events: Vec<TenantEvent>,
    operation: Option<Operation>,
    terms: Terms,
    by: By,
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    async fn create_tenant(&self, request: wire::TenantServiceCreateRequest, by: &By) -> Result<wire::Tenant, Refusal> {
        let digest =
            digest("tenant.create", &wire::TenantServiceCreateRequest { request_id: String::new(), ..request.clone() });
        let wire::TenantServiceCreateRequest { request_id, id, display_name, limits } = request;
        let mut violations = Violations::default();
        let v = &mut violations;
        let operation = operation(v, &request_id, digest);
        let name = if display_name.is_empty() { &id } else { &display_name };
        let name = if id.is_empty() { None } else { v.parse("display_name", name) };
        let id: Option<TenantId> = v.parse("id", &id);
        let uid = v.take("uid", ids::uuid().to_string().parse());
        let limits = self::limits(v, limits.unwrap_or_default());
        let parsed = (|| Some((id?, uid?, name?, limits?)))();
        let (id, uid, name, limits) = violations.finish(parsed)?;
        let tenant = Tenant { limits, ..Tenant::new(id.clone(), uid, name, SystemTime::now().into()) };
        let Backend { ledger, mirror, .. } = self.writable()?;
        let write = Write { resource: tenant, expected: Expected::Vacant, fence: None, operation };
        let terms = by.terms(About::tenant(&write.resource), Terms::default());
        match audited::submit(ledger, write, terms).await {
            Ok(written) => Ok(shown(&written.into_resource(), mirror)),
            Err(LedgerError::Conflict(_)) => Err(Tenancy::TenantExists(id).into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn get_tenant(&self, request: &wire::TenantServiceGetRequest) -> Result<wire::Tenant, Refusal> {
        let mut violations = Violations::default();
        let id = violations.parse("id", &request.id);
        let id: TenantId = violations.finish(id)?;
        let Backend { ledger, mirror, .. } = self.backend()?;
        mirror.ready(Consistency::Linearizable, ledger).await?;
        let tenant = mirror.tenant(&id).filter(|tenant| tenant.delete_time.is_none());
        tenant.map(|tenant| shown(&tenant, mirror)).ok_or_else(|| Tenancy::TenantNotFound(id).into())
    }

    async fn list_tenants(
        &self,
        request: wire::TenantServiceListRequest,
    ) -> Result<wire::TenantServiceListResponse, Refusal> {
        let wire::TenantServiceListRequest { page_size, page_token } = request;
        let mut violations = Violations::default();
        let most = parse::page_size(&mut violations, page_size);
        let most = violations.finish(most)?;
        let all = sendstores_core::Scope::All;
        let after: Option<TenantId> = token::open_after(LIST, &all, &page_token)?;
        let Backend { ledger, mirror, .. } = self.backend()?;
        mirror.ready(Consistency::Linearizable, ledger).await?;
        let mut tenants = mirror.tenants(after.as_ref(), most.saturating_add(1));
        let more = tenants.len() > most;
        tenants.truncate(most);
        let last = tenants.last().filter(|_| more);
        Ok(wire::TenantServiceListResponse {
            next_page_token: last.map(|last| token::after(LIST, &all, last.id.as_str())).unwrap_or_default(),
            tenants: tenants.iter().map(|tenant| shown(tenant, mirror)).collect(),
        })
    }

    async fn update_tenant(&self, request: wire::TenantServiceUpdateRequest, by: By) -> Result<wire::Tenant, Refusal> {
        let digest =
            digest("tenant.update", &wire::TenantServiceUpdateRequest { request_id: String::new(), ..request.clone() });
        let wire::TenantServiceUpdateRequest { request_id, id, display_name, limits } = request;
        let mut violations = Violations::default();
        let v = &mut violations;
        let operation = operation(v, &request_id, digest);
        let id = v.parse("id", &id);
        let mut events = Vec::new();
        if !display_name.is_empty() {
            events.extend(v.parse::<DisplayName>("display_name", &display_name).map(TenantEvent::Renamed));
        }
        if let Some(limits) = limits {
            events.extend(self::limits(v, limits).map(TenantEvent::Limited));
        }
        let id = violations.finish(id)?;
        let tenant = self.change(Change { id, events, operation, terms: Terms::default(), by }).await?;
        Ok(shown(&tenant, &self.backend()?.mirror))
    }

    async fn delete_tenant(&self, request: wire::TenantServiceDeleteRequest, by: By) -> Result<(), Refusal> {
        let digest =
            digest("tenant.delete", &wire::TenantServiceDeleteRequest { request_id: String::new(), ..request.clone() });
        let mut violations = Violations::default();
        let operation = operation(&mut violations, &request.request_id, digest);
        let id = violations.parse("id", &request.id);
        let id = violations.finish(id)?;
        // Its limits do not matter: under any, only a tenant without stores ends.
        let terms = Quota::default().terms();
        self.change(Change { id, events: vec![TenantEvent::Deleted], operation, terms, by }).await.map(drop)
    }

    async fn change(&self, change: Change) -> Result<Tenant, Refusal> {
        let Change { id, events, operation, terms, by } = change;
        let ledger = &self.writable()?.ledger;
        for _ in 0..ATTEMPTS {
            if let Some(operation) = &operation
                && let Some(answered) = ledger.recall(operation).await?
            {
                return Ok(answered);
            }
            let found = ledger.load(&id).await?.filter(|tenant: &Tenant| tenant.delete_time.is_none());
            let Some(tenant) = found else { return Err(Tenancy::TenantNotFound(id).into()) };
            let expected = Expected::Revision(tenant.revision);
            let resource = happened(tenant, &events)?;
            let write = Write { resource, expected, fence: None, operation: operation.clone() };
            let terms = by.terms(About::tenant(&write.resource), terms.clone());
            match audited::submit(ledger, write, terms).await {
                Ok(written) => return Ok(written.into_resource()),
                Err(LedgerError::Conflict(_)) => {}
                Err(LedgerError::NotAdmitted(denial)) => return Err(Tenancy::Denied(Some(id), denial).into()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Tenancy::TenantConflict(id).into())
    }

    /// The limits of this tenant on this server: its own, and those of all.
    pub(super) fn limits_of(&self, tenant: &TenantId) -> TenantLimits {
        let declared = self.backend().ok().and_then(|backend| backend.mirror.tenant(tenant));
        let own = declared.filter(|declared| declared.delete_time.is_none()).map(|declared| declared.limits);
        own.unwrap_or_default().or(self.quota().defaults)
    }

    /// Refuses what Create would refuse now, as far as this server knows: when nothing is to be written.
    pub(super) fn rehearse_terms(&self, tenant: &TenantId) -> Result<(), Refusal> {
        let (mirror, quota) = (&self.backend()?.mirror, self.quota());
        let declared = mirror.tenant(tenant).filter(|declared| declared.delete_time.is_none());
        let denied = |why| Err(Tenancy::Denied(Some(tenant.clone()), why).into());
        if declared.is_none() && quota.closed {
            return denied(Denial::Undeclared);
        }
        let own = declared.map(|declared| declared.limits).unwrap_or_default();
        match own.or(quota.defaults).stores {
            Some(most) if mirror.count_stores_of(tenant) >= u64::from(most) => denied(Denial::Stores { most }),
            _ => Ok(()),
        }
    }
}

/// The tenant after all events.
fn happened(tenant: Tenant, events: &[TenantEvent]) -> Result<Tenant, Refusal> {
    let now = SystemTime::now().into();
    events.iter().cloned().try_fold(tenant, |tenant, event| {
        tenant.after(event, now).map_err(|error| {
            tracing::error!(%error, tenant = %tenant.id, "a newer version has made the tenant something else");
            Refusal::Internal
        })
    })
}

/// Callers who manage tenants are not distinguished by tenants.
fn operation(violations: &mut Violations, request_id: &str, digest: String) -> Option<Operation> {
    parse::request_id(violations, request_id).map(|id| Operation { id, scope: None, digest })
}

fn limits(violations: &mut Violations, limits: wire::TenantLimits) -> Option<TenantLimits> {
    let wire::TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } = limits;
    let mut limit = |field: &str, given: Option<i32>, least: u32, most: u32| {
        let limit = given.map(|given| u32::try_from(given).ok().filter(|limit| (least..=most).contains(limit)));
        if limit == Some(None) {
            violations.add(format!("limits.{field}"), format_args!("must be {least} to {most}"));
        }
        limit.map_or(Some(None), |limit| limit.map(Some))
    };
    let stores = limit("stores", stores, 0, TenantLimits::MOST_STORES);
    let creates = limit("creates_per_minute", creates_per_minute, 1, TenantLimits::MOST_CREATES);
    let calls = limit("calls_per_second", calls_per_second, 1, TenantLimits::MOST_CALLS);
    let watches = limit("watches", watches, 0, TenantLimits::MOST_WATCHES);
    let at_once = limit("provisioning_at_once", provisioning_at_once, 1, TenantLimits::MOST_AT_ONCE);
    Some(TenantLimits {
        stores: stores?,
        creates_per_minute: creates?,
        calls_per_second: calls?,
        watches: watches?,
        provisioning_at_once: at_once?,
    })
}

pub(super) fn shown_limits(limits: TenantLimits) -> wire::TenantLimits {
    let wire_limit = |limit: Option<u32>| limit.and_then(|limit| i32::try_from(limit).ok());
    wire::TenantLimits {
        stores: wire_limit(limits.stores),
        creates_per_minute: wire_limit(limits.creates_per_minute),
        calls_per_second: wire_limit(limits.calls_per_second),
        watches: wire_limit(limits.watches),
        provisioning_at_once: wire_limit(limits.provisioning_at_once),
    }
}

/// What the tenant has, as of the mirror.
pub(super) fn usage(tenant: &TenantId, mirror: &Mirror) -> wire::TenantUsage {
    wire::TenantUsage { stores: i64::try_from(mirror.count_stores_of(tenant)).unwrap_or(i64::MAX) }
}

fn shown(tenant: &Tenant, mirror: &Mirror) -> wire::Tenant {
    let Tenant { id, uid, display_name, limits, create_time, update_time, .. } = tenant;
    wire::Tenant {
        id: id.to_string(),
        uid: uid.to_string(),
        display_name: display_name.to_string(),
        limits: Some(shown_limits(*limits)),
        used: Some(usage(id, mirror)),
        create_time: Some(convert::time(*create_time)),
        update_time: Some(convert::time(*update_time)),
    }
}
