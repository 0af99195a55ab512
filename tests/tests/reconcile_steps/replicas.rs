//! Several replicas on one ledger and one cluster: who works on what, and when a holder has to stop.

use sendstores_core::{
    State,
    ledger::{Ledger, Owner},
    shard::responsible,
};
use sendstores_tests::{
    scripted::{Observation, Turn},
    steps,
    wait::until,
};

use crate::{LEASE, World};

/// Waits until each store is probed by the replica that is responsible for it among `replicas`, and by no other.
async fn shared_by(world: &World, replicas: &[&str]) {
    let owners: Vec<_> = replicas.iter().map(|name| Owner((*name).to_owned())).collect();
    let is_right = |probe: &Observation| {
        responsible(probe.id.as_str(), &owners).is_some_and(|responsible| responsible.0 == probe.who)
    };
    let begun = world.cluster.probes().len();
    until("a right share for each replica", async || {
        let probes = world.cluster.probes();
        let newest = &probes[begun.max(probes.len().saturating_sub(100))..];
        (newest.len() == 100 && newest.iter().all(is_right)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_replicas_never_act_on_one_store_at_once() {
    let world = World::new();
    world.replica("b");
    world.replica("c");
    for i in 0..30 {
        world.create(&format!("store-{i}")).await;
    }
    for i in 0..30 {
        world.reach(&format!("store-{i}").parse().expect("valid"), State::Ready).await;
    }
    assert_eq!(world.cluster.overlaps(), 0);
    assert_eq!(world.cluster.acts().len(), 30 * steps::ALL.len());
}

#[tokio::test]
async fn each_ready_store_is_probed_by_one_replica_and_by_another_when_that_one_ends() {
    let world = World::without_replica();
    let first = world.replica("first");
    for i in 0..12 {
        let id = world.create(&format!("store-{i}")).await;
        world.reach(&id, State::Ready).await;
    }
    shared_by(&world, &["first"]).await;
    world.replica("second");
    let third = world.replica("third");
    shared_by(&world, &["first", "second", "third"]).await;
    first.cancel();
    shared_by(&world, &["second", "third"]).await;
    // A replica that is gone without a word is missed when its lease ends.
    third.cancel();
    world.ledger.announce(&Owner("third".to_owned()), LEASE).await.expect("an answer");
    shared_by(&world, &["second"]).await;
}

#[tokio::test]
async fn another_replica_takes_over_when_a_holder_is_gone() {
    let world = World::without_replica();
    let first = world.replica("first");
    world.cluster.script(steps::DATABASE, Turn::Hang);
    let id = world.create("store-a").await;
    world.hanging(&id, steps::DATABASE).await;
    first.cancel();
    world.replica("second");
    world.ledger.advance(LEASE * 2);
    world.reach(&id, State::Ready).await;
    assert_eq!(world.cluster.overlaps(), 0);
}

#[tokio::test]
async fn a_holder_that_cannot_renew_its_claim_stops_its_work() {
    let world = World::new();
    world.cluster.script(steps::RELEASE, Turn::Hang);
    let id = world.create("store-a").await;
    world.hanging(&id, steps::RELEASE).await;
    let gone = sendstores_core::ledger::LedgerError::Unavailable("scripted".to_owned());
    world.ledger.fail_with(Some(gone));
    until("the work to stop", async || (!world.cluster.is_busy(&id)).then_some(())).await;
    world.ledger.fail_with(None);
    world.reach(&id, State::Ready).await;
}

#[tokio::test]
async fn a_holder_whose_claim_another_had_meanwhile_stops_its_work() {
    let world = World::new();
    world.cluster.script(steps::RELEASE, Turn::Hang);
    let id = world.create("store-a").await;
    world.hanging(&id, steps::RELEASE).await;
    let acts = world.cluster.acts().len();
    // Nothing else runs between these: the other replica has the claim and gives it back before the holder renews it.
    world.ledger.advance(LEASE * 2);
    let other = Owner("other".to_owned());
    let claim = world.ledger.claim(&id, &other, LEASE).await.expect("an answer").expect("the claim has expired");
    world.ledger.release(&claim).await.expect("an answer");
    until("the old work to be dropped", async || {
        (world.cluster.acts().len() > acts || !world.cluster.is_busy(&id)).then_some(())
    })
    .await;
    world.reach(&id, State::Ready).await;
    assert_eq!(world.cluster.overlaps(), 0);
}
