//! The signals that ask the process to stop, or to read its files again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, from the moment this was made.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Two futures: the first returns at the first signal that asks to stop, the second at the next one. Both listen from now
/// on, so none is lost while the process starts.
pub(super) fn listen() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let (mut one, mut two) = (Signals::new()?, Signals::new()?);
    let second = async move {
        two.next().await;
        two.next().await;
    };
    Ok((async move { one.next().await }, second))
}

/// The requests to read the files of the configuration again (SIGHUP), from now on.
pub(super) fn reloads() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

// === impl Signals ===

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
