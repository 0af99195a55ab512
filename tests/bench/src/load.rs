//! Two ways to make calls: as fast as they are answered, which shows the peak, and at a set pace whatever the answers do,
//! which shows the latency (a caller who waits for a slow answer would hide how many others it made wait).

use std::{
    thread,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::sync::mpsc;

use crate::stats::Latencies;

/// Connections of one measurement.
pub(crate) const CONNECTIONS: usize = 8;
/// Calls under way at once, where as many are made as are answered.
pub(crate) const CALLERS: usize = 64;

/// How many streams one connection has.
const STREAMS: usize = 200;

/// A call whose time has come.
struct Arrival {
    number: u64,
    intended: Instant,
}

/// How many connections so many streams need; not fewer than [`CONNECTIONS`].
pub(crate) fn connections_for(streams: usize) -> usize {
    streams.div_ceil(STREAMS).max(CONNECTIONS)
}

/// Makes calls for a while by [`CALLERS`] callers; returns how many. The call is told which caller makes it, and the
/// number of the call among that caller's.
pub(crate) async fn as_fast_as_answered(duration: Duration, call: impl AsyncFn(usize, u64)) -> u64 {
    let end = Instant::now() + duration;
    let callers = (0..CALLERS).map(|caller| {
        let call = &call;
        async move {
            let mut made = 0;
            while Instant::now() < end {
                call(caller, made).await;
                made += 1;
            }
            made
        }
    });
    join_all(callers).await.into_iter().sum()
}

/// Makes `rate` calls a second for a while. A latency begins when the call was meant to be made. The call is told its
/// number and that time.
pub(crate) async fn at_pace(rate: f64, duration: Duration, call: impl AsyncFn(u64, Instant)) -> Latencies {
    let mut arrivals = pace(rate, duration);
    let mut under_way = FuturesUnordered::new();
    let mut latencies = Latencies::new();
    let mut arriving = true;
    while arriving || !under_way.is_empty() {
        tokio::select! {
            arrival = arrivals.recv(), if arriving => match arrival {
                Some(Arrival { number, intended }) => {
                    let call = &call;
                    under_way.push(async move {
                        call(number, intended).await;
                        intended.elapsed()
                    });
                }
                None => arriving = false,
            },
            Some(latency) = under_way.next() => latencies.note(latency),
        }
    }
    latencies
}

/// A thread of its own keeps the time: the runtime's timer is as coarse as what is measured.
fn pace(rate: f64, duration: Duration) -> mpsc::UnboundedReceiver<Arrival> {
    let (told, arrivals) = mpsc::unbounded_channel();
    let begin = Instant::now();
    thread::spawn(move || {
        for number in 0.. {
            let after = Duration::from_secs_f64(number as f64 / rate);
            if after >= duration {
                break;
            }
            let intended = begin + after;
            thread::sleep(intended.saturating_duration_since(Instant::now()));
            if told.send(Arrival { number, intended }).is_err() {
                break;
            }
        }
    });
    arrivals
}
