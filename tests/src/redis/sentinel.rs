//! A primary, two replicas, and three sentinels that watch over them.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{RedisServer, free_port};
use crate::wait::until;

const SENTINELS: usize = 3;
const SERVERS: usize = 3;

/// They name the primary `main`. Ended with the test.
pub struct Guarded {
    pub servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    port: u16,
    process: Child,
    _data: TempDir,
}

// === impl Guarded ===

impl Guarded {
    pub async fn start() -> Self {
        let mut servers = Vec::new();
        for _ in 0..SERVERS {
            let settings = [
                ("min-replicas-to-write", "1"),
                ("min-replicas-max-lag", "2"),
                ("repl-diskless-sync-delay", "0"),
                ("repl-ping-replica-period", "1"),
            ];
            servers.push(RedisServer::start_with(&settings).await);
        }
        let primary = servers[0].port();
        for replica in &servers[1..] {
            replica.follow(&servers[0]).await;
        }
        let mut guarded = Self { servers, sentinels: Vec::new() };
        guarded.replicas_online(0, SERVERS - 1).await;
        guarded.sentinels.extend((0..SENTINELS).map(|_| Sentinel::start(primary)));
        let all = format!("num-other-sentinels\n{}\n", SENTINELS - 1);
        for sentinel in &guarded.sentinels {
            until("the sentinels to know each other and the replicas", async || {
                let known = sentinel.ask(&["sentinel", "master", "main"]).await + "\n";
                (known.contains(&all) && known.contains(&format!("num-slaves\n{}\n", SERVERS - 1))).then_some(())
            })
            .await;
        }
        guarded
    }

    /// Has the sentinels ask for this password.
    pub async fn require_password(&self, password: &str) {
        for sentinel in &self.sentinels {
            assert_eq!(sentinel.ask(&["acl", "setuser", "default", &format!(">{password}")]).await, "OK");
        }
    }

    pub fn url(&self) -> String {
        let others: String =
            self.sentinels[1..].iter().map(|other| format!("&node=127.0.0.1:{}", other.port)).collect();
        format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName=main{others}", self.sentinels[0].port)
    }

    /// Which server the sentinels take for the primary; none while they do not agree.
    pub async fn primary(&self) -> Option<usize> {
        let mut named = Vec::new();
        for sentinel in &self.sentinels {
            named.push(sentinel.ask(&["sentinel", "get-master-addr-by-name", "main"]).await);
        }
        named.dedup();
        let [name] = named.as_slice() else { return None };
        self.servers.iter().position(|server| name.ends_with(&format!("\n{}", server.port())))
    }

    /// Waits until the sentinels have made another one the primary.
    pub async fn failover(&self, from: usize) -> usize {
        until("the failover", async || self.primary().await.filter(|primary| *primary != from)).await
    }

    /// Waits until so many replicas follow this server.
    pub async fn replicas_online(&self, server: usize, count: usize) {
        until("the replicas to follow", async || {
            let info = self.servers[server].cli(["INFO", "replication"]).await;
            (info.matches("state=online").count() == count).then_some(())
        })
        .await;
    }
}

// === impl Sentinel ===

impl Sentinel {
    fn start(primary: u16) -> Self {
        let data = tempfile::Builder::new().prefix("sendstores-sentinel-").tempdir().expect("a directory");
        let port = free_port();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nlogfile log\nsentinel monitor main 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds main 1500\nsentinel failover-timeout main 4000\nsentinel parallel-syncs main 2\n",
            data.path().display()
        );
        let file = data.path().join("sentinel.conf");
        fs::write(&file, settings).expect("its settings");
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server"])
            .arg(file)
            .arg("--sentinel")
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv (Debian package util-linux)");
        Self { port, process, _data: data }
    }

    async fn ask(&self, words: &[&str]) -> String {
        let mut command = tokio::process::Command::new("redis-cli");
        command.args(["-p", &self.port.to_string()]).args(words).stdin(Stdio::null());
        let output = command.output().await.expect("redis-cli (Debian package redis-tools)");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // It fails only for a process that has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
