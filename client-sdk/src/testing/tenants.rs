//! Tenants: their rules, and the calls. Of their limits this server keeps that of stores.

use std::time::SystemTime;

use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{
    memory::Memory,
    pages::page,
    parse::Violations,
    refusal::about,
    service::{Service, body},
};
use crate::v1::{
    Tenant, TenantLimits, TenantServiceCreateRequest, TenantServiceCreateResponse, TenantServiceDeleteRequest,
    TenantServiceDeleteResponse, TenantServiceGetRequest, TenantServiceGetResponse, TenantServiceListRequest,
    TenantServiceListResponse, TenantServiceUpdateRequest, TenantServiceUpdateResponse, TenantUsage,
    tenant_service_server::TenantService,
};

fn id(violations: &mut Violations, id: &str) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = (1..=63).contains(&id.len())
        && id.chars().all(|c| plain(c) || "-_.".contains(c))
        && id.starts_with(plain)
        && id.ends_with(plain);
    violations.check(good, "id", "must be 1 to 63 of a-z, 0-9, '-', '.' and '_'");
}

fn name(violations: &mut Violations, name: &str) {
    let good = name.chars().count() <= 100 && !name.chars().any(char::is_control);
    violations.check(good, "display_name", "must be one line of 1 to 100 characters");
}

fn limits(violations: &mut Violations, limits: Option<TenantLimits>) {
    let TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } =
        limits.unwrap_or_default();
    for (field, limit, least, most) in [
        ("stores", stores, 0, 1_000_000),
        ("creates_per_minute", creates_per_minute, 1, 6_000),
        ("calls_per_second", calls_per_second, 1, 1_000_000),
        ("watches", watches, 0, 1_000_000),
        ("provisioning_at_once", provisioning_at_once, 1, 1_000),
    ] {
        let good = limit.is_none_or(|limit| (least..=most).contains(&limit));
        violations.check(good, format!("limits.{field}"), &format!("must be {least} to {most}"));
    }
}

fn of_tenant(code: Code, reason: &str, message: &str, id: &str) -> Status {
    about(code, reason, message, &[("tenant", id)])
}

fn missing(id: &str) -> Status {
    of_tenant(Code::NotFound, "TENANT_NOT_FOUND", &format!("no tenant {id} is declared"), id)
}

fn with_use(memory: &Memory, tenant: Tenant) -> Tenant {
    let used = TenantUsage { stores: memory.count_of(&tenant.id) };
    Tenant { used: Some(used), ..tenant }
}

/// Whether the tenant may have another store.
pub(super) fn admit(memory: &Memory, id: &str) -> Result<(), Status> {
    let limits = memory.registry.open().tenants.get(id).and_then(|tenant| tenant.limits);
    match limits.and_then(|limits| limits.stores) {
        Some(most) if memory.count_of(id) >= most.into() => {
            let message = format!("the tenant {id} may have {most} stores; delete one, or ask an operator for more");
            let most = most.to_string();
            Err(about(Code::ResourceExhausted, "QUOTA_EXCEEDED", &message, &[("tenant", id), ("limit", &most)]))
        }
        _ => Ok(()),
    }
}

#[tonic::async_trait]
impl TenantService for Service {
    async fn create(
        &self,
        request: Request<TenantServiceCreateRequest>,
    ) -> Result<Response<TenantServiceCreateResponse>, Status> {
        let call = self.change(&request, "TenantService/Create")?;
        let request = request.into_inner();
        let made = body("tenant.create", &TenantServiceCreateRequest { request_id: String::new(), ..request.clone() });
        let TenantServiceCreateRequest { request_id, id, display_name, limits } = request;
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        name(&mut violations, &display_name);
        self::limits(&mut violations, limits);
        violations.finish()?;
        let mut registry = self.memory().registry.open();
        let known = registry.answered(&request_id, &made)?.and_then(|id| registry.tenants.get(&id).cloned());
        if known.is_none() && registry.tenants.contains_key(&id) {
            let message = format!("the tenant {id} is declared already");
            return Err(of_tenant(Code::AlreadyExists, "TENANT_EXISTS", &message, &id));
        }
        let tenant = known.unwrap_or_else(|| {
            let now = Some(SystemTime::now().into());
            let uid = Uuid::new_v4().to_string();
            let display_name = if display_name.is_empty() { id.clone() } else { display_name };
            let limits = Some(limits.unwrap_or_default());
            let tenant = Tenant { id, uid, display_name, limits, used: None, create_time: now, update_time: now };
            registry.enter(call, &tenant.id, &tenant.uid, std::slice::from_ref(&tenant.id));
            registry.remember(request_id, made, &tenant.id);
            registry.tenants.insert(tenant.id.clone(), tenant.clone());
            tenant
        });
        drop(registry);
        Ok(Response::new(TenantServiceCreateResponse { tenant: Some(with_use(self.memory(), tenant)) }))
    }

    async fn get(
        &self,
        request: Request<TenantServiceGetRequest>,
    ) -> Result<Response<TenantServiceGetResponse>, Status> {
        self.admit(&request)?;
        let id = request.into_inner().id;
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        violations.finish()?;
        let tenant = self.memory().registry.open().tenants.get(&id).cloned().ok_or_else(|| missing(&id))?;
        Ok(Response::new(TenantServiceGetResponse { tenant: Some(with_use(self.memory(), tenant)) }))
    }

    async fn list(
        &self,
        request: Request<TenantServiceListRequest>,
    ) -> Result<Response<TenantServiceListResponse>, Status> {
        self.admit(&request)?;
        let TenantServiceListRequest { page_size, page_token } = request.into_inner();
        let all: Vec<Tenant> = self.memory().registry.open().tenants.values().cloned().collect();
        let (tenants, next_page_token) = page(all, |tenant| &tenant.id, "tenants", page_size, &page_token)?;
        let tenants = tenants.into_iter().map(|tenant| with_use(self.memory(), tenant)).collect();
        Ok(Response::new(TenantServiceListResponse { tenants, next_page_token }))
    }

    async fn update(
        &self,
        request: Request<TenantServiceUpdateRequest>,
    ) -> Result<Response<TenantServiceUpdateResponse>, Status> {
        let call = self.change(&request, "TenantService/Update")?;
        let request = request.into_inner();
        let made = body("tenant.update", &TenantServiceUpdateRequest { request_id: String::new(), ..request.clone() });
        let TenantServiceUpdateRequest { request_id, id, display_name, limits } = request;
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        name(&mut violations, &display_name);
        self::limits(&mut violations, limits);
        violations.finish()?;
        let mut registry = self.memory().registry.open();
        let repeated = registry.answered(&request_id, &made)?.is_some();
        let tenant = registry.tenants.get_mut(&id).ok_or_else(|| missing(&id))?;
        if !repeated {
            if !display_name.is_empty() {
                tenant.display_name = display_name;
            }
            tenant.limits = limits.or(tenant.limits);
            tenant.update_time = Some(SystemTime::now().into());
        }
        let tenant = tenant.clone();
        if !repeated {
            registry.enter(call, &id, &tenant.uid, std::slice::from_ref(&id));
            registry.remember(request_id, made, &id);
        }
        drop(registry);
        Ok(Response::new(TenantServiceUpdateResponse { tenant: Some(with_use(self.memory(), tenant)) }))
    }

    async fn delete(
        &self,
        request: Request<TenantServiceDeleteRequest>,
    ) -> Result<Response<TenantServiceDeleteResponse>, Status> {
        let call = self.change(&request, "TenantService/Delete")?;
        let request = request.into_inner();
        let made = body("tenant.delete", &TenantServiceDeleteRequest { request_id: String::new(), ..request.clone() });
        let TenantServiceDeleteRequest { request_id, id } = request;
        let mut violations = Violations::default();
        self::id(&mut violations, &id);
        violations.finish()?;
        let stores = self.memory().count_of(&id);
        let mut registry = self.memory().registry.open();
        if registry.answered(&request_id, &made)?.is_some() {
            return Ok(Response::new(TenantServiceDeleteResponse {}));
        }
        let uid = registry.tenants.get(&id).ok_or_else(|| missing(&id))?.uid.clone();
        if stores > 0 {
            let message = format!("the tenant {id} has {stores} stores; delete them first");
            let metadata = [("tenant", id.as_str()), ("stores", &stores.to_string())];
            return Err(about(Code::FailedPrecondition, "TENANT_NOT_EMPTY", &message, &metadata));
        }
        registry.tenants.remove(&id);
        registry.enter(call, &id, &uid, std::slice::from_ref(&id));
        registry.remember(request_id, made, &id);
        Ok(Response::new(TenantServiceDeleteResponse {}))
    }
}
