//! A Redis on a disk that is full, started again whenever it ends, as its orchestrator would.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use uuid::Uuid;

use super::free_port;
use crate::wait::until;

/// The disk, with something on it that can be removed. It is seen by its Redis only, and gone with it.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=12m none "$1" && cd "$1" && dd if=/dev/zero of=ballast bs=1M count=11 status=none || exit 1
while :; do
  redis-server --port "$2" --bind 127.0.0.1 --requirepass "$3" --save "" --appendonly yes --appendfsync "$4" \
    --maxmemory-policy noeviction --enable-debug-command local
  sleep 0.1
done
"#;

/// Ended with the test.
pub struct RedisOnSmallDisk {
    port: u16,
    /// Nobody else's Redis has it, should the port be taken by one.
    password: String,
    process: Child,
    directory: TempDir,
}

// === impl RedisOnSmallDisk ===

impl RedisOnSmallDisk {
    pub async fn start(appendfsync: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("sendstores-disk-").tempdir().expect("a directory");
        let (port, password) = (free_port(), Uuid::now_v7().to_string());
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-c", SCRIPT, "sh"])
            .arg(directory.path())
            .args([&port.to_string(), &password, appendfsync])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv and unshare (Debian package util-linux)");
        let redis = Self { port, password, process, directory };
        until("redis-server on the small disk", async || (redis.cli(&["PING"]).await == "PONG").then_some(())).await;
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// Makes room.
    pub fn make_room(&self) {
        let supervisor = self.process.id();
        let children = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children"));
        let inside = children.expect("its child").trim().to_owned();
        let seen = PathBuf::from(format!("/proc/{inside}/root"))
            .join(self.directory.path().strip_prefix("/").expect("a whole path").join("ballast"));
        fs::remove_file(seen).expect("the ballast");
    }

    pub async fn cli(&self, words: &[&str]) -> String {
        let mut command = tokio::process::Command::new("redis-cli");
        command.args(["-p", &self.port.to_string(), "--no-auth-warning", "-a", &self.password]).args(words);
        let output = command.stdin(Stdio::null()).output().await.expect("redis-cli (Debian package redis-tools)");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for RedisOnSmallDisk {
    fn drop(&mut self) {
        // It fails only for a process that has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
