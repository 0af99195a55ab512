//! Who may do what: one pure function over a principal, a permission and the owner of what is concerned.

mod role;
mod scope;

use std::{collections::BTreeSet, fmt, str::FromStr};

pub use role::{Grant, Permission, Role};
pub use scope::Scope;

use crate::{
    id::TenantId,
    text::{self, Invalid},
    time::Timestamp,
};

/// How a principal proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// By a token that the ledger keeps.
    Token,
    /// By a token of the server's credentials file.
    File,
    /// By a token of a service account of Kubernetes, which the API server vouches for.
    ServiceAccount,
    /// By a token of an issuer of OpenID Connect.
    Oidc,
    /// By a client certificate.
    Certificate,
    /// It did not: the server checks nothing.
    Anonymous,
}

/// The name of a token: 1 to 63 of a-z, A-Z, 0-9, '-', '_', '.' and '@'. The name of a caller that others vouch for:
/// [`PrincipalName::of_subject`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName(String);

/// Who a call is from, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub kind: PrincipalKind,
    pub name: PrincipalName,
    /// Tells it from others of the same name; empty where the name is enough.
    pub id: String,
    pub role: Role,
    pub scope: Scope,
    /// Narrows the role to these, and grants what the role gives by ability alone. `None`: the role as it is.
    pub abilities: Option<BTreeSet<Permission>>,
    /// From then on its credential is refused.
    pub expires: Option<Timestamp>,
}

/// What a call concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The method alone: nothing is known of the stores yet.
    Method,
    /// A store with this owner. `None`: it has no owner.
    Store(Option<&'a TenantId>),
}

/// Whether a call is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// The role does not have the permission, whatever is concerned.
    Denied,
    /// What is concerned belongs to others: for this principal it does not exist.
    Hidden,
}

/// Whether `principal` may do what needs `permission` to `target`.
pub fn decide(principal: &Principal, permission: Permission, target: Target<'_>) -> Decision {
    if !principal.has(permission) {
        return Decision::Denied;
    }
    match target {
        Target::Store(owner) if !principal.scope.contains(owner) => Decision::Hidden,
        Target::Store(_) | Target::Method => Decision::Allowed,
    }
}

// === impl Principal ===

impl Principal {
    /// The principal of every call to a server that checks nothing.
    pub fn anonymous() -> Self {
        Self {
            kind: PrincipalKind::Anonymous,
            name: PrincipalName("anonymous".to_owned()),
            id: String::new(),
            role: Role::Admin,
            scope: Scope::All,
            abilities: None,
            expires: None,
        }
    }

    pub fn has(&self, permission: Permission) -> bool {
        let named = |by_default: bool| self.abilities.as_ref().map_or(by_default, |all| all.contains(&permission));
        match self.role.grant(permission) {
            // Every principal may learn what it may do.
            Grant::Always if permission == Permission::AccountRead => true,
            Grant::Always => named(true),
            Grant::ByAbility => named(false),
            Grant::Never => false,
        }
    }

    /// A permission that `other` has and this one has not.
    pub fn lacks(&self, other: &Self) -> Option<Permission> {
        other.permissions().find(|permission| !self.has(*permission))
    }

    /// All permissions that it has.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(|permission| self.has(*permission))
    }
}

/// As histories and logs have it, such as `token:ci#4fKq0ZpL2x`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)?;
        if self.id.is_empty() { Ok(()) } else { write!(f, "#{}", self.id) }
    }
}

// === impl PrincipalKind ===

impl PrincipalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::File => "file",
            Self::ServiceAccount => "k8s",
            Self::Oidc => "oidc",
            Self::Certificate => "certificate",
            Self::Anonymous => "anonymous",
        }
    }
}

// === impl PrincipalName ===

impl PrincipalName {
    /// The longest name of a caller that others vouch for, in bytes. With its kind it fits an entry of a history.
    pub const LONGEST_SUBJECT: usize = 240;

    /// The name that another system has for a caller, such as `shop-platform/provisioner`.
    ///
    /// # Errors
    /// It is not 1 to [`Self::LONGEST_SUBJECT`] printable ASCII characters without spaces.
    pub fn of_subject(text: &str) -> Result<Self, Invalid> {
        let longest = Self::LONGEST_SUBJECT;
        if (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format_args!("must be 1 to {longest} printable ASCII characters without spaces")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrincipalName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        text::name(text, 63, allowed, "a-z, A-Z, 0-9, '-', '_', '.' and '@'")?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each role may do with its permissions alone to a store of its own, to one of another tenant, and to one of no
    /// tenant: allowed (A), denied (-), or hidden (h).
    const TABLE: &str = "
                     admin operator tenant reader agent
        stores.read      AAA   AAA    Ahh    AAA    Ahh
        stores.watch     AAA   AAA    Ahh    AAA    Ahh
        stores.create    AAA   AAA    Ahh    ---    ---
        stores.update    AAA   AAA    Ahh    ---    ---
        stores.delete    AAA   AAA    Ahh    ---    ---
        credentials.read AAA   AAA    Ahh    ---    ---
        account.read     AAA   AAA    Ahh    AAA    Ahh
        audit.read       AAA   AAA    Ahh    AAA    Ahh
        tokens.manage    AAA   ---    Ahh    ---    ---
        tenants.manage   AAA   ---    ---    ---    ---
    ";

    fn tenant(id: &str) -> TenantId {
        id.parse().expect("a tenant")
    }

    fn of(tenants: &[&str]) -> Scope {
        Scope::of_tenants(tenants.iter().map(|id| tenant(id))).expect("a scope")
    }

    fn principal(role: Role) -> Principal {
        let scope = if role.needs_tenants() { of(&["acme"]) } else { Scope::All };
        Principal { role, scope, ..Principal::anonymous() }
    }

    fn able(role: Role, abilities: &[Permission]) -> Principal {
        Principal { abilities: Some(abilities.iter().copied().collect()), ..principal(role) }
    }

    #[test]
    fn every_role_may_do_what_this_table_says() {
        let (own, foreign) = (tenant("acme"), tenant("bolt"));
        let sign = |role, permission, owner| match decide(&principal(role), permission, Target::Store(owner)) {
            Decision::Allowed => 'A',
            Decision::Denied => '-',
            Decision::Hidden => 'h',
        };
        let mut rows =
            TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| !row.is_empty());
        assert_eq!(rows.next().expect("a head"), Role::ALL.map(Role::as_str));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len(), Permission::ALL.len());
        for (row, permission) in rows.iter().zip(Permission::ALL) {
            let is = Role::ALL.map(|role| {
                [Some(&own), Some(&foreign), None].map(|owner| sign(role, permission, owner)).iter().collect::<String>()
            });
            assert_eq!(row[0], permission.as_str());
            assert_eq!(row[1..], is, "{permission}");
        }
    }

    #[test]
    fn before_a_store_is_known_the_permission_decides() {
        for role in Role::ALL {
            for permission in Permission::ALL {
                let principal = principal(role);
                let allowed = decide(&principal, permission, Target::Method) == Decision::Allowed;
                assert_eq!(allowed, principal.has(permission), "{role} {permission}");
            }
        }
    }

    #[test]
    fn abilities_narrow_a_role_and_never_widen_it() {
        for role in Role::ALL {
            for permission in Permission::ALL {
                let none = able(role, &[]);
                assert_eq!(none.has(permission), permission == Permission::AccountRead, "{role} {permission}");
                let one = able(role, &[permission]);
                assert_eq!(one.has(permission), role.grant(permission) != Grant::Never, "{role} {permission}");
            }
        }
    }

    #[test]
    fn what_one_lacks_of_another_is_what_it_may_not_give() {
        let lacks = |one: &Principal, other: &Principal| one.lacks(other);
        for role in Role::ALL {
            assert_eq!(lacks(&principal(Role::Admin), &principal(role)), None, "{role}");
        }
        let tenant = principal(Role::Tenant);
        assert_eq!(lacks(&tenant, &principal(Role::Reader)), None);
        assert_eq!(lacks(&tenant, &able(Role::Agent, &[Permission::StoresCreate])), None);
        assert_eq!(lacks(&tenant, &principal(Role::Admin)), Some(Permission::TenantsManage));
        let narrow = able(Role::Tenant, &[Permission::TokensManage, Permission::StoresRead]);
        assert_eq!(lacks(&narrow, &principal(Role::Reader)), Some(Permission::StoresWatch));
        assert_eq!(lacks(&narrow, &able(Role::Reader, &[Permission::StoresRead])), None);
    }

    #[test]
    fn an_agent_writes_by_ability_alone_and_never_reads_credentials() {
        use Permission::{CredentialsRead, StoresCreate, StoresDelete, StoresUpdate};
        let agent = able(Role::Agent, &[StoresCreate, StoresUpdate, StoresDelete, CredentialsRead]);
        let may = [StoresCreate, StoresUpdate, StoresDelete, CredentialsRead].map(|permission| agent.has(permission));
        assert_eq!(may, [true, true, true, false]);
    }

    #[test]
    fn a_role_of_a_newer_version_may_do_nothing() {
        let role = Role::kept("AUDITOR").expect("a word");
        assert_eq!(Principal { role, ..Principal::anonymous() }.permissions().count(), 0);
    }

    #[test]
    fn a_principal_is_one_word_in_a_log() {
        let name = "ci@example.com".parse().expect("a name");
        let ci = Principal { kind: PrincipalKind::Token, name, id: "4fKq0ZpL2x".to_owned(), ..Principal::anonymous() };
        assert_eq!(ci.to_string(), "token:ci@example.com#4fKq0ZpL2x");
        for bad in ["", "a b", "a\n", "-a", &"x".repeat(64), "a:b", "a#b"] {
            assert!(bad.parse::<PrincipalName>().is_err(), "{bad:?}");
        }
        let name = PrincipalName::of_subject(&format!("spiffe://{}", "x".repeat(231))).expect("a name");
        let workload = Principal { kind: PrincipalKind::Certificate, name, ..Principal::anonymous() };
        assert!(workload.to_string().parse::<crate::Actor>().is_ok(), "it fits a history");
        for bad in ["", "a b", "a\n", "\u{fc}", &"x".repeat(241)] {
            assert!(PrincipalName::of_subject(bad).is_err(), "{bad:?}");
        }
    }
}
