//! Numbers of several rounds.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;

/// Latencies in nanoseconds, three digits exact.
pub(crate) struct Latencies(Histogram<u64>);

/// The median, the least and the most of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

// === impl Latencies ===

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }

    pub(crate) fn note(&mut self, latency: Duration) {
        self.0.record(u64::try_from(latency.as_nanos()).expect("below 500 years")).expect("it grows by itself");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64() * 1e3
    }
}

// === impl Spread ===

impl Spread {
    /// Of at least one number.
    pub(crate) fn of(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Self { median: f64::midpoint(low, high), least: sorted[0], most: sorted[sorted.len() - 1] }
    }

    /// Of the ratios of one round each.
    pub(crate) fn of_ratios(ours: &[f64], peer: &[f64]) -> Self {
        assert_eq!(ours.len(), peer.len(), "a round has both sides");
        let ratios: Vec<f64> = ours.iter().zip(peer).map(|(ours, peer)| ours / peer).collect();
        Self::of(&ratios)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.median {
            small if small < 10.0 => 2,
            middling if middling < 1_000.0 => 1,
            _ => 0,
        };
        let Self { median, least, most } = self;
        write!(f, "{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_the_two_sides_of_one_round() {
        let spread = Spread::of_ratios(&[1.0, 20.0, 9.0, 4.0], &[1.0, 10.0, 3.0, 1.0]);
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(spread.to_string(), "2.50 (1.00 to 4.00)");
    }
}
