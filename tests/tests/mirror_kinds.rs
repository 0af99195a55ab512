//! The mirror holds resources of several kinds, and finds stores by tenant and state.

use std::{collections::BTreeSet, time::Duration};

use futures::poll;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_core::{
    Event, Former, Listing, Order, OrderBy, Scope, State, Store, StoreFilter, StoreId, Summary, Tenant, TenantId,
    Timestamp,
    ledger::{Expected, Ledger, Scan, Write},
    tenant::TenantEvent,
};
use sendstores_server::{
    ledger::MemoryLedger,
    mirror::{Mirror, Status},
};
use sendstores_tests::{
    ledger::{apply, create, declaration, happen, last, tenant_event, update},
    samples::{self, parsed, store_id},
    versions::fixture,
    wait::{DEADLINE, until},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const STORES: u32 = 120;

/// A mirror that is live and follows until the guard is dropped.
async fn follow(ledger: &MemoryLedger, ring: usize) -> (Mirror, DropGuard) {
    let (mirror, stop) = (Mirror::new(ring), CancellationToken::new());
    tokio::spawn(mirror.clone().follow(ledger.clone(), stop.clone()));
    let mut status = mirror.status();
    let live = tokio::time::timeout(DEADLINE, status.wait_for(|status| *status == Status::Live)).await;
    live.expect("in time").expect("a status");
    (mirror, stop.drop_guard())
}

async fn reach(mirror: &Mirror, ledger: &MemoryLedger) {
    tokio::time::timeout(DEADLINE, mirror.reach(last(ledger).await)).await.expect("in time");
}

fn id(text: &str) -> TenantId {
    parsed(text)
}

fn tenants(mirror: &Mirror) -> Vec<Tenant> {
    mirror.tenants(None, 100).iter().map(|tenant| (***tenant).clone()).collect()
}

#[tokio::test]
async fn tenants_are_loaded_and_followed() {
    let ledger = MemoryLedger::default();
    let acme = apply(&ledger, declaration("acme")).await;
    create(&ledger, "store-a", "acme").await;
    let (mirror, _guard) = follow(&ledger, 10).await;
    assert_eq!(tenants(&mirror), std::slice::from_ref(&acme));
    let bolt = apply(&ledger, declaration("bolt")).await;
    let acme = apply(&ledger, tenant_event(&acme, TenantEvent::Suspended)).await;
    reach(&mirror, &ledger).await;
    assert_eq!(tenants(&mirror), [acme.clone(), bolt.clone()]);
    assert_eq!(mirror.tenants(Some(&acme.id), 100).len(), 1);
    assert_eq!(mirror.tenants(None, 1).len(), 1);
    let gone = apply(&ledger, tenant_event(&bolt, TenantEvent::Deleted)).await;
    reach(&mirror, &ledger).await;
    assert_eq!(tenants(&mirror), [acme]);
    assert_eq!(mirror.tenant(&bolt.id).map(|tenant| tenant.revision), Some(gone.revision));
    let (late, _late) = follow(&ledger, 10).await;
    assert_eq!(tenants(&late), tenants(&mirror));
}

#[tokio::test]
async fn a_tenant_that_cannot_be_read_is_set_aside_alone() {
    let ledger = MemoryLedger::default();
    let acme = apply(&ledger, declaration("acme.eu_1")).await;
    let bolt = apply(&ledger, declaration("bolt")).await;
    let (mirror, _guard) = follow(&ledger, 10).await;
    ledger.put(&acme.id, "{");
    reach(&mirror, &ledger).await;
    for mirror in [mirror.clone(), follow(&ledger, 10).await.0] {
        assert_eq!(mirror.unreadable(&acme.id).map(|unreadable| unreadable.revision), Some(last(&ledger).await));
        assert_eq!(tenants(&mirror), std::slice::from_ref(&bolt));
    }
    ledger.put(&acme.id, &fixture("tenant-v1/active").to_string());
    reach(&mirror, &ledger).await;
    assert_eq!(mirror.unreadable(&acme.id), None);
    assert_eq!(mirror.tenants(None, 100).len(), 2);
}

#[tokio::test]
async fn a_watch_of_stores_is_untouched_by_tenants() {
    let ledger = MemoryLedger::default();
    let shop = create(&ledger, "store-a", "acme").await;
    let (mirror, _guard) = follow(&ledger, 2).await;
    let (seen, mut cursor) = mirror.snapshot(&StoreFilter::default());
    assert_eq!(seen.len(), 1);
    let mut acme = apply(&ledger, declaration("acme")).await;
    // More than the ring has room for.
    for _ in 0..10 {
        acme = apply(&ledger, tenant_event(&acme, TenantEvent::Suspended)).await;
    }
    reach(&mirror, &ledger).await;
    {
        let next = std::pin::pin!(cursor.next(10));
        assert!(poll!(next).is_pending(), "a change of a tenant is no change of a store");
    }
    let changed = happen(&ledger, "store-a", Event::Converged).await;
    let changes = tokio::time::timeout(DEADLINE, cursor.next(10)).await.expect("in time").expect("no gap");
    let found: Vec<_> = changes.iter().map(|change| (change.revision, change.before.clone())).collect();
    assert_eq!(found, [(changed.revision, Some(Former { state: shop.state, labels: None }))]);
}

#[tokio::test]
async fn tenants_live_through_an_adoption() {
    let ledger = MemoryLedger::default();
    let kept = apply(&ledger, declaration("kept")).await;
    let stale = apply(&ledger, declaration("stale")).await;
    let (mirror, _guard) = follow(&ledger, 10).await;
    let renamed = Tenant { display_name: parsed("Renamed"), ..stale };
    let other = ledger.reopen();
    other.adopt(vec![renamed.into(), samples::store("store-a").into()]).await.expect("adopted");
    let epoch = other.epoch();
    let adopted = async || (mirror.position().epoch == epoch).then(|| tenants(&mirror));
    let after = until("the mirror to join", adopted).await;
    assert_eq!(after.iter().map(|tenant| tenant.display_name.as_str()).collect::<Vec<_>>(), ["kept", "Renamed"]);
    assert_eq!(after[0], kept);
}

/// One change of any store: creations under any tenant, ends, and records that cannot be read among them.
async fn change_something(ledger: &MemoryLedger, random: &mut StdRng) {
    let id = format!("store-{:03}", random.random_range(0..STORES));
    let tenant = ["acme", "bolt", "core", "dune", "echo", "fern"][random.random_range(0..6)];
    let state = match ledger.load(&store_id(&id)).await {
        Ok(store) => store.map(|store| store.state),
        Err(_) => {
            let mut readable = fixture("v1/ready");
            readable["id"] = id.as_str().into();
            return ledger.put(&store_id(&id), &readable.to_string());
        }
    };
    let events: &[Event] = match state {
        None | Some(State::Deleted) => return drop(create(ledger, &id, tenant).await),
        Some(State::Provisioning) => &[Event::Converged, Event::GaveUp, Event::DeleteRequested],
        Some(State::Ready) => &[Event::ProbeFailed, Event::DeleteRequested, Event::SuspendRequested],
        Some(State::Degraded) => &[Event::Converged, Event::DeleteRequested],
        Some(State::Suspending) => &[Event::Slept],
        Some(State::Deleting) => &[Event::Removed],
        Some(_) => &[Event::DeleteRequested],
    };
    if random.random_ratio(1, 50) {
        ledger.put(&store_id(&id), "{");
    } else {
        happen(ledger, &id, events[random.random_range(0..events.len())]).await;
    }
}

fn any_filter(random: &mut StdRng) -> StoreFilter {
    let tenants = ["acme", "bolt", "nobody"];
    let states: BTreeSet<_> = State::ALL.into_iter().filter(|_| random.random_ratio(1, 4)).collect();
    let tenant = random.random_bool(0.6).then(|| id(tenants[random.random_range(0..tenants.len())]));
    let mut ids = BTreeSet::new();
    if random.random_ratio(1, 5) {
        ids = (0..9).map(|_| store_id(&format!("store-{:03}", random.random_range(0..STORES)))).collect();
    }
    StoreFilter {
        ids,
        tenant,
        states: if random.random_bool(0.6) { states } else { BTreeSet::new() },
        ..StoreFilter::default()
    }
}

fn any_listing(random: &mut StdRng) -> Listing {
    let by = [OrderBy::Id, OrderBy::CreateTime, OrderBy::UpdateTime][random.random_range(0..3)];
    let search = ["", "STORE-0", "7", "team=a", "nothing"][random.random_range(0..5)];
    Listing {
        filter: any_filter(random),
        search: (!search.is_empty()).then(|| parsed(search)),
        order: Order { by, descending: random.random_bool(0.5) },
    }
}

/// Page by page.
fn listed(mirror: &Mirror, listing: &Listing, most: usize) -> Vec<StoreId> {
    let (mut ids, mut after): (Vec<StoreId>, _) = (Vec::new(), None);
    let mut totals = BTreeSet::new();
    loop {
        let page = mirror.list(listing, after.as_ref(), most);
        ids.extend(page.stores.iter().map(|store| store.id.clone()));
        after = page.stores.last().map(|store| listing.order.place(store));
        totals.insert(page.total);
        if !page.more {
            assert_eq!(totals, [ids.len()].into(), "{listing:?}");
            return ids;
        }
        assert_eq!(page.stores.len(), most);
    }
}

#[tokio::test]
async fn a_list_in_any_order_and_its_summary_are_what_reading_every_store_gives() {
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let ledger = MemoryLedger::default();
        let (old, _old) = follow(&ledger, 100).await;
        for round in 0..8 {
            for _ in 0..60 {
                change_something(&ledger, &mut random).await;
            }
            let (young, _young) = follow(&ledger, 100).await;
            reach(&old, &ledger).await;
            let Scan { resources: mut stores, .. }: Scan<Store> = ledger.scan().await.expect("a scan");
            let now = stores.iter().map(|store| store.update_time).max().expect("a store");
            for plain in [true, false].repeat(20) {
                let listing = if plain { any_filter(&mut random).into() } else { any_listing(&mut random) };
                stores.sort_by(|one, other| listing.order.compare(one, other));
                let wanted: Vec<_> =
                    stores.iter().filter(|store| listing.has(store)).map(|store| store.id.clone()).collect();
                let mut summary = Summary::at(now);
                stores.iter().for_each(|store| summary.add(&listing.filter, store));
                for mirror in [&old, &young] {
                    let most = random.random_range(1..20);
                    assert_eq!(listed(mirror, &listing, most), wanted, "seed {seed}, round {round}: {listing:?}");
                    assert_eq!(mirror.summary(&listing.filter, now).summary, summary, "{listing:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_tombstone_of_a_tenant_is_no_tenant() {
    let ledger = MemoryLedger::default();
    let acme = apply(&ledger, declaration("acme")).await;
    let dead = apply(&ledger, tenant_event(&acme, TenantEvent::Deleted)).await;
    assert!(dead.is_deleted());
    let (mirror, _guard) = follow(&ledger, 10).await;
    assert_eq!(tenants(&mirror), []);
    ledger.advance(Duration::from_secs(1));
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    let again = apply(&ledger, declaration("acme")).await;
    reach(&mirror, &ledger).await;
    assert_eq!(tenants(&mirror), [again]);
}

#[tokio::test]
async fn tokens_are_listed_by_whose_stores_they_are_for() {
    let ledger = MemoryLedger::default();
    let make = async |id: &str, tenant: &str| {
        let resource = samples::token(id, tenant);
        apply(&ledger, Write { resource, expected: Expected::Vacant, fence: None, operation: None }).await
    };
    let first = make("aaaaaaaaaa", "acme").await;
    let (mirror, _guard) = follow(&ledger, 10).await;
    let mut changes = mirror.token_changes();
    make("bbbbbbbbbb", "bolt").await;
    make("cccccccccc", "acme").await;
    reach(&mirror, &ledger).await;
    let acme = Scope::of_tenants([id("acme")]).expect("a scope");
    let ids = |scope: &Scope, after, most| {
        let tokens = mirror.tokens(scope, after, most);
        tokens.iter().map(|token| token.id.as_str()[..1].to_owned()).collect::<String>()
    };
    assert_eq!((ids(&Scope::All, None, 10), ids(&acme, None, 10)), ("abc".to_owned(), "ac".to_owned()));
    assert_eq!(
        (ids(&Scope::All, Some(&first.id), 1), ids(&acme, Some(&first.id), 1)),
        ("b".to_owned(), "c".to_owned())
    );
    changes.mark_unchanged();
    let revoked = apply(&ledger, update(&first.revoked(Timestamp::from_micros(1_700_000_001_000_000)))).await;
    tokio::time::timeout(DEADLINE, changes.changed()).await.expect("in time").expect("a change");
    let known = mirror.token(&first.id).expect("a tombstone");
    assert_eq!((known.revision, known.is_deleted()), (revoked.revision, true));
    assert_eq!(ids(&acme, None, 10), "ac");
}
