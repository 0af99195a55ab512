//! What a crowd counts.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http::Method;
use serde::Serialize;

/// Failures that a report has in full; the others are in its numbers alone.
const SHOWN: usize = 1_000;

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The connection was refused.
    Refused,
    /// The connection ended without the whole answer.
    Broken,
    /// No whole answer within the person's patience.
    TimedOut,
    /// Another status code than the one that belongs to such a request.
    Status,
    /// A whole answer with the right status code that lacks what belongs into it, such as a product.
    Content,
}

/// Why one request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) detail: String,
}

/// A request that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    pub kind: Kind,
    pub method: String,
    pub path: String,
    /// The status code, or what the connection ended with, and the begin of what was answered.
    pub detail: String,
    /// When it began and ended, in milliseconds since the crowd began.
    pub began_ms: u64,
    pub ended_ms: u64,
}

/// What came of all requests.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub requests: u64,
    /// How many of them failed, in all and by kind.
    pub failed: u64,
    pub failed_by_kind: BTreeMap<Kind, u64>,
    /// The first thousand.
    pub failures: Vec<Failure>,
    /// How long the answers took, those of failed requests included.
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
    pub seconds: f64,
    /// The numbers of the orders that the storefront acknowledged.
    pub orders: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) requests: u64,
    pub(super) time: Duration,
}

pub(super) struct Tally {
    limits: Limits,
    start: Instant,
    closed: AtomicBool,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    begun: u64,
    /// One for each request that has come to an end.
    took: Vec<Duration>,
    failed: BTreeMap<Kind, u64>,
    failures: Vec<Failure>,
    orders: Vec<u64>,
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

// === impl Report ===

impl Report {
    /// How many got no answer, or one with the wrong status code.
    pub fn unanswered(&self) -> u64 {
        self.failed - self.failed_by_kind.get(&Kind::Content).copied().unwrap_or_default()
    }
}

// === impl Tally ===

impl Tally {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, start: Instant::now(), closed: AtomicBool::new(false), counts: Mutex::default() }
    }

    /// No request begins any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether another request may begin.
    pub(super) fn is_open(&self) -> bool {
        self.may_begin(self.counts().begun)
    }

    /// Takes one request of those that the crowd may make. `false`: there is none left.
    pub(super) fn begin(&self) -> bool {
        let mut counts = self.counts();
        let may = self.may_begin(counts.begun);
        counts.begun += u64::from(may);
        may
    }

    fn may_begin(&self, begun: u64) -> bool {
        begun < self.limits.requests && !self.closed.load(Ordering::Relaxed) && self.start.elapsed() < self.limits.time
    }

    /// Notes the end of a request that began at `began`.
    pub(super) fn end(&self, method: &Method, path: &str, began: Instant, fault: Option<Fault>) {
        let ended = Instant::now();
        let mut counts = self.counts();
        counts.took.push(ended - began);
        let Some(Fault { kind, detail }) = fault else { return };
        *counts.failed.entry(kind).or_default() += 1;
        if counts.failures.len() < SHOWN {
            let (began_ms, ended_ms) = (self.since_start(began), self.since_start(ended));
            let (method, path) = (method.to_string(), path.to_owned());
            counts.failures.push(Failure { kind, method, path, detail, began_ms, ended_ms });
        }
    }

    pub(super) fn ordered(&self, order: u64) {
        self.counts().orders.push(order);
    }

    pub(super) fn count(&self) -> u64 {
        self.counts().took.len() as u64
    }

    pub(super) fn report(&self) -> Report {
        let counts = self.counts();
        let mut took = counts.took.clone();
        took.sort_unstable();
        Report {
            requests: took.len() as u64,
            failed: counts.failed.values().sum(),
            failed_by_kind: counts.failed.clone(),
            failures: counts.failures.clone(),
            p50_ms: milliseconds(quantile(&took, 50)),
            p99_ms: milliseconds(quantile(&took, 99)),
            longest_ms: milliseconds(quantile(&took, 100)),
            seconds: self.start.elapsed().as_secs_f64(),
            orders: counts.orders.clone(),
        }
    }

    fn since_start(&self, time: Instant) -> u64 {
        u64::try_from((time - self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shortest time that `percent` of 100 did not exceed; none of no times.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// To a tenth of a millisecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { requests: 3, time: Duration::from_secs(3600) };

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 50), Duration::from_millis(100));
        assert_eq!(quantile(&times, 99), Duration::from_millis(198));
        assert_eq!(quantile(&times, 100), Duration::from_millis(200));
        assert_eq!(quantile(&times[..1], 50), Duration::from_millis(1));
        assert_eq!(quantile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn no_more_requests_begin_than_the_crowd_may_make_and_none_once_it_is_closed_or_its_time_is_over() {
        let tally = Tally::new(LIMITS);
        assert_eq!([tally.begin(), tally.begin(), tally.begin(), tally.begin()], [true, true, true, false]);
        assert!(!tally.is_open());
        let tally = Tally::new(LIMITS);
        assert!(tally.is_open() && tally.begin());
        tally.close();
        assert!(!tally.is_open() && !tally.begin());
        assert!(!Tally::new(Limits { time: Duration::ZERO, ..LIMITS }).begin());
    }

    #[test]
    fn each_failure_is_counted_by_its_kind_and_the_first_thousand_are_shown() {
        let tally = Tally::new(LIMITS);
        let fail = |kind, times| {
            for _ in 0..times {
                tally.end(&Method::GET, "/shop/", Instant::now(), Some(Fault::new(kind, "why")));
            }
        };
        tally.end(&Method::GET, "/", Instant::now(), None);
        fail(Kind::Status, 700);
        fail(Kind::Content, 500);
        let report = tally.report();
        assert_eq!((report.requests, report.failed, report.unanswered()), (1201, 1200, 700));
        assert_eq!(report.failed_by_kind, BTreeMap::from([(Kind::Status, 700), (Kind::Content, 500)]));
        assert_eq!(report.failures.len(), SHOWN);
        let last = &report.failures[999];
        assert_eq!((last.kind, last.method.as_str(), last.path.as_str()), (Kind::Content, "GET", "/shop/"));
    }
}
