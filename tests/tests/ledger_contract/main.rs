//! What every ledger promises: one suite, run on the ledger in memory and on the one on Redis.

#![allow(clippy::panic)] // the way a test fails

/// Makes a test of each generic function for both ledgers.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test::<crate::worlds::Memory>().await;
            })+
        }

        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test::<crate::worlds::Redis>().await;
            })+
        }
    };
}

mod admission;
mod audits;
mod claims;
mod doubts;
mod histories;
mod kinds;
mod log;
mod races;
mod versions;
mod worlds;
mod writes;
