//! Where backups go, and with which keys.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use sendstores_core::{Invalid, Uid};

/// Settings of backups. The files are read again for each Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSettings {
    pub repository: RepositoryUrl,
    /// Its first line is what the keys of all repositories are derived from.
    pub key_file: PathBuf,
    /// A folder with the files `access-key-id` and `secret-access-key`, and perhaps `ca.crt`. `None`: the repository needs none.
    pub s3_credentials: Option<PathBuf>,
    /// How long one Job may take.
    pub deadline: Duration,
}

/// The URL of a repository in the form that restic takes, where `{uid}` stands for the uid of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryUrl(String);

/// What stands for the uid.
const UID: &str = "{uid}";

// === impl RepositoryUrl ===

impl RepositoryUrl {
    pub fn of(&self, uid: &Uid) -> String {
        self.0.replace(UID, uid.as_str())
    }

    /// Whether it is reached with a pair of S3 keys.
    pub fn is_s3(&self) -> bool {
        self.0.starts_with("s3:")
    }
}

impl FromStr for RepositoryUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(
                "must be such as \"s3:https://s3.example.com/bucket/{uid}\" or \"rest:https://backup.example.com/{uid}\": each store \
                 has a repository of its own, so {uid} is a part of the path, once",
            )
        };
        let url = text.strip_prefix("s3:").or_else(|| text.strip_prefix("rest:")).ok_or_else(refused)?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or_else(refused)?;
        let (host, path) = rest.split_once('/').ok_or_else(refused)?;
        let parts = path.trim_end_matches('/').split('/');
        let whole = text.bytes().all(|byte| byte.is_ascii_graphic()) && !host.is_empty() && !host.contains(['{', '}']);
        if !whole || text.matches('{').count() != 1 || parts.filter(|part| *part == UID).count() != 1 {
            return Err(refused());
        }
        if host.contains('@') {
            return Err(Invalid::new(
                "must have no user or password in it: they would be seen in the environment of a pod",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_store_has_a_repository_of_its_own() {
        let uid: Uid = "0193b0a0-7c3e-7000-8000-0000000000af".parse().unwrap();
        for (template, url) in [
            ("s3:http://10.0.0.1:7070/bucket/{uid}", format!("s3:http://10.0.0.1:7070/bucket/{uid}")),
            ("s3:https://s3.example.com/bucket/a/{uid}/", format!("s3:https://s3.example.com/bucket/a/{uid}/")),
            ("rest:https://backup.example.com/{uid}", format!("rest:https://backup.example.com/{uid}")),
        ] {
            let template: RepositoryUrl = template.parse().unwrap();
            assert_eq!((template.of(&uid), template.is_s3()), (url.clone(), url.starts_with("s3")));
        }
        for bad in [
            "",
            "s3:https://s3.example.com/bucket",
            "s3:https://{uid}.example.com/bucket",
            "s3:https://s3.example.com/bucket/{uid}/{uid}",
            "s3:https://s3.example.com/bucket/a-{uid}",
            "s3:https://s3.example.com/bucket/{uid}/{id}",
            "s3:s3.example.com/bucket/{uid}",
            "local:/srv/{uid}",
            "https://s3.example.com/bucket/{uid}",
            "rest:https://user:password@backup.example.com/{uid}",
            "s3:https://s3.example.com/buck et/{uid}",
        ] {
            assert!(RepositoryUrl::from_str(bad).is_err(), "{bad:?}");
        }
    }
}
