//! Roles, and the permissions that they have.

use std::fmt;

use crate::word::{self, Word};

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    StoresRead,
    StoresWatch,
    StoresCreate,
    StoresUpdate,
    StoresDelete,
    CredentialsRead,
    AccountRead,
    AuditRead,
    TokensManage,
    TenantsManage,
    /// One of a newer version, which nothing here needs.
    Unknown(Word),
}

/// What a principal is to this control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything, also tokens and tenants.
    Admin,
    /// Everything with all stores.
    Operator,
    /// Everything with the stores of its tenants.
    Tenant,
    /// Reads, but no credentials.
    Reader,
    /// A program that reads the stores of its tenants, and does what it was given as an ability. Never reads credentials.
    Agent,
    /// One of a newer version. Nothing is known of it, so it may do nothing.
    Unknown(Word),
}

/// How a role has a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Always,
    /// Only who has it as an ability, too.
    ByAbility,
    Never,
}

// === impl Permission ===

impl Permission {
    /// All that are known.
    pub const ALL: [Self; 10] = [
        Self::StoresRead,
        Self::StoresWatch,
        Self::StoresCreate,
        Self::StoresUpdate,
        Self::StoresDelete,
        Self::CredentialsRead,
        Self::AccountRead,
        Self::AuditRead,
        Self::TokensManage,
        Self::TenantsManage,
    ];

    /// The name as the contract and the records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StoresRead => "stores.read",
            Self::StoresWatch => "stores.watch",
            Self::StoresCreate => "stores.create",
            Self::StoresUpdate => "stores.update",
            Self::StoresDelete => "stores.delete",
            Self::CredentialsRead => "credentials.read",
            Self::AccountRead => "account.read",
            Self::AuditRead => "audit.read",
            Self::TokensManage => "tokens.manage",
            Self::TenantsManage => "tenants.manage",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// `None`: this version knows none of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text)
    }

    /// The permission that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Role ===

impl Role {
    /// All that are known.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Operator, Self::Tenant, Self::Reader, Self::Agent];

    /// How this role has `permission`. Unnamed is never.
    pub fn grant(self, permission: Permission) -> Grant {
        use Permission::{
            AccountRead, AuditRead, CredentialsRead, StoresCreate, StoresDelete, StoresRead, StoresUpdate, StoresWatch,
            TenantsManage, TokensManage, Unknown,
        };
        match (self, permission) {
            (Self::Unknown(_), _) | (_, Unknown(_)) => Grant::Never,
            (_, StoresRead | StoresWatch | AccountRead | AuditRead) => Grant::Always,
            (Self::Admin, TokensManage | TenantsManage) | (Self::Tenant, TokensManage) => Grant::Always,
            (
                Self::Admin | Self::Operator | Self::Tenant,
                StoresCreate | StoresUpdate | StoresDelete | CredentialsRead,
            ) => Grant::Always,
            (Self::Agent, StoresCreate | StoresUpdate | StoresDelete) => Grant::ByAbility,
            (Self::Agent, CredentialsRead | TokensManage | TenantsManage) => Grant::Never,
            (Self::Operator, TokensManage | TenantsManage) | (Self::Tenant, TenantsManage) => Grant::Never,
            (Self::Reader, _) => Grant::Never,
        }
    }

    /// Whether who has it must be of certain tenants.
    pub fn needs_tenants(self) -> bool {
        matches!(self, Self::Tenant | Self::Agent)
    }

    /// Whether who has it may be of certain tenants.
    pub fn may_have_tenants(self) -> bool {
        !matches!(self, Self::Admin | Self::Operator)
    }

    /// The name as files, commands and the records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Tenant => "tenant",
            Self::Reader => "reader",
            Self::Agent => "agent",
            Self::Unknown(word) => word.as_str(),
        }
    }

    /// `None`: this version knows none of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The role that `text` names, known or not. `None`: it is no word.
    pub fn kept(text: &str) -> Option<Self> {
        word::kept(text, &Self::ALL, Self::as_str, Self::Unknown)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
