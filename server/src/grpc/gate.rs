//! Who may call a method: path, row of the table, principal, permission. Decided before the body of a call is read.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use sendstores_core::{
    Permission, Principal, Timestamp,
    access::{Decision, Target, decide},
    ledger::Ledger,
};
use sendstores_proto::{
    access::{MethodAccess, READ_ONLY, Rule},
    v1::access::Effect,
};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    StoreApi,
    logins::Logins,
    peers::Peer,
    rates::{Cell, Rates},
    status::{Refusal, count_decision},
    uses::Use,
};
use crate::auth::{
    AuthEpoch, AuthError, Authenticator, ClientCertificate, Credentials, Lapse, Recognised, ReflectionAccess, Standing,
};

/// How long a call with a token that is not known here waits for the ledger, or for the API server or the issuer, and how many
/// calls wait for the ledger at once: a token that was never made costs no more than that.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);
const LEDGER_CALLS: usize = 64;

/// Decides for every call of the port.
pub(super) struct Gate {
    auth: Authenticator,
    reflection: ReflectionAccess,
    unknown: Semaphore,
    rates: Rates,
    logins: Logins,
}

/// What one connection remembers: its calls nearly always have the same token.
pub(super) struct Session {
    peer: Peer,
    /// The address of a peer whose tokens others can read on the way.
    exposed: Option<IpAddr>,
    certificate: Option<Arc<ClientCertificate>>,
    known: Mutex<Option<Known>>,
}

struct Known {
    header: Option<Box<[u8]>>,
    recognised: Recognised,
    /// As of before the header was looked up.
    epoch: AuthEpoch,
    /// `None`: its calls are not counted.
    cell: Option<Arc<Cell>>,
    /// `None`: it has no token of the ledger.
    usage: Option<Arc<Use>>,
}

/// Who is not let through.
pub(super) struct Refused {
    pub(super) why: Refusal,
    /// `None`: the caller was not recognized.
    pub(super) principal: Option<Arc<Principal>>,
}

// === impl Session ===

impl Session {
    pub(super) fn new(peer: Peer, exposed: Option<IpAddr>, certificate: Option<ClientCertificate>) -> Self {
        Self { peer, exposed, certificate: certificate.map(Arc::new), known: Mutex::new(None) }
    }

    fn credentials<'a>(&'a self, header: Option<&'a HeaderValue>) -> Credentials<'a> {
        Credentials { header: header.map(HeaderValue::as_bytes), certificate: self.certificate.as_ref() }
    }
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(auth: Authenticator) -> Self {
        let unknown = Semaphore::new(LEDGER_CALLS);
        Self {
            auth,
            reflection: ReflectionAccess::Authenticated,
            unknown,
            rates: Rates::default(),
            logins: Logins::default(),
        }
    }

    pub(super) fn with_reflection(self, reflection: ReflectionAccess) -> Self {
        Self { reflection, ..self }
    }

    /// Whether there is a method of this row at all: reflection may be off.
    pub(super) fn has(&self, access: &MethodAccess) -> bool {
        access.rule != Rule::Reflection || self.reflection != ReflectionAccess::Off
    }

    /// The caller of a method, if it may call it. `None`: the method is open to everybody.
    pub(super) async fn admit<L: Ledger>(
        &self,
        access: &MethodAccess,
        session: &Session,
        headers: &HeaderMap,
        api: &StoreApi<L>,
    ) -> Result<Option<Arc<Principal>>, Refused> {
        let admitted = self.decide(access, session, headers, api).await;
        match &admitted {
            Ok(None) => {}
            Ok(Some(principal)) => count_decision(Some(principal.kind), None),
            Err(Refused { why, principal }) => {
                count_decision(principal.as_ref().map(|principal| principal.kind), Some(why));
            }
        }
        admitted
    }

    async fn decide<L: Ledger>(
        &self,
        access: &MethodAccess,
        session: &Session,
        headers: &HeaderMap,
        api: &StoreApi<L>,
    ) -> Result<Option<Arc<Principal>>, Refused> {
        let permission = match access.rule {
            Rule::Open => return Ok(None),
            Rule::Reflection if self.reflection == ReflectionAccess::Public => return Ok(None),
            Rule::Reflection => None,
            Rule::Permission(name) => Some(name),
        };
        let principal = match self.known(session, headers)? {
            Some(principal) => principal,
            // On the heap, because it is needed once a connection.
            None => Box::pin(self.look_up(session, headers, api)).await?,
        };
        if let Some(name) = permission {
            let allowed = Permission::parse(name).map(|needed| decide(&principal, needed, Target::Method));
            if allowed != Some(Decision::Allowed) {
                tracing::warn!(%principal, role = %principal.role, permission = name, "a call was denied");
                let why = Refusal::PermissionDenied { permission: name, role: principal.role };
                return Err(Refused { why, principal: Some(principal) });
            }
        }
        if access.effect != Effect::Read && headers.contains_key(READ_ONLY) {
            return Err(Refused { why: Refusal::CallReadOnly, principal: Some(principal) });
        }
        Ok(Some(principal))
    }

    /// For how long the caller of a stream stays who it is; `None`: for ever.
    pub(super) fn standing(
        &self,
        session: &Session,
        headers: &HeaderMap,
        principal: Arc<Principal>,
    ) -> Option<Standing> {
        self.auth.standing(session.credentials(headers.get(AUTHORIZATION)), principal)
    }

    /// The principal of this very header and this connection's certificate, if it was looked up on this connection and
    /// nothing has changed since. Refuses one that calls too often.
    fn known(&self, session: &Session, headers: &HeaderMap) -> Result<Option<Arc<Principal>>, Refused> {
        if let Some(principal) = self.auth.unchecked() {
            return Ok(Some(principal));
        }
        let Credentials { header, certificate } = session.credentials(headers.get(AUTHORIZATION));
        if header.is_none() && certificate.is_none() {
            return Ok(None);
        }
        let known = session.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Known| known.header.as_deref() == header && known.epoch == self.auth.epoch();
        let Some(known) = known.as_ref().filter(same) else { return Ok(None) };
        let Recognised { principal, recheck } = &known.recognised;
        let ahead = |end: &Option<Timestamp>| end.is_none_or(|end| end > SystemTime::now().into());
        if !ahead(&principal.expires) || !ahead(recheck) {
            return Ok(None);
        }
        if let Some(usage) = &known.usage {
            usage.mark();
        }
        take(known.cell.as_deref(), principal)?;
        Ok(Some(principal.clone()))
    }

    async fn look_up<L: Ledger>(
        &self,
        session: &Session,
        headers: &HeaderMap,
        api: &StoreApi<L>,
    ) -> Result<Arc<Principal>, Refused> {
        let epoch = self.auth.epoch();
        // A call with two tokens has none: which one is meant is a matter of taste.
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let header = match (given.next(), given.next()) {
            (Some(_), Some(_)) => return Err(Refusal::TokenInvalid.into()),
            (header, _) => header,
        };
        if let (Some(address), Some(_)) = (session.exposed, header) {
            tracing::warn!(%address, "a token came over a connection without TLS; replace it, it was readable on the way");
            return Err(Refusal::TokenOverPlaintext.into());
        }
        let credentials = session.credentials(header);
        // Of a token from elsewhere the API server or an issuer is asked, and may be slow.
        let said = timeout(LOOK_UP_LIMIT, self.auth.authenticate(credentials)).await;
        let recognised = match said.unwrap_or(Err(AuthError::Unavailable)) {
            Err(AuthError::Unknown) => {
                self.logins.check(session.peer)?;
                // It may have been made on another replica a moment ago.
                let _place = self.unknown.try_acquire().map_err(|_| Refusal::AuthUnavailable)?;
                catch_up(api).await?;
                self.auth.authenticate(credentials).await
            }
            said => said,
        };
        if recognised.as_ref().is_err_and(AuthError::is_guess) {
            self.logins.fail(session.peer)?;
        }
        let recognised = recognised.map_err(Refusal::from)?;
        let principal = recognised.principal.clone();
        let cell = self.rates.cell(&principal, most_calls(&principal, api));
        let taken = take(cell.as_deref(), &principal);
        let usage = api.uses().of(&principal);
        if let Some(usage) = &usage {
            usage.mark();
        }
        let known = Known { header: credentials.header.map(Into::into), recognised, epoch, cell, usage };
        *session.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        taken.map(|()| principal)
    }
}

/// Counts a call of the principal.
fn take(cell: Option<&Cell>, principal: &Arc<Principal>) -> Result<(), Refused> {
    let taken = cell.map_or(Ok(()), Cell::take);
    taken.map_err(|why| Refused { why, principal: Some(principal.clone()) })
}

/// How many calls the principal may make in a second: the lowest number of its tenants.
fn most_calls<L: Ledger>(principal: &Principal, api: &StoreApi<L>) -> Option<u32> {
    principal.scope.tenants().filter_map(|tenant| api.limits_of(tenant).calls_per_second).min()
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        Self { why, principal: None }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::TokenMissing,
            AuthError::Invalid | AuthError::Unknown => Self::TokenInvalid,
            AuthError::Flawed(flaw) => Self::TokenFlawed(flaw),
            AuthError::Expired => Self::TokenExpired,
            AuthError::Revoked => Self::TokenRevoked,
            AuthError::Certificate => Self::CertificateInvalid,
            AuthError::Unbound(subject) => Self::SubjectUnbound(subject.to_string()),
            AuthError::Mismatch => Self::CredentialsMismatch,
            AuthError::Unavailable => Self::AuthUnavailable,
        }
    }
}

/// What a stream ends with whose caller is another now. With rights that still allow it, it is opened again with these.
impl From<Lapse> for Refusal {
    fn from(lapse: Lapse) -> Self {
        match lapse {
            Lapse::Credential(why) => why.into(),
            Lapse::Rights(now) if now.has(Permission::StoresWatch) => Self::Draining,
            Lapse::Rights(now) => {
                Self::PermissionDenied { permission: Permission::StoresWatch.as_str(), role: now.role }
            }
        }
    }
}

/// Waits until the tokens in memory are as new as the ledger. A token that is not known is refused only when it is certain
/// that there is none.
async fn catch_up<L: Ledger>(api: &StoreApi<L>) -> Result<(), Refusal> {
    let backend = api.backend()?;
    let caught_up = timeout(LOOK_UP_LIMIT, backend.mirror.catch_up(&backend.ledger)).await;
    match caught_up {
        Ok(Ok(_)) if backend.mirror.doubt().borrow().is_none() => Ok(()),
        Ok(Err(crate::mirror::ReadError::Loading)) => Err(Refusal::Starting),
        // Redis is away, or has lost something: maybe the token.
        Ok(_) | Err(_) => Err(Refusal::AuthUnavailable),
    }
}

#[cfg(test)]
mod tests {
    use sendstores_proto::access::METHODS;

    use super::*;

    #[test]
    fn every_permission_of_the_contract_is_one_of_the_domain() {
        for MethodAccess { path, rule, .. } in METHODS {
            if let Rule::Permission(name) = rule {
                assert!(Permission::parse(name).is_some(), "{path} needs {name:?}, which no role has");
            }
        }
    }

    #[test]
    fn health_alone_is_open() {
        let open = METHODS.iter().filter(|row| row.rule == Rule::Open);
        assert!(open.map(|row| row.path).all(|path| path.starts_with("/grpc.health.v1.Health/")));
    }
}
