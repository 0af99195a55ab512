//! Running a program inside a container, with its input on stdin and its exit code known.

use std::{fmt, time::Duration};

use http::StatusCode;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{Api, api::AttachParams, client::UpgradeConnectionError};
use sendstores_core::{Store, failure::FailureReason, provisioner::StepError};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{cluster::Cluster, errors::CallError, redact};

/// How much of each output is kept, and how much may be on its way.
const MAX_OUTPUT: usize = 64 * 1024;

/// Behind the program's own deadline: SIGKILL inside the container, and the way back.
const KILL_AFTER: Duration = Duration::from_secs(5);
const WAY_BACK: Duration = Duration::from_secs(10);

/// A program to run in a container of the store.
pub(crate) struct Execution<'a> {
    pub(crate) pod: &'a str,
    pub(crate) container: &'a str,
    /// No secret: the words are in the request's address, and so in the API server's audit log.
    pub(crate) argv: &'a [&'a str],
    /// One line, without its end. It may hold secrets.
    pub(crate) input: Option<&'a str>,
    pub(crate) limit: Duration,
}

/// A program that has ended.
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// It is not known how the program ended, or whether it did.
#[derive(Debug)]
pub(crate) enum ExecError {
    Call(CallError),
    /// The API server answered, and its connection to the kubelet did not come about. kube's client drops what it said.
    NoKubelet(StatusCode),
    /// The connection was lost on the way.
    Lost,
    TimedOut(Duration),
}

/// Runs to the end. The program is stopped inside the container when its time is over, since nothing else would: it
/// goes on when the connection breaks.
pub(crate) async fn run(cluster: &Cluster, store: &Store, execution: Execution<'_>) -> Result<Output, ExecError> {
    let limit = execution.limit + KILL_AFTER + WAY_BACK;
    match timeout(limit, attached(cluster, store, &execution)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ExecError::TimedOut(limit)),
    }
}

async fn attached(cluster: &Cluster, store: &Store, execution: &Execution<'_>) -> Result<Output, ExecError> {
    let (kill, limit) = (KILL_AFTER.as_secs().to_string(), execution.limit.as_secs().to_string());
    let argv = ["timeout", "-k", &kill, &limit].into_iter().chain(execution.argv.iter().copied());
    let how = AttachParams {
        container: Some(execution.container.to_owned()),
        stdin: execution.input.is_some(),
        stdout: true,
        stderr: true,
        max_stdout_buf_size: Some(MAX_OUTPUT),
        max_stderr_buf_size: Some(MAX_OUTPUT),
        ..AttachParams::default()
    };
    let api: Api<Pod> = cluster.in_store(store);
    let mut process = cluster.call(api.exec(execution.pod, argv, &how)).await.map_err(ExecError::of)?;
    let status = process.take_status();
    let (stdin, stdout, stderr) = (process.stdin(), process.stdout(), process.stderr());
    let feed = async {
        let mut stdin = stdin?;
        if let Some(line) = execution.input {
            // A program that does not read says why by its exit code.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        }
        // Held until all is over: where stdin cannot be closed alone, to drop it would cut off the answer.
        Some(stdin)
    };
    let (stdin, stdout, stderr) = tokio::join!(feed, drain(stdout), drain(stderr));
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    drop(stdin);
    let code = status.as_ref().and_then(exit_code).ok_or(ExecError::Lost)?;
    Ok(Output { code, stdout, stderr })
}

/// Reads to the end and keeps the last part: whole lines, because half a secret is not known as one.
async fn drain(source: Option<impl AsyncRead + Unpin>) -> String {
    let (mut kept, mut cut) = (Vec::new(), false);
    if let Some(mut source) = source {
        let mut buffer = vec![0; 8 * 1024];
        while let Ok(count @ 1..) = source.read(&mut buffer).await {
            kept.extend_from_slice(&buffer[..count]);
            if kept.len() > 2 * MAX_OUTPUT {
                kept.drain(..kept.len() - MAX_OUTPUT);
                cut = true;
            }
        }
    }
    let surplus = kept.len().saturating_sub(MAX_OUTPUT);
    if surplus > 0 || cut {
        let line_end = kept.iter().skip(surplus).position(|byte| *byte == b'\n');
        kept.drain(..line_end.map_or(kept.len(), |end| surplus + end + 1));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// `None`: the status speaks of the connection, not of the program.
fn exit_code(status: &Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let cause = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    cause.message.as_ref()?.parse().ok()
}

// === impl ExecError ===

impl ExecError {
    fn of(error: CallError) -> Self {
        match error {
            CallError::Kube(kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)))
                if status.is_server_error() =>
            {
                Self::NoKubelet(status)
            }
            error => Self::Call(error),
        }
    }

    /// For a program called `what` in a pod of `node`, whose failure is of `reason`.
    pub(crate) fn into_step(self, what: &str, node: &str, reason: FailureReason) -> StepError {
        match self {
            Self::Call(error) => error.into(),
            Self::NoKubelet(status) => {
                let message = format!(
                    "{what}: exec through the kubelet of node {node} does not work (status {status}): does the API server \
                     reach its port 10250?"
                );
                StepError::retryable(FailureReason::NodeUnavailable, redact::message(&message))
            }
            other => StepError::retryable(reason, redact::message(&format!("{what}: {other}"))),
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::NoKubelet(status) => write!(f, "the kubelet is not reached: status {status}"),
            Self::Lost => f.write_str("the connection was lost before it was known how it ended"),
            Self::TimedOut(limit) => write!(f, "no end within {limit:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::hostile;

    #[tokio::test]
    async fn of_a_flood_the_last_whole_lines_are_kept() {
        let flood = |line: &str| format!("{}\n", "S3cretCanary".repeat(12_000)) + line;
        assert_eq!(drain(Some(flood("{\"ok\":true}\n").as_bytes())).await, "{\"ok\":true}\n");
        assert_eq!(drain(Some("S3cretCanary".repeat(30_000).as_bytes())).await, "");
        assert_eq!(drain(Some("one\ntwo".as_bytes())).await, "one\ntwo");
    }

    fn code(status: Value) -> Option<i32> {
        exit_code(&serde_json::from_value(status).unwrap())
    }

    #[test]
    fn only_a_stated_exit_code_is_one() {
        assert_eq!(code(json!({"status": "Success"})), Some(0));
        let failed = |message: &str| json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": message}]}});
        assert_eq!(code(failed("124")), Some(124));
        assert_eq!(code(failed("many")), None);
        assert_eq!(code(json!({"status": "Failure", "reason": "InternalError", "message": "container is gone"})), None);
    }

    #[test]
    fn a_kubelet_that_is_not_reached_is_told_by_its_node() {
        let refused = |code: u16| {
            let status = StatusCode::from_u16(code).unwrap();
            let switch = UpgradeConnectionError::ProtocolSwitch(status);
            let error = ExecError::of(CallError::Kube(kube::Error::UpgradeConnection(switch)));
            error.into_step("state.php", "node-7", FailureReason::BootstrapFailed)
        };
        for code in [500, 502, 503] {
            let error = refused(code);
            assert_eq!(error.reason, FailureReason::NodeUnavailable, "{code}");
            assert!(error.message.contains("exec through the kubelet of node node-7 does not work"), "{error}");
        }
        assert_ne!(refused(403).reason, FailureReason::NodeUnavailable, "the right to it is missing");
    }

    #[test]
    fn no_status_ends_anything() {
        let good = json!({"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "124"}]}});
        hostile::check(&hostile::damaged(good), |status| drop(serde_json::from_value(status).map(|s| exit_code(&s))));
    }
}
