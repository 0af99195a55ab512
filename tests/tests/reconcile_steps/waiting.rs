//! Stores that wait for their pods cost the others nothing, and tenants take turns.

use std::time::{Duration, Instant};

use super::*;

/// Permits and slots of each class; many times as many stores wait.
const ACTS: usize = 4;
const STUCK: usize = 25 * ACTS;
/// So long does one act take: the acts are what a creation spends its time on.
const ACT: Duration = Duration::from_millis(20);

fn bounded() -> World {
    let world = World::bound_by(Bounds { acts: ACTS, runs: ACTS });
    world.cluster.set_act_time(ACT);
    world
}

impl World {
    async fn create_of(&self, tenant: &str, id: &str) -> StoreId {
        let store = Store { tenant: Some(samples::parsed(tenant)), ..samples::store(id) };
        let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
        self.ledger.write(write).await.expect("create").into_resource().id
    }

    /// How long a creation takes from now on.
    async fn time_of_creation(&self, id: &str) -> Duration {
        let begun = Instant::now();
        let id = self.create(id).await;
        self.reach(&id, State::Ready).await;
        begun.elapsed()
    }
}

#[tokio::test]
async fn stores_that_never_become_ready_delay_no_other() {
    let world = bounded();
    let alone = world.time_of_creation("store-alone").await;
    for i in 0..STUCK {
        let id: StoreId = samples::parsed(&format!("store-stuck-{i}"));
        world.cluster.set_never_ready(&id, steps::DATABASE);
        world.create(id.as_str()).await;
    }
    until("all of them to wait", async || (world.cluster.waiting() == STUCK).then_some(())).await;
    let beside = world.time_of_creation("store-beside").await;
    println!("READY after {alone:?} alone, after {beside:?} beside {STUCK} stores that wait");
    assert!(beside < 3 * alone, "{beside:?} beside {STUCK} stores that wait, {alone:?} alone");
    assert!(world.cluster.most_busy() <= ACTS, "{} acts at once", world.cluster.most_busy());
    // One that waits is left at once when it is deleted.
    let gone: StoreId = samples::parsed("store-stuck-0");
    world.delete(&gone).await;
    world.reach(&gone, State::Deleted).await;
}

#[tokio::test]
async fn a_tenant_with_many_creations_delays_another_by_one_act_at_a_time() {
    let world = bounded();
    for i in 0..STUCK {
        world.create_of("many", &format!("store-many-{i}")).await;
    }
    until("every permit to be taken", async || (world.cluster.most_busy() == ACTS).then_some(())).await;
    let begun = world.cluster.acts().len();
    let one = world.create_of("one", "store-one").await;
    world.reach(&one, State::Ready).await;
    let between = world.cluster.acts().len() - begun;
    // The acts of its own, one of the other tenant before each, and those under way meanwhile.
    let most = 2 * steps::ALL.len() * (ACTS + 1);
    assert!(between <= most, "{between} acts before it was READY, at most {most} in turns, {} in line", 7 * STUCK);
}

#[tokio::test]
async fn acts_that_hang_keep_no_store_from_a_probe_or_from_its_removal() {
    let world = World::new();
    let ids = [world.create("store-selling").await, world.create("store-unwanted").await];
    for id in &ids {
        world.reach(id, State::Ready).await;
    }
    for i in 0..2 * PLACES {
        world.cluster.script(steps::DATABASE, Turn::Hang);
        world.create(&format!("store-stuck-{i}")).await;
    }
    let stuck = || world.cluster.acts().iter().filter(|(_, step)| *step == steps::DATABASE).count() - ids.len();
    until("every permit to be taken", async || (stuck() == PLACES).then_some(())).await;
    world.delete(&ids[1]).await;
    world.reach(&ids[1], State::Deleted).await;
    world.cluster.set_selling(false);
    world.reach(&ids[0], State::Degraded).await;
    assert_eq!(stuck(), PLACES, "no more are made at once");
}
