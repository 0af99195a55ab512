//! `AccountService`: says to callers who they are.

use std::sync::Arc;

use sendstores_core::{Principal, TenantId, access::PrincipalKind, ledger::Ledger};
use sendstores_proto::v1::{self as wire, account_service_server::AccountService};
use tonic::{Request, Response, Status};

use super::{StoreApi, convert, tenants};

#[tonic::async_trait]
impl<L: Ledger> AccountService for StoreApi<L> {
    /// OK, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, and what the port refuses.
    async fn get_principal(
        &self,
        request: Request<wire::GetPrincipalRequest>,
    ) -> Result<Response<wire::GetPrincipalResponse>, Status> {
        self.answer_from_memory(request, async |api: &Self, _, caller| {
            let allowances = caller.scope.tenants().map(|tenant| api.allowance(tenant)).collect();
            let principal = Some(wire::Principal { allowances, ..shown(&caller) });
            Ok(wire::GetPrincipalResponse { principal, server_version: env!("CARGO_PKG_VERSION").to_owned() })
        })
        .await
    }
}

impl<L: Ledger> StoreApi<L> {
    fn allowance(&self, tenant: &TenantId) -> wire::Allowance {
        wire::Allowance {
            tenant: tenant.to_string(),
            limits: Some(tenants::shown_limits(self.limits_of(tenant))),
            used: self.backend().ok().map(|backend| tenants::usage(tenant, &backend.mirror)),
        }
    }
}

fn shown(principal: &Arc<Principal>) -> wire::Principal {
    use wire::principal::Kind;
    let kind = match principal.kind {
        PrincipalKind::Token => Kind::Token,
        PrincipalKind::File => Kind::File,
        PrincipalKind::ServiceAccount => Kind::ServiceAccount,
        PrincipalKind::Oidc => Kind::Oidc,
        PrincipalKind::Certificate => Kind::Certificate,
        PrincipalKind::Anonymous => Kind::Anonymous,
    };
    wire::Principal {
        kind: kind.into(),
        name: principal.name.to_string(),
        id: principal.id.clone(),
        role: principal.role.to_string(),
        permissions: principal.permissions().map(|permission| permission.to_string()).collect(),
        tenants: principal.scope.tenants().map(ToString::to_string).collect(),
        expire_time: principal.expires.map(convert::time),
        allowances: Vec::new(),
    }
}
