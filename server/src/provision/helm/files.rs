//! The chart and the values files, as they were when this server read them: at its start, and each time it was asked to.
//!
//! helm gets a copy. A file that is edited, or half written, beside a running server reaches no store before a reload.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sendstores_core::Store;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::values;
use crate::provision::config::ChartFiles;

const CHART: &str = "chart";

/// One reading. Its copy is removed when it is dropped.
pub(super) struct Files {
    hash: Sha256,
    copy: TempDir,
    values: usize,
}

// === impl Files ===

impl Files {
    /// Copies the chart and the values into a new folder of `scratch`.
    pub(super) fn read(sources: &ChartFiles, scratch: &Path) -> Result<Self, String> {
        let ChartFiles { chart, values } = sources;
        let mut files = Vec::new();
        collect(chart, &mut files).map_err(|error| format!("chart {}: {error}", chart.display()))?;
        files.sort();
        let copy = copy_in(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        let mut hash = Sha256::new();
        for file in &files {
            let name = file.strip_prefix(chart).unwrap_or(file);
            add(&mut hash, name, file, &copy.path().join(CHART).join(name))?;
        }
        for (number, file) in values.iter().enumerate() {
            add(&mut hash, Path::new("values"), file, &value(copy.path(), number))?;
        }
        Ok(Self { hash, copy, values: values.len() })
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

/// Adds one file to the digest under `name`, and to the copy.
fn add(hash: &mut Sha256, name: &Path, file: &Path, copy: &Path) -> Result<(), String> {
    let content = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let copied = copy.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(copy, &content));
    copied.map_err(|error| format!("{}: {error}", copy.display()))?;
    hash.update(name.as_os_str().as_encoded_bytes());
    hash.update(content.len().to_be_bytes());
    hash.update(content);
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
