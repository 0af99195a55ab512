//! What the contract says that a method needs, for commands that explain a decision.

use sendstores_core::Permission;
use sendstores_proto::access::{METHODS, MethodAccess, Rule};

/// What a caller of a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: also callers that are not recognised may call it.
    Nothing,
    /// A role, whichever it is.
    AnyRole,
    Permission(Permission),
}

/// The service whose methods may be named without it.
const FIRST: &str = "/sendstores.v1.StoreService/";

/// The path of a method, such as `Delete`, `AccountService.GetPrincipal` or a whole path, and what it needs. `None`: there is no
/// such method.
pub fn needs(name: &str) -> Option<(&'static str, Needs)> {
    let by_path = |path: &str| METHODS.iter().find(|row| row.path == path);
    let ends_so = |row: &&MethodAccess| {
        row.path.rsplit_once('/').is_some_and(|(service, method)| {
            let short = service.rsplit('.').next().unwrap_or(service);
            name == method || name.split_once('.') == Some((short, method))
        })
    };
    let row = by_path(name).or_else(|| by_path(&format!("{FIRST}{name}"))).or_else(|| METHODS.iter().find(ends_so))?;
    let needs = match row.rule {
        Rule::Open => Needs::Nothing,
        Rule::Reflection => Needs::AnyRole,
        Rule::Permission(name) => Needs::Permission(Permission::parse(name)?),
    };
    Some((row.path, needs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_found_by_their_short_names() {
        let delete = ("/sendstores.v1.StoreService/Delete", Needs::Permission(Permission::StoresDelete));
        for name in ["Delete", "StoreService.Delete", "/sendstores.v1.StoreService/Delete"] {
            assert_eq!(needs(name), Some(delete), "{name}");
        }
        let principal = "/sendstores.v1.AccountService/GetPrincipal";
        assert_eq!(needs("GetPrincipal").expect("a method"), (principal, Needs::Permission(Permission::AccountRead)));
        assert_eq!(needs("Health.Check").expect("a method").1, Needs::Nothing);
        assert_eq!(needs("ServerReflectionInfo").expect("a method").1, Needs::AnyRole);
        for name in ["", "delete", "Fly", "AccountService.Delete", "/", "."] {
            assert_eq!(needs(name), None, "{name:?}");
        }
    }

    #[test]
    fn every_method_of_the_contract_is_found() {
        for MethodAccess { path, .. } in METHODS {
            assert_eq!(needs(path).map(|(path, _)| path), Some(*path));
        }
    }
}
