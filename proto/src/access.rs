//! What each method of the API does and who may call it: the option `access` of every rpc, as a table.

use crate::v1::access::{Effect, Scope};

include!("generated/methods.rs");

/// The metadata of a call by which its caller forbids it to change anything, whatever its rights are.
pub const READ_ONLY: &str = "sendstores-read-only";

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every caller, also one without a token.
    Open,
    /// Every caller with a valid token, unless the operator opens or closes it.
    Reflection,
    /// Callers whose role has this permission.
    Permission(&'static str),
}

/// One row of [`METHODS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodAccess {
    pub method: Method,
    /// As an HTTP/2 request has it: "/sendstores.v1.StoreService/Get".
    pub path: &'static str,
    pub rule: Rule,
    /// Which stores a call concerns.
    pub scope: Scope,
    /// What a call does.
    pub effect: Effect,
    /// Whether a repetition with the same request has no further effect.
    pub idempotent: bool,
    /// Whether successful calls are recorded with their caller.
    pub audit: bool,
}

// === impl MethodAccess ===

impl MethodAccess {
    /// The row of the method with this path. `None`: there is no such method.
    pub fn of(path: &str) -> Option<&'static Self> {
        index(path).and_then(|index| METHODS.get(index))
    }
}
