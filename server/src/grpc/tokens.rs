//! `TokenService`: makes, lists and revokes the tokens of callers.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use sendstores_core::{
    Permission, Principal, Revision, Role, Scope, TenantId, Timestamp, Token, TokenId,
    admission::Terms,
    ledger::{Expected, Ledger, LedgerError, Operation, Write, Written},
    token::{LONGEST_LIFE, NewToken, TokenText, USUAL_LIFE},
};
use sendstores_proto::v1::{self as wire, token_service_server::TokenService};
use tonic::{Request, Response, Status};

use super::{
    StoreApi,
    audited::{self, About, By},
    convert,
    create::digest,
    parse::{self, Violations},
    service::{Backend, by},
    status::{Refusal, Tenancy},
    token,
};
use crate::{auth, mirror::Consistency};

/// How often a token is revoked against other changes of it.
const ATTEMPTS: usize = 10;
/// How long a revocation waits until this server refuses the token, too. The log brings the change within milliseconds.
const REACH_LIMIT: Duration = Duration::from_secs(1);
/// Binds a page token to this list.
const LIST: &str = "tokens";

#[tonic::async_trait]
impl<L: Ledger> TokenService for StoreApi<L> {
    /// OK, INVALID_ARGUMENT, PERMISSION_DENIED, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn create(
        &self,
        request: Request<wire::TokenServiceCreateRequest>,
    ) -> Result<Response<wire::TokenServiceCreateResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| api.create_token(request, &caller, &by).await)
            .await
    }

    /// OK, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL.
    async fn list(
        &self,
        request: Request<wire::TokenServiceListRequest>,
    ) -> Result<Response<wire::TokenServiceListResponse>, Status> {
        self.answer_newest(request, async |api: &Self, request, caller| api.list_tokens(request, &caller.scope).await)
            .await
    }

    /// OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED,
    /// INTERNAL.
    async fn revoke(
        &self,
        request: Request<wire::TokenServiceRevokeRequest>,
    ) -> Result<Response<wire::TokenServiceRevokeResponse>, Status> {
        let by = by(&request);
        self.answer_newest(request, async |api: &Self, request, caller| {
            api.revoke_token(request, &caller.scope, &by).await
        })
        .await
    }
}

// === impl StoreApi ===

impl<L: Ledger> StoreApi<L> {
    async fn create_token(
        &self,
        request: wire::TokenServiceCreateRequest,
        caller: &Principal,
        by: &By,
    ) -> Result<wire::TokenServiceCreateResponse, Refusal> {
        let now = SystemTime::now().into();
        let (text, (new, operation)) = (auth::generate(), parse_create(request, caller, now)?);
        let new = NewToken { id: text.id(), digest: auth::digest(&text), ..new };
        let token = Token::new(new, now);
        let widened = token.principal(now).ok().and_then(|principal| caller.lacks(&principal));
        if let Some(permission) = widened {
            return Err(Refusal::PermissionDenied { permission: permission.as_str(), role: caller.role });
        }
        let write = Write { resource: token, expected: Expected::Vacant, fence: None, operation };
        let terms = by.terms(About::token(&write.resource), Terms::default());
        match audited::submit(&self.writable()?.ledger, write, terms).await? {
            Written::Applied(token) => {
                tracing::info!(token = %token.id, name = %token.name, role = %token.role, "a token was made");
                let text = text.expose().to_owned();
                Ok(wire::TokenServiceCreateResponse { token: Some(shown(&token, None)), text })
            }
            // A caller of several tenants shares request ids with those of the first.
            Written::Repeated(token) if !caller.scope.includes(&token.scope) => Err(Refusal::RequestIdReused),
            // Its text was in the first response, and is kept nowhere.
            Written::Repeated(token) => {
                Ok(wire::TokenServiceCreateResponse { token: Some(shown(&token, None)), text: String::new() })
            }
        }
    }

    async fn list_tokens(
        &self,
        request: wire::TokenServiceListRequest,
        scope: &Scope,
    ) -> Result<wire::TokenServiceListResponse, Refusal> {
        let wire::TokenServiceListRequest { page_size, page_token } = request;
        let mut violations = Violations::default();
        let most = parse::page_size(&mut violations, page_size);
        let most = violations.finish(most)?;
        let after: Option<TokenId> = token::open_after(LIST, scope, &page_token)?;
        let Backend { ledger, mirror, .. } = self.backend()?;
        mirror.ready(Consistency::Linearizable, ledger).await?;
        let mut tokens = mirror.tokens(scope, after.as_ref(), most.saturating_add(1));
        let more = tokens.len() > most;
        tokens.truncate(most);
        let last = tokens.last().filter(|_| more);
        let ids: Vec<_> = tokens.iter().map(|token| token.id.clone()).collect();
        let uses = ledger.last_uses(&ids).await?;
        Ok(wire::TokenServiceListResponse {
            next_page_token: last.map(|last| token::after(LIST, scope, last.id.as_str())).unwrap_or_default(),
            tokens: tokens.iter().zip(uses).map(|(token, used)| shown(token, used)).collect(),
        })
    }

    async fn revoke_token(
        &self,
        request: wire::TokenServiceRevokeRequest,
        scope: &Scope,
        by: &By,
    ) -> Result<wire::TokenServiceRevokeResponse, Refusal> {
        let mut violations = Violations::default();
        let id = violations.parse("id", &request.id);
        let id: TokenId = violations.finish(id)?;
        let ledger = &self.writable()?.ledger;
        for _ in 0..ATTEMPTS {
            let found = ledger.load(&id).await?;
            let Some(token) = found.clone().filter(|token| scope.includes(&token.scope)) else {
                if let Some(origin) = &by.origin {
                    self.note_absent(origin, id.as_str(), found.as_ref().map(About::token));
                }
                return Err(Tenancy::TokenNotFound(id).into());
            };
            if token.revoke_time.is_some() {
                return revoked(ledger, &token).await;
            }
            let (resource, expected) = (token.revoked(SystemTime::now().into()), Expected::Revision(token.revision));
            let terms = by.terms(About::token(&resource), Terms::default());
            let write = Write { resource, expected, fence: None, operation: None };
            match audited::submit(ledger, write, terms).await {
                Ok(written) => {
                    let token = written.into_resource();
                    tracing::info!(token = %token.id, name = %token.name, "a token was revoked");
                    self.reach(token.revision).await?;
                    return revoked(ledger, &token).await;
                }
                Err(LedgerError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Tenancy::TokenConflict(id).into())
    }

    /// Waits until this server has read the change. It is made all the same: who waits in vain is not refused.
    async fn reach(&self, revision: Revision) -> Result<(), Refusal> {
        if tokio::time::timeout(REACH_LIMIT, self.backend()?.mirror.reach(revision)).await.is_err() {
            tracing::warn!(%revision, "a change is acknowledged that this server has not read yet");
        }
        Ok(())
    }
}

/// The token to make, but for its text.
fn parse_create(
    request: wire::TokenServiceCreateRequest,
    caller: &Principal,
    now: Timestamp,
) -> Result<(NewToken, Option<Operation>), Refusal> {
    let body = wire::TokenServiceCreateRequest { request_id: String::new(), ..request.clone() };
    let digest = digest("token.create", &body);
    let wire::TokenServiceCreateRequest { request_id, name, role, tenants, abilities, life, never_expires } = request;
    let mut violations = Violations::default();
    let v = &mut violations;
    let request_id = parse::request_id(v, &request_id);
    let name = v.parse("name", &name);
    let role = self::role(v, &role);
    let scope = role.and_then(|role| self::scope(v, role, &tenants, &caller.scope));
    let abilities = self::abilities(v, &abilities);
    let life = role.and_then(|role| self::life(v, role, life, never_expires));
    let parsed = (|| {
        let whose = caller.scope.tenants().next().cloned();
        let operation = request_id.map(|id| Operation { id, scope: whose, digest });
        let nobody = TokenText::generate(|| 0);
        let new = NewToken {
            id: nobody.id(),
            name: name?,
            digest: auth::digest(&nobody),
            role: role?,
            scope: scope?,
            abilities,
            creator: caller.to_string(),
            expire_time: life?.map(|life| now.after(life)),
        };
        Some((new, operation))
    })();
    violations.finish(parsed)
}

fn role(violations: &mut Violations, text: &str) -> Option<Role> {
    let role = Role::parse(text);
    if role.is_none() {
        violations.add("role", format_args!("must be one of {}", Role::ALL.map(Role::as_str).join(", ")));
    }
    role
}

/// Whose stores the token is for: of a caller with tenants, all or some of these.
fn scope(violations: &mut Violations, role: Role, tenants: &[String], callers: &Scope) -> Option<Scope> {
    let named = tenants.iter().enumerate();
    let named: Vec<Option<TenantId>> = named.map(|(i, id)| violations.parse(format!("tenants[{i}]"), id)).collect();
    let mut named = named.into_iter().collect::<Option<Vec<_>>>()?;
    if named.is_empty() && role.may_have_tenants() {
        named.extend(callers.tenants().cloned());
    }
    let scope = violations.take("tenants", Scope::of_role(role, named))?;
    if callers.includes(&scope) {
        return Some(scope);
    }
    match &scope {
        Scope::All => violations.add("role", "must be a role with tenants, because the caller's token has tenants"),
        Scope::Tenants(_) => violations.add("tenants", "must be tenants of the caller's token"),
    }
    None
}

fn abilities(violations: &mut Violations, names: &[String]) -> Option<BTreeSet<Permission>> {
    let all = || Permission::ALL.map(Permission::as_str).join(", ");
    for (i, name) in names.iter().enumerate() {
        if Permission::parse(name).is_none() {
            violations.add(format!("abilities[{i}]"), format_args!("must be one of {}", all()));
        }
    }
    (!names.is_empty()).then(|| names.iter().filter_map(|name| Permission::parse(name)).collect())
}

/// How long the token is valid. `Some(None)`: it has no end.
fn life(
    violations: &mut Violations,
    role: Role,
    life: Option<prost_types::Duration>,
    never_expires: bool,
) -> Option<Option<Duration>> {
    let why = match (life, never_expires) {
        (None, false) => return Some(Some(USUAL_LIFE)),
        (None, true) if role == Role::Admin => return Some(None),
        (None, true) => ("never_expires", "is for the role admin only".to_owned()),
        (Some(_), true) => ("never_expires", "must not be set beside life".to_owned()),
        (Some(life), false) => match Duration::try_from(life) {
            Ok(life) if (Duration::from_secs(1)..=LONGEST_LIFE).contains(&life) => return Some(Some(life)),
            _ => ("life", format!("must be 1 s to {} days", LONGEST_LIFE.as_secs() / 86_400)),
        },
    };
    violations.add(why.0, why.1);
    None
}

async fn revoked<L: Ledger>(ledger: &L, token: &Token) -> Result<wire::TokenServiceRevokeResponse, Refusal> {
    let used = ledger.last_uses(std::slice::from_ref(&token.id)).await?.into_iter().next().flatten();
    Ok(wire::TokenServiceRevokeResponse { token: Some(shown(token, used)) })
}

fn shown(token: &Token, used: Option<Timestamp>) -> wire::Token {
    let Token { id, name, role, scope, abilities, creator, create_time, expire_time, revoke_time, .. } = token;
    wire::Token {
        id: id.to_string(),
        name: name.to_string(),
        role: role.to_string(),
        tenants: scope.tenants().map(ToString::to_string).collect(),
        abilities: abilities.iter().flatten().map(ToString::to_string).collect(),
        creator: creator.clone(),
        create_time: Some(convert::time(*create_time)),
        expire_time: expire_time.map(convert::time),
        revoke_time: revoke_time.map(convert::time),
        last_use_time: used.map(convert::time),
    }
}
