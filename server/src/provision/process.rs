//! Child processes: the only place that starts one.
//!
//! A child leads a process group of its own. It ends by itself, by its deadline (SIGTERM, then SIGKILL to the whole
//! group), or because the future that waits for it is dropped (SIGKILL at once). Should this process be killed, the
//! kernel kills the child where `setpriv` is there to ask for it.

use std::{ffi::OsString, io, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin},
    time::timeout,
};

/// How much is kept of what a program says of its work.
const MAX_OUTPUT: usize = 64 * 1024;
/// How much is kept of what it makes, such as the objects of a chart.
const MAX_PRODUCT: usize = 1024 * 1024;

/// How long an output may stay open after the end of its process: only a process that left the group can hold it.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// What to run.
pub(crate) struct Run<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// Set for the child, on top of what it inherits.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Variables with these beginnings are not inherited.
    pub(crate) withheld: &'static [&'static str],
    pub(crate) input: Vec<u8>,
    pub(crate) deadline: Duration,
    /// From SIGTERM to SIGKILL.
    pub(crate) grace: Duration,
    /// `setpriv`, when the child shall die with us.
    pub(crate) setpriv: Option<&'a Path>,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    /// By a signal that was not ours.
    Killed,
    /// By us, since it took too long.
    TimedOut,
}

/// A child that has ended, and the last part of what it wrote.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: End,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The group of a running child; killed when dropped.
struct Group(Option<Pid>);

/// The last bytes of an output.
struct Tail {
    bytes: Vec<u8>,
    most: usize,
}

/// Runs to the end. Fails only when the child could not be started.
pub(crate) async fn run(run: Run<'_>) -> io::Result<Finished> {
    let mut child = start(&run)?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let (mut out, mut err) = (Tail::of(MAX_PRODUCT), Tail::of(MAX_OUTPUT));
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let end = {
        let talk = async {
            let (stdin, stdout, stderr) = streams;
            tokio::join!(feed(stdin, &run.input), out.fill(stdout), err.fill(stderr));
        };
        tokio::pin!(talk);
        let ended = ended(&mut child, &mut group, run.deadline, run.grace);
        tokio::pin!(ended);
        tokio::select! {
            end = &mut ended => {
                // What is still open belongs to a process that left the group; what was written is kept.
                let _ = timeout(STRAGGLERS, &mut talk).await;
                end?
            }
            () = &mut talk => ended.await?,
        }
    };
    Ok(Finished { end, stdout: out.text(), stderr: err.text() })
}

fn start(run: &Run<'_>) -> io::Result<Child> {
    let mut command = match run.setpriv {
        Some(setpriv) => {
            let mut command = tokio::process::Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(run.program);
            command
        }
        None => tokio::process::Command::new(run.program),
    };
    for (name, _) in std::env::vars_os() {
        if run.withheld.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
    command
        .args(&run.arguments)
        .envs(run.environment.iter().map(|(name, value)| (name, value)))
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Waits for the child and takes its whole group down with it.
async fn ended(child: &mut Child, group: &mut Group, deadline: Duration, grace: Duration) -> io::Result<End> {
    let end = match timeout(deadline, child.wait()).await {
        Ok(status) => match status?.code() {
            Some(code) => End::Exited(code),
            None => End::Killed,
        },
        Err(_) => {
            group.signal(Signal::TERM);
            if timeout(grace, child.wait()).await.is_err() {
                group.signal(Signal::KILL);
                child.wait().await?;
            }
            End::TimedOut
        }
    };
    group.finish();
    Ok(end)
}

/// A child that does not read its input has decided so; its exit code says why.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
    }
}

// === impl Group ===

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            // Fails only when no process is left.
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Kills what the leader left behind. The number is free for others once the group is empty: forget it.
    fn finish(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

// === impl Tail ===

impl Tail {
    fn of(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    async fn fill(&mut self, source: Option<impl AsyncRead + Unpin>) {
        let Some(mut source) = source else { return };
        let mut buffer = vec![0; 8 * 1024];
        while let Ok(count @ 1..) = source.read(&mut buffer).await {
            self.push(&buffer[..count]);
        }
    }

    /// Trims at twice the limit only, so that a flood is not copied over and over.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * self.most {
            self.bytes.drain(..self.bytes.len() - self.most);
        }
    }

    fn text(mut self) -> String {
        let surplus = self.bytes.len().saturating_sub(self.most);
        self.bytes.drain(..surplus);
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Run<'static> {
        Run {
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("GIVEN", "given".into())],
            withheld: &["CARGO_"],
            input: b"one line\n".to_vec(),
            deadline: Duration::from_secs(20),
            grace: Duration::from_millis(200),
            setpriv: None,
        }
    }

    /// Whether a member of the group is alive; a zombie that waits for init is not.
    fn group_lives(leader: &str) -> bool {
        let Ok(processes) = std::fs::read_dir("/proc") else { return false };
        processes.flatten().any(|entry| {
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { return false };
            let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
            fields.len() > 2 && fields[2] == leader && fields[0] != "Z"
        })
    }

    /// Who was killed is there for a moment longer than the files that it held.
    async fn group_ended(leader: &str) {
        let gone = async {
            while group_lives(leader) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), gone).await.unwrap();
    }

    #[tokio::test]
    async fn a_child_reads_its_input_and_says_how_it_ended() {
        let finished = run(shell("cat; echo $GIVEN$CARGO_PKG_NAME >&2; exit 3")).await.unwrap();
        assert_eq!(finished.end, End::Exited(3));
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("one line\n", "given\n"));
    }

    #[tokio::test]
    async fn a_child_that_ignores_sigterm_dies_at_its_deadline_with_its_group() {
        let mut stubborn = shell("trap '' TERM; echo $$; sleep 1000 & while :; do sleep 1000; done");
        stubborn.deadline = Duration::from_millis(300);
        let finished = run(stubborn).await.unwrap();
        assert_eq!(finished.end, End::TimedOut);
        group_ended(finished.stdout.trim()).await;
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_does_not_block() {
        let finished = run(shell("yes 0123456789 | head -c 30000000 >&2; echo end >&2")).await.unwrap();
        assert_eq!(finished.end, End::Exited(0));
        assert!(finished.stderr.len() <= MAX_OUTPUT && finished.stderr.ends_with("end\n"));
    }

    #[tokio::test]
    async fn what_a_child_leaves_behind_does_not_outlive_it() {
        let finished = run(shell("echo $$; sleep 1000 & exit 0")).await.unwrap();
        assert_eq!(finished.end, End::Exited(0));
        group_ended(finished.stdout.trim()).await;
    }

    #[tokio::test]
    async fn a_dropped_run_is_killed() {
        let file = std::env::temp_dir().join(format!("sendstores-process-{}", std::process::id()));
        let script = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 1000", file.display());
        let leader = {
            let running = run(shell(&script));
            tokio::pin!(running);
            loop {
                assert!(timeout(Duration::from_millis(10), &mut running).await.is_err());
                if let Ok(text) = std::fs::read_to_string(&file) {
                    break text.trim().to_owned();
                }
            }
        };
        let _ = std::fs::remove_file(&file);
        group_ended(&leader).await;
    }
}
