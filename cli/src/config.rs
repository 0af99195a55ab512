//! The file of contexts: which servers this user knows, and how to call them.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::{Exit, Failure};

pub(crate) const CONFIG_VARIABLE: &str = "SENDSTORES_CONFIG";

/// What the file has. What a newer version wrote there is kept.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Config {
    /// The name of the context that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    pub(crate) contexts: BTreeMap<String, Context>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A server, and how to call it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Context {
    pub(crate) server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_plaintext_token: bool,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A text that is never shown.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

/// Where the file is.
#[derive(Debug)]
pub(crate) struct ConfigFile(PathBuf);

// === impl Secret ===

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

// === impl Config ===

impl Config {
    /// A context by its name.
    pub(crate) fn context(&self, name: &str) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            Failure::new(Exit::Failed, format!("there is no context {name}"))
                .hint("`sendstores context list` shows those there are, `sendstores login NAME --server URL` makes one")
        })
    }
}

// === impl ConfigFile ===

impl ConfigFile {
    /// `SENDSTORES_CONFIG`, else `sendstores/config.json` where the system keeps settings.
    pub(crate) fn of_user() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = || variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
        let path = variable(CONFIG_VARIABLE).or_else(|| folder().map(|folder| folder.join("sendstores/config.json")));
        Self(path.unwrap_or_else(|| PathBuf::from("sendstores-config.json")))
    }

    #[cfg(test)]
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What the file has; nothing if there is none.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(self.cannot("read", &error)),
        };
        serde_json::from_str(&text).map_err(|error| {
            self.cannot("read", &error).hint("correct it, or remove it and log in again with `sendstores login`")
        })
    }

    /// Changes the file, so that another run of the program sees the whole of it or nothing.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Config) -> Result<T, Failure>) -> Result<T, Failure> {
        // A link to the file stays one.
        let path = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(|error| self.cannot("write", &error))?;
        // Two logins at once would otherwise lose one of them. The lock ends with the file.
        let lock = fs::File::create(path.with_extension("lock")).map_err(|error| self.cannot("write", &error))?;
        lock.lock().map_err(|error| self.cannot("write", &error))?;
        let mut config = self.load()?;
        let changed = change(&mut config)?;
        replace(&path, folder, &config).map_err(|error| self.cannot("write", &error))?;
        Ok(changed)
    }

    /// Whether others on this machine can read the file.
    pub(crate) fn is_open_to_others(&self) -> bool {
        fs::metadata(&self.0).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    }

    fn cannot(&self, what: &str, error: &dyn fmt::Display) -> Failure {
        Failure::new(Exit::Failed, format!("cannot {what} {}: {error}", self.0.display()))
    }
}

fn replace(path: &Path, folder: &Path, config: &Config) -> io::Result<()> {
    // It is made for its owner alone (0600), before it has anything in it.
    let mut file = tempfile::Builder::new().prefix(".config").tempfile_in(folder)?;
    writeln!(file, "{}", serde_json::to_string_pretty(config)?)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(server: &str) -> Context {
        Context { server: server.to_owned(), token: Some(Secret("sst_secret".to_owned())), ..Context::default() }
    }

    #[test]
    fn a_file_is_made_for_its_owner_and_keeps_what_it_does_not_know() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ConfigFile(folder.path().join("deep/config.json"));
        assert_eq!(file.load().expect("nothing"), Config::default());
        let add = |config: &mut Config| Ok(config.contexts.insert("prod".to_owned(), with("https://a")));
        file.change(add).expect("written");
        assert!(!file.is_open_to_others());
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(&folder.path().join("deep"))), (0o600, 0o700));
        assert!(!format!("{:?}", file.load().expect("read")).contains("sst_secret"));

        let newer = r#"{"current": "prod", "theme": 1, "contexts": {"prod": {"server": "https://a", "proxy": "b"}}}"#;
        fs::write(file.path(), newer).expect("write");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(file.is_open_to_others());
        file.change(|config| Ok(config.contexts.insert("dev".to_owned(), with("http://b")))).expect("written");
        let text = fs::read_to_string(file.path()).expect("text");
        assert!(text.contains("\"theme\": 1") && text.contains("\"proxy\": \"b\""), "{text}");
        assert!(!file.is_open_to_others());
    }

    #[test]
    fn logins_at_once_lose_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        let logins = (0..16).map(|i| {
            let path = path.clone();
            let add = move |config: &mut Config| Ok(config.contexts.insert(format!("c{i}"), with("http://a")));
            std::thread::spawn(move || ConfigFile(path).change(add).expect("written"))
        });
        logins.collect::<Vec<_>>().into_iter().for_each(|login| drop(login.join().expect("no panic")));
        assert_eq!(ConfigFile(path).load().expect("read").contexts.len(), 16);
    }

    #[test]
    fn a_damaged_file_is_named_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ConfigFile(folder.path().join("config.json"));
        fs::write(file.path(), "{").expect("write");
        file.load().expect_err("damaged");
        file.change(|_| Ok(())).expect_err("damaged");
        assert_eq!(fs::read_to_string(file.path()).expect("text"), "{");
    }
}
