//! The chart and the values files, as they were when this server read them: at its start, and each time it was asked to.
//!
//! helm gets a copy. A file that is edited, or half written, beside a running server reaches no store before a reload.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sendstores_core::{ReleaseName, Store};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::values;
use crate::provision::config::ChartFiles;

const CHART: &str = "chart";
/// The largest file, in bytes: helm takes no larger one.
const MAX_FILE: u64 = 5 * 1024 * 1024;
/// What all files of a reading may have, in bytes. What helm keeps of it fits into a Secret, with 1 MiB.
const MAX_ALL: u64 = 32 * 1024 * 1024;
const MOST_FILES: usize = 2_000;
/// How many entries of folders are looked at.
const MOST_ENTRIES: usize = 10_000;
/// How deep the folders of a chart may be. A link may lead into its own folder.
const MOST_DEEP: usize = 12;

/// One reading. Its copy is removed when it is dropped.
pub(super) struct Files {
    name: ReleaseName,
    hash: Sha256,
    copy: TempDir,
    values: usize,
}

/// What a folder has.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    /// How many were looked at, folders included.
    entries: usize,
}

/// What was read so far.
struct Reading {
    hash: Sha256,
    bytes: u64,
}

// === impl Files ===

impl Files {
    /// Copies the chart and the values into a new folder of `scratch`. `name` is that of the release, where one is declared.
    pub(super) fn read(sources: &ChartFiles, name: Option<&ReleaseName>, scratch: &Path) -> Result<Self, String> {
        let ChartFiles { chart, values } = sources;
        let mut found = Found::default();
        found.collect(chart, 0).map_err(|error| format!("chart {}: {error}", chart.display()))?;
        let Found { mut files, entries: _ } = found;
        files.sort();
        let copy = copy_in(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        let mut reading = Reading { hash: Sha256::new(), bytes: 0 };
        for file in &files {
            let name = file.strip_prefix(chart).unwrap_or(file);
            reading.add(name, file, &copy.path().join(CHART).join(name))?;
        }
        for (number, file) in values.iter().enumerate() {
            reading.add(Path::new("values"), file, &value(copy.path(), number))?;
        }
        let mut hash = reading.hash;
        // Two releases are two, also where all that they have is the same.
        hash.update(name.map(ReleaseName::as_str).unwrap_or_default());
        let name = name.cloned().unwrap_or_else(ReleaseName::standing_in);
        Ok(Self { name, hash, copy, values: values.len() })
    }

    /// What the release is called.
    pub(super) fn name(&self) -> &ReleaseName {
        &self.name
    }

    pub(super) fn chart(&self) -> PathBuf {
        self.copy.path().join(CHART)
    }

    /// The values files, in their order.
    pub(super) fn values(&self) -> impl Iterator<Item = PathBuf> {
        (0..self.values).map(|number| value(self.copy.path(), number))
    }

    /// Tells what a release of `store` is made from: one with another digest is not what would be installed now. Short enough for
    /// a label. Whether the store is exposed is no part of it.
    pub(super) fn digest(&self, store: &Store) -> String {
        let mut hash = self.hash.clone();
        hash.update(values::document(store, false));
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.hash.clone().finalize() == other.hash.clone().finalize()
    }
}

fn copy_in(scratch: &Path) -> io::Result<TempDir> {
    fs::create_dir_all(scratch)?;
    tempfile::Builder::new().prefix("files-").tempdir_in(scratch)
}

fn value(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("values-{number}.yaml"))
}

// === impl Reading ===

impl Reading {
    /// Adds one file to the digest under `name`, and to the copy.
    fn add(&mut self, name: &Path, file: &Path, copy: &Path) -> Result<(), String> {
        let content = content(file).map_err(|error| format!("{}: {error}", file.display()))?;
        self.bytes = self.bytes.saturating_add(content.len().try_into().unwrap_or(u64::MAX));
        if self.bytes > MAX_ALL {
            return Err(format!("{}: with it the chart and the values have more than {MAX_ALL} bytes", file.display()));
        }
        let copied = copy.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(copy, &content));
        copied.map_err(|error| format!("{}: {error}", copy.display()))?;
        self.hash.update(name.as_os_str().as_encoded_bytes());
        self.hash.update(content.len().to_be_bytes());
        self.hash.update(content);
        Ok(())
    }
}

/// What is read without an end, such as a pipe, is not opened.
fn content(file: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("is not a file"));
    }
    let mut content = Vec::new();
    let read = fs::File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
    match u64::try_from(read) {
        Ok(read) if read <= MAX_FILE => Ok(content),
        _ => Err(io::Error::other(format!("has more than {MAX_FILE} bytes"))),
    }
}

// === impl Found ===

impl Found {
    fn collect(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        if depth > MOST_DEEP {
            return Err(io::Error::other(format!("{} is more than {MOST_DEEP} folders deep", folder.display())));
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            self.entries += 1;
            if path.is_dir() {
                self.collect(&path, depth + 1)?;
            } else {
                self.files.push(path);
            }
            if self.files.len() > MOST_FILES || self.entries > MOST_ENTRIES {
                return Err(io::Error::other(format!("has more than {MOST_FILES} files")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::provision::steps::fixtures;

    /// A chart with one template, and one values file.
    fn sources(folder: &Path) -> ChartFiles {
        let chart = folder.join("chart");
        fs::create_dir_all(chart.join("templates")).unwrap();
        fs::write(chart.join("templates/a.yaml"), "kind: A").unwrap();
        fs::write(folder.join("values.yaml"), "a: 1").unwrap();
        ChartFiles { chart, values: vec![folder.join("values.yaml")] }
    }

    fn refused(change: impl FnOnce(&Path)) -> String {
        let folder = TempDir::new().unwrap();
        let sources = sources(folder.path());
        change(folder.path());
        let read = Files::read(&sources, None, &folder.path().join("scratch"));
        read.map(|_| ()).expect_err("refused").replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn a_digest_is_that_of_the_files_and_of_the_name_of_their_release() {
        let folder = TempDir::new().unwrap();
        let (sources, store) = (sources(folder.path()), fixtures::store());
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let read = |name| Files::read(&sources, name, &folder.path().join("scratch")).unwrap();
        let digest = |name| read(name).digest(&store);
        assert_eq!(digest(Some(&one)), digest(Some(&one)));
        assert_ne!(digest(Some(&one)), digest(Some(&other)));
        assert_eq!(read(None).name(), &ReleaseName::standing_in());
        let before = digest(None);
        fs::write(folder.path().join("values.yaml"), "a: 2").unwrap();
        assert_ne!(digest(None), before);
    }

    #[test]
    fn a_reading_has_an_end_whatever_the_folder_has() {
        let deep = refused(|folder| symlink("../templates", folder.join("chart/templates/again")).unwrap());
        assert!(deep.contains("is more than 12 folders deep") || deep.contains("files"), "{deep}");
        let device = refused(|folder| symlink("/dev/zero", folder.join("chart/zero")).unwrap());
        assert_eq!(device, "/chart/zero: is not a file");
        let large = refused(|folder| {
            let file = fs::File::create(folder.join("chart/large")).unwrap();
            file.set_len(MAX_FILE + 1).unwrap();
        });
        assert_eq!(large, "/chart/large: has more than 5242880 bytes");
        let all = refused(|folder| {
            for number in 0..7 {
                fs::File::create(folder.join(format!("chart/{number}"))).unwrap().set_len(MAX_FILE).unwrap();
            }
        });
        assert!(all.ends_with("the chart and the values have more than 33554432 bytes"), "{all}");
        let many = refused(|folder| {
            for number in 0..=MOST_FILES {
                fs::write(folder.join(format!("chart/templates/{number}")), "").unwrap();
            }
        });
        assert!(many.contains("has more than 2000 files"), "{many}");
    }
}
