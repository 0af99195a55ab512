//! How the mirror fills itself: with the history of the log, while others write and trim, and again when it fell behind.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::poll;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sendstores_core::{
    Event, Former, Labels, Revision, State, Store, StoreFilter, StoreId,
    ledger::{Ledger, LedgerError},
};
use sendstores_server::{
    ledger::MemoryLedger,
    mirror::{Compacted, Cursor, Mirror, Position, Snapshot, Status},
};
use sendstores_tests::{
    interposed::{Interposed, Read},
    ledger::{change, create, happen, last, tombstone},
    samples::{parsed, store_id},
    versions::fixture,
    wait::{DEADLINE, until},
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

const RING: usize = 50;
const STORES: u32 = 25;

/// Has the mirror follow until the guard is dropped; `ledger` decides what it sees.
fn start<L: Ledger>(mirror: Mirror, ledger: L) -> (JoinHandle<()>, DropGuard) {
    let stop = CancellationToken::new();
    (tokio::spawn(mirror.follow(ledger, stop.clone())), stop.drop_guard())
}

/// A mirror that is live.
async fn follow<L: Ledger>(ledger: L, ring: usize) -> (Mirror, DropGuard) {
    let mirror = Mirror::new(ring);
    let (_following, guard) = start(mirror.clone(), ledger);
    live(&mirror).await;
    (mirror, guard)
}

async fn live(mirror: &Mirror) {
    let mut status = mirror.status();
    let live = tokio::time::timeout(DEADLINE, status.wait_for(|status| *status == Status::Live)).await;
    live.expect("in time").expect("a status");
}

/// One change of any store to what is possible for it: creations, ends and new stores of the same id among them.
async fn change_something(ledger: &MemoryLedger, random: &mut StdRng) {
    let id = format!("store-{}", random.random_range(0..STORES));
    let state = ledger.load(&store_id(&id)).await.expect("an answer").map(|store| store.state);
    let events: &[Event] = match state {
        None | Some(State::Deleted) => return drop(create(ledger, &id, "acme").await),
        Some(State::Provisioning) => &[Event::Converged, Event::DeleteRequested],
        Some(State::Ready) => &[Event::ProbeFailed, Event::DeleteRequested],
        Some(State::Degraded) => &[Event::Converged, Event::DeleteRequested],
        Some(_) => &[Event::Removed],
    };
    match random.random_range(0..4) {
        0 => {
            let team = ["a", "b"][random.random_range(0..2)].to_owned();
            let labels = Labels::parse([("team".to_owned(), team)]).expect("valid");
            change(ledger, &id, |store| Store { labels: labels.clone(), ..store.clone() }).await;
        }
        _ => drop(happen(ledger, &id, events[random.random_range(0..events.len())]).await),
    }
}

async fn change_much(ledger: &MemoryLedger, random: &mut StdRng, count: usize) {
    for _ in 0..count {
        change_something(ledger, random).await;
    }
}

fn resume(mirror: &Mirror, after: Revision) -> Cursor {
    mirror.resume(Position { revision: after, ..mirror.position() })
}

/// What a cursor tells up to `end`: revision, store, what it was before and its state after.
async fn received(
    mut cursor: Cursor,
    end: Revision,
) -> Result<Vec<(Revision, StoreId, Option<Former>, State)>, Compacted> {
    let mut all = Vec::new();
    while cursor.at().revision < end {
        let changes = tokio::time::timeout(DEADLINE, cursor.next(7)).await.expect("in time")?;
        all.extend(
            changes
                .iter()
                .map(|change| (change.revision, change.store.id.clone(), change.before.clone(), change.store.state)),
        );
    }
    Ok(all)
}

/// Two mirrors that are at `end` hold and tell the same, as far as the younger one reaches back.
async fn same(old: &Mirror, young: &Mirror, end: Revision) {
    for mirror in [old, young] {
        tokio::time::timeout(DEADLINE, mirror.reach(end)).await.expect("in time");
    }
    let stores = |mirror: &Mirror| mirror.snapshot(&StoreFilter::default()).0;
    assert_eq!(stores(old), stores(young));
    let floor = young.oldest();
    assert_eq!(received(resume(old, floor), end).await, received(resume(young, floor), end).await, "behind {floor}");
}

#[tokio::test]
async fn a_mirror_that_starts_late_tells_what_one_tells_that_was_there() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let ledger = MemoryLedger::default();
        let (old, _old) = follow(ledger.clone(), 1_000).await;
        change_much(&ledger, &mut random, 200).await;
        let (young, _young) = follow(ledger.reopen(), RING).await;
        let end = last(&ledger).await;
        assert_eq!(young.oldest(), end.back(RING), "seed {seed}");
        same(&old, &young, end).await;
        change_much(&ledger, &mut random, 100).await;
        same(&old, &young, last(&ledger).await).await;
        assert_eq!(young.oldest(), last(&ledger).await.back(RING), "the ring stays bounded; seed {seed}");
    }
}

#[tokio::test]
async fn a_mirror_that_starts_while_others_write_has_no_gap() {
    for seed in 0..40 {
        let random = Arc::new(tokio::sync::Mutex::new(StdRng::seed_from_u64(seed)));
        let ledger = MemoryLedger::default();
        let (old, _old) = follow(ledger.clone(), 100_000).await;
        change_much(&ledger, &mut *random.lock().await, 80).await;
        // Others write in the middle of the scan and before each of the first pages of the log.
        let young = Mirror::new(RING);
        let (writer, status, mut pages) = (ledger.clone(), young.status(), 0);
        let interposed = Interposed::new(ledger.reopen(), move |read| {
            pages += usize::from(read != Read::Scan);
            let count = if read == Read::Scan { 40 } else { 10 * usize::from(pages < 5) };
            if matches!(read, Read::Log(after) if after < Revision(120)) {
                assert_eq!(*status.borrow(), Status::Loading, "before it has passed all that the scan saw");
            }
            let (writer, random) = (writer.clone(), random.clone());
            async move { change_much(&writer, &mut *random.lock().await, count).await }
        });
        let (following, _young) = start(young.clone(), interposed.in_pages_of(16));
        live(&young).await;
        same(&old, &young, last(&ledger).await).await;
        assert!(!following.is_finished(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_tombstone_that_was_swept_does_not_come_back_with_the_history() {
    let ledger = MemoryLedger::default();
    tombstone(&ledger, "store-a").await;
    assert_eq!(ledger.sweep(Duration::ZERO, 10).await, Ok(1));
    create(&ledger, "store-b", "acme").await;
    let (mirror, _guard) = follow(ledger.reopen(), RING).await;
    assert_eq!(mirror.get(&parsed("store-a")), None);
    let changes = received(resume(&mirror, Revision::ZERO), Revision(4)).await.expect("the history");
    assert_eq!(
        changes.iter().map(|(_, _, before, _)| before.as_ref().map(|former| former.state)).collect::<Vec<_>>(),
        [None, Some(State::Provisioning), Some(State::Deleting), None]
    );
}

#[tokio::test]
async fn a_log_that_is_trimmed_while_it_is_read_costs_history_and_nothing_else() {
    for seed in 0..10 {
        let random = Arc::new(tokio::sync::Mutex::new(StdRng::seed_from_u64(seed)));
        let ledger = MemoryLedger::new(20);
        let (old, _old) = follow(ledger.clone(), 100_000).await;
        change_much(&ledger, &mut *random.lock().await, 100).await;
        old.reach(last(&ledger).await).await;
        // Writes enough to trim away the place to be read next; the second time also what the scan did not cover.
        let (writer, watched) = (ledger.clone(), old.clone());
        let mut bursts = VecDeque::from([15, 25]);
        let interposed = Interposed::new(ledger.reopen(), move |read| {
            let burst = if matches!(read, Read::Log(_)) { bursts.pop_front().unwrap_or(0) } else { 0 };
            let (writer, random, watched) = (writer.clone(), random.clone(), watched.clone());
            async move {
                for _ in 0..burst {
                    change_something(&writer, &mut *random.lock().await).await;
                    watched.reach(last(&writer).await).await;
                }
            }
        });
        let (young, _young) = follow(interposed, RING).await;
        let end = last(&ledger).await;
        assert!(young.oldest() >= end.back(20) && young.oldest() < end, "{} of {end}", young.oldest());
        same(&old, &young, end).await;
    }
}

#[tokio::test]
async fn a_mirror_that_fell_behind_reads_everything_again_and_open_watchers_are_told() {
    let mut random = StdRng::seed_from_u64(1);
    let ledger = MemoryLedger::new(20);
    change_much(&ledger, &mut random, 30).await;
    // The mirror reads the log only when it is let.
    let gate = Arc::new(Semaphore::new(1_000_000));
    let held = gate.clone();
    let interposed = Interposed::new(ledger.reopen(), move |read| {
        let held = held.clone();
        async move {
            if matches!(read, Read::Log(_)) {
                drop(held.acquire().await.expect("open"));
            }
        }
    });
    let (mirror, _guard) = follow(interposed, RING).await;
    let mut at_the_end = mirror.snapshot(&StoreFilter::default()).1;
    let all = gate.acquire_many(1_000_000).await.expect("open");
    let before = last(&ledger).await;
    change_much(&ledger, &mut random, 100).await;
    drop(all);
    let end = last(&ledger).await;
    tokio::time::timeout(DEADLINE, mirror.reach(end)).await.expect("in time");
    live(&mirror).await;
    // It may have read one page on its way; what it got is in order, and then it learns that the rest is lost.
    let outcome = tokio::time::timeout(DEADLINE, async {
        let mut seen = at_the_end.at().revision;
        loop {
            match at_the_end.next(7).await {
                Ok(changes) => {
                    for change in changes {
                        assert_eq!(change.revision, seen.next(), "nothing is left out in silence");
                        seen = change.revision;
                    }
                }
                Err(Compacted) => return seen,
            }
        }
    });
    let seen = outcome.await.expect("it ends");
    assert!(seen >= before && seen < end.back(20), "{seen} of {end}");
    assert_eq!(mirror.oldest(), end.back(20));
    assert_eq!(resume(&mirror, before).next(7).await.err(), Some(Compacted));
    assert_eq!(received(resume(&mirror, end.back(20)), end).await.map(|changes| changes.len()), Ok(20));
    let (fresh, _fresh) = follow(ledger.reopen(), RING).await;
    same(&fresh, &mirror, end).await;
}

#[tokio::test]
async fn who_reads_while_everything_is_read_again_waits_for_it_and_is_not_refused() {
    let ledger = MemoryLedger::new(20);
    create(&ledger, "store-before", "acme").await;
    // The first scan passes; the log, and any later scan, only when they are let.
    let (log, scans) = (Arc::new(Semaphore::new(1_000_000)), Arc::new(Semaphore::new(1)));
    let (log_held, scans_held) = (log.clone(), scans.clone());
    let interposed = Interposed::new(ledger.reopen(), move |read| {
        let (log, scans) = (log_held.clone(), scans_held.clone());
        async move {
            match read {
                Read::Scan => scans.acquire().await.expect("open").forget(),
                Read::Log(_) => drop(log.acquire().await.expect("open")),
                Read::Load => {}
            }
        }
    });
    let (mirror, _guard) = follow(interposed, RING).await;
    let all = log.acquire_many(1_000_000).await.expect("open");
    change_much(&ledger, &mut StdRng::seed_from_u64(2), 100).await;
    drop(all);
    let mut status = mirror.status();
    let again = tokio::time::timeout(DEADLINE, status.wait_for(|status| *status == Status::Loading)).await;
    drop(again.expect("in time").expect("a status"));

    let mut read = pin!(mirror.catch_up(&ledger));
    assert!(poll!(&mut read).is_pending(), "what is there may be old");
    scans.add_permits(1);
    tokio::time::timeout(DEADLINE, read).await.expect("in time").expect("not refused");
    assert!(mirror.revision() >= last(&ledger).await);
    assert_eq!(*mirror.status().borrow(), Status::Live);
}

#[tokio::test]
async fn a_linearizable_read_waits_until_the_mirror_has_what_the_ledger_had() {
    let ledger = MemoryLedger::default();
    create(&ledger, "store-before", "acme").await;
    // The log is read only when it is let.
    let (log, waits) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicBool::new(false)));
    let (held, at_the_gate) = (log.clone(), waits.clone());
    let interposed = Interposed::new(ledger.reopen(), move |read| {
        let (held, at_the_gate) = (held.clone(), at_the_gate.clone());
        async move {
            if matches!(read, Read::Log(_)) {
                at_the_gate.store(true, Ordering::SeqCst);
                drop(held.acquire().await.expect("open"));
                at_the_gate.store(false, Ordering::SeqCst);
            }
        }
    });
    let (mirror, _guard) = follow(interposed, RING).await;
    let closed = log.acquire().await.expect("open");
    // A page that is being read already brings this change, and no later one.
    create(&ledger, "store-first", "acme").await;
    until("the mirror to be held", async || waits.load(Ordering::SeqCst).then_some(())).await;
    let second = create(&ledger, "store-second", "acme").await;

    let mut read = pin!(mirror.catch_up(&ledger));
    assert!(poll!(&mut read).is_pending(), "the mirror is behind what was acknowledged");
    assert_eq!(mirror.get(&second.id), None);
    drop(closed);
    tokio::time::timeout(DEADLINE, read).await.expect("in time").expect("an answer");
    assert_eq!(mirror.get(&second.id).map(|store| store.revision), Some(second.revision));
}

#[tokio::test]
async fn a_linearizable_read_waits_until_another_history_is_read_however_short_it_is() {
    let ledger = MemoryLedger::default();
    let kept = create(&ledger, "store-kept", "acme").await;
    change_much(&ledger, &mut StdRng::seed_from_u64(3), 20).await;
    // The first scan passes, the second when it is let.
    let scans = Arc::new(Semaphore::new(1));
    let held = scans.clone();
    let follower = ledger.reopen();
    let interposed = Interposed::new(follower.clone(), move |read| {
        let held = held.clone();
        async move {
            if read == Read::Scan {
                held.acquire().await.expect("open").forget();
            }
        }
    });
    let (mirror, _guard) = follow(interposed, RING).await;
    ledger.forget();
    tokio::time::timeout(DEADLINE, mirror.doubted()).await.expect("in time");
    ledger.reopen().adopt(vec![kept.clone().into()]).await.expect("adopted");
    let mut doubt = mirror.doubt();
    let believed = tokio::time::timeout(DEADLINE, doubt.wait_for(Option::is_none)).await;
    drop(believed.expect("in time").expect("a doubt"));

    // The revision of the old history is higher than any of the new one.
    let mut read = pin!(mirror.catch_up(&follower));
    assert!(poll!(&mut read).is_pending(), "what is in memory is of another history");
    scans.add_permits(1);
    tokio::time::timeout(DEADLINE, read).await.expect("in time").expect("an answer");
    assert_eq!(mirror.position(), Position { epoch: follower.epoch(), revision: Revision(1) });
    assert_eq!(mirror.snapshot(&StoreFilter::default()).0.len(), 1);
}

#[tokio::test]
async fn another_history_is_not_believed_also_while_it_is_read() {
    let ledger = MemoryLedger::default();
    let store = create(&ledger, "store-a", "acme").await;
    let lost = ledger.clone();
    let interposed = Interposed::new(ledger.clone(), move |read| {
        let lost = lost.clone();
        async move {
            if matches!(read, Read::Log(_)) && lost.doubt().await == Ok(None) {
                lost.forget();
            }
        }
    });
    let (mirror, stop) = (Mirror::new(RING), CancellationToken::new());
    let following = tokio::spawn(mirror.clone().follow(interposed, stop.clone()));
    tokio::time::timeout(DEADLINE, mirror.doubted()).await.expect("in time");
    let doubt = mirror.doubt().borrow().clone().expect("a doubt");
    assert!(doubt.why.contains("it is empty") && !doubt.complete, "{doubt:?}");
    assert_ne!(*mirror.status().borrow(), Status::Live);
    // Whoever starts now is told, and may begin anew.
    let other = ledger.reopen();
    assert!(other.doubt().await.expect("answered").is_some());
    assert!(!following.is_finished());
    stop.cancel();
    following.await.expect("no panic");
    drop(store);
}

#[tokio::test]
async fn watchers_of_a_history_that_ended_are_told_when_another_was_adopted() {
    let ledger = MemoryLedger::default();
    let store = create(&ledger, "store-a", "acme").await;
    let (mirror, _guard) = follow(ledger.reopen(), RING).await;
    let (_, mut cursor) = mirror.snapshot(&StoreFilter::default());
    ledger.forget();
    tokio::time::timeout(DEADLINE, mirror.doubted()).await.expect("in time");
    assert!(mirror.doubt().borrow().clone().is_some_and(|doubt| doubt.complete));
    assert!(mirror.get(&store.id).is_some(), "the memory stays");
    ledger.reopen().adopt(vec![store.clone().into()]).await.expect("adopted");
    tokio::time::timeout(DEADLINE, mirror.dependable()).await.expect("in time");
    let told = tokio::time::timeout(DEADLINE, cursor.next(7)).await.expect("in time");
    assert_eq!(told.err(), Some(Compacted));
    assert_eq!(mirror.position().epoch, ledger.reopen().epoch());
    assert_eq!(mirror.get(&store.id).map(|store| store.revision), Some(Revision(1)));
}

#[tokio::test]
async fn watchers_that_begin_at_one_revision_share_one_snapshot() {
    let ledger = MemoryLedger::default();
    for id in ["store-a", "store-b", "store-c"] {
        create(&ledger, id, if id == "store-b" { "other" } else { "acme" }).await;
    }
    tombstone(&ledger, "store-d").await;
    let (mirror, _guard) = follow(ledger.reopen(), RING).await;
    let of_acme = StoreFilter { tenant: Some(parsed("acme")), ..StoreFilter::default() };
    let deleted = StoreFilter { states: [State::Deleted].into(), ..StoreFilter::default() };
    let named = StoreFilter { ids: [parsed("store-c"), parsed("store-x")].into(), ..StoreFilter::default() };
    let begin = |filter: &StoreFilter| mirror.shared_snapshot(filter.clone()).0;
    let ids = |filter: &StoreFilter| begin(filter).map(|store| store.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&StoreFilter::default()), ["store-a", "store-b", "store-c"]);
    assert_eq!((ids(&of_acme), ids(&deleted)), (vec!["store-a".into(), "store-c".into()], vec!["store-d".into()]));
    assert_eq!(ids(&named), ["store-c"]);

    let store = mirror.get(&parsed("store-a")).expect("a store");
    let alone = Arc::strong_count(&store);
    let begun: Vec<_> = (0..100).flat_map(|_| [begin(&StoreFilter::default()), begin(&of_acme)]).collect();
    assert_eq!(Arc::strong_count(&store), alone + 1, "two hundred snapshots hold one list");

    // A snapshot stays as it was; the next one is of the new revision.
    mirror.reach(happen(&ledger, "store-a", Event::DeleteRequested).await.revision).await;
    let states = |stores: Snapshot| stores.map(|store| store.state).collect::<Vec<_>>();
    assert_eq!(states(begin(&of_acme))[0], State::Deleting);
    for old in begun {
        assert_eq!(states(old)[0], State::Provisioning);
    }
    assert_eq!(Arc::strong_count(&store), alone - 1, "nothing is kept once it was read, the index has another");
}

#[tokio::test(start_paused = true)]
async fn changes_arrive_while_old_tombstones_are_forgotten() {
    let ledger = MemoryLedger::default();
    let store = tombstone(&ledger, "store-a").await;
    // A ledger that answers no question about one record.
    let interposed = Interposed::new(ledger.reopen(), |read| async move {
        if read == Read::Load {
            std::future::pending::<()>().await;
        }
    });
    let (mirror, _guard) = follow(interposed, RING).await;
    assert!(mirror.get(&store.id).is_some());
    // The time of the test is no one's but its own: it goes on when all wait.
    tokio::time::sleep(Duration::from_secs(700)).await;
    let created = create(&ledger, "store-b", "acme").await;
    tokio::time::timeout(DEADLINE, mirror.reach(created.revision)).await.expect("in time");
    assert_eq!(mirror.get(&store.id), None, "its time was over years ago");
    assert!(mirror.get(&created.id).is_some());
}

#[tokio::test]
async fn a_log_that_cannot_be_understood_for_a_while_ends_nothing() {
    let ledger = MemoryLedger::default();
    create(&ledger, "store-a", "acme").await;
    let mirror = Mirror::new(RING);
    let (following, _guard) = start(mirror.clone(), ledger.reopen());
    live(&mirror).await;
    let fault = LedgerError::Corrupt("a reply is not as expected".to_owned());
    ledger.fail_with(Some(fault));
    let mut status = mirror.status();
    let stale = tokio::time::timeout(DEADLINE, status.wait_for(|status| matches!(status, Status::Stale(_)))).await;
    drop(stale.expect("in time").expect("a status"));
    assert!(mirror.get(&parsed("store-a")).is_some(), "the memory stays");
    ledger.fail_with(None);
    create(&ledger, "store-b", "acme").await;
    tokio::time::timeout(DEADLINE, mirror.reach(last(&ledger).await)).await.expect("in time");
    live(&mirror).await;
    assert!(mirror.get(&parsed("store-b")).is_some() && !following.is_finished());
}

#[tokio::test]
async fn a_store_that_is_set_aside_leaves_memory_and_comes_back() {
    let ledger = MemoryLedger::default();
    let (damaged, other) = (create(&ledger, "store-a", "acme").await, create(&ledger, "store-b", "acme").await);
    let good = fixture("v1/ready").to_string().replace("store-golden", "store-a");
    let (mirror, _guard) = follow(ledger.reopen(), RING).await;
    let (_, mut cursor) = mirror.snapshot(&StoreFilter::default());
    ledger.put(&damaged.id, "{");
    happen(&ledger, "store-b", Event::Converged).await;
    let (late, _late) = follow(ledger.reopen(), RING).await;
    for mirror in [&mirror, &late] {
        tokio::time::timeout(DEADLINE, mirror.reach(Revision(4))).await.expect("in time");
        assert_eq!(mirror.get(&damaged.id), None);
        assert_eq!(mirror.unreadable(&damaged.id).map(|unreadable| unreadable.revision), Some(Revision(3)));
        assert_eq!(mirror.snapshot(&StoreFilter::default()).0.len(), 1);
    }
    let changes = cursor.next(7).await.expect("no gap that matters");
    assert_eq!(changes.iter().map(|change| &change.store.id).collect::<Vec<_>>(), [&other.id]);
    ledger.put(&damaged.id, &good);
    for mirror in [&mirror, &late] {
        tokio::time::timeout(DEADLINE, mirror.reach(Revision(5))).await.expect("in time");
        assert_eq!(mirror.get(&damaged.id).map(|store| store.state), Some(State::Ready));
        assert_eq!(mirror.unreadable(&damaged.id), None);
    }
    let changes = cursor.next(7).await.expect("no gap that matters");
    assert_eq!(changes.iter().map(|change| change.revision).collect::<Vec<_>>(), [Revision(5)]);
}
