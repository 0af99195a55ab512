//! Redis is killed, fails over, loses its power or its disk, under the load of writers. In the end the log is held
//! against what was acknowledged: all of it is there, once.
//!
//! `SENDSTORES_CHAOS_REDIS=10` makes each run ten times as long. A run prints its seed; `SENDSTORES_CHAOS_SEED` repeats its
//! choices (not its timing).

#![allow(clippy::panic)] // the way a test fails

mod crashes;
mod failover;
mod load;
mod monitor;
mod replicas;
mod room;

use rand::{SeedableRng, rngs::StdRng};

/// The choices of a run, which its printed seed repeats.
fn chance(run: &str) -> StdRng {
    let seed =
        std::env::var("SENDSTORES_CHAOS_SEED").ok().map_or_else(rand::random, |seed| seed.parse().expect("a number"));
    eprintln!("{run}: SENDSTORES_CHAOS_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// So many rounds, or as many times more as the environment asks for.
fn rounds(usual: usize) -> usize {
    let times = std::env::var("SENDSTORES_CHAOS_REDIS").ok().map(|times| times.parse().expect("a number"));
    usual * times.unwrap_or(1)
}
