//! The port to the secrets of a store: read when a caller asks for them, and kept nowhere else.

use std::{fmt, future::Future, pin::Pin};

use crate::{provisioner::StepError, store::Store};

/// How the merchant gets into the administration of a shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub admin_url: String,
    pub user: String,
    pub password: Password,
}

/// A password. It is shown by nothing but [`Password::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// What [`ReadCredentials::read_credentials`] returns: boxed, so that the port can be held without naming who is behind
/// it.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Option<Credentials>, StepError>> + Send + 'a>>;

/// Where the credentials of stores can be read.
pub trait ReadCredentials: Send + Sync + 'static {
    /// The credentials of this very store; the uid excludes an earlier one of its id. `None`: they are not made
    /// yet, or what is there is not this store's. Never changes anything.
    fn read_credentials<'a>(&'a self, store: &'a Store) -> Reading<'a>;
}

// === impl Password ===

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password itself. The caller must not write it anywhere.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let credentials =
            Credentials { admin_url: "http://a/wp-admin/".into(), user: "m".into(), password: Password::new("S3cret") };
        assert!(!format!("{credentials:?}{credentials:#?}").contains("S3cret"));
        assert_eq!(credentials.password.expose(), "S3cret");
    }
}
