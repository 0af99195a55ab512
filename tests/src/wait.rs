//! Conditions awaited with a deadline.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long a condition may take to come true on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Pauses between two questions: short for what comes at once, and longer for what does not, since a call of the API every
/// few milliseconds takes the processor from those whose work is awaited.
const FIRST: Duration = Duration::from_millis(5);
const LAST: Duration = Duration::from_millis(50);

/// Asks `question` until it answers, and gives up with `what` after [`DEADLINE`].
pub async fn until<T>(what: &str, question: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, question).await
}

/// The same for what takes longer by itself, such as a deadline of the server that has to pass: gives up after `most`.
pub async fn until_within<T>(most: Duration, what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let answered = async {
        let mut pause = FIRST;
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            sleep(pause).await;
            pause = pause.mul_f64(1.25).min(LAST);
        }
    };
    given_up_after(most, what, answered).await
}

/// What `future` comes to, and gives up with `what` after [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    given_up_after(DEADLINE, what, future).await
}

async fn given_up_after<T>(most: Duration, what: &str, future: impl Future<Output = T>) -> T {
    // On the heap: a test would otherwise keep a copy of the future on its stack for each of these functions.
    timeout(most, Box::pin(future)).await.map_err(|_| what.to_owned()).expect("waited in vain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited in vain: \"the end of heartbeats\"")]
    async fn what_goes_on_for_ever_is_given_up() {
        let heartbeats = async {
            loop {
                sleep(Duration::from_secs(10)).await;
            }
        };
        within::<()>("the end of heartbeats", heartbeats).await;
    }
}
