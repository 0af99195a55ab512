//! What a tenant may have: checked with the write, counted with the write.

use std::{collections::BTreeMap, time::Duration};

use sendstores_core::{
    Event, Store, Tenant,
    admission::{Denial, Quota, TenantLimits, Terms},
    ledger::{Ledger, LedgerError, Write, Written},
    tenant::TenantEvent,
};
use sendstores_tests::{
    ledger::{apply, creation, declaration, event, last, operation, stores, tenant_event, tombstone, update},
    samples::parsed,
    wait::until,
};
use tokio::task::JoinSet;

use crate::worlds::World;

on_both! {
    a_tenant_has_as_many_stores_as_it_may_and_no_more,
    of_parallel_creates_on_many_handles_exactly_so_many_are_admitted,
    creates_of_a_minute_are_limited_and_one_more_is_admitted_in_time,
    a_declared_tenant_has_its_own_limits,
    a_closed_ledger_has_stores_of_declared_tenants_alone,
    only_a_tenant_without_stores_ends,
    other_refusals_come_before_and_what_is_refused_counts_nothing,
    without_terms_a_store_is_counted_and_admitted,
    the_count_lives_through_an_adoption,
}

fn quota(stores: Option<u32>, creates_per_minute: Option<u32>) -> Terms {
    Quota { defaults: TenantLimits { stores, creates_per_minute, ..TenantLimits::default() }, closed: false }.terms()
}

/// A creation of the tenant.
fn of(tenant: &str, id: &str) -> Write {
    let write = creation(id);
    Write { resource: Store { tenant: Some(parsed(tenant)), ..write.resource }, ..write }
}

async fn created<L: Ledger>(ledger: &L, tenant: &str, id: &str, terms: &Terms) -> Result<Store, LedgerError> {
    ledger.submit(of(tenant, id), terms.clone()).await.map(Written::into_resource)
}

fn full(most: u32) -> LedgerError {
    LedgerError::NotAdmitted(Denial::Stores { most })
}

/// How many stores the ledger counts wrongly: `counts` is what is right.
async fn drift<L: Ledger>(ledger: &L, counts: &[(&str, u64)]) -> u64 {
    let counts: BTreeMap<_, _> = counts.iter().map(|(tenant, stores)| (parsed(tenant), *stores)).collect();
    ledger.check_counts(last(ledger).await, &counts).await.expect("an answer").expect("nothing was written meanwhile")
}

async fn a_tenant_has_as_many_stores_as_it_may_and_no_more<W: World>() {
    let world = W::new().await;
    let (ledger, two) = (world.ledger(), quota(Some(2), None));
    let first = created(&ledger, "acme", "store-a", &two).await.expect("admitted");
    created(&ledger, "acme", "store-b", &two).await.expect("admitted");
    assert_eq!(created(&ledger, "acme", "store-c", &two).await, Err(full(2)));
    created(&ledger, "bolt", "store-d", &two).await.expect("others are not affected");
    let none = Write { resource: Store { tenant: None, ..creation("store-e").resource }, ..creation("store-e") };
    ledger.submit(none, two.clone()).await.expect("of no tenant");
    // A store that is being deleted is there; one that is gone is not.
    let going = apply(&ledger, event(&first, Event::DeleteRequested)).await;
    assert_eq!(created(&ledger, "acme", "store-c", &two).await, Err(full(2)));
    apply(&ledger, event(&going, Event::Removed)).await;
    // In the place of the tombstone, and by another process.
    let ledger = world.reopen().await;
    created(&ledger, "acme", "store-a", &two).await.expect("admitted");
    assert_eq!(created(&ledger, "acme", "store-c", &two).await, Err(full(2)));
    assert_eq!(created(&ledger, "echo", "store-f", &quota(Some(0), None)).await, Err(full(0)));
    assert_eq!(drift(&ledger, &[("acme", 2), ("bolt", 1)]).await, 0);
}

async fn of_parallel_creates_on_many_handles_exactly_so_many_are_admitted<W: World>() {
    let world = W::new().await;
    let handles = [world.ledger(), world.reopen().await, world.reopen().await];
    let mut tasks = JoinSet::new();
    for i in 0..100 {
        let ledger = handles[i % handles.len()].clone();
        tasks.spawn(async move { created(&ledger, "acme", &format!("store-{i}"), &quota(Some(37), None)).await });
    }
    let results = tasks.join_all().await;
    let refused = results.iter().filter(|result| **result == Err(full(37))).count();
    assert_eq!((results.iter().filter(|result| result.is_ok()).count(), refused), (37, 63), "{results:?}");
    assert_eq!(stores(&handles[1]).await.expect("stores").len(), 37);
    assert_eq!(drift(&handles[2], &[("acme", 37)]).await, 0);
}

async fn creates_of_a_minute_are_limited_and_one_more_is_admitted_in_time<W: World>() {
    let world = W::new().await;
    let (ledger, rate) = (world.ledger(), quota(None, Some(60)));
    let mut admitted = 0;
    let refused = loop {
        match created(&ledger, "acme", &format!("store-{admitted}"), &rate).await {
            // One more each second that this takes.
            Ok(_) if admitted < 120 => admitted += 1,
            Ok(_) => panic!("the rate is never refused"),
            Err(error) => break error,
        }
    };
    assert!(admitted >= 60, "{admitted}");
    let LedgerError::NotAdmitted(Denial::Rate { most: 60, retry_after }) = refused else { panic!("{refused:?}") };
    assert!(!retry_after.is_zero() && retry_after <= Duration::from_secs(1), "{retry_after:?}");
    created(&ledger, "bolt", "store-bolt", &rate).await.expect("others are not affected");
    let again = async || created(&ledger, "acme", "store-later", &rate).await.ok();
    until("one more", again).await;
}

async fn a_declared_tenant_has_its_own_limits<W: World>() {
    let world = W::new().await;
    let (ledger, default) = (world.ledger(), quota(Some(1), None));
    let acme = apply(&ledger, declaration("acme")).await;
    created(&ledger, "acme", "store-a", &default).await.expect("admitted");
    assert_eq!(created(&ledger, "acme", "store-b", &default).await, Err(full(1)), "of its own it has none");
    let limits = TenantLimits { stores: Some(2), creates_per_minute: None, ..TenantLimits::default() };
    let acme = apply(&ledger, tenant_event(&acme, TenantEvent::Limited(limits))).await;
    assert_eq!(acme.limits, limits);
    created(&ledger, "acme", "store-b", &default).await.expect("admitted");
    assert_eq!(created(&ledger, "acme", "store-c", &default).await, Err(full(2)));
    let limits = TenantLimits { stores: Some(9), creates_per_minute: Some(1), ..TenantLimits::default() };
    let acme = apply(&ledger, tenant_event(&acme, TenantEvent::Limited(limits))).await;
    created(&ledger, "acme", "store-c", &default).await.expect("the first in its minute");
    let refused = created(&ledger, "acme", "store-d", &default).await;
    assert!(matches!(refused, Err(LedgerError::NotAdmitted(Denial::Rate { most: 1, .. }))), "{refused:?}");
    apply(&ledger, tenant_event(&acme, TenantEvent::Deleted)).await;
    assert_eq!(created(&ledger, "acme", "store-d", &default).await, Err(full(1)), "its limits end with it");
    assert_eq!(
        world.reopen().await.load(&acme.id).await.expect("an answer").map(|tenant: Tenant| tenant.limits),
        Some(limits)
    );
}

async fn a_closed_ledger_has_stores_of_declared_tenants_alone<W: World>() {
    let world = W::new().await;
    let (ledger, closed) = (world.ledger(), Quota { closed: true, ..Quota::default() }.terms());
    let undeclared = Err(LedgerError::NotAdmitted(Denial::Undeclared));
    assert_eq!(created(&ledger, "acme", "store-a", &closed).await, undeclared);
    let acme = apply(&ledger, declaration("acme")).await;
    let store = created(&ledger, "acme", "store-a", &closed).await.expect("admitted");
    apply(&ledger, tenant_event(&acme, TenantEvent::Deleted)).await;
    assert_eq!(created(&ledger, "acme", "store-b", &closed).await, undeclared);
    // What is there goes on.
    ledger.submit(event(&store, Event::Converged), closed.clone()).await.expect("written");
    let none = Write { resource: Store { tenant: None, ..creation("store-c").resource }, ..creation("store-c") };
    ledger.submit(none, closed).await.expect("of no tenant");
}

async fn only_a_tenant_without_stores_ends<W: World>() {
    let world = W::new().await;
    let (ledger, terms) = (world.ledger(), Quota::default().terms());
    let acme = apply(&ledger, declaration("acme")).await;
    let store = apply(&ledger, of("acme", "store-a")).await;
    apply(&ledger, of("bolt", "store-b")).await;
    let end = tenant_event(&acme, TenantEvent::Deleted);
    let refused = ledger.submit(end.clone(), terms.clone()).await;
    assert_eq!(refused, Err(LedgerError::NotAdmitted(Denial::NotEmpty { stores: 1 })));
    let store = apply(&ledger, event(&store, Event::DeleteRequested)).await;
    apply(&ledger, event(&store, Event::Removed)).await;
    ledger.submit(end, terms).await.expect("it has none");
}

async fn other_refusals_come_before_and_what_is_refused_counts_nothing<W: World>() {
    let world = W::new().await;
    let (ledger, one) = (world.ledger(), quota(Some(1), Some(3)));
    let known = Write { operation: Some(operation("r-1", "aa")), ..of("acme", "store-a") };
    let first = ledger.submit(known.clone(), one.clone()).await.expect("admitted").into_resource();
    assert_eq!(ledger.submit(known, one.clone()).await, Ok(Written::Repeated(first.clone())), "it happened before");
    let taken = ledger.submit(of("acme", "store-a"), one.clone()).await;
    assert_eq!(taken, Err(LedgerError::Conflict(Some(Box::new(first.into())))));
    let refused = Write { operation: Some(operation("r-2", "bb")), ..of("acme", "store-b") };
    for _ in 0..5 {
        assert_eq!(ledger.submit(refused.clone(), one.clone()).await, Err(full(1)));
    }
    // The request id of what was refused is free, and its rate was not taken: one create of three was.
    let three = quota(Some(3), Some(3));
    ledger.submit(refused, three.clone()).await.expect("admitted");
    created(&ledger, "acme", "store-c", &three).await.expect("admitted");
    assert_eq!(created(&ledger, "acme", "store-d", &three).await, Err(full(3)));
    assert_eq!(drift(&ledger, &[("acme", 3)]).await, 0);
}

async fn without_terms_a_store_is_counted_and_admitted<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    for i in 0..3 {
        apply(&ledger, of("acme", &format!("store-{i}"))).await;
    }
    tombstone(&ledger, "store-dead").await;
    assert_eq!(created(&ledger, "acme", "store-x", &quota(Some(3), None)).await, Err(full(3)));
    let store = apply(&ledger, of("bolt", "store-b")).await;
    apply(&ledger, update(&store)).await;
    assert_eq!(drift(&ledger, &[("acme", 3), ("bolt", 1)]).await, 0);
}

async fn the_count_lives_through_an_adoption<W: World>() {
    let world = W::new().await;
    let ledger = world.ledger();
    let kept = apply(&ledger, of("acme", "store-kept")).await;
    apply(&ledger, of("acme", "store-other")).await;
    let ended = tombstone(&ledger, "store-ended").await;
    ledger.adopt(vec![of("acme", "store-found").resource.into(), ended.into()]).await.expect("adopted");
    assert_eq!(created(&ledger, "acme", "store-x", &quota(Some(3), None)).await, Err(full(3)));
    created(&ledger, "acme", "store-x", &quota(Some(4), None)).await.expect("admitted");
    assert_eq!(drift(&ledger, &[("acme", 4)]).await, 0);
    assert!(ledger.load(&kept.id).await.is_ok());
}
