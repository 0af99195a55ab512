//! What the stores of each engine are installed from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sendstores_core::Engine;

/// The chart of each engine, with the values of this environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charts {
    engines: BTreeMap<Engine, ChartFiles>,
    /// The folder of releases.
    releases: Option<PathBuf>,
}

/// A chart, and what is said to it for every store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartFiles {
    /// The chart's folder.
    pub chart: PathBuf,
    /// The environment's values, in order; the store's own come after them.
    pub values: Vec<PathBuf>,
}

// === impl Charts ===

impl Charts {
    /// The same, with those of `engine`.
    #[must_use]
    pub fn with(mut self, engine: Engine, files: ChartFiles) -> Self {
        self.engines.insert(engine, files);
        self
    }

    /// The same, with the releases of this folder.
    #[must_use]
    pub fn with_releases(self, folder: PathBuf) -> Self {
        Self { releases: Some(folder), ..self }
    }

    /// The folder of releases. `None`: stores are made from the charts alone.
    pub fn releases(&self) -> Option<&Path> {
        self.releases.as_deref()
    }

    pub(crate) fn get(&self, engine: Engine) -> Option<&ChartFiles> {
        self.engines.get(&engine)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Engine, &ChartFiles)> {
        self.engines.iter().map(|(engine, files)| (*engine, files))
    }
}

// === impl ChartFiles ===

impl ChartFiles {
    /// All files that have values, those of the chart first.
    pub fn values_in_order(&self) -> Vec<PathBuf> {
        [self.chart.join("values.yaml")].into_iter().chain(self.values.iter().cloned()).collect()
    }
}
