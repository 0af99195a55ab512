//! Files of the configuration that are read again when their content changes. While the new content is broken, the last good
//! one stays in use.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The largest file, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Why files cannot be used. Says nothing of what is in them, and has one line.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path} cannot be read: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("{path} has more than {LARGEST} bytes")]
    TooLarge { path: String },
    #[error("{path}: {why}")]
    Wrong { path: String, why: String },
}

/// What kind of files these are.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As log lines have it, such as "credentials file".
    pub name: &'static str,
    /// As the label `file` of metrics has it.
    pub label: &'static str,
    /// How often they are read. Kubernetes swaps mounted files by links, which is no event of a file.
    pub interval: Duration,
    /// The gauge that is 1 while they are broken, else 0.
    pub broken: &'static str,
}

/// One file and its content.
pub struct Source<'a> {
    path: &'a Path,
    pub bytes: &'a [u8],
}

/// What was read from one or more files; clones share what was read last.
pub struct Reloaded<T>(Arc<Inner<T>>);

type Parse<T> = dyn Fn(&[Source<'_>]) -> Result<T, FileError> + Send + Sync;
type Digests = Vec<[u8; 32]>;

struct Inner<T> {
    kind: Kind,
    paths: Vec<PathBuf>,
    parse: Box<Parse<T>>,
    current: RwLock<(Digests, Arc<T>)>,
    /// How often the content was replaced.
    epoch: AtomicU64,
    changes: watch::Sender<u64>,
}

// === impl Kind ===

impl Kind {
    /// Shows whether what was read last is in use.
    fn report(self, usable: bool) {
        metrics::gauge!(self.broken).set(if usable { 0.0 } else { 1.0 });
        report_reload(self.label, usable);
    }
}

/// Shows whether the files of this label were usable when they were read last.
pub fn report_reload(label: &'static str, usable: bool) {
    metrics::gauge!("sendstores_config_reload_success", "file" => label).set(if usable { 1.0 } else { 0.0 });
}

// === impl Reloaded ===

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Reads the files. `parse` gets their contents in the order of `paths`.
    ///
    /// # Errors
    /// A file cannot be read, or `parse` refuses them.
    pub fn open(
        kind: Kind,
        paths: Vec<PathBuf>,
        parse: impl Fn(&[Source<'_>]) -> Result<T, FileError> + Send + Sync + 'static,
    ) -> Result<Self, FileError> {
        let contents = read(&paths)?;
        let value = Arc::new(parse(&sources(&paths, &contents))?);
        let current = RwLock::new((digests(&contents), value));
        let (epoch, changes) = (AtomicU64::new(0), watch::Sender::new(0));
        Ok(Self(Arc::new(Inner { kind, paths, parse: Box::new(parse), current, epoch, changes })))
    }

    /// What was read last.
    pub fn get(&self) -> Arc<T> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Grows each time that other content was read, after [`Self::get`] has it.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }

    /// Reports each new epoch.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Reads the files again whenever their content has changed, until `stop`. `changed` is called after that.
    pub async fn keep(self, stop: CancellationToken, changed: impl Fn(&T)) {
        let Kind { name, interval, .. } = self.0.kind;
        let mut last = None;
        self.0.kind.report(true);
        while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
            let files = self.clone();
            let read = tokio::task::spawn_blocking(move || files.reload().map_err(|error| error.to_string())).await;
            let read = read.unwrap_or_else(|error| Err(error.to_string()));
            if let Ok(true) = read {
                tracing::info!(file = name, "a file of the configuration has changed and is in use");
                changed(&self.get());
            }
            let error = read.err();
            self.0.kind.report(error.is_none());
            if let Some(error) = error.as_ref().filter(|error| last.as_ref() != Some(*error)) {
                tracing::error!(
                    file = name,
                    error,
                    "a file of the configuration is broken; what was read before holds"
                );
            }
            last = error;
        }
    }

    /// Whether there was something new to read.
    pub(crate) fn reload(&self) -> Result<bool, FileError> {
        let Inner { paths, parse, current, epoch, changes, .. } = &*self.0;
        let contents = read(paths)?;
        let digests = digests(&contents);
        if digests == current.read().unwrap_or_else(PoisonError::into_inner).0 {
            return Ok(false);
        }
        let value = Arc::new(parse(&sources(paths, &contents))?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = (digests, value);
        changes.send_replace(epoch.fetch_add(1, Ordering::Release) + 1);
        Ok(true)
    }
}

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> std::fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reloaded").field(&self.0.paths).finish()
    }
}

// === impl Source ===

impl Source<'_> {
    /// The file is refused for this reason.
    pub fn wrong(&self, why: impl std::fmt::Display) -> FileError {
        FileError::Wrong { path: self.path.display().to_string(), why: why.to_string() }
    }

    /// The content as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, FileError> {
        std::str::from_utf8(self.bytes).map_err(|_| self.wrong("it is not UTF-8"))
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, FileError> {
    paths.iter().map(|path| content(path)).collect()
}

fn content(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |error| FileError::Unreadable { path: path.display().to_string(), error };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > LARGEST {
        return Err(FileError::TooLarge { path: path.display().to_string() });
    }
    Ok(bytes)
}

fn sources<'a>(paths: &'a [PathBuf], contents: &'a [Vec<u8>]) -> Vec<Source<'a>> {
    paths.iter().zip(contents).map(|(path, bytes)| Source { path, bytes }).collect()
}

/// Keys are not kept longer than they are parsed, so that what was read is compared by its digest.
fn digests(contents: &[Vec<u8>]) -> Digests {
    contents.iter().map(|bytes| Sha256::digest(bytes).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind =
        Kind { name: "test file", label: "test", interval: Duration::from_secs(1), broken: "test_broken" };

    fn number(sources: &[Source<'_>]) -> Result<u32, FileError> {
        sources[0].text()?.trim().parse().map_err(|_| sources[0].wrong("it is no number"))
    }

    #[test]
    fn what_breaks_leaves_what_was_read_before() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "1").expect("written");
        let files = Reloaded::open(KIND, vec![file.path().to_owned()], number).expect("read");
        assert_eq!((*files.get(), files.epoch(), files.reload().expect("as before")), (1, 0, false));
        let large = "1".repeat(LARGEST as usize + 1);
        for broken in ["", "x", "\u{0}", &large] {
            fs::write(file.path(), broken).expect("written");
            let why = files.reload().expect_err("refused").to_string();
            assert!(why.starts_with(&file.path().display().to_string()) && why.lines().count() == 1, "{why}");
            assert_eq!((*files.get(), files.epoch()), (1, 0));
        }
        let mut changes = files.changes();
        fs::write(file.path(), "2").expect("written");
        assert!(files.reload().expect("read") && changes.has_changed().expect("open"));
        assert_eq!((*files.get(), files.epoch(), *changes.borrow_and_update()), (2, 1, 1));
        fs::remove_file(file.path()).expect("removed");
        assert!(files.reload().expect_err("gone").to_string().contains("cannot be read"));
        assert_eq!(*files.get(), 2);
    }
}
