//! What the stores of each engine are installed from.

use std::path::PathBuf;

use clap::Args;
use sendstores_core::Engine;

use super::check::{Problems, file};
use crate::provision::{ChartFiles, Charts, ENGINES};

/// The flags.
#[derive(Debug, Args)]
pub struct ChartArgs {
    /// Folder of the chart that is installed for each store, as FOLDER or ENGINE=FOLDER; may be repeated, once for each engine.
    /// Default: charts/ENGINE. Without ENGINE, the chart of the engine that stores have by default (woocommerce).
    #[arg(long = "chart", env = "SENDSTORES_CHART", value_name = "[ENGINE=]FOLDER", value_delimiter = ',')]
    pub charts: Vec<String>,
    /// Values file of this environment for a chart, as FILE or ENGINE=FILE. May be repeated; later files override earlier ones.
    #[arg(long = "values", env = "SENDSTORES_VALUES", value_name = "[ENGINE=]FILE", value_delimiter = ',')]
    pub values: Vec<String>,
    /// Folder of releases that stores are made from, one folder each with a release.yaml, a values.yaml that is laid over
    /// --values, and perhaps a chart. Without it, stores are made from --chart and --values. Read again with them on SIGHUP.
    #[arg(long, env = "SENDSTORES_RELEASES", value_name = "FOLDER")]
    pub releases: Option<PathBuf>,
}

// === impl ChartArgs ===

impl ChartArgs {
    pub(super) fn check(self, problems: &mut Problems) -> Option<Charts> {
        let mut charts = Charts::default();
        if let Some(folder) = self.releases.and_then(|path| problems.take("releases", folder(path))) {
            charts = charts.with_releases(folder);
        }
        let mut whole = true;
        let given: Vec<_> = self.charts.iter().map(|text| of_engine(text)).collect();
        let values: Vec<_> = self.values.iter().map(|text| of_engine(text)).collect();
        for engine in ENGINES.names() {
            let mut own = given.iter().filter(|(of, _)| *of == Some(engine)).map(|(_, folder)| folder.clone());
            let folder = own.next().unwrap_or_else(|| PathBuf::from(format!("charts/{engine}")));
            let once = own.next().map_or(Ok(()), |_| Err(format!("given twice for the engine {engine}")));
            let folder = problems.take("chart", once.and_then(|()| chart(folder)));
            let own = values.iter().filter(|(of, _)| *of == Some(engine)).map(|(_, path)| path.clone());
            let values: Vec<_> = own.map(|path| problems.take("values", file(path))).collect();
            match (folder, values.into_iter().collect()) {
                (Some(chart), Some(values)) => charts = charts.with(engine, ChartFiles { chart, values }),
                _ => whole = false,
            }
        }
        whole.then_some(charts)
    }
}

/// `ENGINE=PATH`, or the path for the default engine. What is no engine's name belongs to the path.
fn of_engine(text: &str) -> (Option<Engine>, PathBuf) {
    let named = text.split_once('=').and_then(|(name, path)| Some((ENGINES.named(name)?, path)));
    match named {
        Some((engine, path)) => (Some(engine), path.into()),
        None => (ENGINES.default_engine().map(|facts| facts.engine), text.into()),
    }
}

fn chart(path: PathBuf) -> Result<PathBuf, String> {
    let found = path.join("Chart.yaml").is_file();
    found.then(|| path.clone()).ok_or_else(|| format!("{} is not a folder with a Chart.yaml", path.display()))
}

fn folder(path: PathBuf) -> Result<PathBuf, String> {
    path.is_dir().then(|| path.clone()).ok_or_else(|| format!("{} is not a folder", path.display()))
}

/// As `name = value`, one a flag.
pub(super) fn print(charts: &Charts) -> [(&'static str, String); 3] {
    let each = |paths: &mut dyn Iterator<Item = String>| paths.collect::<Vec<_>>().join(",");
    let folders = charts.iter().map(|(engine, files)| format!("{engine}={}", files.chart.display()));
    let values = charts
        .iter()
        .flat_map(|(engine, files)| files.values.iter().map(move |path| format!("{engine}={}", path.display())));
    let releases = charts.releases().map_or_else(|| "[none]".to_owned(), |folder| folder.display().to_string());
    [("chart", each(&mut { folders })), ("values", each(&mut { values })), ("releases", releases)]
}
