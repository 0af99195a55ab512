//! How the merchant gets into the administration of a shop.

use std::fmt;

use crate::v1::GetCredentialsResponse;

/// How the merchant gets into the administration of a shop. Its `Debug` form is without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// Address of the shop's administration.
    pub admin_url: String,
    /// Login name.
    pub user: String,
    /// Password as it was made; one that was changed in the shop since is not known to the server.
    pub password: Password,
}

/// A password. It has no `Display`, and its `Debug` form hides it: only [`Password::expose`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

// === impl Password ===

impl Password {
    /// The password itself. Take care where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl From<GetCredentialsResponse> for Credentials {
    fn from(answer: GetCredentialsResponse) -> Self {
        let GetCredentialsResponse { admin_url, user, password } = answer;
        Self { admin_url, user, password: Password(password) }
    }
}

impl From<Credentials> for GetCredentialsResponse {
    fn from(credentials: Credentials) -> Self {
        let Credentials { admin_url, user, password } = credentials;
        Self { admin_url, user, password: password.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_on_request_only() {
        let credentials = Credentials::from(GetCredentialsResponse {
            admin_url: "http://a/wp-admin/".to_owned(),
            user: "merchant".to_owned(),
            password: "S3cret".to_owned(),
        });
        assert!(!format!("{credentials:?}{credentials:#?}").contains("S3cret"));
        assert_eq!(credentials.password.expose(), "S3cret");
    }
}
