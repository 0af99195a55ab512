//! Where backups go.

use std::path::PathBuf;

use clap::Args;
use sendstores_core::Uid;

use super::check::{Problems, duration, file};
use crate::provision::{BackupSettings, RepositoryUrl, derived_key};

/// The files of a pair of S3 keys.
const S3_KEYS: [&str; 2] = ["access-key-id", "secret-access-key"];

/// The flags.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Repository for backups, as a URL that restic takes, such as `s3:https://s3.example.com/bucket/{uid}` or
    /// `rest:https://backup.example.com/{uid}`. {uid} is replaced by the uid of the store: each has a repository of its own.
    /// Default: none; then stores cannot be backed up.
    #[arg(long, env = "SENDSTORES_BACKUP_REPOSITORY", value_name = "URL")]
    pub backup_repository: Option<String>,
    /// File whose first line is the secret that the keys of all repositories are derived from: 32 characters or more. Without it
    /// no backup can be read, so keep a copy elsewhere. Needed with --backup-repository.
    #[arg(long, env = "SENDSTORES_BACKUP_KEY_FILE", value_name = "FILE")]
    pub backup_key_file: Option<PathBuf>,
    /// Folder with the files access-key-id and secret-access-key of an S3 repository, and perhaps ca.crt, the authority of its
    /// certificate. They are read again for each backup.
    #[arg(long, env = "SENDSTORES_BACKUP_S3_CREDENTIALS", value_name = "FOLDER")]
    pub backup_s3_credentials: Option<PathBuf>,
    /// Time limit of the Job that makes a backup, or that removes one.
    #[arg(long, env = "SENDSTORES_BACKUP_DEADLINE", default_value = "30m", value_name = "DURATION")]
    pub backup_deadline: String,
}

// === impl BackupArgs ===

impl BackupArgs {
    /// `Some(None)`: there is no repository.
    pub(super) fn check(self, problems: &mut Problems) -> Option<Option<BackupSettings>> {
        let Self { backup_repository, backup_key_file, backup_s3_credentials, backup_deadline } = self;
        let deadline = problems.take("backup-deadline", duration(&backup_deadline, 60..=86_400));
        let given = backup_repository.is_some();
        let key_file = match (backup_key_file, given) {
            (Some(path), _) => problems.take("backup-key-file", key_file(path)).map(Some),
            (None, true) => problems.take("backup-key-file", Err(WITHOUT_KEY.to_owned())),
            (None, false) => Some(None),
        };
        let s3_credentials = match backup_s3_credentials {
            Some(path) => problems.take("backup-s3-credentials", s3_credentials(path)).map(Some),
            None => Some(None),
        };
        let Some(repository) = backup_repository else {
            return deadline.and(key_file).and(s3_credentials).map(|_| None);
        };
        let repository: Result<RepositoryUrl, _> = repository.parse();
        let repository = problems.take("backup-repository", repository.map_err(|why| why.to_string()))?;
        let s3_credentials = match s3_credentials? {
            None if repository.is_s3() => problems.take("backup-s3-credentials", Err(WITHOUT_S3_KEYS.to_owned()))?,
            folder => folder,
        };
        Some(Some(BackupSettings { repository, key_file: key_file??, s3_credentials, deadline: deadline? }))
    }
}

const WITHOUT_KEY: &str =
    "is needed with --backup-repository: backups are encrypted with keys that are derived from it";
const WITHOUT_S3_KEYS: &str = "is needed with an s3: repository";

fn key_file(path: PathBuf) -> Result<PathBuf, String> {
    let path = file(path)?;
    let named = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| named(error.to_string()))?;
    let any: Uid = "00000000-0000-0000-0000-000000000000".parse().map_err(|error| named(format!("{error}")))?;
    derived_key(&text, &any).map_err(named)?;
    Ok(path)
}

fn s3_credentials(folder: PathBuf) -> Result<PathBuf, String> {
    let missing = S3_KEYS.iter().find(|name| !folder.join(name).is_file());
    missing.map_or(Ok(()), |name| Err(format!("{} is not a file", folder.join(name).display())))?;
    Ok(folder)
}

/// As `name = value`, one a flag.
pub(super) fn print(settings: Option<&BackupSettings>) -> Vec<(&'static str, String)> {
    let none = || "[none]".to_owned();
    let Some(BackupSettings { repository, key_file, s3_credentials, deadline }) = settings else {
        return vec![("backup-repository", none())];
    };
    let folder = s3_credentials.as_ref().map_or_else(none, |folder| folder.display().to_string());
    vec![
        ("backup-repository", repository.to_string()),
        ("backup-key-file", key_file.display().to_string()),
        ("backup-s3-credentials", folder),
        ("backup-deadline", humantime::format_duration(*deadline).to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clap::Parser;

    use crate::args::Args;

    fn check(flags: &[String]) -> Result<String, String> {
        let chart = format!("--chart={}/../charts/woocommerce", env!("CARGO_MANIFEST_DIR"));
        let args = ["sendstores-server".to_owned(), chart].into_iter().chain(flags.iter().cloned());
        let config = Args::try_parse_from(args).expect("known flags").check();
        config.map(|config| config.print()).map_err(|problems| problems.to_string())
    }

    fn flags(folder: &Path, secret: &str) -> [String; 3] {
        fs::write(folder.join("key"), secret).unwrap();
        [
            "--backup-repository=s3:https://s3.example.com/bucket/{uid}".to_owned(),
            format!("--backup-key-file={}", folder.join("key").display()),
            format!("--backup-s3-credentials={}", folder.display()),
        ]
    }

    #[test]
    fn a_repository_needs_a_key_and_the_keys_of_s3() {
        let folder = tempfile::tempdir().unwrap();
        let secret = "0123456789abcdef0123456789abcdef\n";
        let all = flags(folder.path(), secret);
        let refused = check(&all).unwrap_err();
        assert!(refused.contains("--backup-s3-credentials") && refused.contains("access-key-id"), "{refused}");
        for name in super::S3_KEYS {
            fs::write(folder.path().join(name), "S3cret").unwrap();
        }
        let printed = check(&all).unwrap();
        assert!(printed.contains("backup-repository = s3:https://s3.example.com/bucket/{uid}\n"), "{printed}");
        assert!(printed.contains("backup-deadline = 30m\n") && !printed.contains(&secret[..32]), "{printed}");
        let refused = check(&all[..1]).unwrap_err();
        assert!(refused.contains("--backup-key-file") && refused.contains("--backup-s3-credentials"), "{refused}");
        let refused = check(&flags(folder.path(), "short")).unwrap_err();
        assert!(refused.contains("--backup-key-file") && refused.contains("32 characters"), "{refused}");
        let bad = ["--backup-repository=s3:https://s3.example.com/bucket".to_owned(), all[1].clone(), all[2].clone()];
        assert!(check(&bad).unwrap_err().contains("{uid}"));
        let rest = "--backup-repository=rest:https://backup.example.com/{uid}".to_owned();
        let key = flags(folder.path(), secret)[1].clone();
        assert!(check(&[rest, key, "--backup-deadline=2h".to_owned()]).unwrap().contains("backup-deadline = 2h\n"));
    }

    #[test]
    fn without_a_repository_there_are_no_backups() {
        assert!(check(&[]).unwrap().contains("backup-repository = [none]\n"));
        assert!(check(&["--backup-deadline=1s".to_owned()]).unwrap_err().contains("--backup-deadline"));
    }
}
