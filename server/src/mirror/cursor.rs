//! A watcher's position in the ring.

use std::sync::Arc;

use sendstores_core::Revision;
use tokio::sync::watch;

use super::{Change, Mirror, Position};

/// The ring no longer reaches back to the cursor, or another history began: what follows it is lost to this watcher, who
/// must start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted;

/// Goes through the changes in order, without a gap. Costs nothing while nothing happens.
pub struct Cursor {
    mirror: Mirror,
    at: Position,
    revisions: watch::Receiver<Revision>,
}

// === impl Cursor ===

impl Cursor {
    pub(super) fn new(mirror: Mirror, at: Position, revisions: watch::Receiver<Revision>) -> Self {
        Self { mirror, at, revisions }
    }

    /// Up to where everything was handed out.
    pub fn at(&self) -> &Position {
        &self.at
    }

    /// The next changes, up to `most`; waits for the first. Safe to drop while waiting: nothing is lost.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Arc<Change>>, Compacted> {
        loop {
            self.revisions.borrow_and_update();
            let changes = self.mirror.read().changes(&self.at, most).ok_or(Compacted)?;
            if let Some(last) = changes.last() {
                self.at.revision = last.revision;
                return Ok(changes);
            }
            if self.revisions.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
