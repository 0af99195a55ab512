//! Conditions awaited with a deadline.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long a condition may take to come true on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Asks `question` until it answers, and gives up with `what` after [`DEADLINE`].
pub async fn until<T>(what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let answered = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = question().await {
                return answer;
            }
        }
    };
    timeout(DEADLINE, answered).await.map_err(|_| what.to_owned()).expect("waited in vain")
}
