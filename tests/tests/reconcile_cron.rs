//! Shops are asked to do what they have scheduled: only those that are open, once an interval, never all together, and each by one
//! replica. Time is the tests' own: it passes as soon as nobody has anything to do.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use sendstores_core::{
    Event, State, Store, StoreId,
    ledger::{Expected, Ledger, LedgerError, Owner, Write},
};
use sendstores_server::{
    ledger::MemoryLedger,
    mirror::Mirror,
    reconcile::{CronDriver, CronPolicy, Members},
};
use sendstores_tests::{
    samples,
    scripted::{CronTurn, ScriptedProvisioner},
    wait::until,
};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

const MINUTE: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(5);

type Driver = CronDriver<ScriptedProvisioner>;

/// One replica, with shops of its own so that it shows who was asked by whom.
struct Replica {
    shops: ScriptedProvisioner,
    stop: CancellationToken,
    _guard: DropGuard,
}

fn replica(ledger: &MemoryLedger, name: &str, interval: Duration) -> Replica {
    let (shops, mirror, stop) = (ScriptedProvisioner::new(), Mirror::new(10_000), CancellationToken::new());
    tokio::spawn(mirror.clone().follow(ledger.clone(), stop.clone()));
    let (owner, members) = (Owner(name.to_owned()), Members::default());
    tokio::spawn({
        let (ledger, mirror, owner) = (ledger.clone(), mirror.clone(), owner.clone());
        let (members, stop) = (members.clone(), stop.clone());
        async move { members.follow(&ledger, &mirror, &owner, LEASE, &stop).await }
    });
    let driver = CronDriver { mirror, shops: shops.clone(), owner, members, policy: CronPolicy { interval } };
    tokio::spawn(driver.run(stop.clone()));
    Replica { shops, stop: stop.clone(), _guard: stop.drop_guard() }
}

async fn store_in(ledger: &MemoryLedger, id: &str, state: State) -> Store {
    let store = Store { state, ..samples::store(id) };
    let write = Write { resource: store, expected: Expected::Vacant, fence: None, operation: None };
    ledger.write(write).await.expect("written").into_resource()
}

async fn change(ledger: &MemoryLedger, store: &Store, event: Event) -> Store {
    let next = store.after(event, SystemTime::now().into()).expect("legal");
    let write = Write { resource: next, expected: Expected::Revision(store.revision), fence: None, operation: None };
    ledger.write(write).await.expect("written").into_resource()
}

// === impl Replica ===

impl Replica {
    fn calls(&self, id: &StoreId) -> usize {
        self.shops.cron_calls().iter().filter(|(called, _)| called == id).count()
    }

    /// Waits until the shop was asked `times` more.
    async fn asked(&self, id: &StoreId, times: usize) {
        let wanted = self.calls(id) + times;
        until("the shop to be asked", async || (self.calls(id) >= wanted).then_some(())).await;
    }
}

/// Lets this much of the tests' time pass.
async fn pass(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_open_shops_are_asked() {
    let ledger = MemoryLedger::default();
    let replica = replica(&ledger, "a", Duration::from_secs(1));
    let mut ids = HashMap::new();
    for state in State::ALL {
        let id = format!("store-{}", state.as_str().to_lowercase());
        ids.insert(state, store_in(&ledger, &id, state).await.id);
    }
    replica.asked(&ids[&State::Ready], 5).await;
    replica.asked(&ids[&State::Degraded], 5).await;
    replica.asked(&ids[&State::Updating], 5).await;
    for (state, id) in &ids {
        let open = matches!(state, State::Ready | State::Degraded | State::Updating);
        assert_eq!(replica.calls(id) > 0, open, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_opens_has_its_turn_and_one_that_is_deleted_is_left_alone_at_once() {
    let ledger = MemoryLedger::default();
    let replica = replica(&ledger, "a", Duration::from_secs(1));
    let other = store_in(&ledger, "store-other", State::Ready).await.id;
    let store = store_in(&ledger, "store-a", State::Provisioning).await;
    replica.asked(&other, 5).await;
    assert_eq!(replica.calls(&store.id), 0);
    let store = change(&ledger, &store, Event::Converged).await;
    replica.asked(&store.id, 3).await;

    replica.shops.script_cron(CronTurn::Hang);
    until("the shop to hang", async || replica.shops.at_cron().contains(&store.id).then_some(())).await;
    let store = change(&ledger, &store, Event::DeleteRequested).await;
    until("the call to be dropped", async || (!replica.shops.at_cron().contains(&store.id)).then_some(())).await;
    replica.shops.script_cron(CronTurn::Answer);
    let calls = replica.calls(&store.id);
    let third = store_in(&ledger, "store-third", State::Ready).await.id;
    replica.asked(&third, 5).await;
    assert_eq!(replica.calls(&store.id), calls);

    // The id is used again, by another store.
    let gone = change(&ledger, &store, Event::Removed).await;
    assert_eq!(gone.state, State::Deleted);
    store_in(&ledger, "store-a", State::Ready).await;
    replica.asked(&store.id, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_shops_have_their_turn_each_minute_and_never_all_together() {
    let ledger = MemoryLedger::default();
    for i in 0..1_000 {
        store_in(&ledger, &format!("store-{i}"), State::Ready).await;
    }
    let replica = replica(&ledger, "a", MINUTE);
    let begun = Instant::now();
    tokio::time::sleep_until(begun + 5 * MINUTE).await;
    let calls = replica.shops.cron_calls();
    let (mut by_store, mut by_second) = (HashMap::new(), HashMap::new());
    for (id, at) in &calls {
        by_store.entry(id).or_insert_with(Vec::new).push(*at);
        *by_second.entry(at.duration_since(begun).as_secs()).or_insert(0) += 1;
    }
    assert_eq!(by_store.len(), 1_000);
    for (id, times) in &by_store {
        // The first within a minute, then each 54 to 66 s, and what the clock rounds.
        assert!((4..=6).contains(&times.len()), "{id}: {}", times.len());
        let apart = times.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(apart.min() >= Some(Duration::from_secs(53)), "{id}: {times:?}");
    }
    // 17 on average; all at once would be 250.
    let most = by_second.values().max().copied().unwrap_or_default();
    assert!(most <= 60, "{most} in one second");
    assert!(replica.shops.most_cron_at_once() <= 5);
}

#[tokio::test(start_paused = true)]
async fn however_much_is_due_only_so_much_is_done_at_once_and_in_a_second() {
    let ledger = MemoryLedger::default();
    for i in 0..2_000 {
        store_in(&ledger, &format!("store-{i}"), State::Ready).await;
    }
    let replica = replica(&ledger, "a", Duration::from_millis(100));
    // Fast shops: the rate is what holds them back.
    let begun = until("the first call", async || replica.shops.cron_calls().first().map(|(_, at)| *at)).await;
    tokio::time::sleep_until(begun + Duration::from_secs(4)).await;
    let calls = replica.shops.cron_calls();
    let most = 1 + 4_000 / Driver::GAP.as_millis() as usize;
    assert!(calls.len() <= most && calls.len() > most / 2, "{} of {most}", calls.len());
    // Slow ones: as many as may be asked at once.
    replica.shops.script_cron(CronTurn::AnswerAfter(Duration::from_secs(10)));
    until("every place to be taken", async || (replica.shops.at_cron().len() == Driver::AT_ONCE).then_some(())).await;
    tokio::time::sleep_until(Instant::now() + Duration::from_secs(30)).await;
    assert_eq!(replica.shops.most_cron_at_once(), Driver::AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_fails_is_asked_ever_more_seldom_until_it_does_not() {
    let ledger = MemoryLedger::default();
    let replica = replica(&ledger, "a", MINUTE);
    let id = store_in(&ledger, "store-a", State::Ready).await.id;
    replica.shops.script_cron(CronTurn::Fail);
    tokio::time::sleep_until(Instant::now() + 60 * MINUTE).await;
    let failing = replica.calls(&id);
    assert!((8..=15).contains(&failing), "{failing} times in an hour");
    replica.shops.script_cron(CronTurn::Answer);
    tokio::time::sleep_until(Instant::now() + 30 * MINUTE).await;
    let calls = replica.calls(&id) - failing;
    assert!(calls >= 20, "{calls} times in the half hour behind that");
}

/// Which of the stores a replica asks while an interval passes, give or take.
fn share(replica: &Replica, stores: &[StoreId], begun: &[usize]) -> Vec<StoreId> {
    stores.iter().zip(begun).filter(|(id, before)| replica.calls(id) > **before).map(|(id, _)| id.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn replicas_share_the_shops_and_take_over_those_of_one_that_ends() {
    let (ledger, interval) = (MemoryLedger::default(), Duration::from_secs(1));
    let mut stores = Vec::new();
    for number in 0..40 {
        stores.push(store_in(&ledger, &format!("store-{number}"), State::Ready).await.id);
    }
    let replicas = [replica(&ledger, "a", interval), replica(&ledger, "b", interval)];
    // Both know of each other by then.
    pass(LEASE).await;
    let before = replicas.each_ref().map(|replica| stores.iter().map(|id| replica.calls(id)).collect::<Vec<_>>());
    pass(interval * 5).await;
    let [of_a, of_b] = [share(&replicas[0], &stores, &before[0]), share(&replicas[1], &stores, &before[1])];
    assert!(of_a.len() >= 10 && of_b.len() >= 10, "{} and {}", of_a.len(), of_b.len());
    assert!(!of_a.iter().any(|id| of_b.contains(id)), "{of_a:?} {of_b:?}");
    assert_eq!(of_a.len() + of_b.len(), stores.len());
    // A clean stop hands its share over.
    let [first, second] = replicas;
    first.stop.cancel();
    for id in &of_a {
        second.asked(id, 2).await;
    }
    // One that is gone without a word loses its share when its announcement has expired. The ledger's clock is the machine's.
    let third = replica(&ledger, "c", interval);
    drop(second);
    ledger.advance(LEASE * 2);
    for id in &stores {
        third.asked(id, 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_cannot_announce_itself_stops_asking() {
    let ledger = MemoryLedger::default();
    let replica = replica(&ledger, "a", Duration::from_secs(1));
    let id = store_in(&ledger, "store-a", State::Ready).await.id;
    replica.asked(&id, 2).await;
    replica.shops.script_cron(CronTurn::Hang);
    until("the shop to hang", async || (!replica.shops.at_cron().is_empty()).then_some(())).await;
    ledger.fail_with(Some(LedgerError::Unavailable("scripted".to_owned())));
    until("the call to be dropped", async || replica.shops.at_cron().is_empty().then_some(())).await;
    let calls = replica.calls(&id);
    pass(LEASE * 4).await;
    assert_eq!(replica.calls(&id), calls);
    replica.shops.script_cron(CronTurn::Answer);
    ledger.fail_with(None);
    replica.asked(&id, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_answer_is_a_failed_call_and_the_others_go_on() {
    let ledger = MemoryLedger::default();
    let replica = replica(&ledger, "a", Duration::from_secs(1));
    let stores = [store_in(&ledger, "store-a", State::Ready).await, store_in(&ledger, "store-b", State::Ready).await];
    replica.shops.script_cron(CronTurn::Panic);
    for store in &stores {
        replica.asked(&store.id, 2).await;
    }
    replica.shops.script_cron(CronTurn::Answer);
    for store in &stores {
        replica.asked(&store.id, 3).await;
    }
}
