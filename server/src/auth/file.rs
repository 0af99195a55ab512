//! The credentials file: tokens that an operator declares, for a Redis that has none, and for declarative setups.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sendstores_core::{
    Invalid, Permission, Principal, PrincipalName, Role, Scope, TenantId, Timestamp, access::PrincipalKind,
    token::TokenDigest,
};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::files::{FileError, Kind, Reloaded, Source};

const FILE: Kind = Kind {
    name: "credentials file",
    label: "credentials",
    interval: Duration::from_secs(2),
    broken: "sendstores_credentials_file_broken",
};

/// The credentials of one file; clones share what was read last.
#[derive(Clone, Debug)]
pub struct CredentialsFile(Reloaded<Principals>);

type Principals = HashMap<TokenDigest, Arc<Principal>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    credentials: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    role: String,
    #[serde(default)]
    tenants: Vec<String>,
    #[serde(default)]
    abilities: Option<Vec<String>>,
    sha256: String,
    #[serde(default)]
    expires: Option<String>,
}

// === impl CredentialsFile ===

impl CredentialsFile {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or anything in it is wrong.
    pub fn open(path: PathBuf) -> Result<Self, FileError> {
        Reloaded::open(FILE, vec![path], |sources| sources.iter().try_fold(HashMap::new(), parse)).map(Self)
    }

    /// Reads the file again whenever its content has changed, until `stop`. While it is broken, what was read last holds.
    pub async fn keep(self, stop: CancellationToken) {
        self.0.keep(stop, |_| {}).await;
    }

    /// The principal of the token with this digest, expired or not.
    pub(super) fn principal(&self, digest: &TokenDigest) -> Option<Arc<Principal>> {
        self.0.get().get(digest).cloned()
    }

    /// Says when the file was read again.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.0.epoch()
    }
}

/// The principals of a file, beside those of the files before it.
fn parse(mut principals: Principals, file: &Source<'_>) -> Result<Principals, FileError> {
    let malformed = |error: serde_saphyr::Error| {
        file.wrong(format_args!("this is no credentials file: {}", first_line(&error.to_string())))
    };
    let document: Document = serde_saphyr::from_str(file.text()?).map_err(malformed)?;
    for (i, row) in document.credentials.into_iter().enumerate() {
        let wrong = |why: Invalid| file.wrong(format_args!("credential {}: {why}", i + 1));
        let (digest, principal) = row.parse().map_err(wrong)?;
        if principals.insert(digest, Arc::new(principal)).is_some() {
            return Err(wrong(Invalid::new("sha256 is that of another credential")));
        }
    }
    Ok(principals)
}

/// What follows the first line of an error shows the file's text.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

// === impl Row ===

impl Row {
    fn parse(self) -> Result<(TokenDigest, Principal), Invalid> {
        let of = |field: &str, why: Invalid| Invalid::new(format_args!("{field} {why}"));
        let role = role(&self.role)?;
        let name: PrincipalName = self.name.parse().map_err(|why| of("name", why))?;
        let principal = Principal {
            kind: PrincipalKind::File,
            name,
            id: String::new(),
            role,
            scope: Scope::of_role(role, tenants(&self.tenants)?)?,
            abilities: self.abilities.as_deref().map(abilities).transpose()?,
            expires: self.expires.as_deref().map(time).transpose()?,
        };
        Ok((TokenDigest::parse(&self.sha256).map_err(|why| of("sha256", why))?, principal))
    }
}

pub(super) fn role(text: &str) -> Result<Role, Invalid> {
    let all = || Role::ALL.map(Role::as_str).join(", ");
    Role::parse(text).ok_or_else(|| Invalid::new(format_args!("role must be one of {}", all())))
}

pub(super) fn tenants(ids: &[String]) -> Result<Vec<TenantId>, Invalid> {
    ids.iter().map(|id| id.parse().map_err(|why| Invalid::new(format_args!("tenants {why}")))).collect()
}

pub(super) fn abilities(names: &[String]) -> Result<BTreeSet<Permission>, Invalid> {
    let ability = |name: &String| {
        Permission::parse(name).ok_or_else(|| Invalid::new("abilities has a permission that does not exist"))
    };
    names.iter().map(ability).collect()
}

fn time(text: &str) -> Result<Timestamp, Invalid> {
    let parsed = humantime::parse_rfc3339_weak(text);
    parsed.map(Timestamp::from).map_err(|_| Invalid::new("expires must be a time such as 2027-01-31T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::auth::{AuthError, Authenticator, Credentials, Recognised, digest, generate};
    use crate::mirror::Mirror;

    fn row(digest: &TokenDigest, rest: &str) -> String {
        format!("credentials:\n  - name: ci\n    sha256: {digest}\n    {rest}\n")
    }

    fn open(text: &str) -> (tempfile::NamedTempFile, Result<CredentialsFile, FileError>) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        let opened = CredentialsFile::open(file.path().to_owned());
        (file, opened)
    }

    fn bearer(header: &str) -> Credentials<'_> {
        Credentials { header: Some(header.as_bytes()), certificate: None }
    }

    #[tokio::test]
    async fn a_token_of_the_file_is_recognised_until_it_expires() {
        for (expires, says) in [("2999-01-01T00:00:00Z", None), ("2020-01-01", Some(AuthError::Expired))] {
            let expires = if expires.len() < 12 { format!("{expires}T00:00:00Z") } else { expires.to_owned() };
            let token = generate();
            let (_file, opened) =
                open(&row(&digest(&token), &format!("role: tenant\n    tenants: [acme]\n    expires: {expires}")));
            let auth = Authenticator::new(Mirror::new(8), Some(opened.expect("a file")));
            let said = auth.authenticate(bearer(&format!("Bearer {}", token.expose()))).await;
            assert_eq!(said.as_ref().err().cloned(), says);
            if let Ok(Recognised { principal, .. }) = said {
                assert_eq!((principal.to_string().as_str(), principal.role), ("file:ci", Role::Tenant));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_what_is_in_the_file() {
        let digest = digest(&generate());
        for (rest, part) in [
            ("role: king", "role must be one of admin"),
            ("role: tenant", "needs a tenant"),
            ("role: admin\n    tenants: [acme]", "takes none"),
            ("role: tenant\n    tenants: [ACME]", "tenants"),
            ("role: admin\n    abilities: [stores.fly]", "abilities"),
            ("role: admin\n    expires: soon", "expires"),
            ("role: admin\n    colour: red", "colour"),
        ] {
            let (_file, opened) = open(&row(&digest, rest));
            let why = opened.expect_err(rest).to_string();
            assert!(why.contains(part), "{why}");
            assert!(!why.contains(&digest.to_string()) && why.lines().count() == 1, "{why}");
        }
        for text in ["", "credentials: 7", "[", "credentials: []\ntokens: []", "\u{0}"] {
            assert!(open(text).1.is_err(), "{text:?}");
        }
        let twice = row(&digest, "role: admin") + &row(&digest, "role: reader").replace("credentials:\n", "");
        assert!(open(&twice).1.expect_err("refused").to_string().contains("another credential"));
    }

    #[test]
    fn a_file_that_breaks_leaves_what_was_read_before() {
        let (one, two) = (generate(), generate());
        let (file, opened) = open(&row(&digest(&one), "role: admin"));
        let opened = opened.expect("a file");
        let epoch = opened.epoch();
        for broken in ["credentials: [{}]", "[", ""] {
            fs::write(file.path(), broken).expect("written");
            assert!(opened.0.reload().is_err());
            assert!(opened.principal(&digest(&one)).is_some());
        }
        assert_eq!(opened.epoch(), epoch);
        fs::write(file.path(), row(&digest(&two), "role: reader")).expect("written");
        opened.0.reload().expect("read");
        assert!(opened.principal(&digest(&one)).is_none() && opened.principal(&digest(&two)).is_some());
        assert_ne!(opened.epoch(), epoch);
    }
}
