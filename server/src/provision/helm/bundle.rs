//! What is installed, as a digest: a release that carries another one is not what we would install now.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sendstores_core::Store;
use sha2::{Digest, Sha256};

use super::values;

/// Chart and environment as they were first seen by this server; they belong to it like its own program.
pub(super) struct Bundle(Sha256);

// === impl Bundle ===

impl Bundle {
    pub(super) fn read(chart: &Path, values: &[PathBuf]) -> Result<Self, String> {
        let mut files = Vec::new();
        collect(chart, &mut files).map_err(|error| format!("chart {}: {error}", chart.display()))?;
        files.sort();
        let mut hash = Sha256::new();
        for file in files.iter().chain(values) {
            let content = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let name = file.strip_prefix(chart).unwrap_or_else(|_| Path::new("values"));
            hash.update(name.as_os_str().as_encoded_bytes());
            hash.update(content.len().to_be_bytes());
            hash.update(content);
        }
        Ok(Self(hash))
    }

    /// Short enough for a label. Whether the store is exposed is no part of it.
    pub(super) fn digest(&self, store: &Store) -> String {
        let mut hash = self.0.clone();
        hash.update(values::document(store, false));
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
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
