//! Programs that are started for a measurement, on a processor of their own, and end with it.

use std::{
    ffi::OsStr,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use rand::RngExt;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::cpu;

/// Where what is measured runs, and where who measures does.
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;

/// Below those of outgoing connections.
const PORTS: Range<u16> = 20_000..32_000;

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; killed when dropped.
pub(crate) struct Program(Child);

/// Keeps this process to its own processor.
pub(crate) fn stay_on_generator_core() {
    let mut cores = CpuSet::new();
    cores.set(GENERATOR_CORE);
    sched_setaffinity(None, &cores).expect("two processors: one for the servers, one for who measures them");
}

/// A port that was free a moment ago. It is none of those that the system gives to outgoing connections, one of which would
/// take it while a server is started again.
pub(crate) fn free_address() -> SocketAddr {
    let mut rng = rand::rng();
    let addresses = std::iter::repeat_with(|| SocketAddr::from((Ipv4Addr::LOCALHOST, rng.random_range(PORTS))));
    let mut free = addresses.filter(|address| TcpListener::bind(address).is_ok());
    free.next().expect("a free port")
}

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

// === impl Program ===

impl Program {
    /// Must be called by the main thread: the program is killed with the thread that started it.
    pub(crate) fn start<S: AsRef<OsStr>>(
        path: &Path,
        args: impl IntoIterator<Item = S>,
        env: &[(&str, &Path)],
    ) -> Self {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "taskset", "--cpu-list", &SERVER_CORE.to_string()])
            .arg(path)
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("setpriv and taskset (Debian package util-linux)"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Processor time it has used so far.
    pub(crate) fn cpu(&self) -> Duration {
        cpu::time(self.pid())
    }

    /// Writes a line to its input.
    pub(crate) fn say(&mut self) {
        let input: &mut ChildStdin = self.0.stdin.as_mut().expect("its input");
        input.write_all(b"\n").expect("it reads");
    }

    /// Fails if it has ended.
    pub(crate) fn assert_runs(&mut self, what: &str) {
        let ended = self.0.try_wait().expect("its status");
        assert!(ended.is_none(), "{what} has ended: {ended:?}");
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        // Fails only for one that has ended by itself.
        let _ = self.0.kill();
        self.0.wait().expect("its end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
