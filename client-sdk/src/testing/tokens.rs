//! Tokens: their rules, and the calls. What a token may do is not checked by this server: a test says which token it takes.

use std::time::{Duration, SystemTime};

use rand::RngExt;
use tonic::{Code, Request, Response, Status};

use super::{
    pages::page,
    parse::Violations,
    refusal::about,
    service::{PERMISSIONS, Service, body},
};
use crate::v1::{
    Token, TokenServiceCreateRequest, TokenServiceCreateResponse, TokenServiceListRequest, TokenServiceListResponse,
    TokenServiceRevokeRequest, TokenServiceRevokeResponse, token_service_server::TokenService,
};

const ROLES: [&str; 5] = ["admin", "operator", "tenant", "reader", "agent"];
const DAY: u64 = 24 * 60 * 60;
const USUAL_LIFE: Duration = Duration::from_secs(90 * DAY);
const LONGEST_LIFE: Duration = Duration::from_secs(366 * DAY);
const ID: usize = 10;
/// The secret, and the checksum after it.
const SECRET: usize = 38;

fn random(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    (1..=63).contains(&name.len())
        && name.chars().all(|c| plain(c) || "-_.@".contains(c))
        && name.starts_with(plain)
        && name.ends_with(plain)
}

/// The token that is asked for. `None` as its life: it has no end.
fn parse(request: &TokenServiceCreateRequest) -> Result<Option<Duration>, Status> {
    let TokenServiceCreateRequest { request_id: _, name, role, tenants, abilities, life, never_expires } = request;
    let mut violations = Violations::default();
    violations.check(is_name(name), "name", "must be 1 to 63 of a-z, A-Z, 0-9, '-', '_', '.' and '@'");
    violations.check(ROLES.contains(&role.as_str()), "role", "must be one of admin, operator, tenant, reader, agent");
    let of_tenants = match role.as_str() {
        "tenant" | "agent" => (1..=16).contains(&tenants.len()),
        "reader" => tenants.len() <= 16,
        _ => tenants.is_empty(),
    };
    violations.check(of_tenants, "tenants", "are not those of this role");
    for (i, ability) in abilities.iter().enumerate() {
        let known = PERMISSIONS.contains(&ability.as_str());
        violations.check(known, format!("abilities[{i}]"), "is not a permission");
    }
    let given = life.map(Duration::try_from);
    let good = given
        .as_ref()
        .is_none_or(|life| life.as_ref().is_ok_and(|life| (Duration::from_secs(1)..=LONGEST_LIFE).contains(life)));
    violations.check(good, "life", "must be 1 s to 366 days");
    let may_be_endless = role == "admin" && life.is_none();
    violations.check(!never_expires || may_be_endless, "never_expires", "is for the role admin only, without life");
    violations.finish()?;
    Ok((!never_expires).then(|| given.and_then(Result::ok).unwrap_or(USUAL_LIFE)))
}

#[tonic::async_trait]
impl TokenService for Service {
    async fn create(
        &self,
        request: Request<TokenServiceCreateRequest>,
    ) -> Result<Response<TokenServiceCreateResponse>, Status> {
        let call = self.change(&request, "TokenService/Create")?;
        let creator = self.principal(&request);
        let request = request.into_inner();
        let made = body("token.create", &TokenServiceCreateRequest { request_id: String::new(), ..request.clone() });
        let life = parse(&request)?;
        let mut registry = self.memory().registry.open();
        if let Some(id) = registry.answered(&request.request_id, &made)? {
            return Ok(Response::new(TokenServiceCreateResponse {
                token: registry.token(&id).cloned(),
                text: String::new(),
            }));
        }
        let TokenServiceCreateRequest { request_id, name, role, tenants, abilities, .. } = request;
        let (id, now) = (random(ID), SystemTime::now());
        let text = format!("sst_{id}_{}", random(SECRET));
        let token = Token {
            id: id.clone(),
            name,
            role,
            tenants,
            abilities,
            creator,
            create_time: Some(now.into()),
            expire_time: life.map(|life| (now + life).into()),
            ..Token::default()
        };
        registry.enter(call, &id, "", &token.tenants);
        registry.keep(token.clone(), &text);
        registry.remember(request_id, made, &id);
        Ok(Response::new(TokenServiceCreateResponse { token: Some(token), text }))
    }

    async fn list(
        &self,
        request: Request<TokenServiceListRequest>,
    ) -> Result<Response<TokenServiceListResponse>, Status> {
        self.admit(&request)?;
        let TokenServiceListRequest { page_size, page_token } = request.into_inner();
        let all: Vec<Token> = self.memory().registry.open().tokens().cloned().collect();
        let (tokens, next_page_token) = page(all, |token| &token.id, "tokens", page_size, &page_token)?;
        Ok(Response::new(TokenServiceListResponse { tokens, next_page_token }))
    }

    async fn revoke(
        &self,
        request: Request<TokenServiceRevokeRequest>,
    ) -> Result<Response<TokenServiceRevokeResponse>, Status> {
        let call = self.change(&request, "TokenService/Revoke")?;
        let id = request.into_inner().id;
        let mut violations = Violations::default();
        let good = id.len() == ID && id.chars().all(|c| c.is_ascii_alphanumeric());
        violations.check(good, "id", "must be the 10 letters and digits after \"sst_\"");
        violations.finish()?;
        let mut registry = self.memory().registry.open();
        let missing =
            || about(Code::NotFound, "TOKEN_NOT_FOUND", &format!("there is no token {id}"), &[("token_id", &id)]);
        let token = registry.token(&id).ok_or_else(missing)?;
        let is_first = token.revoke_time.is_none();
        if is_first {
            token.revoke_time = Some(SystemTime::now().into());
        }
        let token = token.clone();
        if is_first {
            registry.enter(call, &id, "", &token.tenants);
        }
        drop(registry);
        // Watches with this token end.
        self.memory().wake();
        Ok(Response::new(TokenServiceRevokeResponse { token: Some(token) }))
    }
}
