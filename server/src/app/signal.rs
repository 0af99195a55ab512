//! The signals that ask the process to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Returns at the first SIGTERM or SIGINT. A later one ends the process at once: the default is in force again only
/// for what was not asked for, so the second is listened to as well.
pub(super) async fn stop_requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
