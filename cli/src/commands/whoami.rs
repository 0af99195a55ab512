//! `sendstores whoami`.

use sendstores_client::v1::Principal;

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
    let shown = lines.iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(name, value)| format!("{name:<10}{}", text::line(value))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
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
        };
        let lines = [
            "name      ci",
            "kind      token",
            "id        4fKq0ZpL2x",
            "role      tenant",
            "tenants   acme, bolt",
            "may       stores.read, stores.watch",
            "expires   never",
        ];
        assert_eq!(view(&principal), lines.join("\n"));
        assert_eq!(view(&Principal::default()).lines().nth(1), Some("tenants   all"));
    }
}
