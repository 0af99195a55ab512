//! The real `sendstores` program, run against a real server.
#![allow(dead_code)] // each test file uses its part

use std::{
    path::Path,
    process::{Output, Stdio},
};

use sendstores_tests::{
    programs::program,
    server::{signal, workspace},
    wait::DEADLINE,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// -1 when a signal killed it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run of the program under way.
pub(crate) struct Running {
    child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    read: String,
}

/// The program with its arguments, split at spaces, talking to the server at `url`.
pub(crate) fn command(url: &str, arguments: &str) -> Command {
    let mut command = Command::new(program("sendstores"));
    // The user who runs the tests may have contexts.
    for variable in ["SENDSTORES_TOKEN", "SENDSTORES_TOKEN_FILE", "SENDSTORES_CONTEXT"] {
        command.env_remove(variable);
    }
    command.env("SENDSTORES_CONFIG", workspace().join(".dev/tmp/no-contexts.json"));
    command.args(arguments.split_whitespace()).env("SENDSTORES_SERVER", url).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the program to its end with a file of contexts, without a server in its environment, and with `input` to read.
pub(crate) async fn run_in(config: &Path, arguments: &str, input: &str) -> Ended {
    let mut command = command("", arguments);
    command.env_remove("SENDSTORES_SERVER").env("SENDSTORES_CONFIG", config);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start");
    let mut stdin = child.stdin.take().expect("stdin");
    // A program that reads nothing may have ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    ended(tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("in time").expect("run"))
}

/// Runs the program to its end.
pub(crate) async fn run(url: &str, arguments: &str) -> Ended {
    ended(tokio::time::timeout(DEADLINE, command(url, arguments).output()).await.expect("in time").expect("run"))
}

fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Starts the program.
pub(crate) fn start(url: &str, arguments: &str) -> Running {
    let mut child = command(url, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start");
    let stderr = child.stderr.take().expect("stderr");
    Running { child, stderr: BufReader::new(stderr).lines(), read: String::new() }
}

// === impl Ended ===

impl Ended {
    /// What was printed, as one JSON document.
    pub(crate) fn json(&self) -> Value {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }

    /// What was printed, as one JSON document a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON document")).collect()
    }
}

// === impl Running ===

impl Running {
    /// Reads stderr until a line has `text`.
    pub(crate) async fn says(&mut self, text: &str) {
        let found = async {
            while let Some(line) = self.stderr.next_line().await.expect("stderr") {
                self.read += &line;
                self.read += "\n";
                if line.contains(text) {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(DEADLINE, found).await;
        assert!(matches!(found, Ok(true)), "waited for {text:?}, read:\n{}", self.read);
    }

    /// One line of stdout.
    pub(crate) async fn line(&mut self) -> String {
        // Byte by byte, so that nothing is read that a later reader of the pipe would miss.
        let stdout = self.child.stdout.as_mut().expect("stdout");
        let mut line = Vec::new();
        let read = async {
            loop {
                match stdout.read_u8().await {
                    Ok(b'\n') => return true,
                    Ok(byte) => line.push(byte),
                    Err(_) => return false,
                }
            }
        };
        if !tokio::time::timeout(DEADLINE, read).await.expect("in time") {
            // What it said of its end is what matters then.
            self.says("(a whole line of stdout)").await;
        }
        String::from_utf8(line).expect("text")
    }

    /// Nobody reads what it prints any more.
    pub(crate) fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        signal(self.child.id().expect("it runs"), "INT");
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Ended {
        let rest = async {
            let mut stdout = String::new();
            if let Some(mut pipe) = self.child.stdout.take() {
                pipe.read_to_string(&mut stdout).await.expect("stdout");
            }
            while let Some(line) = self.stderr.next_line().await.expect("stderr") {
                self.read += &line;
                self.read += "\n";
            }
            (stdout, self.child.wait().await.expect("its end"))
        };
        let (stdout, status) = tokio::time::timeout(DEADLINE, rest).await.expect("in time");
        Ended { code: status.code().unwrap_or(-1), stdout, stderr: self.read }
    }
}
