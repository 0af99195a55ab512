//! Our server, as it is released, without a cluster.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use super::{Redis, health};
use crate::{
    cpu,
    program::{Program, free_address},
};

/// How a server is started.
#[derive(Clone)]
pub(crate) struct Setup {
    redis_url: String,
    /// Where it listens; the same after a restart.
    pub(crate) address: SocketAddr,
    access: &'static str,
}

pub(crate) struct Ours {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    _kubeconfig: TempDir,
    /// A cluster that takes connections and never answers: what is begun there is not a load.
    _cluster: TcpListener,
}

// === impl Setup ===

impl Setup {
    pub(crate) fn on(redis: &Redis) -> Self {
        Self { redis_url: redis.url(), address: free_address(), access: "--insecure-no-auth" }
    }

    /// The same, for callers with a token.
    pub(crate) fn with_auth(self) -> Self {
        Self { access: "--reflection=authenticated", ..self }
    }

    /// A token of an administrator.
    pub(crate) fn token(&self) -> String {
        self.token_of(&["--role", "admin"])
    }

    /// A token with these flags of `token create`.
    pub(crate) fn token_of(&self, flags: &[&str]) -> String {
        let args = ["--redis-url", &self.redis_url, "token", "create", "--name", "bench"];
        let mut make = Command::new(program("sendstores-server"));
        let made = make.args(args).args(flags).output().expect("start the server's program");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).expect("a text").trim().to_owned()
    }

    /// Starts a server and waits until it serves.
    pub(crate) async fn start(&self) -> Ours {
        let mut ours = self.launch();
        health::serving(&mut ours.program, ours.address).await;
        ours
    }

    pub(crate) fn launch(&self) -> Ours {
        let cluster = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let folder = tempfile::tempdir().expect("a folder for the kubeconfig");
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, kubeconfig_of(cluster.local_addr().expect("its address"))).expect("a kubeconfig");
        let listen = self.address.to_string();
        let flags = ["--listen", &listen, "--admin-listen", "127.0.0.1:0", "--redis-url", &self.redis_url];
        // READY stores are left alone: what is measured is the API.
        let quiet = ["--probe-interval=0s", "--cron-interval=0s", "--max-streams-per-peer=0", self.access];
        let args = flags.into_iter().chain(quiet);
        let program = Program::start(&program("sendstores-server"), args, &[("KUBECONFIG", kubeconfig.as_path())]);
        Ours { program, address: self.address, _kubeconfig: folder, _cluster: cluster }
    }
}

// === impl Ours ===

impl Ours {
    pub(crate) fn cpu(&self) -> Duration {
        self.program.cpu()
    }

    pub(crate) fn resident(&self) -> f64 {
        cpu::resident(self.program.pid())
    }
}

/// A program of this workspace, built beside this one.
pub(super) fn program(name: &str) -> std::path::PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let path = this.parent().map(|folder: &Path| folder.join(name)).expect("its folder");
    assert!(path.is_file(), "{} is missing: run `cargo build --release --workspace --bins`", path.display());
    path
}

fn kubeconfig_of(cluster: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: bench\n\
         clusters: [{{name: bench, cluster: {{server: \"http://{cluster}\"}}}}]\n\
         contexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]\n\
         users: [{{name: bench, user: {{}}}}]\n"
    )
}
