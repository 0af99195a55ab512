//! When a failed call is repeated, and when a lost stream is opened again.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// How a client repeats calls and reopens streams while a server restarts or the network is away.
///
/// A call is repeated on UNAVAILABLE and when the connection could not be made or broke; a stream that was open is also
/// reopened where [`Error::retryable`] is true. All other errors are returned at once. A repetition waits for the time that
/// the server asked for and up to half as long again, so that the clients of one server do not all come back at once, plus a
/// random part (half to all) of a delay that doubles from `first_delay` to `max_delay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    enabled: bool,
    first_delay: Duration,
    max_delay: Duration,
    call_budget: Duration,
    stream_budget: Option<Duration>,
}

/// No server has a reason to ask for more, and a longer time could not be multiplied.
const MAX_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

/// What a repetition of a call could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repetition {
    /// No harm: a read, or a write with a request id.
    Harmless,
    /// A second effect, unless the first try certainly had none.
    Effective,
}

/// The tries of one call, or of one interruption of a stream.
#[derive(Debug)]
pub(crate) struct Tries {
    policy: RetryPolicy,
    begun: Instant,
    failed: u32,
}

// === impl RetryPolicy ===

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            call_budget: Duration::from_secs(30),
            stream_budget: None,
        }
    }
}

impl RetryPolicy {
    /// Nothing is repeated: the first error is returned, and a stream ends with its first error.
    pub fn none() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// The delay before the first repetition. Default: 100 ms.
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// The longest delay before a repetition. Default: 5 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How long after its begin a call may still be repeated. Each try has the deadline of
    /// [`Builder::timeout`](crate::Builder::timeout). Default: 30 s.
    #[must_use]
    pub fn call_budget(mut self, budget: Duration) -> Self {
        self.call_budget = budget;
        self
    }

    /// How long an open stream may be interrupted before it ends with the error. Default: `None`, without end.
    #[must_use]
    pub fn stream_budget(mut self, budget: Option<Duration>) -> Self {
        self.stream_budget = budget;
        self
    }

    pub(crate) fn is_none(&self) -> bool {
        !self.enabled
    }

    pub(crate) fn tries(&self) -> Tries {
        Tries { policy: self.clone(), begun: Instant::now(), failed: 0 }
    }

    /// The delay after `failed` tries; `share` is from 0 to 1 and chosen at random.
    fn delay(&self, failed: u32, share: f64) -> Duration {
        let doubled = self.first_delay.saturating_mul(1_u32.checked_shl(failed.min(31)).unwrap_or(u32::MAX));
        doubled.min(self.max_delay).mul_f64(0.5 + share / 2.0)
    }
}

// === impl Tries ===

impl Tries {
    /// How long to wait before a call is repeated; `None` if it is not.
    pub(crate) fn call(&mut self, error: &Error, repetition: Repetition) -> Option<Duration> {
        let cured_by_repetition = matches!(error, Error::Transport(_) | Error::Unavailable(_));
        let harmless = repetition == Repetition::Harmless || error.had_no_effect();
        let budget = Some(self.policy.call_budget);
        (cured_by_repetition && harmless).then(|| self.next(error, budget)).flatten()
    }

    /// How long to wait before a stream that was open is opened again; `None` if it is not.
    pub(crate) fn stream(&mut self, error: &Error) -> Option<Duration> {
        let budget = self.policy.stream_budget;
        error.retryable().then(|| self.next(error, budget)).flatten()
    }

    /// How long to wait before a stream is opened in another way, which the first time is not at all; `None` if it is not.
    pub(crate) fn at_once_then_later(&mut self, error: &Error) -> Option<Duration> {
        let first = !self.any_failed();
        let delay = self.next(error, self.policy.stream_budget);
        if first && !self.policy.is_none() { Some(Duration::ZERO) } else { delay }
    }

    fn next(&mut self, error: &Error, budget: Option<Duration>) -> Option<Duration> {
        if self.policy.is_none() {
            return None;
        }
        let delay = self.policy.delay(self.failed, rand::random_range(0.0..=1.0));
        let asked = error.retry_after().unwrap_or_default().min(MAX_ASKED);
        let delay = asked.mul_f64(rand::random_range(1.0..=1.5)).saturating_add(delay);
        self.failed = self.failed.saturating_add(1);
        let in_budget = budget.is_none_or(|budget| self.begun.elapsed().saturating_add(delay) <= budget);
        in_budget.then_some(delay)
    }

    /// Whether something failed.
    pub(crate) fn any_failed(&self) -> bool {
        self.failed > 0
    }

    /// How long it has been since the first try.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_are_spread() {
        let policy = RetryPolicy::default();
        let whole = [0, 1, 2, 5, 6, 40, u32::MAX].map(|failed| policy.delay(failed, 1.0).as_millis());
        assert_eq!(whole, [100, 200, 400, 3200, 5000, 5000, 5000]);
        assert_eq!(policy.delay(2, 0.0).as_millis(), 200);
        assert_eq!(RetryPolicy::default().max_delay(Duration::MAX).delay(u32::MAX, 0.0).as_secs(), 107_374_182);
    }

    #[test]
    fn only_what_a_repetition_can_cure_is_repeated() {
        let (away, late) = (Error::from(Status::unavailable("")), Error::from(Status::deadline_exceeded("")));
        let (wrong, full) = (Error::from(Status::invalid_argument("")), Error::from(Status::resource_exhausted("")));
        let call = |error| RetryPolicy::default().tries().call(error, Repetition::Harmless).is_some();
        assert_eq!([&away, &late, &wrong, &full].map(call), [true, false, false, false]);
        let stream = |error| RetryPolicy::default().tries().stream(error).is_some();
        assert_eq!([&away, &late, &wrong, &full].map(stream), [true, true, false, true]);
        assert!(RetryPolicy::default().tries().call(&away, Repetition::Effective).is_none());
        assert!(RetryPolicy::none().tries().call(&away, Repetition::Harmless).is_none());
        assert!(RetryPolicy::none().tries().stream(&away).is_none());
    }

    #[test]
    fn clients_that_were_asked_to_wait_do_not_come_back_at_once() {
        let mut details = ErrorDetails::with_retry_info(Some(Duration::from_secs(10)));
        details.set_error_info("DRAINING", "sendstores.dev", HashMap::new());
        let error = Error::from(Status::with_error_details(Code::Unavailable, "stopping", details));
        let delays = (0..100).map(|_| RetryPolicy::default().tries().stream(&error).expect("again").as_millis());
        let delays: Vec<_> = delays.collect();
        assert!(delays.iter().all(|delay| (10_000..=15_100).contains(delay)), "{delays:?}");
        let (first, last) = (delays.iter().min().expect("some"), delays.iter().max().expect("some"));
        assert!(last - first > 3_000, "{first} to {last}");
    }

    #[test]
    fn no_try_begins_after_the_budget() {
        let away = Error::from(Status::unavailable(""));
        let policy = RetryPolicy::default().call_budget(Duration::ZERO).stream_budget(Some(Duration::ZERO));
        assert!(policy.tries().call(&away, Repetition::Harmless).is_none());
        assert!(policy.tries().stream(&away).is_none());
    }
}
