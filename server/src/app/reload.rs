//! Reads the charts, the values files and the releases again when it is asked to by SIGHUP.

use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::{files, provision::KubeProvisioner, supervise::TaskError};

/// Charts, values and releases, as the label `file` of metrics has them.
const LABEL: &str = "chart";

pub(super) async fn run(
    provisioner: KubeProvisioner,
    mut asked: Signal,
    stop: CancellationToken,
) -> Result<(), TaskError> {
    files::report_reload(LABEL, true);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = asked.recv() => {}
        }
        let result = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            result = provisioner.reload_files() => result,
        };
        let outcome = match result {
            Ok(true) => {
                tracing::info!(
                    "charts, values and releases were read again; stores that are made from now on are made from these"
                );
                "changed"
            }
            Ok(false) => {
                tracing::info!("charts, values and releases were read again and are as before");
                "unchanged"
            }
            Err(error) => {
                tracing::error!(%error, "charts, values or releases cannot be used; those of before stay in use");
                "refused"
            }
        };
        metrics::counter!("sendstores_file_reloads_total", "outcome" => outcome).increment(1);
        files::report_reload(LABEL, outcome != "refused");
    }
}
