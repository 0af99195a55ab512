//! Redis as SendStores wants it: every write is on disk before it is acknowledged.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::program::{Program, free_address, until};

pub(crate) struct Redis {
    program: Program,
    address: SocketAddr,
    data: TempDir,
}

// === impl Redis ===

impl Redis {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder for the data");
        let address = free_address();
        let mut redis = Self { program: launch(address, data.path()), address, data };
        redis.answering().await;
        redis
    }

    /// `kill -9`, and a start with what is on disk.
    pub(crate) async fn restart(&mut self) {
        self.program.kill();
        self.program = launch(self.address, self.data.path());
        self.answering().await;
    }

    async fn answering(&mut self) {
        let address = self.address;
        let program = &mut self.program;
        until("Redis' first answer", async || {
            program.assert_runs("redis-server");
            (ask(address, &["PING"]).as_deref() == Some("PONG")).then_some(())
        })
        .await;
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.program.pid()
    }

    pub(crate) fn cpu(&self) -> Duration {
        self.program.cpu()
    }

    /// What redis-cli prints.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        ask(self.address, args).expect("an answer of Redis")
    }
}

fn launch(address: SocketAddr, data: &Path) -> Program {
    let port = address.port().to_string();
    let settings = [
        ["--bind", "127.0.0.1"],
        ["--port", &port],
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--maxmemory-policy", "noeviction"],
        ["--save", ""],
        // A rewrite of its file in the middle of a round would be charged to that round alone.
        ["--auto-aof-rewrite-percentage", "0"],
    ];
    let data = data.to_str().expect("a plain path");
    Program::start(Path::new("redis-server"), settings.iter().flatten().copied().chain(["--dir", data]), &[])
}

fn ask(address: SocketAddr, args: &[&str]) -> Option<String> {
    let port = address.port().to_string();
    let output = Command::new("redis-cli").args(["-e", "-p", &port]).args(args).stdin(Stdio::null()).output();
    let output = output.expect("redis-cli (Debian package redis-tools)");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
