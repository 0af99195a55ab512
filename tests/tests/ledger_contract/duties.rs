use std::time::Duration;

use sendstores_core::ledger::{Duty, Fence, Ledger, Owner};
use sendstores_tests::{
    ledger::{apply, creation},
    wait::until,
};

use crate::worlds::World;

on_both! {
    a_duty_is_one_owners_who_keeps_it_under_the_same_fence,
    an_expired_duty_goes_to_another_owner_with_a_higher_fence,
    a_duty_is_given_back_by_its_owner_alone,
    a_duty_and_the_claims_of_stores_are_apart,
    a_replica_lives_as_long_as_it_says_so,
}

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

async fn take<L: Ledger>(ledger: &L, name: &str, lease: Duration) -> Option<Fence> {
    ledger.take_duty(Duty::Cron, &Owner(name.to_owned()), lease).await.expect("an answer")
}

async fn a_duty_is_one_owners_who_keeps_it_under_the_same_fence<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let fence = take(&ledger, "one of two words", LONG).await.expect("the duty");
    assert_eq!(take(&ledger, "two", LONG).await, None);
    assert_eq!(take(&ledger, "one of two words", LONG).await, Some(fence));
    assert_eq!(take(&world.reopen().await, "two", LONG).await, None);
}

async fn an_expired_duty_goes_to_another_owner_with_a_higher_fence<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let old = take(&ledger, "one", SHORT).await.expect("the duty");
    let new = until("the duty to expire", async || take(&ledger, "two", LONG).await).await;
    assert!(new > old);
    assert_eq!(take(&ledger, "one", LONG).await, None);
}

async fn a_duty_is_given_back_by_its_owner_alone<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let old = take(&ledger, "one", SHORT).await.expect("the duty");
    let new = until("the duty to expire", async || take(&ledger, "two", LONG).await).await;
    ledger.leave_duty(Duty::Cron, old).await.expect("an answer");
    assert_eq!(take(&ledger, "one", LONG).await, None, "the old fence gives nothing back");
    ledger.leave_duty(Duty::Cron, new).await.expect("an answer");
    assert!(take(&ledger, "one", LONG).await.is_some_and(|fence| fence > new));
}

async fn a_duty_and_the_claims_of_stores_are_apart<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let store = apply(&ledger, creation("store-cron")).await;
    let duty = take(&ledger, "one", LONG).await.expect("the duty");
    let claim = ledger.claim(&store.id, &Owner("two".to_owned()), LONG).await.expect("an answer").expect("the claim");
    assert_ne!(claim.fence, duty);
    ledger.release(&claim).await.expect("an answer");
    assert_eq!(take(&ledger, "two", LONG).await, None);
}

async fn a_replica_lives_as_long_as_it_says_so<W: World>() {
    let world = W::new().await;
    let (ledger, other) = (world.ledger(), world.reopen().await);
    let [one, two] = ["one of two words", "two"].map(|name| Owner(name.to_owned()));
    assert_eq!(ledger.announce(&one, LONG).await, Ok(vec![one.clone()]));
    let mut both = other.announce(&two, SHORT).await.expect("an answer");
    both.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(both, [one.clone(), two.clone()]);
    until("the second to be gone", async || {
        let living = ledger.announce(&one, LONG).await.expect("an answer");
        (living == [one.clone()]).then_some(())
    })
    .await;
    other.announce(&two, LONG).await.expect("an answer");
    assert_eq!(other.announce(&one, Duration::ZERO).await, Ok(vec![two]), "the note is taken back");
}
