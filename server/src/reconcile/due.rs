//! When a store needs attention next.

use std::time::{Duration, SystemTime};

use rand::RngExt;
use sendstores_core::{Store, Timestamp, lifecycle::DueTime};

/// When a store is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Never,
    In(Duration),
}

// === impl Due ===

impl Due {
    /// A store that is on its way is due at once, or when its last failure is over; one that sells is due for a probe.
    pub(super) fn of(store: &Store, probe_interval: Option<Duration>) -> Self {
        if store.is_foreign() {
            return Self::Never;
        }
        let retry = store.failure.as_ref().and_then(|failure| failure.retry_time);
        match store.state.lifecycle().due {
            _ if store.is_behind() => Self::In(Duration::ZERO),
            DueTime::AtPurge => store.purge_time.map_or(Self::Never, |time| Self::In(until(time))),
            DueTime::Now => Self::In(retry.map_or(Duration::ZERO, until)),
            DueTime::EachProbe => probe_interval.map_or(Self::Never, |interval| Self::In(jittered(interval))),
            DueTime::Never => Self::Never,
        }
    }

    pub(super) fn wait(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::In(wait) => Some(wait),
        }
    }
}

fn until(time: Timestamp) -> Duration {
    time.since(SystemTime::now().into())
}

/// Half to one and a half times the interval, so that 1,000 stores are not probed in step.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.5 + rand::rng().random::<f64>())
}
