//! Who changes stores: callers, and what stands in for the cluster.

use std::time::SystemTime;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_client::{Client, CreateStore, DeleteStore, Error, v1::Store};
use sendstores_core::{
    Event, State, StoreId,
    ledger::{Ledger, LedgerError},
};
use sendstores_tests::{
    ledger::{settled, update},
    steps,
    wait::within,
};

use super::{IDS, WRITERS, world::World};

/// A call of a writer, with all that makes it the same when it is repeated.
#[derive(Clone)]
enum Call {
    Create(Box<CreateStore>),
    Delete(DeleteStore),
}

// === impl Call ===

impl Call {
    fn any(writer: u64, request_id: &str, random: &mut StdRng) -> Self {
        let id = format!("store-{writer}-{}", random.random_range(0..IDS));
        if random.random_bool(0.4) {
            return Self::Delete(DeleteStore::new(id).request_id(request_id));
        }
        let tenant = ["acme", "other"][random.random_range(0..2)];
        let team = ["a", "b"][random.random_range(0..2)];
        let create = CreateStore::new().id(id).request_id(request_id).tenant(tenant).label("team", team);
        Self::Create(Box::new(create))
    }

    async fn make(&self, client: &Client) -> Result<Option<Store>, Error> {
        match self.clone() {
            Self::Create(create) => client.create(*create).await.map(Some),
            Self::Delete(delete) => client.delete(delete).await,
        }
    }

    /// Makes the call until it is answered, at whatever replica; the answer may be a refusal.
    async fn settle(&self, world: &World, random: &mut StdRng) -> Result<Option<Store>, Error> {
        let settled = async {
            loop {
                let client = world.client(random).await;
                match self.make(&client).await {
                    Err(error) if error.retryable() => {}
                    answered => return answered,
                }
            }
        };
        within("a call to be answered", settled).await
    }
}

pub(crate) async fn write(world: World, writer: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for i in 0_u64.. {
        if world.stop.is_cancelled() {
            return;
        }
        let request_id = format!("{writer}-{i}");
        let call = Call::any(writer, &request_id, &mut random);
        // An id that is taken, or a store that is not there: nothing was written.
        let Ok(Some(store)) = call.settle(&world, &mut random).await else { continue };
        world.answer(&request_id, &store);
        if random.random_bool(0.2) {
            let again = call.settle(&world, &mut random).await.expect("the first answer").expect("a store");
            world.answer(&request_id, &again);
        }
    }
}

/// Brings about what a cluster would have: steps, READY, DEGRADED and the end of what is deleted.
pub(crate) async fn play(world: World, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    while !world.stop.is_cancelled() {
        let id = format!("store-{}-{}", random.random_range(0..WRITERS), random.random_range(0..IDS));
        let id: StoreId = id.parse().expect("valid");
        let found = settled(async || world.ledger.load(&id).await).await;
        let Some(store) = found.expect("an answer") else { continue };
        let now = SystemTime::now().into();
        let next = match (store.state, random.random_range(0..3)) {
            (State::Provisioning, 0) => store.at_step(steps::RELEASE, true, "installing", now),
            (State::Provisioning, 1) | (State::Degraded, _) => store.after(Event::Converged, now).expect("legal"),
            (State::Provisioning, _) => store.after(Event::GaveUp, now).expect("legal"),
            (State::Ready, _) => store.after(Event::ProbeFailed, now).expect("legal"),
            (State::Deleting, _) => store.after(Event::Removed, now).expect("legal"),
            _ => continue,
        };
        match world.ledger.write(update(&next)).await {
            Ok(_) | Err(LedgerError::Conflict(_) | LedgerError::Unavailable(_)) => {}
            Err(error) => panic!("{id}: {error}"),
        }
    }
}
