//! `sendstores-server auth check`: what the bindings file says of a caller.

use sendstores_core::access::{Decision, Target, decide};

use crate::{
    args::CheckArgs,
    auth::{Bindings, Subject},
    grpc::{Needs, needs},
};

/// What is printed.
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) text: String,
}

/// Decides as the server would.
///
/// # Errors
/// The file cannot be used, or there is no such method.
pub(super) fn check(args: CheckArgs) -> Result<Verdict, String> {
    let CheckArgs { file, subjects, method, tenant } = args;
    let bindings = Bindings::open(file).map_err(|error| error.to_string())?;
    let (path, needs) = needs(&method).ok_or_else(|| format!("--method: there is no method {method:?}"))?;
    let verdict = |allowed, why: String| {
        let word = if allowed { "allowed" } else { "denied" };
        Ok(Verdict { allowed, text: format!("{word}: {path}: {why}\n") })
    };
    let permission = match needs {
        Needs::Nothing => return verdict(true, "everybody may call it".to_owned()),
        Needs::AnyRole => None,
        Needs::Permission(permission) => Some(permission),
    };
    let Some((subject, binding)) = bindings.find(&subjects) else {
        let names: Vec<_> = subjects.iter().map(Subject::to_string).collect();
        return verdict(false, format!("no binding names {}", names.join(" or ")));
    };
    let row = format!("{subject} has {binding}");
    let Some(permission) = permission else { return verdict(true, format!("every role may call it; {row}")) };
    let principal = binding.principal(subject, None).map_err(|why| format!("{subject} {why}"))?;
    let target = tenant.as_ref().map_or(Target::Method, |tenant| Target::Store(Some(tenant)));
    match decide(&principal, permission, target) {
        Decision::Allowed => verdict(true, format!("needs {permission}; {row}")),
        Decision::Denied => verdict(false, format!("needs {permission}, which it does not have; {row}")),
        Decision::Hidden => verdict(false, format!("a store of that tenant does not exist for it; {row}")),
    }
}
