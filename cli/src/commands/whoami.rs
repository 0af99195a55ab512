//! `sendstores whoami`.

use sendstores_client::v1::{Allowance, Principal, TenantLimits};

use crate::{args::Global, failure::Failure, output, text};

use super::connect;

pub(super) async fn run(global: &Global) -> Result<(), Failure> {
    let principal = connect(global).await?.principal().await?;
    if global.json {
        return output::document(&principal);
    }
    output::print(&view(&principal))
}

fn view(principal: &Principal) -> String {
    let kind = principal.kind().as_str_name().trim_start_matches("KIND_").to_lowercase();
    let tenants = if principal.tenants.is_empty() { "all".to_owned() } else { principal.tenants.join(", ") };
    let expires = principal.expire_time.map_or_else(|| "never".to_owned(), |at| text::time(Some(at)));
    let lines = [
        ("name", principal.name.clone()),
        ("kind", kind),
        ("id", principal.id.clone()),
        ("role", principal.role.clone()),
        ("tenants", tenants),
        ("may", principal.permissions.join(", ")),
        ("expires", expires),
    ];
    let lines = lines.into_iter().chain(principal.allowances.iter().map(|allowance| ("has", has(allowance))));
    let shown = lines.filter(|(_, value)| !value.is_empty());
    shown.map(|(name, value)| format!("{name:<10}{}", text::line(&value))).collect::<Vec<_>>().join("\n")
}

/// What a tenant has and may have, such as `acme: 3 of 10 stores, 6 creates a minute`.
fn has(allowance: &Allowance) -> String {
    let TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } =
        allowance.limits.unwrap_or_default();
    let used = allowance.used.map(|used| used.stores.to_string());
    let stores = match (used, stores) {
        (Some(used), Some(most)) => Some(format!("{used} of {most} stores")),
        (Some(used), None) => Some(format!("{used} stores")),
        (None, most) => most.map(|most| format!("at most {most} stores")),
    };
    let limit = |most: Option<i32>, what: &str| most.map(|most| format!("{most} {what}"));
    let parts = [
        stores,
        limit(creates_per_minute, "creates a minute"),
        limit(calls_per_second, "calls a second"),
        limit(watches, "watches"),
        limit(provisioning_at_once, "made at once"),
    ];
    format!("{}: {}", allowance.tenant, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use sendstores_client::v1::TenantUsage;

    use super::*;

    #[test]
    fn a_principal_is_shown_with_what_it_may_do() {
        let principal = Principal {
            kind: sendstores_client::v1::principal::Kind::Token.into(),
            name: "ci".to_owned(),
            id: "4fKq0ZpL2x".to_owned(),
            role: "tenant".to_owned(),
            permissions: vec!["stores.read".to_owned(), "stores.watch".to_owned()],
            tenants: vec!["acme".to_owned(), "bolt".to_owned()],
            expire_time: None,
            allowances: vec![
                Allowance {
                    tenant: "acme".to_owned(),
                    limits: Some(TenantLimits {
                        stores: Some(10),
                        watches: Some(5),
                        provisioning_at_once: Some(2),
                        ..TenantLimits::default()
                    }),
                    used: Some(TenantUsage { stores: 3 }),
                },
                Allowance { tenant: "bolt".to_owned(), used: Some(TenantUsage { stores: 1 }), ..Allowance::default() },
            ],
        };
        let lines = [
            "name      ci",
            "kind      token",
            "id        4fKq0ZpL2x",
            "role      tenant",
            "tenants   acme, bolt",
            "may       stores.read, stores.watch",
            "expires   never",
            "has       acme: 3 of 10 stores, 5 watches, 2 made at once",
            "has       bolt: 1 stores",
        ];
        assert_eq!(view(&principal), lines.join("\n"));
        assert_eq!(view(&Principal::default()).lines().nth(1), Some("tenants   all"));
    }
}
