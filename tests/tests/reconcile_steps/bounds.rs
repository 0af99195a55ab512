//! How much is done at once.

use sendstores_server::reconcile::Policy;

/// How many acts there are by default.
pub(super) const PLACES: usize = 10;

/// How many acts and runs of one class there are at once.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) acts: usize,
    pub(super) runs: usize,
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self { acts: PLACES, runs: Policy::RUNS }
    }
}
