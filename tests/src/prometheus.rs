//! A real Prometheus that scrapes servers of a test, and Prometheus' own tool.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{redis::free_port, wait::until};

/// Stopped when dropped. What it scrapes has the labels that a ServiceMonitor of the release gives.
pub struct Prometheus {
    child: Child,
    port: u16,
    _folder: TempDir,
}

// === impl Prometheus ===

impl Prometheus {
    /// Scrapes these admin ports once a second.
    pub async fn scraping(targets: &[SocketAddr]) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let config = folder.path().join("prometheus.yaml");
        fs::write(&config, configuration(targets)).expect("written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=error")
            .spawn()
            .expect("prometheus is missing: apt-get install prometheus");
        let prometheus = Self { child, port, _folder: folder };
        until("Prometheus to scrape", async || {
            let up = prometheus.query("sum(up)").ok()?;
            (up.first()?["value"][1].as_str()? == targets.len().to_string()).then_some(())
        })
        .await;
        prometheus
    }

    /// What it answers to a query now.
    ///
    /// # Errors
    /// What Prometheus says against the query.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let server = format!("http://127.0.0.1:{}", self.port);
        let said = promtool(&["query", "instant", "--format=json", &server, query], "");
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).trim().to_owned());
        }
        serde_json::from_slice(&said.stdout).map_err(|error| error.to_string())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs promtool with this on its standard input.
pub fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool is missing: apt-get install prometheus");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
    child.wait_with_output().expect("its output")
}

fn configuration(targets: &[SocketAddr]) -> String {
    let target = |(number, address): (usize, &SocketAddr)| {
        let labels = format!("{{namespace: sendstores-system, service: sendstores-metrics, pod: sendstores-{number}}}");
        format!("      - {{targets: ['{address}'], labels: {labels}}}\n")
    };
    let targets: String = targets.iter().enumerate().map(target).collect();
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: sendstores\n    static_configs:\n{targets}"
    )
}
