//! How long the programs inside a store may take. An operator changes each with `--deadline`.

use std::time::Duration;

use crate::provision::config::EngineDeadline;

pub(super) const ALL: [EngineDeadline; 6] = [STATE, RESTORE, INSTALL, ACTIVATE, CONFIGURE, CRON];

/// Looking at what the bootstrap has come to.
pub(super) const STATE: EngineDeadline = seconds("state", 15);
/// Taking the database and the files from the image's snapshot.
pub(super) const RESTORE: EngineDeadline = seconds("restore", 120);
/// WordPress' own installation, where there is no snapshot.
pub(super) const INSTALL: EngineDeadline = seconds("install", 60);
/// Activating the plugin, which makes its tables.
pub(super) const ACTIVATE: EngineDeadline = seconds("activate", 120);
/// The shop's settings.
pub(super) const CONFIGURE: EngineDeadline = seconds("configure", 120);
/// A shop's doing what it has scheduled, while a probe waits for it; it goes on after that.
pub(super) const CRON: EngineDeadline = seconds("cron", 15);

const fn seconds(name: &'static str, default: u64) -> EngineDeadline {
    EngineDeadline { name, default: Duration::from_secs(default) }
}
