//! What the stores of each engine are installed from.

use std::{collections::BTreeMap, path::PathBuf};

use sendstores_core::Engine;

/// The chart of each engine, with the values of this environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charts(BTreeMap<Engine, ChartFiles>);

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
        self.0.insert(engine, files);
        self
    }

    pub(crate) fn get(&self, engine: Engine) -> Option<&ChartFiles> {
        self.0.get(&engine)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Engine, &ChartFiles)> {
        self.0.iter().map(|(engine, files)| (*engine, files))
    }
}

// === impl ChartFiles ===

impl ChartFiles {
    /// All files that have values, those of the chart first.
    pub fn values_in_order(&self) -> Vec<PathBuf> {
        [self.chart.join("values.yaml")].into_iter().chain(self.values.iter().cloned()).collect()
    }
}
