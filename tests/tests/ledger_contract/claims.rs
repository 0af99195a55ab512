use std::time::Duration;

use sendstores_core::{
    ResourceId, Store, StoreId,
    ledger::{Claim, Fence, Ledger, LedgerError, Owner, Write},
};
use sendstores_tests::{
    ledger::{apply, creation, last, tombstone, update},
    samples::parsed,
    wait::until,
};

use crate::worlds::World;

on_both! {
    a_claim_is_held_by_one_owner,
    an_owner_gets_its_claim_back_with_the_same_fence,
    claims_are_renewed_together_and_each_one_answers,
    an_expired_claim_is_renewed_until_another_owner_takes_it,
    an_expired_claim_goes_to_another_owner_with_a_higher_fence,
    an_expired_claim_that_nobody_took_is_still_its_owners,
    a_released_claim_is_free_and_its_fence_is_void,
    a_lost_claim_cannot_be_released,
    a_write_needs_the_fence_of_the_claim,
    a_fence_never_comes_back,
    a_claim_says_how_long_it_lasts,
}

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

async fn claim<L: Ledger>(ledger: &L, id: &StoreId, name: &str, lease: Duration) -> Option<Claim> {
    ledger.claim(id, &owner(name), lease).await.expect("an answer")
}

async fn take<L: Ledger>(ledger: &L, id: &StoreId, name: &str) -> Claim {
    claim(ledger, id, name, LONG).await.expect("the claim")
}

/// Waits until the claim that others have has run out.
async fn take_over<L: Ledger>(ledger: &L, id: &StoreId, name: &str) -> Claim {
    until("the claim to expire", async || claim(ledger, id, name, LONG).await).await
}

fn under(fence: Fence, store: &Store) -> Write {
    Write { fence: Some(fence), ..update(store) }
}

async fn a_claim_says_how_long_it_lasts<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let id: StoreId = parsed("store-a");
    let rest = async || ledger.claimed_for(&id).await.expect("an answer");
    assert_eq!(rest().await, Duration::ZERO);
    let held = take(&ledger, &id, "one").await;
    assert!(rest().await > LONG / 2 && rest().await <= LONG);
    ledger.release(&held).await.expect("released");
    assert_eq!(rest().await, Duration::ZERO);
    claim(&ledger, &id, "one", SHORT).await.expect("the claim");
    until("it to run out", async || rest().await.is_zero().then_some(())).await;
}

async fn a_claim_is_held_by_one_owner<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let id: StoreId = parsed("store-a");
    let held = take(&ledger, &id, "one").await;
    assert_eq!((&held.key, &held.owner), (&id.key(), &owner("one")));
    assert_eq!(claim(&ledger, &id, "two", LONG).await, None);
    let other = take(&ledger, &parsed("store-b"), "two").await;
    assert_eq!(other.owner, owner("two"));
}

async fn an_owner_gets_its_claim_back_with_the_same_fence<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let id: StoreId = parsed("store-a");
    let first = claim(&ledger, &id, "one of two words", SHORT).await.expect("the claim");
    let second = take(&ledger, &id, "one of two words").await;
    assert_eq!(second.fence, first.fence);
    assert!(second.expires.since(first.expires) > LONG / 2, "the expiry is new");
    assert_eq!(claim(&ledger, &id, "two", LONG).await, None);
}

async fn claims_are_renewed_together_and_each_one_answers<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let ids: [StoreId; 4] = ["store-a", "store-b", "store-c", "store-d"].map(parsed);
    let mut claims = Vec::new();
    for id in &ids {
        claims.push(claim(&ledger, id, "one of two words", Duration::from_secs(60)).await.expect("the claim"));
    }
    ledger.release(&claims[1]).await.expect("given back");
    ledger.release(&claims[2]).await.expect("given back");
    take(&ledger, &ids[2], "two").await;
    assert_eq!(ledger.renew(&claims, LONG / 2).await, Ok(vec![true, false, false, true]));
    for id in [&ids[0], &ids[3]] {
        let rest = ledger.claimed_for(id).await.expect("an answer");
        assert!(rest > LONG / 4 && rest <= LONG / 2, "{rest:?} is the new lease");
    }
    assert_eq!(ledger.claimed_for(&ids[1]).await, Ok(Duration::ZERO), "a renewal takes nothing");
    assert!(ledger.claimed_for(&ids[2]).await.expect("an answer") > LONG / 2, "that of another owner is left alone");
    assert_eq!(take(&ledger, &ids[0], "one of two words").await.fence, claims[0].fence, "the owner is the same");
    assert_eq!(ledger.renew(&[], LONG).await, Ok(Vec::new()));
}

async fn an_expired_claim_is_renewed_until_another_owner_takes_it<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let id: StoreId = parsed("store-a");
    let held = claim(&ledger, &id, "one", Duration::ZERO).await.expect("the claim");
    assert_eq!(ledger.renew(std::slice::from_ref(&held), Duration::ZERO).await, Ok(vec![true]));
    take_over(&ledger, &id, "two").await;
    assert_eq!(ledger.renew(&[held], LONG).await, Ok(vec![false]));
}

async fn an_expired_claim_goes_to_another_owner_with_a_higher_fence<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let old = claim(&ledger, &store.id, "one", SHORT).await.expect("the claim");
    let new = take_over(&ledger, &store.id, "two").await;
    assert!(new.fence > old.fence);
    assert_eq!(ledger.write(under(old.fence, &store)).await, Err(LedgerError::Fenced));
    assert_eq!(last(&ledger).await, store.revision);
    apply(&ledger, under(new.fence, &store)).await;
    assert_eq!(claim(&ledger, &store.id, "one", LONG).await, None);
}

async fn an_expired_claim_that_nobody_took_is_still_its_owners<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let held = claim(&ledger, &store.id, "one", Duration::ZERO).await.expect("the claim");
    let store = apply(&ledger, under(held.fence, &store)).await;
    assert_eq!(take(&ledger, &store.id, "one").await.fence, held.fence);
}

async fn a_released_claim_is_free_and_its_fence_is_void<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let first = take(&ledger, &store.id, "one").await;
    ledger.release(&first).await.expect("released");
    ledger.release(&first).await.expect("and again");
    // A write that was on its way when the claim was given back comes too late.
    assert_eq!(ledger.write(under(first.fence, &store)).await, Err(LedgerError::Fenced));
    let second = take(&ledger, &store.id, "two").await;
    assert!(second.fence > first.fence);
}

async fn a_lost_claim_cannot_be_released<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let id: StoreId = parsed("store-a");
    let old = claim(&ledger, &id, "one", SHORT).await.expect("the claim");
    let new = take_over(&ledger, &id, "two").await;
    ledger.release(&old).await.expect("nothing happens");
    assert_eq!(claim(&ledger, &id, "one", LONG).await, None);
    assert_eq!(take(&ledger, &id, "two").await.fence, new.fence);
}

async fn a_write_needs_the_fence_of_the_claim<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-a")).await;
    let held = take(&ledger, &store.id, "one").await;
    let other = take(&ledger, &parsed("store-b"), "one").await;
    for fence in [Fence(0), Fence(held.fence.0 + 100), other.fence] {
        assert_eq!(ledger.write(under(fence, &store)).await, Err(LedgerError::Fenced));
    }
    let store = apply(&ledger, under(held.fence, &store)).await;
    // Callers have no claim, and need none.
    apply(&ledger, update(&store)).await;
}

async fn a_fence_never_comes_back<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let mut highest = Fence(0);
    for name in ["one", "one", "two"] {
        let dead = tombstone(&ledger, "store-a").await;
        let claim = take(&ledger, &dead.id, name).await;
        assert!(claim.fence > highest, "{claim:?}");
        highest = claim.fence;
        assert_eq!(ledger.sweep(Duration::ZERO, 100).await, Ok(1));
    }
}
