//! What the Job of a backup is given to reach the repository of its store.

use std::{collections::BTreeMap, fs, path::Path};

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use sendstores_core::{FailureReason, Uid, provisioner::StepError};

use crate::provision::config::BackupSettings;

/// Tells these keys from others that are derived from the same secret.
const PURPOSE: &[u8] = b"sendstores backup repository v1";
/// The least that the secret has, in characters.
const SHORTEST: usize = 32;
/// The largest file, in bytes.
const LARGEST: u64 = 64 * 1024;

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

/// The key of a store's repository in hex: HKDF-SHA256 of the first line of the key file, with the uid of the store. Nothing of it is
/// kept, so that it outlives namespace and Redis.
///
/// # Errors
/// The first line has less than 32 characters.
pub fn derived_key(key_file: &str, uid: &Uid) -> Result<String, String> {
    let secret = key_file.lines().next().unwrap_or_default().trim();
    if secret.chars().count() < SHORTEST {
        return Err(format!(
            "its first line must have {SHORTEST} characters or more, such as `openssl rand -hex 32` prints"
        ));
    }
    let info = [uid.as_str().as_bytes()];
    let derived = Salt::new(HKDF_SHA256, PURPOSE).extract(secret.as_bytes());
    let mut key = [0; 32];
    let filled = derived.expand(&info, Length).and_then(|material| material.fill(&mut key));
    filled.map_err(|_| "no key can be derived from it".to_owned())?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The files of the Secret of a Job. They are read now, so that replaced keys are used from the next Job on.
pub(super) fn read(settings: &BackupSettings, uid: &Uid) -> Result<BTreeMap<String, String>, StepError> {
    let refused = |why: String| StepError::retryable(FailureReason::Internal, why);
    let file = &settings.key_file;
    let secret = text(file).map_err(refused)?;
    let key = derived_key(&secret, uid).map_err(|why| refused(format!("{}: {why}", file.display())))?;
    let mut files = BTreeMap::from([("repository-password".to_owned(), key)]);
    let Some(folder) = &settings.s3_credentials else { return Ok(files) };
    for (file, name) in [("access-key-id", "aws-access-key-id"), ("secret-access-key", "aws-secret-access-key")] {
        let key = text(&folder.join(file)).map_err(refused)?;
        files.insert(name.to_owned(), key.trim().to_owned());
    }
    let authority = folder.join("ca.crt");
    if authority.is_file() {
        files.insert("ca.crt".to_owned(), text(&authority).map_err(refused)?);
    }
    Ok(files)
}

fn text(path: &Path) -> Result<String, String> {
    let named = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let size = fs::metadata(path).map_err(named)?.len();
    if size > LARGEST {
        return Err(format!("{} has more than {LARGEST} bytes", path.display()));
    }
    fs::read_to_string(path).map_err(named)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn uid(last: u8) -> Uid {
        format!("0193b0a0-7c3e-7000-8000-0000000000{last:02x}").parse().unwrap()
    }

    #[test]
    fn a_key_follows_from_the_first_line_and_the_uid_alone() {
        // As any other HKDF makes it: a backup can be read without this program.
        let key = derived_key(SECRET, &uid(0xaf)).unwrap();
        assert_eq!(key, "427b367bfeab97046f53b007e3b358e1e8800e6f5735755cec63688a85ad462e");
        assert_eq!(derived_key(&format!("{SECRET}\nthe one before\n"), &uid(0xaf)).unwrap(), key);
        assert_ne!(derived_key(SECRET, &uid(0xb0)).unwrap(), key);
        assert_ne!(derived_key(&SECRET.replace('0', "1"), &uid(0xaf)).unwrap(), key);
        for short in ["", "\n", &SECRET[1..], &format!("short\n{SECRET}")] {
            assert!(derived_key(short, &uid(1)).is_err(), "{short:?}");
        }
    }

    #[test]
    fn the_files_are_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("key", SECRET);
        put("access-key-id", "one\n");
        put("secret-access-key", "two\n");
        let settings = BackupSettings {
            repository: "s3:http://127.0.0.1:1/bucket/{uid}".parse().unwrap(),
            key_file: folder.path().join("key"),
            s3_credentials: Some(folder.path().to_owned()),
            deadline: Duration::from_secs(60),
        };
        let files = read(&settings, &uid(1)).unwrap();
        assert_eq!(files["repository-password"], derived_key(SECRET, &uid(1)).unwrap());
        assert_eq!((files["aws-access-key-id"].as_str(), files["aws-secret-access-key"].as_str()), ("one", "two"));
        assert_eq!(files.len(), 3);
        put("access-key-id", "three");
        put("ca.crt", "PEM");
        let files = read(&settings, &uid(1)).unwrap();
        assert_eq!((files["aws-access-key-id"].as_str(), files["ca.crt"].as_str()), ("three", "PEM"));
        fs::remove_file(folder.path().join("secret-access-key")).unwrap();
        assert!(read(&settings, &uid(1)).unwrap_err().message.contains("secret-access-key"));
    }
}
