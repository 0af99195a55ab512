// Generated from the option `access` of every rpc.

/// A method of the API, or of a service beside it on the same port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    GetPrincipal,
    Create,
    Get,
    List,
    Delete,
    WatchStatus,
    GetCredentials,
    TokenCreate,
    TokenList,
    TokenRevoke,
    Health,
    Reflection,
}

impl Method {
    /// Every method once.
    pub const ALL: &[Self] = &[Self::GetPrincipal, Self::Create, Self::Get, Self::List, Self::Delete, Self::WatchStatus, Self::GetCredentials, Self::TokenCreate, Self::TokenList, Self::TokenRevoke, Self::Health, Self::Reflection];

    /// The name, which is short and belongs to one method.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetPrincipal => "GetPrincipal",
            Self::Create => "Create",
            Self::Get => "Get",
            Self::List => "List",
            Self::Delete => "Delete",
            Self::WatchStatus => "WatchStatus",
            Self::GetCredentials => "GetCredentials",
            Self::TokenCreate => "TokenCreate",
            Self::TokenList => "TokenList",
            Self::TokenRevoke => "TokenRevoke",
            Self::Health => "Health",
            Self::Reflection => "Reflection",
        }
    }
}

/// Every method with who may call it.
pub const METHODS: &[MethodAccess] = &[
    MethodAccess {
        method: Method::GetPrincipal,
        path: "/sendstores.v1.AccountService/GetPrincipal",
        rule: Rule::Permission("account.read"),
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::Create,
        path: "/sendstores.v1.StoreService/Create",
        rule: Rule::Permission("stores.create"),
        scope: Scope::Store,
        effect: Effect::Write,
        idempotent: true,
        audit: true,
    },
    MethodAccess {
        method: Method::Get,
        path: "/sendstores.v1.StoreService/Get",
        rule: Rule::Permission("stores.read"),
        scope: Scope::Store,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::List,
        path: "/sendstores.v1.StoreService/List",
        rule: Rule::Permission("stores.read"),
        scope: Scope::Filter,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::Delete,
        path: "/sendstores.v1.StoreService/Delete",
        rule: Rule::Permission("stores.delete"),
        scope: Scope::Store,
        effect: Effect::Destructive,
        idempotent: true,
        audit: true,
    },
    MethodAccess {
        method: Method::WatchStatus,
        path: "/sendstores.v1.StoreService/WatchStatus",
        rule: Rule::Permission("stores.watch"),
        scope: Scope::Filter,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::GetCredentials,
        path: "/sendstores.v1.StoreService/GetCredentials",
        rule: Rule::Permission("credentials.read"),
        scope: Scope::Store,
        effect: Effect::Read,
        idempotent: true,
        audit: true,
    },
    MethodAccess {
        method: Method::TokenCreate,
        path: "/sendstores.v1.TokenService/Create",
        rule: Rule::Permission("tokens.manage"),
        scope: Scope::None,
        effect: Effect::Write,
        idempotent: true,
        audit: true,
    },
    MethodAccess {
        method: Method::TokenList,
        path: "/sendstores.v1.TokenService/List",
        rule: Rule::Permission("tokens.manage"),
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::TokenRevoke,
        path: "/sendstores.v1.TokenService/Revoke",
        rule: Rule::Permission("tokens.manage"),
        scope: Scope::None,
        effect: Effect::Destructive,
        idempotent: true,
        audit: true,
    },
    MethodAccess {
        method: Method::Health,
        path: "/grpc.health.v1.Health/Check",
        rule: Rule::Open,
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::Health,
        path: "/grpc.health.v1.Health/List",
        rule: Rule::Open,
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::Health,
        path: "/grpc.health.v1.Health/Watch",
        rule: Rule::Open,
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::Reflection,
        path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        rule: Rule::Reflection,
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
    MethodAccess {
        method: Method::Reflection,
        path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        rule: Rule::Reflection,
        scope: Scope::None,
        effect: Effect::Read,
        idempotent: true,
        audit: false,
    },
];

fn index(path: &str) -> Option<usize> {
    match path {
        "/sendstores.v1.AccountService/GetPrincipal" => Some(0),
        "/sendstores.v1.StoreService/Create" => Some(1),
        "/sendstores.v1.StoreService/Get" => Some(2),
        "/sendstores.v1.StoreService/List" => Some(3),
        "/sendstores.v1.StoreService/Delete" => Some(4),
        "/sendstores.v1.StoreService/WatchStatus" => Some(5),
        "/sendstores.v1.StoreService/GetCredentials" => Some(6),
        "/sendstores.v1.TokenService/Create" => Some(7),
        "/sendstores.v1.TokenService/List" => Some(8),
        "/sendstores.v1.TokenService/Revoke" => Some(9),
        "/grpc.health.v1.Health/Check" => Some(10),
        "/grpc.health.v1.Health/List" => Some(11),
        "/grpc.health.v1.Health/Watch" => Some(12),
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" => Some(13),
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => Some(14),
        _ => None,
    }
}
