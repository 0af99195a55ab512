//! How long to wait before trying again.

use std::time::Duration;

/// Doubles from `first` up to `most`, and takes away up to a quarter so that stores do not retry in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub most: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// The wait after attempt number `attempt`, from 1. `jitter` is a random number below 1.
    pub fn wait(self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(30);
        let full = self.first.saturating_mul(1 << doublings).min(self.most);
        full.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) };

    #[test]
    fn waits_double_up_to_the_most() {
        let waits: Vec<u64> = (1..=8).map(|attempt| POLICY.wait(attempt, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(POLICY.wait(u32::MAX, 0.0), POLICY.most);
    }

    #[test]
    fn jitter_only_shortens_and_by_a_quarter_at_most() {
        assert_eq!(POLICY.wait(1, 1.0), Duration::from_millis(750));
        assert_eq!(POLICY.wait(1, 7.0), Duration::from_millis(750));
    }
}
