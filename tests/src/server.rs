//! The real server program, started and stopped as an operator would.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sendstores_client::{Client, RetryPolicy};

use crate::{programs::program, wait::until};

/// How a server is started.
pub struct ServerOptions {
    program: PathBuf,
    redis_url: String,
    url_is_secret: bool,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    with_auth: bool,
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

// === impl ServerOptions ===

impl ServerOptions {
    /// A server on this Redis whose cluster does not answer: stores stay where the ledger puts them.
    pub fn without_cluster(redis_url: &str) -> Self {
        let kubeconfig = dead_kubeconfig();
        let options = Self::new(redis_url);
        options.env("KUBECONFIG", kubeconfig.to_str().expect("a plain path"))
    }

    /// A server on this Redis and this cluster.
    pub fn with_cluster(redis_url: &str, kubeconfig: &str) -> Self {
        let options = Self::new(redis_url);
        options.env("KUBECONFIG", kubeconfig)
    }

    fn new(redis_url: &str) -> Self {
        let program = program("sendstores-server");
        let (flags, environment) = (Vec::new(), Vec::new());
        Self { program, redis_url: redis_url.to_owned(), url_is_secret: false, flags, environment, with_auth: false }
    }

    /// Another program than that of this workspace.
    pub fn program(mut self, path: PathBuf) -> Self {
        self.program = path;
        self
    }

    /// The URL of Redis has a password: it comes by the environment, which other users cannot read.
    pub fn with_secret_url(mut self) -> Self {
        self.url_is_secret = true;
        self
    }

    /// The server asks for tokens.
    pub fn with_auth(mut self) -> Self {
        self.with_auth = true;
        self
    }

    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, for tests of what happens before it serves.
    pub fn command(&self) -> Command {
        self.command_with_listen("127.0.0.1:0")
    }

    pub fn command_with_listen(&self, listen: &str) -> Command {
        // A server that is killed leaves its helm's folder behind, and that must be among our own.
        let scratch = workspace().join(".dev/tmp");
        std::fs::create_dir_all(&scratch).expect("a folder for what servers leave");
        let mut command = Command::new(&self.program);
        command
            .env("TMPDIR", &scratch)
            // Most tests are about something else. A server of before knows no such variable, and needs none.
            .env("SENDSTORES_INSECURE_NO_AUTH", (!self.with_auth).to_string())
            .args(["--listen", listen, "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .arg("--chart")
            .arg(workspace().join("charts/woocommerce"))
            .args(&self.flags)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        match self.url_is_secret {
            true => command.env("SENDSTORES_REDIS_URL", &self.redis_url),
            false => command.args(["--redis-url", &self.redis_url]),
        };
        command
    }

    /// Starts it, and waits until it listens: it may not be ready yet.
    pub async fn start(&self) -> Server {
        self.start_at("127.0.0.1:0").await
    }

    /// Starts it at an address, such as that of a server that has ended, and waits until it listens.
    pub async fn start_at(&self, listen: &str) -> Server {
        let mut child = self.command_with_listen(listen).stderr(Stdio::piped()).spawn().expect("start the server");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let (told, listening) = tokio::sync::oneshot::channel();
        let kept = log.clone();
        std::thread::spawn(move || {
            let mut told = Some(told);
            for line in lines.map_while(Result::ok) {
                if let Some(addresses) = addresses(&line)
                    && let Some(told) = told.take()
                {
                    let _ = told.send(addresses);
                }
                kept.lock().unwrap().push(line);
            }
        });
        let listening = tokio::time::timeout(Duration::from_secs(20), listening).await;
        match listening {
            Ok(Ok((grpc, admin))) => Server { child, grpc, admin, log },
            _ => panic!("the server does not listen: {:#?}", log.lock().unwrap()),
        }
    }

    /// Starts it, and waits until it can serve.
    pub async fn start_ready(&self) -> Server {
        let server = self.start().await;
        server.ready().await;
        server
    }
}

// === impl Server ===

impl Server {
    pub fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// A client that repeats nothing, so that a test sees each answer of the server.
    pub async fn client(&self) -> Client {
        Client::builder().retry(RetryPolicy::none()).connect(&self.url()).await.expect("connect")
    }

    /// Waits until all calls are answered, also those that need Redis.
    pub async fn ready(&self) {
        until("the server to be ready", async || {
            let answer = crate::http::get(self.admin, "/readyz/redis").await.ok()?;
            (answer.0 == 200).then_some(())
        })
        .await;
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of memory that it really has.
    pub fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("its status");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
        kib.and_then(|kib| kib.trim().parse::<usize>().ok()).expect("its memory") * 1024
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("its files").count()
    }

    /// Processes it has started and not yet reaped, by command line.
    pub fn children(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its threads");
        let of_thread = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.expect("a thread").path().join("children")).unwrap_or_default()
        };
        let ids = tasks.map(of_thread).collect::<String>();
        let command = |id: &str| std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        ids.split_whitespace().map(|id| command(id).replace('\0', " ")).collect()
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// `kill -9`.
    pub fn kill9(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("reap");
    }

    /// SIGTERM, and how it ended within `deadline`.
    pub fn terminate(self, deadline: Duration) -> (ExitStatus, Duration) {
        signal(self.pid(), "TERM");
        self.ended(deadline)
    }

    /// How it ended, within `deadline` from now; it was asked to before.
    pub fn ended(mut self, deadline: Duration) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return (status, begun.elapsed());
            }
            assert!(
                begun.elapsed() < deadline,
                "still running {deadline:?} after it was asked to stop: {:#?}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to one process, by its id.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("run kill");
    assert!(status.success(), "kill -{name} {pid}");
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The addresses of the "listening" line.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| line[name].as_str()?.parse().ok();
    Some((address("listen")?, address("admin")?))
}

/// A kubeconfig of a cluster that refuses every connection.
fn dead_kubeconfig() -> PathBuf {
    workspace().join("tests/fixtures/no-cluster.kubeconfig")
}
