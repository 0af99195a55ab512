//! Who watches: callers that come and go, and programs that leave it to the client crate.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_client::{Client, Error, Watch, v1::store::State as Shows};
use sendstores_tests::{
    oracle::{Filter, Recorder},
    wait::until,
};

use super::world::World;

/// Watches at one replica after another, leaving whenever it likes, until all is quiet and everything was seen.
pub(crate) async fn watch(world: World, mut recorder: Recorder, seed: u64) -> Recorder {
    let mut random = StdRng::seed_from_u64(seed);
    while !world.stop.is_cancelled() {
        let client = world.client(&mut random).await;
        let mut patience = random.random_range(1..60);
        let stream = recorder.watch(&client, |_| {
            world.messages.fetch_add(1, Ordering::Relaxed);
            patience -= 1;
            patience == 0
        });
        tokio::select! {
            ended = stream => passing(ended),
            () = world.stop.cancelled() => {}
        }
    }
    recorder
}

/// A replica that went away is no surprise; a history that does not reach back would be.
fn passing(ended: Result<(), Error>) {
    if let Err(error) = ended {
        assert!(error.retryable(), "{error:?}");
    }
}

/// Opens one watch behind the balancer and reads it, without a line for what happens to the servers behind it. Nothing ends it
/// but the test.
pub(crate) async fn stay(world: World, balancer: String, mut recorder: Recorder) -> (Recorder, Watch) {
    let connected = async || Client::connect(&balancer).await.ok();
    let client = until("the balancer to lead to a replica", connected).await;
    let mut watch = recorder.open(&client).await.expect("a watch");
    let reading = recorder.read(&mut watch, |_| {
        world.messages.fetch_add(1, Ordering::Relaxed);
        false
    });
    tokio::select! {
        ended = reading => panic!("the watch has ended: {ended:?}"),
        () = world.stop.cancelled() => {}
    }
    (recorder, watch)
}

pub(crate) fn filters() -> Vec<(&'static str, Filter)> {
    let states = |states: &[Shows]| Filter { states: states.to_vec(), ..Filter::default() };
    let label = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    let ids = (0..3).map(|i| format!("store-0-{i}")).collect();
    vec![
        ("all", Filter::default()),
        ("all, too", Filter::default()),
        ("acme", Filter { tenant: "acme".to_owned(), ..Filter::default() }),
        ("label", Filter { labels: label.clone(), ..Filter::default() }),
        ("ids", Filter { ids, ..Filter::default() }),
        ("provisioning", states(&[Shows::Provisioning])),
        ("alive", states(&[Shows::Provisioning, Shows::Ready, Shows::Degraded])),
        ("wrong", states(&[Shows::Failed, Shows::Degraded])),
        ("gone", states(&[Shows::Deleted])),
        ("acme's going", Filter { tenant: "acme".to_owned(), labels: label, ..states(&[Shows::Deleting]) }),
    ]
}
