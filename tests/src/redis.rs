//! A real redis-server for one test.

mod power;
mod proxy;
mod sentinel;
mod small_disk;

use std::{
    ffi::OsStr,
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::wait::until;

pub use power::Loss;
pub use proxy::{Cut, RedisProxy};
pub use sentinel::Guarded;
pub use small_disk::RedisOnSmallDisk;

/// A redis-server of our own: its port, its data, killed with the test. Durable as the product asks for.
pub struct RedisServer {
    port: u16,
    process: Option<Child>,
    data: TempDir,
    settings: Vec<String>,
    recorder: Option<power::Recorder>,
}

/// What a server had stored at one time.
pub struct Backup(TempDir);

const SETTINGS: [(&str, &str); 6] = [
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("aof-load-truncated", "no"),
    ("maxmemory-policy", "noeviction"),
    ("save", ""),
    // DEBUG DIGEST says whether anything was written.
    ("enable-debug-command", "local"),
];

/// What docs/operations.md says that the user of the ledger needs.
pub const RIGHTS: [&str; 24] = [
    "+evalsha",
    "+eval",
    "+hmget",
    "+hget",
    "+hset",
    "+hdel",
    "+hscan",
    "+hvals",
    "+hincrby",
    "+xadd",
    "+xrange",
    "+xrevrange",
    "+xread",
    "+zadd",
    "+zrem",
    "+zrangebyscore",
    "+get",
    "+set",
    "+exists",
    "+del",
    "+rename",
    "+time",
    "+select",
    "+config|get",
];

// === impl RedisServer ===

impl RedisServer {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with other settings, which win over the usual ones.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::launched(settings, None).await
    }

    async fn launched(settings: &[(&str, &str)], recorder: Option<power::Recorder>) -> Self {
        let settings =
            SETTINGS.iter().chain(settings).flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]);
        let data = tempfile::Builder::new().prefix("sendstores-redis-").tempdir().expect("a directory for the data");
        let mut server = Self { port: 0, process: None, data, settings: settings.collect(), recorder };
        // Another process may take the port between the look and the start.
        let mut starts = 0;
        while starts == 0 || !server.launch().await {
            assert!(starts < 5, "redis-server does not start:\n{}", server.log());
            starts += 1;
            server.port = free_port();
        }
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as a power switch would end its process.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It fails only for a process that has ended by itself.
            let _ = process.kill();
            process.wait().expect("the process to end");
        }
    }

    /// Starts it again on its port, with what it had stored. The end of a change that a crash cut is taken off first, as
    /// docs/operations.md wants it.
    pub async fn restart(&mut self) {
        self.kill9();
        self.mend();
        assert!(self.launch().await, "redis-server does not start again:\n{}", self.log());
    }

    /// Starts it again with the setting `--name value`; whether it does.
    pub async fn restart_with(&mut self, name: &str, value: &str) -> bool {
        self.kill9();
        self.settings.extend([format!("--{name}"), value.to_owned()]);
        let starts = self.launch().await;
        self.settings.truncate(self.settings.len() - 2);
        starts
    }

    /// Stops the process in its tracks: it is connected and says nothing.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// What redis-cli prints.
    pub async fn cli<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let port = self.port.to_string();
        let mut command = tokio::process::Command::new("redis-cli");
        command.args(["-e", "-p", &port]).args(args).stdin(Stdio::null());
        let output = command.output().await.expect("redis-cli (Debian package redis-tools)");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "redis-cli: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    pub async fn config_set(&self, setting: &str, value: &str) {
        self.cli(["CONFIG", "SET", setting, value]).await;
    }

    /// Makes it follow `primary`, and waits until it does.
    pub async fn follow(&self, primary: &Self) {
        self.cli(["REPLICAOF", "127.0.0.1", &primary.port.to_string()]).await;
        until("the replica to follow", async || {
            let info = self.cli(["INFO", "replication"]).await;
            info.contains("master_link_status:up").then_some(())
        })
        .await;
    }

    /// Copies what is stored, over a restart.
    pub async fn backup(&mut self) -> Backup {
        self.kill9();
        let copy = tempfile::tempdir().expect("a directory for the copy");
        copy_tree(self.data.path(), copy.path()).expect("a copy of the data");
        self.restart().await;
        Backup(copy)
    }

    /// Puts a copy in the place of what is stored, over a restart.
    pub async fn restore(&mut self, backup: &Backup) {
        self.kill9();
        self.data = tempfile::tempdir().expect("a directory for the data");
        copy_tree(&backup.0.path().join("."), self.data.path()).expect("a copy of the data");
        self.restart().await;
    }

    /// Where its files are.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Whether it runs and answers on its port.
    async fn launch(&mut self) -> bool {
        let port = self.port.to_string();
        // setpriv has it killed when the thread that starts it is gone, however that came.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server", "--port", &port, "--bind", "127.0.0.1", "--logfile", "log"])
            .args(&self.settings)
            .arg("--dir")
            .arg(self.data.path())
            .envs(self.recorder.iter().flat_map(power::Recorder::environment))
            .current_dir(self.data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv (Debian package util-linux)");
        let pid = process.id().to_string();
        self.process = Some(process);
        let ended_or_ready = until("redis-server to answer or to end", async || {
            let ended = self.process.as_mut()?.try_wait().expect("its status");
            match ended {
                Some(status) => {
                    assert_ne!(status.code(), Some(127), "redis-server is missing: apt-get install redis-server");
                    Some(false)
                }
                // Whoever else may listen there is not the process that we started.
                None => (self.answering_pid().await.as_ref() == Some(&pid)).then_some(true),
            }
        });
        ended_or_ready.await
    }

    /// The process behind the port, once it has loaded its data.
    async fn answering_pid(&self) -> Option<String> {
        let output = tokio::process::Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "INFO"])
            .stdin(Stdio::null())
            .output()
            .await
            .expect("redis-cli (Debian package redis-tools)");
        let info = String::from_utf8_lossy(&output.stdout).into_owned();
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        (field("loading:")? == "0").then_some(field("process_id:")?)
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().expect("a running server").id().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill (Debian package procps)");
        assert!(status.success(), "kill -s {signal} {pid}");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.data.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// A port that nobody had a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
